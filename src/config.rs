//! The configuration: what the environment and the command line say, checked once into one value.

mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::domain::limits::Limits;
use crate::live::redis_address::RedisAddress;
use crate::media::vault::NamedKey;

pub use self::settings::Settings;

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
    pub encryption_keys: Vec<NamedKey>,
    /// `None` generates one, in development alone.
    pub index_key: Option<SecretString>,
    /// As browsers send them, such as `https://app.example.com`.
    pub allowed_origins: Vec<String>,
    pub proxies: usize,
    pub sign_in_failures: u32,
    pub sign_in_failures_per_address: u32,
    pub connections: ConnectionLimits,
    /// How long the log keeps what happened, and so for how long a client may be away.
    pub events_kept: TimeDelta,
    pub limits: Limits,
    pub log: String,
    pub log_format: LogFormat,
}

/// A value that is not good: which, why, and what would be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable} {fault}; a good value: {example}")]
pub struct ConfigError {
    pub variable: &'static str,
    /// Never the value itself where that is a secret.
    pub fault: String,
    pub example: &'static str,
}

impl ConfigError {
    fn new(variable: &'static str, fault: impl Into<String>, example: &'static str) -> Self {
        Self { variable, fault: fault.into(), example }
    }
}

/// The fewest characters of a secret: 32 of base64 hold 192 random bits.
pub const SECRET_MIN_CHARS: usize = 32;

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

fn listen(given: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let address = given.unwrap_or("127.0.0.1:8080");
    address.parse().map_err(|_| {
        let fault = format!("is {address:?}, which is no IP address and port");
        ConfigError::new("GIGWAY_LISTEN", fault, "0.0.0.0:8080")
    })
}

fn public_url(given: Option<&str>, production: bool) -> Result<Option<String>, ConfigError> {
    let fault = |fault: String| ConfigError::new("GIGWAY_PUBLIC_URL", fault, "https://api.example.com");
    match given {
        // The address that it listens on is seldom the one that clients see.
        None if production => {
            Err(fault("is not set, and production needs it for the addresses it gives".into()))
        }
        None => Ok(None),
        Some(text) => {
            let plain = Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && text.starts_with(&format!("{}://", url.scheme()))
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            if plain {
                return Ok(Some(text.trim_end_matches('/').to_owned()));
            }
            Err(fault(format!("is {text:?}, which is no http:// or https:// address")))
        }
    }
}

fn database(given: Option<String>, data_dir: &std::path::Path) -> Result<DatabaseAddress, ConfigError> {
    let Some(url) = given else {
        return Ok(DatabaseAddress::Sqlite(data_dir.join("gigway.sqlite")));
    };
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if !file.is_empty() && !file.starts_with(':') && !file.contains('?') {
            return Ok(DatabaseAddress::Sqlite(file.into()));
        }
    }
    let scheme = Url::parse(&url).ok().map(|url| url.scheme().to_owned());
    if matches!(scheme.as_deref(), Some("postgres" | "postgresql")) {
        return Ok(DatabaseAddress::Postgres(url.into()));
    }
    let fault = "is neither a postgres:// address nor sqlite: and a file";
    Err(ConfigError::new("DATABASE_URL", fault, "postgres://gigway:password@db.example.com/gigway"))
}

fn redis(given: &str) -> Result<RedisAddress, ConfigError> {
    RedisAddress::parse(given).map_err(|_| {
        let fault = "is no redis://, rediss://, redis+cluster:// or redis+sentinel:// address";
        ConfigError::new("REDIS_URL", fault, "redis://redis.example.com:6379")
    })
}

fn environment(given: Option<&str>) -> Result<Environment, ConfigError> {
    match given.unwrap_or("development") {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        other => {
            let fault = format!("is {other:?}, which is neither development nor production");
            Err(ConfigError::new("GIGWAY_ENV", fault, "production"))
        }
    }
}

fn secret(
    variable: &'static str,
    given: Option<String>,
    production: bool,
) -> Result<Option<SecretString>, ConfigError> {
    let fault = |fault: &str| ConfigError::new(variable, fault, SECRET_EXAMPLE);
    match given {
        None if production => Err(fault("is not set, and production generates no keys")),
        None => Ok(None),
        Some(secret) if secret.chars().count() < SECRET_MIN_CHARS => {
            Err(fault(&format!("has fewer than {SECRET_MIN_CHARS} characters")))
        }
        Some(secret) => Ok(Some(secret.into())),
    }
}

fn encryption_keys(given: Option<&str>, production: bool) -> Result<Vec<NamedKey>, ConfigError> {
    let variable = "GIGWAY_ENCRYPTION_KEYS";
    let fault = |fault: &str| {
        ConfigError::new(variable, fault, "2026-11:, then the output of: openssl rand -base64 32")
    };
    match given {
        None if production => Err(fault("is not set, and production generates no keys")),
        None => Ok(Vec::new()),
        Some(list) => named_keys(list).map_err(|wrong| fault(&wrong)),
    }
}

/// Keys as they are written: `id:base64`, separated by commas or line ends.
///
/// # Errors
/// What is wrong with the first that is none; never the key itself.
pub fn named_keys(list: &str) -> Result<Vec<NamedKey>, String> {
    let mut keys: Vec<NamedKey> = Vec::new();
    for (number, entry) in
        list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).enumerate()
    {
        let number = number + 1;
        let (id, key) =
            entry.split_once(':').ok_or_else(|| format!("has no id and colon in entry {number}"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(format!("has an id that is not 1 to 64 letters, digits, - _ or . in entry {number}"));
        }
        if keys.iter().any(|key| key.id == id) {
            return Err(format!("has the id {id:?} twice"));
        }
        let bytes = BASE64_STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| format!("has no base64 of 32 bytes in entry {number}"))?;
        keys.push(NamedKey { id: id.to_owned(), bytes: Zeroizing::new(bytes) });
    }
    if keys.is_empty() { Err("has no key".to_owned()) } else { Ok(keys) }
}

fn origins(given: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let listed = given.unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty());
    listed
        .map(|text| {
            let origin = Url::parse(text).ok().map(|url| url.origin());
            match origin {
                Some(origin) if origin.is_tuple() && origin.ascii_serialization() == text => {
                    Ok(text.to_owned())
                }
                _ => {
                    let fault = format!("has {text:?}, which is no origin (scheme, host, port, no path)");
                    let example = "https://app.example.com,https://admin.example.com";
                    Err(ConfigError::new("GIGWAY_ALLOWED_ORIGINS", fault, example))
                }
            }
        })
        .collect()
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    variable: &'static str,
    given: Option<&str>,
    (least, default): (T, T),
    example: &'static str,
) -> Result<T, ConfigError> {
    let Some(text) = given else { return Ok(default) };
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => {
            let fault = format!("is {text:?}, which is no whole number of {least} or more");
            Err(ConfigError::new(variable, fault, example))
        }
    }
}

fn seconds(
    variable: &'static str,
    given: Option<&str>,
    (least, default): (u16, u16),
) -> Result<Duration, ConfigError> {
    let number: u16 = number(variable, given, (least, default), "30")?;
    Ok(Duration::from_secs(number.into()))
}

fn limits(given: Option<&str>) -> Result<Limits, ConfigError> {
    let Some(json) = given else { return Ok(Limits::default()) };
    let fault = |fault: String| ConfigError::new("GIGWAY_LIMITS", fault, r#"{"gig":{"imagesMax":8}}"#);
    let limits: Limits =
        serde_json::from_str(json).map_err(|error| fault(format!("cannot be read: {error}")))?;
    limits.check().map_err(|wrong| fault(format!("cannot be kept: {wrong}")))?;
    Ok(limits)
}

fn log(given: Option<String>) -> Result<String, ConfigError> {
    let filter = given.unwrap_or_else(|| "info".into());
    if tracing_subscriber::EnvFilter::try_new(&filter).is_ok() {
        return Ok(filter);
    }
    let fault = format!("is {filter:?}, which is no log filter");
    Err(ConfigError::new("GIGWAY_LOG", fault, "info,gigway=debug"))
}

fn log_format(given: Option<&str>, production: bool) -> Result<LogFormat, ConfigError> {
    match given {
        None if production => Ok(LogFormat::Json),
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => {
            let fault = format!("is {other:?}, which is neither text nor json");
            Err(ConfigError::new("GIGWAY_LOG_FORMAT", fault, "json"))
        }
    }
}

#[cfg(test)]
mod tests;
