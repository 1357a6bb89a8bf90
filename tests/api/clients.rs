//! Public clients against the gateway: graphql-ws, graphql-sse, EventSource, and the audits of graphql-http.
//! Each is a script in `tests/clients`, run by Node.
//!
//! To add one, write the script and call it here.

use crate::support::npm;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

async fn graphql_ws_subscribes_and_resumes(app: TestApp) {
    run(&app, "graphql-ws.mjs").await;
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

/// Runs a script that changes gigs at the first gateway and subscribes at the last.
async fn run(app: &TestApp, script: &str) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut node = npm::script(script, &[]);
    node.env("GATEWAY_FOR_MUTATIONS", app.gateway_a().url(""))
        .env("GATEWAY_FOR_STREAMS", app.gateway_b().url(""))
        .env("SELLER_TOKEN", seller.client.token().expect("a token"))
        .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"));
    npm::expect_success(script, &npm::run(node).await);
}

on_both_back_ends!(
    graphql_ws_subscribes_and_resumes,
    graphql_sse_subscribes_and_resumes,
    event_source_subscribes_and_resumes,
    the_gateway_passes_every_graphql_over_http_audit,
);
