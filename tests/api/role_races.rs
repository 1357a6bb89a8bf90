//! An act that is interrupted at any statement by the loss of the role, or by a block, of the user who acts: once
//! the change has returned, the act changes nothing any more. On SQLite they cannot overlap.

use std::time::Duration;

use gigway::config::Settings;
use gigway::domain::user::Role;
use gigway::service::user_admin;
use serde_json::json;

use crate::erasure::sign_up;
use crate::erasure_races::{Act, ERASURE_TIME, STATEMENTS_MAX, prepare};
use crate::support::servers;
use crate::support::statement_proxy::StatementProxy;
use crate::support::table_dump::table_dump;
use crate::support::test_app::TestApp;

/// What the acts write. A block also writes `session`.
const TABLES: [&str; 6] =
    ["audit_entry: ", "gig: ", "gig_image: ", "review_decision: ", "review_item: ", "verification: "];

/// What is in the entries of the audit trail about the changes themselves.
const CHANGES: [&str; 2] = [r#""action":"ROLE""#, r#""action":"BLOCK""#];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    LoseRole,
    Block,
}

/// The rows that the acts write.
async fn written(app: &TestApp) -> String {
    let dump = table_dump(app.services().db.read()).await;
    let mut is_written = false;
    let lines = dump.lines().filter(|line| {
        if line
            .split_once(": ")
            .is_some_and(|(table, _)| table.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        {
            is_written = TABLES.iter().any(|table| line.starts_with(table));
        }
        is_written && !CHANGES.iter().any(|action| line.contains(action))
    });
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

/// Holds the act at each of its statements in turn, and changes the user who acts meanwhile.
async fn change_during(acts: &[Act], change: Change) {
    let dir = tempfile::tempdir().expect("a directory");
    let database_url = servers::new_postgres_database().await;
    let proxy = StatementProxy::start(&database_url).await;
    let unlimited = json!({ "capacity": 0, "perMinute": 60_000 });
    let budgets = json!({ "anonymous": unlimited, "viewer": unlimited, "signIn": unlimited,
        "signUp": unlimited, "upload": unlimited });
    let settings = |url: String| Settings {
        database_url: Some(url),
        budgets: Some(budgets.to_string()),
        data_dir: Some(dir.path().display().to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings(database_url.clone()), 1).await;
    let slow_app = TestApp::start(settings(proxy.url(&database_url)), 1).await;
    let slow = slow_app.gateway_a();
    let mut number = 0;
    for act in acts {
        let mut refused = 0;
        for statement in 0..STATEMENTS_MAX {
            number += 1;
            let ann = sign_up(&app.gateway_a(), number).await;
            let rita = app.reviewer(&format!("Rita{number}")).await;
            let actor = if act.is_of_reviewer() { &rita } else { &ann };
            let act_future = prepare(&app, &slow, *act, &ann, &rita).await;
            proxy.hold_statement(statement);
            let mut act_task = tokio::spawn(act_future);
            let is_held = tokio::select! {
                is_held = proxy.is_held_within(Duration::from_secs(10)) => is_held,
                _ = &mut act_task => false,
            };
            if !is_held {
                proxy.release();
                break;
            }
            let before = written(&app).await;
            let changing = async {
                match change {
                    Change::LoseRole => {
                        user_admin::set_role(app.services(), &actor.email, Role::Member).await
                    }
                    Change::Block => user_admin::block(app.services(), &actor.email).await,
                }
            };
            tokio::pin!(changing);
            let early = tokio::time::timeout(ERASURE_TIME, &mut changing).await;
            let statements = proxy.statements();
            proxy.release();
            let is_early = early.is_ok();
            match early {
                Ok(changed) => changed.expect("changed"),
                Err(_) => changing.await.expect("changed"),
            }
            act_task.await.expect("it ends");
            if is_early {
                refused += 1;
                let after = written(&app).await;
                assert_eq!(after, before, "{act:?}, {change:?}, at statement {statement} of {statements:#?}");
            }
        }
        assert!(refused > 0, "{act:?} was never refused");
    }
}

/// What reviewers do about others.
const REVIEWS: [Act; 4] = [Act::Claim, Act::RejectGig, Act::RejectVerification, Act::ReadPersonalInfo];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_does_nothing_after_the_loss_of_the_role() {
    Box::pin(change_during(&REVIEWS, Change::LoseRole)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_does_nothing_after_a_block() {
    Box::pin(change_during(&REVIEWS[..2], Change::Block)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_does_nothing_after_a_block() {
    Box::pin(change_during(&[Act::Post, Act::UploadImage, Act::SavePersonalInfo], Change::Block)).await;
}
