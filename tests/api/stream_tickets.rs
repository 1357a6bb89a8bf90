//! What a stream ticket opens: one stream at a time, of one operation, as long as the access token is valid.

use std::time::Duration;

use chrono::TimeDelta;
use gigway::config::Settings;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http_streaming::{TICKET, list_gig, ticket};
use crate::support::client::{Client, text};
use crate::support::documents::{GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::event_stream::EventStream;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::test_app::TestApp;

/// Opens a stream like a browser's EventSource, which sends Last-Event-ID when it reconnects.
async fn open(
    gateway: &Client,
    (query, variables): (&str, &Value),
    ticket: &str,
    last_event_id: Option<&str>,
) -> Response {
    let variables = variables.to_string();
    let parameters = [("query", query), ("variables", &variables), ("ticket", ticket)];
    let mut request = gateway.get("/graphql").header("accept", "text/event-stream").query(&parameters);
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    request.send().await.expect("a response")
}

/// Asserts that the ticket does not open the stream.
async fn expect_used(response: Response) {
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let body: Value = response.json().await.expect("JSON");
    let expected = json!({ "code": "UNAUTHENTICATED", "reason": "TICKET_USED" });
    assert_eq!(body["errors"][0]["extensions"], expected, "{body}");
}

/// Opens a stream, and returns the id and the data of its first event.
async fn open_first(gateway: &Client, gig_id: &str, ticket: &str) -> (EventStream, String) {
    let response = open(gateway, (GIG_STATUS_CHANGED, &json!({ "id": gig_id })), ticket, None).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut stream = EventStream::new(response);
    let event = stream.next().await.expect("a stream").expect("an event");
    (stream, event.id)
}

async fn the_first_use_binds_a_ticket_to_its_document_and_variables(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let (gateway_a, gateway_b) = (app.gateway_a(), app.gateway_b());
    let ticket = ticket(&ann).await;
    let (stream, last_id) = open_first(&gateway_b, &id, &ticket).await;
    let other_document = GIG_STATUS_CHANGED.replace("subscription", "subscription ");
    let (same, none) = (json!({ "id": id }), json!({}));
    let others = [(GIG_PUBLISHED, &none), (GIG_STATUS_CHANGED, &none), (other_document.as_str(), &same)];
    for operation in others {
        for gateway in [&gateway_a, &gateway_b] {
            expect_used(open(gateway, operation, &ticket, None).await).await;
            expect_used(open(gateway, operation, &ticket, Some(&last_id)).await).await;
        }
    }
    // Also when the stream is closed.
    drop(stream);
    let mut reopened = None;
    wait_until("the ticket is free", async || {
        let response = open(&gateway_a, (GIG_STATUS_CHANGED, &same), &ticket, None).await;
        reopened = (response.status() == StatusCode::OK).then_some(response);
        reopened.is_some()
    })
    .await;
    drop(reopened);
    for operation in others {
        expect_used(open(&gateway_b, operation, &ticket, Some(&last_id)).await).await;
    }
}

async fn a_ticket_has_one_open_stream_that_a_reconnect_replaces(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let ticket = ticket(&ann).await;
    let variables = json!({ "id": id });
    let operation = (GIG_STATUS_CHANGED, &variables);
    let (mut first, last_id) = open_first(&app.gateway_a(), &id, &ticket).await;
    for gateway in [app.gateway_a(), app.gateway_b()] {
        expect_used(open(&gateway, operation, &ticket, None).await).await;
    }
    let mut last_id = last_id;
    for (gateway, mutation) in [(app.gateway_b(), PAUSE_GIG), (app.gateway_a(), RESUME_GIG)] {
        let response = open(&gateway, operation, &ticket, Some(&last_id)).await;
        assert_eq!(response.status(), StatusCode::OK);
        // The stream that was replaced ends without `complete`, and before it gets a later event.
        assert!(first.next().await.expect("a stream").is_none());
        ann.client.mutate(mutation, variables.clone()).await;
        first = EventStream::new(response);
        last_id = first.next().await.expect("a stream").expect("an event").id;
    }
    // A ticket that is too old opens nothing.
    app.advance_clock(TimeDelta::seconds(61));
    let response = open(&app.gateway_b(), operation, &ticket, Some(&last_id)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    ann.client.mutate(PAUSE_GIG, variables.clone()).await;
    assert!(first.next().await.expect("a stream").is_some());
}

async fn a_reconnect_with_an_unreadable_id_is_refused_and_replaces_nothing(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let ticket = ticket(&ann).await;
    let variables = json!({ "id": id });
    let (mut stream, last_id) = open_first(&app.gateway_a(), &id, &ticket).await;
    for unreadable in ["nonsense", "\u{e9}", &last_id[1..]] {
        let response =
            open(&app.gateway_b(), (GIG_STATUS_CHANGED, &variables), &ticket, Some(unreadable)).await;
        let event = EventStream::new(response).next().await.expect("a stream").expect("an event");
        assert!(event.data.contains("INVALID_CURSOR"), "{unreadable}: {}", event.data);
    }
    // Longer than it takes to notice that a stream was replaced.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    ann.client.mutate(PAUSE_GIG, variables.clone()).await;
    assert!(stream.next().await.expect("a stream").expect("an event").data.contains("PAUSED"));
}

async fn a_stream_can_be_opened_again_before_its_first_event(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let (none, variables) = (json!({}), json!({ "id": id }));
    let published = (GIG_PUBLISHED, &none);
    let ticket_of_published = ticket(&ann).await;
    let mut stream = EventStream::new(open(&app.gateway_a(), published, &ticket_of_published, None).await);
    let first_id = stream.first_id().await;
    let rita = app.sign_in("rita@example.com").await;
    let gig = ann.post(app.gig_form("I will write another song for you").await).await;
    rita.approve(&gig).await;
    let response = open(&app.gateway_b(), published, &ticket_of_published, Some(&first_id)).await;
    let event = EventStream::new(response).next().await.expect("a stream").expect("an event");
    assert!(event.data.contains(&gig), "{}", event.data);
    // A stream that begins with a snapshot begins with it again.
    let ticket = ticket(&ann).await;
    let mut stream =
        EventStream::new(open(&app.gateway_a(), (GIG_STATUS_CHANGED, &variables), &ticket, None).await);
    let first_id = stream.first_id().await;
    let response = open(&app.gateway_b(), (GIG_STATUS_CHANGED, &variables), &ticket, Some(&first_id)).await;
    let event = EventStream::new(response).next().await.expect("a stream").expect("an event");
    assert!(event.data.contains("SNAPSHOT") && event.id != first_id, "{}", event.data);
}

async fn concurrent_uses_of_a_ticket_open_one_stream(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let ticket = ticket(&ann).await;
    let variables = json!({ "id": id });
    let uses = (0..8).map(|number| {
        let gateway = if number % 2 == 0 { app.gateway_a() } else { app.gateway_b() };
        let (ticket, variables) = (&ticket, &variables);
        async move { open(&gateway, (GIG_STATUS_CHANGED, variables), ticket, None).await }
    });
    let responses = futures_util::future::join_all(uses).await;
    let opened = responses.iter().filter(|response| response.status() == StatusCode::OK).count();
    assert_eq!(opened, 1);
}

on_both_back_ends!(
    the_first_use_binds_a_ticket_to_its_document_and_variables,
    a_ticket_has_one_open_stream_that_a_reconnect_replaces,
    a_reconnect_with_an_unreadable_id_is_refused_and_replaces_nothing,
    a_stream_can_be_opened_again_before_its_first_event,
    concurrent_uses_of_a_ticket_open_one_stream,
);

/// With two seconds of grace instead of 30.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_shortly_after_the_access_token_that_its_ticket_was_created_with() {
    let settings = Settings { token_grace_seconds: Some("2".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let (mut ann, id) = list_gig(&app).await;
    let variables = json!({ "id": id });
    let operation = (GIG_STATUS_CHANGED, &variables);
    let tokens = &app.services().tokens;
    let fresh_client = ann.client.clone();
    let (session, _) =
        tokens.verify_access_token(fresh_client.token().expect("a token"), app.now()).expect("a session");
    let issued = app.now() - TimeDelta::minutes(15) + TimeDelta::seconds(3);
    let expiring = tokens.issue_access_token(session, issued).expect("a token").0;
    ann.client = ann.client.with_token(&expiring);
    let payload = ann.client.mutate(TICKET, json!({})).await;
    // The ticket expires with the access token, which is before a minute has passed.
    let ticket_expires_at = text(&payload["streamTicket"]["expiresAt"]);
    assert!(ticket_expires_at < (app.now() + TimeDelta::seconds(4)).to_rfc3339(), "{ticket_expires_at}");
    let expiring_ticket = text(&payload["streamTicket"]["ticket"]);
    let (mut stream, last_id) = open_first(&app.gateway_a(), &id, &expiring_ticket).await;
    // During the grace period it still receives events.
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    fresh_client.mutate(PAUSE_GIG, variables.clone()).await;
    assert!(stream.next().await.expect("a stream").is_some());
    assert!(stream.next().await.expect("a stream").is_none());
    let response = open(&app.gateway_a(), operation, &expiring_ticket, Some(&last_id)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    // The client continues with a new access token and a new ticket.
    ann.client = fresh_client;
    let response = open(&app.gateway_a(), operation, &ticket(&ann).await, Some(&last_id)).await;
    let event = EventStream::new(response).next().await.expect("a stream").expect("an event");
    assert!(event.data.contains("PAUSED"), "{}", event.data);
}
