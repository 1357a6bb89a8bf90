//! `catalogueChanged`: what is reported about listed gigs, with and without a filter. How the events are delivered is in
//! `catalogue_streams`.

use gigway::domain::event::Topic;
use gigway::service::{erasure, user_admin};
use serde_json::{Value, json};

use crate::response_cache::until_caught_up;
use crate::support::client::{Client, text};
use crate::support::documents::{
    ARCHIVE_GIG, CATALOGUE_CHANGED, EDIT_GIG, PAUSE_GIG, RESUME_GIG, SAVE_DRAFT,
};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::reviewing::decide;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::submit_verification;

/// Opens a socket of an anonymous client at the last gateway, and subscribes. Returns it once it gets events.
pub async fn subscribe(app: &TestApp, variables: Value) -> Socket {
    let dispatcher = app.services_b().streams.dispatcher();
    let before = dispatcher.subscriber_count_of(Topic::Catalogue);
    let mut socket = app.gateway_b().socket().await;
    socket.subscribe("s", CATALOGUE_CHANGED, variables).await;
    let is_attached = async || dispatcher.subscriber_count_of(Topic::Catalogue) > before;
    wait_until("the stream is attached", is_attached).await;
    socket
}

/// The change, the id of the gig, and the title of the gig or null.
pub fn summary(event: &Value) -> (String, String, Value) {
    let (change, id) = (text(&event["change"]), text(&event["gigId"]));
    let gig = &event["gig"];
    assert!(gig.is_null() || (gig["id"] == event["gigId"] && gig["status"] == "ACTIVE"), "{event}");
    (change, id, gig["title"].clone())
}

/// Asserts that the next events are these, and no others come.
pub async fn expect(socket: &mut Socket, expected: &[(&str, &str, Option<&str>)]) {
    for (change, id, title) in expected {
        let event = socket.next_event("s").await;
        assert_eq!(summary(&event), ((*change).to_owned(), (*id).to_owned(), json!(title)), "{event}");
    }
    socket.expect_silence("s").await;
}

pub async fn list(app: &TestApp, seller: &TestUser, reviewer: &TestUser, title: &str) -> String {
    let id = seller.post(app.gig_form(title).await).await;
    reviewer.approve(&id).await;
    id
}

pub async fn event_cursor(app: &TestApp, client: &Client) -> Value {
    for services in [app.services(), app.services_b()] {
        until_caught_up(services).await;
    }
    client.run("{ eventCursor }", json!({})).await["eventCursor"].take()
}

pub const SONG: &str = "I will write a song for you";

async fn listed_gigs_are_reported_as_they_come_change_and_go(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut socket = subscribe(&app, json!({})).await;
    // Nobody may know of drafts and gigs in review.
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A draft" } })).await;
    let id = ann.post(app.gig_form(SONG).await).await;
    rita.decide(&id, "REJECT", json!([{ "code": "SPAM" }])).await;
    let id = ann.post(app.gig_form(SONG).await).await;
    socket.expect_silence("s").await;

    rita.approve(&id).await;
    let event = socket.next_event("s").await;
    assert_eq!(summary(&event), ("LISTED".into(), id.clone(), json!(SONG)));
    assert_eq!((&event["delivery"], &event["gig"]["seller"]["displayName"]), (&json!("LIVE"), &json!("Ann")));
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    let event = socket.next_event("s").await;
    assert_eq!(summary(&event), ("UPDATED".into(), id.clone(), json!(SONG)));
    assert_eq!(event["gig"]["seller"]["displayName"], "Anna");
    user_admin::set_points(app.services(), &ann.email, 1_000).await.expect("another level");
    let event = socket.next_event("s").await;
    assert_eq!(summary(&event), ("UPDATED".into(), id.clone(), json!(SONG)));
    let level = event["gig"]["seller"]["level"].as_i64().expect("a level");
    assert!(level > 0, "{event}");
    // The same level and the same name.
    user_admin::set_points(app.services(), &ann.email, 1_001).await.expect("a point more");
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("the same name");
    socket.expect_silence("s").await;

    let pause = json!({ "id": id });
    ann.client.mutate(PAUSE_GIG, pause.clone()).await;
    expect(&mut socket, &[("DELISTED", &id, None)]).await;
    // What is not listed is not reported, even to those who may see it.
    user_admin::set_display_name(app.services(), &ann.email, "Ann").await.expect("another name");
    socket.expect_silence("s").await;
    ann.client.mutate(RESUME_GIG, pause.clone()).await;
    expect(&mut socket, &[("LISTED", &id, Some(SONG))]).await;
    let title = "I will write two songs for you";
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": id, "title": title } })).await;
    expect(&mut socket, &[("DELISTED", &id, None)]).await;
    rita.approve(&id).await;
    expect(&mut socket, &[("LISTED", &id, Some(title))]).await;
    rita.decide(&id, "SUSPEND", json!([{ "code": "SPAM" }])).await;
    expect(&mut socket, &[("DELISTED", &id, None)]).await;
    ann.client.mutate(ARCHIVE_GIG, pause).await;
    socket.expect_silence("s").await;
}

async fn the_verification_and_the_block_of_a_seller_are_reported_for_each_gig(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.admin("Rita").await);
    let first = list(&app, &ann, &rita, SONG).await;
    let second = list(&app, &ann, &rita, "I will write two songs for you").await;
    let other = list(&app, &app.member("Bob").await, &rita, "I will sing for you").await;
    let mut socket = subscribe(&app, json!({})).await;
    let mut changes_of_both = async |change: &str| {
        let mut events = Vec::new();
        for _ in 0..2 {
            let event = socket.next_event("s").await;
            assert_eq!(event["change"], change, "{event}");
            events.push(event);
        }
        events.sort_by_key(|event| text(&event["gigId"]));
        let mut ids = [&first, &second];
        ids.sort();
        assert_eq!([text(&events[0]["gigId"]), text(&events[1]["gigId"])], ids.map(String::clone));
        socket.expect_silence("s").await;
        events
    };
    let (id, version) = submit_verification(&ann, "P1234567", 1).await;
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    for event in changes_of_both("UPDATED").await {
        assert_eq!(event["gig"]["seller"]["verified"], true, "{event}");
    }
    let reasons = json!([{ "code": "SANCTIONED" }]);
    decide(&rita.client, &id, "REVOKE", version + 1, &reasons).await;
    for event in changes_of_both("UPDATED").await {
        assert_eq!(event["gig"]["seller"]["verified"], false, "{event}");
    }
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    assert!(changes_of_both("DELISTED").await.iter().all(|event| event["gig"].is_null()));
    user_admin::unblock(app.services(), &ann.email).await.expect("unblocked");
    assert!(changes_of_both("LISTED").await.iter().all(|event| event["gig"].is_object()));
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert!(changes_of_both("DELISTED").await.iter().all(|event| event["gig"].is_null()));
    let bob = app.sign_in("bob@example.com").await;
    bob.client.mutate(PAUSE_GIG, json!({ "id": other })).await;
    assert_eq!(socket.next_event("s").await["gigId"], json!(other));
}

/// A revoked verification pauses the gigs of sellers who need one. The others stay listed.
async fn a_gig_that_is_delisted_with_its_seller_is_not_updated(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.admin("Rita").await);
    let (id, version) = submit_verification(&ann, "P1234567", 1).await;
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    // Level 5, from which a verified identity is required.
    user_admin::set_points(app.services(), &ann.email, 11_180).await.expect("set");
    let gig = list(&app, &ann, &rita, SONG).await;
    let mut socket = subscribe(&app, json!({})).await;
    let reasons = json!([{ "code": "SANCTIONED" }]);
    decide(&rita.client, &id, "REVOKE", version + 1, &reasons).await;
    expect(&mut socket, &[("DELISTED", &gig, None)]).await;
}

async fn a_client_with_a_filter_gets_what_it_needs_to_remove_a_gig(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.admin("Rita").await);
    let (id, version) = submit_verification(&ann, "P1234567", 1).await;
    let mut verified = subscribe(&app, json!({ "where": { "sellerVerified": true } })).await;
    let mut cheap = subscribe(&app, json!({ "where": { "maxPrice": "30" } })).await;
    let mut both = subscribe(&app, json!({ "where": { "maxPrice": "30", "sellerVerified": true } })).await;
    let of_others = json!({ "where": { "seller": rita.id } });
    let mut of_others = subscribe(&app, of_others).await;
    let gig = list(&app, &ann, &rita, SONG).await;
    let title = Some(SONG);
    expect(&mut cheap, &[("LISTED", &gig, title)]).await;
    for socket in [&mut verified, &mut both] {
        socket.expect_silence("s").await;
    }
    // A seller can make a gig match, and no longer match, while it stays ACTIVE.
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    for socket in [&mut verified, &mut cheap, &mut both] {
        expect(socket, &[("UPDATED", &gig, title)]).await;
    }
    let reasons = json!([{ "code": "SANCTIONED" }]);
    decide(&rita.client, &id, "REVOKE", version + 1, &reasons).await;
    expect(&mut cheap, &[("UPDATED", &gig, title)]).await;
    for socket in [&mut verified, &mut both] {
        expect(socket, &[("UPDATED", &gig, None)]).await;
    }
    // An event of the past has no content, so every gig that goes is reported.
    let input = json!({ "input": { "id": gig, "price": "100.00" } });
    ann.client.mutate(EDIT_GIG, input).await;
    for socket in [&mut verified, &mut cheap, &mut both, &mut of_others] {
        expect(socket, &[("DELISTED", &gig, None)]).await;
    }
    rita.approve(&gig).await;
    user_admin::set_display_name(app.services(), &ann.email, "Anna").await.expect("another name");
    for socket in [&mut cheap, &mut both, &mut of_others] {
        socket.expect_silence("s").await;
    }
    // Neither the seller nor the content matches, so the client cannot have it.
    expect(&mut verified, &[("UPDATED", &gig, None)]).await;
}

async fn a_gig_whose_seller_falls_below_the_level_of_a_filter_can_be_removed(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let set_points = async |points: i64| {
        user_admin::set_points(app.services(), &ann.email, points).await.expect("points");
    };
    let mut socket = subscribe(&app, json!({ "where": { "sellerMinLevel": 2 } })).await;
    let gig = list(&app, &ann, &rita, SONG).await;
    socket.expect_silence("s").await;
    set_points(5_000).await;
    expect(&mut socket, &[("UPDATED", &gig, Some(SONG))]).await;
    set_points(1_000).await;
    expect(&mut socket, &[("UPDATED", &gig, None)]).await;
}

/// The gig left and came back before the client reads about it. Its filter does not match any more.
async fn a_replayed_event_shows_a_gig_only_if_it_matches_now(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    let after = event_cursor(&app, &app.gateway_b()).await;
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": gig, "price": "100.00" } })).await;
    rita.approve(&gig).await;
    let filter = json!({ "maxPrice": "30" });
    let mut filtered = subscribe(&app, json!({ "after": after, "where": filter })).await;
    expect(&mut filtered, &[("DELISTED", &gig, None)]).await;
    let mut all = subscribe(&app, json!({ "after": after })).await;
    expect(&mut all, &[("DELISTED", &gig, Some(SONG)), ("LISTED", &gig, Some(SONG))]).await;
}

async fn the_seller_and_reviewers_see_what_everybody_sees(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = list(&app, &ann, &rita, SONG).await;
    for client in [ann.at(&app.gateway_b()), rita.at(&app.gateway_b()), app.gateway_b()] {
        let after = event_cursor(&app, &client).await;
        ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
        let mut socket = client.socket().await;
        socket.subscribe("s", CATALOGUE_CHANGED, json!({ "after": after })).await;
        expect(&mut socket, &[("DELISTED", &gig, None)]).await;
        ann.client.mutate(RESUME_GIG, json!({ "id": gig })).await;
        expect(&mut socket, &[("LISTED", &gig, Some(SONG))]).await;
        socket.close().await;
    }
    let dispatcher = app.services_b().streams.dispatcher();
    wait_until("all are gone", async || dispatcher.subscriber_count_of(Topic::Catalogue) == 0).await;
    // Fields that depend on the viewer are resolved for each.
    let query = "subscription { catalogueChanged { gig { id reviewReasons { code } reviewDueAt } } }";
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("s", query, json!({})).await;
    let mut anonymous = app.gateway_b().socket().await;
    anonymous.subscribe("s", query, json!({})).await;
    wait_until("both are attached", async || dispatcher.subscriber_count_of(Topic::Catalogue) == 2).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
    for socket in [&mut socket, &mut anonymous] {
        assert_eq!(socket.next_event("s").await, json!({ "gig": null }));
    }
    ann.client.mutate(RESUME_GIG, json!({ "id": gig })).await;
    for socket in [&mut socket, &mut anonymous] {
        assert_eq!(socket.next_event("s").await["gig"]["id"], json!(gig));
    }
}

on_both_back_ends!(
    listed_gigs_are_reported_as_they_come_change_and_go,
    the_verification_and_the_block_of_a_seller_are_reported_for_each_gig,
    a_gig_that_is_delisted_with_its_seller_is_not_updated,
    a_client_with_a_filter_gets_what_it_needs_to_remove_a_gig,
    a_gig_whose_seller_falls_below_the_level_of_a_filter_can_be_removed,
    a_replayed_event_shows_a_gig_only_if_it_matches_now,
    the_seller_and_reviewers_see_what_everybody_sees,
);
