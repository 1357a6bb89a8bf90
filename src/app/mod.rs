//! Builds everything from a configuration, and takes it down in order.

pub mod keys;

use std::net::SocketAddr;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::{Config, DatabaseAddress, RedisAddress};
use crate::events::bus::{Bus, BusReceiver};
use crate::events::public_data_version::PublicDataVersion;
use crate::events::redis_connector::RedisConnector;
use crate::events::stream::Streams;
use crate::events::tailer::LogTailer;
use crate::http;
use crate::http::state::AppState;
use crate::media::Media;
use crate::media::images::Bounds;
use crate::service::rate_limit::RateLimiter;
use crate::service::secrets::Secrets;
use crate::service::{IdGenerator, LoginThrottle, Services, background_jobs};
use crate::store::{Database, categories, event_log};

/// How long a statement may take, where no operation may take longer: housekeeping and commands have some, too.
const STATEMENT_WITHIN: Duration = Duration::from_secs(30);

/// How long running requests and open sockets are given to end.
const DRAIN_WITHIN: Duration = Duration::from_secs(7);

/// How long everything else is given.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// How long a command that is done waits for Redis.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// Why the gateway could not start. One line each, and no secret in it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error("cannot use the data folder {folder}: {error}")]
    DataDir { folder: String, error: String },
    #[error("cannot use the database: {0}")]
    Database(#[from] crate::store::Error),
    #[error("cannot use REDIS_URL: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("cannot make keys: {0}")]
    Keys(crate::service::Error),
}

/// A gateway that serves.
#[derive(Debug)]
pub struct App {
    /// Where it listens, also where the configuration left the port open.
    pub address: SocketAddr,
    pub services: Arc<Services>,
    stop: CancellationToken,
    sockets: TaskTracker,
    mutations: TaskTracker,
    server: JoinHandle<()>,
    background: Background,
}

/// What goes on beside the requests.
#[derive(Debug)]
struct Background {
    stop: CancellationToken,
    /// Set where one of the tasks has ended by itself, so that the gateway is none any more.
    broken: CancellationToken,
    tasks: TaskTracker,
}

impl App {
    /// Starts a gateway: brings the database to the newest shape, then listens.
    ///
    /// # Errors
    /// Where something that it cannot do without is not there. Redis is not among that.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let listen = |error| StartError::Listen { address: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let background = Background::new();
        let (services, heard) = connect(config, clock, address, &background, Bus::over_redis).await?;
        let services = Arc::new(services);
        background.follow(&services, heard).await?;
        background.spawn(background_jobs::run(Arc::clone(&services)));

        let (stop, sockets, mutations) = (CancellationToken::new(), TaskTracker::new(), TaskTracker::new());
        let state = AppState::new(Arc::clone(&services), config, sockets.clone(), mutations.clone());
        let serving = http::server::serve(listener, http::router(state), stop.clone(), config.headers_within);
        let server = tokio::spawn(serving);
        Ok(Self { address, services, stop, sockets, mutations, server, background })
    }

    /// Waits until the gateway cannot go on: then it is best stopped, and started anew.
    pub async fn broken(&self) {
        self.background.broken.cancelled().await;
    }

    /// Takes no more work, lets what runs end, tells open sockets that it goes away, and closes everything:
    /// within 10 seconds, whatever clients do.
    pub async fn stop(self) {
        self.stop.cancel();
        self.services.streams.dispatcher().close();
        self.sockets.close();
        self.mutations.close();
        let aborted = self.server.abort_handle();
        let drained = async {
            let _ = self.server.await;
            self.sockets.wait().await;
            self.mutations.wait().await;
        };
        if tokio::time::timeout(DRAIN_WITHIN, drained).await.is_err() {
            tracing::warn!("requests that did not end in time are cut off");
            aborted.abort();
        }
        self.background.stop.cancel();
        self.background.tasks.close();
        let finished = async {
            self.background.tasks.wait().await;
            self.services.db.close().await
        };
        match tokio::time::timeout(FINISH_WITHIN, finished).await {
            Ok(Ok(())) => tracing::info!("stopped"),
            Ok(Err(error)) => tracing::warn!(%error, "stopped; the database was not closed in order"),
            Err(_) => tracing::warn!("stopped; something did not end in time"),
        }
    }
}

impl Background {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), broken: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    /// Runs the task until the gateway stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, broken) = (self.stop.clone(), self.broken.clone());
        self.tasks.spawn(async move {
            let running = AssertUnwindSafe(task).catch_unwind();
            if let Some(ended) = stop.run_until_cancelled(running).await {
                tracing::error!(panicked = ended.is_err(), "a task that must not end has ended");
                broken.cancel();
            }
        });
    }

    /// Begins to follow the log.
    async fn follow(&self, services: &Services, heard: BusReceiver) -> Result<(), StartError> {
        let follower = LogTailer {
            db: services.db.clone(),
            bus: services.bus.clone(),
            dispatcher: Arc::clone(services.streams.dispatcher()),
            dispatched: services.streams.dispatched().clone(),
            public_data_version: services.public_data_version.clone(),
        };
        follower.start_at_head().await?;
        self.spawn(follower.run(heard));
        Ok(())
    }
}

/// Everything that acts work with, for one command of the command line. It serves nobody; what it does is told to the
/// gateways as soon as it is done.
#[derive(Debug)]
pub struct CliContext {
    services: Services,
    background: Background,
}

impl CliContext {
    /// # Errors
    /// Where something that it cannot do without is not there.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let background = Background::new();
        let (services, _) = connect(config, clock, config.listen, &background, Bus::to_redis).await?;
        Ok(Self { services, background })
    }

    /// Closes everything, once all is told that can be told soon: the rest, gateways find in the log.
    ///
    /// # Errors
    /// Where the database cannot be closed in order.
    pub async fn close(self) -> Result<(), StartError> {
        let Self { services, background } = self;
        let db = services.db.clone();
        drop(services);
        background.tasks.close();
        tokio::time::timeout(TELL_WITHIN, background.tasks.wait()).await.ok();
        Ok(db.close().await?)
    }
}

impl Deref for CliContext {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// The database as the configuration names it, in whatever shape it is.
///
/// # Errors
/// Where it does not answer, or the file cannot be made.
pub async fn open_database(config: &Config) -> Result<Database, StartError> {
    match &config.database {
        DatabaseAddress::Sqlite(file) => {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder).map_err(|error| data_dir(config, &error))?;
            }
            Ok(Database::open_sqlite(file).await?)
        }
        DatabaseAddress::Postgres(url) => {
            let within = config.operations.query_within().max(config.operations.mutation_within());
            Ok(Database::connect_postgres(url.expose_secret(), within.max(STATEMENT_WITHIN)).await?)
        }
    }
}

/// The pictures' folder.
///
/// # Errors
/// Where it cannot be made.
pub fn open_media(config: &Config) -> Result<Media, StartError> {
    let bounds = Bounds { stored_max_bytes: config.limits.gig.image_max_bytes, ..Bounds::default() };
    // Larger than gig images: what is printed small must stay legible.
    let documents = Bounds { stored_max_side: 3000, stored_max_bytes: 4 * 1024 * 1024, ..Bounds::default() };
    Media::in_folder(&config.data_dir.join("blobs"), bounds, documents)
        .map_err(|error| data_dir(config, &error))
}

fn data_dir(config: &Config, error: &dyn std::fmt::Display) -> StartError {
    StartError::DataDir { folder: config.data_dir.display().to_string(), error: error.to_string() }
}

async fn connect(
    config: &Config,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
    background: &Background,
    over_redis: impl FnOnce(&RedisConnector, &str, &TaskTracker, &CancellationToken) -> (Bus, BusReceiver),
) -> Result<(Services, BusReceiver), StartError> {
    let token_secret = keys::token_secret(config).map_err(|error| data_dir(config, &error))?;
    let secrets = Secrets::new(&token_secret).map_err(StartError::Keys)?;
    let vault = keys::vault(config).map_err(|error| data_dir(config, &error))?;
    let media = open_media(config)?;
    let db = open_database(config).await?;
    db.migrate().await?;
    let catalogue = categories::all(db.read()).await?.into_iter().collect();
    let epoch = event_log::epoch(db.read()).await?;
    let redis = config.redis.as_ref().map(redis_connector).transpose()?;
    let (bus, heard) = match &redis {
        None => Bus::in_process(),
        Some(connector) => {
            // Named after the log, so that two installations on one Redis never hear each other.
            let channel = format!("gigway:events:{epoch}");
            over_redis(connector, &channel, &background.tasks, &background.stop)
        }
    };
    let rate_limiter = RateLimiter::new(config.budgets.clone(), redis.as_ref(), &epoch.to_string());
    let public_data_version = PublicDataVersion::default();
    let streams = Streams::new(db.clone(), epoch, public_data_version.clone());
    let services = Services {
        db,
        clock,
        limits: config.limits.clone(),
        catalogue,
        bus,
        streams,
        public_data_version,
        media,
        vault,
        secrets,
        login_throttle: LoginThrottle::new(config.sign_in_failures, config.sign_in_failures_per_address),
        rate_limiter,
        events_kept: config.events_kept,
        ids: IdGenerator::default(),
        public_url: config.public_url.clone().unwrap_or_else(|| format!("http://{address}")),
    };
    Ok((services, heard))
}

/// How to reach the Redis of the configuration.
///
/// # Errors
/// Where an address is none.
pub fn redis_connector(address: &RedisAddress) -> Result<RedisConnector, StartError> {
    Ok(match address {
        RedisAddress::Nodes(nodes) => {
            let clients = nodes.iter().map(|node| redis::Client::open(node.clone()));
            RedisConnector::Nodes(clients.collect::<redis::RedisResult<_>>()?)
        }
        RedisAddress::Sentinels { sentinels, master, node } => RedisConnector::Sentinels {
            sentinels: sentinels.clone(),
            master: master.clone(),
            node: node.clone(),
        },
    })
}
