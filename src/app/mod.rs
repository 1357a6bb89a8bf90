//! Builds the gateway from a [`Config`], starts and stops it. Opens the services of a command ([`CliContext`]).

mod database;
pub mod file_limit;
pub mod keys;
pub mod memory_pages;
mod operator;
pub mod redis_connector;
mod start_error;

pub use database::{open_database, open_database_read_only};
pub use start_error::StartError;

use std::net::SocketAddr;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::events::bus::{Bus, BusReceiver};
use crate::events::public_data_version::PublicDataVersion;
use crate::events::redis_channel::RedisChannel;
use crate::events::signed_message::MessageKey;
use crate::events::stream::Streams;
use crate::events::tailer::LogTailer;
use crate::http;
use crate::http::console_files::ConsoleFiles;
use crate::http::state::AppState;
use crate::media::Media;
use crate::media::images::Bounds;
use crate::service::data_export::ExportPermits;
use crate::service::erasure_journal::ErasureJournal;
use crate::service::fair_queue::FairQueue;
use crate::service::identity_access::OpeningCounters;
use crate::service::images::DECODE_LIMITS;
use crate::service::integrity::TagEnforcement;
use crate::service::passwords::PasswordHasher;
use crate::service::picture_index::PictureIndex;
use crate::service::rate_limit::RateLimiter;
use crate::service::tokens::TokenIssuer;
use crate::service::url_signing::UrlSigner;
use crate::service::{
    IdGenerator, Services, SignInThrottle, audit, background_jobs, earlier_versions, erasure, image_variants,
    integrity,
};
use crate::store::{categories, event_log, uncounted};

/// How long `stop` waits for running requests and open sockets.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);

/// How long `stop` waits for background tasks and the database.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a finished command waits until its events are published to Redis.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

/// A running gateway.
#[derive(Debug)]
pub struct App {
    /// The address that it listens on, with the actual port if port 0 was configured.
    pub address: SocketAddr,
    pub services: Arc<Services>,
    stop: CancellationToken,
    sockets: TaskTracker,
    mutations: TaskTracker,
    server: JoinHandle<()>,
    background: Background,
}

/// Tasks that run beside the requests.
#[derive(Debug)]
struct Background {
    stop: CancellationToken,
    /// Set if a task ended by itself: the gateway then cannot work any more.
    has_failed: CancellationToken,
    tasks: TaskTracker,
}

impl App {
    /// Migrates the database, replays the journal of erasures, starts the background tasks and listens.
    ///
    /// # Errors
    /// If a required dependency is unavailable. Redis is not required to start.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_with_console(config, clock, ConsoleFiles::embedded()).await
    }

    /// Starts with these files of the console, instead of those that were built into the program.
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub async fn start_with_console(
        config: &Config,
        clock: Arc<dyn Clock>,
        console_files: ConsoleFiles,
    ) -> Result<Self, StartError> {
        let listen = |error| StartError::Listen { address: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let background = Background::new();
        let (services, bus_receiver) =
            build_services(config, clock, address, &background, Bus::over_redis).await?;
        let services = Arc::new(services);
        integrity::prepare(&services).await.map_err(StartError::Tags)?;
        erasure::replay_journal(&services).await.map_err(StartError::Erasures)?;
        earlier_versions::clean_up(&services).await.map_err(StartError::Erasures)?;
        background.start_tailer(&services, bus_receiver).await?;
        background.spawn(background_jobs::run(Arc::clone(&services)));
        background.spawn(integrity::run(Arc::clone(&services)));
        background.spawn(image_variants::run(Arc::clone(&services)));

        let (stop, sockets, mutations) = (CancellationToken::new(), TaskTracker::new(), TaskTracker::new());
        let state =
            AppState::new(Arc::clone(&services), config, console_files, sockets.clone(), mutations.clone());
        let limits = file_limit::server_limits(config, file_limit::raise());
        let service = http::request_service(state);
        let server = tokio::spawn(http::server::serve(listener, service, stop.clone(), limits));
        Ok(Self { address, services, stop, sockets, mutations, server, background })
    }

    /// Waits until a background task has failed. The gateway must then be restarted.
    pub async fn wait_for_failure(&self) {
        self.background.has_failed.cancelled().await;
    }

    /// Stops accepting connections, waits for running requests, closes open sockets, and then closes
    /// everything else. Takes less than 10 seconds, whatever clients do.
    pub async fn stop(self) {
        self.stop.cancel();
        self.services.streams.dispatcher().close();
        self.sockets.close();
        self.mutations.close();
        let server_abort = self.server.abort_handle();
        let drain = async {
            let _ = self.server.await;
            self.sockets.wait().await;
            self.mutations.wait().await;
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drain).await.is_err() {
            tracing::warn!("drain timed out; aborting running requests");
            server_abort.abort();
        }
        self.background.stop.cancel();
        self.background.tasks.close();
        let close_all = async {
            self.background.tasks.wait().await;
            self.services.db.close().await
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, close_all).await {
            Ok(Ok(())) => tracing::info!("stopped"),
            Ok(Err(error)) => tracing::warn!(%error, "stopped; closing the database failed"),
            Err(_) => tracing::warn!("stopped; closing timed out"),
        }
    }
}

impl Background {
    fn new() -> Self {
        Self {
            stop: CancellationToken::new(),
            has_failed: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Runs the task until the gateway stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, has_failed) = (self.stop.clone(), self.has_failed.clone());
        self.tasks.spawn(async move {
            let task = AssertUnwindSafe(uncounted(task)).catch_unwind();
            if let Some(result) = stop.run_until_cancelled(task).await {
                tracing::error!(panicked = result.is_err(), "background task ended unexpectedly");
                has_failed.cancel();
            }
        });
    }

    /// Starts to tail the event log.
    async fn start_tailer(&self, services: &Services, bus_receiver: BusReceiver) -> Result<(), StartError> {
        let tailer = LogTailer {
            db: services.db.clone(),
            bus: services.bus.clone(),
            dispatcher: Arc::clone(services.streams.dispatcher()),
            dispatched_position: services.streams.dispatched_position().clone(),
            public_data_version: services.public_data_version.clone(),
        };
        tailer.start_at_newest().await?;
        self.spawn(tailer.run(bus_receiver));
        Ok(())
    }
}

/// The services for one command of the command line. It accepts no requests. Its events are published to the
/// running gateways.
#[derive(Debug)]
pub struct CliContext {
    services: Services,
    background: Background,
}

impl CliContext {
    /// Migrates the database and opens the services.
    ///
    /// # Errors
    /// If a required dependency is unavailable.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let background = Background::new();
        let (services, _) =
            build_services(config, clock, config.listen, &background, Bus::publish_only).await?;
        integrity::prepare(&services).await.map_err(StartError::Tags)?;
        Ok(Self { services: Services { operator: Some(operator::current()), ..services }, background })
    }

    /// Waits a short time until the events are published, then closes everything. If an event was not
    /// published by then, the gateways find it in the log.
    ///
    /// # Errors
    /// If the database cannot be closed.
    pub async fn close(self) -> Result<(), StartError> {
        let Self { services, background } = self;
        let db = services.db.clone();
        drop(services);
        background.tasks.close();
        tokio::time::timeout(PUBLISH_TIMEOUT, background.tasks.wait()).await.ok();
        Ok(db.close().await?)
    }
}

impl Deref for CliContext {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// Opens the directory of the images, and creates it if needed.
///
/// # Errors
/// If it cannot be created.
pub fn open_media(config: &Config) -> Result<Media, StartError> {
    let bounds = Bounds { stored_max_bytes: config.limits.gig.image_max_bytes, ..Bounds::default() };
    // Larger than gig images, so that small print stays legible.
    let documents = Bounds { stored_max_side: 3000, stored_max_bytes: 4 * 1024 * 1024, ..Bounds::default() };
    Media::in_directory(&blob_directory(config), bounds, documents)
        .map_err(|error| StartError::data_dir(config, &error))
}

/// The directory of the images.
pub fn blob_directory(config: &Config) -> PathBuf {
    config.data_dir.join("blobs")
}

/// Migrates the database and builds the services. `make_bus` is called only if Redis is configured.
async fn build_services(
    config: &Config,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
    background: &Background,
    make_bus: impl FnOnce(&RedisChannel, &TaskTracker, &CancellationToken) -> (Bus, BusReceiver),
) -> Result<(Services, BusReceiver), StartError> {
    let token_secrets = keys::token_secrets(config).map_err(|error| StartError::data_dir(config, &error))?;
    let passwords = PasswordHasher::new().map_err(StartError::PasswordHashing)?;
    let vault = keys::vault(config).map_err(|error| StartError::data_dir(config, &error))?;
    let media = open_media(config)?;
    let db = open_database(config).await?;
    db.migrate().await?;
    audit::begin(&db, &vault, clock.now()).await.map_err(StartError::AuditTrail)?;
    let catalogue = categories::all(db.read()).await?.into_iter().collect();
    let epoch = event_log::epoch(db.read()).await?;
    let redis = config.redis.as_ref().map(redis_connector::of_address).transpose()?;
    let (bus, bus_receiver) = match &redis {
        None => Bus::in_process(),
        Some(connector) => {
            let keys: Vec<_> = token_secrets
                .iter()
                .rev()
                .map(|secret| secret.derive_key(b"gigway events on Redis"))
                .collect();
            let channel = RedisChannel {
                connector: connector.clone(),
                // Named after the log's epoch, so that two installations on one Redis do not receive each
                // other's events.
                name: format!("gigway:events:{epoch}"),
                key: MessageKey::new(&keys, epoch),
            };
            make_bus(&channel, &background.tasks, &background.stop)
        }
    };
    let rate_limiter = RateLimiter::new(config.rate_limits.clone(), redis.as_ref(), &epoch.to_string());
    let public_data_version = PublicDataVersion::default();
    let streams = Streams::new(db.clone(), epoch);
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    // Without the setting, each gateway has its own default, but all accept the tokens of all.
    let is_issuer_checked = config.public_url.is_some();
    let token_lifetime = config.access_token_lifetime;
    let services = Services {
        db,
        clock,
        limits: config.limits.clone(),
        catalogue,
        bus,
        streams,
        public_data_version,
        media,
        decode_queue: FairQueue::new(DECODE_LIMITS),
        picture_index: PictureIndex::default(),
        vault,
        operator: None,
        tokens: TokenIssuer::new(&token_secrets, &public_url, is_issuer_checked, token_lifetime),
        passwords,
        url_signer: UrlSigner::new(&token_secrets),
        sign_in_throttle: SignInThrottle::new(config.sign_in_failures),
        rate_limiter,
        refresh_retry_window: config.refresh_retry_window,
        erasure_journal: ErasureJournal::new(config.erasure_journal.clone()),
        consent_version: config.consent_version.clone(),
        data_exports: ExportPermits::default(),
        event_retention: config.event_retention,
        ids: IdGenerator::default(),
        opening_counters: OpeningCounters::default(),
        tag_enforcement: TagEnforcement::default(),
        public_url,
    };
    Ok((services, bus_receiver))
}
