//! What reviewers write is stored sealed, is shown to those who may read it, and cannot be opened after an erasure.

use entity::{gig, review_decision, review_key, verification};
use gigway::domain::id::{DataKeyId, GigId, PublicId, SubjectId, UserId};
use gigway::domain::sealed_text::SealedText;
use gigway::domain::wrapped_key::WrappedKey;
use gigway::service::{erasure, key_rotation, review_texts};
use gigway::store::data_keys::StoredDataKey;
use gigway::store::{data_keys, reviews};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use serde_json::{Value, json};

use crate::support::client::{error_codes, text};
use crate::support::documents::{DECIDE_GIG, GIG, GIG_STATUS_CHANGED};
use crate::support::on_both_back_ends;
use crate::support::reviewing::claim;
use crate::support::table_dump::{contains_text, table_dump};
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{decide_mutation, own_verification, submit_verification};

/// What reviewers write in these tests.
const NOTE: &str = "Ujunonote about the phone call";
const MESSAGE: &str = "Tarkomessage about the picture";
const STEP: &str = "personalInfo";

fn decision(subject: &str, id: &str, decision: &str, version: &Value, code: &str) -> Value {
    let reason = json!({ "code": code, "message": MESSAGE, "field": [STEP] });
    json!({ "input": { subject: id, "decision": decision, "expectedVersion": version, "internalNote": NOTE,
                       "reasons": [reason] } })
}

async fn reject_gig(rita: &TestUser, id: &str) -> Value {
    let version = rita.gig(id).await["version"].take();
    rita.client.mutate(DECIDE_GIG, decision("gigId", id, "REJECT", &version, "OTHER")).await["gig"].take()
}

async fn dump(app: &TestApp) -> String {
    table_dump(app.services().db.read()).await
}

/// Asserts that no table has what reviewers wrote.
async fn assert_sealed(app: &TestApp) {
    let dump = dump(app).await;
    for text in [NOTE, MESSAGE, "Ujunonote", "Tarkomessage", "SANCTIONED"] {
        let rows: Vec<_> = dump.lines().filter(|line| contains_text(line, text)).collect();
        assert!(rows.is_empty(), "{text} is in {rows:#?}");
    }
}

async fn texts_about_a_gig_are_sealed_and_shown_to_its_seller_and_reviewers(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let decided = reject_gig(&rita, &gig).await;
    let shown = json!({ "code": "OTHER", "category": "OTHER", "message": MESSAGE, "field": [STEP], "retryable": true });
    assert_eq!(decided["reviewReasons"], json!([shown]));
    assert_sealed(&app).await;
    for client in [&ann.client, &rita.at(&app.gateway_b())] {
        let gig = client.run(GIG, json!({ "id": gig })).await["gig"].take();
        assert_eq!(gig["reviewReasons"], json!([{ "code": "OTHER", "message": MESSAGE }]));
    }
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": gig })).await;
    let event = socket.next_event("gig").await;
    assert_eq!(event["reasons"], json!([{ "code": "OTHER", "message": MESSAGE }]));
    // A rejected gig with a reason that the seller can fix can be edited: rules read what is in clear.
    let edit = json!({ "input": { "id": gig, "title": "I will write a better song" } });
    let edited = ann.client.mutate(crate::support::documents::EDIT_GIG, edit).await;
    assert_eq!(edited["gig"]["status"], "IN_REVIEW");
}

async fn texts_about_a_verification_are_sealed_with_confidential_codes(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    claim(&rita.client, &id).await;
    let input = decision("verificationId", &id, "REJECT", &json!(version), "SANCTIONED");
    rita.client.mutate(&decide_mutation(), input).await;
    assert_sealed(&app).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { reasons { code category message field } } } }";
    let data = rita.at(&app.gateway_b()).run(query, json!({ "id": id })).await;
    let shown = json!([{ "code": "SANCTIONED", "category": "FRAUD", "message": MESSAGE, "field": [STEP] }]);
    assert_eq!(data["node"]["reasons"], shown);
    let own = own_verification(&ann.client).await;
    assert_eq!(own["reasons"][0]["code"], "OTHER");
    assert!(!own.to_string().contains(MESSAGE), "{own}");
}

/// The stored decision about a subject, opened.
async fn opened_decision(app: &TestApp, user: &TestUser, subject: SubjectId) -> (String, String) {
    let db = app.services().db.read();
    let row = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.eq(subject.uuid()))
        .one(db)
        .await
        .expect("a row")
        .expect("a decision");
    let user_id = UserId::parse(&user.id).expect("an id");
    let key = review_texts::find_keys(app.services(), db, &[user_id]).await.expect("keys").remove(&user_id);
    let key = key.expect("a key").expect("an opened key");
    let reasons = reviews::reasons_of_versions(db, &[(subject, row.version)]).await.expect("reasons");
    let (_, (decision_id, reasons)) = &reasons[0];
    let reason = key.open_reason((*decision_id, subject).into(), reasons[0].clone()).expect("opened");
    let note = key.open_note(row.id.into(), subject, &row.internal_note.expect("a note")).expect("opened");
    (reason.message, note)
}

async fn an_erasure_destroys_the_key_and_keeps_the_codes(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    reject_gig(&rita, &gig).await;
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    claim(&rita.client, &id).await;
    let input = decision("verificationId", &id, "REJECT", &json!(version), "SANCTIONED");
    rita.client.mutate(&decide_mutation(), input).await;
    let gig_id = GigId::parse(&gig).expect("an id");
    assert_eq!(opened_decision(&app, &ann, SubjectId::Gig(gig_id)).await, (MESSAGE.into(), NOTE.into()));
    let db = app.services().db.read();
    let before = review_decision::Entity::find().all(db).await.expect("rows");
    let key = stored_key(&app).await.id;

    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let left = data_keys::find_all(app.services().db.keys(), db, &[key]).await.expect("keys");
    assert!(left.is_empty() && review_key::Entity::find().all(db).await.expect("rows").is_empty());
    // A backup has the sealed texts, and nothing that opens them. The record has the codes.
    assert!(
        before.iter().all(|row| row.internal_note.as_ref().is_some_and(|note| note.starts_with("sealed:")))
    );
    let mut codes = Vec::new();
    for row in review_decision::Entity::find().all(db).await.expect("rows") {
        assert_eq!(row.internal_note, None);
        assert!(!row.reasons.to_string().contains("sealed"), "{}", row.reasons);
        codes.push(text(&row.reasons[0]["code"]));
    }
    codes.sort();
    assert_eq!(codes, ["OTHER", "SANCTIONED"]);
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { reasons { code } } } }";
    let data = rita.client.run(query, json!({ "id": id })).await;
    assert_eq!(data["node"]["reasons"], json!([{ "code": "SANCTIONED" }]));
}

/// Texts of earlier versions are in clear. The background job seals them, whenever it is stopped.
async fn texts_of_an_earlier_version_are_sealed_by_a_background_job(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    reject_gig(&rita, &gig).await;
    let (id, version) = submit_verification(&bob, "AB123456", 1).await;
    claim(&rita.client, &id).await;
    let input = decision("verificationId", &id, "REJECT", &json!(version), "SANCTIONED");
    rita.client.mutate(&decide_mutation(), input).await;
    let db = app.services().db.read();
    let reason = |code: &str| json!([{ "code": code, "category": "FRAUD", "message": "Tarkomessage \"sealed\":", "field": null, "retryable": true }]);
    let gig_id = GigId::parse(&gig).expect("an id");
    let bob_id = UserId::parse(&bob.id).expect("an id");
    for (subject, code) in [(gig_id.uuid(), "OTHER"), (bob_id.uuid(), "SANCTIONED")] {
        review_decision::Entity::update_many()
            .col_expr(review_decision::Column::Reasons, Expr::value(reason(code)))
            .col_expr(review_decision::Column::InternalNote, Expr::value("Ujunonote"))
            .filter(review_decision::Column::SubjectId.eq(subject))
            .exec(db)
            .await
            .expect("in clear");
    }
    gig::Entity::update_many()
        .col_expr(gig::Column::ReviewReasons, Expr::value(reason("OTHER")))
        .exec(db)
        .await
        .expect("in clear");
    verification::Entity::update_many()
        .col_expr(verification::Column::Reasons, Expr::value(reason("SANCTIONED")))
        .exec(db)
        .await
        .expect("in clear");
    review_key::Entity::delete_many().exec(db).await.expect("no keys");
    assert!(contains_text(&dump(&app).await, "Ujunonote"));
    // Until then, they are shown as they were.
    let message = json!("Tarkomessage \"sealed\":");
    assert_eq!(ann.gig(&gig).await["reviewReasons"][0]["message"], message);

    let sealed = review_texts::seal_old_texts(app.services()).await.expect("a run");
    assert!(sealed >= 2, "{sealed}");
    assert_eq!(review_texts::seal_old_texts(app.services()).await.expect("a run"), 0);
    assert_sealed(&app).await;
    assert_eq!(ann.gig(&gig).await["reviewReasons"][0]["message"], message);
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { reasons { code message } } } }";
    let data = rita.client.run(query, json!({ "id": id })).await;
    assert_eq!(data["node"]["reasons"], json!([{ "code": "SANCTIONED", "message": message }]));
    assert_eq!(opened_decision(&app, &ann, SubjectId::Gig(gig_id)).await.1, "Ujunonote");
    // Those of erased users have no key, and are not touched again.
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(review_texts::seal_old_texts(app.services()).await.expect("a run"), 0);
}

async fn a_text_that_is_moved_to_another_subject_is_not_shown(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut gigs = Vec::new();
    for title in ["I will write a song for you", "I will write two songs for you"] {
        let gig = ann.post(app.gig_form(title).await).await;
        reject_gig(&rita, &gig).await;
        gigs.push(GigId::parse(&gig).expect("an id"));
    }
    let db = app.services().db.read();
    let row = gig::Entity::find_by_id(gigs[0].uuid()).one(db).await.expect("a row").expect("a gig");
    gig::Entity::update_many()
        .col_expr(gig::Column::ReviewReasons, Expr::value(row.review_reasons))
        .filter(gig::Column::Id.eq(gigs[1].uuid()))
        .exec(db)
        .await
        .expect("moved");
    let body = ann.client.execute(GIG, json!({ "id": gigs[1].to_public() })).await;
    assert_eq!(error_codes(&body), ["DATA_TAMPERED"]);
    assert!(!body.to_string().contains(MESSAGE), "{body}");
    // The note, too, belongs to its decision and to what that is about.
    let row = review_decision::Entity::find().one(db).await.expect("a row").expect("a decision");
    let user_id = UserId::parse(&ann.id).expect("an id");
    let key = review_texts::find_keys(app.services(), db, &[user_id]).await.expect("keys").remove(&user_id);
    let (key, note) = (key.expect("a key").expect("an opened key"), row.internal_note.expect("a note"));
    let opened = gigs.iter().filter(|id| key.open_note(row.id.into(), SubjectId::Gig(**id), &note).is_ok());
    assert_eq!(opened.count(), 1);
}

async fn the_keys_of_texts_are_rotated(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    reject_gig(&rita, &gig).await;
    // As if an older key of the installation had wrapped it, which is missing now.
    set_wrapping_key(&app, "lost").await;
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 1);
    assert_eq!(key_rotation::MissingKeys::default().get(app.services()).await.expect("keys"), ["lost"]);
    let body = ann.client.execute(GIG, json!({ "id": gig })).await;
    assert_eq!(error_codes(&body), ["KEY_MISSING"]);
    key_rotation::rotate(app.services(), || {}).await.expect_err("a missing key");
    set_wrapping_key(&app, app.services().vault.newest_key_id()).await;
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 0);
    assert_eq!(ann.gig(&gig).await["reviewReasons"][0]["message"], MESSAGE);
}

/// The only key of texts about a user.
async fn stored_key(app: &TestApp) -> StoredDataKey {
    let db = app.services().db.read();
    let row = review_key::Entity::find().one(db).await.expect("a row").expect("a key");
    let id = DataKeyId::from_uuid(row.data_key_id);
    data_keys::find_all(app.services().db.keys(), db, &[id]).await.expect("keys").remove(0)
}

/// Says of the key that another key of the installation wraps it.
async fn set_wrapping_key(app: &TestApp, key_id: &str) {
    let key = stored_key(app).await;
    let wrapped = WrappedKey { key_id: key_id.to_owned(), ..key.wrapped.clone() };
    let db = &app.services().db;
    let transaction = db.begin().await.expect("a transaction");
    data_keys::replace_key(db.keys(), &transaction, &key, &wrapped).await.expect("changed");
    transaction.commit().await.expect("a commit");
}

/// As after a restore without a dump of the data keys.
async fn after_its_key_was_lost_reviewers_can_write_about_a_user(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut gigs = Vec::new();
    for title in ["I will write a song for you", "I will write two songs for you"] {
        gigs.push(ann.post(app.gig_form(title).await).await);
    }
    reject_gig(&rita, &gigs[0]).await;
    let db = &app.services().db;
    let transaction = db.begin().await.expect("a transaction");
    data_keys::delete(db.keys(), &transaction, &[stored_key(&app).await.id]).await.expect("deleted");
    transaction.commit().await.expect("a commit");
    let code_of = async |gig: &str| error_codes(&ann.client.execute(GIG, json!({ "id": gig })).await);
    assert_eq!(code_of(&gigs[0]).await, ["KEY_MISSING"]);
    reject_gig(&rita, &gigs[1]).await;
    assert_eq!(ann.gig(&gigs[1]).await["reviewReasons"][0]["message"], MESSAGE);
    assert_eq!(code_of(&gigs[0]).await, ["KEY_MISSING"], "not DATA_TAMPERED");
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(review_key::Entity::find().all(db.read()).await.expect("rows"), []);
}

/// As an earlier version has stored it: the key beside the data, wrapped for what is written about the user.
async fn a_key_of_an_earlier_version_is_taken_over(mut app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    reject_gig(&rita, &gig).await;
    let user_id = UserId::parse(&ann.id).expect("an id");
    let key = stored_key(&app).await;
    let (db, id) = (app.services().db.read(), DataKeyId::of_earlier_review_key(user_id));
    let (data_key, wrapped) = app.services().vault.new_data_key((id, user_id)).expect("a key");
    let subject = format!("about GIG {}", GigId::parse(&gig).expect("an id").uuid());
    let seal = |context: String, text: &str| {
        let ciphertext = data_key.encrypt(&context, text.as_bytes()).expect("encrypted");
        SealedText { owner_id: user_id, ciphertext }.to_string()
    };
    let reason = json!({ "code": "OTHER", "category": "OTHER", "message": "From before.", "field": null,
        "retryable": true });
    let sealed = seal(format!("review reason {subject}"), &reason.to_string());
    let mut shown = reason.clone();
    shown["sealed"] = json!(sealed);
    gig::Entity::update_many()
        .col_expr(gig::Column::ReviewReasons, Expr::value(json!([shown])))
        .exec(db)
        .await
        .expect("changed");
    review_key::Entity::delete_many().exec(db).await.expect("deleted");
    let statement = Statement::from_sql_and_values(
        app.services().db.backend(),
        match app.services().db.backend() {
            DbBackend::Postgres => "INSERT INTO old_review_key VALUES ($1, $2, $3)",
            _ => "INSERT INTO old_review_key VALUES (?, ?, ?)",
        },
        [user_id.uuid().into(), wrapped.key_id.into(), wrapped.bytes.into()],
    );
    db.execute_raw(statement).await.expect("stored");
    let transaction = app.services().db.begin().await.expect("a transaction");
    data_keys::delete(app.services().db.keys(), &transaction, &[key.id]).await.expect("deleted");
    transaction.commit().await.expect("a commit");

    app.start_gateway().await;
    assert_eq!(stored_key(&app).await.id, id);
    let (db, count) = (app.services().db.read(), "SELECT COUNT(*) FROM old_review_key");
    let left =
        db.query_one_raw(Statement::from_string(db.get_database_backend(), count)).await.expect("a row");
    assert_eq!(left.map(|row| row.try_get_by_index::<i64>(0).expect("a count")), Some(0));
    assert_eq!(ann.gig(&gig).await["reviewReasons"][0]["message"], "From before.");
}

on_both_back_ends!(
    texts_about_a_gig_are_sealed_and_shown_to_its_seller_and_reviewers,
    texts_about_a_verification_are_sealed_with_confidential_codes,
    an_erasure_destroys_the_key_and_keeps_the_codes,
    texts_of_an_earlier_version_are_sealed_by_a_background_job,
    a_text_that_is_moved_to_another_subject_is_not_shown,
    the_keys_of_texts_are_rotated,
    after_its_key_was_lost_reviewers_can_write_about_a_user,
    a_key_of_an_earlier_version_is_taken_over,
);
