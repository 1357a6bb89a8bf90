//! The gigs of a blocked seller: nobody finds them, and they come back when the seller is unblocked.

use gigway::service::user_admin;
use gigway::store::event_log;
use serde_json::{Value, json};

use crate::response_cache::until_caught_up;
use crate::support::client::Client;
use crate::support::documents::{DECIDE_GIG, GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// Everything that shows gigs to others.
const PUBLIC_DATA: &str = "query($gig: ID!, $seller: ID!) {
    gigs(first: 20) { totalCount nodes { id title version publishedAt seller { id } images { id } }
        facets { categories { count } priceRanges { count } tags { tag count } } }
    search: gigs(search: \"song\", orderBy: RELEVANCE) { totalCount nodes { id } }
    mistyped: gigs(search: \"zithar\") { totalCount nodes { id } }
    bySeller: gigs(where: { seller: $seller }) { totalCount nodes { id } }
    gig(id: $gig) { id } node(id: $gig) { id } nodes(ids: [$gig]) { id }
    user: node(id: $seller) { ... on User { displayName gigs { totalCount nodes { id } } } } }";

async fn post(app: &TestApp, seller: &TestUser, title: &str) -> (String, String) {
    let image = seller.client.upload_image(small_png()).await;
    let mut form = app.gig_form(title).await;
    form["imageIds"] = json!([image]);
    form["tags"] = json!(["zither"]);
    (seller.post(form).await, image)
}

async fn public_data(app: &TestApp, client: &Client, gig: &str, seller: &TestUser) -> Value {
    for services in [app.services(), app.services_b()] {
        until_caught_up(services).await;
    }
    client.run(PUBLIC_DATA, json!({ "gig": gig, "seller": seller.id })).await
}

/// The public data without the versions, which change with every change of status.
fn without_versions(mut data: Value) -> Value {
    for gig in data["gigs"]["nodes"].as_array_mut().expect("a list") {
        gig["version"].take();
    }
    data
}

async fn newest_position(app: &TestApp) -> i64 {
    event_log::newest_position(app.services().db.read()).await.expect("a position")
}

async fn the_gigs_of_a_blocked_seller_leave_and_come_back(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let (first, image) = post(&app, &ann, "I will write a song for you").await;
    let (second, _) = post(&app, &ann, "I will play a zither for you").await;
    let (paused, _) = post(&app, &ann, "I will sing a song for you").await;
    let (of_bob, _) = post(&app, &bob, "I will write a song, too").await;
    for id in [&first, &second, &paused, &of_bob] {
        rita.approve(id).await;
    }
    ann.client.mutate(PAUSE_GIG, json!({ "id": paused })).await;
    let gateways = [app.gateway_a(), app.gateway_b(), bob.at(&app.gateway_b())];
    let mut before = Vec::new();
    for client in &gateways {
        before.push(public_data(&app, client, &first, &ann).await);
    }
    assert_eq!(before[0]["gigs"]["totalCount"], 3);
    assert_eq!(before[0]["mistyped"]["totalCount"], 3);
    let mut socket = rita.at(&app.gateway_b()).socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": first })).await;
    assert_eq!(socket.next_event("gig").await["delivery"], "SNAPSHOT");

    let position = newest_position(&app).await;
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    // Two gigs, the session, and the role that connections check again.
    assert_eq!(newest_position(&app).await - position, 4);
    assert_eq!(socket.next_event("gig").await["status"], "PAUSED");
    for client in &gateways {
        let data = public_data(&app, client, &first, &ann).await;
        assert_eq!(data["gigs"]["totalCount"], 1, "{data}");
        assert_eq!(data["gigs"]["nodes"][0]["id"], json!(of_bob));
        assert_eq!(data["gigs"]["facets"]["tags"], json!([{ "tag": "zither", "count": 1 }]));
        assert_eq!(data["search"]["nodes"], json!([{ "id": of_bob }]));
        assert_eq!(data["bySeller"], json!({ "totalCount": 0, "nodes": [] }));
        assert!(data["gig"].is_null() && data["node"].is_null() && data["nodes"][0].is_null(), "{data}");
        assert_eq!(data["user"]["gigs"], json!({ "totalCount": 0, "nodes": [] }));
        assert_eq!(client.fetch(&format!("/media/{image}.jpg")).await.0, 404);
    }
    assert_eq!(rita.status(&first).await, "PAUSED");
    // Blocking again changes nothing.
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    assert_eq!(rita.status(&first).await, "PAUSED");

    let mut feed = app.gateway_b().socket().await;
    feed.subscribe("feed", GIG_PUBLISHED, json!({ "where": { "seller": ann.id } })).await;
    let position = newest_position(&app).await;
    user_admin::unblock(app.services(), &ann.email).await.expect("unblocked");
    assert_eq!(newest_position(&app).await - position, 2);
    assert_eq!(socket.next_event("gig").await["status"], "ACTIVE");
    for (client, before) in gateways.iter().zip(before) {
        let data = public_data(&app, client, &first, &ann).await;
        assert_eq!(without_versions(data), without_versions(before));
        assert_eq!(client.fetch(&format!("/media/{image}.jpg")).await.0, 200);
    }
    assert_eq!(feed.next_event("feed").await["gig"]["seller"]["displayName"], "Ann");
    // What the seller had paused stays so.
    assert_eq!(rita.status(&paused).await, "PAUSED");
    let ann = app.sign_in(&ann.email).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": first })).await;
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    user_admin::unblock(app.services(), &ann.email).await.expect("unblocked");
    assert_eq!(rita.status(&first).await, "PAUSED");
    assert_eq!(rita.status(&second).await, "ACTIVE");
}

async fn no_gig_of_a_blocked_seller_becomes_public(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (listed, _) = post(&app, &ann, "I will write a song for you").await;
    rita.approve(&listed).await;
    let (waiting, _) = post(&app, &ann, "I will sing a song for you").await;
    let (rejected, _) = post(&app, &ann, "I will hum a song for you").await;
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A draft" } })).await;
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    let input = json!({ "gigId": waiting, "decision": "APPROVE", "expectedVersion": 1, "reasons": [] });
    let refused = rita.client.mutation_errors(DECIDE_GIG, json!({ "input": input })).await;
    assert_eq!(refused, [("NOT_ALLOWED".to_owned(), String::new())]);
    let reasons = json!([{ "code": "CONTACT_DETAILS", "field": ["description"] }]);
    assert_eq!(rita.decide(&rejected, "REJECT", reasons.clone()).await["status"], "REJECTED");
    assert_eq!(rita.decide(&listed, "SUSPEND", reasons).await["status"], "SUSPENDED");
    user_admin::unblock(app.services(), &ann.email).await.expect("unblocked");
    assert_eq!(rita.status(&listed).await, "SUSPENDED");
    rita.approve(&waiting).await;
    assert_eq!(rita.status(&waiting).await, "ACTIVE");
}

/// A seller who has lost the right to sell does not get it back by being blocked and unblocked.
async fn gigs_of_an_unverified_seller_stay_paused(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, _) = post(&app, &ann, "I will write a song for you").await;
    rita.approve(&id).await;
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    // Level 5, from which a verified identity is required.
    user_admin::set_points(app.services(), &ann.email, 11_180).await.expect("set");
    user_admin::unblock(app.services(), &ann.email).await.expect("unblocked");
    assert_eq!(rita.status(&id).await, "PAUSED");
    app.sign_in(&ann.email).await;
}

on_both_back_ends!(
    the_gigs_of_a_blocked_seller_leave_and_come_back,
    no_gig_of_a_blocked_seller_becomes_public,
    gigs_of_an_unverified_seller_stay_paused,
);
