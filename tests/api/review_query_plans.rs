//! Neither a page of the review queue nor its summary reads the whole history of reviews.

use chrono::{DateTime, TimeDelta, Utc};
use entity::review_item;
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::review::ReviewState::{self, Claimed, Decided, Open};
use gigway::domain::review_kind::ReviewKind;
use gigway::store::pagination::{Direction, PageKey, PageRequest};
use gigway::store::reviews::summary;
use gigway::store::reviews::{CURSOR_FORMAT, QueueQuery, page_statement};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, Statement};
use serde_json::Value;
use uuid::Uuid;

use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// The reviews in the table; one of 50 is not decided.
const ITEMS: i64 = 20_000;

/// The plan of a statement: on PostgreSQL as JSON, on SQLite its lines.
async fn plan(db: &impl ConnectionTrait, statement: &Statement) -> String {
    let is_postgres = statement.db_backend == DbBackend::Postgres;
    let explain = if is_postgres {
        Statement::from_string(statement.db_backend, format!("EXPLAIN (FORMAT JSON) {statement}"))
    } else {
        Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() }
    };
    let rows = db.query_all_raw(explain).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    let lines = rows.iter().map(|row| {
        if is_postgres {
            row.try_get_by_index::<Value>(0).expect("a plan").to_string()
        } else {
            row.try_get_by_index::<String>(3).expect("a line")
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The statement reads one of these indexes, and not the table as a whole.
async fn expect_index(db: &impl ConnectionTrait, statement: &Statement, indexes: &[&str]) {
    let plan = plan(db, statement).await;
    let is_scan = plan.contains("Seq Scan") || plan.lines().any(|line| line == "SCAN review_item");
    assert!(!is_scan, "{statement}: {plan}");
    assert!(indexes.iter().any(|index| plan.contains(index)), "{statement}: {plan}");
}

async fn fill(app: &TestApp, reviewer: UserId, now: DateTime<Utc>) {
    let item = |number: i64| {
        let submitted_at = now - TimeDelta::minutes(ITEMS - number);
        let is_decided = number % 50 != 0;
        let is_claimed = number % 500 == 0;
        review_item::Model {
            id: app.services().new_id(),
            kind: if number % 10 == 0 { "VERIFICATION" } else { "GIG" }.to_owned(),
            subject_id: app.services().new_id(),
            submitted_at,
            due_at: submitted_at + TimeDelta::days(7),
            claimed_by: is_claimed.then(|| reviewer.uuid()),
            claim_expires_at: is_claimed.then(|| now + TimeDelta::minutes(10)),
            decided_at: is_decided.then(|| submitted_at + TimeDelta::minutes(number % 90)),
        }
    };
    let transaction = app.services().db.begin().await.expect("a transaction");
    for chunk in (0..ITEMS).collect::<Vec<_>>().chunks(1000) {
        let rows = chunk.iter().map(|number| item(*number).into_active_model());
        let rows: Vec<review_item::ActiveModel> = rows.collect();
        review_item::Entity::insert_many(rows).exec_without_returning(&transaction).await.expect("items");
    }
    transaction.commit().await.expect("a commit");
}

/// The states, the reviewer of the argument `mine`, and the indexes of which one is used.
type Case<'a> = (Option<Vec<ReviewState>>, Option<UserId>, &'a [&'a str]);

/// The statements of pages in all states, and of the summary, use the indexes.
async fn expect_indexes(db: &impl ConnectionTrait, reviewer: UserId, now: DateTime<Utc>) {
    let backend = db.get_database_backend();
    // These have only undecided items.
    let undecided =
        ["review_item_open", "review_item_undecided", "review_item_claimed", "review_item_one_open"];
    let all = ["review_item_due", "review_item_decided", "review_item_open", "review_item_undecided"];
    let cases: [Case<'_>; 7] = [
        (None, None, &all),
        (Some(vec![Open, Claimed]), None, &undecided),
        (Some(vec![Open]), None, &undecided),
        (Some(vec![Claimed]), None, &undecided),
        (Some(vec![Decided]), None, &all),
        (Some(vec![Decided, Open]), None, &all),
        (None, Some(reviewer), &undecided),
    ];
    for (states, claimed_by, indexes) in cases {
        for kind in [None, Some(ReviewKind::Gig), Some(ReviewKind::Verification)] {
            for is_continued in [false, true] {
                let values = vec![now.timestamp_micros()];
                let key = PageKey { order: CURSOR_FORMAT.0, values, id: Uuid::max() };
                let after = is_continued.then_some(key);
                let request = PageRequest { size: 20, direction: Direction::Forward, after, before: None };
                let query = QueueQuery { kind, states: states.clone(), claimed_by, now };
                expect_index(db, &page_statement(backend, &query, &request), indexes).await;
            }
        }
    }
    expect_index(db, &summary::counts_statement(backend, now), &undecided).await;
    let recent = summary::recent_decisions_statement(backend, now - TimeDelta::days(30));
    expect_index(db, &recent, &["review_item_decided"]).await;
}

async fn no_read_of_the_review_queue_scans_the_whole_table(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let (reviewer, now) = (UserId::parse(&rita.id).expect("an id"), app.now());
    fill(&app, reviewer, now).await;
    let db = app.services().db.read();
    if db.get_database_backend() == DbBackend::Postgres {
        // Autovacuum does this sooner or later.
        db.execute_unprepared("VACUUM ANALYZE").await.expect("analyzed");
        return expect_indexes(db, reviewer, now).await;
    }
    // A database without statistics, and one with them.
    expect_indexes(db, reviewer, now).await;
    db.execute_unprepared("ANALYZE").await.expect("analyzed");
    expect_indexes(db, reviewer, now).await;
}

on_both_back_ends!(no_read_of_the_review_queue_scans_the_whole_table);
