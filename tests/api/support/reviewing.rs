//! What reviewers of verifications do: they claim the review item, open the pictures, and decide.

use gigway::domain::id::{PublicId, SubjectId, UserId};
use gigway::domain::review::Decision;
use gigway::domain::review_record::RecordKind;
use gigway::store::{reviews, verifications};
use serde_json::{Value, json};

use super::client::Client;
use super::documents::CLAIM;
use super::test_app::TestApp;
use super::test_users::TestUser;

const ITEMS: &str = "{ reviewQueue(kind: VERIFICATION, states: [OPEN, CLAIMED], last: 100) { nodes {
    id subject { ... on Verification { id } } } } }";

const DOCUMENTS: &str =
    "query($id: ID!) { node(id: $id) { ... on Verification { documents { id side url } } } }";

const DECIDE: &str = "mutation($input: DecideVerificationInput!) { decideVerification(input: $input) {
    verification { id status version reasons { code } } reviewItem { id state }
    errors { code field message } } }";

pub const INSPECT: &str = "mutation($input: InspectVerificationInput!) { inspectVerification(input: $input) {
    inspection { startedAt expiresAt expiresIn } verification { id personalInfo { documentNumber } }
    errors { code field message params { name value } } } }";

/// The id of the undecided review item of a verification.
pub async fn item_of(client: &Client, verification: &str) -> Value {
    let mut items = client.run(ITEMS, json!({})).await["reviewQueue"]["nodes"].take();
    let items = items.as_array_mut().expect("a list");
    let item = items.iter_mut().find(|item| item["subject"]["id"] == verification).expect("an item");
    item["id"].take()
}

/// Claims the review item of a verification, and returns its id.
pub async fn claim(client: &Client, verification: &str) -> Value {
    let item = item_of(client, verification).await;
    client.mutate(CLAIM, json!({ "id": item })).await["item"]["id"].take()
}

/// The paths of the pictures that the client may open.
pub async fn picture_paths(client: &Client, verification: &str) -> Vec<String> {
    let node = client.run(DOCUMENTS, json!({ "id": verification })).await["node"].take();
    let documents = node["documents"].as_array().expect("a list").iter();
    let urls = documents.filter_map(|document| document["url"].as_str());
    urls.map(|url| {
        format!("/identity-documents/{}", url.split_once("/identity-documents/").expect("a URL").1)
    })
    .collect()
}

/// Receives all pictures of a verification that the client has claimed.
pub async fn open_pictures(client: &Client, verification: &str) {
    let paths = picture_paths(client, verification).await;
    assert!(!paths.is_empty(), "there are pictures");
    for path in paths {
        let (status, response) = client.fetch(&path).await;
        assert_eq!(status, 200);
        assert!(!response.bytes().await.expect("the whole picture").is_empty());
    }
}

/// Claims the review item of a verification, and opens its pictures.
pub async fn review(client: &Client, verification: &str) {
    claim(client, verification).await;
    open_pictures(client, verification).await;
}

/// Begins an inspection of a decided verification.
pub async fn inspect(admin: &Client, verification: &str) -> Value {
    let input = json!({ "verificationId": verification, "reason": "A report of a buyer." });
    admin.mutate(INSPECT, json!({ "input": input })).await
}

/// Does what the decision needs, and decides. Only an administrator can revoke. Returns the payload.
pub async fn decide(
    client: &Client,
    verification: &str,
    decision: &str,
    version: i64,
    reasons: &Value,
) -> Value {
    if decision == "REVOKE" {
        inspect(client, verification).await;
    } else {
        review(client, verification).await;
    }
    let input = json!({ "verificationId": verification, "decision": decision, "expectedVersion": version,
                        "reasons": reasons, "internalNote": "seen by the team" });
    client.mutate(DECIDE, json!({ "input": input })).await
}

/// Stores a proposal of this reviewer, as if two were needed.
pub async fn propose_rejection(app: &TestApp, applicant: &TestUser, reviewer: &TestUser) {
    let user_id = UserId::parse(&applicant.id).expect("an id");
    let subject_id = SubjectId::Verification(user_id);
    let tx = app.services().db.begin().await.expect("a transaction");
    let items = reviews::find_undecided(&tx, &[subject_id]).await.expect("items");
    let proposal = Decision {
        id: app.services().new_id(),
        subject_id,
        item_id: Some(items[0].id),
        kind: RecordKind::Proposal,
        reviewer_id: UserId::parse(&reviewer.id).expect("an id"),
        decision: "REJECT",
        reasons: Vec::new(),
        internal_note: Some("Look again.".to_owned()),
        version: 3,
        decided_at: app.now(),
    };
    reviews::insert_sealed_decision(&tx, &proposal).await.expect("stored");
    verifications::set_proposal(&tx, user_id, Some(proposal.id)).await.expect("stored");
    tx.commit().await.expect("committed");
}
