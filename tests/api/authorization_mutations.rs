//! Every mutation, as each kind of caller. A refusal changes nothing.
//!
//! A new mutation needs a row in `MUTATIONS`, and a new `Subject` if it acts on something that no existing
//! `Subject` provides.

use gigway::graphql::authorization::CALLERS;
use serde_json::{Value, json};

use crate::authorization::{
    ADMINS, Callers, EVERYONE, FORBIDDEN, OWNER, REVIEWERS, SIGNED_IN, UNAUTHENTICATED, fingerprint, outcome,
};
use crate::support::documents::{ARCHIVE_GIG, CLAIM, PAUSE_GIG, REFRESH, SAVE_DRAFT, SIGN_IN};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

/// What a mutation acts on. It is created again for each caller.
#[derive(Clone, Copy, PartialEq)]
pub enum Subject {
    None,
    Draft,
    Waiting,
    Listed,
    Paused,
    Claimed,
}

/// The mutation's name, its subject, the operation, and the outcome for each of [`CALLERS`].
pub const MUTATIONS: [(&str, Subject, &str, [&str; 5]); 29] = [
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
        Subject::Listed,
        "mutation($gig: ID!) { editGig(input: { id: $gig, deliveryDays: 5 }) { gig { id } errors { code } } }",
        OWNER,
    ),
    (
        "pauseGig",
        Subject::Listed,
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
        // An administrator may release any claim.
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, "ALREADY_CLAIMED", "ok"],
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
        "reopenVerification",
        Subject::None,
        "mutation($owner: ID!) { reopenVerification(input: { verificationId: $owner, expectedVersion: 99,
            reason: \"A mistake.\" }) { verification { id } errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, "STALE_VERSION"],
    ),
    (
        "inspectVerification",
        Subject::None,
        "mutation($owner: ID!) { inspectVerification(input: { verificationId: $owner, reason: \"A complaint.\" }) {
            inspection { expiresAt } errors { code } } }",
        [UNAUTHENTICATED, FORBIDDEN, FORBIDDEN, FORBIDDEN, "INVALID_TRANSITION"],
    ),
    (
        "setUserRole",
        Subject::None,
        "mutation($user: ID!) { setUserRole(input: { userId: $user, role: REVIEWER }) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "setUserPoints",
        Subject::None,
        "mutation($user: ID!) { setUserPoints(input: { userId: $user, points: 7 }) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "blockUser",
        Subject::None,
        "mutation($user: ID!) { blockUser(userId: $user) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "unblockUser",
        Subject::None,
        "mutation($user: ID!) { unblockUser(userId: $user) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "placeLegalHold",
        Subject::None,
        "mutation($user: ID!) { placeLegalHold(userId: $user) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "liftLegalHold",
        Subject::None,
        "mutation($user: ID!) { liftLegalHold(userId: $user) { account { id } errors { code } } }",
        ADMINS,
    ),
    (
        "signUp",
        Subject::None,
        "mutation($email: String!) { signUp(input: { email: $email, password: \"a good password\", displayName: \"New\" }) { session { accessToken } errors { code } } }",
        EVERYONE,
    ),
    (
        "createStreamTicket",
        Subject::None,
        "mutation { createStreamTicket { streamTicket { ticket expiresAt } errors { code } } }",
        SIGNED_IN,
    ),
    (
        "createDataExport",
        Subject::None,
        "mutation { createDataExport { dataExport { url } errors { code } } }",
        SIGNED_IN,
    ),
    (
        "requestErasure",
        Subject::None,
        "mutation { requestErasure { erasureRequest { dueAt } errors { code } } }",
        SIGNED_IN,
    ),
    (
        "cancelErasure",
        Subject::None,
        "mutation { cancelErasure { erasureRequest { dueAt } errors { code } } }",
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

/// Creates the subject. Returns the ids that the operations use as variables.
async fn prepare(app: &TestApp, callers: &Callers, subject: Subject) -> Value {
    let category = app.category("Music").await;
    let mut ids = json!({ "category": category });
    match subject {
        Subject::None => {}
        Subject::Draft => {
            let draft = json!({ "input": { "title": "Song" } });
            ids["gig"] = callers.owner.client.mutate(SAVE_DRAFT, draft).await["gig"]["id"].take();
        }
        Subject::Waiting | Subject::Listed | Subject::Paused | Subject::Claimed => {
            let gig = callers.owner.post(app.gig_form("I will write a song for you").await).await;
            ids["item"] = callers.other_reviewer.queue_item(&gig).await["id"].take();
            if matches!(subject, Subject::Listed | Subject::Paused) {
                callers.other_reviewer.approve(&gig).await;
            }
            if subject == Subject::Paused {
                callers.owner.client.mutate(PAUSE_GIG, json!({ "id": gig })).await;
            }
            if subject == Subject::Claimed {
                callers.other_reviewer.client.mutate(CLAIM, json!({ "id": ids["item"] })).await;
            }
            ids["gig"] = json!(gig);
        }
    }
    ids
}

async fn every_mutation_works_for_allowed_callers_and_a_refusal_changes_nothing(app: TestApp) {
    let callers = Callers::create(&app).await;
    for (number, (name, subject, mutation, expected)) in MUTATIONS.into_iter().enumerate() {
        for (caller, expected) in CALLERS.into_iter().zip(expected) {
            let mut ids = prepare(&app, &callers, subject).await;
            ids["email"] = json!(format!("new-{number}-{caller}@example.com"));
            ids["owner"] = json!(callers.owner.id.replace("usr_", "ver_"));
            ids["user"] = json!(callers.administered.id);
            let before = fingerprint(&app).await;
            let response = callers.client(&app, caller).execute(mutation, ids.clone()).await;
            assert_eq!(outcome(&response), expected, "{caller}: {name}: {response}");
            let has_changed = fingerprint(&app).await != before;
            // A ticket and the URL of an archive are signed and not stored.
            let is_stored = !["createStreamTicket", "createDataExport"].contains(&name);
            assert_eq!(has_changed, expected == "ok" && is_stored, "{caller}: {name}");
            // Archived, because a seller can have at most twenty gigs.
            if let Some(gig) = ids["gig"].as_str() {
                callers.owner.client.run(ARCHIVE_GIG, json!({ "id": gig })).await;
            }
        }
    }
}

async fn uploading_a_gig_image_requires_only_a_session(app: TestApp) {
    let callers = Callers::create(&app).await;
    for (caller, expected) in CALLERS.into_iter().zip(SIGNED_IN) {
        let before = fingerprint(&app).await;
        let request = callers.client(&app, caller).upload_request(small_png());
        let response: Value = request.send().await.expect("a response").json().await.expect("JSON");
        assert_eq!(outcome(&response), expected, "{caller}: {response}");
        assert_eq!(fingerprint(&app).await != before, expected == "ok", "{caller}");
    }
}

async fn signing_in_and_refreshing_require_credentials_but_no_session(app: TestApp) {
    let callers = Callers::create(&app).await;
    let input = json!({ "input": { "email": callers.member.email, "password": PASSWORD } });
    for caller in CALLERS {
        let client = callers.client(&app, caller);
        let session = client.mutate(SIGN_IN, input.clone()).await["session"].take();
        client.mutate(REFRESH, json!({ "token": session["refreshToken"] })).await;
        let before = fingerprint(&app).await;
        assert!(!client.mutation_errors(REFRESH, json!({ "token": "nonsense" })).await.is_empty());
        assert_eq!(fingerprint(&app).await, before);
    }
}

on_both_back_ends!(
    every_mutation_works_for_allowed_callers_and_a_refusal_changes_nothing,
    uploading_a_gig_image_requires_only_a_session,
    signing_in_and_refreshing_require_credentials_but_no_session,
);
