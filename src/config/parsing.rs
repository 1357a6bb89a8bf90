//! What is written, read: each function says what is wrong with a value, and what a good one would be.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::config::encryption_key::EncryptionKey;
use crate::config::rate_limits::{self, GivenRules};
use crate::config::redis_address::RedisAddress;
use crate::config::{
    ConfigError, DatabaseAddress, Environment, GetRequests, LogFormat, OperationLimits, SECRET_EXAMPLE,
    SECRET_MIN_CHARS,
};
use crate::domain::limits::Limits;
use crate::domain::rate_limits::RateLimitRules;

pub(super) fn listen(given: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let address = given.unwrap_or("127.0.0.1:8080");
    address.parse().map_err(|_| {
        let violation = format!("is {address:?}, which is no IP address and port");
        ConfigError::new("GIGWAY_LISTEN", violation, "0.0.0.0:8080")
    })
}

pub(super) fn public_url(given: Option<&str>, production: bool) -> Result<Option<String>, ConfigError> {
    let violation =
        |violation: String| ConfigError::new("GIGWAY_PUBLIC_URL", violation, "https://api.example.com");
    match given {
        // The address that it listens on is seldom the one that clients see.
        None if production => {
            Err(violation("is not set, and production needs it for the addresses it gives".into()))
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
            Err(violation(format!("is {text:?}, which is no http:// or https:// address")))
        }
    }
}

pub(super) fn database(given: Option<String>, data_dir: &Path) -> Result<DatabaseAddress, ConfigError> {
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
    let violation = "is neither a postgres:// address nor sqlite: and a file";
    Err(ConfigError::new("DATABASE_URL", violation, "postgres://gigway:password@db.example.com/gigway"))
}

pub(super) fn redis(given: &str) -> Result<RedisAddress, ConfigError> {
    RedisAddress::parse(given).map_err(|_| {
        let violation = "is no redis://, rediss://, redis+cluster:// or redis+sentinel:// address";
        ConfigError::new("REDIS_URL", violation, "redis://redis.example.com:6379")
    })
}

pub(super) fn environment(given: Option<&str>) -> Result<Environment, ConfigError> {
    match given.unwrap_or("development") {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        other => {
            let violation = format!("is {other:?}, which is neither development nor production");
            Err(ConfigError::new("GIGWAY_ENV", violation, "production"))
        }
    }
}

pub(super) fn secret(
    variable: &'static str,
    given: Option<String>,
    production: bool,
) -> Result<Option<SecretString>, ConfigError> {
    let violation = |violation: &str| ConfigError::new(variable, violation, SECRET_EXAMPLE);
    match given {
        None if production => Err(violation("is not set, and production generates no keys")),
        None => Ok(None),
        Some(secret) if secret.chars().count() < SECRET_MIN_CHARS => {
            Err(violation(&format!("has fewer than {SECRET_MIN_CHARS} characters")))
        }
        Some(secret) => Ok(Some(secret.into())),
    }
}

pub(super) fn encryption_keys(
    given: Option<&str>,
    production: bool,
) -> Result<Vec<EncryptionKey>, ConfigError> {
    let variable = "GIGWAY_ENCRYPTION_KEYS";
    let violation = |violation: &str| {
        ConfigError::new(variable, violation, "2026-11:, then the output of: openssl rand -base64 32")
    };
    match given {
        None if production => Err(violation("is not set, and production generates no keys")),
        None => Ok(Vec::new()),
        Some(list) => named_keys(list).map_err(|wrong| violation(&wrong)),
    }
}

/// Keys as they are written: `id:base64`, separated by commas or line ends.
///
/// # Errors
/// What is wrong with the first that is none; never the key itself.
pub fn named_keys(list: &str) -> Result<Vec<EncryptionKey>, String> {
    let mut keys: Vec<EncryptionKey> = Vec::new();
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
        keys.push(EncryptionKey { id: id.to_owned(), bytes: Zeroizing::new(bytes) });
    }
    if keys.is_empty() { Err("has no key".to_owned()) } else { Ok(keys) }
}

pub(super) fn origins(given: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let listed = given.unwrap_or_default().split(',').map(str::trim).filter(|text| !text.is_empty());
    listed
        .map(|text| {
            let origin = Url::parse(text).ok().map(|url| url.origin());
            match origin {
                Some(origin) if origin.is_tuple() && origin.ascii_serialization() == text => {
                    Ok(text.to_owned())
                }
                _ => {
                    let violation = format!("has {text:?}, which is no origin (scheme, host, port, no path)");
                    let example = "https://app.example.com,https://admin.example.com";
                    Err(ConfigError::new("GIGWAY_ALLOWED_ORIGINS", violation, example))
                }
            }
        })
        .collect()
}

pub(super) fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    variable: &'static str,
    given: Option<&str>,
    (least, default): (T, T),
    example: &'static str,
) -> Result<T, ConfigError> {
    let Some(text) = given else { return Ok(default) };
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => {
            let violation = format!("is {text:?}, which is no whole number of {least} or more");
            Err(ConfigError::new(variable, violation, example))
        }
    }
}

pub(super) fn seconds(
    variable: &'static str,
    given: Option<&str>,
    (least, default): (u16, u16),
) -> Result<Duration, ConfigError> {
    let number: u16 = number(variable, given, (least, default), "30")?;
    Ok(Duration::from_secs(number.into()))
}

pub(super) fn limits(given: Option<&str>) -> Result<Limits, ConfigError> {
    let Some(json) = given else { return Ok(Limits::default()) };
    let violation =
        |violation: String| ConfigError::new("GIGWAY_LIMITS", violation, r#"{"gig":{"imagesMax":8}}"#);
    let limits: Limits =
        serde_json::from_str(json).map_err(|error| violation(format!("cannot be read: {error}")))?;
    limits.validate().map_err(|wrong| violation(format!("cannot be kept: {wrong}")))?;
    Ok(limits)
}

pub(super) fn log(given: Option<String>) -> Result<String, ConfigError> {
    let filter = given.unwrap_or_else(|| "info".into());
    if tracing_subscriber::EnvFilter::try_new(&filter).is_ok() {
        return Ok(filter);
    }
    let violation = format!("is {filter:?}, which is no log filter");
    Err(ConfigError::new("GIGWAY_LOG", violation, "info,gigway=debug"))
}

pub(super) fn log_format(given: Option<&str>, production: bool) -> Result<LogFormat, ConfigError> {
    match given {
        None if production => Ok(LogFormat::Json),
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => {
            let violation = format!("is {other:?}, which is neither text nor json");
            Err(ConfigError::new("GIGWAY_LOG_FORMAT", violation, "json"))
        }
    }
}

pub(super) fn operation_limits(given: Option<&str>) -> Result<OperationLimits, ConfigError> {
    let Some(json) = given else { return Ok(OperationLimits::default()) };
    let violation =
        |violation: String| ConfigError::new("GIGWAY_OPERATION_LIMITS", violation, r#"{"depth":20}"#);
    let limits: OperationLimits =
        serde_json::from_str(json).map_err(|error| violation(format!("cannot be read: {error}")))?;
    limits.validate().map_err(|wrong| violation(format!("cannot be kept: {wrong}")))?;
    Ok(limits)
}

pub(super) fn budgets(
    given: Option<&str>,
    environment: Environment,
    limits: &OperationLimits,
) -> Result<RateLimitRules, ConfigError> {
    let example = r#"{"viewer":{"capacity":20000,"perMinute":60000}}"#;
    let violation = |violation: String| ConfigError::new("GIGWAY_BUDGETS", violation, example);
    let given: GivenRules = match given {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| violation(format!("cannot be read: {error}")))?
        }
        None => GivenRules::default(),
    };
    let rules = rate_limits::with_given(&rate_limits::defaults(environment), &given, limits.cost);
    rules.map_err(|wrong| violation(format!("cannot be kept: {wrong}")))
}

pub(super) fn switch(
    variable: &'static str,
    given: Option<&str>,
    default: bool,
) -> Result<bool, ConfigError> {
    match given {
        None => Ok(default),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => {
            let violation = format!("is {other:?}, which is neither on nor off");
            Err(ConfigError::new(variable, violation, "off"))
        }
    }
}

pub(super) fn get_requests(given: Option<&str>) -> Result<GetRequests, ConfigError> {
    match given {
        None | Some("queries") => Ok(GetRequests::Queries),
        Some("persisted") => Ok(GetRequests::Persisted),
        Some(other) => {
            let violation = format!("is {other:?}, which is neither queries nor persisted");
            Err(ConfigError::new("GIGWAY_GET", violation, "persisted"))
        }
    }
}
