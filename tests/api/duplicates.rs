//! What applicants learn of a document that somebody else has submitted before: nothing. What reviewers learn of it is
//! in `flags`.

use serde_json::{Value, json};

use crate::flags::{card, flags, newest_item};
use crate::support::archive::Archive;
use crate::support::client::text;
use crate::support::on_both_back_ends;
use crate::support::reviewing::decide;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::tipping_off::{everything, next, open_streams, without_identity};
use crate::verification::{personal_info, save_mutation, submit_mutation, upload_document};

async fn save_and_upload(user: &TestUser, number: &str, picture: Vec<u8>) {
    user.client.mutate(&save_mutation(), personal_info(number)).await;
    let uploaded = upload_document(&user.client, "PASSPORT", "FRONT", picture).await;
    assert_eq!(uploaded["errors"], json!([]));
}

/// Everything that applicants receive of their submission and can read after it.
async fn observe_submission(app: &TestApp, user: &TestUser, number: &str, picture: Vec<u8>) -> Value {
    let (mut socket, mut events) = open_streams(app, user).await;
    save_and_upload(user, number, picture).await;
    // The form and the picture. An event shows the verification as it is when it is delivered.
    for _ in 0..2 {
        socket.next_event("status").await;
        next(&mut events).await;
    }
    let submitted = user.client.execute(&submit_mutation(), json!({})).await;
    let received = [socket.next_event("status").await, next(&mut events).await];
    socket.expect_silence("status").await;
    let id = json!({ "id": user.id.replace("usr_", "ver_") });
    without_identity(json!({
        "submitted": submitted,
        "received": received,
        "queries": user.at(&app.gateway_b()).execute(&everything(), id).await,
        "submit again": user.client.execute(&submit_mutation(), json!({})).await,
        "archive": Archive::of(&user.client).await.to_json(),
    }))
}

/// Neither the second applicant nor the first one learns of it: whole responses and events, with the place in the
/// queue. Fails on versions that sent a duplicate back.
async fn a_duplicate_looks_like_a_unique_submission(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    save_and_upload(&ann, "AB123456", card(1)).await;
    ann.client.mutate(&submit_mutation(), json!({})).await;
    let (mut of_ann, _events) = open_streams(&app, &ann).await;
    let read = async || {
        let id = json!({ "id": ann.id.replace("usr_", "ver_") });
        ann.client.execute(&everything(), id).await
    };
    let (before, mut seen) = (read().await, Vec::new());
    for (name, number, person, codes) in
        [("Bob", "AB123456", 2, json!([{ "code": "DUPLICATE_DOCUMENT" }])), ("Cid", "CD123456", 3, json!([]))]
    {
        let user = app.member(name).await;
        seen.push(observe_submission(&app, &user, number, card(person)).await);
        let found: Vec<_> = flags(&rita, &user).await.into_iter().map(|it| json!({ "code": it.0 })).collect();
        assert_eq!(json!(found), codes);
        // Somebody else gets the same place in the queue.
        let verification = newest_item(&rita, &user).await["subject"].take();
        let (id, version) = (text(&verification["id"]), verification["version"].as_i64().expect("a number"));
        let reasons = json!([{ "code": "UNDER_AGE" }]);
        decide(&rita.client, &id, "REJECT", version, &reasons).await;
    }
    let own = &seen[1]["queries"]["data"]["viewer"];
    assert_eq!(
        (&own["verification"]["status"], &own["verification"]["queuePosition"]),
        (&json!("IN_REVIEW"), &json!(2))
    );
    assert_eq!(own["SUBMIT_VERIFICATION"]["allowed"], false);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(read().await, before);
    of_ann.expect_silence("status").await;
}

/// Nor does the duration tell: a flag takes no further statement.
async fn a_duplicate_takes_as_many_statements_as_a_unique_submission(app: TestApp) {
    let (ann, eve, rita) = (app.member("Ann").await, app.member("Eve").await, app.reviewer("Rita").await);
    for (user, number, person) in [(&ann, "AN123456", 1), (&eve, "EV123456", 2)] {
        save_and_upload(user, number, card(person)).await;
        user.client.mutate(&submit_mutation(), json!({})).await;
    }
    let item = newest_item(&rita, &eve).await["subject"].take();
    let (id, version) = (text(&item["id"]), item["version"].as_i64().expect("a number"));
    let reasons = json!([{ "code": "DOCUMENT_TAMPERED" }]);
    decide(&rita.client, &id, "REJECT", version, &reasons).await;
    // A unique number, that of another account, and that of a fraud.
    let mut fewest = [u64::MAX; 3];
    for (person, case) in (10..).zip([0, 1, 2, 0, 1, 2]) {
        let user = app.member(&format!("Applicant{person}")).await;
        let unique = format!("UN1234{person}");
        let number = [unique.as_str(), "AN123456", "EV123456"][case];
        save_and_upload(&user, number, card(person)).await;
        let before = app.services().db.statement_count();
        user.client.mutate(&submit_mutation(), json!({})).await;
        fewest[case] = fewest[case].min(app.services().db.statement_count() - before);
        assert_eq!(flags(&rita, &user).await.is_empty(), case == 0, "{number}");
    }
    assert_eq!(fewest, [fewest[0]; 3]);
}

on_both_back_ends!(
    a_duplicate_looks_like_a_unique_submission,
    a_duplicate_takes_as_many_statements_as_a_unique_submission,
);
