//! One test's installation: its own database and folder, and one or two gateways.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use gigway::app::App;
use gigway::clock::{Clock, SystemClock};
use gigway::config::{Config, Settings};
use gigway::service::Services;
use tempfile::TempDir;

use super::client::Client;
use super::servers;

/// The machine's time, moved.
#[derive(Debug, Default)]
pub struct TestClock {
    ahead_by_milliseconds: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let ahead = self.ahead_by_milliseconds.load(Ordering::SeqCst);
        SystemClock.now() + TimeDelta::milliseconds(ahead)
    }
}

/// An installation.
pub struct TestApp {
    clock: Arc<TestClock>,
    gateways: Vec<App>,
    settings: Settings,
    // Dropped last: the gateways' files are in it.
    _folder: TempDir,
}

impl TestApp {
    /// SQLite, events inside the process, one gateway.
    pub async fn on_sqlite() -> Self {
        Self::start(Settings::default(), 1).await
    }

    /// PostgreSQL, Redis, two gateways.
    pub async fn on_postgres_and_redis() -> Self {
        let settings = Settings {
            database_url: Some(servers::new_postgres_database().await),
            redis_url: Some(servers::redis_url()),
            ..Settings::default()
        };
        Self::start(settings, 2).await
    }

    /// So many gateways with these settings; folder and port are the test's own.
    pub async fn start(settings: Settings, gateways: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| folder.path().display().to_string());
        let settings = Settings { data_dir: Some(data_dir), listen: Some("127.0.0.1:0".into()), ..settings };
        let mut app = Self { clock: Arc::default(), gateways: Vec::new(), settings, _folder: folder };
        for _ in 0..gateways {
            app.start_gateway().await;
        }
        app
    }

    /// One more gateway.
    pub async fn start_gateway(&mut self) {
        let config = Config::from_settings(self.settings.clone()).expect("good settings");
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        self.gateways.push(App::start(&config, clock).await.expect("the gateway starts"));
    }

    /// Stops the last gateway as SIGTERM does.
    pub async fn stop_gateway(&mut self) {
        self.gateways.pop().expect("a gateway").stop().await;
    }

    /// A stranger at the first gateway.
    pub fn gateway_a(&self) -> Client {
        Client::new(self.gateways.first().expect("a gateway").address)
    }

    /// A stranger at the last gateway: another one, where there are two.
    pub fn gateway_b(&self) -> Client {
        Client::new(self.gateways.last().expect("a gateway").address)
    }

    /// What the first gateway works with.
    pub fn services(&self) -> &Services {
        &self.gateways.first().expect("a gateway").services
    }

    /// What the last gateway works with.
    pub fn services_b(&self) -> &Services {
        &self.gateways.last().expect("a gateway").services
    }

    /// Where the pictures are.
    pub fn blobs(&self) -> PathBuf {
        let data_dir = self.settings.data_dir.as_ref().expect("always set");
        PathBuf::from(data_dir).join("blobs/gig-images")
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.ahead_by_milliseconds.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }
}
