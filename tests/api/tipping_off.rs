//! What applicants learn of a rejection or a revocation: the same, whether it is an ordinary one or the suspicion of a
//! crime. What they learn of a duplicate is in `duplicates`, which uses the helpers of this file.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::support::archive::Archive;
use crate::support::client::Client;
use crate::support::event_stream::EventStream;
use crate::support::on_both_back_ends;
use crate::support::reviewing::{claim, inspect, review};
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

/// All that an event has.
pub fn changed() -> String {
    format!(
        "subscription {{ verificationStatusChanged {{ cursor delivery occurredAt version previousStatus status
            reasons {{ code category message field retryable }} verification {{ {VERIFICATION} }} }} }}"
    )
}

/// All that applicants can read of their verification, and what they can do.
pub fn everything() -> String {
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
pub fn without_identity(mut value: Value) -> Value {
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

/// An applicant with open streams, who waits for a decision.
struct Applicant {
    user: TestUser,
    verification_id: String,
    version: i64,
    socket: Socket,
    events: EventStream,
}

/// Who decides.
struct Reviewers {
    rita: TestUser,
    ada: TestUser,
}

/// The next event of the stream.
pub async fn next(events: &mut EventStream) -> Value {
    let event = events.next().await.expect("a stream").expect("an event");
    serde_json::from_str(&event.data).expect("JSON")
}

/// A socket and an event stream at the second gateway, from which the snapshots were received.
pub async fn open_streams(app: &TestApp, user: &TestUser) -> (Socket, EventStream) {
    let mut socket = user.at(&app.gateway_b()).socket().await;
    socket.subscribe("status", &changed(), json!({})).await;
    assert_eq!(socket.next_event("status").await["delivery"], "SNAPSHOT");
    let request = user.at(&app.gateway_b()).post("/graphql").header("accept", "text/event-stream");
    let response = request.json(&json!({ "query": changed() })).send().await.expect("a response");
    let mut events = EventStream::new(response);
    next(&mut events).await;
    (socket, events)
}

impl Applicant {
    /// An applicant whose verification is in review or, if it is to be revoked, cleared.
    async fn new(app: &TestApp, reviewers: &Reviewers, decision: &str, number: u32) -> Self {
        let user = app.member(&format!("Ann{number}")).await;
        let (verification_id, mut version) =
            submit_verification(&user, &format!("AB12345{number}"), number).await;
        if decision == "REVOKE" {
            review(&reviewers.rita.client, &verification_id).await;
            let clear = decision_input(&verification_id, "CLEAR", version, &json!([]));
            let cleared = reviewers.rita.client.mutate(&decide_mutation(), clear).await;
            version = cleared["verification"]["version"].as_i64().expect("a number");
        }
        let (socket, events) = open_streams(app, &user).await;
        Self { user, verification_id, version, socket, events }
    }

    fn client(&self) -> &Client {
        &self.user.client
    }

    /// Rejects or revokes the verification. The reviewer reads the reasons as they are.
    async fn refuse(&self, reviewers: &Reviewers, decision: &str, reasons: &Value) {
        let reviewer = if decision == "REVOKE" {
            inspect(&reviewers.ada.client, &self.verification_id).await;
            &reviewers.ada.client
        } else {
            claim(&reviewers.rita.client, &self.verification_id).await;
            &reviewers.rita.client
        };
        let input = decision_input(&self.verification_id, decision, self.version, reasons);
        let payload = reviewer.mutate(&decide_mutation(), input).await;
        assert_eq!(payload["verification"]["reasons"][0]["code"], reasons[0]["code"]);
        assert_eq!(payload["verification"]["reasons"][0]["message"], WORDS);
    }

    /// Everything that the applicant receives and can read after the decision, and what they can do then.
    async fn observations(&mut self) -> Value {
        let id = json!({ "id": self.verification_id });
        without_identity(json!({
            "socket": self.socket.next_event("status").await,
            "event stream": next(&mut self.events).await,
            "queries": self.client().execute(&everything(), id).await,
            "submit": self.client().execute(&submit_mutation(), json!({})).await,
            "archive": Archive::of(self.client()).await.to_json(),
            "save": self.client().execute(&save_mutation(), personal_info("ZZ999999")).await,
            "submit again": self.client().execute(&submit_mutation(), json!({})).await,
            "archive again": Archive::of(self.client()).await.to_json(),
        }))
    }

    /// The time of a query and an archive, and the statements of the query.
    async fn cost(&self, app: &TestApp) -> (Duration, u64) {
        let id = json!({ "id": self.verification_id });
        let (start, before) = (Instant::now(), app.services().db.statement_count());
        self.client().execute(&everything(), id).await;
        let statements = app.services().db.statement_count() - before;
        Archive::of(self.client()).await;
        (start.elapsed(), statements)
    }
}

/// The reasons of each case. The first one is the ordinary refusal.
fn cases() -> [Value; 5] {
    let reason = |code: &str, field: &[&str]| json!({ "code": code, "message": WORDS, "field": field });
    [
        json!([reason("OTHER", &["personalInfo"])]),
        json!([reason("SANCTIONED", &["documents", "FRONT"])]),
        json!([reason("DOCUMENT_TAMPERED", &["documents"])]),
        json!([reason("DUPLICATE_IDENTITY", &["personalInfo", "documentNumber"])]),
        json!([
            reason("SANCTIONED", &[WORDS]),
            reason("OTHER", &["documents"]),
            reason("DUPLICATE_IDENTITY", &["city"])
        ]),
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

/// The reason codes of the events of this status in the log, as text.
async fn logged_codes(app: &TestApp, status: &str) -> Vec<String> {
    let backend = app.services().db.backend();
    let sql = format!(
        "SELECT CAST(reason_codes AS TEXT) FROM event WHERE kind = 'VERIFICATION_STATUS' AND status = '{status}'"
    );
    let rows = app.services().db.read().query_all_raw(Statement::from_string(backend, sql)).await;
    rows.expect("rows").iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

async fn a_rejection_for_fraud_looks_like_an_ordinary_one(app: TestApp) {
    compare_refusals(app, "REJECT", "REJECTED").await;
}

async fn a_revocation_for_fraud_looks_like_an_ordinary_one(app: TestApp) {
    compare_refusals(app, "REVOKE", "REVOKED").await;
}

async fn compare_refusals(app: TestApp, decision: &str, status: &str) {
    let is_on_redis = app.services().db.backend() == DbBackend::Postgres;
    let commands = if is_on_redis { Some(redis_commands().await) } else { None };
    let reviewers = Reviewers { rita: app.reviewer("Rita").await, ada: app.admin("Ada").await };
    let (mut seen, mut applicants) = (Vec::new(), Vec::new());
    for (number, reasons) in (1..).zip(cases()) {
        let mut applicant = Applicant::new(&app, &reviewers, decision, number).await;
        applicant.refuse(&reviewers, decision, &reasons).await;
        seen.push(applicant.observations().await);
        applicants.push(applicant);
    }
    let ordinary = &seen[0];
    let expected = json!([{ "code": "OTHER", "category": "OTHER", "field": null, "retryable": false,
                            "message": "Your identity could not be confirmed." }]);
    assert_eq!(ordinary["socket"]["reasons"], expected);
    assert_eq!(ordinary["event stream"]["data"]["verificationStatusChanged"]["reasons"], expected);
    assert_eq!(ordinary["queries"]["data"]["viewer"]["verification"]["reasons"], expected);
    assert_eq!(ordinary["queries"]["data"]["viewer"]["verification"]["status"], status);
    for archive in ["archive", "archive again"] {
        assert_eq!(ordinary[archive]["verification.json"]["reasons"], expected, "{archive}");
    }
    assert!(!ordinary.to_string().contains(WORDS), "{ordinary:#}");
    for (reasons, observed) in cases().iter().zip(&seen) {
        assert_eq!(observed, ordinary, "{reasons}");
    }
    assert_eq!(logged_codes(&app, status).await, ["[\"OTHER\"]"; 5]);
    if let Some(commands) = commands {
        let commands = commands.lock().expect("a lock").clone();
        assert!(commands.contains("VERIFICATION_STATUS"), "the events of this test were captured");
        for code in ["SANCTIONED", "DUPLICATE_IDENTITY", "DOCUMENT_TAMPERED"] {
            assert!(!commands.contains(code), "{code}");
        }
    }
    // Nor does the duration tell: all cases need the same statements, and the medians, measured in turns, are alike.
    let mut costs = vec![Vec::new(); applicants.len()];
    for _ in 0..25 {
        for (applicant, costs) in applicants.iter().zip(&mut costs) {
            costs.push(applicant.cost(&app).await);
        }
    }
    let fewest = |costs: &Vec<(Duration, u64)>| costs.iter().map(|(_, statements)| *statements).min();
    let statements: Vec<_> = costs.iter().map(fewest).collect();
    assert!(statements.iter().all(|fewest| *fewest == statements[0]), "{statements:?}");
    let median = |costs: &mut Vec<(Duration, u64)>| {
        costs.sort_unstable();
        costs[costs.len() / 2].0
    };
    let medians: Vec<_> = costs.iter_mut().map(median).collect();
    let (least, most) = (medians.iter().min().expect("one"), medians.iter().max().expect("one"));
    assert!(*most < *least * 2 + Duration::from_millis(2), "{medians:?}");
}

async fn what_reviewers_write_is_shown_only_while_it_can_be_corrected(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    claim(&rita.client, &id).await;
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
    claim(&rita.client, &id).await;
    let reasons = json!([{ "code": "UNDER_AGE", "message": WORDS, "field": ["personalInfo", WORDS] }]);
    let input = decision_input(&id, "REJECT", version.expect("a number"), &reasons);
    rita.client.mutate(&decide_mutation(), input).await;
    let expected = json!([{ "code": "UNDER_AGE", "category": "DATA", "message": "You are below the minimum age.",
                            "field": null, "retryable": false }]);
    assert_eq!(read().await, expected);
}

on_both_back_ends!(
    a_rejection_for_fraud_looks_like_an_ordinary_one,
    a_revocation_for_fraud_looks_like_an_ordinary_one,
    what_reviewers_write_is_shown_only_while_it_can_be_corrected,
);
