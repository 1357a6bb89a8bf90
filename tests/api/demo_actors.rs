//! The actors of the moving demo: what they do, and what they leave alone.

use std::collections::HashSet;

use gigway::demo::actors::{self, Actors};
use gigway::domain::event::EventBody;
use gigway::store::event_log;
use serde_json::{Value, json};

use crate::support::documents::{CATALOGUE_CHANGED, CLAIM};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// More acts than the actors have gigs and steps of reviews.
const ACTS: usize = 60;

const QUEUE: &str = "{ reviewQueue(first: 100) { nodes { id state claimedBy { id } subject { ... on Gig {
    id seller { displayName } } } } } }";

async fn act(app: &TestApp, actors: &mut Actors, count: usize) {
    for _ in 0..count {
        actors.act(app.services()).await.expect("an act");
    }
}

async fn newest_position(app: &TestApp) -> i64 {
    event_log::newest_position(app.services().db.read()).await.expect("a position")
}

fn is_of_actor(item: &Value) -> bool {
    item["subject"]["seller"]["displayName"].as_str().is_some_and(|name| name.ends_with("(demo actor)"))
}

async fn queue(reviewer: &TestUser) -> Vec<Value> {
    let nodes = reviewer.client.run(QUEUE, json!({})).await["reviewQueue"]["nodes"].take();
    nodes.as_array().expect("a list").clone()
}

async fn actors_publish_gigs_and_change_them(app: TestApp) {
    let mut actors = Actors::begin(app.services(), 2000).await.expect("actors");
    let listed = "{ gigs { totalCount nodes { seller { displayName } images { id } } } }";
    let listed = app.gateway_b().run(listed, json!({})).await["gigs"].take();
    assert!(listed["totalCount"].as_i64() >= Some(4), "{listed}");
    assert!(listed["nodes"].as_array().expect("a list").iter().all(|gig| gig["images"][0]["id"].is_string()));
    let before = newest_position(&app).await;
    act(&app, &mut actors, ACTS).await;
    let newest = newest_position(&app).await;
    let events = event_log::page(app.services().db.read(), None, before, 1000).await.expect("events");
    let statuses = events.into_iter().filter_map(|event| match event.body {
        EventBody::GigStatus { status, .. } => Some(status.into()),
        _ => None,
    });
    let statuses: HashSet<&str> = statuses.collect();
    assert!(["ACTIVE", "PAUSED", "IN_REVIEW"].iter().all(|status| statuses.contains(status)), "{statuses:?}");
    // The same people go on after a restart of the gateway.
    let mut actors = Actors::begin(app.services(), 2000).await.expect("actors");
    act(&app, &mut actors, 2).await;
    assert!(newest_position(&app).await > newest);
}

async fn actors_leave_the_gigs_and_claims_of_people_alone(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let waiting = ann.post(app.gig_form("I will write a song for you").await).await;
    let listed = ann.post(app.gig_form("I will write two songs for you").await).await;
    rita.approve(&listed).await;
    let own = async || [ann.gig(&waiting).await, ann.gig(&listed).await];
    let before = own().await;
    let mut actors = Actors::begin(app.services(), 2000).await.expect("actors");
    // A person claims the items of actors as they appear.
    let mut claimed = Vec::new();
    while claimed.len() < 2 {
        act(&app, &mut actors, 1).await;
        let open = queue(&rita).await.into_iter().find(|item| item["state"] == "OPEN" && is_of_actor(item));
        if let Some(item) = open {
            rita.client.mutate(CLAIM, json!({ "id": item["id"] })).await;
            claimed.push(item["id"].clone());
        }
    }
    act(&app, &mut actors, ACTS).await;
    assert_eq!(own().await, before);
    let items = queue(&rita).await;
    for id in claimed {
        let item = items.iter().find(|item| item["id"] == id).expect("the item");
        assert_eq!((&item["state"], &item["claimedBy"]["id"]), (&json!("CLAIMED"), &json!(rita.id)));
    }
    let of_ann = items.iter().find(|item| item["subject"]["id"] == waiting).expect("the item");
    assert_eq!(of_ann["state"], "OPEN");
}

async fn the_rows_of_actors_are_bounded(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let mut actors = Actors::begin(app.services(), 8).await.expect("actors");
    act(&app, &mut actors, ACTS).await;
    let reviews = queue(&rita).await.len();
    assert!((8..=8 + 3).contains(&reviews), "{reviews}");
    let before = newest_position(&app).await;
    act(&app, &mut actors, ACTS).await;
    assert_eq!(queue(&rita).await.len(), reviews);
    // They still pause and resume.
    assert!(newest_position(&app).await >= before + 20);
}

async fn actors_act_while_somebody_subscribes(app: TestApp) {
    let task = tokio::spawn(actors::run(app.shared_services()));
    let mut socket = app.gateway_a().socket().await;
    socket.subscribe("catalogue", CATALOGUE_CHANGED, json!({})).await;
    for _ in 0..5 {
        let event = socket.next_event("catalogue").await;
        assert!(event["gigId"].is_string(), "{event}");
    }
    assert!(!task.is_finished());
    task.abort();
}

on_both_back_ends!(
    actors_publish_gigs_and_change_them,
    actors_leave_the_gigs_and_claims_of_people_alone,
    the_rows_of_actors_are_bounded,
    actors_act_while_somebody_subscribes,
);
