//! What earlier versions of the gateway have stored.

use std::fs;

use chrono::TimeDelta;
use entity::{gig, idempotent_request, user};
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{erasure, user_admin};
use gigway::store::users;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::erasure::{DECIDE_GIG, assert_no_table_has_words, blobs, decision, gig_form, sign_up};
use crate::idempotency::{outcome, send, stored_rows};
use crate::support::documents::SAVE_DRAFT;
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;

/// A key of an earlier version is never answered from what this version stores, nor the other way round.
async fn a_key_that_another_version_has_used_is_refused(app: TestApp) {
    let ann = app.member("Ann").await;
    let variables = json!({ "input": { "title": "A song" } });
    send(&ann.client, "draft", SAVE_DRAFT, variables.clone()).await;
    let request = json!([SAVE_DRAFT, null, variables]).to_string();
    let vault = &app.services().vault;
    let hash = |purpose| vault.hash(purpose, request.as_bytes());
    assert_eq!(stored_rows(&app).await[0].fingerprint, hash("request with a key, 3"));
    idempotent_request::Entity::update_many()
        .col_expr(idempotent_request::Column::Fingerprint, Expr::value(hash("request with a key, 2")))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    let (status, codes, _) = outcome(send(&ann.client, "draft", SAVE_DRAFT, variables).await).await;
    assert_eq!((status, codes), (422, vec!["IDEMPOTENCY_KEY_REUSED".to_owned()]));
}

/// An earlier version has not stored whom an answer is about.
async fn an_erasure_removes_answers_that_may_be_about_the_user(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for key in ["earlier", "of Bob"] {
        send(&bob.client, key, SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    }
    idempotent_request::Entity::update_many()
        .col_expr(idempotent_request::Column::Subjects, Expr::value(Option::<String>::None))
        .filter(idempotent_request::Column::IdempotencyKey.eq("earlier"))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let mut rows = stored_rows(&app).await;
    rows.sort_by(|a, b| a.idempotency_key.cmp(&b.idempotency_key));
    let has_answer: Vec<_> = rows.iter().map(|row| row.answer.is_some()).collect();
    assert_eq!(has_answer, [false, true]);
    let draft = json!({ "input": { "title": "A song" } });
    let (_, codes, _) = outcome(send(&bob.client, "earlier", SAVE_DRAFT, draft).await).await;
    assert_eq!(codes, ["IDEMPOTENT_ANSWER_LOST"]);
}

async fn what_is_left_of_erased_and_blocked_users_is_cleaned_up_at_the_start(mut app: TestApp) {
    let (ann, bob) = (sign_up(&app.gateway_a(), 1).await, app.member("Bob").await);
    let (cleo, rita) = (app.member("Cleo").await, app.reviewer("Rita").await);
    let image = ann.client.upload_image(small_png()).await;
    ann.client.upload_image(small_png()).await;
    let listed = ann.post(gig_form(&app, &[image]).await).await;
    rita.approve(&listed).await;
    let rejected = ann.post(gig_form(&app, &[]).await).await;
    let version: Value = rita.gig(&rejected).await["version"].take();
    rita.client.mutate(DECIDE_GIG, decision("gigId", &rejected, "REJECT", &version)).await;
    let mut others = Vec::new();
    for user in [&bob, &cleo] {
        let gig = user.post(app.gig_form("I will write a song for you").await).await;
        rita.approve(&gig).await;
        others.push(gig);
    }
    // As an earlier version erased and blocked them.
    let db = app.services().db.read();
    users::anonymise(db, UserId::parse(&ann.id).expect("an id"), app.now()).await.expect("anonymised");
    gig::Entity::update_many()
        .col_expr(gig::Column::Status, Expr::value("ARCHIVED"))
        .filter(gig::Column::Id.is_in(
            [&listed, &rejected].map(|id| gigway::domain::id::GigId::parse(id).expect("an id").uuid()),
        ))
        .exec(db)
        .await
        .expect("archived");
    user::Entity::update_many()
        .col_expr(user::Column::BlockedAt, Expr::value(app.now()))
        .filter(user::Column::Id.eq(UserId::parse(&bob.id).expect("an id").uuid()))
        .exec(db)
        .await
        .expect("blocked");
    app.start_gateway().await;
    assert_no_table_has_words(&app, "after the start").await;
    assert_eq!(blobs(&app), Vec::<String>::new());
    assert_eq!([rita.status(&others[0]).await, rita.status(&others[1]).await], ["PAUSED", "ACTIVE"]);
    user_admin::unblock(app.services(), &bob.email).await.expect("unblocked");
    assert_eq!(rita.status(&others[0]).await, "ACTIVE");
    // The next start has nothing to do.
    let versions =
        async || [rita.gig(&listed).await["version"].take(), rita.gig(&others[0]).await["version"].take()];
    let before = versions().await;
    app.start_gateway().await;
    assert_eq!(versions().await, before);
}

/// An upload that timed out while its file was being written, in the moment of the erasure: the write ends later.
async fn a_file_that_is_written_after_the_erasure_of_its_owner_is_deleted(app: TestApp) {
    let ann = sign_up(&app.gateway_a(), 1).await;
    let image = gigway::domain::id::ImageId::from_uuid(uuid::Uuid::from_u128(7));
    let record = entity::unreferenced_blob::ActiveModel {
        id: sea_orm::Set(image.uuid()),
        kind: sea_orm::Set("GIG_IMAGE".to_owned()),
        owner_id: sea_orm::Set(UserId::parse(&ann.id).expect("an id").uuid()),
        delete_after: sea_orm::Set(app.now() + TimeDelta::hours(1)),
    };
    let db = app.services().db.read();
    entity::unreferenced_blob::Entity::insert(record).exec_without_returning(db).await.expect("a record");
    let file = app.image_dir().join(format!("{}.jpg", image.to_public()));
    fs::write(&file, "half of it").expect("written");
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(blobs(&app), Vec::<String>::new());
    fs::write(&file, "all of it").expect("written");
    app.advance_clock(TimeDelta::hours(1));
    gigway::service::background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!(blobs(&app), Vec::<String>::new());
}

on_both_back_ends!(
    a_key_that_another_version_has_used_is_refused,
    an_erasure_removes_answers_that_may_be_about_the_user,
    what_is_left_of_erased_and_blocked_users_is_cleaned_up_at_the_start,
    a_file_that_is_written_after_the_erasure_of_its_owner_is_deleted,
);
