//! The streams of `catalogueChanged`: those of the gigs of a screen, resuming, slow clients, and transports.

use gigway::domain::event::Topic;
use gigway::domain::gig::{Gig, GigStatus};
use gigway::domain::id::{GigId, PublicId};
use gigway::events::cursor::Cursor;
use gigway::service::{event_log as log_retention, user_admin};
use gigway::store::gigs;
use serde_json::{Value, json};

use crate::catalogue_changed::{SONG, event_cursor, expect, list, subscribe, summary};
use crate::support::client::text;
use crate::support::documents::{
    ARCHIVE_GIG, CATALOGUE_CHANGED, GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG, SAVE_DRAFT,
};
use crate::support::event_stream::EventStream;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

async fn gig_ids_select_the_gigs_of_a_screen(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let first = list(&app, &ann, &rita, SONG).await;
    let second = list(&app, &ann, &rita, "I will write two songs for you").await;
    let draft = ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A draft" } })).await;
    let draft = text(&draft["gig"]["id"]);
    let after = event_cursor(&app, &app.gateway_b()).await;
    let ids = json!([first, first, draft, ann.id, "nonsense", "", GigId::nil().to_public(), first]);
    let mut some = subscribe(&app, json!({ "gigIds": ids })).await;
    let mut none = subscribe(&app, json!({ "gigIds": [] })).await;
    let dear = json!({ "gigIds": [first, second], "where": { "minPrice": "100" } });
    let mut dear = subscribe(&app, dear).await;
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    for id in [&first, &second] {
        ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    }
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": draft })).await;
    let of_first = [("UPDATED", first.as_str(), None), ("DELISTED", first.as_str(), None)];
    let changes = async |socket: &mut Socket| {
        let mut changes = Vec::new();
        for _ in 0..2 {
            let event = socket.next_event("s").await;
            changes.push((text(&event["change"]), text(&event["gigId"])));
        }
        socket.expect_silence("s").await;
        changes
    };
    let expected = of_first.map(|(change, id, _): (_, _, Option<&str>)| (change.to_owned(), id.to_owned()));
    assert_eq!(changes(&mut some).await, expected);
    // The same from the log.
    let mut resumed = subscribe(&app, json!({ "gigIds": [first, draft], "after": after })).await;
    assert_eq!(changes(&mut resumed).await, expected);
    none.expect_silence("s").await;
    expect(&mut dear, &[("DELISTED", &first, None), ("DELISTED", &second, None)]).await;

    let mut socket = app.gateway_b().socket().await;
    let ids = |count: u128| {
        let ids = (0..count).map(|number| GigId::from_uuid(uuid::Uuid::from_u128(number)).to_public());
        json!({ "gigIds": ids.collect::<Vec<_>>() })
    };
    socket.subscribe("many", CATALOGUE_CHANGED, ids(101)).await;
    assert_eq!(socket.expect_error("many").await, ["BAD_USER_INPUT"]);
    socket.subscribe("most", CATALOGUE_CHANGED, ids(100)).await;
    socket.expect_silence("most").await;
}

async fn a_stream_with_a_cursor_replays_each_event_once_and_continues_live(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let after = event_cursor(&app, &app.gateway_b()).await;
    // More than one page of the log.
    for _ in 0..60 {
        ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
        ann.client.mutate(RESUME_GIG, json!({ "id": gig })).await;
    }
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    let mut socket = subscribe(&app, json!({ "after": after })).await;
    let (mut cursors, mut last) = (Vec::new(), Value::Null);
    for number in 0..121 {
        let event = socket.next_event("s").await;
        let change = if number == 120 { "UPDATED" } else { ["DELISTED", "LISTED"][number % 2] };
        assert_eq!((&event["change"], &event["delivery"]), (&json!(change), &json!("REPLAY")), "{number}");
        last = event["cursor"].clone();
        cursors.push(Cursor::decode(&text(&last)).expect("a cursor").position);
    }
    assert!(cursors.is_sorted_by(|a, b| a < b), "{cursors:?}");
    ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
    let event = socket.next_event("s").await;
    assert_eq!((&event["change"], &event["delivery"]), (&json!("DELISTED"), &json!("LIVE")));
    let mut resumed = subscribe(&app, json!({ "after": last, "gigIds": [gig] })).await;
    assert_eq!(resumed.next_event("s").await["cursor"], event["cursor"]);
    resumed.expect_silence("s").await;
    socket.expect_silence("s").await;

    let expired = Cursor { epoch: app.services().streams.epoch(), position: 1_000_000 }.encode();
    for (id, cursor, code) in [
        ("1", "nonsense".to_owned(), "INVALID_CURSOR"),
        ("2", String::new(), "INVALID_CURSOR"),
        ("3", expired, "CURSOR_EXPIRED"),
        ("4", Cursor { epoch: uuid::Uuid::nil(), position: 0 }.encode(), "CURSOR_EXPIRED"),
    ] {
        socket.subscribe(id, CATALOGUE_CHANGED, json!({ "after": cursor, "gigIds": [gig] })).await;
        assert_eq!(socket.expect_error(id).await, [code], "{cursor}");
    }
    app.advance_clock(chrono::TimeDelta::days(31));
    let ann = app.sign_in(&ann.email).await;
    ann.client.mutate(RESUME_GIG, json!({ "id": gig })).await;
    log_retention::prune(app.services()).await.expect("pruned");
    socket.subscribe("5", CATALOGUE_CHANGED, json!({ "after": after })).await;
    assert_eq!(socket.expect_error("5").await, ["CURSOR_EXPIRED"]);
}

async fn other_subscriptions_get_no_updates_of_the_catalogue(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let after = event_cursor(&app, &app.gateway_b()).await;
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": gig, "after": after })).await;
    socket.subscribe("mine", GIG_STATUS_CHANGED, json!({ "after": after })).await;
    socket.subscribe("published", GIG_PUBLISHED, json!({ "after": after })).await;
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    let mut catalogue = subscribe(&app, json!({ "after": after })).await;
    expect(&mut catalogue, &[("UPDATED", &gig, Some(SONG))]).await;
    for id in ["gig", "mine", "published"] {
        socket.expect_silence(id).await;
        socket.subscribe(&format!("{id} again"), GIG_STATUS_CHANGED, json!({ "after": after })).await;
        socket.expect_silence(&format!("{id} again")).await;
    }
}

async fn a_client_that_does_not_read_misses_no_event(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let mut socket = subscribe(&app, json!({ "gigIds": [gig] })).await;
    let mut filtered = subscribe(&app, json!({ "where": { "maxPrice": "30" } })).await;
    for _ in 0..150 {
        ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
        ann.client.mutate(RESUME_GIG, json!({ "id": gig })).await;
    }
    for number in 0..300 {
        let event = socket.next_event("s").await;
        assert_eq!(event["change"], ["DELISTED", "LISTED"][number % 2], "{number}");
    }
    // With a filter, a gig that has left again when its event is sent is not LISTED.
    for _ in 0..150 {
        while filtered.next_event("s").await["change"] != "DELISTED" {}
    }
    let last = filtered.next_event("s").await;
    assert_eq!(summary(&last), ("LISTED".into(), gig, json!(SONG)));
    socket.expect_silence("s").await;
    filtered.expect_silence("s").await;
}

async fn streams_over_http_carry_the_catalogue(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let body = json!({ "query": CATALOGUE_CHANGED, "variables": { "gigIds": [gig] } });
    let open = async |accept: &str| {
        let request = app.gateway_b().post("/graphql").header("accept", accept).json(&body);
        request.send().await.expect("a response")
    };
    let mut events = EventStream::new(open("text/event-stream").await);
    let mut parts = open("multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json").await;
    let dispatcher = app.services_b().streams.dispatcher();
    wait_until("both are attached", async || dispatcher.subscriber_count_of(Topic::Catalogue) == 2).await;
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
    let mut ids = Vec::new();
    for change in ["UPDATED", "DELISTED"] {
        let event = events.next().await.expect("a stream").expect("an event");
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        let payload = &data["data"]["catalogueChanged"];
        assert_eq!((&payload["change"], &payload["cursor"]), (&json!(change), &json!(event.id)), "{data}");
        ids.push(event.id);
    }
    let mut received = String::new();
    while !received.contains("DELISTED") {
        let chunk = parts.chunk().await.expect("a stream").expect("a part");
        received.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(received.contains("UPDATED"), "{received}");
    // An EventSource resumes by itself.
    let request = app.gateway_b().post("/graphql").header("accept", "text/event-stream").json(&body);
    let response = request.header("last-event-id", &ids[0]).send().await.expect("a response");
    let event = EventStream::new(response).next().await.expect("a stream").expect("an event");
    assert_eq!(event.id, ids[1]);
}

/// Inserts copies of a listed gig.
async fn insert_copies(app: &TestApp, id: &str, count: usize) {
    let services = app.services();
    let gig = gigs::find_visible(services.db.read(), None, GigId::parse(id).expect("an id")).await;
    let gig = gig.expect("read").expect("a listed gig");
    assert_eq!(gig.status, GigStatus::Active);
    let copies: Vec<_> = (0..count).map(|_| Gig { id: services.new_id(), ..gig.clone() }).collect();
    let tx = services.db.begin().await.expect("a transaction");
    gigs::insert_all(&tx, &copies).await.expect("inserted");
    tx.commit().await.expect("committed");
}

async fn a_seller_with_thousands_of_gigs_takes_a_bounded_number_of_statements(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let rename = async |name: &str| {
        let mut fewest = u64::MAX;
        for round in 0..2 {
            let before = app.services().db.statement_count();
            let name = format!("{name} {round}");
            user_admin::set_display_name(app.services(), &ann.email, &name).await.expect("another name");
            fewest = fewest.min(app.services().db.statement_count() - before);
        }
        fewest
    };
    let for_one = rename("Anna").await;
    insert_copies(&app, &gig, 2_500).await;
    let after = event_cursor(&app, &app.gateway_b()).await;
    let for_many = rename("Bella").await;
    // The events are appended a thousand at a time.
    assert!(for_many <= for_one + 2, "{for_one} statements for one gig, {for_many} for 2,501");
    let mut socket = subscribe(&app, json!({ "after": after })).await;
    let mut last = 0;
    for number in 0..2 * 2_501 {
        let event = socket.next_event("s").await;
        let position = Cursor::decode(&text(&event["cursor"])).expect("a cursor").position;
        assert!(position > last && event["change"] == "UPDATED", "{number}: {event}");
        last = position;
    }
    socket.expect_silence("s").await;
}

on_both_back_ends!(
    gig_ids_select_the_gigs_of_a_screen,
    a_stream_with_a_cursor_replays_each_event_once_and_continues_live,
    other_subscriptions_get_no_updates_of_the_catalogue,
    a_client_that_does_not_read_misses_no_event,
    streams_over_http_carry_the_catalogue,
    a_seller_with_thousands_of_gigs_takes_a_bounded_number_of_statements,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_filter_ends_the_stream() {
    let app = TestApp::on_sqlite().await;
    let many: Vec<_> = (0..101).map(|number| format!("tag{number}")).collect();
    let mut socket = app.gateway_a().socket().await;
    socket.subscribe("1", CATALOGUE_CHANGED, json!({ "where": { "tags": many } })).await;
    assert_eq!(socket.expect_error("1").await, ["BAD_USER_INPUT"]);
    let invalid = app.gateway_a().with_token("nonsense");
    let body = json!({ "query": CATALOGUE_CHANGED });
    let request = invalid.post("/graphql").header("accept", "text/event-stream").json(&body);
    let response = request.send().await.expect("a response").text().await.expect("a body");
    assert!(response.contains("UNAUTHENTICATED"), "{response}");
}
