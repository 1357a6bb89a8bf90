//! The deployment of one test: its own database and data directory, and one or two gateways in this process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use gigway::app::App;
use gigway::clock::{Clock, SystemClock};
use gigway::config::{Config, Settings};
use gigway::http::console_files::ConsoleFiles;
use gigway::service::Services;
use tempfile::TempDir;

use super::client::Client;
use super::process::gigway as gigway_command;
use super::servers;

/// The system time plus an offset, until it is frozen. Then it stands still, and only moves when a test moves it.
#[derive(Debug, Default)]
pub struct TestClock {
    offset_milliseconds: AtomicI64,
    /// Since 1970; 0 if the clock is not frozen.
    frozen_at_milliseconds: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        match self.frozen_at_milliseconds.load(Ordering::SeqCst) {
            0 => {
                let offset = self.offset_milliseconds.load(Ordering::SeqCst);
                SystemClock.now() + TimeDelta::milliseconds(offset)
            }
            milliseconds => DateTime::from_timestamp_millis(milliseconds).expect("a time"),
        }
    }
}

/// Gateways that share a database and a data directory.
pub struct TestApp {
    clock: Arc<TestClock>,
    gateways: Vec<App>,
    settings: Settings,
    /// Not those that a developer has built: a test must not depend on them.
    console_files: ConsoleFiles,
    // Dropped last, because it contains the files of the gateways.
    _dir: TempDir,
}

impl TestApp {
    /// One gateway with SQLite and the in-process bus.
    pub async fn on_sqlite() -> Self {
        Self::start(Settings::default(), 1).await
    }

    /// Two gateways with PostgreSQL and Redis.
    pub async fn on_postgres_and_redis() -> Self {
        let settings = Settings {
            database_url: Some(servers::new_postgres_database().await),
            redis_url: Some(servers::redis_url()),
            ..Settings::default()
        };
        Self::start(settings, 2).await
    }

    /// Starts gateways with these settings. The port is free, and the data directory is new if the settings have
    /// none.
    pub async fn start(settings: Settings, gateways: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| dir.path().display().to_string());
        let settings = Settings { data_dir: Some(data_dir), listen: Some("127.0.0.1:0".into()), ..settings };
        let console_files = ConsoleFiles::default();
        let mut app =
            Self { clock: Arc::default(), gateways: Vec::new(), settings, console_files, _dir: dir };
        for _ in 0..gateways {
            app.start_gateway().await;
        }
        app
    }

    /// The same deployment with `GIGWAY_LIMITS`: its gateways are started again.
    pub async fn with_limits(self, limits: &str) -> Self {
        self.with_settings(|settings| settings.limits = Some(limits.to_owned())).await
    }

    /// The same app with changed settings: all gateways are started again.
    pub async fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let count = self.gateways.len();
        for _ in 0..count {
            self.stop_gateway().await;
        }
        change(&mut self.settings);
        for _ in 0..count {
            self.start_gateway().await;
        }
        self
    }

    /// The same app with these files of the console: all gateways are started again.
    pub async fn with_console(mut self, files: ConsoleFiles) -> Self {
        self.console_files = files;
        self.with_settings(|_| {}).await
    }

    /// Starts one more gateway.
    pub async fn start_gateway(&mut self) {
        let config = Config::from_settings(self.settings.clone()).expect("valid settings");
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let starting = App::start_with_console(&config, clock, self.console_files.clone());
        let app = Box::pin(starting).await;
        self.gateways.push(app.expect("the gateway starts"));
    }

    /// Stops the last gateway as SIGTERM does.
    pub async fn stop_gateway(&mut self) {
        self.gateways.pop().expect("a gateway").stop().await;
    }

    /// An anonymous client of the first gateway.
    pub fn gateway_a(&self) -> Client {
        Client::new(self.gateways.first().expect("a gateway").address)
    }

    /// An anonymous client of the last gateway, which is the second one if there are two.
    pub fn gateway_b(&self) -> Client {
        Client::new(self.gateways.last().expect("a gateway").address)
    }

    /// The services of the first gateway.
    pub fn services(&self) -> &Services {
        &self.gateways.first().expect("a gateway").services
    }

    /// The services of the first gateway, for what outlives the call.
    pub fn shared_services(&self) -> Arc<Services> {
        Arc::clone(&self.gateways.first().expect("a gateway").services)
    }

    /// The services of the last gateway.
    pub fn services_b(&self) -> &Services {
        &self.gateways.last().expect("a gateway").services
    }

    /// The URL of the PostgreSQL database.
    pub fn database_url(&self) -> &str {
        self.settings.database_url.as_ref().expect("PostgreSQL is used")
    }

    /// The directory of the gig images.
    pub fn image_dir(&self) -> PathBuf {
        self.data_dir().join("blobs/gig-images")
    }

    /// The directory of the generated keys and, without PostgreSQL, of the database.
    pub fn data_dir(&self) -> &Path {
        Path::new(self.settings.data_dir.as_ref().expect("always set"))
    }

    /// A command of the `gigway` program for this deployment, while its gateways are running.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gigway_command(self.data_dir(), arguments);
        let (database, redis) = (&self.settings.database_url, &self.settings.redis_url);
        for (variable, value) in [("DATABASE_URL", database), ("REDIS_URL", redis)] {
            if let Some(value) = value {
                command.env(variable, value);
            }
        }
        command
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves the clock of all gateways forward.
    pub fn advance_clock(&self, time: TimeDelta) {
        let milliseconds = time.num_milliseconds();
        if self.clock.frozen_at_milliseconds.load(Ordering::SeqCst) == 0 {
            self.clock.offset_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
        } else {
            self.clock.frozen_at_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }

    /// Stops the clock of all gateways.
    pub fn freeze_clock(&self) {
        self.clock.frozen_at_milliseconds.store(self.now().timestamp_millis(), Ordering::SeqCst);
    }
}
