//! What sellers do with their gigs: drafts, posting, editing, pausing, archiving, and the limits of the form.

use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, RESUME_GIG, SAVE_DRAFT};
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::{on_both_back_ends, test_users::TestUser};

const OWN_GIGS: &str = "query($status: [GigStatus!]) { viewer { gigs(status: $status) { totalCount nodes {
    id status version title } } } }";

fn violation(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

/// The number of the user's gigs.
async fn count_gigs(user: &TestUser) -> i64 {
    let data = user.client.run(OWN_GIGS, json!({})).await;
    data["viewer"]["gigs"]["totalCount"].as_i64().expect("a number")
}

async fn an_invalid_form_reports_every_violation_and_creates_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let form = json!({
        "title": "short",
        "description": "x".repeat(2049),
        "category": "cat_00000000000000000000000000",
        "price": "0.50",
        "deliveryDays": 0,
        "revisions": 21,
        "tags": ["ok", "OK", ""],
        "links": ["http://example.com"],
        "imageIds": ["img_00000000000000000000000000"],
    });
    let violations = ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
    let expected = [
        violation("TOO_SHORT", "title"),
        violation("TOO_LONG", "description"),
        violation("NOT_FOUND", "category"),
        violation("OUT_OF_RANGE", "deliveryDays"),
        violation("OUT_OF_RANGE", "revisions"),
        violation("DUPLICATE", "tags.1"),
        violation("REQUIRED", "tags.2"),
        violation("INVALID", "links.0"),
        violation("NOT_FOUND", "imageIds.0"),
    ];
    assert_eq!(violations, expected);
    assert_eq!(count_gigs(&ann).await, 0);
}

async fn each_limit_of_the_form_has_its_own_error(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut images = Vec::new();
    for _ in 0..6 {
        images.push(ann.client.upload_image(small_png()).await);
    }
    let links: Vec<_> = (1..=6).map(|n| format!("https://example.com/{n}")).collect();
    let valid = app.gig_form("I will write a song for you").await;
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
        let mut form = valid.clone();
        form[field] = value;
        let data = ann.client.run(POST_GIG, json!({ "input": form })).await;
        let errors = &data["postGig"]["errors"];
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{field}: {errors}");
        assert_eq!((&errors[0]["code"], &errors[0]["field"]), (&json!(code), &json!([field])), "{errors}");
        assert!(text(&errors[0]["message"]).contains(limit), "{errors}");
    }
    assert_eq!(count_gigs(&ann).await, 0);
    let mut form = valid;
    form["description"] = json!("é".repeat(2048));
    form["imageIds"] = json!(images[..5]);
    form["links"] = json!(links[..5]);
    ann.post(form).await;
}

async fn a_draft_is_saved_again_and_then_posted(app: TestApp) {
    let ann = app.member("Ann").await;
    let payload = ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "Song" } })).await;
    let draft = &payload["gig"];
    assert_eq!((&draft["status"], &draft["version"]), (&json!("DRAFT"), &json!(1)));
    let id = text(&draft["id"]);
    let image = ann.client.upload_image(small_png()).await;
    let changes = json!({ "id": id, "title": "I will write a song", "tags": ["song"], "imageIds": [image],
                       "links": ["https://example.com/a"] });
    let payload = ann.client.mutate(SAVE_DRAFT, json!({ "input": changes })).await;
    assert_eq!(payload["gig"]["version"], 2);
    assert_eq!(payload["gig"]["images"][0]["id"], json!(image));

    let mut form = app.gig_form("I will write a song for you").await;
    form["draftId"] = json!(id);
    let payload = ann.client.mutate(POST_GIG, json!({ "input": form })).await;
    let gig = &payload["gig"];
    assert_eq!(
        (text(&gig["id"]), &gig["status"], &gig["version"]),
        (id.clone(), &json!("IN_REVIEW"), &json!(3))
    );
    assert_eq!((&gig["tags"], &gig["links"]), (&json!(["song"]), &json!(["https://example.com/a"])));
    assert_eq!(gig["images"][0]["id"], json!(image));
    assert_eq!(count_gigs(&ann).await, 1);
    let refused = ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "")]);
    let draft = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(ann.client.mutation_errors(SAVE_DRAFT, draft).await, [violation("INVALID_TRANSITION", "")]);
}

async fn a_listed_gig_can_be_paused_resumed_edited_and_archived(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let variables = json!({ "id": id });
    assert_eq!(
        ann.client.mutation_errors(PAUSE_GIG, variables.clone()).await,
        [violation("INVALID_TRANSITION", "")]
    );
    rita.approve(&id).await;
    for (mutation, status, version) in [(PAUSE_GIG, "PAUSED", 3), (RESUME_GIG, "ACTIVE", 4)] {
        let payload = ann.at(&app.gateway_b()).mutate(mutation, variables.clone()).await;
        assert_eq!(payload["gig"], json!({ "id": id, "status": status, "version": version }));
    }
    let edit = json!({ "id": id, "title": "I will write a better song", "expectedVersion": 3 });
    let stale = ann.client.mutation_errors(EDIT_GIG, json!({ "input": edit })).await;
    assert_eq!(stale, [violation("STALE_VERSION", "expectedVersion")]);
    let edit = json!({ "id": id, "title": "I will write a better song", "expectedVersion": 4 });
    let payload = ann.client.mutate(EDIT_GIG, json!({ "input": edit })).await;
    assert_eq!((&payload["gig"]["status"], &payload["gig"]["version"]), (&json!("IN_REVIEW"), &json!(5)));
    let too_short = json!({ "id": id, "title": "short" });
    rita.approve(&id).await;
    let refused = ann.client.mutation_errors(EDIT_GIG, json!({ "input": too_short })).await;
    assert_eq!(refused, [violation("TOO_SHORT", "title")]);
    assert_eq!(ann.status(&id).await, "ACTIVE");
    ann.client.mutate(ARCHIVE_GIG, variables.clone()).await;
    assert_eq!(
        ann.client.mutation_errors(ARCHIVE_GIG, variables).await,
        [violation("INVALID_TRANSITION", "")]
    );
}

async fn archiving_a_gig_in_review_removes_it_from_the_queue(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.queue_item(&id).await;
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": id })).await;
    let queue = rita.client.run("{ reviewQueue { totalCount } }", json!({})).await;
    assert_eq!(queue["reviewQueue"]["totalCount"], 0);
}

async fn a_gig_rejected_for_a_final_reason_cannot_be_edited(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&id, "REJECT", json!([{ "code": "SPAM" }])).await;
    let edit = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(ann.client.mutation_errors(EDIT_GIG, edit).await, [violation("INVALID_TRANSITION", "")]);
    let other = ann.post(app.gig_form("I will write another song").await).await;
    rita.decide(&other, "REJECT", json!([{ "code": "LANGUAGE" }])).await;
    let edit = json!({ "input": { "id": other, "title": "I will write two songs" } });
    ann.client.mutate(EDIT_GIG, edit).await;
    assert_eq!(ann.status(&other).await, "IN_REVIEW");
}

async fn a_seller_can_have_at_most_twenty_unarchived_gigs(app: TestApp) {
    let ann = app.member("Ann").await;
    let draft = json!({ "input": { "title": "Song" } });
    let attempts = (0..22).map(|_| {
        let (client, draft) = (ann.at(&app.gateway_b()), draft.clone());
        async move { client.run(SAVE_DRAFT, draft).await["saveGigDraft"].take() }
    });
    let saved = futures_util::future::join_all(attempts).await;
    let created: Vec<_> = saved.iter().filter(|payload| !payload["gig"].is_null()).collect();
    assert_eq!(created.len(), 20);
    let refused = saved.iter().find(|payload| payload["gig"].is_null()).expect("two are refused");
    assert_eq!(refused["errors"][0]["code"], "LIMIT_REACHED");
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": created[0]["gig"]["id"] })).await;
    ann.client.mutate(SAVE_DRAFT, draft).await;
}

async fn fifty_concurrent_posts_succeed(app: TestApp) {
    let ann = app.member("Ann").await;
    let bob = app.member("Bob").await;
    let cid = app.member("Cid").await;
    let form = app.gig_form("I will write a song for you").await;
    let posts = (0..51).map(|number| {
        let user = [&ann, &bob, &cid][number % 3];
        let (client, form) = (user.at(&app.gateway_b()), form.clone());
        async move { client.mutate(POST_GIG, json!({ "input": form })).await }
    });
    let posted = futures_util::future::join_all(posts).await;
    assert_eq!(posted.len(), 51);
    assert_eq!(count_gigs(&ann).await + count_gigs(&bob).await + count_gigs(&cid).await, 51);
}

async fn gigs_and_images_of_others_are_not_found(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let payload = ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "Song" } })).await;
    let id = text(&payload["gig"]["id"]);
    for mutation in [PAUSE_GIG, RESUME_GIG, ARCHIVE_GIG] {
        assert_eq!(
            bob.client.mutation_errors(mutation, json!({ "id": id })).await,
            [violation("NOT_FOUND", "id")]
        );
    }
    let edit = json!({ "input": { "id": id, "title": "I will write two songs" } });
    assert_eq!(bob.client.mutation_errors(EDIT_GIG, edit).await, [violation("NOT_FOUND", "id")]);
    let save = json!({ "input": { "id": id, "title": "Mine now" } });
    assert_eq!(bob.client.mutation_errors(SAVE_DRAFT, save).await, [violation("NOT_FOUND", "id")]);
    let mut form = app.gig_form("I will write a song for you").await;
    form["draftId"] = json!(id);
    assert_eq!(
        bob.client.mutation_errors(POST_GIG, json!({ "input": form })).await,
        [violation("NOT_FOUND", "draftId")]
    );
    let image = ann.client.upload_image(small_png()).await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["imageIds"] = json!([image]);
    let refused = bob.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
    assert_eq!(refused, [violation("NOT_FOUND", "imageIds.0")]);
    assert_eq!(count_gigs(&bob).await, 0);
    for unknown in [ann.id.as_str(), "gig_00000000000000000000000000", "gig_x", ""] {
        let refused = ann.client.mutation_errors(ARCHIVE_GIG, json!({ "id": unknown })).await;
        assert_eq!(refused, [violation("NOT_FOUND", "id")]);
    }
    let gig =
        ann.client.run(OWN_GIGS, json!({ "status": ["DRAFT"] })).await["viewer"]["gigs"]["nodes"][0].take();
    assert_eq!(gig, json!({ "id": id, "status": "DRAFT", "version": 1, "title": "Song" }));
}

async fn a_price_is_an_exact_decimal_string(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["price"] = json!(12.5);
    let codes = ann.client.error_codes(POST_GIG, json!({ "input": form })).await;
    assert_eq!(codes, ["GRAPHQL_VALIDATION_FAILED"]);
    form["price"] = json!("12.505");
    assert_eq!(
        ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await,
        [violation("INVALID", "price")]
    );
    form["price"] = json!("12.5");
    let id = ann.post(form).await;
    let query = "query($id: ID!) { gig(id: $id) { price { amount currencyCode } } }";
    let gig = ann.client.run(query, json!({ "id": id })).await;
    assert_eq!(gig["gig"]["price"], json!({ "amount": "12.50", "currencyCode": "USD" }));
}

on_both_back_ends!(
    an_invalid_form_reports_every_violation_and_creates_nothing,
    each_limit_of_the_form_has_its_own_error,
    a_draft_is_saved_again_and_then_posted,
    a_listed_gig_can_be_paused_resumed_edited_and_archived,
    archiving_a_gig_in_review_removes_it_from_the_queue,
    a_gig_rejected_for_a_final_reason_cannot_be_edited,
    a_seller_can_have_at_most_twenty_unarchived_gigs,
    fifty_concurrent_posts_succeed,
    gigs_and_images_of_others_are_not_found,
    a_price_is_an_exact_decimal_string,
);
