//! The public npm clients, graphql-ws and graphql-sse, and an EventSource: each has its sessions with the
//! gateway in a script of `tests/clients`, which Node runs. And the audits of graphql-http.

use crate::support::npm;
use crate::support::on_both_back_ends;
use crate::support::world::World;

async fn graphql_ws_follows_and_resumes(world: World) {
    run(&world, "graphql-ws.mjs").await;
}

async fn graphql_sse_follows_and_resumes(world: World) {
    run(&world, "graphql-sse.mjs").await;
}

async fn an_event_source_follows_and_resumes(world: World) {
    run(&world, "event-source.mjs").await;
}

async fn graphql_over_http_passes_every_audit(world: World) {
    run(&world, "audits.mjs").await;
}

/// Runs a script whose people act at the first gateway and look on at the last.
async fn run(world: &World, script: &str) {
    let (seller, reviewer) = (world.member("Ann").await, world.reviewer("Rita").await);
    let mut node = npm::script(script, &[]);
    node.env("GATEWAY_FOR_ACTS", world.here().url(""))
        .env("GATEWAY_FOR_STREAMS", world.there().url(""))
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
