//! The programs in `examples/`, run against a gateway. Node and browser examples run in `tests/clients/examples.mjs`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::client::text;
use crate::support::documents::SIGN_UP;
use crate::support::reviewing;
use crate::support::servers::stable_port;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;
use crate::support::{npm, on_both_back_ends};
use crate::verification::submit_verification;

/// A script in `examples/curl`, with the gateway at `url`.
fn curl_example(script: &str, url: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(examples().join("curl").join(script)).env("GATEWAY_URL", url);
    command
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The first gig id in the output of a script.
fn gig_id(output: &str) -> String {
    let is_id = |word: &&str| word.starts_with("gig_");
    let mut words = output.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.find(is_id).unwrap_or_else(|| panic!("no gig id: {output}")).to_owned()
}

async fn the_curl_examples_post_a_gig_and_approve_it(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let listed = seller.post(app.gig_form("I will write a song for you").await).await;
    reviewer.approve(&listed).await;

    let mut command = curl_example("browse-and-post.sh", &app.gateway_a().url(""));
    command.env("SELLER_EMAIL", &seller.email).env("SELLER_PASSWORD", PASSWORD);
    let output = npm::run(command).await;
    npm::expect_success("browse-and-post.sh", &output);
    let printed = stdout(&output);
    let posted = gig_id(&printed);
    assert!(printed.contains("I will write a song for you (Ann)"), "{printed}");
    assert!(printed.contains("1 in total"), "{printed}");
    assert!(printed.contains(&format!("Posted {posted}, which is IN_REVIEW")), "{printed}");
    assert!(printed.contains(&format!("{posted} IN_REVIEW\n")), "{printed}");
    let images = "query($id: ID!) { gig(id: $id) { images { width height } } }";
    let gig = seller.client.run(images, json!({ "id": posted })).await;
    assert_eq!(gig["gig"]["images"], json!([{ "width": 480, "height": 320 }]));

    let mut command = curl_example("approve.sh", &app.gateway_b().url(""));
    command.arg(&posted).env("REVIEWER_EMAIL", &reviewer.email).env("REVIEWER_PASSWORD", PASSWORD);
    let output = npm::run(command).await;
    npm::expect_success("approve.sh", &output);
    assert_eq!(stdout(&output), format!("{posted} is ACTIVE\n"));
    assert_eq!(seller.status(&posted).await, "ACTIVE");
}

async fn the_curl_example_reviews_a_verification(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (verification, _) = submit_verification(&ann, "AB123456", 1).await;
    let item = text(&reviewing::item_of(&rita.client, &verification).await);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let run = async |arguments: &[&str]| {
        let mut command = curl_example("review.sh", &app.gateway_b().url(""));
        command.args(arguments).current_dir(dir.path());
        command.env("REVIEWER_EMAIL", &rita.email).env("REVIEWER_PASSWORD", PASSWORD);
        npm::run(command).await
    };
    let early = run(&["decide", &item, "CLEAR"]).await;
    assert!(!early.status.success() && stderr(&early).contains("CLAIM_REQUIRED"), "{early:?}");
    let opened = run(&["open"]).await;
    npm::expect_success("review.sh", &opened);
    let printed = stdout(&opened);
    assert!(printed.contains("\"documentNumber\": \"AB123456\""), "{printed}");
    assert!(printed.contains(&format!("saved {item}-FRONT.jpg")), "{printed}");
    image::open(dir.path().join(format!("{item}-FRONT.jpg"))).expect("a picture");
    let decided = run(&["decide", &item, "CLEAR"]).await;
    npm::expect_success("review.sh", &decided);
    assert_eq!(stdout(&decided), format!("{verification} is CLEARED\n"));
}

/// A part of the script with the requests of the README, run in the directory of the README.
fn readme_example(part: &str, app: &TestApp) -> Command {
    let mut command = curl_example("readme.sh", &app.gateway_b().url(""));
    command.arg(part).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

async fn the_requests_of_the_readme_work(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let listed = seller.post(app.gig_form("I will draw a logo for you").await).await;
    reviewer.approve(&listed).await;
    let run = async |command: Command| {
        let output = npm::run(command).await;
        npm::expect_success("readme.sh", &output);
        stdout(&output)
    };
    let response: Value = serde_json::from_str(&run(readme_example("query", &app)).await).expect("JSON");
    let gigs = json!({ "totalCount": 1, "nodes": [{
        "title": "I will draw a logo for you", "price": { "amount": "25.00" } }] });
    assert_eq!(response, json!({ "data": { "gigs": gigs } }));

    // The account of the demo data.
    let miriam = json!({ "input": {
        "email": "miriam@example.com", "password": "demo-password", "displayName": "Miriam" } });
    app.gateway_a().mutate(SIGN_UP, miriam).await;
    let token = run(readme_example("sign-in", &app)).await;
    let mut upload = readme_example("upload", &app);
    upload.env("TOKEN", token.trim());
    let response: Value = serde_json::from_str(&run(upload).await).expect("JSON");
    let payload = &response["data"]["uploadGigImage"];
    assert_eq!(payload["errors"], json!([]), "{response}");
    assert!(payload["image"]["id"].is_string(), "{response}");
}

/// The stream has the lines of the documentation.
async fn the_stream_of_the_documentation_is_what_curl_receives(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = seller.post(app.gig_form("I will draw a logo for you").await).await;
    let mut command = readme_example("subscription", &app);
    let mut bash = command.stdout(Stdio::piped()).spawn().expect("bash starts");
    let output = BufReader::new(bash.stdout.take().expect("the output is piped"));
    let (sender, mut lines) = mpsc::unbounded_channel();
    // Ends with curl, when the gateway has stopped.
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut received = Vec::new();
    let mut is_approved = false;
    while let Some(line) = lines.recv().await {
        // The subscription has started when its stream has an id.
        if line.starts_with("id: ") && !is_approved {
            is_approved = true;
            reviewer.approve(&gig).await;
        }
        let is_event = line.starts_with("data: ");
        received.push(line);
        if is_event {
            break;
        }
    }
    bash.kill().and_then(|()| bash.wait()).expect("bash ends");
    let sample = std::fs::read_to_string(examples().join("curl/stream.txt")).expect("a file");
    let ids: Vec<&str> = received.iter().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids.len(), 2, "{received:?}");
    let received = received.join("\n").replace(ids[1], "AcXb..").replace(ids[0], "AcXa..");
    assert_eq!(received.replace("I will draw a logo for you", "I will .."), sample.trim_end());
}

async fn the_curl_examples_report_what_went_wrong(app: TestApp) {
    let reviewer = app.reviewer("Rita").await;
    let mut wrong_password = curl_example("browse-and-post.sh", &app.gateway_a().url(""));
    wrong_password.env("SELLER_EMAIL", &reviewer.email).env("SELLER_PASSWORD", "another password");
    let mut unknown_gig = curl_example("approve.sh", &app.gateway_a().url(""));
    unknown_gig.arg("gig_00000000000000000000000000");
    unknown_gig.env("REVIEWER_EMAIL", &reviewer.email).env("REVIEWER_PASSWORD", PASSWORD);
    let no_gateway = curl_example("browse-and-post.sh", &format!("http://127.0.0.1:{}", stable_port()));
    for (command, message) in [
        (wrong_password, "WRONG_CREDENTIALS"),
        (unknown_gig, "there is no gig gig_0"),
        (no_gateway, "no response from http://127.0.0.1:"),
    ] {
        let output = npm::run(command).await;
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

async fn the_node_and_browser_examples_list_gigs_and_resume(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut node = npm::script("examples.mjs", &[]);
    node.env("GATEWAY_FOR_MUTATIONS", app.gateway_a().url(""))
        .env("GATEWAY_FOR_STREAMS", app.gateway_b().url(""))
        .env("SELLER_TOKEN", seller.client.token().expect("a token"))
        .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"));
    npm::expect_success("examples.mjs", &npm::run(node).await);
}

on_both_back_ends!(
    the_curl_examples_post_a_gig_and_approve_it,
    the_curl_example_reviews_a_verification,
    the_requests_of_the_readme_work,
    the_stream_of_the_documentation_is_what_curl_receives,
    the_curl_examples_report_what_went_wrong,
    the_node_and_browser_examples_list_gigs_and_resume,
);

/// The README lists each example, and no path that does not exist.
#[test]
fn the_readme_lists_every_example() {
    let readme = std::fs::read_to_string(examples().join("README.md")).expect("a README");
    for dir in ["clients", "curl", "graphql", "node", "browser"] {
        for entry in std::fs::read_dir(examples().join(dir)).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_str().expect("text");
            let extension = path.extension().and_then(OsStr::to_str);
            let is_program = matches!(extension, Some("sh" | "mjs" | "html" | "ts" | "graphql"));
            let is_helper = ["graphql.sh", "request.mjs", "introspect.mjs"].contains(&name);
            assert!(!is_program || is_helper || readme.contains(&format!("`{dir}/{name}`")), "{name}");
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_path = |part: &&str| part.contains('/') && part.contains('.') && !part.contains([' ', '\n', ':']);
    for path in readme.split('`').filter(is_path) {
        assert!(examples().join(path).exists() || root.join(path).exists(), "{path}");
    }
}
