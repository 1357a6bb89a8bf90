//! The keys that encrypt the data of users: where they are, what they are bound to, and when they are replaced.

use chrono::TimeDelta;
use entity::{identity_document, verification};
use gigway::config::Settings;
use gigway::domain::id::{DataKeyId, PublicId, UserId};
use gigway::service::{Services, erasure, key_rotation, retention};
use gigway::store::data_keys::StoredDataKey;
use gigway::store::{data_keys, verifications};
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Client, error_codes, text};
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::servers;
use crate::support::tags::remove_tags;
use crate::support::test_app::TestApp;
use crate::verification::{
    document_image, own_verification, personal_info, save_mutation, submit_mutation, submit_verification,
    upload_document, upload_response,
};

const OWN_FORM: &str = "{ viewer { verification { status personalInfo { documentNumber } } } }";

/// The number of stored data keys.
async fn count_keys(services: &Services) -> u64 {
    let keys = services.db.keys();
    data_keys::count_wrapped_by_old_keys(keys, services.db.read(), "").await.expect("a count")
}

async fn execute(services: &Services, sql: &str) {
    let transaction = services.db.begin().await.expect("a transaction");
    transaction.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    transaction.commit().await.expect("a commit");
}

/// The number of the document in the form of the user, or the code of the error.
async fn number_or_code(client: &Client) -> String {
    let body = client.execute(OWN_FORM, json!({})).await;
    match error_codes(&body).first() {
        Some(code) => code.clone(),
        None => body["data"]["viewer"]["verification"]["personalInfo"]["documentNumber"]
            .as_str()
            .unwrap_or("none")
            .to_owned(),
    }
}

async fn an_older_form_that_is_put_back_is_refused(app: TestApp) {
    let (ann, services) = (app.member("Ann").await, app.services());
    ann.client.mutate(&save_mutation(), personal_info("AB111111")).await;
    execute(services, "CREATE TABLE kept AS SELECT * FROM verification").await;
    ann.client.mutate(&save_mutation(), personal_info("AB222222")).await;
    execute(services, "CREATE TABLE newer AS SELECT * FROM verification").await;
    assert_eq!(number_or_code(&ann.client).await, "AB222222");
    // The form alone, and the form with the version that it was encrypted for.
    for columns in [vec!["personal_info"], vec!["personal_info", "personal_info_version"]] {
        let put_back = async |from: &str| {
            for column in &columns {
                let sql = format!("UPDATE verification SET {column} = (SELECT {column} FROM {from})");
                execute(services, &sql).await;
            }
        };
        put_back("kept").await;
        assert_eq!(number_or_code(&ann.client).await, "DATA_TAMPERED", "{columns:?}");
        put_back("newer").await;
        assert_eq!(number_or_code(&ann.client).await, "AB222222");
    }
}

async fn images_have_a_key_that_ends_with_them(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let services = app.services();
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    assert_eq!(count_keys(services).await, 2);
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    let document = identity_document::Entity::find().one(services.db.read()).await.expect("a row");
    let key = DataKeyId::from_uuid(document.expect("a document").data_key_id.expect("a key"));
    app.advance_clock(TimeDelta::days(181));
    retention::apply(services).await.expect("a run");
    let left = data_keys::find_all(services.db.keys(), services.db.read(), &[key]).await.expect("keys");
    assert!(left.is_empty(), "the key of the images is gone");
    // Of the form, and of the note of the reviewer.
    assert_eq!(count_keys(services).await, 2);
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(number_or_code(&ann.client).await, "AB123456");
    assert_eq!(own_verification(&ann.client).await["documents"], json!([]));
    erasure::erase_user(services, &ann.email).await.expect("erased");
    assert_eq!(count_keys(services).await, 0);
}

/// As an earlier release has stored it: one key, in the table of verifications, and a form that is bound to the user
/// only.
async fn store_as_before(services: &Services, user_id: UserId) {
    let (drop, kind) = match services.db.backend() {
        DbBackend::Postgres => ("DROP TRIGGER verification_key_changed ON verification", "'\\x00'::bytea"),
        _ => ("DROP TRIGGER verification_key_changed", "x'00'"),
    };
    let refused = format!("UPDATE verification SET key_id = 'key', wrapped_key = {kind}");
    let transaction = services.db.begin().await.expect("a transaction");
    transaction.execute_unprepared(&refused).await.expect_err("a gateway that is too old");
    transaction.rollback().await.expect("rolled back");
    execute(services, drop).await;
    let owner = (DataKeyId::from_uuid(user_id.uuid()), user_id);
    let (key, wrapped) = services.vault.new_data_key(owner).expect("a key");
    let form = stored_form(services, user_id).await;
    let sealed = key.encrypt(&format!("personal information of {user_id}"), form.to_string().as_bytes());
    verification::Entity::update_many()
        .col_expr(verification::Column::DataKeyId, Expr::value(Option::<Uuid>::None))
        .col_expr(verification::Column::KeyId, Expr::value(wrapped.key_id))
        .col_expr(verification::Column::WrappedKey, Expr::value(wrapped.bytes))
        .col_expr(verification::Column::PersonalInfo, Expr::value(sealed.expect("encrypted")))
        .col_expr(verification::Column::PersonalInfoVersion, Expr::value(Option::<i32>::None))
        .exec(services.db.read())
        .await
        .expect("changed");
    remove_tags(services).await;
}

/// The form of the user as JSON, in the form in which it is encrypted.
async fn stored_form(services: &Services, user_id: UserId) -> Value {
    let db = services.db.read();
    let record = verifications::find(db, user_id).await.expect("a row").expect("a verification");
    let (id, form) = record.key.zip(record.personal_info).expect("a form");
    let stored = data_keys::find_all(services.db.keys(), db, &[id]).await.expect("keys").remove(0);
    let key = services.vault.unwrap(&stored.wrapped, (id, user_id)).expect("a key");
    let version = form.version.expect("a version");
    let context = format!("personal information of {user_id}, version {version}");
    serde_json::from_slice(&key.decrypt(&context, &form.bytes).expect("decrypted")).expect("JSON")
}

async fn keys_and_forms_of_an_earlier_release_are_taken_over(mut app: TestApp) {
    let ann = app.member("Ann").await;
    ann.client.mutate(&save_mutation(), personal_info("AB111111")).await;
    let user_id = UserId::parse(&ann.id).expect("an id");
    store_as_before(app.services(), user_id).await;
    execute(app.services(), "CREATE TABLE kept AS SELECT * FROM verification").await;
    app.start_gateway().await;
    let client = ann.at(&app.gateway_b());
    assert_eq!(number_or_code(&client).await, "AB111111");
    let row = async || {
        let row = verification::Entity::find_by_id(user_id.uuid()).one(app.services().db.read()).await;
        row.expect("a row").expect("a verification")
    };
    let moved = row().await;
    assert_eq!((moved.key_id, moved.wrapped_key, moved.data_key_id), (None, None, Some(user_id.uuid())));
    key_rotation::rotate(app.services_b(), || ()).await.expect("a run");
    assert_eq!(row().await.personal_info_version, Some(moved.version));
    assert_eq!(number_or_code(&client).await, "AB111111");
    // From now on, the form of before is an older one.
    let put_back = "UPDATE verification SET personal_info = (SELECT personal_info FROM kept)";
    execute(app.services(), put_back).await;
    assert_eq!(number_or_code(&client).await, "DATA_TAMPERED");
}

async fn keys_that_encrypt_nothing_are_deleted(app: TestApp) {
    let (ann, services) = (app.member("Ann").await, app.services());
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    // The transaction that would have referred to it was rolled back.
    let (id, user_id) = (DataKeyId::from_uuid(Uuid::from_u128(7)), UserId::parse(&ann.id).expect("an id"));
    let (_, wrapped) = services.vault.new_data_key((id, user_id)).expect("a key");
    let transaction = services.db.begin().await.expect("a transaction");
    let key = StoredDataKey { id, user_id, wrapped };
    data_keys::insert(services.db.keys(), &transaction, &key, app.now()).await.expect("a key");
    transaction.commit().await.expect("a commit");
    assert_eq!(retention::apply(services).await.expect("a run").data_keys, 0, "it may still be needed");
    app.advance_clock(TimeDelta::hours(2));
    assert_eq!(retention::apply(services).await.expect("a run").data_keys, 1);
    assert_eq!(count_keys(services).await, 1);
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(number_or_code(&ann.client).await, "AB123456");
}

/// The keys of a restored dump of the keys, with a database that was not restored yet, or another one.
async fn keys_beside_an_empty_database_are_not_deleted(app: TestApp) {
    let (ann, services) = (app.member("Ann").await, app.services());
    let (id, user_id) = (DataKeyId::from_uuid(Uuid::from_u128(7)), UserId::parse(&ann.id).expect("an id"));
    let (_, wrapped) = services.vault.new_data_key((id, user_id)).expect("a key");
    let transaction = services.db.begin().await.expect("a transaction");
    let key = StoredDataKey { id, user_id, wrapped };
    data_keys::insert(services.db.keys(), &transaction, &key, app.now()).await.expect("a key");
    transaction.commit().await.expect("a commit");
    app.advance_clock(TimeDelta::days(2));
    assert_eq!(retention::apply(services).await.expect("a run").data_keys, 0);
    assert_eq!(count_keys(services).await, 1);
}

/// As after a restore without a dump of the data keys.
async fn what_a_lost_key_has_encrypted_can_be_provided_again(app: TestApp) {
    let (ann, rita, services) = (app.member("Ann").await, app.reviewer("Rita").await, app.services());
    ann.client.mutate(&save_mutation(), personal_info("AB111111")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    let record = verifications::find(services.db.read(), UserId::parse(&ann.id).expect("an id")).await;
    let lost = record.expect("a row").expect("a verification").all_keys();
    let missing =
        async || data_keys::count_missing(services.db.keys(), services.db.read()).await.expect("a count");
    assert_eq!((lost.len(), missing().await), (2, 0));
    let transaction = services.db.begin().await.expect("a transaction");
    data_keys::delete(services.db.keys(), &transaction, &lost).await.expect("deleted");
    transaction.commit().await.expect("a commit");
    assert_eq!((number_or_code(&ann.client).await.as_str(), missing().await), ("KEY_MISSING", 2));
    // An image does not hide that the form is lost.
    let uploaded = upload_response(&ann.client, "PASSPORT", "FRONT", document_image(2)).await;
    assert_eq!(error_codes(&uploaded), ["KEY_MISSING"]);
    assert_eq!((number_or_code(&ann.client).await.as_str(), missing().await), ("KEY_MISSING", 1));
    ann.client.mutate(&save_mutation(), personal_info("AB222222")).await;
    assert_eq!((number_or_code(&ann.client).await.as_str(), missing().await), ("AB222222", 0));
    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
    let (id, version) = (text(&submitted["id"]), submitted["version"].as_i64().expect("a number"));
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
}

/// As if the process had ended between the commit and the deletion of the key, and as if a gateway of an earlier
/// version, which does not know where the keys are, had erased the user.
async fn keys_of_erased_users_are_deleted_whatever_interrupts_the_erasure(app: TestApp) {
    let (ann, services) = (app.member("Ann").await, app.services());
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    let user_id = UserId::parse(&ann.id).expect("an id");
    let record = verifications::find(services.db.read(), user_id).await.expect("a row");
    let keys = record.expect("a verification").all_keys();
    let stored = data_keys::find_all(services.db.keys(), services.db.read(), &keys).await.expect("keys");
    erasure::erase_user(services, &ann.email).await.expect("erased");
    assert_eq!(count_keys(services).await, 0);
    // The commit has recorded the key, and nothing has deleted it yet.
    let put_back = async || {
        let transaction = services.db.begin().await.expect("a transaction");
        data_keys::insert(services.db.keys(), &transaction, &stored[0], app.now()).await.expect("a key");
        transaction.commit().await.expect("a commit");
    };
    if !services.db.keys().is_transactional() {
        put_back().await;
        let transaction = services.db.begin().await.expect("a transaction");
        data_keys::discard(services.db.keys(), &transaction, &keys).await.expect("recorded");
        transaction.commit().await.expect("a commit");
        let transaction = services.db.begin().await.expect("a transaction");
        let deleted = data_keys::delete_discarded(services.db.keys(), &transaction).await;
        transaction.commit().await.expect("a commit");
        assert_eq!(deleted.expect("a run"), 1);
        assert_eq!(count_keys(services).await, 0);
    }
    // The row of an erased verification still names the key.
    put_back().await;
    verification::Entity::update_many()
        .col_expr(verification::Column::DataKeyId, Expr::value(keys[0]))
        .exec(services.db.read())
        .await
        .expect("changed");
    app.advance_clock(TimeDelta::hours(2));
    assert_eq!(retention::apply(services).await.expect("a run").data_keys, 1);
    assert_eq!(count_keys(services).await, 0);
}

on_both_back_ends!(
    an_older_form_that_is_put_back_is_refused,
    images_have_a_key_that_ends_with_them,
    keys_and_forms_of_an_earlier_release_are_taken_over,
    keys_that_encrypt_nothing_are_deleted,
    keys_beside_an_empty_database_are_not_deleted,
    what_a_lost_key_has_encrypted_can_be_provided_again,
    keys_of_erased_users_are_deleted_whatever_interrupts_the_erasure,
);

// Encryption keys of 32 bytes: each byte is 7, or each is 8.
const OLD: &str = "old:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEW: &str = "new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

async fn data_keys_are_rewrapped_on_schedule(database_url: Option<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    let with = async |keys: &str| {
        let settings = Settings {
            database_url: database_url.clone(),
            data_dir: Some(dir.path().display().to_string()),
            encryption_keys: Some(keys.to_owned()),
            index_key: Some("what documents are known again by".into()),
            token_secret: Some("a secret of at least 32 characters".into()),
            ..Settings::default()
        };
        TestApp::start(settings, 1).await
    };
    let mut app = with(OLD).await;
    let ann = app.member("Ann").await;
    submit_verification(&ann, "AB123456", 1).await;
    app.stop_gateway().await;
    let mut app = with(&format!("{OLD},{NEW}")).await;
    // Other gateways may not have the new key yet.
    key_rotation::rotate_on_schedule(app.services()).await.expect("a run");
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 2);
    app.advance_clock(TimeDelta::hours(25));
    assert_eq!(key_rotation::rotate_on_schedule(app.services()).await.expect("a run"), 2);
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 0);
    app.stop_gateway().await;
    let app = with(NEW).await;
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(number_or_code(&ann.client).await, "AB123456");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_keys_are_rewrapped_on_schedule_on_sqlite() {
    Box::pin(data_keys_are_rewrapped_on_schedule(None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_keys_are_rewrapped_on_schedule_on_postgres() {
    let database_url = servers::new_postgres_database().await;
    Box::pin(data_keys_are_rewrapped_on_schedule(Some(database_url))).await;
}
