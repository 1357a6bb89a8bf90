//! Mutations with an Idempotency-Key execute once, and get the same response each time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use entity::{gig_image, idempotent_request};
use futures_util::future::join_all;
use gigway::domain::id::UserId;
use gigway::service::idempotency;
use gigway::service::idempotency::{KeyState, claim_key};
use gigway::service::{erasure, user_admin};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{PAUSE_GIG, POST_GIG, REFRESH, SAVE_DRAFT, SIGN_IN, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::sample_images::{sample_image, small_png};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

const OWN_GIGS: &str = "{ viewer { gigs { totalCount } } }";

pub async fn send(client: &Client, key: &str, query: &str, variables: Value) -> Response {
    let body = json!({ "query": query, "variables": variables });
    let request = client.post("/graphql").header("idempotency-key", key).json(&body);
    request.send().await.expect("a response")
}

pub async fn send_json(client: &Client, key: &str, query: &str, variables: Value) -> Value {
    send(client, key, query, variables).await.json().await.expect("JSON")
}

pub async fn count_gigs(client: &Client) -> i64 {
    client.run(OWN_GIGS, json!({})).await["viewer"]["gigs"]["totalCount"].as_i64().expect("a number")
}

async fn stored_responses(app: &TestApp) -> u64 {
    idempotent_request::Entity::find().count(app.services().db.read()).await.expect("a count")
}

async fn twenty_concurrent_requests_with_one_key_execute_once(app: TestApp) {
    let ann = app.member("Ann").await;
    let gateways = [app.gateway_a(), app.gateway_b()];
    let form = json!({ "input": app.gig_form("I will write a song for you").await });
    let attempts = (0..20).map(|number| {
        let client = ann.at(&gateways[number % 2]);
        let form = form.clone();
        async move {
            let response = send(&client, "post-1", POST_GIG, form).await;
            let (status, has_retry_after) =
                (response.status().as_u16(), response.headers().contains_key("retry-after"));
            (status, has_retry_after, response.json::<Value>().await.expect("JSON"))
        }
    });
    let responses = join_all(attempts).await;
    let posted: Vec<_> = responses.iter().filter(|(status, ..)| *status == 200).collect();
    assert!(!posted.is_empty());
    assert!(posted.iter().all(|(_, _, body)| *body == posted[0].2), "{posted:?}");
    for (status, has_retry_after, body) in responses.iter().filter(|(status, ..)| *status != 200) {
        assert_eq!((*status, *has_retry_after), (409, true), "{body}");
        assert_eq!(error_codes(body), ["IDEMPOTENCY_KEY_IN_USE"]);
    }
    assert_eq!(count_gigs(&ann.client).await, 1);
    for gateway in &gateways {
        let replayed = send(&ann.at(gateway), "post-1", POST_GIG, form.clone()).await;
        assert_eq!(replayed.headers()["idempotent-replayed"], "true");
        assert_eq!(replayed.json::<Value>().await.expect("JSON"), posted[0].2);
    }
    assert_eq!(count_gigs(&ann.client).await, 1);
    // Another key creates another gig.
    assert!(
        send_json(&ann.client, "post-2", POST_GIG, form).await["data"]["postGig"]["gig"]["id"].is_string()
    );
    assert_eq!(count_gigs(&ann.client).await, 2);
}

async fn a_key_belongs_to_one_request_of_one_user_for_a_day(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let draft = |title: &str| json!({ "input": { "title": title } });
    let first = send_json(&ann.client, "a", SAVE_DRAFT, draft("A song")).await;
    let different = send(&ann.client, "a", SAVE_DRAFT, draft("Another song")).await;
    assert_eq!(different.status(), 422);
    assert_eq!(error_codes(&different.json().await.expect("JSON")), ["IDEMPOTENCY_KEY_REUSED"]);
    let bobs = send_json(&bob.client, "a", SAVE_DRAFT, draft("A song")).await;
    assert_ne!(first["data"]["saveGigDraft"]["gig"]["id"], bobs["data"]["saveGigDraft"]["gig"]["id"]);
    assert_eq!((count_gigs(&ann.client).await, count_gigs(&bob.client).await), (1, 1));
    // After a day the key can be used again.
    app.advance_clock(TimeDelta::hours(24));
    let ann = app.sign_in(&ann.email).await;
    let third = send_json(&ann.client, "a", SAVE_DRAFT, draft("Another song")).await;
    assert_eq!(third["data"]["saveGigDraft"]["gig"]["title"], "Another song");
    assert_eq!(count_gigs(&ann.client).await, 2);
}

async fn requests_that_were_not_executed_can_be_sent_again(app: TestApp) {
    let ann = app.member("Ann").await;
    // Nothing is stored for requests that were not executed.
    let invalid = send_json(&ann.client, "a", "mutation { nonsense }", json!({})).await;
    assert_eq!(error_codes(&invalid), ["GRAPHQL_VALIDATION_FAILED"]);
    let anonymous = send_json(&app.gateway_a(), "b", PAUSE_GIG, json!({ "id": "gig_x" })).await;
    assert_eq!(error_codes(&anonymous), ["UNAUTHENTICATED"]);
    assert_eq!(stored_responses(&app).await, 0);
    assert!(
        send_json(&ann.client, "a", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await["data"]
            .is_object()
    );
    // A response with validation errors is stored and replayed.
    let invalid_input = send_json(&ann.client, "c", SAVE_DRAFT, json!({ "input": { "title": "" } })).await;
    assert!(!invalid_input["data"]["saveGigDraft"]["errors"].as_array().expect("a list").is_empty());
    assert_eq!(
        send_json(&ann.client, "c", SAVE_DRAFT, json!({ "input": { "title": "" } })).await,
        invalid_input
    );
    assert_eq!((count_gigs(&ann.client).await, stored_responses(&app).await), (1, 2));
    for invalid_key in ["", &"x".repeat(256), "\u{e9}"] {
        let refused =
            send_json(&ann.client, invalid_key, SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
        assert_eq!(error_codes(&refused), ["BAD_USER_INPUT"], "{invalid_key:?}");
    }
    // Queries ignore the key.
    assert!(send_json(&ann.client, "c", OWN_GIGS, json!({})).await["data"]["viewer"].is_object());
    assert_eq!(stored_responses(&app).await, 2);
}

async fn uploads_are_identified_by_their_bytes(app: TestApp) {
    let ann = app.member("Ann").await;
    let upload = async |client: &Client, bytes: Vec<u8>| {
        let request = client.upload_request(bytes).header("idempotency-key", "upload");
        request.send().await.expect("a response").json::<Value>().await.expect("JSON")
    };
    let first = upload(&ann.client, small_png()).await;
    let id = text(&first["data"]["uploadGigImage"]["image"]["id"]);
    let replayed = upload(&ann.at(&app.gateway_b()), small_png()).await;
    assert_eq!(text(&replayed["data"]["uploadGigImage"]["image"]["id"]), id);
    let different = upload(&ann.client, sample_image(41, 30, image::ImageFormat::Png)).await;
    assert_eq!(error_codes(&different), ["IDEMPOTENCY_KEY_REUSED"]);
    let image_count = gig_image::Entity::find().count(app.services().db.read()).await.expect("a count");
    assert_eq!(image_count, 1);
}

/// Makes every insert of an image fail, or none.
async fn fail_inserts(app: &TestApp, is_failing: bool) {
    let db = app.services().db.read();
    let statements = match (db.get_database_backend(), is_failing) {
        (DbBackend::Postgres, true) => {
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'injected'; END $$;
             CREATE TRIGGER failing BEFORE INSERT ON gig_image FOR EACH ROW EXECUTE FUNCTION fail();"
        }
        (DbBackend::Postgres, false) => "DROP TRIGGER failing ON gig_image",
        (_, true) => {
            "CREATE TRIGGER failing BEFORE INSERT ON gig_image BEGIN SELECT RAISE(ABORT, 'injected'); END"
        }
        (_, false) => "DROP TRIGGER failing",
    };
    // The connections of reads cannot write on SQLite.
    let tx = app.services().db.begin().await.expect("a transaction");
    tx.execute_unprepared(statements).await.expect("a trigger");
    tx.commit().await.expect("committed");
}

async fn an_upload_that_failed_can_be_sent_again(app: TestApp) {
    let ann = app.member("Ann").await;
    let upload = async || {
        let request = ann.client.upload_request(small_png()).header("idempotency-key", "upload");
        request.send().await.expect("a response").json::<Value>().await.expect("JSON")
    };
    fail_inserts(&app, true).await;
    for _ in 0..2 {
        assert_eq!(error_codes(&upload().await), ["INTERNAL_SERVER_ERROR"]);
    }
    assert_eq!(stored_responses(&app).await, 0);
    fail_inserts(&app, false).await;
    let stored = upload().await;
    assert!(stored["data"]["uploadGigImage"]["image"]["id"].is_string(), "{stored}");
    assert_eq!(upload().await, stored);
}

/// What is stored of a request, as text.
pub async fn stored_rows(app: &TestApp) -> Vec<idempotent_request::Model> {
    idempotent_request::Entity::find().all(app.services().db.read()).await.expect("rows")
}

/// The status, the codes of the errors, and the whole response.
pub async fn outcome(response: Response) -> (u16, Vec<String>, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    (status, error_codes(&body), body)
}

async fn without_a_session_a_key_is_refused(app: TestApp) {
    let ann = app.member("Ann").await;
    let account =
        json!({ "input": { "email": "new@example.com", "password": PASSWORD, "displayName": "New" } });
    let credentials = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    let token = json!({ "token": ann.refresh_token });
    let expired = app.gateway_a().with_token("not a token");
    for client in [app.gateway_a(), app.gateway_b(), expired] {
        for (query, variables) in [(SIGN_UP, &account), (SIGN_IN, &credentials), (REFRESH, &token)] {
            let refused = send_json(&client, "a", query, variables.clone()).await;
            assert_eq!(error_codes(&refused), ["BAD_USER_INPUT"], "{query}");
            assert!(refused["errors"][0]["message"].to_string().contains("Idempotency-Key"), "{refused}");
        }
        let refused = send_json(&client, "a", PAUSE_GIG, json!({ "id": "gig_x" })).await;
        assert_eq!(error_codes(&refused), ["UNAUTHENTICATED"]);
    }
    assert_eq!(stored_responses(&app).await, 0);
    // Nothing of these was executed.
    app.gateway_a().mutate(REFRESH, token).await;
    app.gateway_a().mutate(SIGN_UP, account).await;
}

async fn credentials_are_neither_stored_nor_sent_again(app: TestApp) {
    const TICKET: &str = "mutation { createStreamTicket { streamTicket { ticket } errors { code } } }";
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let account =
        json!({ "input": { "email": "new@example.com", "password": PASSWORD, "displayName": "New" } });
    let cases = [
        ("sign-up", SIGN_UP, account),
        ("sign-in", SIGN_IN, json!({ "input": { "email": bob.email, "password": PASSWORD } })),
        ("refresh", REFRESH, json!({ "token": bob.refresh_token })),
    ];
    for (key, query, variables) in cases {
        let (status, errors, first) = outcome(send(&ann.client, key, query, variables.clone()).await).await;
        assert_eq!((status, errors.len()), (200, 0), "{first}");
        let repeated = send(&ann.at(&app.gateway_b()), key, query, variables).await;
        let (_, errors, repeated) = outcome(repeated).await;
        assert_eq!(errors, ["IDEMPOTENT_ANSWER_LOST"], "{query}");
        assert!(!repeated.to_string().contains("refreshToken"), "{repeated}");
    }
    // A ticket changes nothing, so each request gets its own.
    let ticket = async || {
        let response = send_json(&ann.client, "ticket", TICKET, json!({})).await;
        text(&response["data"]["createStreamTicket"]["streamTicket"]["ticket"])
    };
    let first = ticket().await;
    app.advance_clock(TimeDelta::seconds(2));
    assert_ne!(first, ticket().await);
    for row in stored_rows(&app).await {
        // The nonce, the tag and an empty object.
        assert_eq!(row.answer.expect("stored").len(), 24 + 16 + 2);
    }
}

async fn a_request_with_several_files_is_recognized_however_often_it_is_sent(app: TestApp) {
    let ann = app.member("Ann").await;
    let query =
        "mutation($a: Upload!, $b: Upload!, $c: Upload!) { a: uploadGigImage(file: $a) { image { id } }
        b: uploadGigImage(file: $b) { image { id } } c: uploadGigImage(file: $c) { image { id } } }";
    let operations = json!({ "query": query, "variables": { "a": null, "b": null, "c": null } }).to_string();
    let mut first = None;
    for attempt in 0..12 {
        let mut form = Form::new().text("operations", operations.clone());
        form = form.text("map", r#"{"x":["variables.a"],"y":["variables.b"],"z":["variables.c"]}"#);
        for (name, side) in [("x", 40), ("y", 50), ("z", 60)] {
            let file = sample_image(side, side, image::ImageFormat::Png);
            form = form.part(name, Part::bytes(file).file_name("image.png"));
        }
        let request = ann.client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
        let response = request.header("idempotency-key", "three").send().await.expect("a response");
        let body: Value = response.json().await.expect("JSON");
        assert!(body.get("errors").is_none(), "attempt {attempt}: {body}");
        assert_eq!(*first.get_or_insert_with(|| body.clone()), body);
    }
    let image_count = gig_image::Entity::find().count(app.services().db.read()).await.expect("a count");
    assert_eq!(image_count, 3);
}

async fn erasing_a_user_deletes_their_stored_responses(app: TestApp) {
    let ann = app.member("Ann").await;
    send_json(&ann.client, "a", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    assert_eq!(stored_responses(&app).await, 1);
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(stored_responses(&app).await, 0);
}

async fn over_a_websocket_the_key_is_in_the_extensions(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut socket = ann.client.socket().await;
        let payload = json!({
            "query": SAVE_DRAFT,
            "variables": { "input": { "title": "A song" } },
            "extensions": { "idempotencyKey": "draft" },
        });
        socket.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        ids.push(text(&socket.receive_for("1").await["payload"]["data"]["saveGigDraft"]["gig"]["id"]));
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(count_gigs(&ann.client).await, 1);
}

/// If a gateway dies, another takes the key over, unless the first has committed something.
async fn an_abandoned_attempt_is_taken_over_only_if_it_has_committed_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let services = app.services();
    let gateway_b = app.services_b();
    let nobody = UserId::nil();
    let lease = Duration::from_mins(1);
    let claim = async |services, key: &str| {
        claim_key(services, nobody, key, b"request".to_vec(), lease).await.expect("the database responds")
    };
    let attempt = async |services, key: &str| match claim(services, key).await {
        KeyState::Run(attempt) => attempt,
        other => panic!("{other:?}"),
    };
    let set_points =
        |attempt, points| idempotency::run(attempt, user_admin::set_points(services, &ann.email, points));
    let level = async || {
        ann.client.run("{ viewer { user { level } } }", json!({})).await["viewer"]["user"]["level"].take()
    };

    let committed = attempt(services, "committed").await;
    set_points(Arc::clone(&committed), 1000).await.expect("it is done");
    assert!(committed.has_committed());
    let idle = attempt(services, "idle").await;
    assert!(matches!(claim(gateway_b, "committed").await, KeyState::Running));
    assert!(matches!(claim(gateway_b, "idle").await, KeyState::Running));
    app.advance_clock(TimeDelta::seconds(71));
    assert!(matches!(claim(gateway_b, "committed").await, KeyState::ResponseLost));
    let taken_over = attempt(gateway_b, "idle").await;
    // The first attempt was only slow. It must not commit after another attempt has taken over.
    set_points(Arc::clone(&idle), 9000).await.expect_err("it was taken over");
    assert!(!idle.has_committed());
    assert_eq!(level().await, 1);
    set_points(taken_over, 3000).await.expect("it holds the key");
    assert_eq!(level().await, 2);
    // A released key can be claimed at once, unless the attempt has committed something.
    idempotency::release(services, &committed).await.expect("the database responds");
    assert!(matches!(claim(gateway_b, "committed").await, KeyState::ResponseLost));
    let released = attempt(services, "released").await;
    idempotency::release(services, &released).await.expect("the database responds");
    attempt(gateway_b, "released").await;
}

on_both_back_ends!(
    an_abandoned_attempt_is_taken_over_only_if_it_has_committed_nothing,
    twenty_concurrent_requests_with_one_key_execute_once,
    a_key_belongs_to_one_request_of_one_user_for_a_day,
    requests_that_were_not_executed_can_be_sent_again,
    uploads_are_identified_by_their_bytes,
    an_upload_that_failed_can_be_sent_again,
    without_a_session_a_key_is_refused,
    credentials_are_neither_stored_nor_sent_again,
    a_request_with_several_files_is_recognized_however_often_it_is_sent,
    erasing_a_user_deletes_their_stored_responses,
    over_a_websocket_the_key_is_in_the_extensions,
);
