//! Uploads that are interrupted between any two steps leave no blob that nobody refers to.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use chrono::TimeDelta;
use entity::{gig_image, identity_document, unreferenced_blob};
use gigway::config::Settings;
use gigway::domain::id::{DocumentId, ImageId, PublicId};
use gigway::service::background_jobs;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;

use crate::erasure::blobs;
use crate::support::client::{Client, error_codes};
use crate::support::on_both_back_ends;
use crate::support::process::{GatewayProcess, gigway};
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::statement_proxy::StatementProxy;
use crate::support::test_app::TestApp;
use crate::verification::{document_image, own_verification, upload_document};

/// No upload has so many statements in transactions.
const STATEMENTS_MAX: usize = 40;

/// The blobs that rows refer to, by their file names.
async fn referenced_blobs(app: &TestApp) -> BTreeSet<String> {
    let db = app.services().db.read();
    let images = gig_image::Entity::find().all(db).await.expect("rows");
    let documents = identity_document::Entity::find().all(db).await.expect("rows");
    let images = images.iter().map(|row| format!("{}.jpg", ImageId::from_uuid(row.id).to_public()));
    let documents =
        documents.iter().map(|row| format!("{}.sealed", DocumentId::from_uuid(row.id).to_public()));
    images.chain(documents).collect()
}

/// Runs the background job when every interrupted upload is due, and asserts that it deletes exactly the blobs
/// that nobody refers to.
async fn assert_collected(app: &TestApp) {
    app.advance_clock(TimeDelta::hours(2));
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    assert_eq!(blobs(app).into_iter().collect::<BTreeSet<_>>(), referenced_blobs(app).await);
    let records = unreferenced_blob::Entity::find().count(app.services().db.read()).await.expect("a count");
    assert_eq!(records, 0);
}

/// Uploads a document or a gig image. The gateway may die meanwhile.
async fn upload(client: Client, is_document: bool, shade: u32) {
    let upload = tokio::spawn(async move {
        if is_document {
            upload_document(&client, "PASSPORT", "FRONT", document_image(shade)).await;
        } else {
            client.upload_request(small_png()).send().await.ok();
        }
    });
    upload.await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_during_an_upload_leaves_no_blob() {
    let dir = tempfile::tempdir().expect("a directory");
    let database_url = servers::new_postgres_database().await;
    let proxy = StatementProxy::start(&database_url).await;
    let settings = Settings {
        database_url: Some(database_url.clone()),
        data_dir: Some(dir.path().display().to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    ann.client.upload_image(small_png()).await;
    for is_document in [true, false] {
        let mut kills = 0;
        let mut was_blob_left = false;
        for statement in 0..STATEMENTS_MAX {
            let shade = u32::try_from(statement).expect("a small number");
            let mut command = gigway(dir.path(), &["serve"]);
            command.env("DATABASE_URL", proxy.url(&database_url)).stderr(Stdio::null());
            let gateway = GatewayProcess::start_command(command, &[]);
            // The background jobs of the start are over.
            tokio::time::sleep(Duration::from_millis(200)).await;
            proxy.hold_statement(statement);
            let mut uploading = tokio::spawn(upload(ann.at(&gateway.client).clone(), is_document, shade));
            let is_held = tokio::select! {
                is_held = proxy.is_held_within(Duration::from_secs(20)) => is_held,
                _ = &mut uploading => false,
            };
            gateway.stop_with("KILL");
            proxy.release();
            was_blob_left |= blobs(&app).iter().any(|blob| blob.ends_with(".sealed") || !is_document);
            if !is_held {
                break;
            }
            kills += 1;
            uploading.await.expect("it ends");
        }
        assert!(kills > 5 && was_blob_left, "{kills} kills");
    }
    assert_collected(&app).await;
    assert!(!blobs(&app).is_empty(), "what is referenced stays");
}

async fn an_upload_whose_file_cannot_be_written_leaves_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    ann.client.upload_image(small_png()).await;
    let dir = app.image_dir();
    let hidden = dir.with_file_name("hidden");
    // A file in place of the directory of blobs.
    for dir in [dir.clone(), dir.with_file_name("identity-documents")] {
        fs::rename(&dir, &hidden).expect("renamed");
        fs::write(&dir, "").expect("written");
        let is_document = !dir.ends_with("gig-images");
        if is_document {
            upload(ann.client.clone(), true, 2).await;
            let documents = own_verification(&ann.client).await["documents"].take();
            assert_eq!(documents.as_array().expect("a list").len(), 1, "{documents}");
        } else {
            let response = ann.client.upload_request(small_png()).send().await.expect("a response");
            assert_eq!(error_codes(&response.json().await.expect("JSON")), ["SERVICE_UNAVAILABLE"]);
        }
        fs::remove_file(&dir).expect("deleted");
        fs::rename(&hidden, &dir).expect("renamed");
    }
    assert_eq!(blobs(&app).len(), 2);
    assert_collected(&app).await;
    assert_eq!(blobs(&app).len(), 2);
}

/// An image that was replaced is deleted even if that fails at first.
async fn a_replaced_document_is_deleted(app: TestApp) {
    let ann = app.member("Ann").await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    let old = app.image_dir().with_file_name("identity-documents").join(&blobs(&app)[0]);
    let sealed = fs::read(&old).expect("a blob");
    fs::remove_file(&old).expect("deleted");
    fs::create_dir_all(old.join("full")).expect("a directory in place of the blob");
    let replaced = upload_document(&ann.client, "PASSPORT", "FRONT", document_image(2)).await;
    assert_eq!(replaced["errors"], json!([]));
    fs::remove_dir_all(&old).expect("deleted");
    fs::write(&old, sealed).expect("written");
    assert_eq!(blobs(&app).len(), 2);
    assert_collected(&app).await;
    assert_eq!(blobs(&app).len(), 1);
}

on_both_back_ends!(an_upload_whose_file_cannot_be_written_leaves_nothing, a_replaced_document_is_deleted,);
