//! What sellers do with their gigs.

use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, RESUME_GIG, SAVE_DRAFT};
use crate::support::pictures::small;
use crate::support::test_app::TestApp;
use crate::support::{on_both_back_ends, test_users::TestUser};

const MINE: &str = "query($status: [GigStatus!]) { viewer { gigs(status: $status) { totalCount nodes {
    id status version title } } } }";

fn pair(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

/// How many gigs this person has.
async fn own(person: &TestUser) -> i64 {
    let data = person.client.run(MINE, json!({})).await;
    data["viewer"]["gigs"]["totalCount"].as_i64().expect("a number")
}

async fn every_fault_of_a_form_is_told_at_once_and_nothing_is_made(app: TestApp) {
    let ann = app.member("Ann").await;
    let form = json!({
        "title": "short",
        "description": "x".repeat(2049),
        "category": "cat_00000000000000000000000000",
        "price": "0.50",
        "deliveryDays": 0,
        "revisions": 21,
        "tags": ["ok", "OK", "x"],
        "links": ["http://example.com"],
        "imageIds": ["img_00000000000000000000000000"],
    });
    let faults = ann.client.refused(POST_GIG, json!({ "input": form })).await;
    let expected = [
        pair("TOO_SHORT", "title"),
        pair("TOO_LONG", "description"),
        pair("NOT_FOUND", "category"),
        pair("OUT_OF_RANGE", "deliveryDays"),
        pair("OUT_OF_RANGE", "revisions"),
        pair("DUPLICATE", "tags.1"),
        pair("TOO_SHORT", "tags.2"),
        pair("INVALID", "links.0"),
        pair("NOT_FOUND", "imageIds.0"),
    ];
    assert_eq!(faults, expected);
    assert_eq!(own(&ann).await, 0);
}

async fn each_limit_of_the_form_has_its_own_error(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut images = Vec::new();
    for _ in 0..6 {
        images.push(ann.client.upload_picture(small()).await);
    }
    let links: Vec<_> = (1..=6).map(|n| format!("https://example.com/{n}")).collect();
    let good = app.gig_form("I will write a song for you").await;
    let cases: [(&str, Value, &str, &str); 8] = [
        ("description", json!("x".repeat(2049)), "TOO_LONG", "2048"),
        ("imageIds", json!(images), "TOO_MANY", "5"),
        ("links", json!(links), "TOO_MANY", "5"),
        ("price", json!("0.99"), "OUT_OF_RANGE", "1.00"),
        ("price", json!("10000.01"), "OUT_OF_RANGE", "10000.00"),
        ("title", json!("x".repeat(121)), "TOO_LONG", "120"),
        ("tags", json!((0..16).map(|n| format!("tag {n}")).collect::<Vec<_>>()), "TOO_MANY", "15"),
        ("deliveryDays", json!(91), "OUT_OF_RANGE", "90"),
    ];
    for (field, value, code, limit) in cases {
        let mut form = good.clone();
        form[field] = value;
        let data = ann.client.run(POST_GIG, json!({ "input": form })).await;
        let errors = &data["postGig"]["errors"];
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{field}: {errors}");
        assert_eq!((&errors[0]["code"], &errors[0]["field"]), (&json!(code), &json!([field])), "{errors}");
        assert!(text(&errors[0]["message"]).contains(limit), "{errors}");
    }
    assert_eq!(own(&ann).await, 0);
    let mut form = good;
    form["description"] = json!("é".repeat(2048));
    form["imageIds"] = json!(images[..5]);
    form["links"] = json!(links[..5]);
    ann.post(form).await;
}

async fn a_draft_grows_and_is_posted(app: TestApp) {
    let ann = app.member("Ann").await;
    let payload = ann.client.done(SAVE_DRAFT, json!({ "input": { "title": "Song" } })).await;
    let draft = &payload["gig"];
    assert_eq!((&draft["status"], &draft["version"]), (&json!("DRAFT"), &json!(1)));
    let id = text(&draft["id"]);
    let image = ann.client.upload_picture(small()).await;
    let more = json!({ "id": id, "title": "I will write a song", "tags": ["song"], "imageIds": [image],
                       "links": ["https://example.com/a"] });
    let payload = ann.client.done(SAVE_DRAFT, json!({ "input": more })).await;
    assert_eq!(payload["gig"]["version"], 2);
    assert_eq!(payload["gig"]["images"][0]["id"], json!(image));

    let mut form = app.gig_form("I will write a song for you").await;
    form["draftId"] = json!(id);
    let payload = ann.client.done(POST_GIG, json!({ "input": form })).await;
    let gig = &payload["gig"];
    assert_eq!(
        (text(&gig["id"]), &gig["status"], &gig["version"]),
        (id.clone(), &json!("IN_REVIEW"), &json!(3))
    );
    assert_eq!((&gig["tags"], &gig["links"]), (&json!(["song"]), &json!(["https://example.com/a"])));
    assert_eq!(gig["images"][0]["id"], json!(image));
    assert_eq!(own(&ann).await, 1);
    let again = ann.client.refused(POST_GIG, json!({ "input": form })).await;
    assert_eq!(again, [pair("INVALID_TRANSITION", "")]);
    let draft = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(ann.client.refused(SAVE_DRAFT, draft).await, [pair("INVALID_TRANSITION", "")]);
}

async fn a_listed_gig_is_paused_resumed_edited_and_archived(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let named = json!({ "id": id });
    assert_eq!(ann.client.refused(PAUSE_GIG, named.clone()).await, [pair("INVALID_TRANSITION", "")]);
    rita.approve(&id).await;
    for (act, status, version) in [(PAUSE_GIG, "PAUSED", 3), (RESUME_GIG, "ACTIVE", 4)] {
        let payload = ann.at(&app.gateway_b()).done(act, named.clone()).await;
        assert_eq!(payload["gig"], json!({ "id": id, "status": status, "version": version }));
    }
    let edit = json!({ "id": id, "title": "I will write a better song", "expectedVersion": 3 });
    let stale = ann.client.refused(EDIT_GIG, json!({ "input": edit })).await;
    assert_eq!(stale, [pair("STALE_VERSION", "expectedVersion")]);
    let edit = json!({ "id": id, "title": "I will write a better song", "expectedVersion": 4 });
    let payload = ann.client.done(EDIT_GIG, json!({ "input": edit })).await;
    assert_eq!((&payload["gig"]["status"], &payload["gig"]["version"]), (&json!("IN_REVIEW"), &json!(5)));
    let short = json!({ "id": id, "title": "short" });
    rita.approve(&id).await;
    let refused = ann.client.refused(EDIT_GIG, json!({ "input": short })).await;
    assert_eq!(refused, [pair("TOO_SHORT", "title")]);
    assert_eq!(ann.status(&id).await, "ACTIVE");
    ann.client.done(ARCHIVE_GIG, named.clone()).await;
    assert_eq!(ann.client.refused(ARCHIVE_GIG, named).await, [pair("INVALID_TRANSITION", "")]);
}

async fn a_gig_that_waits_for_review_can_be_withdrawn(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.queue_item(&id).await;
    ann.client.done(ARCHIVE_GIG, json!({ "id": id })).await;
    let queue = rita.client.run("{ reviewQueue { totalCount } }", json!({})).await;
    assert_eq!(queue["reviewQueue"]["totalCount"], 0);
}

async fn a_gig_rejected_for_good_is_not_edited(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&id, "REJECT", json!([{ "code": "SPAM" }])).await;
    let edit = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(ann.client.refused(EDIT_GIG, edit).await, [pair("INVALID_TRANSITION", "")]);
    let other = ann.post(app.gig_form("I will write another song").await).await;
    rita.decide(&other, "REJECT", json!([{ "code": "LANGUAGE" }])).await;
    let edit = json!({ "input": { "id": other, "title": "I will write two songs" } });
    ann.client.done(EDIT_GIG, edit).await;
    assert_eq!(ann.status(&other).await, "IN_REVIEW");
}

async fn a_seller_has_at_most_twenty_gigs_that_are_not_archived(app: TestApp) {
    let ann = app.member("Ann").await;
    let draft = json!({ "input": { "title": "Song" } });
    let attempts = (0..22).map(|_| {
        let (client, draft) = (ann.at(&app.gateway_b()), draft.clone());
        async move { client.run(SAVE_DRAFT, draft).await["saveGigDraft"].take() }
    });
    let saved = futures_util::future::join_all(attempts).await;
    let made: Vec<_> = saved.iter().filter(|payload| !payload["gig"].is_null()).collect();
    assert_eq!(made.len(), 20);
    let refused = saved.iter().find(|payload| payload["gig"].is_null()).expect("two are refused");
    assert_eq!(refused["errors"][0]["code"], "LIMIT_REACHED");
    ann.client.done(ARCHIVE_GIG, json!({ "id": made[0]["gig"]["id"] })).await;
    ann.client.done(SAVE_DRAFT, draft).await;
}

async fn fifty_people_post_at_once(app: TestApp) {
    let ann = app.member("Ann").await;
    let bob = app.member("Bob").await;
    let cid = app.member("Cid").await;
    let form = app.gig_form("I will write a song for you").await;
    let posts = (0..51).map(|number| {
        let person = [&ann, &bob, &cid][number % 3];
        let (client, form) = (person.at(&app.gateway_b()), form.clone());
        async move { client.done(POST_GIG, json!({ "input": form })).await }
    });
    let posted = futures_util::future::join_all(posts).await;
    assert_eq!(posted.len(), 51);
    assert_eq!(own(&ann).await + own(&bob).await + own(&cid).await, 51);
}

async fn what_belongs_to_somebody_else_is_not_there(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let payload = ann.client.done(SAVE_DRAFT, json!({ "input": { "title": "Song" } })).await;
    let id = text(&payload["gig"]["id"]);
    for act in [PAUSE_GIG, RESUME_GIG, ARCHIVE_GIG] {
        assert_eq!(bob.client.refused(act, json!({ "id": id })).await, [pair("NOT_FOUND", "id")]);
    }
    let edit = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(bob.client.refused(EDIT_GIG, edit).await, [pair("NOT_FOUND", "id")]);
    let save = json!({ "input": { "id": id, "title": "Mine now" } });
    assert_eq!(bob.client.refused(SAVE_DRAFT, save).await, [pair("NOT_FOUND", "id")]);
    let mut form = app.gig_form("I will write a song for you").await;
    form["draftId"] = json!(id);
    assert_eq!(bob.client.refused(POST_GIG, json!({ "input": form })).await, [pair("NOT_FOUND", "draftId")]);
    let image = ann.client.upload_picture(small()).await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!([image]);
    let refused = bob.client.refused(POST_GIG, json!({ "input": form })).await;
    assert_eq!(refused, [pair("NOT_FOUND", "imageIds.0")]);
    assert_eq!(own(&bob).await, 0);
    for wrong in [ann.id.as_str(), "gig_00000000000000000000000000", "gig_x", ""] {
        assert_eq!(ann.client.refused(ARCHIVE_GIG, json!({ "id": wrong })).await, [pair("NOT_FOUND", "id")]);
    }
    let gig = ann.client.run(MINE, json!({ "status": ["DRAFT"] })).await["viewer"]["gigs"]["nodes"][0].take();
    assert_eq!(gig, json!({ "id": id, "status": "DRAFT", "version": 1, "title": "Song" }));
}

async fn a_price_is_a_string_and_exact(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut form = app.gig_form("I will write a song for you").await;
    for wrong in [json!(12.5), json!("12,50"), json!("")] {
        form["price"] = wrong;
        let codes = ann.client.error_codes(POST_GIG, json!({ "input": form })).await;
        assert!(codes == ["BAD_USER_INPUT"] || codes == ["GRAPHQL_VALIDATION_FAILED"], "{codes:?}");
    }
    form["price"] = json!("12.505");
    assert_eq!(ann.client.refused(POST_GIG, json!({ "input": form })).await, [pair("INVALID", "price")]);
    form["price"] = json!("12.5");
    let id = ann.post(form).await;
    let read = "query($id: ID!) { gig(id: $id) { price { amount currencyCode } } }";
    let gig = ann.client.run(read, json!({ "id": id })).await;
    assert_eq!(gig["gig"]["price"], json!({ "amount": "12.50", "currencyCode": "USD" }));
}

on_both_back_ends!(
    every_fault_of_a_form_is_told_at_once_and_nothing_is_made,
    each_limit_of_the_form_has_its_own_error,
    a_draft_grows_and_is_posted,
    a_listed_gig_is_paused_resumed_edited_and_archived,
    a_gig_that_waits_for_review_can_be_withdrawn,
    a_gig_rejected_for_good_is_not_edited,
    a_seller_has_at_most_twenty_gigs_that_are_not_archived,
    fifty_people_post_at_once,
    what_belongs_to_somebody_else_is_not_there,
    a_price_is_a_string_and_exact,
);
