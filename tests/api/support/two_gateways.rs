//! An installation of two gateways, each a process that can be killed and started again.

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

/// Two gateways on one PostgreSQL, one Redis and one data folder.
pub struct TwoGateways {
    database_url: String,
    redis_url: String,
    ports: [u16; 2],
    served: [Option<GatewayProcess>; 2],
    // Dropped last: the gateways' files are in it.
    folder: TempDir,
}

impl TwoGateways {
    pub fn start(database_url: &str, redis_url: &str) -> Self {
        let mut gateways = Self {
            database_url: database_url.to_owned(),
            redis_url: redis_url.to_owned(),
            ports: [stable_port(), stable_port()],
            served: [None, None],
            folder: tempfile::tempdir().expect("a folder"),
        };
        for number in 0..2 {
            gateways.start_gateway(number);
        }
        gateways
    }

    /// Starts that gateway, where it listened before.
    pub fn start_gateway(&mut self, number: usize) {
        let log = File::options().create(true).append(true).open(self.log(number)).expect("a log");
        let mut command = self.command(&["serve"]);
        command.stderr(log);
        self.served[number] = Some(GatewayProcess::start_command_on(self.ports[number], command, &[]));
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self, number: usize) {
        self.served[number].take().expect("it runs").stop_with("KILL");
    }

    /// A stranger at that gateway.
    pub fn client(&self, number: usize) -> Client {
        Client::new(SocketAddr::from(([127, 0, 0, 1], self.ports[number])))
    }

    /// A new person, who has signed in at the first gateway.
    pub async fn person(&self, email: &str, role: &str) -> TestUser {
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
        let mut command = gigway(self.folder.path(), arguments);
        command.env("DATABASE_URL", &self.database_url).env("REDIS_URL", &self.redis_url);
        command.env("GIGWAY_LOG", "warn");
        command
    }

    fn log(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("gateway-{number}.log"))
    }
}

impl Drop for TwoGateways {
    /// Where the test fails, shows what the gateways had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for number in 0..2 {
                let log = std::fs::read_to_string(self.log(number)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(40)..];
                eprintln!("-- the end of gateway {number}'s log\n{}", last.join("\n"));
            }
        }
    }
}
