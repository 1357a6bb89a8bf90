//! The configuration: what the environment and the command line say, checked once into one value.

mod encryption_key;
mod operation_limits;
mod parsing;
mod rate_limits;
mod redis_address;
mod settings;
mod trusted_documents;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;

pub use crate::config::encryption_key::EncryptionKey;
pub use crate::config::redis_address::RedisAddress;
use crate::domain::limits::Limits;
use crate::domain::rate_limits::RateLimitRules;

pub use crate::config::operation_limits::OperationLimits;
pub use crate::config::parsing::named_keys;
use crate::config::parsing::{
    budgets, database, encryption_keys, environment, get_requests, limits, listen, log, log_format, number,
    operation_limits, origins, public_url, redis, seconds, secret, switch,
};
pub use crate::config::settings::Settings;
pub use crate::config::trusted_documents::{Trust, TrustedDocuments, hash_of};

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

/// Where the rows are.
#[derive(Debug, Clone)]
pub enum DatabaseAddress {
    Sqlite(PathBuf),
    Postgres(SecretString),
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// What GET may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetRequests {
    /// Any query.
    Queries,
    /// A query by its hash or its id alone.
    Persisted,
}

/// What connections that last may have, and how long.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// How long a socket's client may take to introduce itself.
    pub socket_init: Duration,
    /// How often to ask a socket's client whether it is still there. One that has said nothing through two of these
    /// is not.
    pub ping_every: Duration,
    /// How long a connection lives on behind its credentials.
    pub token_grace: Duration,
    /// Sockets and streams from one address, on one gateway.
    pub per_address: usize,
    /// Queries, mutations and subscriptions of one socket at a time.
    pub operations_per_socket: usize,
    /// On one gateway.
    pub subscriptions_per_viewer: usize,
}

/// A whole configuration, every value of which is good.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Without a slash at the end; `None` follows `listen`.
    pub public_url: Option<String>,
    pub data_dir: PathBuf,
    pub database: DatabaseAddress,
    pub redis: Option<RedisAddress>,
    pub environment: Environment,
    /// `None` generates one, in development alone.
    pub token_secret: Option<SecretString>,
    /// Empty generates one, in development alone. The newest last.
    pub encryption_keys: Vec<EncryptionKey>,
    /// `None` generates one, in development alone.
    pub index_key: Option<SecretString>,
    /// As browsers send them, such as `https://app.example.com`.
    pub allowed_origins: Vec<String>,
    pub proxies: usize,
    pub sign_in_failures: u32,
    pub sign_in_failures_per_address: u32,
    pub connections: ConnectionLimits,
    /// How long a connection may take to say what it wants, also after it has been answered.
    pub headers_within: Duration,
    pub operations: OperationLimits,
    pub budgets: RateLimitRules,
    /// Whether the schema shows itself, and names that are nearly right are told.
    pub introspection: bool,
    pub get_requests: GetRequests,
    /// Whether a document that a client has sent once can be asked for by its hash.
    pub automatic_persisted_queries: bool,
    pub trusted_documents: TrustedDocuments,
    /// What `/metrics` takes; without one, production has no `/metrics`.
    pub metrics_token: Option<SecretString>,
    /// Bytes of answers to strangers that are kept; 0 keeps none.
    pub cache_bytes: u64,
    /// How long the log keeps what happened, and so for how long a client may be away.
    pub events_kept: TimeDelta,
    pub limits: Limits,
    pub log: String,
    pub log_format: LogFormat,
}

/// A value that is not good: which, why, and what would be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} {violation}; a good value: {example}")]
pub struct ConfigError {
    pub variable: &'static str,
    /// Never the value itself where that is a secret.
    pub violation: String,
    pub example: &'static str,
}

impl ConfigError {
    fn new(variable: &'static str, violation: impl Into<String>, example: &'static str) -> Self {
        Self { variable, violation: violation.into(), example }
    }
}

/// The fewest characters of a secret: 32 of base64 hold 192 random bits.
pub const SECRET_MIN_CHARS: usize = 32;

/// Bytes of answers that are kept where nobody says how many.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

const SECRET_EXAMPLE: &str = "the output of: openssl rand -base64 48";

impl Config {
    /// Checks what was written.
    ///
    /// # Errors
    /// The first value that is not good.
    pub fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let settings = settings.with_files()?;
        let environment = environment(settings.env.as_deref())?;
        let production = environment == Environment::Production;
        let data_dir = PathBuf::from(settings.data_dir.unwrap_or_else(|| "./data".into()));
        let token_secret = secret("GIGWAY_TOKEN_SECRET", settings.token_secret, production)?;
        let index_key = secret("GIGWAY_INDEX_KEY", settings.index_key, production)?;
        let operations = operation_limits(settings.operation_limits.as_deref())?;
        Ok(Self {
            listen: listen(settings.listen.as_deref())?,
            public_url: public_url(settings.public_url.as_deref(), production)?,
            database: database(settings.database_url, &data_dir)?,
            data_dir,
            redis: settings.redis_url.as_deref().map(redis).transpose()?,
            environment,
            token_secret,
            encryption_keys: encryption_keys(settings.encryption_keys.as_deref(), production)?,
            index_key,
            allowed_origins: origins(settings.allowed_origins.as_deref())?,
            proxies: number("GIGWAY_PROXIES", settings.proxies.as_deref(), (0, 0), "1")?,
            sign_in_failures: number(
                "GIGWAY_SIGN_IN_FAILURES",
                settings.sign_in_failures.as_deref(),
                (1, 10),
                "10",
            )?,
            sign_in_failures_per_address: number(
                "GIGWAY_SIGN_IN_FAILURES_PER_ADDRESS",
                settings.sign_in_failures_per_address.as_deref(),
                (1, 100),
                "100",
            )?,
            connections: ConnectionLimits {
                ping_every: seconds(
                    "GIGWAY_SOCKET_PING_SECONDS",
                    settings.socket_ping_seconds.as_deref(),
                    (1, 25),
                )?,
                socket_init: seconds(
                    "GIGWAY_SOCKET_INIT_SECONDS",
                    settings.socket_init_seconds.as_deref(),
                    (1, 3),
                )?,
                token_grace: seconds(
                    "GIGWAY_TOKEN_GRACE_SECONDS",
                    settings.token_grace_seconds.as_deref(),
                    (0, 30),
                )?,
                per_address: number(
                    "GIGWAY_CONNECTIONS_PER_ADDRESS",
                    settings.connections_per_address.as_deref(),
                    (1, if production { 1_000 } else { 10_000 }),
                    "1000",
                )?,
                operations_per_socket: number(
                    "GIGWAY_OPERATIONS_PER_SOCKET",
                    settings.operations_per_socket.as_deref(),
                    (1, 100),
                    "100",
                )?,
                subscriptions_per_viewer: number(
                    "GIGWAY_SUBSCRIPTIONS_PER_VIEWER",
                    settings.subscriptions_per_viewer.as_deref(),
                    (1, if production { 1_000 } else { 10_000 }),
                    "1000",
                )?,
            },
            headers_within: seconds("GIGWAY_HEADER_SECONDS", settings.header_seconds.as_deref(), (1, 65))?,
            budgets: budgets(settings.budgets.as_deref(), environment, &operations)?,
            operations,
            introspection: switch("GIGWAY_INTROSPECTION", settings.introspection.as_deref(), !production)?,
            get_requests: get_requests(settings.get.as_deref())?,
            automatic_persisted_queries: switch(
                "GIGWAY_AUTOMATIC_PERSISTED_QUERIES",
                settings.automatic_persisted_queries.as_deref(),
                true,
            )?,
            trusted_documents: TrustedDocuments::read(
                settings.trusted_documents.as_deref(),
                settings.trusted_documents_mode.as_deref(),
            )?,
            metrics_token: secret("GIGWAY_METRICS_TOKEN", settings.metrics_token, false)?,
            cache_bytes: number(
                "GIGWAY_CACHE_BYTES",
                settings.cache_bytes.as_deref(),
                (0_u64, CACHE_BYTES),
                "67108864",
            )?,
            events_kept: TimeDelta::days(
                number("GIGWAY_EVENTS_KEPT_DAYS", settings.events_kept_days.as_deref(), (1_u16, 30), "30")?
                    .into(),
            ),
            limits: limits(settings.limits.as_deref())?,
            log: log(settings.log)?,
            log_format: log_format(settings.log_format.as_deref(), production)?,
        })
    }

    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }
}

#[cfg(test)]
mod tests;
