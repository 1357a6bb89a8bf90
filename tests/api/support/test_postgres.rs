//! A PostgreSQL server of one test, which may stop and restart it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sea_orm::{ConnectOptions, Database};
use tempfile::TempDir;

use super::servers::{required_env, stable_port};

pub struct TestPostgres {
    port: u16,
    /// The user that it runs as. Empty for the current user.
    user: String,
    process: Option<Child>,
    // Dropped last, because it contains the files of the server.
    dir: TempDir,
}

impl TestPostgres {
    /// Creates and starts a server.
    pub async fn start_new() -> Self {
        let user = required_env("GIGWAY_TEST_AS_USER");
        // Another user may not have access to the temporary directory of root.
        let dir = if user.is_empty() { tempfile::tempdir() } else { tempfile::tempdir_in("/tmp") };
        let dir = dir.expect("a directory");
        let mut server = Self { port: stable_port(), user, process: None, dir };
        server.init();
        server.start().await;
        server
    }

    pub fn url(&self) -> String {
        format!("postgres://gigway:gigway@127.0.0.1:{}/postgres", self.port)
    }

    fn init(&self) {
        let password = self.dir.path().join("password");
        std::fs::write(&password, "gigway\n").expect("written");
        if !self.user.is_empty() {
            let mut chown = Command::new("chown");
            let chowned = chown.arg("-R").arg(&self.user).arg(self.dir.path()).status();
            assert!(chowned.expect("chown runs").success());
        }
        let mut initdb = self.program("initdb");
        initdb.args(["--pgdata=data", "--username=gigway", "--auth=scram-sha-256", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync", "--pwfile=password"]);
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// Starts the server with its previous data.
    pub async fn start(&mut self) {
        let log = self.dir.path().join("postgres.log");
        let port = self.port.to_string();
        let mut postgres = self.program("postgres");
        // Without fsync, data may be lost if the machine crashes, but not if the server does: it still writes
        // a commit to the operating system before it responds.
        postgres.args(["-D", "data", "-p", &port, "-c", "listen_addresses=127.0.0.1"]);
        postgres.args(["-c", "unix_socket_directories=", "-c", "fsync=off"]);
        postgres.stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
        self.process = Some(postgres.spawn().expect("postgres starts"));
        let mut options = ConnectOptions::new(self.url());
        options.max_connections(1).acquire_timeout(Duration::from_secs(1)).sqlx_logging(false);
        for _ in 0..600 {
            if let Ok(connection) = Database::connect(options.clone()).await {
                connection.close().await.expect("a close");
                return;
            }
            let exit_status = self.process.as_mut().expect("just started").try_wait().expect("a child");
            assert!(exit_status.is_none(), "postgres has ended: {}", read_log(&log));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("postgres was not ready in time: {}", read_log(&log));
    }

    /// Stops the server: QUIT is like a crash, INT an orderly shutdown that disconnects all clients.
    pub fn stop(&mut self, signal: &str) {
        if let Some(mut process) = self.process.take() {
            Command::new("kill").args(["-s", signal, &process.id().to_string()]).status().ok();
            process.wait().ok();
        }
    }

    /// A PostgreSQL program that runs in the directory and as the user of the server.
    fn program(&self, name: &str) -> Command {
        let program = Path::new(&required_env("GIGWAY_TEST_POSTGRES_BIN")).join(name);
        let mut command = if self.user.is_empty() {
            Command::new(program)
        } else {
            let group = Command::new("id").args(["-g", &self.user]).output().expect("id runs");
            let group = String::from_utf8(group.stdout).expect("text");
            // setpriv replaces itself by the program, so that the process id is that of the program.
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={}", self.user)).arg(format!("--regid={}", group.trim()));
            command.arg("--init-groups").arg(program);
            command
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.stop("QUIT");
    }
}

fn read_log(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}
