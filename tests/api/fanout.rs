//! Fan-out: an event is resolved once for many subscribers, but a result that depends on the viewer is never
//! shared.

use gigway::domain::event::Topic;
use gigway::domain::id::{GigId, PublicId};
use gigway::service::user_admin;
use serde_json::{Value, json};

use crate::support::documents::{EDIT_GIG, PAUSE_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// Selects only public fields.
const PUBLIC: &str = "subscription($after: String) { gigPublished(after: $after) { cursor delivery gigId
    gig { title description status price { amount } category { name } images { url } tags links
          seller { displayName level gigs(first: 2) { totalCount nodes { title } } } } } }";

/// Also selects a field that only the seller and reviewers see.
const PRIVATE: &str = "subscription($after: String) { gigPublished(after: $after) { gigId
    gig { title status reviewReasons { code message } } } }";

async fn subscribe(app: &TestApp, user: &TestUser, query: &str) -> Socket {
    let before = app.services_b().streams.dispatcher().subscriber_count();
    let mut socket = user.at(&app.gateway_b()).socket().await;
    socket.subscribe("s", query, json!({})).await;
    // One queue watches the session of the socket, the other serves the subscription.
    wait_until("it is attached", async || {
        app.services_b().streams.dispatcher().subscriber_count() >= before + 2
    })
    .await;
    socket
}

/// Returns a seller, a reviewer, and the id of a listed gig.
async fn list_gig(app: &TestApp) -> (TestUser, TestUser, String) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    (ann, rita, id)
}

/// Publishes one event. Returns how many statements the last gateway executed for it, and what each
/// subscriber received.
async fn publish_event(app: &TestApp, ann: &TestUser, id: &str, sockets: &mut [Socket]) -> (u64, Vec<Value>) {
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    let statements_before = app.services_b().db.statement_count();
    ann.client.mutate(RESUME_GIG, json!({ "id": id })).await;
    let mut events = Vec::new();
    for socket in sockets.iter_mut() {
        events.push(socket.next_event("s").await);
    }
    (app.services_b().db.statement_count() - statements_before, events)
}

/// The fewest statements in five rounds, because the gateway also executes statements of its own.
async fn statements(app: &TestApp, ann: &TestUser, id: &str, sockets: &mut [Socket]) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..5 {
        fewest = fewest.min(publish_event(app, ann, id, sockets).await.0);
    }
    fewest
}

async fn an_event_takes_the_same_statements_for_any_number_of_subscribers(app: TestApp) {
    let (ann, rita, id) = list_gig(&app).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(subscribe(&app, &rita, PUBLIC).await);
    }
    let for_two = statements(&app, &ann, &id, &mut sockets).await;
    for name in ["Bob", "Cid", "Dot"] {
        let user = app.member(name).await;
        for _ in 0..6 {
            sockets.push(subscribe(&app, &user, PUBLIC).await);
        }
    }
    sockets.push(subscribe(&app, &ann, PUBLIC).await);
    let for_twenty_one = statements(&app, &ann, &id, &mut sockets).await;
    assert!(for_twenty_one <= for_two, "{for_two} statements for two, {for_twenty_one} for twenty-one");
    let (_, events) = publish_event(&app, &ann, &id, &mut sockets).await;
    assert!(events.iter().all(|event| *event == events[0]), "{events:#?}");
    assert_eq!(events[0]["gig"]["seller"]["gigs"]["totalCount"], json!(1));
}

/// What a screen of an anonymous client needs.
const SCREEN: &str =
    "subscription($ids: [ID!], $where: GigFilter) { catalogueChanged(gigIds: $ids, where: $where) {
    cursor change gigId gig { title price { amount } images { url } seller { displayName level } } } }";

/// Anonymous clients that show the same gigs, and others that show none of them.
async fn screens_of_anonymous_clients_share_executions(app: TestApp) {
    let (ann, _, id) = list_gig(&app).await;
    let dispatcher = app.services_b().streams.dispatcher();
    let open = async |variables: Value| {
        let before = dispatcher.subscriber_count_of(Topic::Catalogue);
        let mut socket = app.gateway_b().socket().await;
        socket.subscribe("s", SCREEN, variables).await;
        let is_attached = async || dispatcher.subscriber_count_of(Topic::Catalogue) > before;
        wait_until("it is attached", is_attached).await;
        socket
    };
    let rename = async |sockets: &mut [Socket]| {
        let (mut fewest, mut events) = (u64::MAX, Vec::new());
        for round in 0..5 {
            let before = app.services_b().db.statement_count();
            let name = format!("Ann {round}");
            user_admin::set_display_name(app.services(), &ann.email, &name).await.expect("another name");
            events.clear();
            for socket in sockets.iter_mut() {
                events.push(socket.next_event("s").await);
            }
            fewest = fewest.min(app.services_b().db.statement_count() - before);
        }
        (fewest, events)
    };
    let shown = json!({ "ids": [id], "where": { "maxPrice": "30" } });
    let mut sockets = vec![open(shown.clone()).await, open(shown.clone()).await];
    let (for_two, _) = rename(&mut sockets).await;
    let mut others = Vec::new();
    for number in 0..20_u128 {
        sockets.push(open(shown.clone()).await);
        let other = GigId::from_uuid(uuid::Uuid::from_u128(number)).to_public();
        others.push(open(json!({ "ids": [other] })).await);
    }
    let (for_twenty_two, events) = rename(&mut sockets).await;
    assert!(for_twenty_two <= for_two, "{for_two} statements for two, {for_twenty_two} for twenty-two");
    assert!(events.iter().all(|event| *event == events[0]), "{events:#?}");
    assert_eq!(events[0]["gig"]["seller"]["displayName"], "Ann 4");
    for socket in others.iter_mut().take(3) {
        socket.expect_silence("s").await;
    }
}

/// The gig was published and then rejected: the subscribers replay its publication at the same time, in two
/// orders.
async fn shared_results_never_reveal_fields_of_other_viewers(app: TestApp) {
    let (ann, rita, _) = list_gig(&app).await;
    let bob = app.member("Bob").await;
    let before = app.gateway_a().run("{ eventCursor }", json!({})).await["eventCursor"].take();
    let id = ann.post(app.gig_form("I will sing a song for you").await).await;
    rita.approve(&id).await;
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": id, "title": "I will sing two songs" } })).await;
    let reasons = json!([{ "code": "CONTACT_DETAILS", "field": ["description"] }]);
    rita.decide(&id, "REJECT", reasons).await;
    let query = "query($id: ID!) { gig(id: $id) { title status reviewReasons { code message } } }";
    // First the seller, then a user who must not see the reasons.
    for order in [[&ann, &bob, &rita, &bob, &ann], [&bob, &ann, &bob, &rita, &bob]] {
        let mut sockets = Vec::new();
        for user in order {
            let mut socket = user.at(&app.gateway_b()).socket().await;
            socket.subscribe("s", PRIVATE, json!({ "after": before })).await;
            sockets.push((user, socket));
        }
        for (user, mut socket) in sockets {
            let event = socket.next_event("s").await;
            assert_eq!(event["gigId"], json!(id));
            let queried = user.client.run(query, json!({ "id": id })).await["gig"].take();
            assert_eq!(event["gig"], queried, "{}", user.email);
            let can_see_reasons = user.id != bob.id;
            let shows_reasons = event["gig"]["reviewReasons"][0]["code"] == "CONTACT_DETAILS";
            assert_eq!(shows_reasons, can_see_reasons, "{event}");
        }
    }
}

on_both_back_ends!(
    an_event_takes_the_same_statements_for_any_number_of_subscribers,
    screens_of_anonymous_clients_share_executions,
    shared_results_never_reveal_fields_of_other_viewers,
);
