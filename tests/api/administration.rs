//! Administrators find accounts and change them: what takes effect at once, what is audited, and what is refused.

use futures_util::future::join;
use gigway::domain::audit::{AuditEntry, AuditSource};
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{erasure, user_admin};
use gigway::store::audit;
use gigway::store::audit::TrailQuery;
use serde_json::{Value, json};

use crate::support::client::{error_codes, text};
use crate::support::documents::{QUEUE_CHANGED, SIGN_IN};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::submit_verification;

const ACCOUNT: &str = "query($by: UserAccountKey!) { userAccount(by: $by) { id email role points blockedSince
    legalHold erasedAt sessionCount viewerCanAdminister erasureRequest { dueAt } user { id displayName level }
    verification { id status personalInfo { city } } } }";

pub const SET_ROLE: &str = "mutation($input: SetUserRoleInput!) { setUserRole(input: $input) {
    account { id role } errors { code field message } } }";

pub const SET_POINTS: &str = "mutation($input: SetUserPointsInput!) { setUserPoints(input: $input) {
    account { id points user { level } } errors { code field message } } }";

/// A mutation of an account that takes only the id of the user.
pub fn account_mutation(name: &str) -> String {
    format!(
        "mutation($id: ID!) {{ {name}(userId: $id) {{ account {{ id blockedSince legalHold sessionCount }}
            errors {{ code field message }} }} }}"
    )
}

fn user_id(user: &TestUser) -> UserId {
    UserId::parse(&user.id).expect("a user's id")
}

/// What the user did, oldest first: the action, the detail, and whom it was about.
async fn acts_of(app: &TestApp, user: &TestUser) -> Vec<(String, String, Option<UserId>)> {
    let query = TrailQuery { actor_id: Some(user_id(user)), subject_id: None };
    let found = audit::find_all(app.services().db.read(), query).await.expect("a trail");
    let acts = found.into_iter().map(|chained| {
        let AuditEntry { action, detail, subject_id, source, request_id, .. } = chained.entry;
        assert!(source == AuditSource::Api && request_id.len() == 32, "{action}");
        (action, detail, subject_id)
    });
    acts.collect()
}

async fn account(admin: &TestUser, by: Value) -> Value {
    admin.client.run(ACCOUNT, json!({ "by": by })).await["userAccount"].take()
}

async fn an_account_is_found_by_id_and_by_email_and_each_look_is_audited(app: TestApp) {
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    app.sign_in(&ann.email).await;
    let by_id = account(&ada, json!({ "id": ann.id })).await;
    let expected = json!({
        "id": ann.id.replace("usr_", "acc_"), "email": "ann@example.com", "role": "MEMBER", "points": 0,
        "blockedSince": null, "legalHold": false, "erasedAt": null, "sessionCount": 2,
        "viewerCanAdminister": true, "erasureRequest": null,
        "user": { "id": ann.id, "displayName": "Ann", "level": 0 },
        "verification": { "id": ann.id.replace("usr_", "ver_"), "status": "NOT_STARTED", "personalInfo": null },
    });
    assert_eq!(by_id, expected);
    assert_eq!(account(&ada, json!({ "email": " ANN@Example.com " })).await, expected);
    // The form stays closed without an inspection.
    submit_verification(&ann, "AB123456", 1).await;
    let verification = account(&ada, json!({ "id": ann.id })).await["verification"].take();
    assert_eq!((&verification["status"], &verification["personalInfo"]), (&json!("IN_REVIEW"), &Value::Null));
    for nobody in [json!({ "email": "nobody@example.com" }), json!({ "id": "usr_x" }), json!({ "email": "" })]
    {
        assert_eq!(account(&ada, nobody).await, Value::Null);
    }
    assert_eq!(account(&ada, json!({ "id": ada.id })).await["viewerCanAdminister"], false);
    let view = |detail: &str, subject| ("VIEW_ACCOUNT".to_owned(), detail.to_owned(), subject);
    let (of_ann, of_nobody) = (view("", Some(user_id(&ann))), view("no account found", None));
    let mut views = vec![of_ann.clone(), of_ann.clone(), of_ann];
    views.extend(vec![of_nobody; 3]);
    views.push(view("", Some(user_id(&ada))));
    assert_eq!(acts_of(&app, &ada).await, views);
    // Nothing is looked up, and nothing audited, without exactly one key.
    for by in [json!({}), json!({ "id": ann.id, "email": ann.email }), json!({ "id": null, "email": null })] {
        let body = ada.client.execute(ACCOUNT, json!({ "by": by })).await;
        assert_eq!(error_codes(&body), ["BAD_USER_INPUT"]);
    }
    assert_eq!(acts_of(&app, &ada).await.len(), views.len());
}

async fn changes_take_effect_at_once_and_are_audited_under_the_administrator(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let mut reviewer_socket = rita.at(&app.gateway_b()).socket().await;
    reviewer_socket.subscribe("queue", QUEUE_CHANGED, json!({})).await;
    reviewer_socket.expect_silence("queue").await;
    let input = json!({ "input": { "userId": rita.id, "role": "MEMBER" } });
    let changed = ada.client.mutate(SET_ROLE, input).await;
    assert_eq!(changed["account"]["role"], "MEMBER");
    assert_eq!(reviewer_socket.expect_error("queue").await, ["FORBIDDEN"]);

    let input = json!({ "input": { "userId": ann.id, "points": 11_180 } });
    let changed = ada.client.mutate(SET_POINTS, input).await;
    assert_eq!(changed["account"]["user"]["level"], 5);

    let mut socket = ann.at(&app.gateway_b()).socket().await;
    let id = json!({ "id": ann.id });
    let blocked = ada.client.mutate(&account_mutation("blockUser"), id.clone()).await["account"].take();
    assert!(blocked["blockedSince"].is_string() && blocked["sessionCount"] == 0, "{blocked}");
    assert_eq!(socket.expect_close().await, (4410, "The session has ended".to_owned()));
    let sign_in = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    let refused = app.gateway_a().mutation_errors(SIGN_IN, sign_in).await;
    assert_eq!(refused, [("NOT_ALLOWED".to_owned(), String::new())]);
    app.advance_clock(chrono::TimeDelta::minutes(1));
    let again = ada.client.mutate(&account_mutation("blockUser"), id.clone()).await["account"].take();
    assert_eq!(again["blockedSince"], blocked["blockedSince"]);
    let free = ada.client.mutate(&account_mutation("unblockUser"), id.clone()).await["account"].take();
    assert_eq!(free["blockedSince"], Value::Null);
    app.sign_in(&ann.email).await;

    let held = ada.client.mutate(&account_mutation("placeLegalHold"), id.clone()).await["account"].take();
    assert_eq!(held["legalHold"], true);
    erasure::erase_user(app.services(), &ann.email).await.expect_err("a hold");
    let lifted = ada.client.mutate(&account_mutation("liftLegalHold"), id).await["account"].take();
    assert_eq!(lifted["legalHold"], false);
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");

    let act = |action: &str, detail: &str, user: &TestUser| {
        (action.to_owned(), detail.to_owned(), Some(user_id(user)))
    };
    let expected = [
        act("ROLE", "REVIEWER to MEMBER", &rita),
        act("POINTS", "0 to 11180", &ann),
        act("BLOCK", "", &ann),
        act("BLOCK", "", &ann),
        act("UNBLOCK", "", &ann),
        act("HOLD", "", &ann),
        act("LIFT_HOLD", "", &ann),
    ];
    assert_eq!(acts_of(&app, &ada).await, expected);
}

/// The six mutations, with the variables for this user.
fn changes(user: &str) -> Vec<(String, Value)> {
    let of_user = ["blockUser", "unblockUser", "placeLegalHold", "liftLegalHold"].map(account_mutation);
    let mut changes: Vec<_> = of_user.into_iter().map(|query| (query, json!({ "id": user }))).collect();
    changes.push((SET_ROLE.to_owned(), json!({ "input": { "userId": user, "role": "MEMBER" } })));
    changes.push((SET_POINTS.to_owned(), json!({ "input": { "userId": user, "points": 7 } })));
    changes
}

async fn nobody_changes_their_own_account_or_one_that_does_not_exist(app: TestApp) {
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let unknown = ann.id.replace("usr_", "gig_");
    let before = account(&ada, json!({ "id": ada.id })).await;
    let cases = [(&ada.id, "NOT_ALLOWED"), (&ann.id, "NOT_FOUND"), (&unknown, "NOT_FOUND")];
    for (user, code) in cases {
        for (query, variables) in changes(user) {
            let refused = ada.client.mutation_errors(&query, variables).await;
            assert_eq!(refused, [(code.to_owned(), "userId".to_owned())], "{query}");
        }
    }
    assert_eq!(account(&ada, json!({ "id": ada.id })).await, before);
    let erased = account(&ada, json!({ "id": ann.id })).await;
    assert!(erased["erasedAt"].is_string() && erased["email"].is_null(), "{erased}");
    assert_eq!(erased["viewerCanAdminister"], false);
    let input = json!({ "input": { "userId": app.member("Bob").await.id, "points": 1_000_000_001 } });
    let refused = ada.client.mutation_errors(SET_POINTS, input).await;
    assert_eq!(refused, [("OUT_OF_RANGE".to_owned(), "points".to_owned())]);
    let refusals: Vec<_> =
        acts_of(&app, &ada).await.into_iter().filter(|(action, ..)| action == "CHANGE_REFUSED").collect();
    assert_eq!(refusals.len(), 3 * 6 + 1);
    assert_eq!((refusals[0].1.as_str(), refusals[0].2), ("BLOCK: NOT_ALLOWED", Some(user_id(&ada))));
    assert_eq!((refusals[6].1.as_str(), refusals[6].2), ("BLOCK: NOT_FOUND", Some(user_id(&ann))));
    assert_eq!((refusals[12].1.as_str(), refusals[12].2), ("BLOCK: NOT_FOUND", None));
    assert_eq!(refusals[18].1, "POINTS: OUT_OF_RANGE");
}

async fn of_two_administrators_who_demote_or_block_each_other_one_remains(app: TestApp) {
    for round in 0..6 {
        let admins = [app.admin(&format!("Ada{round}")).await, app.admin(&format!("Eve{round}")).await];
        let act = |from: &TestUser, to: &TestUser, client: crate::support::client::Client| {
            let from = from.at(&client);
            let (query, variables) = if round % 2 == 0 {
                (SET_ROLE.to_owned(), json!({ "input": { "userId": to.id, "role": "MEMBER" } }))
            } else {
                (account_mutation("blockUser"), json!({ "id": to.id }))
            };
            async move { from.execute(&query, variables).await }
        };
        let (first, second) =
            join(act(&admins[0], &admins[1], app.gateway_a()), act(&admins[1], &admins[0], app.gateway_b()))
                .await;
        let codes: Vec<_> = [first, second].iter().flat_map(error_codes).collect();
        let expected = if round % 2 == 0 { "FORBIDDEN" } else { "UNAUTHENTICATED" };
        assert_eq!(codes, [expected], "round {round}");
    }
}

/// What the operator does on the command line is not limited to the accounts of others.
async fn the_operator_can_change_the_last_administrator(app: TestApp) {
    let ada = app.admin("Ada").await;
    user_admin::set_role(app.services(), &ada.email, gigway::domain::user::Role::Member)
        .await
        .expect("a member");
    let body = ada.client.execute(ACCOUNT, json!({ "by": { "id": ada.id } })).await;
    assert_eq!(error_codes(&body), ["FORBIDDEN"]);
    let viewer = ada.client.run("{ viewer { role user { id } } }", json!({})).await["viewer"].take();
    assert_eq!((text(&viewer["role"]), text(&viewer["user"]["id"])), ("MEMBER".to_owned(), ada.id));
}

on_both_back_ends!(
    an_account_is_found_by_id_and_by_email_and_each_look_is_audited,
    changes_take_effect_at_once_and_are_audited_under_the_administrator,
    nobody_changes_their_own_account_or_one_that_does_not_exist,
    of_two_administrators_who_demote_or_block_each_other_one_remains,
    the_operator_can_change_the_last_administrator,
);
