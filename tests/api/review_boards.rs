//! A review board starts right and stays right: it reads the queue once, and then applies the events. The filters
//! and the summary that it starts from are tested in `review_filters`.

use std::collections::BTreeMap;

use gigway::service::background_jobs;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, CLAIM, DECIDE_GIG, EDIT_GIG, RELEASE};
use crate::support::fuzz::random::RandomSource;
use crate::support::on_both_back_ends;
use crate::support::reviewing::picture_paths;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, document_image, personal_info, save_mutation, submit_mutation,
    submit_verification, upload_document,
};
use crate::viewer_actions::expire_claims;

/// The fields of an item, and of the summary.
const FRAGMENTS: &str =
    "fragment I on ReviewItem { id kind state dueAt claimedBy { id } claimExpiresAt subject {
    ... on Gig { id version gigActions: viewerActions }
    ... on Verification { id version verificationActions: viewerActions } } }
    fragment S on ReviewSummary { openCount claimedCount overdueCount oldestDueAt medianDecisionMinutes }";

/// The generated steps before the boards are compared.
const STEPS: usize = 60;

/// A board of one reviewer: it reads the queue once, and then applies the events.
struct Board {
    reviewer: TestUser,
    client: Client,
    kind: Option<&'static str>,
    items: BTreeMap<String, Value>,
    summary: Value,
    socket: Socket,
}

impl Board {
    /// Reads the items, the summary and the cursor in one operation, and subscribes after the cursor.
    async fn open(reviewer: &TestUser, gateway: &Client, kind: Option<&'static str>) -> Self {
        let client = reviewer.at(gateway);
        let start = read(&client, kind).await;
        let subscription = format!(
            "subscription($kind: ReviewKind, $after: String) {{ reviewQueueChanged(kind: $kind, after: $after) {{
                change itemId item {{ ...I }} summary {{ ...S }} }} }} {FRAGMENTS}"
        );
        let mut socket = client.socket().await;
        socket.subscribe("1", &subscription, json!({ "kind": kind, "after": start["eventCursor"] })).await;
        let nodes = start["items"]["nodes"].as_array().expect("a list").iter();
        let items = nodes.map(|item| (text(&item["id"]), item.clone())).collect();
        let summary = start["reviewSummary"].clone();
        let reviewer = TestUser {
            client: client.clone(),
            id: reviewer.id.clone(),
            email: reviewer.email.clone(),
            refresh_token: String::new(),
        };
        Self { reviewer, client, kind, items, summary, socket }
    }

    /// Applies the events up to the submission of this item.
    async fn follow_until(&mut self, last: &str) {
        loop {
            let mut event = self.socket.next_event("1").await;
            let id = text(&event["itemId"]);
            let item = event["item"].take();
            if item.is_null() || item["state"] == "DECIDED" {
                self.items.remove(&id);
            } else {
                self.items.insert(id.clone(), item);
            }
            self.summary = event["summary"].take();
            if id == last && event["change"] == "SUBMITTED" {
                break;
            }
        }
    }

    fn count(&self, state: &str) -> usize {
        self.items.values().filter(|item| item["state"] == state).count()
    }

    /// The board equals what a new board would read.
    async fn expect_current(&self) {
        let now = read(&self.client, self.kind).await;
        let by_id = |list: &Value| -> BTreeMap<String, Value> {
            let nodes = list["nodes"].as_array().expect("a list").iter();
            nodes.map(|item| (text(&item["id"]), item.clone())).collect()
        };
        assert_eq!(self.items, by_id(&now["items"]), "{:?}", self.kind);
        let own = json!(self.reviewer.id);
        let mine = self.items.iter().filter(|(_, item)| item["claimedBy"]["id"] == own);
        let mine: BTreeMap<_, _> = mine.map(|(id, item)| (id.clone(), item.clone())).collect();
        assert_eq!(mine, by_id(&now["mine"]), "{:?}", self.kind);
        assert_eq!(now["items"]["totalCount"], self.items.len());
        let summary = &now["reviewSummary"];
        let oldest = self.items.values().map(|item| text(&item["dueAt"])).min();
        assert_eq!(
            (&summary["openCount"], &summary["claimedCount"], &summary["oldestDueAt"]),
            (&json!(self.count("OPEN")), &json!(self.count("CLAIMED")), &json!(oldest))
        );
        assert_eq!(&self.summary, summary, "{:?}", self.kind);
    }
}

/// What a board needs at its start.
async fn read(client: &Client, kind: Option<&str>) -> Value {
    let query = format!(
        "query($kind: ReviewKind) {{ eventCursor
            items: reviewQueue(kind: $kind, states: [OPEN, CLAIMED], first: 100) {{ totalCount nodes {{ ...I }} }}
            mine: reviewQueue(kind: $kind, mine: true, first: 100) {{ nodes {{ ...I }} }}
            reviewSummary(kind: $kind) {{ ...S }} }} {FRAGMENTS}"
    );
    client.run(&query, json!({ "kind": kind })).await
}

/// The people of a generated sequence.
struct Market {
    sellers: Vec<TestUser>,
    applicants: Vec<TestUser>,
    reviewers: Vec<TestUser>,
    gateways: [Client; 2],
    gigs: usize,
}

impl Market {
    /// Does something at random. Some of the steps are refused, and then change nothing.
    async fn step(&mut self, app: &TestApp, random: &mut RandomSource) {
        let reviewer = random.pick(&self.reviewers).at(random.pick(&self.gateways));
        let queue = read(&reviewer, None).await["items"]["nodes"].take();
        let items = queue.as_array().expect("a list").clone();
        let item = (!items.is_empty()).then(|| random.pick(&items).clone());
        match (random.below(10), item) {
            (0 | 1, _) | (_, None) => {
                self.gigs += 1;
                let form = app.gig_form(&format!("I will write song number {}", self.gigs)).await;
                let seller = random.pick(&self.sellers);
                if self.gigs < 15 * self.sellers.len() {
                    seller.at(random.pick(&self.gateways)).run(POST, json!({ "input": form })).await;
                }
            }
            (2, _) => {
                let applicant = random.below(self.applicants.len());
                let number = u32::try_from(applicant).expect("a small number");
                submit_if_possible(&self.applicants[applicant], number).await;
            }
            (3 | 4, Some(item)) => drop(reviewer.run(CLAIM, json!({ "id": item["id"] })).await),
            (5, Some(item)) => drop(reviewer.run(RELEASE, json!({ "id": item["id"] })).await),
            (6, Some(_)) => {
                expire_claims(app).await;
                if random.chance(50) {
                    background_jobs::release_expired_claims(app.services()).await.expect("released");
                }
            }
            (7 | 8, Some(item)) => decide(&reviewer, &item, random).await,
            (_, Some(item)) => {
                // Withdraws a gig from the queue, or puts one back. Only its seller can.
                let seller = random.pick(&self.sellers);
                let (mutation, variables) = if random.chance(50) {
                    (ARCHIVE_GIG, json!({ "id": item["subject"]["id"] }))
                } else {
                    let gigs = "{ viewer { gigs(status: [ACTIVE, REJECTED]) { nodes { id } } } }";
                    let own = seller.client.run(gigs, json!({})).await["viewer"]["gigs"]["nodes"].take();
                    (
                        EDIT_GIG,
                        json!({ "input": { "id": own[0]["id"].as_str().unwrap_or(""), "revisions": 2 } }),
                    )
                };
                seller.at(random.pick(&self.gateways)).run(mutation, variables).await;
            }
        }
    }
}

const POST: &str =
    "mutation($input: PostGigInput!) { postGig(input: $input) { gig { id } errors { code } } }";

/// Submits the verification, unless it is in review, cleared or rejected.
async fn submit_if_possible(applicant: &TestUser, number: u32) {
    let passport = format!("P{:07}", 1_000_000 + number);
    let saved = applicant.client.run(&save_mutation(), personal_info(&passport)).await;
    if saved["savePersonalInfo"]["errors"] == json!([]) {
        upload_document(&applicant.client, "PASSPORT", "FRONT", document_image(number)).await;
        applicant.client.run(&submit_mutation(), json!({})).await;
    }
}

async fn decide(reviewer: &Client, item: &Value, random: &mut RandomSource) {
    let (id, version) = (text(&item["subject"]["id"]), item["subject"]["version"].clone());
    if item["kind"] == "GIG" {
        let (decision, reasons) = *random.pick(&[("APPROVE", "[]"), ("REJECT", "[{\"code\":\"LANGUAGE\"}]")]);
        let reasons: Value = serde_json::from_str(reasons).expect("JSON");
        let input =
            json!({ "gigId": id, "decision": decision, "expectedVersion": version, "reasons": reasons });
        reviewer.run(DECIDE_GIG, json!({ "input": input })).await;
    } else {
        let clear = random.chance(30);
        let reasons =
            if clear { json!([]) } else { json!([{ "code": "OTHER", "message": "Again, please." }]) };
        let decision = if clear { "CLEAR" } else { "REQUEST_RESUBMISSION" };
        // The claim may fail: another reviewer may have one.
        reviewer.run(CLAIM, json!({ "id": item["id"] })).await;
        for path in picture_paths(reviewer, &id).await {
            reviewer.fetch(&path).await.1.bytes().await.expect("the whole picture");
        }
        let input = decision_input(&id, decision, version.as_i64().expect("a number"), &reasons);
        reviewer.run(&decide_mutation(), input).await;
    }
}

/// The id of the undecided item of this subject.
pub async fn item_of(client: &Client, subject: &str) -> String {
    let items = read(client, None).await["items"]["nodes"].take();
    let mut items = items.as_array().expect("a list").iter();
    text(&items.find(|item| item["subject"]["id"] == subject).expect("an item")["id"])
}

async fn a_board_that_follows_the_events_equals_a_new_board(app: TestApp) {
    for seed in [1, 2] {
        println!("seed {seed}");
        let mut random = RandomSource::new(StdRng::seed_from_u64(seed));
        let name = |name: &str| format!("{name}{seed}");
        let mut market = Market {
            sellers: vec![app.member(&name("Ann")).await, app.reviewer(&name("Rae")).await],
            applicants: vec![app.member(&name("Bob")).await, app.member(&name("Cid")).await],
            reviewers: vec![app.reviewer(&name("Rita")).await, app.admin(&name("Ada")).await],
            gateways: [app.gateway_a(), app.gateway_b()],
            gigs: 0,
        };
        let last_applicant = app.member(&name("Zoe")).await;
        let reviewers = [app.sign_in(&market.reviewers[0].email).await, app.reviewer(&name("Rob")).await];
        let mut boards = Vec::new();
        for step in 0..STEPS {
            if step % 10 == 0 {
                let kind = *random.pick(&[None, Some("GIG"), Some("VERIFICATION")]);
                let gateway = random.pick(&market.gateways).clone();
                let reviewer = random.pick(&reviewers);
                let (board, ()) =
                    tokio::join!(Board::open(reviewer, &gateway, kind), market.step(&app, &mut random));
                boards.push(board);
            } else {
                market.step(&app, &mut random).await;
            }
        }
        background_jobs::release_expired_claims(app.services()).await.expect("released");
        // The last events that each board waits for.
        let gig = market.sellers[0].post(app.gig_form("I will write the last song").await).await;
        let (verification, _) = submit_verification(&last_applicant, &format!("AB12345{seed}"), 90).await;
        let admin = &market.reviewers[1].client;
        let (last_gig, last) = (item_of(admin, &gig).await, item_of(admin, &verification).await);
        for board in &mut boards {
            board.follow_until(if board.kind == Some("GIG") { &last_gig } else { &last }).await;
            board.expect_current().await;
        }
    }
}

on_both_back_ends!(a_board_that_follows_the_events_equals_a_new_board);
