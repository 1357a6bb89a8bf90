//! Roles, verified identities and verifications that somebody has changed in the database, past the gateway.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{integrity_marker, user, verification};
use gigway::domain::authority::Tags;
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::user::Role;
use gigway::service::integrity::{MarkerState, Mismatch};
use gigway::service::{Services, erasure, integrity, retention, user_admin};
use gigway::store::{authority, verifications};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::support::client::{Client, text};
use crate::support::documents::POST_GIG;
use crate::support::on_both_back_ends;
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::reviewing;
use crate::support::tags::remove_tags;
use crate::support::test_app::TestApp;
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, personal_info, save_mutation,
    submit_mutation, submit_verification, upload_document, violation,
};

const REOPEN: &str = "mutation($input: ReopenVerificationInput!) { reopenVerification(input: $input) {
    verification { status } errors { code field message } } }";

fn id_of(id: &str) -> UserId {
    UserId::parse(id).expect("an id")
}

/// Changes a column of a user as somebody would who can write to the database.
async fn change_user(services: &Services, id: &str, column: user::Column, value: SimpleExpr) {
    let update = user::Entity::update_many().col_expr(column, value);
    let update = update.filter(user::Column::Id.eq(id_of(id).uuid()));
    assert_eq!(update.exec(services.db.read()).await.expect("changed").rows_affected, 1);
}

async fn change_verification(services: &Services, id: &str, column: verification::Column, value: SimpleExpr) {
    let update = verification::Entity::update_many().col_expr(column, value);
    let update = update.filter(verification::Column::UserId.eq(id_of(id).uuid()));
    assert_eq!(update.exec(services.db.read()).await.expect("changed").rows_affected, 1);
}

async fn role(client: &Client) -> String {
    text(&client.run("{ viewer { role } }", json!({})).await["viewer"]["role"])
}

async fn mismatches(services: &Services) -> Vec<Mismatch> {
    integrity::find_mismatches(services.db.read(), &services.vault).await.expect("read")
}

async fn a_role_from_past_the_gateway_gives_no_rights(app: TestApp) {
    let (mia, rita, services) = (app.member("Mia").await, app.reviewer("Rita").await, app.services());
    assert_eq!((role(&rita.client).await, mismatches(services).await), ("REVIEWER".to_owned(), Vec::new()));
    let gig = app.member("Ann").await.post(app.gig_form("I will write a song for you").await).await;
    change_user(services, &mia.id, user::Column::Role, Expr::value("ADMIN")).await;
    for client in [&mia.client, &mia.at(&app.gateway_b()), &app.sign_in(&mia.email).await.client] {
        assert_eq!(role(client).await, "MEMBER");
        let queue = "{ reviewQueue { nodes { id } } }";
        assert_eq!(client.error_codes(queue, json!({})).await, ["FORBIDDEN"]);
        assert_eq!(
            client.run("query($id: ID!) { gig(id: $id) { id } }", json!({ "id": gig })).await["gig"],
            json!(null)
        );
    }
    assert!(services.tag_enforcement.mismatches.get() > 0);
    assert_eq!(mismatches(services).await, [Mismatch::Authority(id_of(&mia.id))]);
    // The tag of another user, or of another role, does not help.
    let rows = user::Entity::find().all(services.db.read()).await.expect("users");
    let genuine = rows.iter().find(|row| row.id == id_of(&rita.id).uuid()).expect("Rita");
    let tag = Expr::value(genuine.authority_tag.clone());
    change_user(services, &mia.id, user::Column::AuthorityTag, tag).await;
    assert_eq!(role(&mia.client).await, "MEMBER");
    // What the command line sets is right again.
    user_admin::set_role(services, &mia.email, Role::Reviewer).await.expect("a reviewer");
    assert_eq!((role(&mia.client).await, mismatches(services).await), ("REVIEWER".to_owned(), Vec::new()));
}

async fn a_verified_identity_from_past_the_gateway_allows_nothing(app: TestApp) {
    let (ann, rita, services) = (app.member("Ann").await, app.reviewer("Rita").await, app.services());
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    user_admin::set_points(services, &ann.email, 11_180).await.expect("level 5");
    change_user(services, &ann.id, user::Column::VerifiedAt, Expr::value(app.now())).await;
    let form = json!({ "input": app.gig_form("I will sing for you").await });
    let refused = ann.client.mutation_errors(POST_GIG, form.clone()).await;
    assert_eq!(refused, [violation("VERIFICATION_REQUIRED", "")]);
    let can = ann.client.run("{ viewer { can(action: TAKE_ORDER) { allowed } } }", json!({})).await;
    assert_eq!(can["viewer"]["can"]["allowed"], false);
    // Nor does a reviewer make the gig of such a seller public.
    let version = rita.gig(&gig).await["version"].take();
    let approve = json!({ "input": { "gigId": gig, "decision": "APPROVE", "expectedVersion": version, "reasons": [] } });
    let errors = rita.client.mutation_errors(crate::support::documents::DECIDE_GIG, approve).await;
    assert_eq!(errors.first().map(|error| error.0.as_str()), Some("VERIFICATION_REQUIRED"));
    // A new role does not make it right.
    user_admin::set_role(services, &ann.email, Role::Member).await.expect("a member");
    assert_eq!(ann.client.mutation_errors(POST_GIG, form.clone()).await, refused);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    ann.client.mutate(POST_GIG, form).await;
}

async fn a_verification_from_past_the_gateway_cannot_be_changed(app: TestApp) {
    use verification::Column::{AttemptsUsed, Status};

    let (ann, rita, services) = (app.member("Ann").await, app.reviewer("Rita").await, app.services());
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    reviewing::review(&rita.client, &id).await;
    let picture = reviewing::picture_paths(&rita.client, &id).await.remove(0);
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    for (column, forged, genuine) in [
        (AttemptsUsed, Expr::value(0), Expr::value(1)),
        (Status, Expr::value("IN_PROGRESS"), Expr::value("IN_REVIEW")),
        (Status, Expr::value("CLEARED"), Expr::value("IN_REVIEW")),
    ] {
        change_verification(services, &ann.id, column, forged).await;
        assert_eq!(rita.client.error_codes(&decide_mutation(), clear.clone()).await, ["DATA_TAMPERED"]);
        let codes = ann.client.error_codes(&save_mutation(), personal_info("AB123457")).await;
        assert_eq!(codes, ["DATA_TAMPERED"]);
        assert_eq!(ann.client.error_codes(&submit_mutation(), json!({})).await, ["DATA_TAMPERED"]);
        assert_eq!(rita.client.fetch(&picture).await.0, 500);
        assert_eq!(mismatches(services).await, [Mismatch::Verification(id_of(&ann.id))]);
        change_verification(services, &ann.id, column, genuine).await;
    }
    rita.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(own_verification(&ann.client).await["status"], "CLEARED");
    assert_eq!(mismatches(services).await, []);
}

async fn a_verification_from_past_the_gateway_is_erased_in_time_and_stays_wrong(app: TestApp) {
    let (ann, services) = (app.member("Ann").await, app.services());
    submit_verification(&ann, "AB123456", 1).await;
    change_verification(services, &ann.id, verification::Column::AttemptsUsed, Expr::value(0)).await;
    app.advance_clock(TimeDelta::days(91));
    assert_eq!(retention::apply(services).await.expect("a run").unreviewed, 1);
    let record = verifications::find(services.db.read(), id_of(&ann.id)).await.expect("a row");
    let record = record.expect("a verification");
    assert!(record.all_keys().is_empty() && record.personal_info.is_none());
    assert_eq!(mismatches(services).await, [Mismatch::Verification(id_of(&ann.id))]);
    let ann = app.sign_in(&ann.email).await;
    let codes = ann.client.error_codes(&save_mutation(), personal_info("AB123456")).await;
    assert_eq!(codes, ["DATA_TAMPERED"]);
}

async fn a_verification_from_past_the_gateway_is_not_reopened(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let reasons = json!([{ "code": "DOCUMENT_TAMPERED" }]);
    reviewing::decide(&rita.client, &id, "REJECT", version, &reasons).await;
    let attempts = verification::Column::AttemptsUsed;
    change_verification(app.services(), &ann.id, attempts, Expr::value(0)).await;
    let input =
        json!({ "input": { "verificationId": id, "expectedVersion": version + 1, "reason": "A mistake." } });
    assert_eq!(ada.client.error_codes(REOPEN, input.clone()).await, ["DATA_TAMPERED"]);
    assert_eq!(mismatches(app.services()).await, [Mismatch::Verification(id_of(&ann.id))]);
    change_verification(app.services(), &ann.id, attempts, Expr::value(1)).await;
    ada.client.mutate(REOPEN, input).await;
    assert_eq!(mismatches(app.services()).await, []);
}

async fn the_proposal_of_somebody_with_a_forged_role_does_not_count(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"reject":true}}"#).await;
    let (ann, rob, rita) = (app.member("Ann").await, app.reviewer("Rob").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let reasons = json!([{ "code": "DOCUMENT_TAMPERED" }]);
    reviewing::decide(&rob.client, &id, "REJECT", version, &reasons).await;
    user_admin::set_role(app.services(), &rob.email, Role::Member).await.expect("a member");
    change_user(app.services(), &rob.id, user::Column::Role, Expr::value("REVIEWER")).await;
    let payload = reviewing::decide(&rita.client, &id, "REJECT", version, &reasons).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    // Nor does that of somebody who was erased.
    erasure::erase_user(app.services(), &rob.email).await.expect("erased");
    change_user(app.services(), &rob.id, user::Column::Role, Expr::value("ADMIN")).await;
    let role = authority::find_role(app.services().db.read(), app.services(), id_of(&rob.id)).await;
    assert_eq!(role.expect("a role"), Some(Role::Member));
}

/// A verification and its documents are read one after the other.
async fn reading_while_a_document_is_replaced_is_no_mismatch(app: TestApp) {
    let ann = app.member("Ann").await;
    ann.client.mutate(&save_mutation(), personal_info("AB111111")).await;
    let is_done = AtomicBool::new(false);
    let upload = async {
        for shade in 1..=8 {
            upload_document(&ann.client, "PASSPORT", "FRONT", document_image(shade)).await;
        }
        is_done.store(true, Ordering::Relaxed);
    };
    let read = async || {
        while !is_done.load(Ordering::Relaxed) {
            let own = own_verification(&ann.client).await;
            assert_eq!(own["personalInfo"]["documentNumber"], "AB111111");
            assert_eq!(mismatches(app.services()).await, []);
        }
    };
    tokio::join!(upload, read(), read());
    assert_eq!(app.services().tag_enforcement.mismatches.get(), 0);
}

async fn marker_state(services: &Services) -> MarkerState {
    integrity::marker_state(services.db.read(), &services.vault, services.now()).await.expect("a state")
}

async fn tags_are_enforced_from_the_release_after_the_first(mut app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    remove_tags(app.services()).await;
    app.start_gateway().await;
    let services_b = app.services_b();
    assert!(!services_b.tag_enforcement.is_enforced());
    integrity::tag_all(services_b).await.expect("a run");
    assert_eq!(mismatches(services_b).await, [], "everything is tagged");
    // As a gateway of an earlier release would change it.
    change_user(services_b, &ann.id, user::Column::Role, Expr::value("REVIEWER")).await;
    assert_eq!(role(&ann.at(&app.gateway_b())).await, "REVIEWER");
    assert!(services_b.tag_enforcement.mismatches.get() > 0, "it is reported");
    assert_eq!(integrity::tag_all(services_b).await.expect("a run"), 1);
    assert_eq!(mismatches(services_b).await, [], "it is tagged");
    // Later, no gateway of an earlier release should run any more: nothing that is wrong becomes right.
    app.advance_clock(TimeDelta::hours(25));
    let none = Expr::value(Option::<Vec<u8>>::None);
    change_user(services_b, &ann.id, user::Column::AuthorityTag, none).await;
    let before = services_b.tag_enforcement.mismatches.get();
    assert_eq!(integrity::tag_all(services_b).await.expect("a run"), 0);
    assert!(services_b.tag_enforcement.mismatches.get() > before, "it is reported");
    assert_eq!(mismatches(services_b).await, [Mismatch::Authority(id_of(&ann.id))]);
    app.stop_gateway().await;
    // The next release.
    let marker = integrity_marker::Entity::find().one(app.services().db.read()).await.expect("read");
    let complete_at = marker.and_then(|row| row.complete_at).expect("a time").timestamp_micros();
    let tag = app.services().tag(&format!("tagged since release \"0.0.1\", complete at {complete_at}"));
    integrity_marker::Entity::update_many()
        .col_expr(integrity_marker::Column::TaggedSinceRelease, Expr::value("0.0.1"))
        .col_expr(integrity_marker::Column::Tag, Expr::value(tag))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    app.start_gateway().await;
    assert!(app.services_b().tag_enforcement.is_enforced());
    let [ann, rita] = [app.sign_in(&ann.email).await, app.sign_in(&rita.email).await];
    assert_eq!(role(&ann.at(&app.gateway_b())).await, "MEMBER");
    let rita = rita.at(&app.gateway_b());
    assert_eq!(role(&rita).await, "REVIEWER");
    reviewing::decide(&rita, &id, "CLEAR", version, &json!([])).await;
    // A marker from while rows got their tags is an older one, and without any tag the introduction does not begin
    // again.
    let release = env!("CARGO_PKG_VERSION");
    let tag = app.services().tag(&format!("tagged since release {release:?}, complete at -"));
    integrity_marker::Entity::update_many()
        .col_expr(integrity_marker::Column::TaggedSinceRelease, Expr::value(release))
        .col_expr(integrity_marker::Column::CompleteAt, Expr::value(Option::<DateTime<Utc>>::None))
        .col_expr(integrity_marker::Column::Tag, Expr::value(tag))
        .exec(app.services().db.read())
        .await
        .expect("changed");
    assert_eq!(marker_state(app.services()).await, MarkerState::Altered);
    remove_tags(app.services()).await;
    assert_eq!(marker_state(app.services()).await, MarkerState::Altered);
}

async fn a_deleted_or_forged_marker_does_not_switch_tags_off(mut app: TestApp) {
    let mia = app.member("Mia").await;
    change_user(app.services(), &mia.id, user::Column::Role, Expr::value("ADMIN")).await;
    let release = env!("CARGO_PKG_VERSION");
    let update = integrity_marker::Entity::update_many()
        .col_expr(integrity_marker::Column::TaggedSinceRelease, Expr::value(release));
    update.exec(app.services().db.read()).await.expect("changed");
    app.start_gateway().await;
    assert_eq!(marker_state(app.services()).await, MarkerState::Altered);
    assert_eq!(role(&mia.at(&app.gateway_b())).await, "MEMBER");
    integrity_marker::Entity::delete_many().exec(app.services().db.read()).await.expect("deleted");
    assert_eq!(marker_state(app.services()).await, MarkerState::Altered);
}

async fn older_reasons_that_are_put_back_are_noticed(app: TestApp) {
    let (ann, rita, services) = (app.member("Ann").await, app.reviewer("Rita").await, app.services());
    let resubmit = async |version: i64, reason: &str| {
        let id = own_verification(&ann.client).await["id"].take();
        let reasons = json!([{ "code": reason }]);
        reviewing::decide(&rita.client, &text(&id), "REQUEST_RESUBMISSION", version, &reasons).await;
    };
    let stored = async || {
        let row = verification::Entity::find().one(services.db.read()).await.expect("read");
        row.expect("a verification").reasons
    };
    let (_, version) = submit_verification(&ann, "AB123456", 1).await;
    resubmit(version, "DATA_MISMATCH").await;
    let older = stored().await;
    ann.client.mutate(&save_mutation(), personal_info("AB123457")).await;
    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
    resubmit(submitted["version"].as_i64().expect("a number"), "DOCUMENT_EXPIRED").await;
    let newer = stored().await;
    assert_ne!(older, newer);
    change_verification(services, &ann.id, verification::Column::Reasons, Expr::value(older)).await;
    assert_eq!(mismatches(services).await, [Mismatch::Verification(id_of(&ann.id))]);
    let codes = ann.client.error_codes(&save_mutation(), personal_info("AB123458")).await;
    assert_eq!(codes, ["DATA_TAMPERED"]);
    change_verification(services, &ann.id, verification::Column::Reasons, Expr::value(newer)).await;
    ann.client.mutate(&save_mutation(), personal_info("AB123458")).await;
    assert_eq!(mismatches(services).await, []);
}

on_both_back_ends!(
    a_role_from_past_the_gateway_gives_no_rights,
    a_verified_identity_from_past_the_gateway_allows_nothing,
    a_verification_from_past_the_gateway_cannot_be_changed,
    a_verification_from_past_the_gateway_is_not_reopened,
    a_verification_from_past_the_gateway_is_erased_in_time_and_stays_wrong,
    the_proposal_of_somebody_with_a_forged_role_does_not_count,
    reading_while_a_document_is_replaced_is_no_mismatch,
    tags_are_enforced_from_the_release_after_the_first,
    a_deleted_or_forged_marker_does_not_switch_tags_off,
    older_reasons_that_are_put_back_are_noticed,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_and_the_metrics_report_a_wrong_tag() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = GatewayProcess::start(dir.path(), &[]);
    let added = add_user(|arguments| gigway(dir.path(), arguments), "mia@example.com", "MEMBER");
    assert!(added.status.success(), "{added:?}");
    let id = String::from_utf8(added.stdout).expect("text").trim().to_owned();
    let doctor = || gigway(dir.path(), &["doctor"]).output().expect("the command runs");
    assert!(doctor().status.success(), "{:?}", doctor());
    let file = format!("sqlite:{}", dir.path().join("gigway.sqlite").display());
    let db = sea_orm::Database::connect(file).await.expect("the database");
    let update = user::Entity::update_many().col_expr(user::Column::Role, Expr::value("ADMIN"));
    update.exec(&db).await.expect("changed");
    let report = doctor();
    let stdout = String::from_utf8_lossy(&report.stdout).into_owned();
    assert!(!report.status.success() && stdout.contains("FAIL  tags") && stdout.contains(&id), "{stdout}");
    let input = json!({ "input": { "email": "mia@example.com", "password": "a good password" } });
    let session = served.client.mutate(crate::support::documents::SIGN_IN, input).await["session"].take();
    assert_eq!(role(&served.client.with_token(&text(&session["accessToken"]))).await, "MEMBER");
    integrity_marker::Entity::delete_many().exec(&db).await.expect("deleted");
    let stdout = String::from_utf8_lossy(&doctor().stdout).into_owned();
    assert!(stdout.contains("FAIL  tags") && stdout.contains("integrity_marker"), "{stdout}");
    let none = Expr::value(Option::<Vec<u8>>::None);
    let update = user::Entity::update_many().col_expr(user::Column::AuthorityTag, none);
    update.exec(&db).await.expect("changed");
    let stdout = String::from_utf8_lossy(&doctor().stdout).into_owned();
    assert!(stdout.contains("FAIL  tags           no row has one"), "{stdout}");
    let metrics = served.client.fetch("/metrics").await.1.text().await.expect("text");
    let line = metrics.lines().find(|line| line.starts_with("gigway_tag_mismatches_total")).expect("a line");
    assert!(!line.ends_with(" 0"), "{line}");
}
