//! `Gig.viewerActions` lists exactly what succeeds: every action is tried, in every state, as every kind of viewer.
//! Those of verifications are in `viewer_actions_verification`.

use chrono::TimeDelta;
use entity::review_item;
use gigway::service::user_admin;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{
    ARCHIVE_GIG, CLAIM, DECIDE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, RESUME_GIG, SAVE_DRAFT,
};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};

const GIG_ACTIONS: [&str; 9] =
    ["SAVE_DRAFT", "POST", "EDIT", "PAUSE", "RESUME", "ARCHIVE", "APPROVE", "REJECT", "SUSPEND"];

const GIG_STATES: [&str; 10] = [
    "DRAFT",
    "IN_REVIEW",
    "IN_REVIEW and claimed",
    "IN_REVIEW and the claim has expired",
    "ACTIVE",
    "PAUSED",
    "REJECTED",
    "REJECTED permanently",
    "SUSPENDED",
    "ARCHIVED",
];

/// Makes the claims of all items expire.
pub async fn expire_claims(app: &TestApp) {
    let db = app.services().db.begin().await.expect("a transaction");
    review_item::Entity::update_many()
        .col_expr(review_item::Column::ClaimExpiresAt, Expr::value(app.now() - TimeDelta::seconds(1)))
        .filter(review_item::Column::ClaimExpiresAt.is_not_null())
        .exec(&db)
        .await
        .expect("updated");
    db.commit().await.expect("committed");
}

/// Whether the mutation was executed and has no errors.
pub fn has_succeeded(response: &Value) -> bool {
    let payload = response["data"].as_object().and_then(|data| data.values().next());
    response.get("errors").is_none() && payload.is_some_and(|payload| payload["errors"] == json!([]))
}

/// The actions in this response to a query of one root field; none if the viewer does not get the object.
pub fn listed_actions(response: &Value) -> Vec<String> {
    let object = response["data"].as_object().and_then(|data| data.values().next());
    let actions = object.and_then(|object| object["viewerActions"].as_array());
    actions.into_iter().flatten().map(text).collect()
}

/// What keeps a seller from working, or does not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seller {
    Member,
    Reviewer,
    Blocked,
    /// From level 5 on, a seller must be verified.
    Unverified,
}

/// The viewers of everybody's gigs and verifications.
pub struct Staff {
    member: TestUser,
    /// Claims the items.
    pub rita: TestUser,
    pub rob: TestUser,
    pub admin: TestUser,
}

impl Staff {
    pub async fn create(app: &TestApp) -> Self {
        Self {
            member: app.member("Mia").await,
            rita: app.reviewer("Rita").await,
            rob: app.reviewer("Rob").await,
            admin: app.admin("Ada").await,
        }
    }

    pub fn viewers(&self, app: &TestApp, owner: &TestUser) -> [(&'static str, Client); 6] {
        [
            ("anonymous", app.gateway_b()),
            ("another member", self.member.at(&app.gateway_b())),
            ("the owner", owner.at(&app.gateway_b())),
            ("the reviewer who claims", self.rita.at(&app.gateway_b())),
            ("another reviewer", self.rob.at(&app.gateway_b())),
            ("an administrator", self.admin.at(&app.gateway_b())),
        ]
    }
}

/// Creates a gig in this state. Returns its id.
async fn gig_in_state(app: &TestApp, staff: &Staff, owner: &TestUser, state: &str) -> String {
    if state == "DRAFT" {
        let draft = json!({ "input": { "title": "I will write a song" } });
        return text(&owner.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"]);
    }
    let gig = owner.post(app.gig_form("I will write a song for you").await).await;
    let by_id = json!({ "id": gig });
    match state {
        "IN_REVIEW" => {}
        "IN_REVIEW and claimed" | "IN_REVIEW and the claim has expired" => {
            let item = staff.rita.queue_item(&gig).await["id"].clone();
            staff.rita.client.mutate(CLAIM, json!({ "id": item })).await;
            if state != "IN_REVIEW and claimed" {
                expire_claims(app).await;
            }
        }
        "REJECTED" => drop(staff.rob.decide(&gig, "REJECT", json!([{ "code": "LANGUAGE" }])).await),
        "REJECTED permanently" => drop(staff.rob.decide(&gig, "REJECT", json!([{ "code": "SPAM" }])).await),
        "ARCHIVED" => drop(owner.client.mutate(ARCHIVE_GIG, by_id).await),
        _ => {
            staff.rob.approve(&gig).await;
            match state {
                "PAUSED" => drop(owner.client.mutate(PAUSE_GIG, by_id).await),
                "SUSPENDED" => drop(staff.rob.decide(&gig, "SUSPEND", json!([{ "code": "SPAM" }])).await),
                _ => assert_eq!(state, "ACTIVE"),
            }
        }
    }
    gig
}

/// Tries the action with valid input. Returns whether it succeeded.
async fn try_gig_action(app: &TestApp, client: &Client, action: &str, gig: &str, version: &Value) -> bool {
    let title = "I will write another song";
    let decision = |decision: &str, reasons: Value| json!({ "input": { "gigId": gig, "decision": decision, "expectedVersion": version, "reasons": reasons } });
    let (mutation, variables) = match action {
        "SAVE_DRAFT" => (SAVE_DRAFT, json!({ "input": { "id": gig, "title": title } })),
        "POST" => {
            let mut form = app.gig_form(title).await;
            form["draftId"] = json!(gig);
            (POST_GIG, json!({ "input": form }))
        }
        "EDIT" => (EDIT_GIG, json!({ "input": { "id": gig, "title": title } })),
        "PAUSE" => (PAUSE_GIG, json!({ "id": gig })),
        "RESUME" => (RESUME_GIG, json!({ "id": gig })),
        "ARCHIVE" => (ARCHIVE_GIG, json!({ "id": gig })),
        "APPROVE" => (DECIDE_GIG, decision("APPROVE", json!([]))),
        "REJECT" | "SUSPEND" => (DECIDE_GIG, decision(action, json!([{ "code": "LANGUAGE" }]))),
        other => panic!("{other} is not an action"),
    };
    has_succeeded(&client.execute(mutation, variables).await)
}

/// A seller, and the gig that the actions are tried on.
struct GigTrial<'a> {
    app: &'a TestApp,
    staff: &'a Staff,
    seller: Seller,
    owner: TestUser,
    gig: String,
}

impl<'a> GigTrial<'a> {
    async fn begin(app: &'a TestApp, staff: &'a Staff, seller: Seller) -> Self {
        let owner = match seller {
            Seller::Member => app.member("Ann").await,
            Seller::Reviewer => app.reviewer("Rae").await,
            Seller::Blocked => app.member("Bob").await,
            Seller::Unverified => app.member("Una").await,
        };
        Self { app, staff, seller, owner, gig: String::new() }
    }

    /// Archives the previous gig, since a seller can have at most twenty, and creates one in this state.
    async fn renew(&mut self, state: &str) {
        let services = self.app.services();
        match self.seller {
            Seller::Member | Seller::Reviewer => {}
            Seller::Blocked => {
                user_admin::unblock(services, &self.owner.email).await.expect("unblocked");
                self.owner = self.app.sign_in(&self.owner.email).await;
            }
            Seller::Unverified => {
                user_admin::set_points(services, &self.owner.email, 0).await.expect("level 0");
            }
        }
        if !self.gig.is_empty() {
            self.owner.client.run(ARCHIVE_GIG, json!({ "id": self.gig })).await;
        }
        self.gig = gig_in_state(self.app, self.staff, &self.owner, state).await;
        match self.seller {
            Seller::Member | Seller::Reviewer => {}
            Seller::Blocked => user_admin::block(services, &self.owner.email).await.expect("blocked"),
            Seller::Unverified => {
                user_admin::set_points(services, &self.owner.email, 11180).await.expect("level 5");
            }
        }
    }

    async fn version(&self) -> Value {
        let query = "query($id: ID!) { gig(id: $id) { version } }";
        self.staff.admin.client.run(query, json!({ "id": self.gig })).await["gig"]["version"].take()
    }
}

async fn an_action_on_a_gig_succeeds_exactly_if_it_is_listed(app: TestApp) {
    let staff = Staff::create(&app).await;
    let query = "query($id: ID!) { gig(id: $id) { viewerActions } }";
    let (mut successes, mut tried) = (0, 0);
    for seller in [Seller::Member, Seller::Reviewer, Seller::Blocked, Seller::Unverified] {
        let mut trial = GigTrial::begin(&app, &staff, seller).await;
        for state in GIG_STATES {
            trial.renew(state).await;
            for number in 0..6 {
                let (mut listed, mut version) = (None, trial.version().await);
                for action in GIG_ACTIONS {
                    let (name, client) = staff.viewers(&app, &trial.owner)[number].clone();
                    if listed.is_none() {
                        let by_id = json!({ "id": trial.gig });
                        listed = Some(listed_actions(&client.execute(query, by_id).await));
                    }
                    let actions = listed.clone().unwrap_or_default();
                    let in_order = GIG_ACTIONS.iter().filter(|it| actions.iter().any(|listed| listed == *it));
                    assert!(in_order.eq(actions.iter()), "{actions:?}");
                    let succeeded = try_gig_action(&app, &client, action, &trial.gig, &version).await;
                    let case = format!("{action} by {name}, {state}, {seller:?}: {actions:?}");
                    assert_eq!(succeeded, actions.iter().any(|it| it == action), "{case}");
                    tried += 1;
                    if succeeded {
                        successes += 1;
                        trial.renew(state).await;
                        (listed, version) = (None, trial.version().await);
                    }
                }
                assert_eq!(trial.version().await, version, "a refused action has changed the gig");
            }
        }
    }
    assert!(tried == 4 * 10 * 6 * 9 && successes > 100, "{successes} of {tried}");
}

async fn actions_follow_the_events_of_a_gig(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let subscription =
        "subscription($id: ID) { gigStatusChanged(gigId: $id) { status gig { viewerActions } } }";
    let mut sockets = Vec::new();
    for user in [&ann, &rita] {
        let mut socket = user.at(&app.gateway_b()).socket().await;
        socket.subscribe("1", subscription, json!({ "id": gig })).await;
        sockets.push(socket);
    }
    let mut expect = async |status: &str, of_ann: Value, of_rita: Value| {
        for (socket, actions) in sockets.iter_mut().zip([of_ann, of_rita]) {
            let event = socket.next_event("1").await;
            assert_eq!(event, json!({ "status": status, "gig": { "viewerActions": actions } }));
        }
    };
    expect("IN_REVIEW", json!(["ARCHIVE"]), json!(["APPROVE", "REJECT"])).await;
    rita.approve(&gig).await;
    expect("ACTIVE", json!(["EDIT", "PAUSE", "ARCHIVE"]), json!(["SUSPEND"])).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
    expect("PAUSED", json!(["EDIT", "RESUME", "ARCHIVE"]), json!(["SUSPEND"])).await;
}

/// The events of the queue and of published gigs are executed once for many subscribers, unless the result
/// depends on the viewer.
async fn subscribers_of_one_event_each_see_their_own_actions(app: TestApp) {
    let (ann, mia) = (app.member("Ann").await, app.member("Mia").await);
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await["id"].clone();
    let dispatcher = app.services_b().streams.dispatcher();
    let queue =
        "subscription { reviewQueueChanged { change item { subject { ... on Gig { viewerActions } } } } }";
    let published = "subscription { gigPublished { gig { viewerActions } } }";
    let mut sockets = Vec::new();
    for (user, subscription) in
        [(&rita, queue), (&rob, queue), (&ann, published), (&mia, published), (&rita, published)]
    {
        let before = dispatcher.subscriber_count();
        let mut socket = user.at(&app.gateway_b()).socket().await;
        socket.subscribe("1", subscription, json!({})).await;
        wait_until("it is attached", async || dispatcher.subscriber_count() > before).await;
        sockets.push(socket);
    }
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    for (number, actions) in [(0, json!(["APPROVE", "REJECT"])), (1, json!([]))] {
        let event = sockets[number].next_event("1").await;
        assert_eq!(event["change"], "CLAIMED");
        assert_eq!(event["item"]["subject"]["viewerActions"], actions, "{number}");
    }
    rita.approve(&gig).await;
    for (number, actions) in
        [(2, json!(["EDIT", "PAUSE", "ARCHIVE"])), (3, json!([])), (4, json!(["SUSPEND"]))]
    {
        let event = sockets[number].next_event("1").await;
        assert_eq!(event["gig"]["viewerActions"], actions, "{number}");
    }
}

/// A session that has just begun shows the actions of its user, although the request was anonymous.
async fn the_response_to_a_sign_in_lists_the_actions_of_its_user(app: TestApp) {
    let ann = app.member("Ann").await;
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "I will write a song" } })).await;
    let sign_in = "mutation($input: SignInInput!) { signIn(input: $input) { session { viewer {
        gigs { nodes { viewerActions } } verification { viewerActions } } } errors { code } } }";
    let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    let viewer = app.gateway_b().mutate(sign_in, input).await["session"]["viewer"].take();
    assert_eq!(viewer["gigs"]["nodes"][0]["viewerActions"], json!(["SAVE_DRAFT", "POST", "ARCHIVE"]));
    assert_eq!(viewer["verification"]["viewerActions"], json!(["SAVE_PERSONAL_INFO", "UPLOAD_DOCUMENT"]));
}

on_both_back_ends!(
    an_action_on_a_gig_succeeds_exactly_if_it_is_listed,
    actions_follow_the_events_of_a_gig,
    subscribers_of_one_event_each_see_their_own_actions,
    the_response_to_a_sign_in_lists_the_actions_of_its_user,
);
