//! Redis as a cluster, and behind sentinels: real ones, with a failover.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use gigway::config::Settings;
use serde_json::json;

use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::proxy::until;
use crate::support::servers::{self, given, lasting_port};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// A redis-server with a folder of its own, ended with the test.
struct Server {
    port: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    /// With these lines of configuration besides the usual.
    async fn start(more: &str, sentinel: bool) -> Self {
        let (port, folder) = (lasting_port(), tempfile::tempdir().expect("a folder"));
        let mut lines = format!("port {port}\nbind 127.0.0.1\ndir {}\n{more}\n", folder.path().display());
        if !sentinel {
            lines.push_str("save \"\"\nappendonly no\n");
        }
        let file = folder.path().join("redis.conf");
        std::fs::write(&file, lines).expect("written");
        let mut command = Command::new(given("GIGWAY_TEST_REDIS_SERVER"));
        command.arg(&file).stdout(Stdio::null());
        if sentinel {
            command.arg("--sentinel");
        }
        let process = command.spawn().expect("redis-server starts");
        let server = Self { port, process, _folder: folder };
        until("it answers", async || server.ask(&["PING"]).await.is_ok()).await;
        server
    }

    async fn ask(&self, command: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut asked = redis::cmd(command.first().expect("a command"));
        asked.arg(command.get(1..).unwrap_or_default());
        asked.query_async(&mut connection).await
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

async fn app(redis_url: String) -> TestApp {
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis_url),
        ..Settings::default()
    };
    TestApp::start(settings, 2).await
}

async fn heard(app: &TestApp) {
    for services in [app.services(), app.services_b()] {
        let redis = services.bus.redis().expect("Redis is used");
        until("it is heard", async || redis.is_subscribed()).await;
    }
}

/// The messages that gateways publish, as this server hears them.
async fn messages(app: &TestApp, server: &Server) -> redis::aio::PubSub {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).expect("an address");
    let mut messages = client.get_async_pubsub().await.expect("it answers");
    let channel = format!("gigway:events:{}", app.services().streams.epoch());
    messages.subscribe(channel).await.expect("subscribed");
    messages
}

/// The next act is heard at that server: the log has it in any case, and says nothing of Redis.
async fn carried(messages: &mut redis::aio::PubSub, ann: &TestUser, id: &str, screen: &mut Socket) {
    pause_and_resume(ann, id, screen).await;
    let mut stream = messages.on_message();
    for status in ["PAUSED", "ACTIVE"] {
        let expected = format!("\"status\":\"{status}\"");
        let carried = async {
            // Some of what happened before may come late.
            while let Some(message) = stream.next().await {
                if String::from_utf8_lossy(message.get_payload_bytes()).contains(&expected) {
                    return true;
                }
            }
            false
        };
        assert!(
            tokio::time::timeout(Duration::from_secs(10), carried).await.expect("it is carried"),
            "{status}"
        );
    }
}

/// A seller with a listed gig, and their screen at the other gateway.
async fn screen(app: &TestApp) -> (TestUser, String, Socket) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let mut screen = ann.at(&app.gateway_b()).socket().await;
    screen.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    assert_eq!(screen.event("gig").await["version"], 2);
    (ann, id, screen)
}

async fn pause_and_resume(ann: &TestUser, id: &str, screen: &mut Socket) {
    for (act, status) in [(PAUSE_GIG, "PAUSED"), (RESUME_GIG, "ACTIVE")] {
        ann.client.done(act, json!({ "id": id })).await;
        assert_eq!(screen.event("gig").await["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_carries_events_from_any_node_to_any_other() {
    let settings = "cluster-enabled yes\ncluster-node-timeout 2000\nmaxmemory 64mb";
    // Where nodes talk to each other: by default 10,000 above their own port, where the kernel may have given the port to
    // some client.
    let between = [lasting_port(), lasting_port(), lasting_port()];
    let mut nodes = Vec::new();
    for port in between {
        nodes.push(Server::start(&format!("{settings}\ncluster-port {port}"), false).await);
    }
    for (number, node) in nodes.iter().enumerate() {
        let (first, last) = (number * 5462, ((number + 1) * 5462 - 1).min(16383));
        node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await.expect("slots");
        let port = nodes.first().expect("a node").port.to_string();
        node.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &between[0].to_string()]).await.expect("met");
    }
    for node in &nodes {
        until("the cluster is whole", async || {
            let info = node.ask(&["CLUSTER", "INFO"]).await.expect("an answer");
            let info: String = redis::from_redis_value(info).expect("text");
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
    let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let app = app(format!("redis+cluster://{}", hosts.join(","))).await;
    heard(&app).await;
    let (ann, id, mut screen) = screen(&app).await;
    // Both gateways are at the first node: what they publish there is heard at the last.
    let mut last = messages(&app, nodes.last().expect("a node")).await;
    carried(&mut last, &ann, &id, &mut screen).await;
    drop(last);
    // They go on at the next.
    nodes.first_mut().expect("a node").kill();
    pause_and_resume(&ann, &id, &mut screen).await;
    heard(&app).await;
    let mut last = messages(&app, nodes.last().expect("a node")).await;
    carried(&mut last, &ann, &id, &mut screen).await;
    screen.expect_silence("gig").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_name_the_master_also_after_a_failover() {
    let mut master = Server::start("", false).await;
    let replica = Server::start(&format!("replicaof 127.0.0.1 {}", master.port), false).await;
    let watch = format!(
        "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 2000",
        master.port
    );
    let sentinel = Server::start(&watch, true).await;
    until("the replica is known", async || {
        let replicas = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).await.expect("an answer");
        format!("{replicas:?}").contains(&replica.port.to_string())
    })
    .await;
    // The first one named is nobody: the next is asked.
    let nobody = lasting_port();
    let url = format!("redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{}/main", sentinel.port);
    let app = app(url).await;
    heard(&app).await;
    let (ann, id, mut screen) = screen(&app).await;
    pause_and_resume(&ann, &id, &mut screen).await;
    master.kill();
    pause_and_resume(&ann, &id, &mut screen).await;
    until("the replica has become the master", async || {
        let role = replica.ask(&["ROLE"]).await.expect("an answer");
        format!("{role:?}").contains("master")
    })
    .await;
    heard(&app).await;
    let mut new_master = messages(&app, &replica).await;
    carried(&mut new_master, &ann, &id, &mut screen).await;
    screen.expect_silence("gig").await;
}
