//! A legal hold keeps what the person replaces or deletes until it is lifted.

use chrono::TimeDelta;
use gigway::domain::held_version::HeldContent;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{background_jobs, erasure};
use gigway::store::held_versions;
use serde_json::json;

use crate::erasure::blobs;
use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, SAVE_DRAFT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::verification::{document_image, own_verification, personal_info, save_mutation, upload_document};

async fn held(app: &TestApp, user: &str) -> Vec<HeldContent> {
    let user_id = UserId::parse(user).expect("an id");
    let held = held_versions::find_of_user(app.services().db.read(), user_id).await.expect("rows");
    held.into_iter().map(|version| version.content).collect()
}

async fn held_count(app: &TestApp, user: &str) -> usize {
    held(app, user).await.len()
}

async fn what_a_held_person_replaces_is_kept_until_the_hold_is_lifted(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut form = app.gig_form("I will write a song for you").await;
    form["tags"] = json!(["first"]);
    let gig = ann.post(form).await;
    rita.approve(&gig).await;
    submit_and_replace(&app, &ann.email, &ann.client).await;
    let edited =
        json!({ "input": { "id": gig, "title": "I will write two songs for you", "tags": ["second"] } });
    ann.client.mutate(EDIT_GIG, edited).await;
    // The person sees what is there now, and nothing of the hold.
    let own = own_verification(&ann.client).await;
    assert_eq!(own["personalInfo"]["documentNumber"], "AB222222");
    assert_eq!((own["documents"].as_array().map(Vec::len), blobs(&app).len()), (Some(1), 2));
    match held(&app, &ann.id).await.as_slice() {
        [
            HeldContent::PersonalInfo { version: Some(version), .. },
            HeldContent::IdentityDocument { .. },
            HeldContent::Gig { content, .. },
        ] => {
            assert_eq!((*version, content.title.as_str()), (1, "I will write a song for you"));
            assert_eq!(content.tags, ["first"]);
        }
        other => panic!("{other:?}"),
    }

    erasure::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (0, 1));
    assert_eq!(own_verification(&ann.client).await["personalInfo"]["documentNumber"], "AB222222");
    // Without a hold, nothing is kept.
    ann.client.mutate(&save_mutation(), personal_info("AB333333")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(3)).await;
    assert_eq!((held_count(&app, &ann.id).await, blobs(&app).len()), (0, 1));
}

async fn drafts_and_images_of_a_held_person_are_kept(app: TestApp) {
    let ann = app.member("Ann").await;
    let image = ann.client.upload_image(small_png()).await;
    let draft = json!({ "input": { "title": "A first song", "imageIds": [image] } });
    let draft = text(&ann.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"]);
    erasure::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
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
    // Nobody gets it by its own address any more.
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(ann.client.fetch(&format!("/media/{image}.jpg")).await.0, 404);
    erasure::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
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
        erasure::set_legal_hold(app.services(), email, true).await.expect("a hold");
    }
}

on_both_back_ends!(
    what_a_held_person_replaces_is_kept_until_the_hold_is_lifted,
    drafts_and_images_of_a_held_person_are_kept,
    a_person_who_was_erased_is_erased_again_with_what_was_held,
);
