//! Runs the gigway binary.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::client::Client;

/// The operating system chooses a free port.
const FREE_PORT: &str = "127.0.0.1:0";

/// A command with these arguments, this data directory, and an otherwise empty environment. It listens on a free port,
/// because the default one may belong to a gateway of the developer.
pub fn gigway(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gigway"));
    command.args(arguments).env_clear().env("GIGWAY_DATA_DIR", dir).env("GIGWAY_LISTEN", FREE_PORT);
    command
}

/// Adds a user with the password `a good password`. `command` creates the command for some arguments.
pub fn add_user(command: impl Fn(&[&str]) -> Command, email: &str, role: &str) -> Output {
    let arguments =
        ["user", "add", "--email", email, "--display-name", "Rita", "--role", role, "--password-stdin"];
    let mut child = command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(b"a good password\n").expect("written");
    child.wait_with_output().expect("the program ends")
}

/// A gateway in its own process, which is killed when dropped.
pub struct GatewayProcess {
    process: Child,
    pub client: Client,
    /// What the gateway printed when it started.
    pub startup_output: String,
}

impl GatewayProcess {
    pub fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut command = gigway(dir, &[&["serve"], arguments].concat());
        command.stderr(Stdio::null());
        Self::start_command(command, arguments)
    }

    /// Starts a gateway by a prepared command, on this port.
    pub fn start_command_on(port: u16, mut command: Command, arguments: &[&str]) -> Self {
        command.env("GIGWAY_LISTEN", format!("127.0.0.1:{port}"));
        Self::start_command(command, arguments)
    }

    /// Starts a gateway by a prepared command. Its client uses the address that the gateway prints.
    pub fn start_command(mut command: Command, arguments: &[&str]) -> Self {
        let command = command.stdout(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut startup_output = String::new();
        while !startup_output.contains("/readyz")
            || (arguments.iter().any(|it| it.starts_with("--demo"))
                && !startup_output.contains("subscription {"))
        {
            let line = lines.next().expect("a line before the program ends").expect("text");
            startup_output.push_str(&line);
            startup_output.push('\n');
        }
        let (_, address) = startup_output.split_once("http://").expect("the address of the gateway");
        let (address, _) = address.split_once('/').expect("a path after the address");
        let client = Client::new(address.parse().expect("an address"));
        Self { process, client, startup_output }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("the process runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
        kibibytes * 1024
    }

    /// Sends a signal and waits. Returns the exit code.
    pub fn stop_with(mut self, signal: &str) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().expect("kill runs").success());
        let status = self.process.wait().expect("the program ends");
        status.code()
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
