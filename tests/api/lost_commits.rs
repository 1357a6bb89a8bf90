//! Commits whose request or reply is lost on the way.

use std::fs;

use entity::user;
use gigway::config::Settings;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::erasure;
use sea_orm::EntityTrait;

use crate::erasure::{blobs, sign_up};
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::statement_proxy::{LostCommit, StatementProxy};
use crate::support::test_app::TestApp;

/// The beginning of a statement of an erasure.
const ANONYMISE: &str = r#"UPDATE "user" SET "email" = "#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_retracted_only_if_it_was_not_committed() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("erasures.log");
    let database_url = servers::new_postgres_database().await;
    let proxy = StatementProxy::start(&database_url).await;
    let settings = Settings {
        database_url: Some(proxy.url(&database_url)),
        data_dir: Some(dir.path().display().to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let is_erased = async |id: &str| {
        let id = UserId::parse(id).expect("an id").uuid();
        let row = user::Entity::find_by_id(id).one(app.services().db.read()).await.expect("a row");
        row.expect("a user").erased_at.is_some()
    };
    let ann = sign_up(&app.gateway_a(), 1).await;
    ann.client.upload_image(small_png()).await;
    proxy.lose_commit_after(ANONYMISE, LostCommit::Request);
    erasure::erase_user(app.services(), &ann.email).await.expect_err("not committed");
    assert!(!is_erased(&ann.id).await);
    let lines = fs::read_to_string(&journal).expect("a journal");
    assert!(lines.lines().count() == 2 && lines.contains("RETRACTED"), "{lines}");
    proxy.lose_commit_after(ANONYMISE, LostCommit::Reply);
    erasure::erase_user(app.services(), &ann.email).await.expect("committed");
    assert!(is_erased(&ann.id).await);
    assert_eq!(blobs(&app), Vec::<String>::new());
    let added = fs::read_to_string(&journal).expect("a journal").split_off(lines.len());
    assert!(added.lines().count() == 1 && added.contains(" ERASED "), "{added}");
    assert_eq!(erasure::replay_journal(app.services()).await.expect("a run"), 0);
}
