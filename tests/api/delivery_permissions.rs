//! Permissions at delivery: nothing is sent that happened after a role was removed or a session has ended,
//! even if both arrive together.

use gigway::config::Settings;
use gigway::domain::event::{EventBody, Topic};
use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, PublicId, ReviewItemId, SessionId, UserId};
use gigway::domain::review::ReviewQueueChange;
use gigway::domain::review_kind::ReviewKind;
use gigway::domain::user::Role;
use gigway::service::{Services, erasure, user_admin};
use gigway::store::{Transaction, authority, event_log, sessions, users};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::response_cache::until_caught_up;
use crate::support::client::Client;
use crate::support::documents::{CATALOGUE_CHANGED, GIG_STATUS_CHANGED, QUEUE_CHANGED};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::servers::{self, TestRedis};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const ROUNDS: usize = 8;

const EVENT_STREAM: &str = "text/event-stream";
const MULTIPART: &str = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";

/// The gateways of the app, and their services.
fn gateways(app: &TestApp) -> Vec<(Client, &Services)> {
    let mut gateways = vec![(app.gateway_a(), app.services()), (app.gateway_b(), app.services_b())];
    gateways.dedup_by_key(|(client, _)| client.address);
    gateways
}

/// Subscriptions of one user, over every transport and at every gateway.
struct Watchers {
    sockets: Vec<Socket>,
    /// The complete bodies of streams.
    bodies: Vec<JoinHandle<String>>,
    /// A socket of somebody who may see the event, at each gateway.
    controls: Vec<Socket>,
}

/// Opens the subscriptions, and waits until all of them get events.
async fn watch(app: &TestApp, topic: Topic, query: &str, user: &TestUser, control: &TestUser) -> Watchers {
    let mut watchers = Watchers { sockets: Vec::new(), bodies: Vec::new(), controls: Vec::new() };
    for (gateway, services) in gateways(app) {
        let client = user.at(&gateway);
        for accept in [EVENT_STREAM, MULTIPART] {
            let request = client.post("/graphql").header("accept", accept).json(&json!({ "query": query }));
            let response = request.send().await.expect("a response");
            assert_eq!(response.status(), 200);
            watchers.bodies.push(tokio::spawn(async move { response.text().await.expect("a whole body") }));
        }
        let mut socket = client.socket().await;
        socket.subscribe("s", query, json!({})).await;
        watchers.sockets.push(socket);
        let mut socket = control.at(&gateway).socket().await;
        socket.subscribe("s", query, json!({})).await;
        watchers.controls.push(socket);
        let dispatcher = services.streams.dispatcher();
        wait_until("all are attached", async || dispatcher.subscriber_count_of(topic) == 4).await;
    }
    watchers
}

impl Watchers {
    /// Asserts that the session has ended for every subscription, and no event was sent.
    async fn expect_end_of_session(self, round: usize) {
        for mut socket in self.sockets {
            let (messages, code) = socket.messages_until_close().await;
            assert_eq!((messages, code), (Vec::<Value>::new(), 4410), "round {round}");
        }
        for body in self.bodies {
            let body = body.await.expect("it ends");
            assert!(!body.contains("\"delivery\""), "round {round}: {body}");
        }
    }

    /// Asserts that every subscription ends with FORBIDDEN, and no event was sent.
    async fn expect_forbidden(self, round: usize) {
        for mut socket in self.sockets {
            assert_eq!(socket.expect_error("s").await, ["FORBIDDEN"], "round {round}");
        }
        for body in self.bodies {
            let body = body.await.expect("it ends");
            let is_refused = body.contains("FORBIDDEN") && !body.contains("\"delivery\"");
            assert!(is_refused, "round {round}: {body}");
        }
    }
}

/// Commits a change together with events. Every second time, the events are not published, so that the
/// gateways read all of them with one page of the log.
async fn commit<F: AsyncFnOnce(&Transaction)>(
    services: &Services,
    is_published: bool,
    change: F,
    events: Vec<EventBody>,
) {
    if is_published {
        let mut work = services.begin().await.expect("a transaction");
        change(work.tx()).await;
        for event in events {
            work.record(event);
        }
        work.commit().await.expect("committed");
    } else {
        let tx = services.db.begin().await.expect("a transaction");
        change(&tx).await;
        event_log::append(&tx, events, services.now()).await.expect("appended");
        tx.commit().await.expect("committed");
    }
}

fn user_id(user: &TestUser) -> UserId {
    UserId::parse(&user.id).expect("an id")
}

fn session_id(app: &TestApp, user: &TestUser) -> SessionId {
    let token = user.client.token().expect("a token");
    app.services().tokens.verify_access_token(token, app.now()).expect("valid").0
}

/// An event that the seller of the gig gets.
fn gig_event(gig: &str, seller_id: UserId) -> EventBody {
    EventBody::GigStatus {
        gig_id: GigId::parse(gig).expect("an id"),
        seller_id,
        version: 2,
        previous: Some(GigStatus::InReview),
        status: GigStatus::Active,
        reason_codes: Vec::new(),
    }
}

async fn no_event_from_after_the_loss_of_a_role_is_sent(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await["id"].as_str().expect("an id").to_owned();
    let event = EventBody::ReviewQueue {
        item_id: ReviewItemId::parse(&item).expect("an id"),
        review_kind: ReviewKind::Gig,
        change: ReviewQueueChange::Submitted,
    };
    let (services, rita_id) = (app.services(), user_id(&rita));
    // The event of the post comes before.
    for services in [app.services(), app.services_b()] {
        until_caught_up(services).await;
    }
    for round in 0..ROUNDS {
        let mut watchers = watch(&app, Topic::ReviewQueue, QUEUE_CHANGED, &rita, &rob).await;
        let demote = async |tx: &Transaction| {
            authority::set_role(tx, services, rita_id, Role::Member).await.expect("a member");
        };
        let events = vec![EventBody::RoleChanged { user_id: rita_id }, event.clone()];
        commit(services, round % 2 == 0, demote, events).await;
        for control in &mut watchers.controls {
            assert_eq!(control.next_event("s").await["itemId"], json!(item));
        }
        watchers.expect_forbidden(round).await;
        user_admin::set_role(services, &rita.email, Role::Reviewer).await.expect("a reviewer");
    }
}

async fn no_event_from_after_the_end_of_a_session_is_sent(app: TestApp) {
    let mut ann = app.member("Ann").await;
    let control = app.sign_in(&ann.email).await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let (services, ann_id) = (app.services(), user_id(&ann));
    let subscriptions =
        [(Topic::GigsOfSeller(ann_id), GIG_STATUS_CHANGED), (Topic::Catalogue, CATALOGUE_CHANGED)];
    for round in 0..ROUNDS * subscriptions.len() {
        let (topic, query) = subscriptions[round / ROUNDS];
        let mut watchers = watch(&app, topic, query, &ann, &control).await;
        let ended = session_id(&app, &ann);
        let end = async |tx: &Transaction| {
            sessions::end(tx, ended, services.now()).await.expect("ended");
        };
        let mut events = Vec::new();
        if round % 4 > 1 {
            // More than fit into the queue of the connection.
            events.extend((1..150).map(|number| EventBody::SessionEnded {
                session_id: SessionId::from_uuid(Uuid::from_u128(number)),
                user_id: ann_id,
            }));
        }
        events.push(EventBody::SessionEnded { session_id: ended, user_id: ann_id });
        events.push(gig_event(&gig, ann_id));
        commit(services, round % 2 == 0, end, events).await;
        for control in &mut watchers.controls {
            assert_eq!(control.next_event("s").await["gigId"], json!(gig));
        }
        watchers.expect_end_of_session(round).await;
        ann = app.sign_in(&ann.email).await;
    }
}

/// Ends all sessions of a user and does something else to them, in one commit with an event that they get.
async fn expect_nothing_after<F: AsyncFn(&Transaction, UserId)>(
    app: &TestApp,
    name: &str,
    is_published: bool,
    change: F,
) {
    let user = app.member(name).await;
    let gig = user.post(app.gig_form("I will write a song for you").await).await;
    let (services, id) = (app.services(), user_id(&user));
    let control = app.sign_in(&user.email).await;
    let watchers = watch(app, Topic::GigsOfSeller(id), GIG_STATUS_CHANGED, &user, &control).await;
    let tx = services.db.begin().await.expect("a transaction");
    change(&tx, id).await;
    let ended = sessions::end_all(&tx, id, services.now()).await.expect("ended");
    assert_eq!(ended.len(), 2);
    let mut events: Vec<_> =
        ended.into_iter().map(|session_id| EventBody::SessionEnded { session_id, user_id: id }).collect();
    events.push(EventBody::RoleChanged { user_id: id });
    events.push(gig_event(&gig, id));
    let events = event_log::append(&tx, events, services.now()).await.expect("appended");
    tx.commit().await.expect("committed");
    if is_published {
        services.bus.publish(events);
    }
    let Watchers { mut sockets, bodies, controls } = watchers;
    sockets.extend(controls);
    let watchers = Watchers { sockets, bodies, controls: Vec::new() };
    watchers.expect_end_of_session(0).await;
}

async fn no_event_from_after_a_block_or_an_erasure_is_sent(app: TestApp) {
    let now = app.now();
    for (round, is_published) in [true, false, true, false].into_iter().enumerate() {
        expect_nothing_after(&app, &format!("Blocked{round}"), is_published, async |tx, id| {
            users::set_blocked(tx, id, Some(now)).await.expect("blocked");
        })
        .await;
        expect_nothing_after(&app, &format!("Erased{round}"), is_published, async |tx, id| {
            users::anonymise(tx, id, now).await.expect("erased");
        })
        .await;
    }
    // By the commands themselves, followed by an event at once.
    for (name, is_erasure) in [("Ada", true), ("Bea", false)] {
        let user = app.member(name).await;
        let gig = user.post(app.gig_form("I will write a song for you").await).await;
        let (services, id) = (app.services(), user_id(&user));
        let control = app.sign_in(&user.email).await;
        let topic = Topic::GigsOfSeller(id);
        let Watchers { mut sockets, bodies, controls } =
            watch(&app, topic, GIG_STATUS_CHANGED, &user, &control).await;
        let before = event_log::newest_position(services.db.read()).await.expect("a position");
        if is_erasure {
            erasure::erase_user(services, &user.email).await.expect("erased");
        } else {
            user_admin::block(services, &user.email).await.expect("blocked");
        }
        commit(services, true, async |_: &Transaction| {}, vec![gig_event(&gig, id)]).await;
        sockets.extend(controls);
        let last = event_log::newest_position(services.db.read()).await.expect("a position");
        assert!(last > before + 1);
        let last = services.streams.cursor(last).encode();
        for mut socket in sockets {
            let (messages, code) = socket.messages_until_close().await;
            // An erasure archives the gigs before it ends the sessions.
            assert!(messages.len() <= usize::from(is_erasure) && code == 4410, "{messages:?}");
            assert!(messages.iter().all(|message| !message.to_string().contains(&last)), "{messages:?}");
        }
        for body in bodies {
            let body = body.await.expect("it ends");
            assert!(!body.contains(&last), "{body}");
        }
    }
}

on_both_back_ends!(
    no_event_from_after_the_loss_of_a_role_is_sent,
    no_event_from_after_the_end_of_a_session_is_sent,
    no_event_from_after_a_block_or_an_erasure_is_sent,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_hold_while_events_come_from_the_log_because_redis_is_down() {
    let redis = TestRedis::stopped();
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis.url()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 2).await;
    no_event_from_after_the_loss_of_a_role_is_sent(app).await;
}
