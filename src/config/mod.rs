//! The configuration: read once at the start, validated, and passed on as one value.
//!
//! [`Settings`] is the text of every option, as clap reads it from the command line and the environment.
//! [`Config`] is the validated form, with types and defaults. Nothing else reads environment variables.
//! Invalid configuration exits with status 2 and a one-line explanation, the [`ConfigError`].
//!
//! To add a setting:
//! 1. `settings.rs`: a field of [`Settings`]. Its doc comment is the help text: name the unit and the
//!    default. If the value is a secret, add `hide_env_values = true` and a row in
//!    `Settings::read_secret_files`.
//! 2. This file: a field of [`Config`], and one entry in [`Config::from_settings`] that parses the text and
//!    has the default. `parsing.rs` has parsers for numbers, seconds, switches and secrets, and is the place
//!    for more.
//! 3. README.md: a row in the table of variables. `tests.rs`: an invalid value.
//!
//! A limit that the domain's rules check is a row in `src/domain/limits.rs` instead, and a limit of
//! operations is a row in `operation_limits.rs`. Each of these tables is one setting, with a JSON value.

mod encryption_key;
mod guessable;
mod hardening;
mod operation_limits;
mod parsing;
mod rate_limits;
mod redis_address;
mod settings;
mod token_secret;
mod trusted_documents;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;

pub use crate::config::encryption_key::EncryptionKey;
pub use crate::config::operation_limits::OperationLimits;
pub use crate::config::parsing::parse_key_list;
use crate::config::parsing::{
    parse_consent_version, parse_database_url, parse_encryption_keys, parse_environment, parse_get_requests,
    parse_header_names, parse_limits, parse_listen_address, parse_log_filter, parse_log_format, parse_number,
    parse_operation_limits, parse_origins, parse_public_url, parse_rate_limits, parse_redis_url,
    parse_seconds, parse_secret, parse_switch, parse_trusted_proxies,
};
pub use crate::config::redis_address::RedisAddress;
pub use crate::config::settings::Settings;
pub use crate::config::token_secret::TokenSecret;
use crate::config::token_secret::parse_token_secrets;
pub use crate::config::trusted_documents::{TrustMode, TrustedDocuments, document_hash};
use crate::domain::limits::Limits;
use crate::domain::rate_limits::{RateLimitRules, SignInFailureLimits};

/// The kind of installation. Production has stricter defaults, and needs its secrets to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

/// The database to use.
#[derive(Debug, Clone)]
pub enum DatabaseAddress {
    /// The path of the file.
    Sqlite(PathBuf),
    /// The URL, which can contain a password.
    Postgres(SecretString),
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Which queries a client can send by HTTP GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetRequests {
    /// Any query.
    Queries,
    /// Only persisted queries, by their hash or id.
    Persisted,
}

/// Limits of WebSockets and streams.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// How long a new WebSocket may take to send `connection_init`.
    pub init_timeout: Duration,
    /// The time between pings. A WebSocket that sends nothing during two intervals is closed.
    pub ping_interval: Duration,
    /// How long a connection stays open after its access token has expired.
    pub token_grace: Duration,
    /// Open WebSockets and streams per client address, on one gateway.
    pub per_address: usize,
    /// Open TCP connections of all clients. `None`: as many as the limit of open files allows.
    pub tcp: Option<usize>,
    /// Open TCP connections per network without a trusted proxy.
    pub tcp_per_address: usize,
    /// How long a JSON body or a WebSocket message may take.
    pub message_timeout: Duration,
    /// How long a client may take none of the bytes that wait for it.
    pub stall_timeout: Duration,
    /// Concurrent operations per WebSocket.
    pub operations_per_socket: usize,
    /// Concurrent subscriptions per user, on one gateway.
    pub subscriptions_per_viewer: usize,
}

/// The validated configuration.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Config {
    pub listen: SocketAddr,
    /// The base URL that clients use, without a slash at the end. If `None`: `http://` and the listen
    /// address.
    pub public_url: Option<String>,
    pub data_dir: PathBuf,
    /// The file that records erasures outside the database.
    pub erasure_journal: PathBuf,
    pub database: DatabaseAddress,
    pub redis: Option<RedisAddress>,
    pub environment: Environment,
    /// Newest last. Empty only in development, which generates one.
    pub token_secrets: Vec<TokenSecret>,
    /// Newest last. Empty only in development, which generates one.
    pub encryption_keys: Vec<EncryptionKey>,
    /// `None` only in development, which generates one.
    pub index_key: Option<SecretString>,
    /// In the form of the Origin header, such as `https://app.example.com`, or `https://*.example.com`.
    pub allowed_origins: Vec<String>,
    /// More request headers that web pages may send, in lower case.
    pub allowed_headers: Vec<String>,
    /// The networks of proxies whose X-Forwarded-For counts.
    pub trusted_proxies: Vec<IpNet>,
    pub sign_in_failures: SignInFailureLimits,
    /// How long a refresh token that was exchanged gets the same new refresh token again.
    pub refresh_retry_window: TimeDelta,
    pub access_token_lifetime: TimeDelta,
    pub connections: ConnectionLimits,
    /// How long a connection may take to send the headers of its next request. An idle connection is closed
    /// then.
    pub header_timeout: Duration,
    pub operations: OperationLimits,
    pub rate_limits: RateLimitRules,
    /// Whether the gateway is a subgraph of Apollo Federation 2.
    pub federation: bool,
    /// Whether the console and, if there is introspection, GraphiQL are served.
    pub console: bool,
    /// Whether introspection works and error messages suggest similar names.
    pub introspection: bool,
    pub get_requests: GetRequests,
    /// Whether clients can send the hash of a document that they have sent before.
    pub automatic_persisted_queries: bool,
    pub trusted_documents: TrustedDocuments,
    /// The bearer token for `/metrics`. If `None`, production has no `/metrics`.
    pub metrics_token: Option<SecretString>,
    /// Memory for cached responses to anonymous clients, in bytes; 0 turns the cache off.
    pub cache_bytes: u64,
    /// How long the event log keeps events. A client can resume for that long.
    pub event_retention: TimeDelta,
    /// The version of the text that applicants must agree to, if they must.
    pub consent_version: Option<String>,
    pub limits: Limits,
    /// A filter of `tracing_subscriber`.
    pub log: String,
    pub log_format: LogFormat,
}

/// An invalid setting. Its text is one line, such as
/// `GIGWAY_LISTEN is "x": expected an IP address and a port, for example 0.0.0.0:8080`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} {problem}, for example {example}")]
pub struct ConfigError {
    pub variable: &'static str,
    /// What is wrong and what is expected. Never contains the value of a secret.
    pub problem: String,
    /// A valid value, or how to make one.
    pub example: String,
}

impl ConfigError {
    pub fn new(variable: &'static str, problem: impl Into<String>, example: impl Into<String>) -> Self {
        Self { variable, problem: problem.into(), example: example.into() }
    }
}

/// The minimum length of a secret: 32 characters of base64 hold 192 random bits.
pub const SECRET_MIN_CHARS: usize = 32;

/// The default of `GIGWAY_CACHE_BYTES`.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

const SECRET_EXAMPLE: &str = "the output of: openssl rand -base64 48";

impl Config {
    /// Validates the settings.
    ///
    /// # Errors
    /// The first invalid setting.
    pub fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let settings = settings.read_secret_files()?;
        let environment = parse_environment(settings.env.as_deref())?;
        let is_production = environment == Environment::Production;
        let connections = parse_connection_limits(&settings, is_production)?;
        let sign_in_failures = parse_sign_in_failures(&settings)?;
        let data_dir = PathBuf::from(settings.data_dir.unwrap_or_else(|| "./data".into()));
        let token_secrets = parse_token_secrets(settings.token_secret, is_production)?;
        let index_key = parse_secret("GIGWAY_INDEX_KEY", settings.index_key, is_production)?;
        let operations = parse_operation_limits(settings.operation_limits.as_deref())?;
        let is_environment_set = settings.env.is_some();
        let allows_plain_connections = parse_switch(
            "GIGWAY_ALLOW_PLAIN_CONNECTIONS",
            settings.allow_plain_connections.as_deref(),
            false,
        )?;
        let config = Self {
            listen: parse_listen_address(settings.listen.as_deref())?,
            public_url: parse_public_url(settings.public_url.as_deref(), is_production)?,
            database: parse_database_url(settings.database_url, &data_dir)?,
            erasure_journal: settings
                .erasure_journal
                .map_or_else(|| data_dir.join("erasures.log"), PathBuf::from),
            data_dir,
            redis: settings.redis_url.as_deref().map(parse_redis_url).transpose()?,
            environment,
            token_secrets,
            encryption_keys: parse_encryption_keys(settings.encryption_keys.as_deref(), is_production)?,
            index_key,
            allowed_headers: parse_header_names(settings.allowed_headers.as_deref())?,
            allowed_origins: parse_origins(settings.allowed_origins.as_deref())?,
            trusted_proxies: parse_trusted_proxies(
                settings.trusted_proxies.as_deref(),
                settings.proxies.is_some(),
            )?,
            sign_in_failures,
            refresh_retry_window: TimeDelta::seconds(
                parse_number(
                    "GIGWAY_REFRESH_RETRY_SECONDS",
                    settings.refresh_retry_seconds.as_deref(),
                    0_u16,
                    30,
                )?
                .into(),
            ),
            access_token_lifetime: TimeDelta::seconds(
                parse_number(
                    "GIGWAY_ACCESS_TOKEN_SECONDS",
                    settings.access_token_seconds.as_deref(),
                    1_u16,
                    900,
                )?
                .into(),
            ),
            connections,
            header_timeout: parse_seconds(
                "GIGWAY_HEADER_SECONDS",
                settings.header_seconds.as_deref(),
                1,
                65,
            )?,
            rate_limits: parse_rate_limits(settings.budgets.as_deref(), environment, &operations)?,
            operations,
            federation: parse_switch("GIGWAY_FEDERATION", settings.federation.as_deref(), false)?,
            console: parse_switch("GIGWAY_CONSOLE", settings.console.as_deref(), !is_production)?,
            introspection: parse_switch(
                "GIGWAY_INTROSPECTION",
                settings.introspection.as_deref(),
                !is_production,
            )?,
            get_requests: parse_get_requests(settings.get.as_deref())?,
            automatic_persisted_queries: parse_switch(
                "GIGWAY_AUTOMATIC_PERSISTED_QUERIES",
                settings.automatic_persisted_queries.as_deref(),
                true,
            )?,
            trusted_documents: TrustedDocuments::load(
                settings.trusted_documents.as_deref(),
                settings.trusted_documents_mode.as_deref(),
            )?,
            metrics_token: parse_secret("GIGWAY_METRICS_TOKEN", settings.metrics_token, false)?,
            cache_bytes: parse_number(
                "GIGWAY_CACHE_BYTES",
                settings.cache_bytes.as_deref(),
                0_u64,
                CACHE_BYTES,
            )?,
            event_retention: TimeDelta::days(
                parse_number("GIGWAY_EVENTS_KEPT_DAYS", settings.events_kept_days.as_deref(), 1_u16, 30)?
                    .into(),
            ),
            consent_version: parse_consent_version(settings.consent_version.as_deref())?,
            limits: parse_limits(settings.limits.as_deref())?,
            log: parse_log_filter(settings.log)?,
            log_format: parse_log_format(settings.log_format.as_deref(), is_production)?,
        };
        hardening::check(&config, is_environment_set, allows_plain_connections)?;
        Ok(config)
    }

    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }
}

fn parse_sign_in_failures(settings: &Settings) -> Result<SignInFailureLimits, ConfigError> {
    Ok(SignInFailureLimits {
        per_account_and_network: parse_number(
            "GIGWAY_SIGN_IN_FAILURES",
            settings.sign_in_failures.as_deref(),
            1,
            10,
        )?,
        per_account: parse_number(
            "GIGWAY_SIGN_IN_FAILURES_PER_ACCOUNT",
            settings.sign_in_failures_per_account.as_deref(),
            1,
            100,
        )?,
        per_network: parse_number(
            "GIGWAY_SIGN_IN_FAILURES_PER_ADDRESS",
            settings.sign_in_failures_per_address.as_deref(),
            1,
            100,
        )?,
    })
}

fn parse_connection_limits(
    settings: &Settings,
    is_production: bool,
) -> Result<ConnectionLimits, ConfigError> {
    let per_address = parse_number(
        "GIGWAY_CONNECTIONS_PER_ADDRESS",
        settings.connections_per_address.as_deref(),
        1,
        if is_production { 1_000 } else { 10_000 },
    )?;
    let tcp = settings.tcp_connections.as_deref();
    Ok(ConnectionLimits {
        ping_interval: parse_seconds(
            "GIGWAY_SOCKET_PING_SECONDS",
            settings.socket_ping_seconds.as_deref(),
            1,
            25,
        )?,
        init_timeout: parse_seconds(
            "GIGWAY_SOCKET_INIT_SECONDS",
            settings.socket_init_seconds.as_deref(),
            1,
            3,
        )?,
        token_grace: parse_seconds(
            "GIGWAY_TOKEN_GRACE_SECONDS",
            settings.token_grace_seconds.as_deref(),
            0,
            30,
        )?,
        per_address,
        tcp: tcp.map(|text| parse_number("GIGWAY_TCP_CONNECTIONS", Some(text), 1, 10_000)).transpose()?,
        tcp_per_address: parse_number(
            "GIGWAY_TCP_CONNECTIONS_PER_ADDRESS",
            settings.tcp_connections_per_address.as_deref(),
            1,
            per_address.saturating_mul(2).max(100),
        )?,
        message_timeout: parse_seconds("GIGWAY_MESSAGE_SECONDS", settings.message_seconds.as_deref(), 1, 20)?,
        stall_timeout: parse_seconds("GIGWAY_STALL_SECONDS", settings.stall_seconds.as_deref(), 1, 60)?,
        operations_per_socket: parse_number(
            "GIGWAY_OPERATIONS_PER_SOCKET",
            settings.operations_per_socket.as_deref(),
            1,
            100,
        )?,
        subscriptions_per_viewer: parse_number(
            "GIGWAY_SUBSCRIPTIONS_PER_VIEWER",
            settings.subscriptions_per_viewer.as_deref(),
            1,
            if is_production { 1_000 } else { 10_000 },
        )?,
    })
}

#[cfg(test)]
mod tests;
