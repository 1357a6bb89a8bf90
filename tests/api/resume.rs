//! Resuming: race-free beside a list, for as long as the log keeps, and never in a silent gap.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::domain::event::Topic;
use gigway::events::cursor::Cursor;
use gigway::events::stream::StreamError;
use gigway::service::event_log as keeping;
use gigway::store::event_log;
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// A screen reads a cursor and a gig in one query, and follows behind the cursor, while a writer goes on all the while:
/// whatever the query did not show, the stream tells, without a hole and once.
async fn a_list_and_what_follows_it_have_no_gap_between_them(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (client, id, done) = (ann.client.clone(), id.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                client.done(PAUSE_GIG, json!({ "id": id })).await;
                client.done(RESUME_GIG, json!({ "id": id })).await;
            }
        })
    };
    for _ in 0..25 {
        let gateway_b = ann.at(&app.gateway_b());
        let query = "query($id: ID!) { eventCursor gig(id: $id) { version } }";
        let seen = gateway_b.run(query, json!({ "id": id })).await;
        let shown = seen["gig"]["version"].as_i64().expect("a version");
        let mut socket = gateway_b.socket().await;
        socket.subscribe("s", GIG_STATUS_CHANGED, json!({ "after": seen["eventCursor"] })).await;
        let mut last = None;
        // At least one that happened behind the query, and some more.
        while last.is_none_or(|last| last < shown + 6) {
            let event = socket.event("s").await;
            let version = event["version"].as_i64().expect("a version");
            match last {
                None => assert!(version <= shown + 1, "{version} is the first behind {shown}"),
                Some(last) => assert_eq!(version, last + 1),
            }
            last = Some(version);
        }
        socket.leave().await;
    }
    done.store(true, Ordering::SeqCst);
    writer.await.expect("a writer");
}

/// The first and the last position that the log keeps.
async fn kept(app: &TestApp) -> (i64, i64) {
    let db = app.services().db.read();
    let tail = event_log::tail(db).await.expect("a tail").expect("something has happened");
    (tail, event_log::head(db).await.expect("a head"))
}

async fn the_log_keeps_thirty_days_and_its_newest_event_for_ever(app: TestApp) {
    let ann = app.member("Ann").await;
    for number in 0..3 {
        ann.post(app.gig_form(&format!("I will write {number} songs for you")).await).await;
    }
    let (_, before) = kept(&app).await;
    app.pass(TimeDelta::days(29));
    assert_eq!(keeping::prune(app.services()).await.expect("pruned"), 0);
    let ann = app.sign_in(&ann.email).await;
    ann.post(app.gig_form("I will write one song more").await).await;
    app.pass(TimeDelta::days(2));
    keeping::prune(app.services()).await.expect("pruned");
    let (tail, head) = kept(&app).await;
    assert_eq!(tail, before + 1, "what is older than thirty days is gone, and nothing else");
    app.pass(TimeDelta::days(60));
    keeping::prune(app.services()).await.expect("pruned");
    assert_eq!(kept(&app).await, (head, head), "the next position follows from the newest");
    let streams = &app.services().streams;
    let resume = async |position: i64| {
        let cursor = streams.cursor(position).encode();
        streams.resume(Topic::ReviewQueue, &cursor).await.map(|_| ())
    };
    assert!(matches!(resume(head - 2).await, Err(StreamError::CursorExpired)));
    assert!(matches!(resume(head + 1).await, Err(StreamError::CursorExpired)));
    assert!(resume(head - 1).await.is_ok(), "what followed it is kept");
    assert!(resume(head).await.is_ok());
    let bob = app.member("Bob").await;
    bob.post(app.gig_form("I will sing a song for you").await).await;
    assert_eq!(kept(&app).await.1, head + 2, "positions go on");
}

/// A stream that is behind when the log is pruned says so, and leaves nothing out in silence.
async fn a_stream_that_the_log_was_pruned_under_ends(app: TestApp) {
    let ann = app.member("Ann").await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    let services = app.services();
    let row = gigway::domain::id::decode(&ann.id).expect("an id").1;
    let cursor = services.streams.cursor(0).encode();
    let mut stream = services.streams.resume(Topic::Seller(row), &cursor).await.expect("all is kept");
    // Before it has read a page.
    app.pass(TimeDelta::days(31));
    ann_posts_again(&app, &ann.email).await;
    keeping::prune(services).await.expect("pruned");
    assert!(matches!(stream.next().await, Some(Err(StreamError::CursorExpired))));
}

async fn ann_posts_again(app: &TestApp, email: &str) {
    let ann = app.sign_in(email).await;
    ann.post(app.gig_form("I will write another song for you").await).await;
}

/// Once a backup was restored, a position may be another event's.
async fn a_log_that_is_named_anew_knows_no_cursor_from_before(mut app: TestApp) {
    let ann = app.member("Ann").await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    let cursor = text(&ann.client.run("{ eventCursor }", json!({})).await["eventCursor"]);
    keeping::renew_epoch(app.services()).await.expect("named anew");
    app.stop_gateway().await;
    app.start_gateway().await;
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("old", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
    assert_eq!(socket.failure("old").await, ["CURSOR_EXPIRED"]);
    let fresh = ann.at(&app.gateway_b()).run("{ eventCursor }", json!({})).await;
    let (old, new) = (Cursor::decode(&cursor), Cursor::decode(&text(&fresh["eventCursor"])));
    let (old, new) = (old.expect("a cursor"), new.expect("a cursor"));
    assert!(old.epoch != new.epoch && old.position <= new.position);
    socket.subscribe("new", GIG_STATUS_CHANGED, json!({ "after": fresh["eventCursor"] })).await;
    socket.expect_silence("new").await;
}

on_both_back_ends!(
    a_list_and_what_follows_it_have_no_gap_between_them,
    the_log_keeps_thirty_days_and_its_newest_event_for_ever,
    a_stream_that_the_log_was_pruned_under_ends,
    a_log_that_is_named_anew_knows_no_cursor_from_before,
);
