//! Resuming a stream: without a gap after a query, for as long as the event log keeps its events, and never
//! silently incomplete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::domain::event::Topic;
use gigway::domain::id::{PublicId, UserId};
use gigway::events::cursor::Cursor;
use gigway::events::stream::StreamError;
use gigway::service::event_log as log_retention;
use gigway::store::event_log;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// A client reads a cursor and a gig in one query and subscribes after the cursor, while a writer changes the
/// gig. The stream delivers each change that the query did not show, once and without a gap.
async fn a_query_and_the_stream_after_its_cursor_have_no_gap(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let is_done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (client, id, is_done) = (ann.client.clone(), id.clone(), Arc::clone(&is_done));
        tokio::spawn(async move {
            while !is_done.load(Ordering::SeqCst) {
                client.mutate(PAUSE_GIG, json!({ "id": id })).await;
                client.mutate(RESUME_GIG, json!({ "id": id })).await;
            }
        })
    };
    for _ in 0..25 {
        let gateway_b = ann.at(&app.gateway_b());
        let query = "query($id: ID!) { eventCursor gig(id: $id) { version } }";
        let data = gateway_b.run(query, json!({ "id": id })).await;
        let queried = data["gig"]["version"].as_i64().expect("a version");
        let mut socket = gateway_b.socket().await;
        socket.subscribe("s", GIG_STATUS_CHANGED, json!({ "after": data["eventCursor"] })).await;
        let mut last = None;
        // At least one change after the query, and a few more.
        while last.is_none_or(|last| last < queried + 6) {
            let event = socket.next_event("s").await;
            let version = event["version"].as_i64().expect("a version");
            match last {
                None => assert!(version <= queried + 1, "{version} is the first after {queried}"),
                Some(last) => assert_eq!(version, last + 1),
            }
            last = Some(version);
        }
        socket.close().await;
    }
    is_done.store(true, Ordering::SeqCst);
    writer.await.expect("a writer");
}

/// The oldest and the newest position in the log.
async fn log_bounds(app: &TestApp) -> (i64, i64) {
    let db = app.services().db.read();
    let oldest = event_log::oldest_position(db).await.expect("a position").expect("there are events");
    (oldest, event_log::newest_position(db).await.expect("a position"))
}

async fn the_log_keeps_thirty_days_and_always_its_newest_event(app: TestApp) {
    let ann = app.member("Ann").await;
    for number in 0..3 {
        ann.post(app.gig_form(&format!("I will write {number} songs for you")).await).await;
    }
    let (_, newest_before) = log_bounds(&app).await;
    app.advance_clock(TimeDelta::days(29));
    assert_eq!(log_retention::prune(app.services()).await.expect("pruned"), 0);
    let ann = app.sign_in(&ann.email).await;
    ann.post(app.gig_form("I will write one song more").await).await;
    app.advance_clock(TimeDelta::days(2));
    log_retention::prune(app.services()).await.expect("pruned");
    let (oldest, newest) = log_bounds(&app).await;
    assert_eq!(oldest, newest_before + 1, "only events older than thirty days are pruned");
    app.advance_clock(TimeDelta::days(60));
    log_retention::prune(app.services()).await.expect("pruned");
    assert_eq!(log_bounds(&app).await, (newest, newest), "the next position follows from the newest");
    let streams = &app.services().streams;
    let resume = async |position: i64| {
        let cursor = streams.cursor(position).encode();
        streams.resume(Topic::ReviewQueue, &cursor).await.map(|_| ())
    };
    assert!(matches!(resume(newest - 2).await, Err(StreamError::CursorExpired)));
    assert!(matches!(resume(newest + 1).await, Err(StreamError::CursorExpired)));
    assert!(resume(newest - 1).await.is_ok(), "the events after it are retained");
    assert!(resume(newest).await.is_ok());
    let bob = app.member("Bob").await;
    bob.post(app.gig_form("I will sing a song for you").await).await;
    assert_eq!(log_bounds(&app).await.1, newest + 2, "positions continue");
}

/// A stream that has not caught up when the log is pruned ends with an error instead of skipping events.
async fn a_stream_ends_if_the_log_is_pruned_past_its_position(app: TestApp) {
    let ann = app.member("Ann").await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    let services = app.services();
    let seller_id = UserId::parse(&ann.id).expect("a user's id");
    let cursor = services.streams.cursor(0).encode();
    let mut stream = services
        .streams
        .resume(Topic::GigsOfSeller(seller_id), &cursor)
        .await
        .expect("nothing is pruned yet");
    // Before the stream has read a page.
    app.advance_clock(TimeDelta::days(31));
    post_again(&app, &ann.email).await;
    log_retention::prune(services).await.expect("pruned");
    assert!(matches!(stream.next().await, Some(Err(StreamError::CursorExpired))));
}

async fn post_again(app: &TestApp, email: &str) {
    let ann = app.sign_in(email).await;
    ann.post(app.gig_form("I will write another song for you").await).await;
}

/// After a backup is restored, a position may belong to another event.
async fn a_new_log_epoch_expires_all_cursors(mut app: TestApp) {
    let ann = app.member("Ann").await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    let cursor = text(&ann.client.run("{ eventCursor }", json!({})).await["eventCursor"]);
    log_retention::start_new_epoch(app.services()).await.expect("a new epoch");
    app.stop_gateway().await;
    app.start_gateway().await;
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("old", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
    assert_eq!(socket.expect_error("old").await, ["CURSOR_EXPIRED"]);
    let fresh = ann.at(&app.gateway_b()).run("{ eventCursor }", json!({})).await;
    let (old, new) = (Cursor::decode(&cursor), Cursor::decode(&text(&fresh["eventCursor"])));
    let (old, new) = (old.expect("a cursor"), new.expect("a cursor"));
    assert!(old.epoch != new.epoch && old.position <= new.position);
    socket.subscribe("new", GIG_STATUS_CHANGED, json!({ "after": fresh["eventCursor"] })).await;
    socket.expect_silence("new").await;
}

/// PostgreSQL can hold times that the program cannot represent: reading such a row panics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_events_are_replayed_ends_the_subscription_with_an_error() {
    let app = TestApp::on_postgres_and_redis().await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let cursor = text(&ann.client.run("{ eventCursor }", json!({})).await["eventCursor"]);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let (_, newest) = log_bounds(&app).await;
    for services in [app.services(), app.services_b()] {
        services.streams.dispatched_position().wait_for(newest).await;
    }
    let db = app.services().db.read();
    let change = "UPDATE event SET occurred_at = 'infinity' WHERE kind = 'GIG_STATUS'";
    db.execute_unprepared(change).await.expect("changed");
    let variables = json!({ "after": cursor });
    let mut socket = ann.client.socket().await;
    for name in ["first", "second"] {
        socket.subscribe(name, GIG_STATUS_CHANGED, variables.clone()).await;
        assert_eq!(socket.expect_error(name).await, ["INTERNAL_SERVER_ERROR"]);
    }
    for accept in
        ["text/event-stream", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"]
    {
        let body = json!({ "query": GIG_STATUS_CHANGED, "variables": variables });
        let request = ann.at(&app.gateway_b()).post("/graphql").header("accept", accept).json(&body);
        let body = request.send().await.expect("a response").text().await.expect("a whole body");
        assert!(body.contains("INTERNAL_SERVER_ERROR") && !body.contains("infinity"), "{body}");
        assert!(
            body.ends_with("event: complete\ndata:\n\n") || body.ends_with("\r\n--graphql--\r\n"),
            "{body}"
        );
    }
    // The same connection gets the events once they can be read.
    let repair = "UPDATE event SET occurred_at = now() WHERE kind = 'GIG_STATUS'";
    db.execute_unprepared(repair).await.expect("changed");
    socket.subscribe("third", GIG_STATUS_CHANGED, variables).await;
    assert_eq!(socket.next_event("third").await["version"], 1);
    assert_eq!(socket.next_event("third").await["version"], 2);
}

on_both_back_ends!(
    a_query_and_the_stream_after_its_cursor_have_no_gap,
    the_log_keeps_thirty_days_and_always_its_newest_event,
    a_stream_ends_if_the_log_is_pruned_past_its_position,
    a_new_log_epoch_expires_all_cursors,
);
