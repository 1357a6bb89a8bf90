//! Live status: what is told, to whom, and that nothing is lost.

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::domain::event::Topic;
use gigway::events::stream::Delivery;
use gigway::store::event_log;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{
    ARCHIVE_GIG, CLAIM, EDIT_GIG, GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, QUEUE_CHANGED, RELEASE,
    RESUME_GIG, SIGN_OUT,
};
use crate::support::on_both_back_ends;
use crate::support::proxy::until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

async fn a_seller_follows_all_of_their_gigs(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let mut screen = ann.at(&app.gateway_b()).socket().await;
    follow(&app, &mut screen, "mine", GIG_STATUS_CHANGED, json!({})).await;
    let first = ann.post(app.gig_form("I will write a song for you").await).await;
    bob.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&first, "REJECT", json!([{ "code": "LANGUAGE", "message": "Mind your words." }])).await;
    ann.client.done(EDIT_GIG, json!({ "input": { "id": first, "description": "Songs." } })).await;
    rita.approve(&first).await;
    ann.client.done(PAUSE_GIG, json!({ "id": first })).await;
    ann.client.done(RESUME_GIG, json!({ "id": first })).await;
    ann.client.done(ARCHIVE_GIG, json!({ "id": first })).await;
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
        let event = screen.event("mine").await;
        assert_eq!(text(&event["gigId"]), first);
        assert_eq!((&event["delivery"], &event["previousStatus"]), (&json!("LIVE"), &previous), "{event}");
        assert_eq!((&event["status"], &event["version"]), (&json!(status), &json!(version)), "{event}");
        let reasons = json!([{ "code": "LANGUAGE", "message": "Mind your words." }]);
        let expected = if status == "REJECTED" { reasons } else { json!([]) };
        assert_eq!(event["reasons"], expected, "{event}");
    }
    screen.expect_silence("mine").await;
}

/// Subscribes, and waits until the gateway listens for it.
async fn follow(app: &TestApp, socket: &mut Socket, id: &str, query: &str, variables: Value) {
    let dispatcher = app.services_b().streams.dispatcher();
    let before = dispatcher.attached();
    socket.subscribe(id, query, variables).await;
    until("the stream is attached", async || dispatcher.attached() == before + 1).await;
}

/// The socket still answers.
async fn answers(socket: &mut Socket) {
    socket.subscribe("query", "{ __typename }", json!({})).await;
    assert_eq!(socket.about("query").await["type"], "next");
    assert_eq!(socket.about("query").await["type"], "complete");
}

async fn a_snapshot_shows_the_gig_and_what_follows_is_told_once(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 0..8 {
        let id = ann.post(app.gig_form(&format!("I will write song number {number}")).await).await;
        let mut screen = ann.at(&app.gateway_b()).socket().await;
        // The decision falls before, into or after the snapshot.
        screen.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
        rita.approve(&id).await;
        let snapshot = screen.event("gig").await;
        assert_eq!(snapshot["delivery"], "SNAPSHOT");
        if snapshot["status"] == "IN_REVIEW" {
            let event = screen.event("gig").await;
            assert_eq!((&event["status"], &event["delivery"]), (&json!("ACTIVE"), &json!("LIVE")));
        } else {
            assert_eq!((&snapshot["status"], &snapshot["version"]), (&json!("ACTIVE"), &json!(2)));
        }
        screen.expect_silence("gig").await;
        screen.leave().await;
    }
}

async fn after_a_cursor_a_stream_tells_all_that_was_missed(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let data = ann.client.run("{ eventCursor viewer { gigs { nodes { status } } } }", json!({})).await;
    assert_eq!(data["viewer"]["gigs"]["nodes"][0]["status"], "IN_REVIEW");
    rita.approve(&id).await;
    ann.client.done(PAUSE_GIG, json!({ "id": id })).await;
    let mut screen = ann.at(&app.gateway_b()).socket().await;
    screen.subscribe("mine", GIG_STATUS_CHANGED, json!({ "after": data["eventCursor"] })).await;
    let mut cursor = Value::Null;
    for status in ["ACTIVE", "PAUSED"] {
        let event = screen.event("mine").await;
        assert_eq!((&event["delivery"], &event["status"]), (&json!("REPLAY"), &json!(status)));
        cursor = event["cursor"].clone();
    }
    ann.client.done(RESUME_GIG, json!({ "id": id })).await;
    let event = screen.event("mine").await;
    assert_eq!((&event["delivery"], &event["status"]), (&json!("LIVE"), &json!("ACTIVE")));
    // Behind the last event that was seen, one gig's stream needs no snapshot.
    screen.subscribe("one", GIG_STATUS_CHANGED, json!({ "id": id, "after": cursor })).await;
    assert_eq!(screen.event("one").await["delivery"], "REPLAY");
    screen.expect_silence("one").await;
}

async fn a_cursor_that_is_none_ends_the_stream(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut screen = ann.client.socket().await;
    for (id, cursor) in [("1", "nonsense"), ("2", ""), ("3", "AAAA")] {
        screen.subscribe(id, GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
        assert_eq!(screen.failure(id).await, ["INVALID_CURSOR"], "{cursor:?}");
    }
    // Of another log, and of a time that has not come: both would leave a gap.
    let epoch = app.services().streams.epoch();
    let other = gigway::events::cursor::Cursor { epoch: uuid::Uuid::from_u128(7), position: 0 };
    let future = gigway::events::cursor::Cursor { epoch, position: 1_000_000 };
    for (id, cursor) in [("4", other), ("5", future)] {
        screen.subscribe(id, GIG_STATUS_CHANGED, json!({ "after": cursor.encode() })).await;
        assert_eq!(screen.failure(id).await, ["CURSOR_EXPIRED"]);
    }
}

async fn what_goes_live_is_told_to_those_who_look_for_it(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut stranger = app.gateway_b().socket().await;
    let music = app.category("Music").await;
    let cheap = json!({ "where": { "category": [music], "maxPrice": "20" } });
    follow(&app, &mut stranger, "all", GIG_PUBLISHED, json!({})).await;
    follow(&app, &mut stranger, "cheap", GIG_PUBLISHED, cheap).await;
    let dear = ann.post(app.gig_form("A dear song for you").await).await;
    let mut form = app.gig_form("A cheap song for you").await;
    form["price"] = json!("5.00");
    let cheap = ann.post(form).await;
    rita.approve(&dear).await;
    rita.approve(&cheap).await;
    assert_eq!(text(&stranger.event("all").await["gigId"]), dear);
    let event = stranger.event("all").await;
    assert_eq!(
        (text(&event["gigId"]), text(&event["gig"]["title"])),
        (cheap.clone(), "A cheap song for you".into())
    );
    assert_eq!(text(&stranger.event("cheap").await["gigId"]), cheap);
    stranger.expect_silence("cheap").await;
}

async fn reviewers_follow_the_queue(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let mut board = rob.at(&app.gateway_b()).socket().await;
    follow(&app, &mut board, "queue", QUEUE_CHANGED, json!({ "kind": "GIG" })).await;
    follow(&app, &mut board, "others", QUEUE_CHANGED, json!({ "kind": "VERIFICATION" })).await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let event = board.event("queue").await;
    assert_eq!((&event["change"], &event["openCount"]), (&json!("SUBMITTED"), &json!(1)));
    assert_eq!((&event["overdueCount"], &event["kind"]), (&json!(0), &json!("GIG")));
    let item = json!({ "id": event["itemId"] });
    rita.client.done(CLAIM, item.clone()).await;
    let event = board.event("queue").await;
    assert_eq!((&event["change"], &event["item"]["claimedBy"]["id"]), (&json!("CLAIMED"), &json!(rita.id)));
    assert_eq!(event["openCount"], 0);
    rita.client.done(RELEASE, item.clone()).await;
    assert_eq!(board.event("queue").await["change"], "RELEASED");
    // A claim runs out by itself, and the board is told without being asked.
    rita.client.done(CLAIM, item).await;
    assert_eq!(board.event("queue").await["change"], "CLAIMED");
    app.pass(TimeDelta::minutes(15));
    let event = board.event("queue").await;
    assert_eq!((&event["change"], &event["item"]["state"]), (&json!("RELEASED"), &json!("OPEN")));
    let rita = app.sign_in(&rita.email).await;
    rita.approve(&gig).await;
    let event = board.event("queue").await;
    assert_eq!((&event["change"], &event["openCount"]), (&json!("DECIDED"), &json!(0)));
    let ann = app.sign_in(&ann.email).await;
    let withdrawn = ann.post(app.gig_form("I will write a song for you").await).await;
    assert_eq!(board.event("queue").await["change"], "SUBMITTED");
    ann.client.done(ARCHIVE_GIG, json!({ "id": withdrawn })).await;
    let event = board.event("queue").await;
    assert_eq!((&event["change"], &event["item"]), (&json!("WITHDRAWN"), &Value::Null));
    board.expect_silence("others").await;
}

async fn a_socket_ends_with_its_session_and_no_other_does(app: TestApp) {
    let ann = app.member("Ann").await;
    let elsewhere = app.sign_in(&ann.email).await;
    let mut first = ann.at(&app.gateway_b()).socket().await;
    let mut second = elsewhere.at(&app.gateway_b()).socket().await;
    ann.client.done(SIGN_OUT, json!({})).await;
    assert_eq!(first.closed().await, (4403, "The session has ended".to_owned()));
    answers(&mut second).await;
    elsewhere.client.done(SIGN_OUT, json!({ "everywhere": true })).await;
    assert_eq!(second.closed().await.0, 4403);
}

async fn a_client_that_does_not_read_loses_nothing(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut screen = ann.at(&app.gateway_b()).socket().await;
    follow(&app, &mut screen, "mine", GIG_STATUS_CHANGED, json!({})).await;
    // More than its queue and its buffers hold.
    for _ in 0..200 {
        ann.client.done(PAUSE_GIG, json!({ "id": id })).await;
        ann.client.done(RESUME_GIG, json!({ "id": id })).await;
    }
    for version in 3..403 {
        let event = screen.event("mine").await;
        assert_eq!(event["version"], json!(version), "{event}");
    }
    screen.expect_silence("mine").await;
}

/// The stream itself, without a socket's buffers: what its queue has no room for comes from the log.
async fn a_stream_that_is_not_read_goes_back_to_the_log(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let services = app.services_b();
    let row = gigway::domain::id::decode(&id).expect("an id").1;
    let head = event_log::head(services.db.read()).await.expect("a head");
    until("all is handed on", async || services.streams.dispatched().position() == head).await;
    let mut stream = services.streams.live(Topic::Gig(row));
    for _ in 0..50 {
        ann.client.done(PAUSE_GIG, json!({ "id": id })).await;
        ann.client.done(RESUME_GIG, json!({ "id": id })).await;
    }
    until("all is handed on", async || services.streams.dispatched().position() == head + 100).await;
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
    a_seller_follows_all_of_their_gigs,
    a_snapshot_shows_the_gig_and_what_follows_is_told_once,
    after_a_cursor_a_stream_tells_all_that_was_missed,
    a_cursor_that_is_none_ends_the_stream,
    what_goes_live_is_told_to_those_who_look_for_it,
    reviewers_follow_the_queue,
    a_socket_ends_with_its_session_and_no_other_does,
    a_client_that_does_not_read_loses_nothing,
    a_stream_that_is_not_read_goes_back_to_the_log,
);
