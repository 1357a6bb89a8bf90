//! The main scenario from end to end: a user signs up and posts a gig; it is reviewed, published and found.

use image::ImageFormat;
use serde_json::json;

use crate::support::documents::{DECIDE_GIG, GIG_PUBLISHED, GIG_STATUS_CHANGED, POST_GIG, SIGN_UP};
use crate::support::sample_images::sample_image;
use crate::support::test_app::TestApp;
use crate::support::{client::text, on_both_back_ends};

const FIND: &str = "query($where: GigFilter, $search: String) {
    gigs(where: $where, search: $search) { totalCount nodes { id title } } }";

async fn a_new_user_posts_a_gig_and_everybody_finds_it_once_approved(app: TestApp) {
    // A user signs up and uploads five images.
    let input = json!({ "input": {
        "email": "Ann@Example.com", "password": "long enough", "displayName": "Ann" } });
    let session = app.gateway_a().mutate(SIGN_UP, input).await["session"].take();
    assert_eq!(session["viewer"]["role"], "MEMBER");
    let ann = app.gateway_a().with_token(&text(&session["accessToken"]));
    let mut images = Vec::new();
    for format in
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Png, ImageFormat::Jpeg]
    {
        images.push(ann.upload_image(sample_image(320, 240, format)).await);
    }

    // An anonymous client subscribes to published gigs, at the other gateway if there are two.
    let mut anonymous = app.gateway_b().socket().await;
    anonymous.subscribe("live", GIG_PUBLISHED, json!({})).await;

    let mut form = app.gig_form("I will compose a zither waltz").await;
    let category = form["category"].clone();
    form["imageIds"] = json!(images);
    form["links"] = json!((1..=5).map(|n| format!("https://example.com/{n}")).collect::<Vec<_>>());
    form["tags"] = json!(["zither", "Waltz"]);
    let gig = ann.mutate(POST_GIG, json!({ "input": form })).await["gig"].take();
    let id = text(&gig["id"]);
    assert_eq!((gig["status"].as_str(), gig["version"].as_i64()), (Some("IN_REVIEW"), Some(1)));
    assert_eq!(gig["images"].as_array().map(Vec::len), Some(5));
    assert!(gig["reviewDueAt"].is_string() && gig["publishedAt"].is_null(), "{gig}");

    // It is not listed yet, neither by category nor by search.
    let by_category = json!({ "where": { "category": [category] } });
    let by_word = json!({ "search": "zither" });
    for filter in [&by_category, &by_word] {
        let data = app.gateway_b().run(FIND, filter.clone()).await;
        assert_eq!(data["gigs"]["totalCount"], 0, "{filter}");
    }

    // Ann subscribes to its status, also at the other gateway.
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("mine", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    let snapshot = subscriber.next_event("mine").await;
    assert_eq!((&snapshot["delivery"], &snapshot["status"]), (&json!("SNAPSHOT"), &json!("IN_REVIEW")));

    // A reviewer approves it.
    let rita = app.reviewer("Rita").await;
    let input = json!({ "gigId": id, "decision": "APPROVE", "expectedVersion": 1 });
    rita.client.mutate(DECIDE_GIG, json!({ "input": input })).await;

    let event = subscriber.next_event("mine").await;
    assert_eq!(event["delivery"], "LIVE");
    assert_eq!((&event["previousStatus"], &event["status"]), (&json!("IN_REVIEW"), &json!("ACTIVE")));
    assert_eq!((&event["version"], &event["gig"]["status"]), (&json!(2), &json!("ACTIVE")));
    let published = anonymous.next_event("live").await;
    assert_eq!(
        (text(&published["gigId"]), text(&published["gig"]["seller"]["displayName"])),
        (id.clone(), "Ann".into())
    );

    for filter in [&by_category, &by_word] {
        let data = app.gateway_b().run(FIND, filter.clone()).await;
        assert_eq!(data["gigs"]["nodes"][0]["id"], json!(id), "{filter}");
        assert_eq!(data["gigs"]["totalCount"], 1, "{filter}");
    }
}

on_both_back_ends!(a_new_user_posts_a_gig_and_everybody_finds_it_once_approved);
