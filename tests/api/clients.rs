//! Public clients against the gateway: graphql-ws, graphql-sse, EventSource, Apollo Client, urql and Relay, and the
//! audits of graphql-http. Each is a script in `tests/clients`, run by Node.
//!
//! To add one, write the script and call it here.

use gigway::config::Settings;
use tokio::sync::OnceCell;

use crate::support::npm;
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

async fn graphql_ws_subscribes_and_resumes(app: TestApp) {
    run(&app, "graphql-ws.mjs").await;
}

async fn graphql_ws_5_subscribes_and_resumes(app: TestApp) {
    run_with(&app, &["graphql-ws.mjs".to_owned()], &[("GRAPHQL_WS", "graphql-ws-5")]).await;
}

async fn graphql_sse_subscribes_and_resumes(app: TestApp) {
    run(&app, "graphql-sse.mjs").await;
}

async fn event_source_subscribes_and_resumes(app: TestApp) {
    run(&app, "event-source.mjs").await;
}

async fn the_gateway_passes_every_graphql_over_http_audit(app: TestApp) {
    run(&app, "audits.mjs").await;
}

/// The snippets of the documentation keep a page signed in.
async fn snippets_keep_a_session(app: TestApp) {
    run_snippets(&app, &["session", "cookie-session"]).await;
}

async fn snippets_resume_subscriptions_over_a_websocket(app: TestApp) {
    run_snippets(&app, &["socket"]).await;
}

async fn snippets_resume_subscriptions_over_server_sent_events(app: TestApp) {
    run_snippets(&app, &["sse"]).await;
}

async fn snippets_for_apollo_urql_and_relay_work(app: TestApp) {
    run_snippets(&app, &["apollo", "urql", "relay", "catalogue"]).await;
}

async fn snippets_upload_images(app: TestApp) {
    run_snippets(&app, &["upload"]).await;
}

/// With access tokens that live for four seconds, and one second of grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snippets_stay_connected_while_access_tokens_expire() {
    let settings = Settings {
        access_token_seconds: Some("4".into()),
        token_grace_seconds: Some("1".into()),
        ..Settings::default()
    };
    let postgres = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        ..settings.clone()
    };
    for (settings, gateways) in [(settings, 1), (postgres, 2)] {
        run_snippets(&TestApp::start(settings, gateways).await, &["expiry"]).await;
    }
}

/// Runs the tests of these snippets. Compiles all snippets first, in strict TypeScript.
async fn run_snippets(app: &TestApp, names: &[&str]) {
    static COMPILED: OnceCell<()> = OnceCell::const_new();
    let compile = async || {
        let script = "build-snippets.mjs";
        npm::expect_success(script, &npm::run(npm::script(script, &[])).await);
    };
    COMPILED.get_or_init(compile).await;
    let scripts: Vec<_> = names.iter().map(|name| format!(".build/{name}.test.mjs")).collect();
    run_with(app, &scripts, &[]).await;
}

/// Runs a script that changes gigs at the first gateway and subscribes at the last.
async fn run(app: &TestApp, script: &str) {
    run_with(app, &[script.to_owned()], &[]).await;
}

/// Runs scripts one after the other, as the same seller and the same reviewer.
async fn run_with(app: &TestApp, scripts: &[String], variables: &[(&str, &str)]) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    for script in scripts {
        // A script may end the sessions of the users.
        let (seller, reviewer) = (app.sign_in(&seller.email).await, app.sign_in(&reviewer.email).await);
        let mut node = npm::script(script, &[]);
        node.env("GATEWAY_FOR_MUTATIONS", app.gateway_a().url(""))
            .env("GATEWAY_FOR_STREAMS", app.gateway_b().url(""))
            .env("SELLER_TOKEN", seller.client.token().expect("a token"))
            .env("SELLER_EMAIL", &seller.email)
            .env("SELLER_PASSWORD", PASSWORD)
            .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"))
            .env("REVIEWER_EMAIL", &reviewer.email)
            .env("REVIEWER_PASSWORD", PASSWORD)
            .envs(variables.iter().copied());
        npm::expect_success(script, &npm::run(node).await);
    }
}

on_both_back_ends!(
    graphql_ws_subscribes_and_resumes,
    graphql_ws_5_subscribes_and_resumes,
    graphql_sse_subscribes_and_resumes,
    event_source_subscribes_and_resumes,
    snippets_keep_a_session,
    snippets_resume_subscriptions_over_a_websocket,
    snippets_resume_subscriptions_over_server_sent_events,
    snippets_for_apollo_urql_and_relay_work,
    snippets_upload_images,
    the_gateway_passes_every_graphql_over_http_audit,
);
