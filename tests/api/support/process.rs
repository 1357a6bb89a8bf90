//! The program as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::client::Client;
use super::servers::free_port;

/// The program with these arguments, this data folder, and nothing else of the environment.
pub fn gigway(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gigway"));
    command.args(arguments).env_clear().env("GIGWAY_DATA_DIR", folder);
    command
}

/// Adds a person with the password `a good password`, by a program that `make` makes of arguments.
pub fn add_user(make: impl Fn(&[&str]) -> Command, email: &str, role: &str) -> Output {
    let arguments =
        ["user", "add", "--email", email, "--display-name", "Rita", "--role", role, "--password-stdin"];
    let mut child = make(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(b"a good password\n").expect("written");
    child.wait_with_output().expect("it ends")
}

/// A gateway as a process of its own, ended with the test.
pub struct GatewayProcess {
    process: Child,
    pub client: Client,
    pub greeting: String,
}

impl GatewayProcess {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = gigway(folder, &[&["serve"], arguments].concat());
        command.stderr(Stdio::null());
        Self::start_command(command, arguments)
    }

    /// As [`Self::start`], of a command that was made ready.
    pub fn start_command(command: Command, arguments: &[&str]) -> Self {
        Self::start_command_on(free_port(), command, arguments)
    }

    /// As [`Self::start_with`], on this port.
    pub fn start_command_on(port: u16, mut command: Command, arguments: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let command = command.env("GIGWAY_LISTEN", &listen).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it runs");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut greeting = String::new();
        while !greeting.contains("/readyz")
            || (arguments.contains(&"--demo") && !greeting.contains("subscription {"))
        {
            let line = lines.next().expect("it greets before it ends").expect("text");
            greeting.push_str(&line);
            greeting.push('\n');
        }
        Self { process, client: Client::new(listen.parse().expect("an address")), greeting }
    }

    /// Ends it by this signal; its exit code, and how long it took.
    pub fn end(mut self, signal: &str) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().expect("kill runs").success());
        let status = self.process.wait().expect("it ends");
        (status.code(), began.elapsed())
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
