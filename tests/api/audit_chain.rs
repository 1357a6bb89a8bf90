//! The chain of the audit trail: whatever somebody with access to the database changes in it is found.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use gigway::config::Settings;
use gigway::domain::audit::AuditHead;
use gigway::service::audit::removal;
use gigway::service::audit::verify::{Problem, Report, verify};
use gigway::service::user_admin;
use gigway::store::audit::chain;
use gigway::store::audit::{TrailQuery, find_all};
use gigway::store::{Executor, Transaction};
use sea_orm::DbBackend;
use serde_json::json;

use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::verification::submit_verification;

/// Changes the points of a user `count` times, each with an entry.
async fn append(app: &TestApp, email: &str, count: i64) {
    for points in 0..count {
        user_admin::set_points(app.services(), email, points).await.expect("points");
    }
}

async fn check(app: &TestApp, db: &impl Executor, expected: Option<&AuditHead>) -> Report {
    verify(db, &app.services().vault, expected).await.expect("a report")
}

async fn head(app: &TestApp) -> AuditHead {
    chain::find_head(app.services().db.read()).await.expect("a read").expect("a head").head
}

/// Removes what protects the tables, as somebody who owns them can.
async fn remove_protection(tx: &Transaction) {
    let statements: &[&str] = match tx.get_database_backend() {
        DbBackend::Postgres => &[
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
            "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_is_chained",
            "ALTER TABLE audit_head DISABLE TRIGGER ALL",
            "ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL",
        ],
        _ => &[
            "DROP TRIGGER audit_entry_is_chained",
            "DROP TRIGGER audit_entry_not_replaced",
            "DROP TRIGGER audit_entry_not_updated",
            "DROP TRIGGER audit_entry_not_deleted",
            "DROP TRIGGER audit_head_not_deleted",
            "DROP TRIGGER audit_checkpoint_not_replaced",
            "DROP TRIGGER audit_checkpoint_not_updated",
            "DROP TRIGGER audit_checkpoint_not_deleted",
        ],
    };
    for statement in statements {
        tx.execute_unprepared(statement).await.expect(statement);
    }
}

async fn entries_of_concurrent_acts_are_one_chain(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let rita = app.reviewer("Rita").await;
    let mut ids = Vec::new();
    for (shade, user) in [(1, &ann), (2, &bob)] {
        ids.push(submit_verification(user, &format!("AB12345{shade}"), shade).await.0);
    }
    append(&app, &ann.email, 3).await;
    let before = head(&app).await.count;
    let acts = (0..24).map(|number| {
        let gateway = if number % 2 == 0 { app.gateway_a() } else { app.gateway_b() };
        let (client, services) = (rita.at(&gateway), [app.services(), app.services_b()][number % 2]);
        let (id, email) = (ids[number / 2 % 2].clone(), [&ann.email, &bob.email][number % 2]);
        async move {
            if number % 3 == 0 {
                user_admin::set_points(services, email, 7).await.expect("points");
            } else {
                // Leaves an entry whether it is refused or not.
                let input =
                    json!({ "input": { "verificationId": id, "decision": "CLEAR", "expectedVersion": 0 } });
                let mutation = "mutation($input: DecideVerificationInput!) {
                    decideVerification(input: $input) { errors { code } } }";
                client.execute(mutation, input).await;
            }
        }
    });
    join_all(acts).await;
    let db = app.services().db.read();
    let report = check(&app, db, Some(&head(&app).await)).await;
    assert_eq!(report.problems, []);
    assert_eq!((report.checked, head(&app).await.count), (before + 24, before + 24));
    let numbers: Vec<_> = find_all(db, TrailQuery::default())
        .await
        .expect("entries")
        .iter()
        .map(|entry| entry.number)
        .collect();
    assert_eq!(numbers, (1..=before + 24).collect::<Vec<_>>());
}

async fn every_change_of_the_trail_is_found(app: TestApp) {
    let ann = app.member("Ann").await;
    append(&app, &ann.email, 8).await;
    let exported = head(&app).await;
    append(&app, &ann.email, 4).await;
    let swap =
        "UPDATE audit_entry SET number = CASE number WHEN 3 THEN 1003 ELSE 1004 END WHERE number IN (3, 4);
        UPDATE audit_entry SET number = CASE number WHEN 1003 THEN 4 ELSE 3 END WHERE number > 1000";
    let copy = "INSERT INTO audit_entry (number, at, source, action, detail, request_id, mac)
        SELECT number + 1, at, source, action, detail, request_id, mac FROM audit_entry WHERE number = 12";
    let cut = "DELETE FROM audit_entry WHERE number > 6";
    let cases: [(&str, &str, &[Problem]); 14] = [
        ("a detail", "UPDATE audit_entry SET detail = 'x' WHERE number = 3", &[Problem::Changed(3)]),
        ("an actor", "UPDATE audit_entry SET actor_id = subject_id WHERE number = 5", &[Problem::Changed(5)]),
        ("a subject", "UPDATE audit_entry SET subject_id = NULL WHERE number = 1", &[Problem::Changed(1)]),
        ("a source", "UPDATE audit_entry SET source = 'API' WHERE number = 12", &[Problem::Changed(12)]),
        ("no hash", "UPDATE audit_entry SET mac = NULL WHERE number = 2", &[Problem::NotChained(2), Problem::Changed(3)]),
        ("a gap", "DELETE FROM audit_entry WHERE number = 7", &[Problem::Missing(6, 8), Problem::WrongCount { found: 11, head: 12 }]),
        ("the first", "DELETE FROM audit_entry WHERE number = 1", &[Problem::Missing(0, 2), Problem::WrongCount { found: 11, head: 12 }]),
        ("a swap", swap, &[Problem::Changed(3), Problem::Changed(4), Problem::Changed(5)]),
        ("an insertion", copy, &[Problem::Changed(13), Problem::BeyondHead { last: 13, head: 12 }, Problem::WrongCount { found: 13, head: 12 }]),
        ("a cut", cut, &[]),
        ("all", "DELETE FROM audit_entry", &[]),
        ("the head", "UPDATE audit_head SET count = 11", &[Problem::HeadAltered, Problem::WrongCount { found: 12, head: 11 }]),
        ("no head", "DELETE FROM audit_head", &[Problem::NoHead]),
        (
            "a cut with its head",
            "DELETE FROM audit_entry WHERE number > 6;
             UPDATE audit_head SET number = 6, count = 6, mac = (SELECT mac FROM audit_entry WHERE number = 6)",
            &[Problem::HeadAltered, Problem::NotTheExported(exported.clone())],
        ),
    ];
    for (what, statements, expected) in cases {
        let tx = app.services().db.begin().await.expect("a transaction");
        remove_protection(&tx).await;
        tx.execute_unprepared(statements).await.expect(what);
        let mut problems = check(&app, &tx, Some(&exported)).await.problems;
        if expected.is_empty() {
            assert!(
                problems.iter().any(|problem| matches!(problem, Problem::CutOff { .. })),
                "{what}: {problems:?}"
            );
        } else {
            let is_cut = matches!(expected.last(), Some(Problem::NotTheExported(_)));
            problems.retain(|problem| is_cut || !matches!(problem, Problem::NotTheExported(_)));
            assert_eq!(problems, expected, "{what}");
        }
        tx.rollback().await.expect("rolled back");
    }
    assert_eq!(check(&app, app.services().db.read(), Some(&exported)).await.problems, []);
}

/// Somebody who has copied the rows when the trail was shorter can put all of them back. Only a head that was exported
/// meanwhile shows it.
async fn an_older_trail_that_is_put_back_is_found_by_an_exported_head(app: TestApp) {
    let ann = app.member("Ann").await;
    append(&app, &ann.email, 3).await;
    let old = chain::find_head(app.services().db.read()).await.expect("a read").expect("a head");
    append(&app, &ann.email, 3).await;
    let exported = head(&app).await;
    let tx = app.services().db.begin().await.expect("a transaction");
    remove_protection(&tx).await;
    tx.execute_unprepared("DELETE FROM audit_entry WHERE number > 3").await.expect("deleted");
    chain::set_head(&tx, &old).await.expect("put back");
    assert_eq!(check(&app, &tx, None).await.problems, []);
    assert_eq!(check(&app, &tx, Some(&exported)).await.problems, [Problem::NotTheExported(exported)]);
    tx.rollback().await.expect("rolled back");
}

/// The chain goes on, so that nobody can stop all reviews, but the change can never be hidden again.
async fn an_altered_head_is_recorded_in_the_trail_itself(app: TestApp) {
    let ann = app.member("Ann").await;
    append(&app, &ann.email, 5).await;
    let tx = app.services().db.begin().await.expect("a transaction");
    remove_protection(&tx).await;
    let cut = "DELETE FROM audit_entry WHERE number > 3;
        UPDATE audit_head SET number = 3, count = 3, mac = (SELECT mac FROM audit_entry WHERE number = 3)";
    tx.execute_unprepared(cut).await.expect("cut");
    tx.commit().await.expect("committed");
    append(&app, &ann.email, 2).await;
    let report = check(&app, app.services().db.read(), None).await;
    assert!(
        matches!(&report.problems[..], [Problem::HeadWasAltered { number: 4, detail }] if detail.contains("3:3:")),
        "{:?}",
        report.problems
    );
}

async fn the_database_refuses_changes(app: TestApp) {
    let ann = app.member("Ann").await;
    append(&app, &ann.email, 2).await;
    let checkpoint = "INSERT INTO audit_checkpoint (number, count, last_at, mac, removed_at, signature)
        SELECT 0, 0, at, mac, at, mac FROM audit_entry WHERE number = 1";
    let tx = app.services().db.begin().await.expect("a transaction");
    tx.execute_unprepared(checkpoint).await.expect("a summary");
    tx.commit().await.expect("committed");
    let replaced_entry =
        "INSERT OR REPLACE INTO audit_entry (number, at, source, action, detail, request_id, mac)
        SELECT number, at, source, 'x', detail, request_id, mac FROM audit_entry WHERE number = 2";
    let replaced_checkpoint = checkpoint.replace("INSERT INTO", "INSERT OR REPLACE INTO");
    let mut statements = vec![
        "DELETE FROM audit_entry",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET count = 1",
        "DELETE FROM audit_head",
        "UPDATE audit_entry SET action = 'x'",
        "UPDATE audit_entry SET mac = NULL",
        "UPDATE audit_entry SET number = 9 WHERE number = 2",
        "INSERT INTO audit_entry (number, at, source, action, detail, request_id)
            SELECT 9, at, source, action, detail, request_id FROM audit_entry WHERE number = 1",
    ];
    // What each back end has besides.
    match app.services().db.backend() {
        DbBackend::Postgres => statements.extend(["TRUNCATE audit_entry", "TRUNCATE audit_head"]),
        _ => statements.extend([replaced_entry, &replaced_checkpoint]),
    }
    for forbidden in statements {
        let tx = app.services().db.begin().await.expect("a transaction");
        assert!(tx.execute_unprepared(forbidden).await.is_err(), "{forbidden}");
        tx.rollback().await.expect("rolled back");
    }
}

async fn entries_of_an_earlier_version_are_chained_at_the_first_start(mut app: TestApp) {
    let ann = app.member("Ann").await;
    append(&app, &ann.email, 5).await;
    let tx = app.services().db.begin().await.expect("a transaction");
    remove_protection(&tx).await;
    // Numbers of an earlier version can have gaps: those of transactions that were rolled back.
    let earlier =
        "DELETE FROM audit_entry WHERE number = 2; UPDATE audit_entry SET mac = NULL; DELETE FROM audit_head";
    tx.execute_unprepared(earlier).await.expect("as before");
    tx.commit().await.expect("committed");
    app.start_gateway().await;
    append(&app, &ann.email, 1).await;
    let report = check(&app, app.services().db.read(), None).await;
    // The chain says where it began: entry 6.
    assert_eq!((report.problems, report.checked, report.begun_at), (vec![], 6, Some(6)));
    // The next start has nothing to do.
    let before = head(&app).await;
    app.start_gateway().await;
    assert_eq!(head(&app).await, before);
    // Without its head, a chain is not begun again unnoticed.
    let tx = app.services().db.begin().await.expect("a transaction");
    tx.execute_unprepared("DELETE FROM audit_head").await.expect("deleted");
    tx.commit().await.expect("committed");
    app.start_gateway().await;
    let problems = check(&app, app.services().db.read(), None).await.problems;
    assert!(matches!(&problems[..], [Problem::HeadWasAltered { .. }]), "{problems:?}");
    // Nor do gateways compute the hashes of changed entries again unnoticed.
    let tx = app.services().db.begin().await.expect("a transaction");
    let forged = "UPDATE audit_entry SET detail = 'x', mac = NULL; DELETE FROM audit_head";
    tx.execute_unprepared(forged).await.expect("forged");
    tx.commit().await.expect("committed");
    app.start_gateway().await;
    let problems = check(&app, app.services().db.read(), None).await.problems;
    assert!(problems.iter().any(|problem| matches!(problem, Problem::BegunAgain(_))), "{problems:?}");
}

/// Starts a gateway that removes entries after 30 days.
async fn with_retention(database_url: Option<String>) -> TestApp {
    let limits = Some(r#"{"retention":{"auditDays":30}}"#.to_owned());
    TestApp::start(Settings { limits, database_url, ..Settings::default() }, 1).await
}

async fn expired_entries_end_with_a_signed_summary(database_url: Option<String>) {
    let app = with_retention(database_url).await;
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    append(&app, &ann.email, 4).await;
    let old = head(&app).await;
    app.advance_clock(TimeDelta::days(31));
    append(&app, &bob.email, 2).await;
    let exported = head(&app).await;
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
    assert_eq!(removal::remove_expired(app.services()).await.expect("a run"), 0, "about a user under a hold");
    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");

    let tx = app.services().db.begin().await.expect("a transaction");
    remove_protection(&tx).await;
    tx.execute_unprepared("UPDATE audit_entry SET detail = 'x' WHERE number = 2").await.expect("altered");
    tx.commit().await.expect("committed");
    removal::remove_expired(app.services()).await.expect_err("evidence stays");
    let db = app.services().db.read();
    let tx = app.services().db.begin().await.expect("a transaction");
    tx.execute_unprepared("UPDATE audit_entry SET detail = '0 to 1' WHERE number = 2")
        .await
        .expect("as before");
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared("ALTER TABLE audit_entry ENABLE TRIGGER ALL").await.expect("enabled");
    } else {
        let trigger = "CREATE TRIGGER audit_entry_not_deleted BEFORE DELETE ON audit_entry BEGIN
            SELECT RAISE(ABORT, 'no'); END";
        tx.execute_unprepared(trigger).await.expect("a trigger");
    }
    tx.commit().await.expect("committed");

    // In two parts, each with its summary.
    assert_eq!(removal::remove_in_batches(app.services(), 3).await.expect("a run"), 4);
    let summaries = chain::checkpoints(db).await.expect("summaries");
    let summaries: Vec<_> = summaries.iter().map(|summary| (summary.number, summary.count)).collect();
    assert_eq!(summaries, [(3, 3), (4, 4)]);
    let report = check(&app, db, Some(&exported)).await;
    assert_eq!((report.problems, report.removed), (vec![], 4));
    let actions: BTreeSet<_> = find_all(db, TrailQuery::default())
        .await
        .expect("entries")
        .into_iter()
        .map(|chained| (chained.number, chained.entry.action))
        .collect();
    assert_eq!(actions.first().map(|(number, _)| *number), Some(5));
    assert_eq!(actions.last().map(|(_, action)| action.as_str()), Some("REMOVE_AUDIT_ENTRIES"));
    // The database protects what is left, and what the summary says cannot be changed either.
    assert!(db.execute_unprepared("DELETE FROM audit_entry").await.is_err());
    assert!(check(&app, db, Some(&old)).await.problems.is_empty());
    let tx = app.services().db.begin().await.expect("a transaction");
    tx.execute_unprepared("UPDATE audit_checkpoint SET count = 3").await.expect("altered");
    assert!(check(&app, &tx, None).await.problems.contains(&Problem::Checkpoint(4)));
    tx.rollback().await.expect("rolled back");
    assert_eq!(removal::remove_expired(app.services()).await.expect("a run"), 0);
}

on_both_back_ends!(
    entries_of_concurrent_acts_are_one_chain,
    every_change_of_the_trail_is_found,
    an_older_trail_that_is_put_back_is_found_by_an_exported_head,
    an_altered_head_is_recorded_in_the_trail_itself,
    the_database_refuses_changes,
    entries_of_an_earlier_version_are_chained_at_the_first_start,
);

mod retention {
    use crate::support::servers;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn expired_entries_end_with_a_signed_summary_on_sqlite() {
        Box::pin(super::expired_entries_end_with_a_signed_summary(None)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn expired_entries_end_with_a_signed_summary_on_postgres() {
        let database_url = Some(servers::new_postgres_database().await);
        Box::pin(super::expired_entries_end_with_a_signed_summary(database_url)).await;
    }
}
