//! The event log: positions are dense and in commit order, and no reader sees a later position first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gigway::config::Settings;
use gigway::domain::event::EventBody;
use gigway::domain::id::ReviewItemId;
use gigway::domain::review::ReviewQueueChange;
use gigway::domain::review_kind::ReviewKind;
use gigway::store::{DatabaseTime, ReaderKind, event_log};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use uuid::Uuid;

use crate::support::documents::POST_GIG;
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::test_app::TestApp;

const WRITERS: u128 = 16;
const EVENTS_PER_WRITER: u128 = 60;

fn body(id: u128) -> EventBody {
    EventBody::ReviewQueue {
        item_id: ReviewItemId::from_uuid(Uuid::from_u128(id)),
        review_kind: ReviewKind::Gig,
        change: ReviewQueueChange::Submitted,
    }
}

/// Sixteen writers append events in transactions that pause before and after the append. One transaction in
/// eight is rolled back. Meanwhile two readers page through the log. Each page must continue exactly where
/// the previous one ended.
async fn positions_are_dense_and_become_visible_in_order(app: TestApp) {
    let db = app.services().db.clone();
    let start = event_log::newest_position(db.read()).await.expect("a position");
    let now = app.now();
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (db, is_done) = (app.services_b().db.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                let mut last = start;
                loop {
                    // Loaded before the page is read, so that the last page is read after the last commit.
                    let is_last_page = is_done.load(Ordering::SeqCst);
                    for event in event_log::page(db.read(), None, last, 1000).await.expect("a page") {
                        assert_eq!(event.position, last + 1, "a reader saw a later position first");
                        last = event.position;
                    }
                    if is_last_page {
                        return last;
                    }
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let db = if writer % 2 == 0 { app.services().db.clone() } else { app.services_b().db.clone() };
            tokio::spawn(async move {
                let mut appended = 0;
                for number in 0..EVENTS_PER_WRITER {
                    let pause = Duration::from_micros(
                        u64::try_from((writer * 7 + number * 13) % 17).expect("small") * 150,
                    );
                    let tx = db.begin().await.expect("a transaction");
                    tokio::time::sleep(pause).await;
                    let bodies =
                        (0..=number % 2).map(|index| body(writer * 1000 + number * 10 + index)).collect();
                    let events = event_log::append(&tx, bodies, now).await.expect("appended");
                    // Between numbering and commit no other transaction may commit a later position.
                    tokio::time::sleep(pause / 4).await;
                    if number % 8 == 7 {
                        tx.rollback().await.expect("rolled back");
                    } else {
                        tx.commit().await.expect("committed");
                        appended += events.len();
                    }
                }
                appended
            })
        })
        .collect();
    let mut appended = 0;
    for writer in writers {
        appended += writer.await.expect("a writer");
    }
    is_done.store(true, Ordering::SeqCst);
    let end = start + i64::try_from(appended).expect("a small number");
    for reader in readers {
        assert_eq!(reader.await.expect("a reader"), end);
    }
    assert_eq!(event_log::newest_position(db.read()).await.expect("a position"), end);
}

async fn an_event_is_committed_with_its_change_or_not_at_all(app: TestApp) {
    let ann = app.member("Ann").await;
    let db = app.services().db.clone();
    let before = event_log::newest_position(db.read()).await.expect("a position");
    let mut form = app.gig_form("I will write a song for you").await;
    form["price"] = json!("0.01");
    ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
    assert_eq!(event_log::newest_position(db.read()).await.expect("a position"), before);
    ann.post(app.gig_form("I will write a song for you").await).await;
    // One event of the gig and one of the review queue.
    assert_eq!(event_log::newest_position(db.read()).await.expect("a position"), before + 2);
}

on_both_back_ends!(
    positions_are_dense_and_become_visible_in_order,
    an_event_is_committed_with_its_change_or_not_at_all,
);

/// The isolation level of a transaction.
async fn isolation(tx: &impl ConnectionTrait) -> String {
    let statement = Statement::from_string(tx.get_database_backend(), "SHOW transaction_isolation");
    let row = tx.query_one_raw(statement).await.expect("a row").expect("a row");
    row.try_get_by_index(0).expect("text")
}

/// Two gateways on a database with other defaults for transactions.
async fn with_default_isolation(level: &str) -> TestApp {
    let url = servers::new_postgres_database().await;
    let (_, name) = url.rsplit_once('/').expect("an address with a database");
    let connection = sea_orm::Database::connect(&url).await.expect("PostgreSQL responds");
    let alter = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
    connection.execute_unprepared(&alter).await.expect("changed");
    connection.close().await.expect("a close");
    let settings =
        Settings { database_url: Some(url), redis_url: Some(servers::redis_url()), ..Settings::default() };
    let app = TestApp::start(settings, 2).await;
    let outside = sea_orm::Database::connect(app.database_url()).await.expect("PostgreSQL responds");
    assert_eq!(isolation(&outside).await, level, "the default of other clients");
    outside.close().await.expect("a close");
    for services in [app.services(), app.services_b()] {
        assert_eq!(isolation(&services.db.begin().await.expect("begun")).await, "read committed");
        assert_eq!(isolation(services.db.read()).await, "read committed");
        let reader = services.db.reader(ReaderKind::SignedIn, DatabaseTime::default());
        assert_eq!(isolation(&*reader.snapshot().await.expect("begun")).await, "repeatable read");
    }
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_dense_if_the_default_isolation_is_repeatable_read() {
    positions_are_dense_and_become_visible_in_order(with_default_isolation("repeatable read").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_dense_if_the_default_isolation_is_serializable() {
    positions_are_dense_and_become_visible_in_order(with_default_isolation("serializable").await).await;
}
