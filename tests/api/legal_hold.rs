//! A legal hold keeps what the person replaces or deletes, for an administrator who inspects, until it is lifted.

use chrono::TimeDelta;
use gigway::domain::held_version::HeldVersion;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{background_jobs, user_admin};
use gigway::store::{audit, held_versions};
use serde_json::{Value, json};

use crate::erasure::blobs;
use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    document_image, own_verification, personal_info, save_mutation, submit_verification, upload_document,
    violation,
};

const INSPECT: &str = "mutation($input: InspectVerificationInput!, $before: ID) {
    inspectVerification(input: $input) {
        inspection { heldVersions(before: $before) {
            cursor kind subjectId replacedAt url altText personalInfo { documentNumber }
            gig { title description tags links categoryId price { amount } deliveryDays revisions imageIds } } }
        verification { status personalInfo { documentNumber } }
        errors { code field message } } }";

/// Operations that read the fields of a held version, for `authorization_fields`.
pub const HELD_VERSION: &str =
    "mutation { inspectVerification(input: <inspection>) { inspection { heldVersions { % } } } }";
pub const HELD_GIG: &str =
    "mutation { inspectVerification(input: <inspection>) { inspection { heldVersions { gig { % } } } } }";

/// Replaces the title of a draft under a legal hold.
pub async fn hold_a_version_of_a_gig(app: &TestApp, user: &TestUser) {
    let draft = json!({ "input": { "title": "A first song", "description": "It.", "tags": ["song"] } });
    let id = user.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"].take();
    user_admin::set_legal_hold(app.services(), &user.email, true).await.expect("a hold");
    user.client.mutate(SAVE_DRAFT, json!({ "input": { "id": id, "title": "A second song" } })).await;
}

fn inspection(verification: &str) -> Value {
    json!({ "input": { "verificationId": verification, "reason": "A court order." } })
}

/// What an administrator sees in a new inspection.
async fn inspect(admin: &Client, verification: &str) -> Vec<Value> {
    let mut payload = admin.mutate(INSPECT, inspection(verification)).await;
    payload["inspection"]["heldVersions"].as_array_mut().map(std::mem::take).expect("a list")
}

async fn held_count(app: &TestApp, user: &str) -> usize {
    let user_id = UserId::parse(user).expect("an id");
    held_versions::find_of_user(app.services().db.read(), user_id).await.expect("rows").len()
}

fn kinds(versions: &[Value]) -> Vec<&str> {
    versions.iter().map(|version| version["kind"].as_str().expect("a kind")).collect()
}

async fn what_a_held_person_replaces_is_kept_until_the_hold_is_lifted(app: TestApp) {
    // Shorter than the URL of an image is valid.
    let app = app.with_limits(r#"{"review":{"inspectionMinutes":2}}"#).await;
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let mut form = app.gig_form("I will write a song for you").await;
    form["tags"] = json!(["first"]);
    let before = form.clone();
    let gig = ann.post(form).await;
    rita.approve(&gig).await;
    let (verification, version) = submit_verification(&ann, "AB111111", 1).await;
    let reasons = json!([{ "code": "IMAGE_UNREADABLE" }]);
    reviewing::decide(&rita.client, &verification, "REQUEST_RESUBMISSION", version, &reasons).await;
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");

    ann.client.mutate(&save_mutation(), personal_info("AB222222")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(2)).await;
    let edited = json!({ "input": { "id": gig, "title": "I will write two songs for you", "tags": ["second"],
        "price": "95.00", "deliveryDays": 9 } });
    ann.client.mutate(EDIT_GIG, edited).await;
    // The person sees what is there now, and nothing of the hold.
    let own = own_verification(&ann.client).await;
    assert_eq!(own["personalInfo"]["documentNumber"], "AB222222");
    assert_eq!((own["documents"].as_array().map(Vec::len), blobs(&app).len()), (Some(1), 2));

    let versions = inspect(&ada.client, &verification).await;
    assert_eq!(kinds(&versions), ["GIG", "IDENTITY_DOCUMENT", "PERSONAL_INFO"]);
    assert_eq!(versions[2]["subjectId"], json!(verification));
    assert_eq!(versions[2]["personalInfo"]["documentNumber"], "AB111111");
    assert_eq!(versions[0]["subjectId"], json!(gig));
    let kept = &versions[0]["gig"];
    assert_eq!((&kept["title"], &kept["tags"]), (&json!("I will write a song for you"), &json!(["first"])));
    let terms = (&kept["price"]["amount"], &kept["deliveryDays"], &kept["categoryId"]);
    assert_eq!(terms, (&before["price"], &before["deliveryDays"], &before["category"]));
    // The image opens to the administrator only, during the inspection.
    let path_of = |versions: &[Value]| {
        let url = text(&versions[1]["url"]);
        format!("/held-versions/{}", url.split_once("/held-versions/").expect("a URL").1)
    };
    let path = path_of(&versions);
    let status = async |client: &Client, path: &str| client.fetch(path).await.0.as_u16();
    let (code, response) = ada.at(&app.gateway_b()).fetch(&path).await;
    assert_eq!(code, 200);
    image::load_from_memory(&response.bytes().await.expect("bytes")).expect("an image");
    assert_eq!(status(&app.gateway_a(), &path).await, 401);
    for other in [&rita, &ann, &app.admin("Eve").await] {
        assert_eq!(status(&other.client, &path).await, 404);
    }
    let trail = audit::find_by_subject(app.services().db.read(), UserId::parse(&ann.id).expect("an id"));
    let trail = trail.await.expect("a trail");
    let count = trail.iter().filter(|entry| entry.action == "VIEW_HELD").count();
    assert_eq!(count, 2, "the list and the image");
    app.advance_clock(TimeDelta::minutes(2));
    assert_eq!(status(&ada.client, &path).await, 404, "the inspection is over");
    let path = path_of(&inspect(&ada.client, &verification).await);
    assert_eq!(status(&ada.client, &path).await, 200);

    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (0, 1));
    assert_eq!(status(&ada.client, &path).await, 404, "the hold is lifted");
    assert_eq!(own_verification(&ann.client).await["personalInfo"]["documentNumber"], "AB222222");
    // Without a hold, nothing is kept.
    ann.client.mutate(&save_mutation(), personal_info("AB333333")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(3)).await;
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (0, 1));
}

/// Also if there was no decision yet, or there is no verification at all: a hold can be about gigs only.
async fn what_is_held_opens_in_every_status(app: TestApp) {
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    let verification = ann.id.replace("usr_", "ver_");
    let refused = ada.client.mutation_errors(INSPECT, inspection(&verification)).await;
    assert_eq!(refused, [violation("NOT_FOUND", "verificationId")]);
    hold_a_version_of_a_gig(&app, &ann).await;
    let payload = ada.client.mutate(INSPECT, inspection(&verification)).await;
    assert_eq!(payload["verification"]["status"], "NOT_STARTED");
    assert_eq!(payload["inspection"]["heldVersions"][0]["gig"]["title"], "A first song");
    submit_verification(&ann, "AB111111", 1).await;
    let payload = ada.client.mutate(INSPECT, inspection(&verification)).await;
    let expected = json!({ "status": "IN_REVIEW", "personalInfo": null });
    assert_eq!(payload["verification"], expected, "the form opens by a claim");
    assert_eq!(payload["inspection"]["heldVersions"][0]["gig"]["title"], "A first song");
    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    let refused = ada.client.mutation_errors(INSPECT, inspection(&verification)).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "verificationId")]);
}

async fn what_is_held_counts_as_the_data_of_a_person(app: TestApp) {
    let app = app.with_limits(r#"{"review":{"peoplePerDayMax":1}}"#).await;
    let (ann, bob, ada) = (app.member("Ann").await, app.member("Bob").await, app.admin("Ada").await);
    for user in [&ann, &bob] {
        hold_a_version_of_a_gig(&app, user).await;
    }
    let (first, second) = (ann.id.replace("usr_", "ver_"), bob.id.replace("usr_", "ver_"));
    assert_eq!(inspect(&ada.client, &first).await.len(), 1);
    assert_eq!(ada.client.error_codes(INSPECT, inspection(&second)).await, ["RATE_LIMITED"]);
    assert_eq!(inspect(&ada.client, &first).await.len(), 1);
}

async fn a_long_list_has_pages(app: TestApp) {
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    hold_a_version_of_a_gig(&app, &ann).await;
    let (services, user_id) = (app.services(), UserId::parse(&ann.id).expect("an id"));
    let first = held_versions::find_of_user(services.db.read(), user_id).await.expect("rows").remove(0);
    let transaction = services.db.begin().await.expect("a transaction");
    for _ in 0..100 {
        let version = HeldVersion { id: services.new_id(), ..first.clone() };
        held_versions::insert(&transaction, &version).await.expect("stored");
    }
    transaction.commit().await.expect("a commit");
    let verification = ann.id.replace("usr_", "ver_");
    let page = inspect(&ada.client, &verification).await;
    assert_eq!(page.len(), 100);
    let mut next = inspection(&verification);
    next["before"] = page[99]["cursor"].clone();
    let payload = ada.client.mutate(INSPECT, next).await;
    let ids: Vec<_> = payload["inspection"]["heldVersions"].as_array().expect("a list").iter().collect();
    assert_eq!(ids.iter().map(|it| text(&it["cursor"])).collect::<Vec<_>>(), [first.id.to_public()]);
}

async fn drafts_and_images_of_a_held_person_are_kept(app: TestApp) {
    let ann = app.member("Ann").await;
    let image = ann.client.upload_image(small_png()).await;
    let draft = json!({ "input": { "title": "A first song", "imageIds": [image] } });
    let draft = text(&ann.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"]);
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
    // The same again changes nothing.
    let same = json!({ "input": { "id": draft, "title": "A first song", "imageIds": [image] } });
    ann.client.mutate(SAVE_DRAFT, same).await;
    assert_eq!(held_count(&app, &ann.id).await, 0);
    let changed = json!({ "input": { "id": draft, "title": "A second song", "imageIds": [] } });
    ann.client.mutate(SAVE_DRAFT, changed).await;
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": draft })).await;
    assert_eq!(held_count(&app, &ann.id).await, 1);
    app.advance_clock(TimeDelta::hours(25));
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (2, 1));
    let versions = inspect(&app.admin("Ada").await.client, &ann.id.replace("usr_", "ver_")).await;
    assert_eq!(kinds(&versions), ["GIG_IMAGE", "GIG"]);
    assert_eq!(
        (&versions[0]["subjectId"], &versions[1]["gig"]["imageIds"]),
        (&json!(image), &json!([image]))
    );
    // Nobody gets it by its own address any more.
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(ann.client.fetch(&format!("/media/{image}.jpg")).await.0, 404);
    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app)), (0, Vec::<String>::new()));
}

async fn a_person_who_was_erased_is_erased_again_with_what_was_held(mut app: TestApp) {
    let ann = app.member("Ann").await;
    submit_and_replace(&app, &ann.email, &ann.client).await;
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (2, 2));
    // The journal says that Ann was erased when there was no hold.
    let at = app.now();
    let journal = &app.services().erasure_journal;
    journal.append_erased(&[(UserId::parse(&ann.id).expect("an id"), at)]).await.expect("a line");
    app.start_gateway().await;
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app)), (0, Vec::<String>::new()));
}

/// Fills in the form and uploads an image, twice, the second time under a hold.
async fn submit_and_replace(app: &TestApp, email: &str, client: &Client) {
    for (number, shade) in [("AB111111", 1), ("AB222222", 2)] {
        client.mutate(&save_mutation(), personal_info(number)).await;
        upload_document(client, "PASSPORT", "FRONT", document_image(shade)).await;
        user_admin::set_legal_hold(app.services(), email, true).await.expect("a hold");
    }
}

on_both_back_ends!(
    what_a_held_person_replaces_is_kept_until_the_hold_is_lifted,
    what_is_held_opens_in_every_status,
    what_is_held_counts_as_the_data_of_a_person,
    a_long_list_has_pages,
    drafts_and_images_of_a_held_person_are_kept,
    a_person_who_was_erased_is_erased_again_with_what_was_held,
);
