//! The servers that `tests/with-services` starts, and Redis servers that a test may kill.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, Database};

/// An environment variable that `tests/with-services` sets.
pub fn required_env(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with `make test`"))
}

pub fn redis_url() -> String {
    required_env("GIGWAY_TEST_REDIS_URL")
}

/// Creates a database. Returns its URL.
pub async fn new_postgres_database() -> String {
    let server = required_env("GIGWAY_TEST_POSTGRES_URL");
    let (host, _) = server.rsplit_once('/').expect("an address with a database");
    let name = format!("t{}", unique_name());
    let connection = Database::connect(&server).await.expect("PostgreSQL responds");
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    connection.close().await.expect("a close");
    format!("{host}/{name}")
}

/// A name that no other test uses.
pub fn unique_name() -> String {
    let ids = gigway::service::IdGenerator::default();
    ids.new_id(&gigway::clock::SystemClock).simple().to_string()
}

/// A free port for a server that restarts, or for no server at all. It is below the range of outgoing connections, so that no client
/// takes it meanwhile.
pub fn stable_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(37).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + number % 12_768).expect("below 32768");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A Redis server of one test, which may kill and restart it.
pub struct TestRedis {
    port: u16,
    process: Option<Child>,
}

impl TestRedis {
    /// A server that is not running yet.
    pub fn stopped() -> Self {
        Self { port: stable_port(), process: None }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the server without data.
    pub async fn start(&mut self) {
        let port = self.port.to_string();
        let process = Command::new(required_env("GIGWAY_TEST_REDIS_SERVER"))
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        self.process = Some(process);
        let client = redis::Client::open(self.url()).expect("an address");
        for _ in 0..200 {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server was not ready within 5 seconds");
    }

    /// Kills the server, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a running server");
            process.wait().expect("the server ends");
        }
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
