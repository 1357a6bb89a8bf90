//! An act of a user, or about one, that is interrupted at any statement by the erasure of the user: whichever
//! comes first, nothing of the user is left. SQLite has one writer at a time, so there an act and an erasure
//! cannot overlap.

use std::time::Duration;

use entity::{gig, idempotent_request, session, unreferenced_blob, user};
use gigway::config::Settings;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{background_jobs, erasure};
use reqwest::RequestBuilder;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::erasure::{DECIDE_GIG, assert_no_table_has_words, blobs, decision, gig_form, sign_up};
use crate::support::client::Client;
use crate::support::documents::{CLAIM, EDIT_GIG, PAUSE_GIG, POST_GIG, REFRESH, SAVE_DRAFT, SIGN_IN};
use crate::support::reviewing::claim;
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::statement_proxy::StatementProxy;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{
    decide_mutation, document_image, personal_info, save_mutation, submit_mutation, submit_verification,
    upload_document,
};

/// How long the erasure is awaited while the act is held. If it waits for the act, it takes longer.
pub const ERASURE_TIME: Duration = Duration::from_millis(80);

/// No act has so many statements.
pub const STATEMENTS_MAX: usize = 40;

/// What users do, and what others do about them.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    SignIn,
    Refresh,
    SaveDraft,
    Post,
    PostWithKey,
    Edit,
    Pause,
    UploadImage,
    SavePersonalInfo,
    UploadDocument,
    Submit,
    Claim,
    RejectGig,
    RejectVerification,
    ReadPersonalInfo,
}

impl Act {
    pub fn is_of_reviewer(self) -> bool {
        matches!(self, Self::Claim | Self::RejectGig | Self::RejectVerification | Self::ReadPersonalInfo)
    }
}

const ACTS: [Act; 15] = [
    Act::SignIn,
    Act::Refresh,
    Act::SaveDraft,
    Act::Post,
    Act::PostWithKey,
    Act::Edit,
    Act::Pause,
    Act::UploadImage,
    Act::SavePersonalInfo,
    Act::UploadDocument,
    Act::Submit,
    Act::Claim,
    Act::RejectGig,
    Act::RejectVerification,
    Act::ReadPersonalInfo,
];

fn operation(client: &Client, query: &str, variables: &Value) -> RequestBuilder {
    client.post("/graphql").json(&json!({ "query": query, "variables": variables }))
}

/// Prepares the act, and returns its future. `slow` is the gateway whose statements can be held.
pub async fn prepare(
    app: &TestApp,
    slow: &Client,
    act: Act,
    ann: &TestUser,
    rita: &TestUser,
) -> futures_util::future::BoxFuture<'static, ()> {
    let (client, reviewer) = (ann.at(slow), rita.at(slow));
    let send = |request: RequestBuilder| -> futures_util::future::BoxFuture<'static, ()> {
        Box::pin(async move { drop(request.send().await.expect("a response").bytes().await) })
    };
    match act {
        Act::SignIn => {
            let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
            send(operation(slow, SIGN_IN, &input))
        }
        Act::Refresh => send(operation(slow, REFRESH, &json!({ "token": ann.refresh_token }))),
        Act::SaveDraft => {
            let form = gig_form(app, &[]).await;
            let draft = ann.client.mutate(SAVE_DRAFT, json!({ "input": form })).await;
            let mut form = gig_form(app, &[]).await;
            form["id"] = draft["gig"]["id"].clone();
            send(operation(&client, SAVE_DRAFT, &json!({ "input": form })))
        }
        Act::Post | Act::PostWithKey => {
            let image = ann.client.upload_image(small_png()).await;
            let form = json!({ "input": gig_form(app, &[image]).await });
            let request = operation(&client, POST_GIG, &form);
            send(if matches!(act, Act::Post) {
                request
            } else {
                request.header("idempotency-key", "Ostraquote")
            })
        }
        Act::Edit | Act::Pause | Act::RejectGig => {
            let gig = ann.post(gig_form(app, &[]).await).await;
            if matches!(act, Act::RejectGig) {
                let version = rita.gig(&gig).await["version"].take();
                send(operation(&reviewer, DECIDE_GIG, &decision("gigId", &gig, "REJECT", &version)))
            } else {
                rita.approve(&gig).await;
                let edit = json!({ "input": { "id": gig, "description": "Ymbrodesc, and a little more." } });
                let is_edit = matches!(act, Act::Edit);
                send(if is_edit {
                    operation(&client, EDIT_GIG, &edit)
                } else {
                    operation(&client, PAUSE_GIG, &json!({ "id": gig }))
                })
            }
        }
        Act::UploadImage => send(client.upload_request(small_png())),
        Act::SavePersonalInfo => send(operation(&client, &save_mutation(), &personal_info("AB123456"))),
        Act::UploadDocument => Box::pin(async move {
            // An error has no payload, which the helper does not expect.
            tokio::spawn(
                async move { upload_document(&client, "PASSPORT", "FRONT", document_image(1)).await },
            )
            .await
            .ok();
        }),
        Act::Submit => {
            ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
            upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
            send(operation(&client, &submit_mutation(), &json!({})))
        }
        Act::Claim => {
            let gig = ann.post(gig_form(app, &[]).await).await;
            let item = rita.queue_item(&gig).await;
            send(operation(&reviewer, CLAIM, &json!({ "id": item["id"] })))
        }
        Act::RejectVerification => {
            let (id, version) = submit_verification(ann, "AB123456", 1).await;
            claim(&rita.client, &id).await;
            let input = decision("verificationId", &id, "REJECT", &json!(version));
            send(operation(&reviewer, &decide_mutation(), &input))
        }
        Act::ReadPersonalInfo => {
            let (id, _) = submit_verification(ann, "AB123456", 1).await;
            claim(&rita.client, &id).await;
            let query = "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { city } } } }";
            send(operation(&reviewer, query, &json!({ "id": id })))
        }
    }
}

/// Asserts that nothing of the user is left.
async fn assert_erased(app: &TestApp, ann: &TestUser, context: &str) {
    let id = UserId::parse(&ann.id).expect("an id").uuid();
    let db = app.services().db.read();
    let account = user::Entity::find_by_id(id).one(db).await.expect("a row").expect("a user");
    assert!(account.erased_at.is_some(), "{context}");
    let living = session::Entity::find()
        .filter(session::Column::UserId.eq(id))
        .filter(session::Column::EndedAt.is_null());
    assert_eq!(living.count(db).await.expect("a count"), 0, "{context}: a session is left");
    let networks = session::Entity::find()
        .filter(session::Column::UserId.eq(id))
        .filter(session::Column::NetworkHash.is_not_null());
    assert_eq!(networks.count(db).await.expect("a count"), 0, "{context}: a network is left");
    let gigs = gig::Entity::find().filter(gig::Column::SellerId.eq(id)).all(db).await.expect("gigs");
    assert!(gigs.iter().all(|gig| gig.status == "ARCHIVED" && gig.title == "Erased"), "{context}: {gigs:#?}");
    let keys = idempotent_request::Entity::find().filter(idempotent_request::Column::UserId.eq(id));
    assert_eq!(keys.count(db).await.expect("a count"), 0, "{context}: a key is left");
    background_jobs::delete_unattached_images(app.services()).await.expect("a run");
    let records = unreferenced_blob::Entity::find().filter(unreferenced_blob::Column::OwnerId.eq(id));
    assert_eq!(records.count(db).await.expect("a count"), 0, "{context}: the record of a blob is left");
    assert_eq!(blobs(app), Vec::<String>::new(), "{context}: a blob is left");
    assert_no_table_has_words(app, context).await;
}

/// Holds the act at each of its statements in turn, and erases the user meanwhile.
async fn erase_during(acts: &[Act]) {
    let dir = tempfile::tempdir().expect("a directory");
    let database_url = servers::new_postgres_database().await;
    let proxy = StatementProxy::start(&database_url).await;
    let unlimited = json!({ "capacity": 0, "perMinute": 60_000 });
    let budgets = json!({ "anonymous": unlimited, "viewer": unlimited, "signIn": unlimited,
        "signUp": unlimited, "upload": unlimited });
    let settings = |url: String| Settings {
        database_url: Some(url),
        budgets: Some(budgets.to_string()),
        redis_url: Some(servers::redis_url()),
        data_dir: Some(dir.path().display().to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings(database_url.clone()), 1).await;
    let slow_app = TestApp::start(settings(proxy.url(&database_url)), 1).await;
    let slow = slow_app.gateway_a();
    let rita = app.reviewer("Rita").await;
    let mut number = 0;
    for act in acts {
        let mut held = 0;
        for statement in 0..STATEMENTS_MAX {
            number += 1;
            let ann = sign_up(&app.gateway_a(), number).await;
            let act_future = prepare(&app, &slow, *act, &ann, &rita).await;
            proxy.hold_statement(statement);
            let mut act_task = tokio::spawn(act_future);
            let is_held = tokio::select! {
                is_held = proxy.is_held_within(Duration::from_secs(10)) => is_held,
                _ = &mut act_task => false,
            };
            if !is_held {
                proxy.release();
                erasure::erase_user(app.services(), &ann.email).await.expect("erased");
                assert_erased(&app, &ann, &format!("{act:?} before the erasure")).await;
                break;
            }
            held += 1;
            let erasing = erasure::erase_user(app.services(), &ann.email);
            tokio::pin!(erasing);
            let early = tokio::time::timeout(ERASURE_TIME, &mut erasing).await;
            let statements = proxy.statements();
            proxy.release();
            match early {
                Ok(erased) => drop(erased.expect("erased")),
                Err(_) => drop(erasing.await.expect("erased")),
            }
            act_task.await.expect("it ends");
            let context = format!("{act:?}, held at statement {statement} of {statements:#?}");
            assert_erased(&app, &ann, &context).await;
        }
        assert!(held > 3, "{act:?} was held at {held} statements");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_user_who_is_erased_during_an_act_of_theirs() {
    Box::pin(erase_during(&ACTS[..7])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_user_who_is_erased_during_an_upload_or_a_review() {
    Box::pin(erase_during(&ACTS[7..])).await;
}
