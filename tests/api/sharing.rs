//! Execute once, deliver many: and never to somebody what is not theirs.

use serde_json::{Value, json};

use crate::support::documents::{EDIT_GIG, PAUSE_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::proxy::until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// With everything that everybody may see.
const PUBLIC: &str = "subscription($after: String) { gigPublished(after: $after) { cursor delivery gigId
    gig { title description status price { amount } category { name } images { url } tags links
          seller { displayName level gigs(first: 2) { totalCount nodes { title } } } } } }";

/// With what a seller and reviewers alone see, too.
const PRIVATE: &str = "subscription($after: String) { gigPublished(after: $after) { gigId
    gig { title status reviewReasons { code message } } } }";

async fn follow(app: &TestApp, person: &TestUser, query: &str) -> Socket {
    let before = app.services_b().streams.dispatcher().attached();
    let mut socket = person.at(&app.gateway_b()).socket().await;
    socket.subscribe("s", query, json!({})).await;
    // The socket's own, and its subscription's.
    until("it is attached", async || app.services_b().streams.dispatcher().attached() >= before + 2).await;
    socket
}

async fn listed(app: &TestApp) -> (TestUser, TestUser, String) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    (ann, rita, id)
}

/// How many statements the other gateway makes of one event, and what each is told of it.
async fn told(app: &TestApp, ann: &TestUser, id: &str, sockets: &mut [Socket]) -> (u64, Vec<Value>) {
    ann.client.done(PAUSE_GIG, json!({ "id": id })).await;
    let before = app.services_b().db.statements();
    ann.client.done(RESUME_GIG, json!({ "id": id })).await;
    let mut events = Vec::new();
    for socket in sockets.iter_mut() {
        events.push(socket.event("s").await);
    }
    (app.services_b().db.statements() - before, events)
}

/// The least of some rounds: a gateway has work of its own beside it.
async fn statements(app: &TestApp, ann: &TestUser, id: &str, sockets: &mut [Socket]) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..5 {
        least = least.min(told(app, ann, id, sockets).await.0);
    }
    least
}

async fn an_event_takes_as_many_statements_for_many_as_for_few(app: TestApp) {
    let (ann, rita, id) = listed(&app).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(follow(&app, &rita, PUBLIC).await);
    }
    let few = statements(&app, &ann, &id, &mut sockets).await;
    for name in ["Bob", "Cid", "Dot"] {
        let person = app.member(name).await;
        for _ in 0..6 {
            sockets.push(follow(&app, &person, PUBLIC).await);
        }
    }
    sockets.push(follow(&app, &ann, PUBLIC).await);
    let many = statements(&app, &ann, &id, &mut sockets).await;
    assert!(many <= few, "{few} statements for two, {many} for twenty-one");
    let (_, events) = told(&app, &ann, &id, &mut sockets).await;
    assert!(events.iter().all(|event| *event == events[0]), "{events:#?}");
    assert_eq!(events[0]["gig"]["seller"]["gigs"]["totalCount"], json!(1));
}

/// The gig was listed, and is under review again by the time that all of these come to it, at once and in any order.
async fn what_only_some_may_see_only_they_are_told(app: TestApp) {
    let (ann, rita, _) = listed(&app).await;
    let bob = app.member("Bob").await;
    let before = app.gateway_a().run("{ eventCursor }", json!({})).await["eventCursor"].take();
    let id = ann.post(app.gig_form("I will sing a song for you").await).await;
    rita.approve(&id).await;
    ann.client.done(EDIT_GIG, json!({ "input": { "id": id, "title": "I will sing two songs" } })).await;
    let reasons = json!([{ "code": "CONTACT_DETAILS", "field": ["description"] }]);
    rita.decide(&id, "REJECT", reasons).await;
    let query = "query($id: ID!) { gig(id: $id) { title status reviewReasons { code message } } }";
    // The one who sees it first, or a stranger first.
    for order in [[&ann, &bob, &rita, &bob, &ann], [&bob, &ann, &bob, &rita, &bob]] {
        let mut sockets = Vec::new();
        for person in order {
            let mut socket = person.at(&app.gateway_b()).socket().await;
            socket.subscribe("s", PRIVATE, json!({ "after": before })).await;
            sockets.push((person, socket));
        }
        for (person, mut socket) in sockets {
            let event = socket.event("s").await;
            assert_eq!(event["gigId"], json!(id));
            let asked = person.client.run(query, json!({ "id": id })).await["gig"].take();
            assert_eq!(event["gig"], asked, "{}", person.email);
            let sees = person.id != bob.id;
            assert_eq!(event["gig"]["reviewReasons"][0]["code"] == "CONTACT_DETAILS", sees, "{event}");
        }
    }
}

on_both_back_ends!(
    an_event_takes_as_many_statements_for_many_as_for_few,
    what_only_some_may_see_only_they_are_told,
);
