//! Who may do what: every query, mutation and subscription, as each kind of caller. A refusal changes nothing.

use entity::{gig, gig_image, review_decision, review_item, session};
use gigway::graphql::authorization::CALLERS;
use gigway::store::event_log;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::documents::{ARCHIVE_GIG, CLAIM, PAUSE_GIG, REFRESH, SAVE_DRAFT, SIGN_IN};
use crate::support::on_both_back_ends;
use crate::support::pictures::small;
use crate::support::proxy::until;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};

const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
const FORBIDDEN: &str = "FORBIDDEN";
const NOT_FOUND: &str = "NOT_FOUND";

/// What everybody may do.
const ALL: [&str; 5] = ["ok"; 5];
/// What takes a session, and nothing else.
const SIGNED_IN: [&str; 5] = [UNAUTHENTICATED, "ok", "ok", "ok", "ok"];
/// What is for the seller of a gig alone.
const OWNER: [&str; 5] = [UNAUTHENTICATED, NOT_FOUND, "ok", NOT_FOUND, NOT_FOUND];
/// What is for reviewers and administrators.
const REVIEWERS: [&str; 5] = [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "ok", "ok"];
/// What the seller of a gig sees, and whoever reviews it.
const SEEN_IN_REVIEW: [&str; 5] = ["null", "null", "ok", "ok", "ok"];

/// The five callers, and somebody who decides.
struct Cast {
    owner: TestUser,
    member: TestUser,
    reviewer: TestUser,
    admin: TestUser,
    /// Prepares things, and is none of the callers.
    other_reviewer: TestUser,
}

impl Cast {
    async fn of(app: &TestApp) -> Self {
        Self {
            owner: app.member("Olga").await,
            member: app.member("Mia").await,
            reviewer: app.reviewer("Rita").await,
            admin: app.admin("Ada").await,
            other_reviewer: app.reviewer("Rob").await,
        }
    }

    fn client(&self, app: &TestApp, caller: &str) -> Client {
        match caller {
            "anonymous" => app.gateway_b(),
            "member" => self.member.at(&app.gateway_b()),
            "owner" => self.owner.at(&app.gateway_b()),
            "reviewer" => self.reviewer.at(&app.gateway_b()),
            "admin" => self.admin.at(&app.gateway_b()),
            other => panic!("{other} is no caller"),
        }
    }
}

/// `ok`, `null`, or the code of the error or of what the caller got wrong.
fn outcome(answer: &Value) -> String {
    if let Some(error) = answer["errors"].as_array().and_then(|errors| errors.first()) {
        return error["extensions"]["code"].as_str().expect("a code").to_owned();
    }
    let fields = answer["data"].as_object().expect("data");
    let value = fields.values().next().expect("a field");
    match value["errors"].as_array().and_then(|errors| errors.first()) {
        Some(error) => error["code"].as_str().expect("a code").to_owned(),
        None if value.is_null() => "null".to_owned(),
        None => "ok".to_owned(),
    }
}

/// Everything that an act could have changed.
async fn fingerprint(app: &TestApp) -> (i64, Vec<gig::Model>, [u64; 3], Vec<review_item::Model>) {
    let db = app.services().db.read();
    let counts = [
        gig_image::Entity::find().count(db).await.expect("a count"),
        review_decision::Entity::find().count(db).await.expect("a count"),
        session::Entity::find().count(db).await.expect("a count"),
    ];
    (
        event_log::head(db).await.expect("a head"),
        gig::Entity::find().all(db).await.expect("rows"),
        counts,
        review_item::Entity::find().all(db).await.expect("rows"),
    )
}

const QUERIES: [(&str, &str, [&str; 5]); 13] = [
    ("viewer", "{ viewer { email role gigs { totalCount } } }", ["null", "ok", "ok", "ok", "ok"]),
    ("node", "query($waiting: ID!) { node(id: $waiting) { id } }", SEEN_IN_REVIEW),
    ("node", "query($item: ID!) { node(id: $item) { id } }", ["null", "null", "null", "ok", "ok"]),
    ("nodes", "query($listed: ID!) { nodes(ids: [$listed]) { id } }", ALL),
    (
        "gig",
        "query($listed: ID!) { gig(id: $listed) { title seller { displayName gigs { totalCount } } images { url } } }",
        ALL,
    ),
    ("gig", "query($waiting: ID!) { gig(id: $waiting) { title } }", SEEN_IN_REVIEW),
    ("gigs", "{ gigs { totalCount edges { cursor node { id } } pageInfo { endCursor } } }", ALL),
    ("categories", "{ categories { id slug minimumPrice { amount } } }", ALL),
    ("limits", "{ limits { levels { level } } }", ALL),
    ("eventCursor", "{ eventCursor }", ALL),
    ("reviewQueue", "{ reviewQueue { totalCount nodes { id } } }", REVIEWERS),
    ("reviewQueue", "{ reviewQueue(state: OPEN) { totalCount } }", REVIEWERS),
    ("node", "query($listed: ID!) { node(id: $listed) { id } }", ALL),
];

async fn every_query_answers_each_caller_what_they_may_see(app: TestApp) {
    let cast = Cast::of(&app).await;
    let listed = cast.owner.post(app.gig_form("I will write a song for you").await).await;
    cast.other_reviewer.approve(&listed).await;
    let waiting = cast.owner.post(app.gig_form("I will write two songs for you").await).await;
    let item = cast.other_reviewer.queue_item(&waiting).await["id"].clone();
    let ids = json!({ "listed": listed, "waiting": waiting, "item": item });
    for (_, query, expected) in QUERIES {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let answer = cast.client(&app, caller).answer(query, ids.clone()).await;
            assert_eq!(outcome(&answer), expected, "{caller}: {query}: {answer}");
        }
    }
    // What the review says is for the seller and reviewers.
    let field = "query($waiting: ID!) { node(id: $waiting) { ... on Gig { reviewDueAt } } }";
    for caller in ["owner", "reviewer", "admin"] {
        let data = cast.client(&app, caller).run(field, json!({ "waiting": waiting })).await;
        assert!(data["node"]["reviewDueAt"].is_string(), "{caller}");
    }
    // And credentials that are not good are told so, where it matters who asks.
    let rejected = app.gateway_a().with_token("nonsense");
    for (field, query, _) in QUERIES {
        let expected =
            if ["categories", "limits", "eventCursor"].contains(&field) { "ok" } else { UNAUTHENTICATED };
        assert_eq!(outcome(&rejected.answer(query, ids.clone()).await), expected, "{query}");
    }
}

/// What a mutation is about, made anew for each caller.
#[derive(Clone, Copy, PartialEq)]
enum Subject {
    None,
    Draft,
    Waiting,
    GigRow,
    Paused,
    Claimed,
}

const MUTATIONS: [(&str, Subject, &str, [&str; 5]); 18] = [
    (
        "saveGigDraft",
        Subject::None,
        "mutation { saveGigDraft(input: { title: \"Song\" }) { gig { id } errors { code } } }",
        SIGNED_IN,
    ),
    (
        "saveGigDraft",
        Subject::Draft,
        "mutation($gig: ID) { saveGigDraft(input: { id: $gig, title: \"Song\" }) { gig { id } errors { code } } }",
        OWNER,
    ),
    ("postGig", Subject::None, POST, SIGNED_IN),
    ("postGig", Subject::Draft, POST, OWNER),
    (
        "editGig",
        Subject::GigRow,
        "mutation($gig: ID!) { editGig(input: { id: $gig, deliveryDays: 5 }) { gig { id } errors { code } } }",
        OWNER,
    ),
    (
        "pauseGig",
        Subject::GigRow,
        "mutation($gig: ID!) { pauseGig(id: $gig) { gig { id } errors { code } } }",
        OWNER,
    ),
    (
        "resumeGig",
        Subject::Paused,
        "mutation($gig: ID!) { resumeGig(id: $gig) { gig { id } errors { code } } }",
        OWNER,
    ),
    (
        "archiveGig",
        Subject::Waiting,
        "mutation($gig: ID!) { archiveGig(id: $gig) { gig { id } errors { code } } }",
        OWNER,
    ),
    (
        "claimReview",
        Subject::Waiting,
        "mutation($item: ID!) { claimReview(id: $item) { item { id } errors { code } } }",
        REVIEWERS,
    ),
    (
        "releaseReview",
        Subject::Claimed,
        "mutation($item: ID!) { releaseReview(id: $item) { item { id } errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "ALREADY_CLAIMED", "ALREADY_CLAIMED"],
    ),
    (
        "decideGig",
        Subject::Waiting,
        "mutation($gig: ID!) { decideGig(input: { gigId: $gig, decision: APPROVE, expectedVersion: 1 }) { gig { id } errors { code } } }",
        REVIEWERS,
    ),
    (
        "decideGig",
        Subject::Claimed,
        "mutation($gig: ID!) { decideGig(input: { gigId: $gig, decision: APPROVE, expectedVersion: 1 }) { gig { id } errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "ALREADY_CLAIMED", "ALREADY_CLAIMED"],
    ),
    ("savePersonalInfo", Subject::None, SAVE_PERSONAL_INFO, SIGNED_IN),
    (
        "submitVerification",
        Subject::None,
        "mutation { submitVerification { verification { id } errors { code } } }",
        [UNAUTHENTICATED, "REQUIRED", "REQUIRED", "REQUIRED", "REQUIRED"],
    ),
    (
        "decideVerification",
        Subject::None,
        "mutation($owner: ID!) { decideVerification(input: { verificationId: $owner, decision: CLEAR,
            expectedVersion: 99 }) { verification { id } errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "STALE_VERSION", "STALE_VERSION"],
    ),
    (
        "signUp",
        Subject::None,
        "mutation($email: String!) { signUp(input: { email: $email, password: \"a good password\", displayName: \"New\" }) { session { accessToken } errors { code } } }",
        ALL,
    ),
    (
        "createStreamTicket",
        Subject::None,
        "mutation { createStreamTicket { streamTicket { ticket expiresAt } errors { code } } }",
        SIGNED_IN,
    ),
    ("signOut", Subject::None, "mutation { signOut { sessionsEnded errors { code } } }", SIGNED_IN),
];

const SAVE_PERSONAL_INFO: &str = "mutation { savePersonalInfo(input: { firstName: \"Ann\", lastName: \"Lee\",
    dateOfBirth: \"1990-05-17\", addressLine1: \"1 High Street\", city: \"Leeds\", postalCode: \"LS1\",
    countryCode: \"GB\", documentNumber: \"AB123456\" }) { verification { id } errors { code } } }";

const POST: &str =
    "mutation($gig: ID, $category: ID!) { postGig(input: { draftId: $gig, title: \"I will write a song\",
    description: \"A song.\", category: $category, price: \"5.00\", deliveryDays: 1, revisions: 0 }) {
    gig { id } errors { code } } }";

/// Makes the subject; what it is named by.
async fn prepare(app: &TestApp, cast: &Cast, subject: Subject) -> Value {
    let category = app.category("Music").await;
    let mut ids = json!({ "category": category });
    match subject {
        Subject::None => {}
        Subject::Draft => {
            let draft = json!({ "input": { "title": "Song" } });
            ids["gig"] = cast.owner.client.done(SAVE_DRAFT, draft).await["gig"]["id"].take();
        }
        Subject::Waiting | Subject::GigRow | Subject::Paused | Subject::Claimed => {
            let gig = cast.owner.post(app.gig_form("I will write a song for you").await).await;
            ids["item"] = cast.other_reviewer.queue_item(&gig).await["id"].take();
            if matches!(subject, Subject::GigRow | Subject::Paused) {
                cast.other_reviewer.approve(&gig).await;
            }
            if subject == Subject::Paused {
                cast.owner.client.done(PAUSE_GIG, json!({ "id": gig })).await;
            }
            if subject == Subject::Claimed {
                cast.other_reviewer.client.done(CLAIM, json!({ "id": ids["item"] })).await;
            }
            ids["gig"] = json!(gig);
        }
    }
    ids
}

async fn every_mutation_does_for_each_caller_what_they_may_and_else_nothing(app: TestApp) {
    let cast = Cast::of(&app).await;
    for (number, (name, subject, mutation, expected)) in MUTATIONS.into_iter().enumerate() {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let mut ids = prepare(&app, &cast, subject).await;
            ids["email"] = json!(format!("new-{number}-{caller}@example.com"));
            ids["owner"] = json!(cast.owner.id.replace("usr_", "ver_"));
            let before = fingerprint(&app).await;
            let answer = cast.client(&app, caller).answer(mutation, ids.clone()).await;
            assert_eq!(outcome(&answer), expected, "{caller}: {name}: {answer}");
            let changed = fingerprint(&app).await != before;
            // A ticket is signed, and kept nowhere.
            assert_eq!(changed, expected == "ok" && name != "createStreamTicket", "{caller}: {name}");
            // Nobody has more than twenty, and there are many cases.
            if let Some(gig) = ids["gig"].as_str() {
                cast.owner.client.run(ARCHIVE_GIG, json!({ "id": gig })).await;
            }
        }
    }
}

async fn an_upload_takes_a_session_and_nothing_else(app: TestApp) {
    let cast = Cast::of(&app).await;
    for (caller, expected) in CALLERS.into_iter().zip(SIGNED_IN) {
        let before = fingerprint(&app).await;
        let request = cast.client(&app, caller).upload_request(small());
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(outcome(&answer), expected, "{caller}: {answer}");
        assert_eq!(fingerprint(&app).await != before, expected == "ok", "{caller}");
    }
}

async fn signing_in_and_refreshing_take_credentials_and_no_session(app: TestApp) {
    let cast = Cast::of(&app).await;
    let input = json!({ "input": { "email": cast.member.email, "password": PASSWORD } });
    for caller in CALLERS {
        let client = cast.client(&app, caller);
        let session = client.done(SIGN_IN, input.clone()).await["session"].take();
        client.done(REFRESH, json!({ "token": session["refreshToken"] })).await;
        let before = fingerprint(&app).await;
        assert!(!client.refused(REFRESH, json!({ "token": "nonsense" })).await.is_empty());
        assert_eq!(fingerprint(&app).await, before);
    }
}

const SUBSCRIPTIONS: [(&str, &str, [&str; 5]); 5] = [
    ("verificationStatusChanged", "subscription { verificationStatusChanged { version } }", SIGNED_IN),
    ("gigStatusChanged", "subscription { gigStatusChanged { gigId } }", SIGNED_IN),
    (
        "gigStatusChanged",
        "subscription($gig: ID) { gigStatusChanged(gigId: $gig) { gigId } }",
        [UNAUTHENTICATED, NOT_FOUND, "ok", "ok", "ok"],
    ),
    ("gigPublished", "subscription { gigPublished { gigId } }", ALL),
    ("reviewQueueChanged", "subscription { reviewQueueChanged { itemId } }", REVIEWERS),
];

async fn every_subscription_begins_for_those_who_may_follow(app: TestApp) {
    let cast = Cast::of(&app).await;
    // Listed, so that strangers see the gig itself: whose status it is stays its seller's affair.
    let gig = cast.owner.post(app.gig_form("I will write a song for you").await).await;
    cast.other_reviewer.approve(&gig).await;
    let dispatcher = app.services_b().streams.dispatcher();
    for (name, subscription, expected) in SUBSCRIPTIONS {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let mut socket = cast.client(&app, caller).socket().await;
            let before = dispatcher.attached();
            socket.subscribe("1", subscription, json!({ "gig": gig })).await;
            if expected == "ok" {
                until("it is attached", async || dispatcher.attached() > before).await;
                if subscription.contains("gigId: $gig") {
                    assert_eq!(socket.event("1").await["gigId"], json!(gig));
                }
                if name == "verificationStatusChanged" {
                    socket.event("1").await;
                }
                socket.expect_silence("1").await;
            } else {
                assert_eq!(socket.failure("1").await, [expected], "{caller}: {name}");
            }
            socket.leave().await;
            until("all have left", async || dispatcher.attached() == 0).await;
        }
    }
}

on_both_back_ends!(
    every_query_answers_each_caller_what_they_may_see,
    every_mutation_does_for_each_caller_what_they_may_and_else_nothing,
    an_upload_takes_a_session_and_nothing_else,
    signing_in_and_refreshing_take_credentials_and_no_session,
    every_subscription_begins_for_those_who_may_follow,
);

/// The acts and subscriptions that are checked here and in `access`, and what for.
pub fn checked() -> Vec<(&'static str, [&'static str; 5])> {
    let acts = MUTATIONS.iter().map(|(name, _, _, expected)| (*name, *expected));
    let subscriptions = SUBSCRIPTIONS.iter().map(|(name, _, expected)| (*name, *expected));
    let others = [
        ("uploadGigImage", SIGNED_IN),
        ("uploadIdentityDocument", SIGNED_IN),
        ("signIn", ALL),
        ("refreshSession", ALL),
    ];
    acts.chain(subscriptions).chain(others).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_root_field_is_left_out() {
    let app = TestApp::on_sqlite().await;
    let introspection = "{ __schema { queryType { fields { name } } mutationType { fields { name } }
        subscriptionType { fields { name } } } }";
    let schema = app.gateway_a().run(introspection, json!({})).await["__schema"].take();
    let mut covered: Vec<&str> = QUERIES.iter().map(|case| case.0).collect();
    covered.extend(checked().iter().map(|(name, _)| *name));
    for root in ["queryType", "mutationType", "subscriptionType"] {
        for field in schema[root]["fields"].as_array().expect("a list") {
            let name = field["name"].as_str().expect("a name");
            // Those of Federation show what others do, too.
            assert!(name.starts_with('_') || covered.contains(&name), "{name} has no line in this file");
        }
    }
}
