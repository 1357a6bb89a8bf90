//! The demo data have one applicant with flags and one without who wait for a review. Both are cleared as the README
//! says.

use std::path::Path;
use std::process::Command;

use gigway::demo::{REVIEWER_EMAIL, verifications};
use serde_json::{Value, json};

use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::own_verification;

/// The applicants of the demo, and the reviewers and the administrator who decide.
const APPLICANTS: [&str; 11] = [
    "Callum",
    "Mei",
    "Ingrid",
    "Grace",
    "Thandiwe",
    "Oleksandr",
    "Leila",
    "Diego",
    "Claire",
    "Hannah",
    "Jonas",
];

const WAITING: &str = "{ reviewQueue(kind: VERIFICATION, state: OPEN, first: 20) { nodes {
    id flags { code } subject { ... on Verification { id } } } } }";

/// The id and the codes of the flags of each item that waits for a review, and whose it is.
async fn waiting(reviewer: &TestUser) -> Vec<(String, String, Vec<String>)> {
    let nodes = reviewer.client.run(WAITING, json!({})).await["reviewQueue"]["nodes"].take();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let items = nodes.as_array().expect("a list").iter().map(|item| {
        let flags = item["flags"].as_array().expect("a list").iter().map(|flag| text(&flag["code"]));
        (text(&item["id"]), text(&item["subject"]["id"]).replace("ver_", "usr_"), flags.collect())
    });
    items.collect()
}

/// Runs `examples/curl/review.sh` as this reviewer. Returns what it prints.
async fn review(app: &TestApp, dir: &Path, reviewer: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/curl/review.sh");
    let mut command = Command::new("bash");
    command.arg(script).args(arguments).current_dir(dir).env("GATEWAY_URL", app.gateway_b().url(""));
    command.env("REVIEWER_EMAIL", reviewer).env("REVIEWER_PASSWORD", PASSWORD);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

async fn the_flagged_and_the_unflagged_applicant_are_cleared_as_the_readme_says(app: TestApp) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for name in APPLICANTS {
        app.member_without_session(name).await;
    }
    let (miriam, owen) = (app.reviewer("Miriam").await, app.reviewer("Owen").await);
    app.admin("Ada").await;
    assert_eq!(miriam.email, REVIEWER_EMAIL);
    verifications::seed(app.services()).await.expect("seeded");

    let (leila, jonas) = (app.sign_in("leila@example.com").await, app.sign_in("jonas@example.com").await);
    let items = waiting(&miriam).await;
    let [(of_leila, leila_id, no_flags), (of_jonas, jonas_id, flags)] = &items[..] else {
        panic!("two wait: {items:?}")
    };
    assert_eq!((leila_id, jonas_id), (&leila.id, &jonas.id), "the oldest first");
    assert_eq!(no_flags, &[""; 0]);
    assert_eq!(flags, &["DUPLICATE_DOCUMENT", "PREVIOUSLY_REJECTED"]);

    let opened = review(&app, dir.path(), &miriam.email, &["open"]).await;
    assert!(opened.contains(of_leila) && opened.contains("\"flags\": []"), "{opened}");
    let decided = review(&app, dir.path(), &miriam.email, &["decide", of_leila, "CLEAR"]).await;
    assert!(decided.ends_with(" is CLEARED\n"), "{decided}");

    let opened = review(&app, dir.path(), &miriam.email, &["open"]).await;
    assert!(opened.contains(of_jonas) && opened.contains("PREVIOUSLY_REJECTED"), "{opened}");
    let decided = review(&app, dir.path(), &miriam.email, &["decide", of_jonas, "CLEAR"]).await;
    assert!(decided.ends_with(" is IN_REVIEW, and waits for a second reviewer\n"), "{decided}");
    let opened = review(&app, dir.path(), &owen.email, &["open", of_jonas]).await;
    assert!(opened.contains("\"displayName\": \"Miriam\""), "{opened}");
    let decided = review(&app, dir.path(), &owen.email, &["decide", of_jonas, "CLEAR"]).await;
    assert!(decided.ends_with(" is CLEARED\n"), "{decided}");
    for applicant in [&leila, &jonas] {
        assert_eq!(own_verification(&applicant.client).await["status"], "CLEARED");
    }
    assert_eq!(waiting(&miriam).await, []);
}

on_both_back_ends!(the_flagged_and_the_unflagged_applicant_are_cleared_as_the_readme_says);
