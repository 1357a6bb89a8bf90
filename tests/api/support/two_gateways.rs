//! Two gateways, each in its own process that can be killed and restarted.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::client::{Client, text};
use super::documents::SIGN_IN;
use super::process::{GatewayProcess, add_user, gigway};
use super::servers::stable_port;
use super::test_users::{PASSWORD, TestUser};

/// Two gateways that share a PostgreSQL, a Redis and a data directory.
pub struct TwoGateways {
    database_url: String,
    redis_url: String,
    ports: [u16; 2],
    processes: [Option<GatewayProcess>; 2],
    // Dropped last, because it contains the files of the gateways.
    dir: TempDir,
}

impl TwoGateways {
    pub fn start(database_url: &str, redis_url: &str) -> Self {
        let mut gateways = Self {
            database_url: database_url.to_owned(),
            redis_url: redis_url.to_owned(),
            ports: [stable_port(), stable_port()],
            processes: [None, None],
            dir: tempfile::tempdir().expect("a directory"),
        };
        for number in 0..2 {
            gateways.start_gateway(number);
        }
        gateways
    }

    /// Starts a gateway on its previous port.
    pub fn start_gateway(&mut self, number: usize) {
        let log = File::options().create(true).append(true).open(self.log_path(number)).expect("a log");
        let mut command = self.command(&["serve"]);
        command.stderr(log);
        self.processes[number] = Some(GatewayProcess::start_command_on(self.ports[number], command, &[]));
    }

    /// Kills a gateway, as `kill -9` does.
    pub fn kill(&mut self, number: usize) {
        self.processes[number].take().expect("a running gateway").stop_with("KILL");
    }

    /// An anonymous client of a gateway.
    pub fn client(&self, number: usize) -> Client {
        Client::new(SocketAddr::from(([127, 0, 0, 1], self.ports[number])))
    }

    /// Creates a user who is signed in at the first gateway.
    pub async fn user(&self, email: &str, role: &str) -> TestUser {
        let added = add_user(|arguments| self.command(arguments), email, role);
        assert!(added.status.success(), "{added:?}");
        let input = json!({ "input": { "email": email, "password": PASSWORD } });
        let session = self.client(0).mutate(SIGN_IN, input).await["session"].take();
        TestUser {
            client: self.client(0).with_token(&text(&session["accessToken"])),
            id: text(&session["viewer"]["user"]["id"]),
            email: email.to_owned(),
            refresh_token: text(&session["refreshToken"]),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gigway(self.dir.path(), arguments);
        command.env("DATABASE_URL", &self.database_url).env("REDIS_URL", &self.redis_url);
        command.env("GIGWAY_LOG", "warn");
        command
    }

    fn log_path(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("gateway-{number}.log"))
    }
}

impl Drop for TwoGateways {
    /// Prints the ends of the logs if the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for number in 0..2 {
                let log = std::fs::read_to_string(self.log_path(number)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(40)..];
                eprintln!("-- end of the log of gateway {number}\n{}", last.join("\n"));
            }
        }
    }
}
