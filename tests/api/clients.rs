//! The public npm clients, graphql-ws and graphql-sse, and an EventSource: each has its sessions with the
//! gateway in a script of `tests/clients`, which Node runs. And the audits of graphql-http.

use crate::support::npm;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

async fn graphql_ws_follows_and_resumes(app: TestApp) {
    run(&app, "graphql-ws.mjs").await;
}

async fn graphql_sse_follows_and_resumes(app: TestApp) {
    run(&app, "graphql-sse.mjs").await;
}

async fn an_event_source_follows_and_resumes(app: TestApp) {
    run(&app, "event-source.mjs").await;
}

async fn graphql_over_http_passes_every_audit(app: TestApp) {
    run(&app, "audits.mjs").await;
}

/// Runs a script whose people act at the first gateway and look on at the last.
async fn run(app: &TestApp, script: &str) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut node = npm::script(script, &[]);
    node.env("GATEWAY_FOR_ACTS", app.gateway_a().url(""))
        .env("GATEWAY_FOR_STREAMS", app.gateway_b().url(""))
        .env("SELLER_TOKEN", seller.client.token().expect("a token"))
        .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"));
    npm::expect_success(script, &npm::run(node).await);
}

on_both_back_ends!(
    graphql_ws_follows_and_resumes,
    graphql_sse_follows_and_resumes,
    an_event_source_follows_and_resumes,
    graphql_over_http_passes_every_audit,
);
