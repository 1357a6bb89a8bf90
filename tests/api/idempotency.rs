//! A mutation with an Idempotency-Key: it acts once, and answers alike.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use entity::{gig_image, idempotent_request};
use futures_util::future::join_all;
use gigway::service::idempotency;
use gigway::service::idempotency::{KeyState, claim_key};
use gigway::service::{retention, user_admin};
use reqwest::Response;
use sea_orm::prelude::Uuid;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{PAUSE_GIG, POST_GIG, SAVE_DRAFT, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::pictures::{picture, small};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

const MINE: &str = "{ viewer { gigs { totalCount } } }";

async fn send(client: &Client, key: &str, query: &str, variables: Value) -> Response {
    let body = json!({ "query": query, "variables": variables });
    let request = client.post("/graphql").header("idempotency-key", key).json(&body);
    request.send().await.expect("an answer")
}

async fn answer(client: &Client, key: &str, query: &str, variables: Value) -> Value {
    send(client, key, query, variables).await.json().await.expect("JSON")
}

async fn gigs_of(client: &Client) -> i64 {
    client.run(MINE, json!({})).await["viewer"]["gigs"]["totalCount"].as_i64().expect("a number")
}

async fn kept(app: &TestApp) -> u64 {
    idempotent_request::Entity::find().count(app.services().db.read()).await.expect("a count")
}

async fn sent_twenty_times_at_once_it_acts_once(app: TestApp) {
    let ann = app.member("Ann").await;
    let gateways = [app.gateway_a(), app.gateway_b()];
    let form = json!({ "input": app.gig_form("I will write a song for you").await });
    let tries = (0..20).map(|number| {
        let client = ann.at(&gateways[number % 2]);
        let form = form.clone();
        async move {
            let response = send(&client, "post-1", POST_GIG, form).await;
            let (status, has_pause) =
                (response.status().as_u16(), response.headers().contains_key("retry-after"));
            (status, has_pause, response.json::<Value>().await.expect("JSON"))
        }
    });
    let answers = join_all(tries).await;
    let posted: Vec<_> = answers.iter().filter(|(status, ..)| *status == 200).collect();
    assert!(!posted.is_empty());
    assert!(posted.iter().all(|(_, _, answer)| *answer == posted[0].2), "{posted:?}");
    for (status, has_pause, answer) in answers.iter().filter(|(status, ..)| *status != 200) {
        assert_eq!((*status, *has_pause), (409, true), "{answer}");
        assert_eq!(error_codes(answer), ["IDEMPOTENCY_KEY_IN_USE"]);
    }
    assert_eq!(gigs_of(&ann.client).await, 1);
    for gateway in &gateways {
        let again = send(&ann.at(gateway), "post-1", POST_GIG, form.clone()).await;
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.json::<Value>().await.expect("JSON"), posted[0].2);
    }
    assert_eq!(gigs_of(&ann.client).await, 1);
    // Another key is another gig.
    assert!(answer(&ann.client, "post-2", POST_GIG, form).await["data"]["postGig"]["gig"]["id"].is_string());
    assert_eq!(gigs_of(&ann.client).await, 2);
}

async fn a_key_is_of_one_request_and_one_person(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let draft = |title: &str| json!({ "input": { "title": title } });
    let first = answer(&ann.client, "a", SAVE_DRAFT, draft("A song")).await;
    let other = send(&ann.client, "a", SAVE_DRAFT, draft("Another song")).await;
    assert_eq!(other.status(), 422);
    assert_eq!(error_codes(&other.json().await.expect("JSON")), ["IDEMPOTENCY_KEY_REUSED"]);
    let bobs = answer(&bob.client, "a", SAVE_DRAFT, draft("A song")).await;
    assert_ne!(first["data"]["saveGigDraft"]["gig"]["id"], bobs["data"]["saveGigDraft"]["gig"]["id"]);
    assert_eq!((gigs_of(&ann.client).await, gigs_of(&bob.client).await), (1, 1));
    // A day later it is a new key.
    app.pass(TimeDelta::hours(24));
    let ann = app.sign_in(&ann.email).await;
    let third = answer(&ann.client, "a", SAVE_DRAFT, draft("Another song")).await;
    assert_eq!(third["data"]["saveGigDraft"]["gig"]["title"], "Another song");
    assert_eq!(gigs_of(&ann.client).await, 2);
}

async fn what_was_not_done_may_be_sent_again(app: TestApp) {
    let ann = app.member("Ann").await;
    // Not executed: nothing is kept of it.
    let invalid = answer(&ann.client, "a", "mutation { nonsense }", json!({})).await;
    assert_eq!(error_codes(&invalid), ["GRAPHQL_VALIDATION_FAILED"]);
    let stranger = answer(&app.gateway_a(), "b", PAUSE_GIG, json!({ "id": "gig_x" })).await;
    assert_eq!(error_codes(&stranger), ["UNAUTHENTICATED"]);
    assert_eq!(kept(&app).await, 0);
    assert!(
        answer(&ann.client, "a", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await["data"]
            .is_object()
    );
    // What a person got wrong is an answer, and given again.
    let wrong = answer(&ann.client, "c", SAVE_DRAFT, json!({ "input": { "title": "" } })).await;
    assert!(!wrong["data"]["saveGigDraft"]["errors"].as_array().expect("a list").is_empty());
    assert_eq!(answer(&ann.client, "c", SAVE_DRAFT, json!({ "input": { "title": "" } })).await, wrong);
    assert_eq!((gigs_of(&ann.client).await, kept(&app).await), (1, 2));
    for bad in ["", &"x".repeat(256), "\u{e9}"] {
        let refused = answer(&ann.client, bad, SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
        assert_eq!(error_codes(&refused), ["BAD_USER_INPUT"], "{bad:?}");
    }
    // Queries are none of this.
    assert!(answer(&ann.client, "c", MINE, json!({})).await["data"]["viewer"].is_object());
    assert_eq!(kept(&app).await, 2);
}

async fn an_upload_is_known_by_its_bytes(app: TestApp) {
    let ann = app.member("Ann").await;
    let upload = async |client: &Client, bytes: Vec<u8>| {
        let request = client.upload_request(bytes).header("idempotency-key", "picture");
        request.send().await.expect("an answer").json::<Value>().await.expect("JSON")
    };
    let first = upload(&ann.client, small()).await;
    let id = text(&first["data"]["uploadGigImage"]["image"]["id"]);
    let again = upload(&ann.at(&app.gateway_b()), small()).await;
    assert_eq!(text(&again["data"]["uploadGigImage"]["image"]["id"]), id);
    let other = upload(&ann.client, picture(41, 30, image::ImageFormat::Png)).await;
    assert_eq!(error_codes(&other), ["IDEMPOTENCY_KEY_REUSED"]);
    let pictures = gig_image::Entity::find().count(app.services().db.read()).await.expect("a count");
    assert_eq!(pictures, 1);
}

async fn a_session_is_opened_once_and_its_tokens_are_kept_sealed(app: TestApp) {
    let input =
        json!({ "input": { "email": "ann@example.com", "password": PASSWORD, "displayName": "Ann" } });
    let first = answer(&app.gateway_a(), "sign-up", SIGN_UP, input.clone()).await;
    let token = text(&first["data"]["signUp"]["session"]["refreshToken"]);
    assert_eq!(answer(&app.gateway_b(), "sign-up", SIGN_UP, input.clone()).await, first);
    let rows = idempotent_request::Entity::find().all(app.services().db.read()).await.expect("rows");
    let row = format!("{rows:?}");
    let bytes = rows[0].answer.clone().expect("it is kept");
    assert!(!row.contains(&token) && !bytes.windows(8).any(|part| part == &token.as_bytes()[..8]));
    // Whoever does not know the password learns nothing by the key.
    let mut guess = input;
    guess["input"]["password"] = json!("another password");
    assert_eq!(
        error_codes(&answer(&app.gateway_a(), "sign-up", SIGN_UP, guess).await),
        ["IDEMPOTENCY_KEY_REUSED"]
    );
}

async fn of_an_erased_person_no_answer_is_kept(app: TestApp) {
    let ann = app.member("Ann").await;
    answer(&ann.client, "a", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    assert_eq!(kept(&app).await, 1);
    retention::erase_user(app.services(), &ann.email).await.expect("she is erased");
    assert_eq!(kept(&app).await, 0);
}

async fn over_a_socket_the_key_comes_with_the_operation(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut socket = ann.client.socket().await;
        let payload = json!({
            "query": SAVE_DRAFT,
            "variables": { "input": { "title": "A song" } },
            "extensions": { "idempotencyKey": "draft" },
        });
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        ids.push(text(&socket.about("1").await["payload"]["data"]["saveGigDraft"]["gig"]["id"]));
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(gigs_of(&ann.client).await, 1);
}

/// What a gateway that dies leaves behind, another takes up where nothing was done, and nobody where something was.
async fn a_gateway_that_dies_leaves_no_act_half_known(app: TestApp) {
    let ann = app.member("Ann").await;
    let services = app.services();
    let gateway_b = app.services_b();
    let nobody = Uuid::nil();
    let minute = Duration::from_mins(1);
    let turn = async |services, key: &str| {
        claim_key(services, nobody, key, b"request".to_vec(), minute).await.expect("the database answers")
    };
    let attempt = async |services, key: &str| match turn(services, key).await {
        KeyState::Run(attempt) => attempt,
        other => panic!("{other:?}"),
    };
    let points =
        |attempt, points| idempotency::run(attempt, user_admin::set_points(services, &ann.email, points));
    let level = async || {
        ann.client.run("{ viewer { user { level } } }", json!({})).await["viewer"]["user"]["level"].take()
    };

    let lost = attempt(services, "acted").await;
    points(Arc::clone(&lost), 1000).await.expect("it is done");
    assert!(lost.has_acted());
    let idle = attempt(services, "idle").await;
    assert!(matches!(turn(gateway_b, "acted").await, KeyState::Running));
    assert!(matches!(turn(gateway_b, "idle").await, KeyState::Running));
    app.pass(TimeDelta::seconds(71));
    assert!(matches!(turn(gateway_b, "acted").await, KeyState::AnswerLost));
    let taken_over = attempt(gateway_b, "idle").await;
    // It was not dead at all; but now it must not do what another does.
    points(Arc::clone(&idle), 9000).await.expect_err("it was taken over");
    assert!(!idle.has_acted());
    assert_eq!(level().await, 1);
    points(taken_over, 3000).await.expect("it is this one's");
    assert_eq!(level().await, 2);
    // One that gives up lets others begin at once, unless it has done something.
    idempotency::release(services, &lost).await.expect("the database answers");
    assert!(matches!(turn(gateway_b, "acted").await, KeyState::AnswerLost));
    let given_up = attempt(services, "given up").await;
    idempotency::release(services, &given_up).await.expect("the database answers");
    attempt(gateway_b, "given up").await;
}

on_both_back_ends!(
    a_gateway_that_dies_leaves_no_act_half_known,
    sent_twenty_times_at_once_it_acts_once,
    a_key_is_of_one_request_and_one_person,
    what_was_not_done_may_be_sent_again,
    an_upload_is_known_by_its_bytes,
    a_session_is_opened_once_and_its_tokens_are_kept_sealed,
    of_an_erased_person_no_answer_is_kept,
    over_a_socket_the_key_comes_with_the_operation,
);
