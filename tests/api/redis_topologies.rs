//! Redis Cluster and Redis Sentinel, with real servers and a failover.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use gigway::config::Settings;
use serde_json::json;

use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::proxy::wait_until;
use crate::support::servers::{self, required_env, stable_port};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// A redis-server with its own directory, killed at the end of the test.
struct Server {
    port: u16,
    process: Child,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Starts a server or a sentinel with these additional lines of configuration.
    async fn start(configuration: &str, is_sentinel: bool) -> Self {
        let (port, dir) = (stable_port(), tempfile::tempdir().expect("a directory"));
        let mut lines =
            format!("port {port}\nbind 127.0.0.1\ndir {}\n{configuration}\n", dir.path().display());
        if !is_sentinel {
            lines.push_str("save \"\"\nappendonly no\n");
        }
        let file = dir.path().join("redis.conf");
        std::fs::write(&file, lines).expect("written");
        let mut command = Command::new(required_env("GIGWAY_TEST_REDIS_SERVER"));
        command.arg(&file).stdout(Stdio::null());
        if is_sentinel {
            command.arg("--sentinel");
        }
        let process = command.spawn().expect("redis-server starts");
        let server = Self { port, process, _dir: dir };
        wait_until("it responds", async || server.execute(&["PING"]).await.is_ok()).await;
        server
    }

    async fn execute(&self, command: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut cmd = redis::cmd(command.first().expect("a command"));
        cmd.arg(command.get(1..).unwrap_or_default());
        cmd.query_async(&mut connection).await
    }

    fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts two gateways with this Redis.
async fn start_app(redis_url: String) -> TestApp {
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis_url),
        ..Settings::default()
    };
    TestApp::start(settings, 2).await
}

/// Waits until both gateways are subscribed to Redis.
async fn until_subscribed(app: &TestApp) {
    for services in [app.services(), app.services_b()] {
        let redis = services.bus.redis_health().expect("Redis is used");
        wait_until("it is subscribed", async || redis.is_subscribed()).await;
    }
}

/// Subscribes to what the gateways publish, at this server.
async fn messages(app: &TestApp, server: &Server) -> redis::aio::PubSub {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).expect("a URL");
    let mut messages = client.get_async_pubsub().await.expect("it responds");
    let channel = format!("gigway:events:{}", app.services().streams.epoch());
    messages.subscribe(channel).await.expect("subscribed");
    messages
}

/// Asserts that the next events pass through this server. Receiving them is not enough: they could come from
/// the event log.
async fn expect_published(
    messages: &mut redis::aio::PubSub,
    ann: &TestUser,
    id: &str,
    subscriber: &mut Socket,
) {
    pause_and_resume(ann, id, subscriber).await;
    let mut stream = messages.on_message();
    for status in ["PAUSED", "ACTIVE"] {
        let expected = format!("\"status\":\"{status}\"");
        let published = async {
            // Earlier events may arrive late.
            while let Some(message) = stream.next().await {
                if String::from_utf8_lossy(message.get_payload_bytes()).contains(&expected) {
                    return true;
                }
            }
            false
        };
        assert!(
            tokio::time::timeout(Duration::from_secs(30), published).await.expect("it is published"),
            "{status}"
        );
    }
}

/// A seller, the id of a listed gig of theirs, and their subscription at the other gateway.
async fn seller_with_subscription(app: &TestApp) -> (TestUser, String, Socket) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    assert_eq!(subscriber.next_event("gig").await["version"], 2);
    (ann, id, subscriber)
}

async fn pause_and_resume(ann: &TestUser, id: &str, subscriber: &mut Socket) {
    for (mutation, status) in [(PAUSE_GIG, "PAUSED"), (RESUME_GIG, "ACTIVE")] {
        ann.client.mutate(mutation, json!({ "id": id })).await;
        assert_eq!(subscriber.next_event("gig").await["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_cluster_delivers_events_between_nodes() {
    let settings = "cluster-enabled yes\ncluster-node-timeout 2000\nmaxmemory 64mb";
    // The ports of the cluster bus. By default they are 10,000 above the nodes' ports, which may be in use.
    let cluster_ports = [stable_port(), stable_port(), stable_port()];
    let mut nodes = Vec::new();
    for port in cluster_ports {
        nodes.push(Server::start(&format!("{settings}\ncluster-port {port}"), false).await);
    }
    for (number, node) in nodes.iter().enumerate() {
        let (first, last) = (number * 5462, ((number + 1) * 5462 - 1).min(16383));
        node.execute(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])
            .await
            .expect("slots");
        let port = nodes.first().expect("a node").port.to_string();
        node.execute(&["CLUSTER", "MEET", "127.0.0.1", &port, &cluster_ports[0].to_string()])
            .await
            .expect("met");
    }
    for node in &nodes {
        wait_until("the cluster is complete", async || {
            let info = node.execute(&["CLUSTER", "INFO"]).await.expect("a response");
            let info: String = redis::from_redis_value(info).expect("text");
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
    let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let app = start_app(format!("redis+cluster://{}", hosts.join(","))).await;
    until_subscribed(&app).await;
    let (ann, id, mut subscriber) = seller_with_subscription(&app).await;
    // Both gateways are connected to the first node. What they publish there arrives at the last node.
    let mut last = messages(&app, nodes.last().expect("a node")).await;
    expect_published(&mut last, &ann, &id, &mut subscriber).await;
    drop(last);
    // The gateways connect to the next node.
    nodes.first_mut().expect("a node").kill();
    pause_and_resume(&ann, &id, &mut subscriber).await;
    until_subscribed(&app).await;
    let mut last = messages(&app, nodes.last().expect("a node")).await;
    expect_published(&mut last, &ann, &id, &mut subscriber).await;
    subscriber.expect_silence("gig").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_follow_sentinel_to_the_new_master_after_a_failover() {
    let mut master = Server::start("", false).await;
    let replica = Server::start(&format!("replicaof 127.0.0.1 {}", master.port), false).await;
    let configuration = format!(
        "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 2000",
        master.port
    );
    let sentinel = Server::start(&configuration, true).await;
    wait_until("the replica is known", async || {
        let replicas = sentinel.execute(&["SENTINEL", "REPLICAS", "main"]).await.expect("a response");
        format!("{replicas:?}").contains(&replica.port.to_string())
    })
    .await;
    // Nothing listens at the first address: the second is used.
    let unused_port = stable_port();
    let url = format!("redis+sentinel://127.0.0.1:{unused_port},127.0.0.1:{}/main", sentinel.port);
    let app = start_app(url).await;
    until_subscribed(&app).await;
    let (ann, id, mut subscriber) = seller_with_subscription(&app).await;
    pause_and_resume(&ann, &id, &mut subscriber).await;
    master.kill();
    pause_and_resume(&ann, &id, &mut subscriber).await;
    wait_until("the replica has become the master", async || {
        let role = replica.execute(&["ROLE"]).await.expect("a response");
        format!("{role:?}").contains("master")
    })
    .await;
    until_subscribed(&app).await;
    let mut new_master = messages(&app, &replica).await;
    expect_published(&mut new_master, &ann, &id, &mut subscriber).await;
    subscriber.expect_silence("gig").await;
}
