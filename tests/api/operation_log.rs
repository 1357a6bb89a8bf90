//! The log: it has the cause of every error under the request id that the client gets, how each operation ended, and
//! events of security.

use std::fs::{File, read_to_string};
use std::path::Path;

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{REFRESH, SIGN_IN, SIGN_UP};
use crate::support::process::{GatewayProcess, gigway};
use crate::support::raw_connection::RawConnection;

/// Starts a gateway that appends its log to a file, as JSON.
fn start(dir: &Path, level: &str, arguments: &[&str]) -> GatewayProcess {
    let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log");
    let mut command = gigway(dir, &[&["serve"], arguments].concat());
    command.env("GIGWAY_LOG", level).env("GIGWAY_LOG_FORMAT", "json").stderr(log);
    GatewayProcess::start_command(command, arguments)
}

/// The lines of the log.
pub fn read_log(dir: &Path) -> Vec<Value> {
    let log = read_to_string(dir.join("log")).expect("a log");
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The ids in the errors of a response, which must have one.
#[track_caller]
fn request_ids(errors: &Value) -> Vec<String> {
    let errors = errors.as_array().unwrap_or_else(|| panic!("{errors} is not a list"));
    assert!(!errors.is_empty());
    errors.iter().map(|error| text(&error["extensions"]["requestId"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_id_that_a_client_is_sent_is_in_the_log_with_its_cause() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let empty = start(dir.path(), "error", &[]);
    let cursor = text(&empty.client.run("{ eventCursor }", json!({})).await["eventCursor"]);
    empty.stop_with("TERM");
    let served = start(dir.path(), "error", &["--demo=still"]);
    let client = &served.client;
    let database = format!("sqlite://{}", dir.path().join("gigway.sqlite").display());
    let db = Database::connect(database).await.expect("the database");
    db.execute_unprepared("UPDATE gig SET links = '7'").await.expect("corrupted");

    let query = "{ gigs(first: 3) { nodes { title links } } }";
    let mut ids = Vec::new();
    // Coalesced: identical queries of anonymous clients share one execution and its answer.
    let answers = futures_util::future::join_all((0..8).map(|_| client.execute(query, json!({})))).await;
    for answer in answers {
        ids.extend(request_ids(&answer["errors"]));
    }
    // A stream of one answer.
    let request =
        client.post("/graphql").header("accept", "text/event-stream").json(&json!({ "query": query }));
    let stream = request.send().await.expect("a response").text().await.expect("text");
    let data = stream.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
    ids.extend(request_ids(&serde_json::from_str::<Value>(data).expect("JSON")["errors"]));
    // Sockets: a query, and subscriptions that share the execution of each event.
    let subscription = "subscription($after: String) { gigPublished(after: $after) { gig { title links } } }";
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = client.socket().await;
        socket.subscribe("query", query, json!({})).await;
        ids.extend(request_ids(&socket.receive_for("query").await["payload"]["errors"]));
        socket.subscribe("events", subscription, json!({ "after": cursor })).await;
        sockets.push(socket);
    }
    for socket in &mut sockets {
        let message = socket.receive_for("events").await;
        let payload = &message["payload"];
        let errors = if message["type"] == "error" { payload } else { &payload["errors"] };
        ids.extend(request_ids(errors));
    }
    served.stop_with("TERM");
    let log = read_log(dir.path());
    for id in ids {
        let is_cause = |line: &&Value| {
            line["message"] == "internal error"
                && line["error"].is_string()
                && line["spans"].to_string().contains(&id)
        };
        assert!(log.iter().any(|line| is_cause(&line)), "{id}: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_how_operations_end_and_who_was_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let served = start(dir.path(), "info", &[]);
    let client = &served.client;
    let input = json!({ "email": "ann@example.com", "password": "a good password", "displayName": "Ann" });
    let session = client.mutate(SIGN_UP, json!({ "input": input })).await["session"].take();
    let ann = client.with_token(&text(&session["accessToken"]));
    let viewer = ann.run("query Mine { viewer { user { id } } }", json!({})).await;
    let ann_id = text(&viewer["viewer"]["user"]["id"]);
    // Refused over HTTP, a socket and a stream.
    let refused = "query Refused { reviewQueue { totalCount } }";
    assert_eq!(ann.error_codes(refused, json!({})).await, ["FORBIDDEN"]);
    let mut socket = ann.socket().await;
    socket.subscribe("1", refused, json!({})).await;
    socket.receive_for("1").await;
    socket.subscribe("2", "{ noSuchField }", json!({})).await;
    socket.receive_for("2").await;
    socket.subscribe("3", "subscription Watched { gigPublished { cursor } }", json!({})).await;
    socket.subscribe("4", "{ __typename }", json!({})).await;
    socket.receive_for("4").await;
    socket.complete("3").await;
    socket.close().await;
    let refused = json!({ "query": "subscription Refused { reviewQueueChanged { cursor } }" });
    let stream = ann.post("/graphql").header("accept", "text/event-stream").json(&refused);
    stream.send().await.expect("a response").text().await.expect("a stream");
    // Failed sign-ins.
    for email in ["ann@example.com", "nobody@example.com", " ANN@example.com"] {
        let input = json!({ "input": { "email": email, "password": "a wrong password" } });
        client.mutation_errors(SIGN_IN, input).await;
    }
    // A used refresh token, which is sent again after its successor was used.
    let mut token = text(&session["refreshToken"]);
    let first = token.clone();
    for _ in 0..2 {
        let renewed = client.mutate(REFRESH, json!({ "token": token })).await;
        token = text(&renewed["session"]["refreshToken"]);
    }
    client.mutation_errors(REFRESH, json!({ "token": first })).await;
    let long_path = format!("/{}", "p".repeat(3000));
    client.fetch(&long_path).await;
    let long_name = format!("query {} {{ __typename }}", "n".repeat(2000));
    client.run(&long_name, json!({})).await;
    // The second response comes from the cache. Invalid operations over HTTP, and as a stream.
    for _ in 0..2 {
        client.run("query Cached { categories { id } }", json!({})).await;
    }
    client.execute("{ noSuchField }", json!({})).await;
    ann.execute("{ noSuchField }", json!({})).await;
    let invalid = json!({ "query": "{ noSuchField }" });
    let stream = client.post("/graphql").header("accept", "text/event-stream").json(&invalid);
    stream.send().await.expect("a response").text().await.expect("a stream");
    served.stop_with("TERM");

    let text = read_to_string(dir.path().join("log")).expect("a log");
    assert!(!text.contains("example.com") && !text.contains("wrong password"), "{text}");
    assert!(!text.contains(&"p".repeat(300)) && !text.contains(&"n".repeat(300)), "{text}");
    let log = read_log(dir.path());
    let mine =
        log.iter().find(|line| line["operation"] == "Mine" && line["message"] == "operation completed");
    let mine = mine.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(
        (&mine["status"], &mine["user"], &mine["address"]),
        (&json!("OK"), &json!(ann_id), &json!("127.0.0.1"))
    );
    assert!(mine["milliseconds"].is_number() && mine["spans"].to_string().contains("\"id\""), "{mine}");
    let events = |name: &str| -> Vec<&Value> {
        let is_event = |line: &&Value| line["security"] == true && line["event"] == name;
        log.iter().filter(is_event).collect()
    };
    let refusals = events("ROLE_REFUSED");
    assert_eq!(refusals.len(), 3, "{text}");
    assert!(refusals.iter().all(|line| line["user"] == ann_id && line["address"] == "127.0.0.1"), "{text}");
    let failures = events("SIGN_IN_FAILED");
    assert_eq!(failures.len(), 3, "{text}");
    assert_eq!(failures[0]["account"], failures[2]["account"]);
    assert_ne!(failures[0]["account"], failures[1]["account"]);
    let is_wrong = |line: &&Value| line["reason"] == "WRONG_CREDENTIALS";
    assert!(failures.iter().all(is_wrong), "{text}");
    assert_eq!([&failures[0]["user"], &failures[1]["user"]], [&json!(ann_id), &Value::Null]);
    assert!(
        failures.iter().all(|line| line["address"] == "127.0.0.1" && line["account"].is_string()),
        "{text}"
    );
    let repetitions = events("REFRESH_TOKEN_REUSED");
    assert_eq!(repetitions.len(), 1, "{text}");
    assert_eq!((&repetitions[0]["user"], &repetitions[0]["address"]), (&json!(ann_id), &json!("127.0.0.1")));
    // A subscription is logged when it ends.
    let ended = log.iter().find(|line| line["operation"] == "Watched").unwrap_or_else(|| panic!("{text}"));
    assert_eq!((&ended["status"], &ended["kind"]), (&json!("OK"), &json!("subscription")));
    // Invalid operations of a socket, two requests and a stream.
    let rejected: Vec<_> = log.iter().filter(|line| line["message"] == "operation rejected").collect();
    assert_eq!(rejected.len(), 4, "{text}");
    assert!(rejected.iter().all(|line| line["status"] == "GRAPHQL_VALIDATION_FAILED"), "{text}");
    let from_cache =
        log.iter().filter(|line| line["operation"] == "Cached" && line["address"] == "127.0.0.1");
    let ended: Vec<_> = from_cache.filter(|line| line["message"] == "operation completed").collect();
    assert_eq!(ended.len(), 2, "{text}");
    assert!(ended.iter().all(|line| line["status"] == "OK" && line["spans"].to_string().contains("\"id\"")));
    let request = log.iter().find(|line| line["message"] == "request completed").expect("a request");
    assert_eq!(request["address"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_cannot_add_a_line_to_the_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let served = start(dir.path(), "trace", &[]);
    let (client, forged) = (&served.client, r#"{"security":true,"event":"FORGED"}"#);
    let line = format!("\n{forged}\n");
    // In the path and in headers, which the HTTP client of the other tests would encode.
    let mut connection = RawConnection::open(client.address).await;
    let head = format!("GET /%0A\"{forged}%0A HTTP/1.1\r\nhost: gigway\r\nconnection: close\r\n");
    let headers =
        format!("x-request-id: \"{forged}\r\nx-forwarded-for: \"{forged}\r\nuser-agent: {forged}\r\n");
    connection.send(format!("{head}{headers}\r\n")).await;
    let response = connection.read_text().await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    // In a document, an e-mail, and messages of a socket.
    client.execute(&line, json!({})).await;
    client.execute(&format!("query A {{ gig(id: \"\"\"{line}\"\"\") {{ id }} }}"), json!({})).await;
    let input = json!({ "email": format!("{line}@example.com"), "password": line });
    client.mutation_errors(SIGN_IN, json!({ "input": input })).await;
    let mut socket = client.socket().await;
    socket.subscribe(&line, &line, json!({})).await;
    socket.receive_for(&line).await;
    socket.send_text(&line).await;
    socket.expect_close().await;
    served.stop_with("TERM");

    let log = read_to_string(dir.path().join("log")).expect("a log");
    let lines = log.lines().map(|line| {
        let parsed = serde_json::from_str::<Value>(line);
        parsed.unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    let lines: Vec<_> = lines.collect();
    let is_logged = |line: &Value| line["path"].as_str().is_some_and(|path| path.contains("FORGED"));
    assert!(lines.iter().any(is_logged), "{log}");
    assert!(lines.iter().all(|line| line.is_object() && line["event"] != "FORGED"), "{log}");
}
