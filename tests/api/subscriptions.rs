//! Subscriptions: which events are delivered to whom, and that no event is lost.

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::domain::event::Topic;
use gigway::domain::id::{GigId, PublicId};
use gigway::events::stream::Delivery;
use gigway::store::event_log;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{
    ARCHIVE_GIG, CLAIM, EDIT_GIG, GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, QUEUE_CHANGED, RELEASE,
    RESUME_GIG, SIGN_OUT,
};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

async fn a_seller_receives_every_status_change_of_their_gigs(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscribe(&app, &mut subscriber, "mine", GIG_STATUS_CHANGED, json!({})).await;
    let first = ann.post(app.gig_form("I will write a song for you").await).await;
    bob.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&first, "REJECT", json!([{ "code": "LANGUAGE", "message": "Mind your words." }])).await;
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": first, "description": "Songs." } })).await;
    rita.approve(&first).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": first })).await;
    ann.client.mutate(RESUME_GIG, json!({ "id": first })).await;
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": first })).await;
    let expected = [
        (Value::Null, "IN_REVIEW", 1),
        (json!("IN_REVIEW"), "REJECTED", 2),
        (json!("REJECTED"), "IN_REVIEW", 3),
        (json!("IN_REVIEW"), "ACTIVE", 4),
        (json!("ACTIVE"), "PAUSED", 5),
        (json!("PAUSED"), "ACTIVE", 6),
        (json!("ACTIVE"), "ARCHIVED", 7),
    ];
    for (previous, status, version) in expected {
        let event = subscriber.next_event("mine").await;
        assert_eq!(text(&event["gigId"]), first);
        assert_eq!((&event["delivery"], &event["previousStatus"]), (&json!("LIVE"), &previous), "{event}");
        assert_eq!((&event["status"], &event["version"]), (&json!(status), &json!(version)), "{event}");
        let reasons = json!([{ "code": "LANGUAGE", "message": "Mind your words." }]);
        let expected = if status == "REJECTED" { reasons } else { json!([]) };
        assert_eq!(event["reasons"], expected, "{event}");
    }
    subscriber.expect_silence("mine").await;
}

/// Subscribes, and waits until the subscription is active.
async fn subscribe(app: &TestApp, socket: &mut Socket, id: &str, query: &str, variables: Value) {
    let dispatcher = app.services_b().streams.dispatcher();
    let before = dispatcher.subscriber_count();
    socket.subscribe(id, query, variables).await;
    wait_until("the stream is attached", async || dispatcher.subscriber_count() == before + 1).await;
}

/// Asserts that the socket is still open.
async fn expect_open(socket: &mut Socket) {
    socket.subscribe("query", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for("query").await["type"], "next");
    assert_eq!(socket.receive_for("query").await["type"], "complete");
}

async fn after_a_snapshot_each_event_is_delivered_once(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 0..8 {
        let id = ann.post(app.gig_form(&format!("I will write song number {number}")).await).await;
        let mut subscriber = ann.at(&app.gateway_b()).socket().await;
        // The decision may be made before, during or after the snapshot.
        subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
        rita.approve(&id).await;
        let snapshot = subscriber.next_event("gig").await;
        assert_eq!(snapshot["delivery"], "SNAPSHOT");
        if snapshot["status"] == "IN_REVIEW" {
            let event = subscriber.next_event("gig").await;
            assert_eq!((&event["status"], &event["delivery"]), (&json!("ACTIVE"), &json!("LIVE")));
        } else {
            assert_eq!((&snapshot["status"], &snapshot["version"]), (&json!("ACTIVE"), &json!(2)));
        }
        subscriber.expect_silence("gig").await;
        subscriber.close().await;
    }
}

async fn a_stream_with_a_cursor_replays_what_was_missed(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let data = ann.client.run("{ eventCursor viewer { gigs { nodes { status } } } }", json!({})).await;
    assert_eq!(data["viewer"]["gigs"]["nodes"][0]["status"], "IN_REVIEW");
    rita.approve(&id).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("mine", GIG_STATUS_CHANGED, json!({ "after": data["eventCursor"] })).await;
    let mut cursor = Value::Null;
    for status in ["ACTIVE", "PAUSED"] {
        let event = subscriber.next_event("mine").await;
        assert_eq!((&event["delivery"], &event["status"]), (&json!("REPLAY"), &json!(status)));
        cursor = event["cursor"].clone();
    }
    ann.client.mutate(RESUME_GIG, json!({ "id": id })).await;
    let event = subscriber.next_event("mine").await;
    assert_eq!((&event["delivery"], &event["status"]), (&json!("LIVE"), &json!("ACTIVE")));
    // With a cursor, the stream of one gig starts without a snapshot.
    subscriber.subscribe("one", GIG_STATUS_CHANGED, json!({ "id": id, "after": cursor })).await;
    assert_eq!(subscriber.next_event("one").await["delivery"], "REPLAY");
    subscriber.expect_silence("one").await;
}

async fn an_invalid_or_expired_cursor_ends_the_stream(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut subscriber = ann.client.socket().await;
    for (id, cursor) in [("1", "nonsense"), ("2", ""), ("3", "AAAA")] {
        subscriber.subscribe(id, GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
        assert_eq!(subscriber.expect_error(id).await, ["INVALID_CURSOR"], "{cursor:?}");
    }
    // Cursors of another log, and of a position that does not exist yet: both would leave a gap.
    let epoch = app.services().streams.epoch();
    let other = gigway::events::cursor::Cursor { epoch: uuid::Uuid::from_u128(7), position: 0 };
    let future = gigway::events::cursor::Cursor { epoch, position: 1_000_000 };
    for (id, cursor) in [("4", other), ("5", future)] {
        subscriber.subscribe(id, GIG_STATUS_CHANGED, json!({ "after": cursor.encode() })).await;
        assert_eq!(subscriber.expect_error(id).await, ["CURSOR_EXPIRED"]);
    }
}

async fn published_gigs_are_delivered_to_matching_subscribers(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut anonymous = app.gateway_b().socket().await;
    let music = app.category("Music").await;
    let cheap = json!({ "where": { "category": [music], "maxPrice": "20" } });
    subscribe(&app, &mut anonymous, "all", GIG_PUBLISHED, json!({})).await;
    subscribe(&app, &mut anonymous, "cheap", GIG_PUBLISHED, cheap).await;
    let dear = ann.post(app.gig_form("A dear song for you").await).await;
    let mut form = app.gig_form("A cheap song for you").await;
    form["price"] = json!("5.00");
    let cheap = ann.post(form).await;
    rita.approve(&dear).await;
    rita.approve(&cheap).await;
    assert_eq!(text(&anonymous.next_event("all").await["gigId"]), dear);
    let event = anonymous.next_event("all").await;
    assert_eq!(
        (text(&event["gigId"]), text(&event["gig"]["title"])),
        (cheap.clone(), "A cheap song for you".into())
    );
    assert_eq!(text(&anonymous.next_event("cheap").await["gigId"]), cheap);
    anonymous.expect_silence("cheap").await;
}

async fn reviewers_receive_every_change_of_the_queue(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let mut subscriber = rob.at(&app.gateway_b()).socket().await;
    subscribe(&app, &mut subscriber, "queue", QUEUE_CHANGED, json!({ "kind": "GIG" })).await;
    subscribe(&app, &mut subscriber, "others", QUEUE_CHANGED, json!({ "kind": "VERIFICATION" })).await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let event = subscriber.next_event("queue").await;
    assert_eq!((&event["change"], &event["openCount"]), (&json!("SUBMITTED"), &json!(1)));
    assert_eq!((&event["overdueCount"], &event["kind"]), (&json!(0), &json!("GIG")));
    let item = json!({ "id": event["itemId"] });
    rita.client.mutate(CLAIM, item.clone()).await;
    let event = subscriber.next_event("queue").await;
    assert_eq!((&event["change"], &event["item"]["claimedBy"]["id"]), (&json!("CLAIMED"), &json!(rita.id)));
    assert_eq!(event["openCount"], 0);
    rita.client.mutate(RELEASE, item.clone()).await;
    assert_eq!(subscriber.next_event("queue").await["change"], "RELEASED");
    // A claim expires without a request, and the subscriber receives the change.
    rita.client.mutate(CLAIM, item).await;
    assert_eq!(subscriber.next_event("queue").await["change"], "CLAIMED");
    app.advance_clock(TimeDelta::minutes(15));
    let event = subscriber.next_event("queue").await;
    assert_eq!((&event["change"], &event["item"]["state"]), (&json!("RELEASED"), &json!("OPEN")));
    let rita = app.sign_in(&rita.email).await;
    rita.approve(&gig).await;
    let event = subscriber.next_event("queue").await;
    assert_eq!((&event["change"], &event["openCount"]), (&json!("DECIDED"), &json!(0)));
    let ann = app.sign_in(&ann.email).await;
    let withdrawn = ann.post(app.gig_form("I will write a song for you").await).await;
    assert_eq!(subscriber.next_event("queue").await["change"], "SUBMITTED");
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": withdrawn })).await;
    let event = subscriber.next_event("queue").await;
    assert_eq!((&event["change"], &event["item"]), (&json!("WITHDRAWN"), &Value::Null));
    subscriber.expect_silence("others").await;
}

async fn signing_out_closes_only_the_sockets_of_that_session(app: TestApp) {
    let ann = app.member("Ann").await;
    let elsewhere = app.sign_in(&ann.email).await;
    let mut first = ann.at(&app.gateway_b()).socket().await;
    let mut second = elsewhere.at(&app.gateway_b()).socket().await;
    ann.client.mutate(SIGN_OUT, json!({})).await;
    assert_eq!(first.expect_close().await, (4410, "The session has ended".to_owned()));
    expect_open(&mut second).await;
    elsewhere.client.mutate(SIGN_OUT, json!({ "everywhere": true })).await;
    assert_eq!(second.expect_close().await.0, 4410);
}

async fn a_client_that_does_not_read_misses_no_event(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscribe(&app, &mut subscriber, "mine", GIG_STATUS_CHANGED, json!({})).await;
    // More events than the queue and the buffers hold.
    for _ in 0..200 {
        ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
        ann.client.mutate(RESUME_GIG, json!({ "id": id })).await;
    }
    for version in 3..403 {
        let event = subscriber.next_event("mine").await;
        assert_eq!(event["version"], json!(version), "{event}");
    }
    subscriber.expect_silence("mine").await;
}

/// Reads the stream directly, without the buffers of a socket. What does not fit into its queue is replayed
/// from the log.
async fn a_stream_whose_queue_overflows_replays_from_the_log(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let services = app.services_b();
    let gig_id = GigId::parse(&id).expect("a gig's id");
    let head = event_log::newest_position(services.db.read()).await.expect("a position");
    wait_until("all is dispatched", async || services.streams.dispatched_position().current() == head).await;
    let mut stream = services.streams.live(Topic::Gig(gig_id));
    for _ in 0..50 {
        ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
        ann.client.mutate(RESUME_GIG, json!({ "id": id })).await;
    }
    wait_until("all is dispatched", async || services.streams.dispatched_position().current() == head + 100)
        .await;
    let mut deliveries = Vec::new();
    for position in head + 1..=head + 100 {
        let (delivery, event) = stream.next().await.expect("an event").expect("the log");
        assert_eq!(event.position, position);
        deliveries.push(delivery);
    }
    let (live, replayed) = deliveries.split_at(64);
    assert!(live.iter().all(|delivery| *delivery == Delivery::Live), "{deliveries:?}");
    assert!(replayed.iter().all(|delivery| *delivery == Delivery::Replay), "{deliveries:?}");
}

on_both_back_ends!(
    a_seller_receives_every_status_change_of_their_gigs,
    after_a_snapshot_each_event_is_delivered_once,
    a_stream_with_a_cursor_replays_what_was_missed,
    an_invalid_or_expired_cursor_ends_the_stream,
    published_gigs_are_delivered_to_matching_subscribers,
    reviewers_receive_every_change_of_the_queue,
    signing_out_closes_only_the_sockets_of_that_session,
    a_client_that_does_not_read_misses_no_event,
    a_stream_whose_queue_overflows_replays_from_the_log,
);
