//! Every query and subscription, as each kind of caller. Mutations are in `authorization_mutations`.
//!
//! A new query field needs a row in `QUERIES`, and a new subscription a row in `SUBSCRIPTIONS`: the outcome
//! for each of `CALLERS`.

use entity::{erasure_request, gig, gig_image, review_decision, review_item, session, user};
use gigway::graphql::authorization::CALLERS;
use gigway::store::event_log;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
pub const FORBIDDEN: &str = "FORBIDDEN";
pub const NOT_FOUND: &str = "NOT_FOUND";

/// Everyone is allowed.
pub const EVERYONE: [&str; 5] = ["ok"; 5];
/// Everyone with a session is allowed.
pub const SIGNED_IN: [&str; 5] = [UNAUTHENTICATED, "ok", "ok", "ok", "ok"];
/// Only the seller of the gig is allowed.
pub const OWNER: [&str; 5] = [UNAUTHENTICATED, NOT_FOUND, "ok", NOT_FOUND, NOT_FOUND];
/// Reviewers and administrators are allowed.
pub const REVIEWERS: [&str; 5] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "ok", "ok"];
/// Administrators are allowed.
pub const ADMINS: [&str; 5] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, "ok"];
/// A gig in review is visible to its seller, to reviewers and to administrators.
const VISIBLE_IN_REVIEW: [&str; 5] = ["null", "null", "ok", "ok", "ok"];

/// The users behind [`CALLERS`].
pub struct Callers {
    pub owner: TestUser,
    pub member: TestUser,
    reviewer: TestUser,
    admin: TestUser,
    /// A reviewer who prepares what a test needs, and is not one of the callers.
    pub other_reviewer: TestUser,
    /// A member whose account administrators change, and who is not one of the callers.
    pub administered: TestUser,
}

impl Callers {
    pub async fn create(app: &TestApp) -> Self {
        Self {
            owner: app.member("Olga").await,
            member: app.member("Mia").await,
            reviewer: app.reviewer("Rita").await,
            admin: app.admin("Ada").await,
            other_reviewer: app.reviewer("Rob").await,
            administered: app.member("Tom").await,
        }
    }

    pub fn client(&self, app: &TestApp, caller: &str) -> Client {
        match caller {
            "anonymous" => app.gateway_b(),
            "member" => self.member.at(&app.gateway_b()),
            "owner" => self.owner.at(&app.gateway_b()),
            "reviewer" => self.reviewer.at(&app.gateway_b()),
            "admin" => self.admin.at(&app.gateway_b()),
            other => panic!("{other} is not a caller"),
        }
    }
}

/// `ok`, `null`, or the code of the first GraphQL error or validation error.
pub fn outcome(response: &Value) -> String {
    if let Some(error) = response["errors"].as_array().and_then(|errors| errors.first()) {
        return error["extensions"]["code"].as_str().expect("a code").to_owned();
    }
    let fields = response["data"].as_object().expect("data");
    let value = fields.values().next().expect("a field");
    match value["errors"].as_array().and_then(|errors| errors.first()) {
        Some(error) => error["code"].as_str().expect("a code").to_owned(),
        None if value.is_null() => "null".to_owned(),
        None => "ok".to_owned(),
    }
}

type Fingerprint = (i64, Vec<gig::Model>, [u64; 4], Vec<review_item::Model>, Vec<user::Model>);

/// Everything that a mutation could have changed.
pub async fn fingerprint(app: &TestApp) -> Fingerprint {
    let db = app.services().db.read();
    let counts = [
        gig_image::Entity::find().count(db).await.expect("a count"),
        review_decision::Entity::find().count(db).await.expect("a count"),
        session::Entity::find().count(db).await.expect("a count"),
        erasure_request::Entity::find().count(db).await.expect("a count"),
    ];
    (
        event_log::newest_position(db).await.expect("a position"),
        gig::Entity::find().all(db).await.expect("rows"),
        counts,
        review_item::Entity::find().all(db).await.expect("rows"),
        user::Entity::find().all(db).await.expect("rows"),
    )
}

pub const QUERIES: [(&str, &str, [&str; 5]); 19] = [
    ("viewer", "{ viewer { email role gigs { totalCount } } }", ["null", "ok", "ok", "ok", "ok"]),
    ("node", "query($waiting: ID!) { node(id: $waiting) { id } }", VISIBLE_IN_REVIEW),
    ("node", "query($item: ID!) { node(id: $item) { id } }", ["null", "null", "null", "ok", "ok"]),
    ("nodes", "query($listed: ID!) { nodes(ids: [$listed]) { id } }", EVERYONE),
    (
        "gig",
        "query($listed: ID!) { gig(id: $listed) { title seller { displayName gigs { totalCount } } images { url } } }",
        EVERYONE,
    ),
    ("gig", "query($waiting: ID!) { gig(id: $waiting) { title } }", VISIBLE_IN_REVIEW),
    ("gigs", "{ gigs { totalCount edges { cursor node { id } } pageInfo { endCursor } } }", EVERYONE),
    ("categories", "{ categories { id slug minimumPrice { amount } } }", EVERYONE),
    ("category", "{ category(slug: \"music\") { id name } }", EVERYONE),
    ("countries", "{ countries { code name } }", EVERYONE),
    ("limits", "{ limits { levels { level } } }", EVERYONE),
    ("eventCursor", "{ eventCursor }", EVERYONE),
    ("reviewQueue", "{ reviewQueue { totalCount nodes { id } } }", REVIEWERS),
    ("reviewQueue", "{ reviewQueue(state: OPEN) { totalCount } }", REVIEWERS),
    ("reviewQueue", "{ reviewQueue(states: [OPEN, CLAIMED], mine: true) { totalCount } }", REVIEWERS),
    ("auditTrail", "{ auditTrail { totalCount nodes { number action actor { id } } } }", ADMINS),
    (
        "userAccount",
        "{ userAccount(by: { email: \"mia@example.com\" }) { email role sessionCount verification { status } } }",
        ADMINS,
    ),
    ("reviewSummary", "{ reviewSummary { openCount medianDecisionMinutes } }", REVIEWERS),
    ("node", "query($listed: ID!) { node(id: $listed) { id } }", EVERYONE),
];

async fn every_query_returns_only_what_the_caller_may_see(app: TestApp) {
    let callers = Callers::create(&app).await;
    let listed = callers.owner.post(app.gig_form("I will write a song for you").await).await;
    callers.other_reviewer.approve(&listed).await;
    let waiting = callers.owner.post(app.gig_form("I will write two songs for you").await).await;
    let item = callers.other_reviewer.queue_item(&waiting).await["id"].clone();
    let ids = json!({ "listed": listed, "waiting": waiting, "item": item });
    for (_, query, expected) in QUERIES {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let response = callers.client(&app, caller).execute(query, ids.clone()).await;
            assert_eq!(outcome(&response), expected, "{caller}: {query}: {response}");
        }
    }
    // Fields about the review are visible to the seller and to reviewers.
    let field = "query($waiting: ID!) { node(id: $waiting) { ... on Gig { reviewDueAt } } }";
    for caller in ["owner", "reviewer", "admin"] {
        let data = callers.client(&app, caller).run(field, json!({ "waiting": waiting })).await;
        assert!(data["node"]["reviewDueAt"].is_string(), "{caller}");
    }
    // Invalid credentials are an error, except in fields that are the same for everyone.
    let invalid = app.gateway_a().with_token("nonsense");
    for (field, query, _) in QUERIES {
        let expected = if ["categories", "category", "countries", "limits", "eventCursor"].contains(&field) {
            "ok"
        } else {
            UNAUTHENTICATED
        };
        assert_eq!(outcome(&invalid.execute(query, ids.clone()).await), expected, "{query}");
    }
}

pub const SUBSCRIPTIONS: [(&str, &str, [&str; 5]); 7] = [
    ("verificationStatusChanged", "subscription { verificationStatusChanged { version } }", SIGNED_IN),
    ("gigStatusChanged", "subscription { gigStatusChanged { gigId } }", SIGNED_IN),
    (
        "gigStatusChanged",
        "subscription($gig: ID) { gigStatusChanged(gigId: $gig) { gigId } }",
        [UNAUTHENTICATED, NOT_FOUND, "ok", "ok", "ok"],
    ),
    ("gigPublished", "subscription { gigPublished { gigId } }", EVERYONE),
    ("catalogueChanged", "subscription { catalogueChanged { gigId } }", EVERYONE),
    (
        "catalogueChanged",
        "subscription($gig: ID!) { catalogueChanged(gigIds: [$gig]) { change gigId } }",
        EVERYONE,
    ),
    ("reviewQueueChanged", "subscription { reviewQueueChanged { itemId } }", REVIEWERS),
];

async fn every_subscription_starts_only_for_allowed_callers(app: TestApp) {
    let callers = Callers::create(&app).await;
    // Everyone can see a listed gig, but only its seller and reviewers can subscribe to its status.
    let gig = callers.owner.post(app.gig_form("I will write a song for you").await).await;
    callers.other_reviewer.approve(&gig).await;
    let dispatcher = app.services_b().streams.dispatcher();
    for (name, subscription, expected) in SUBSCRIPTIONS {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let mut socket = callers.client(&app, caller).socket().await;
            let before = dispatcher.subscriber_count();
            socket.subscribe("1", subscription, json!({ "gig": gig })).await;
            if expected == "ok" {
                wait_until("it is attached", async || dispatcher.subscriber_count() > before).await;
                if subscription.contains("gigId: $gig") {
                    assert_eq!(socket.next_event("1").await["gigId"], json!(gig));
                }
                if name == "verificationStatusChanged" {
                    socket.next_event("1").await;
                }
                socket.expect_silence("1").await;
            } else {
                assert_eq!(socket.expect_error("1").await, [expected], "{caller}: {name}");
            }
            socket.close().await;
            wait_until("all subscribers are gone", async || dispatcher.subscriber_count() == 0).await;
        }
    }
}

on_both_back_ends!(
    every_query_returns_only_what_the_caller_may_see,
    every_subscription_starts_only_for_allowed_callers,
);
