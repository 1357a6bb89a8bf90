//! What applicants learn of a final refusal: the same, whether it is an ordinary one or the suspicion of a crime.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::support::archive::Archive;
use crate::support::client::Client;
use crate::support::documents::CLAIM;
use crate::support::event_stream::EventStream;
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, personal_info, save_mutation, submit_mutation, submit_verification,
    violation,
};

/// What an applicant can select of their verification.
const VERIFICATION: &str = "id status version attemptsUsed attemptsLeft submittedAt reviewDueAt queuePosition
    clearedAt viewerActions steps { step label done doneAt } documents { id type side uploadedAt url }
    personalInfo { firstName documentNumber }
    reasons { code category message field retryable }";

/// The words of the reviewer, which nobody else reads.
const WORDS: &str = "entry 4711 of list seven";

fn changed() -> String {
    format!(
        "subscription {{ verificationStatusChanged {{ cursor delivery occurredAt version previousStatus status
            reasons {{ code category message field retryable }} verification {{ {VERIFICATION} }} }} }}"
    )
}

fn everything() -> String {
    let can = |name: &str| {
        format!(
            "{name}: can(action: {name}) {{ allowed reasons {{ code message field params {{ name value }} }} }}"
        )
    };
    format!(
        "query($id: ID!) {{ viewer {{ email verification {{ {VERIFICATION} }}
            {} {} {} }} node(id: $id) {{ ... on Verification {{ {VERIFICATION} }} }} }}",
        can("POST_GIG"),
        can("TAKE_ORDER"),
        can("SUBMIT_VERIFICATION")
    )
}

/// Replaces what differs between any two people: ids, cursors, times and the e-mail.
fn without_identity(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let is_own = ["id", "cursor", "email", "displayName", "documentNumber", "memberSince"]
                    .contains(&name.as_str())
                    || name.ends_with("At");
                *field = match field.take() {
                    Value::String(_) if is_own => json!("own"),
                    other => without_identity(other),
                };
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_identity(item.take());
            }
        }
        _ => {}
    }
    value
}

/// Claims the review item of a verification that waits for a decision.
pub async fn claim(reviewer: &TestUser, verification_id: &str) {
    let query = "{ reviewQueue(kind: VERIFICATION, states: [OPEN, CLAIMED], first: 100) {
        nodes { id subject { ... on Verification { id } } } } }";
    let items = reviewer.client.run(query, json!({})).await["reviewQueue"]["nodes"].take();
    let items = items.as_array().expect("a list");
    let item = items.iter().find(|item| item["subject"]["id"] == verification_id).expect("an item");
    reviewer.client.mutate(CLAIM, json!({ "id": item["id"] })).await;
}

/// An applicant with open streams, who waits for the decision.
struct Applicant {
    user: TestUser,
    verification_id: String,
    version: i64,
    socket: Socket,
    events: EventStream,
}

async fn next(events: &mut EventStream) -> Value {
    let event = events.next().await.expect("a stream").expect("an event");
    serde_json::from_str(&event.data).expect("JSON")
}

impl Applicant {
    async fn new(app: &TestApp, name: &str, shade: u32) -> Self {
        let user = app.member(name).await;
        let (verification_id, version) = submit_verification(&user, &format!("AB12345{shade}"), shade).await;
        let mut socket = user.at(&app.gateway_b()).socket().await;
        socket.subscribe("status", &changed(), json!({})).await;
        assert_eq!(socket.next_event("status").await["delivery"], "SNAPSHOT");
        let request = user.at(&app.gateway_b()).post("/graphql").header("accept", "text/event-stream");
        let response = request.json(&json!({ "query": changed() })).send().await.expect("a response");
        let mut events = EventStream::new(response);
        next(&mut events).await;
        Self { user, verification_id, version, socket, events }
    }

    fn client(&self) -> &Client {
        &self.user.client
    }

    /// Everything that the applicant receives and can read after the decision.
    async fn observations(&mut self) -> Value {
        let id = json!({ "id": self.verification_id });
        without_identity(json!({
            "socket": self.socket.next_event("status").await,
            "event stream": next(&mut self.events).await,
            "queries": self.client().execute(&everything(), id).await,
            "save": self.client().execute(&save_mutation(), personal_info("ZZ999999")).await,
            "submit": self.client().execute(&submit_mutation(), json!({})).await,
            "archive": Archive::of(self.client()).await.to_json(),
        }))
    }
}

/// The reasons of each case. The first one is the ordinary refusal.
fn cases() -> Vec<Value> {
    let reason = |code: &str| json!({ "code": code, "message": WORDS, "field": ["documents", "FRONT"] });
    vec![
        json!([reason("OTHER")]),
        json!([reason("SANCTIONED")]),
        json!([reason("DOCUMENT_TAMPERED")]),
        json!([reason("DUPLICATE_IDENTITY")]),
        json!([reason("SANCTIONED"), reason("OTHER"), reason("DUPLICATE_IDENTITY")]),
    ]
}

/// All commands that Redis receives from now on.
async fn redis_commands() -> Arc<Mutex<String>> {
    let captured = Arc::new(Mutex::new(String::new()));
    let client = redis::Client::open(servers::redis_url()).expect("a URL");
    let monitor = client.get_async_monitor().await.expect("Redis responds");
    let capture = Arc::clone(&captured);
    tokio::spawn(async move {
        let mut commands = monitor.into_on_message::<String>();
        while let Some(command) = commands.next().await {
            capture.lock().expect("a lock").push_str(&command);
        }
    });
    captured
}

/// The events of the log that have reasons, as text.
async fn logged_codes(app: &TestApp) -> Vec<String> {
    let backend = app.services().db.backend();
    let sql = "SELECT CAST(reason_codes AS TEXT) FROM event WHERE kind = 'VERIFICATION_STATUS' AND status = 'REJECTED'";
    let rows = app.services().db.read().query_all_raw(Statement::from_string(backend, sql)).await;
    rows.expect("rows").iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

async fn a_refusal_for_fraud_looks_like_an_ordinary_one(app: TestApp) {
    let is_on_redis = app.services().db.backend() == DbBackend::Postgres;
    let commands = if is_on_redis { Some(redis_commands().await) } else { None };
    let rita = app.reviewer("Rita").await;
    let mut seen = Vec::new();
    let mut applicants = Vec::new();
    for ((number, reasons), name) in (1..).zip(cases()).zip(["Ann", "Bob", "Cid", "Dan", "Eve"]) {
        let mut applicant = Applicant::new(&app, name, number).await;
        claim(&rita, &applicant.verification_id).await;
        let input = decision_input(&applicant.verification_id, "REJECT", applicant.version, &reasons);
        let payload = rita.client.mutate(&decide_mutation(), input).await;
        // The reviewer reads the reasons as they are.
        assert_eq!(payload["verification"]["reasons"][0]["code"], reasons[0]["code"]);
        assert_eq!(payload["verification"]["reasons"][0]["message"], WORDS);
        seen.push(applicant.observations().await);
        applicants.push(applicant);
    }
    let ordinary = &seen[0];
    let expected = json!([{ "code": "OTHER", "category": "OTHER", "field": null, "retryable": false,
                            "message": "Your identity could not be confirmed." }]);
    assert_eq!(ordinary["socket"]["reasons"], expected);
    assert_eq!(ordinary["event stream"]["data"]["verificationStatusChanged"]["reasons"], expected);
    assert_eq!(ordinary["queries"]["data"]["viewer"]["verification"]["reasons"], expected);
    assert!(!ordinary.to_string().contains(WORDS), "{ordinary:#}");
    for (reasons, observed) in cases().iter().zip(&seen) {
        assert_eq!(observed, ordinary, "{reasons}");
    }
    assert_eq!(logged_codes(&app).await, ["[\"OTHER\"]"; 5]);
    if let Some(commands) = commands {
        let commands = commands.lock().expect("a lock").clone();
        assert!(commands.contains("VERIFICATION_STATUS"), "the events of this test were captured");
        for code in ["SANCTIONED", "DUPLICATE_IDENTITY", "DOCUMENT_TAMPERED"] {
            assert!(!commands.contains(code), "{code}");
        }
    }
    // Nor does the time tell: the medians of many queries, taken in turns, are alike.
    let mut times = vec![Vec::new(); applicants.len()];
    for _ in 0..40 {
        for (applicant, times) in applicants.iter().zip(&mut times) {
            let id = json!({ "id": applicant.verification_id });
            let start = Instant::now();
            applicant.client().execute(&everything(), id).await;
            times.push(start.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let medians: Vec<_> = times.iter_mut().map(median).collect();
    let (least, most) = (medians.iter().min().expect("one"), medians.iter().max().expect("one"));
    assert!(*most < *least * 2 + Duration::from_millis(2), "{medians:?}");
}

async fn what_reviewers_write_is_shown_only_while_it_can_be_corrected(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    claim(&rita, &id).await;
    let confidential = json!([{ "code": "IMAGE_UNREADABLE" }, { "code": "SANCTIONED" }]);
    let input = decision_input(&id, "REQUEST_RESUBMISSION", version, &confidential);
    let refused = rita.client.mutation_errors(&decide_mutation(), input).await;
    assert_eq!(refused, [violation("INVALID", "reasons.1.code")]);
    let reasons = json!([{ "code": "OTHER", "message": WORDS, "field": ["personalInfo"] }]);
    let input = decision_input(&id, "REQUEST_RESUBMISSION", version, &reasons);
    rita.client.mutate(&decide_mutation(), input).await;
    let read = async || {
        let id = json!({ "id": id });
        ann.client.run(&everything(), id).await["node"]["reasons"].take()
    };
    let expected = json!([{ "code": "OTHER", "category": "OTHER", "message": WORDS, "field": ["personalInfo"],
                            "retryable": true }]);
    assert_eq!(read().await, expected);
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    assert_eq!(read().await, expected);
    let version = ann.client.mutate(&submit_mutation(), json!({})).await["verification"]["version"].as_i64();
    // The words about another reason of a final decision are internal, too.
    claim(&rita, &id).await;
    let reasons = json!([{ "code": "UNDER_AGE", "message": WORDS, "field": ["personalInfo", WORDS] }]);
    let input = decision_input(&id, "REJECT", version.expect("a number"), &reasons);
    rita.client.mutate(&decide_mutation(), input).await;
    let expected = json!([{ "code": "UNDER_AGE", "category": "DATA", "message": "You are below the minimum age.",
                            "field": null, "retryable": false }]);
    assert_eq!(read().await, expected);
}

on_both_back_ends!(
    a_refusal_for_fraud_looks_like_an_ordinary_one,
    what_reviewers_write_is_shown_only_while_it_can_be_corrected,
);
