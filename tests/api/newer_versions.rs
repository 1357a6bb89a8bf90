//! Events of a newer version of the gateway, as during a rolling update: they are skipped and counted, and
//! everything after them is delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gigway::config::Settings;
use gigway::domain::event::{Event, EventBody};
use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, PublicId, ReviewItemId, SessionId, UserId};
use gigway::domain::review::ReviewQueueChange;
use gigway::domain::review_kind::ReviewKind;
use gigway::domain::verification::VerificationStatus;
use gigway::events::signed_message::MessageKey;
use gigway::service::Services;
use gigway::service::tokens::derive_key;
use gigway::store::{Database, event_log};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::servers;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const TOKEN_SECRET: &str = "a token secret of at least 32 characters";

/// Changes that make a row one of a newer version, on every back end.
const ROW_CHANGES: [&str; 14] = [
    "kind = 'GIG_BOOSTED'",
    "kind = ''",
    "kind = 'gig_status'",
    "status = 'FROM_THE_FUTURE'",
    "status = ''",
    "status = 'active'",
    "previous_status = 'FROM_THE_FUTURE', status = 'ALSO_NEW'",
    "owner_id = NULL, status = 'FROM_THE_FUTURE'",
    "review_kind = 'DISPUTE', status = 'ESCALATED'",
    "status = 'FROM_THE_FUTURE', reason_codes = '{\"codes\": [\"A\"]}'",
    "kind = 'NEW', reason_codes = '\"a text\"'",
    "kind = 'NEW', reason_codes = 'null'",
    "kind = 'NEW', reason_codes = '[1, {}]'",
    "kind = 'NEW', version = -1",
];

/// Changes that only SQLite allows in its columns.
const SQLITE_ROW_CHANGES: [&str; 5] = [
    "subject_id = 'not an id'",
    "occurred_at = 'soon', status = 'NEW'",
    "reason_codes = 'not JSON'",
    "version = 'many', status = 'NEW'",
    "owner_id = x'01'",
];

/// One event of each kind about this gig and this user.
fn bodies(gig: &str, user: &str) -> Vec<EventBody> {
    let (gig_id, user_id) = (GigId::parse(gig).expect("an id"), UserId::parse(user).expect("an id"));
    vec![
        EventBody::GigStatus {
            gig_id,
            seller_id: user_id,
            version: 99,
            previous: Some(GigStatus::Active),
            status: GigStatus::Suspended,
            reason_codes: vec!["SPAM".into()],
        },
        EventBody::VerificationStatus {
            user_id,
            version: 9,
            previous: VerificationStatus::Cleared,
            status: VerificationStatus::Cleared,
            reason_codes: Vec::new(),
        },
        EventBody::ReviewQueue {
            item_id: ReviewItemId::nil(),
            review_kind: ReviewKind::Gig,
            change: ReviewQueueChange::Submitted,
        },
        EventBody::SessionEnded { session_id: SessionId::nil(), user_id },
        EventBody::RoleChanged { user_id },
        EventBody::ProfileChanged { user_id },
        EventBody::GigUpdated { gig_id, seller_id: user_id },
    ]
}

/// Appends an event as a gateway of a newer version does: `change` alters its row. Returns the position.
async fn append_changed(db: &Database, services: &Services, body: EventBody, change: &str) -> i64 {
    let tx = db.begin().await.expect("a transaction");
    let events = event_log::append(&tx, vec![body], services.now()).await.expect("appended");
    let position = events[0].position;
    tx.execute_unprepared(&format!("UPDATE event SET {change} WHERE position = {position}"))
        .await
        .unwrap_or_else(|error| panic!("{change}: {error}"));
    tx.commit().await.expect("committed");
    position
}

/// Ann, Ann's approved gig of version 2, and the cursor after its approval.
async fn approved_gig(app: &TestApp) -> (TestUser, String, String) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let services = app.services();
    let newest = event_log::newest_position(services.db.read()).await.expect("a position");
    services.streams.dispatched_position().wait_for(newest).await;
    let cursor = text(&ann.client.run("{ eventCursor }", json!({})).await["eventCursor"]);
    (ann, id, cursor)
}

/// Asserts that the next events have these versions, and no others are between them.
async fn expect_versions(socket: &mut Socket, versions: std::ops::RangeInclusive<i64>) {
    for version in versions {
        assert_eq!(socket.next_event("gig").await["version"], json!(version));
    }
}

async fn rows_of_a_newer_version_are_skipped_and_everything_else_is_delivered(app: TestApp) {
    let (ann, id, cursor) = approved_gig(&app).await;
    let clients = [ann.client.clone(), ann.at(&app.gateway_b())];
    let mut sockets = Vec::new();
    for client in &clients {
        let mut socket = client.socket().await;
        socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
        sockets.push(socket);
    }
    let services = app.services();
    let mut changes: Vec<&str> = ROW_CHANGES.to_vec();
    if services.db.backend() == sea_orm::DbBackend::Sqlite {
        changes.extend(SQLITE_ROW_CHANGES);
    }
    let add_column = "ALTER TABLE event ADD COLUMN boosted_until TEXT DEFAULT 'later'";
    services.db.read().execute_unprepared(add_column).await.expect("a column of a newer version");
    let bodies = bodies(&id, &ann.id);
    let (mut version, mut unknown) = (2, 0);
    for (number, change) in changes.iter().enumerate() {
        for body in &bodies {
            append_changed(&services.db, services, body.clone(), change).await;
            unknown += 1;
        }
        let mutation = if number % 2 == 0 { PAUSE_GIG } else { RESUME_GIG };
        clients[number / 2 % 2].mutate(mutation, json!({ "id": id })).await;
        version += 1;
        for socket in &mut sockets {
            expect_versions(socket, version..=version).await;
        }
    }
    for (client, services) in [(app.gateway_a(), app.services()), (app.gateway_b(), app.services_b())] {
        // Some changes leave events of some kinds as they are, such as a review kind that a gig does not have.
        let counted = services.bus.counters().unknown_events.get();
        assert!(counted > unknown / 2 && counted <= unknown, "{counted} of {unknown}");
        let metrics = client.fetch("/metrics").await.1.text().await.expect("text");
        let expected = format!("gigway_log_unknown_events_total {counted}");
        assert!(metrics.lines().any(|line| line == expected), "{metrics}");
    }
    // Resuming goes over the same rows.
    for client in &clients {
        let mut socket = client.socket().await;
        socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
        expect_versions(&mut socket, 3..=version).await;
        socket.expect_silence("gig").await;
    }
    for socket in &mut sockets {
        socket.expect_silence("gig").await;
    }
}

async fn an_event_of_a_newer_version_drops_cached_responses(app: TestApp) {
    let (ann, id, _) = approved_gig(&app).await;
    let query = "query($id: ID!) { gig(id: $id) { title } }";
    let title = async || text(&app.gateway_b().run(query, json!({ "id": id })).await["gig"]["title"]);
    assert_eq!(title().await, "I will write a song for you");
    let services = app.services();
    let gig_id = GigId::parse(&id).expect("an id");
    let body = EventBody::RoleChanged { user_id: UserId::parse(&ann.id).expect("an id") };
    let tx = services.db.begin().await.expect("a transaction");
    tx.execute_raw(sea_orm::Statement::from_sql_and_values(
        services.db.backend(),
        if services.db.backend() == sea_orm::DbBackend::Sqlite {
            "UPDATE gig SET title = 'A newer title' WHERE id = ?"
        } else {
            "UPDATE gig SET title = 'A newer title' WHERE id = $1"
        },
        [gig_id.uuid().into()],
    ))
    .await
    .expect("changed");
    tx.commit().await.expect("committed");
    assert_eq!(title().await, "I will write a song for you", "the response is cached");
    append_changed(&services.db, services, body, "kind = 'TITLE_CHANGED'").await;
    wait_until("the cached response is dropped", async || title().await == "A newer title").await;
}

on_both_back_ends!(
    rows_of_a_newer_version_are_skipped_and_everything_else_is_delivered,
    an_event_of_a_newer_version_drops_cached_responses,
);

/// PostgreSQL rejects invalid values, so a newer version must have changed the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_with_columns_of_a_newer_version_are_skipped() {
    let app = TestApp::on_postgres_and_redis().await;
    let (ann, id, cursor) = approved_gig(&app).await;
    let services = app.services();
    for statement in [
        "ALTER TABLE event ALTER COLUMN status DROP NOT NULL",
        "ALTER TABLE event ALTER COLUMN reason_codes DROP NOT NULL",
        "ALTER TABLE event ALTER COLUMN version DROP NOT NULL",
        "ALTER TABLE event ALTER COLUMN subject_id DROP NOT NULL",
        "ALTER TABLE event ALTER COLUMN kind DROP NOT NULL",
    ] {
        services.db.read().execute_unprepared(statement).await.expect("changed");
    }
    let mut version = 2;
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
    for (number, column) in ["status", "reason_codes", "version", "subject_id", "kind"].iter().enumerate() {
        let body = bodies(&id, &ann.id).swap_remove(0);
        append_changed(&services.db, services, body, &format!("{column} = NULL")).await;
        ann.client.mutate(if number % 2 == 0 { PAUSE_GIG } else { RESUME_GIG }, json!({ "id": id })).await;
        version += 1;
        expect_versions(&mut socket, version..=version).await;
    }
    assert_eq!(app.services_b().bus.counters().unknown_events.get(), 5);
    let mut resumed = ann.client.socket().await;
    resumed.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
    expect_versions(&mut resumed, 3..=version).await;
}

/// A gateway of a newer version appends its events and publishes them, while the other gateways run and
/// restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_update_to_a_newer_version_loses_no_event() {
    const ROUNDS: i64 = 4;
    const CHANGES: i64 = 10;
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        token_secret: Some(TOKEN_SECRET.into()),
        ..Settings::default()
    };
    let database_url = settings.database_url.clone().expect("set above");
    let mut app = TestApp::start(settings, 2).await;
    let (ann, id, cursor) = approved_gig(&app).await;
    let is_done = Arc::new(AtomicBool::new(false));
    let newer = {
        let epoch = app.services().streams.epoch();
        let key = MessageKey::new(&[derive_key(TOKEN_SECRET.as_bytes(), b"gigway events on Redis")], epoch);
        let (bodies, is_done, now) = (bodies(&id, &ann.id), Arc::clone(&is_done), app.now());
        tokio::spawn(async move {
            let timeout = Duration::from_secs(30);
            let db = Database::connect_postgres(&database_url, timeout).await.expect("connected");
            let client = redis::Client::open(servers::redis_url()).expect("a URL");
            let mut redis = client.get_multiplexed_async_connection().await.expect("Redis responds");
            let mut appended = 0;
            while !is_done.load(Ordering::SeqCst) {
                let body = bodies[appended % bodies.len()].clone();
                let tx = db.begin().await.expect("a transaction");
                let events = event_log::append(&tx, vec![body], now).await.expect("appended");
                let position = events[0].position;
                let update = format!("UPDATE event SET kind = 'NEWER' WHERE position = {position}");
                tx.execute_unprepared(&update).await.expect("changed");
                tx.commit().await.expect("committed");
                // Some messages are lost.
                if appended % 3 != 0 {
                    let event = Event { position, occurred_at: now, body: EventBody::Unknown };
                    let command = redis::cmd("PUBLISH")
                        .arg(format!("gigway:events:{epoch}"))
                        .arg(key.sign(&event))
                        .to_owned();
                    command.query_async::<()>(&mut redis).await.expect("published");
                }
                appended += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            db.close().await.expect("closed");
            appended
        })
    };
    let mut socket = ann.client.socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
    let mut version = 2;
    for _ in 0..ROUNDS {
        for change in 0..CHANGES {
            let mutation = if change % 2 == 0 { PAUSE_GIG } else { RESUME_GIG };
            let client = if change % 3 == 0 { ann.at(&app.gateway_b()) } else { ann.client.clone() };
            client.mutate(mutation, json!({ "id": id })).await;
        }
        expect_versions(&mut socket, version + 1..=version + CHANGES).await;
        version += CHANGES;
        app.stop_gateway().await;
        app.start_gateway().await;
        let mut resumed = ann.at(&app.gateway_b()).socket().await;
        resumed.subscribe("gig", GIG_STATUS_CHANGED, json!({ "after": cursor })).await;
        expect_versions(&mut resumed, 3..=version).await;
    }
    is_done.store(true, Ordering::SeqCst);
    let appended = newer.await.expect("a writer");
    assert!(appended > 20, "{appended}");
    let newest = event_log::newest_position(app.services().db.read()).await.expect("a position");
    wait_until("all is dispatched", async || {
        app.services().streams.dispatched_position().current() == newest
    })
    .await;
    assert_eq!(app.services().bus.counters().unknown_events.get(), u64::try_from(appended).expect("small"));
    assert_eq!(app.services().bus.redis_health().expect("Redis is used").poison_messages(), 0);
}
