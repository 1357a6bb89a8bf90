//! Outages of Redis and of the database, and the recovery from them.

use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::proxy::{Proxy, wait_until};
use crate::support::servers::{self, TestRedis};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

/// Returns the HTTP status, the reported status, and whether each dependency is up.
async fn readiness(client: &Client) -> (u16, Value, Vec<(String, bool)>) {
    let (status, response) = client.fetch("/readyz").await;
    let report: Value = response.json().await.expect("JSON");
    let dependencies = report["dependencies"].as_array().expect("a list").iter();
    let up = dependencies
        .map(|it| (it["name"].as_str().expect("a name").to_owned(), it["up"].as_bool().expect("yes or no")));
    (status.as_u16(), report["status"].clone(), up.collect())
}

/// Waits until both gateways report Redis as up or down.
async fn until_redis_is(is_up: bool, app: &TestApp) {
    let expected = if is_up { "ready" } else { "degraded" };
    for client in [app.gateway_a(), app.gateway_b()] {
        wait_until(expected, async || {
            let (code, status, dependencies) = readiness(&client).await;
            assert_eq!(code, 200);
            status == expected && dependencies.contains(&("redis".to_owned(), is_up))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_while_redis_is_down() {
    let mut redis = TestRedis::stopped();
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis.url()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 2).await;
    until_redis_is(false, &app).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    assert_eq!(subscriber.next_event("gig").await["version"], 2);
    let mut version = 2;
    let mut pause_and_resume = async |subscriber: &mut Socket| {
        for mutation in [PAUSE_GIG, RESUME_GIG] {
            ann.client.mutate(mutation, json!({ "id": id })).await;
        }
        for _ in 0..2 {
            version += 1;
            assert_eq!(subscriber.next_event("gig").await["version"], json!(version));
        }
    };
    pause_and_resume(&mut subscriber).await;
    redis.start().await;
    until_redis_is(true, &app).await;
    pause_and_resume(&mut subscriber).await;
    redis.kill();
    // Before the gateways notice the outage.
    pause_and_resume(&mut subscriber).await;
    until_redis_is(false, &app).await;
    pause_and_resume(&mut subscriber).await;
    redis.start().await;
    until_redis_is(true, &app).await;
    pause_and_resume(&mut subscriber).await;
    subscriber.expect_silence("gig").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_messages_on_the_channel_are_counted_and_ignored() {
    let app = TestApp::on_postgres_and_redis().await;
    let bus_b = app.services_b().bus.redis_health().expect("Redis is used");
    wait_until("it is subscribed", async || bus_b.is_subscribed()).await;
    let client = redis::Client::open(servers::redis_url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis responds");
    let channel = format!("gigway:events:{}", app.services().streams.epoch());
    let invalid_messages: [&[u8]; 3] = [b"nonsense", b"{\"position\":1}", &[0xff, 0xfe]];
    for message in invalid_messages {
        let command = redis::cmd("PUBLISH").arg(&channel).arg(message).to_owned();
        let receivers: i32 = command.query_async(&mut connection).await.expect("published");
        assert_eq!(receivers, 2);
    }
    wait_until("all were counted", async || bus_b.poison_messages() == 3).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    subscriber.next_event("gig").await;
    rita.approve(&id).await;
    assert_eq!(subscriber.next_event("gig").await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_outage_is_reported_and_recovered_from() {
    let url = servers::new_postgres_database().await;
    let (before, rest) = url.split_once('@').expect("a name and a password");
    let (server, database) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start(server.to_owned()).await;
    let settings = Settings {
        database_url: Some(format!("{before}@{}/{database}", proxy.address)),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut subscriber = ann.client.socket().await;
    subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    assert_eq!(subscriber.next_event("gig").await["version"], 2);

    proxy.cut();
    let (code, status, up) = readiness(&app.gateway_a()).await;
    assert_eq!((code, status), (503, json!("unavailable")));
    assert!(up.contains(&("database".to_owned(), false)));
    for client in [&app.gateway_a(), &ann.client] {
        let request = client.post("/graphql").json(&json!({ "query": "{ gigs { totalCount } }" }));
        let response = request.send().await.expect("a response");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"1".parse().expect("a value"))
        );
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "SERVICE_UNAVAILABLE");
        let message = body["errors"][0]["message"].as_str().expect("a message");
        assert_eq!(message, "The service is not available right now; try again.");
    }
    let pause = "mutation($id: ID!) { pauseGig(id: $id) { gig { status } errors { code } } }";
    assert_eq!(ann.client.error_codes(pause, json!({ "id": id })).await, ["SERVICE_UNAVAILABLE"]);
    assert_eq!(app.gateway_a().fetch("/livez").await.0, 200);
    // The gateway cannot check the credentials of a new socket.
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    socket.send_connection_init(ann.client.token()).await;
    assert_eq!(socket.expect_close().await, (1013, "Try again later".to_owned()));

    proxy.restore();
    wait_until("it is ready", async || readiness(&app.gateway_a()).await.0 == 200).await;
    assert_eq!(ann.status(&id).await, "ACTIVE");
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    assert_eq!(subscriber.next_event("gig").await["status"], "PAUSED");
    subscriber.expect_silence("gig").await;
}
