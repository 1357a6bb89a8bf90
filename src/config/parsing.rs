//! Parsers of option values. Each turns the text of an option into its type, or returns a [`ConfigError`].
//!
//! Most messages have the form "is VALUE: expected WHAT". They never repeat the value of a secret.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ipnet::{IpNet, Ipv4Net};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::config::encryption_key::EncryptionKey;
use crate::config::rate_limits::{self, RateLimitOverrides};
use crate::config::redis_address::RedisAddress;
use crate::config::{
    ConfigError, DatabaseAddress, Environment, GetRequests, LogFormat, OperationLimits, SECRET_EXAMPLE,
    SECRET_MIN_CHARS,
};
use crate::domain::limits::Limits;
use crate::domain::rate_limits::RateLimitRules;
use crate::domain::rights::{CONSENT_VERSION_MAX_CHARS, check_consent};
use crate::domain::violation::Validator;

/// The bits in front of an IPv4 address in an IPv6 address that stands for it.
const MAPPED_PREFIX_BITS: u8 = 96;

pub(super) fn parse_listen_address(text: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let address = text.unwrap_or("127.0.0.1:8080");
    address.parse().map_err(|_| {
        let problem = format!("is {address:?}: expected an IP address and a port");
        ConfigError::new("GIGWAY_LISTEN", problem, "0.0.0.0:8080")
    })
}

pub(super) fn parse_public_url(
    text: Option<&str>,
    is_production: bool,
) -> Result<Option<String>, ConfigError> {
    let error = |problem: String| ConfigError::new("GIGWAY_PUBLIC_URL", problem, "https://api.example.com");
    match text {
        // Behind a proxy, the listen address is not the one that clients use.
        None if is_production => Err(error("is not set: required in production".into())),
        None => Ok(None),
        Some(text) => {
            let is_base_url = Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && text.starts_with(&format!("{}://", url.scheme()))
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            if is_base_url {
                return Ok(Some(text.trim_end_matches('/').to_owned()));
            }
            Err(error(format!("is {text:?}: expected an http:// or https:// URL")))
        }
    }
}

pub(super) fn parse_database_url(
    text: Option<String>,
    data_dir: &Path,
) -> Result<DatabaseAddress, ConfigError> {
    let Some(url) = text else {
        return Ok(DatabaseAddress::Sqlite(data_dir.join("gigway.sqlite")));
    };
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if !file.is_empty() && !file.starts_with(':') && !file.contains('?') {
            return Ok(DatabaseAddress::Sqlite(file.into()));
        }
    }
    let example = "postgres://gigway:password@db.example.com/gigway";
    let parsed = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    let Some(parsed) = parsed else {
        let problem = "is invalid: expected a postgres:// URL, or sqlite: and a file";
        return Err(ConfigError::new("DATABASE_URL", problem, example));
    };
    // Without one, the driver would take it from PGHOST or PGHOSTADDR, and nothing checks those.
    let has_host = parsed.host_str().is_some_and(|host| !host.is_empty())
        || parsed.query_pairs().any(|(name, host)| matches!(&*name, "host" | "hostaddr") && !host.is_empty());
    if has_host {
        return Ok(DatabaseAddress::Postgres(url.into()));
    }
    let problem = "names no host: expected one, or the directory of a socket as in ?host=/run/postgresql";
    Err(ConfigError::new("DATABASE_URL", problem, example))
}

pub(super) fn parse_redis_url(text: &str) -> Result<RedisAddress, ConfigError> {
    RedisAddress::parse(text).map_err(|_| {
        let problem = "is invalid: expected a redis://, rediss://, redis+cluster:// or redis+sentinel:// URL";
        ConfigError::new("REDIS_URL", problem, "redis://redis.example.com:6379")
    })
}

pub(super) fn parse_environment(text: Option<&str>) -> Result<Environment, ConfigError> {
    match text.unwrap_or("development") {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        other => {
            let problem = format!("is {other:?}: expected development or production");
            Err(ConfigError::new("GIGWAY_ENV", problem, "production"))
        }
    }
}

/// A secret of at least [`SECRET_MIN_CHARS`] characters.
pub(super) fn parse_secret(
    variable: &'static str,
    text: Option<String>,
    is_required: bool,
) -> Result<Option<SecretString>, ConfigError> {
    let error = |problem: &str| ConfigError::new(variable, problem, SECRET_EXAMPLE);
    match text {
        None if is_required => Err(error("is not set: required in production")),
        None => Ok(None),
        Some(secret) if secret.chars().count() < SECRET_MIN_CHARS => {
            Err(error(&format!("is too short: expected at least {SECRET_MIN_CHARS} characters")))
        }
        Some(secret) => Ok(Some(secret.into())),
    }
}

pub(super) fn parse_encryption_keys(
    text: Option<&str>,
    is_production: bool,
) -> Result<Vec<EncryptionKey>, ConfigError> {
    let example = "2026-11:KEY, where KEY is the output of: openssl rand -base64 32";
    let error = |problem: &str| ConfigError::new("GIGWAY_ENCRYPTION_KEYS", problem, example);
    match text {
        None if is_production => Err(error("is not set: required in production")),
        None => Ok(Vec::new()),
        Some(list) => parse_key_list(list).map_err(|problem| error(&format!("is invalid: {problem}"))),
    }
}

/// Parses keys of the form `id:base64`, separated by commas or line breaks.
///
/// # Errors
/// What is wrong with the first invalid entry. The message never contains a key.
pub fn parse_key_list(list: &str) -> Result<Vec<EncryptionKey>, String> {
    let mut keys: Vec<EncryptionKey> = Vec::new();
    for (number, entry) in
        list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).enumerate()
    {
        let number = number + 1;
        let (id, key) =
            entry.split_once(':').ok_or_else(|| format!("entry {number} is not of the form id:base64"))?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(is_allowed) {
            return Err(format!("the id of entry {number} must have 1 to 64 letters, digits, - _ or ."));
        }
        if keys.iter().any(|key| key.id == id) {
            return Err(format!("the id {id:?} is used twice"));
        }
        let bytes = BASE64_STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| format!("the key of entry {number} must be 32 bytes in base64"))?;
        keys.push(EncryptionKey { id: id.to_owned(), bytes: Zeroizing::new(bytes) });
    }
    if keys.is_empty() { Err("there is no key".to_owned()) } else { Ok(keys) }
}

/// The names of request headers, in lower case.
pub(super) fn parse_header_names(text: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let names = text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.bytes().all(is_allowed) {
                return Ok(name.to_ascii_lowercase());
            }
            let problem = format!("contains {name:?}: expected the name of a header");
            Err(ConfigError::new("GIGWAY_ALLOWED_HEADERS", problem, "x-client-version,x-b3-traceid"))
        })
        .collect()
}

pub(super) fn parse_consent_version(text: Option<&str>) -> Result<Option<String>, ConfigError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let mut validator = Validator::default();
    let version = check_consent(Some(text), None, &mut validator);
    validator.finish().map(|()| version).map_err(|_| {
        let problem =
            format!("is {text:?}: expected one line of at most {CONSENT_VERSION_MAX_CHARS} characters");
        ConfigError::new("GIGWAY_CONSENT_VERSION", problem, "2026-11")
    })
}

/// Whether this is an origin or, with `*.` in front of a domain of at least two labels, the origins of its
/// subdomains.
fn is_origin_pattern(entry: &str) -> bool {
    let (origin, is_pattern) = match entry.split_once("://*.") {
        Some((scheme, domain)) => (format!("{scheme}://{domain}"), true),
        None => (entry.to_owned(), false),
    };
    let Ok(url) = Url::parse(&origin) else { return false };
    let has_labels =
        url.domain().is_some_and(|domain| domain.split('.').filter(|it| !it.is_empty()).count() > 1);
    url.origin().is_tuple()
        && url.origin().ascii_serialization() == origin
        && !origin.contains('*')
        && (!is_pattern || has_labels)
}

pub(super) fn parse_origins(text: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let entries = text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            if is_origin_pattern(entry) {
                return Ok(entry.to_owned());
            }
            let problem = format!("contains {entry:?}: expected an origin (scheme, host and port, no path)");
            let example = "https://app.example.com,https://*.preview.example.com";
            Err(ConfigError::new("GIGWAY_ALLOWED_ORIGINS", problem, example))
        })
        .collect()
}

/// Networks, comma-separated. `has_proxies`: whether the setting that this one replaced is set.
pub(super) fn parse_trusted_proxies(
    text: Option<&str>,
    has_proxies: bool,
) -> Result<Vec<IpNet>, ConfigError> {
    let example = "10.0.0.0/8,2001:db8::/32";
    if has_proxies {
        let problem = "was replaced: give the networks of your proxies in GIGWAY_TRUSTED_PROXIES instead";
        return Err(ConfigError::new("GIGWAY_PROXIES", problem, format!("GIGWAY_TRUSTED_PROXIES={example}")));
    }
    let entries = text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parse = |entry: &str| {
        let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        let network = network.map(canonical_network);
        let error = |problem| Err(ConfigError::new("GIGWAY_TRUSTED_PROXIES", problem, example));
        match network {
            Ok(network) if network.prefix_len() == 0 => {
                error(format!("contains {entry:?}: then any client could choose its address"))
            }
            Ok(network) => Ok(network.trunc()),
            Err(_) => error(format!("contains {entry:?}: expected an IP address or a network")),
        }
    };
    entries.map(parse).collect()
}

/// The network of IPv4 addresses if this one is written with IPv6 addresses that stand for them: addresses
/// are compared in that form.
fn canonical_network(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let prefix = mapped.prefix_len().checked_sub(MAPPED_PREFIX_BITS);
    let ipv4 = mapped.addr().to_ipv4_mapped().zip(prefix);
    let ipv4 = ipv4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    ipv4.map_or(network, IpNet::V4)
}

/// A whole number of `min` or more.
pub(super) fn parse_number<T: Copy + std::str::FromStr + PartialOrd + std::fmt::Display>(
    variable: &'static str,
    text: Option<&str>,
    min: T,
    default: T,
) -> Result<T, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    match text.parse() {
        Ok(number) if number >= min => Ok(number),
        _ => {
            let problem = format!("is {text:?}: expected a whole number of {min} or more");
            Err(ConfigError::new(variable, problem, default.to_string()))
        }
    }
}

/// A duration, written as a whole number of seconds.
pub(super) fn parse_seconds(
    variable: &'static str,
    text: Option<&str>,
    min: u16,
    default: u16,
) -> Result<Duration, ConfigError> {
    Ok(Duration::from_secs(parse_number(variable, text, min, default)?.into()))
}

/// `on` or `off`.
pub(super) fn parse_switch(
    variable: &'static str,
    text: Option<&str>,
    default: bool,
) -> Result<bool, ConfigError> {
    match text {
        None => Ok(default),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => {
            let problem = format!("is {other:?}: expected on or off");
            Err(ConfigError::new(variable, problem, "off"))
        }
    }
}

pub(super) fn parse_limits(text: Option<&str>) -> Result<Limits, ConfigError> {
    let Some(json) = text else { return Ok(Limits::default()) };
    let error = |problem: String| {
        ConfigError::new("GIGWAY_LIMITS", format!("is invalid: {problem}"), r#"{"gig":{"imagesMax":8}}"#)
    };
    let limits: Limits = serde_json::from_str(json).map_err(|problem| error(problem.to_string()))?;
    limits.validate().map_err(error)?;
    Ok(limits)
}

pub(super) fn parse_operation_limits(text: Option<&str>) -> Result<OperationLimits, ConfigError> {
    let Some(json) = text else { return Ok(OperationLimits::default()) };
    let error = |problem: String| {
        ConfigError::new("GIGWAY_OPERATION_LIMITS", format!("is invalid: {problem}"), r#"{"depth":20}"#)
    };
    let limits: OperationLimits = serde_json::from_str(json).map_err(|problem| error(problem.to_string()))?;
    limits.check_ranges().map_err(error)?;
    Ok(limits)
}

pub(super) fn parse_rate_limits(
    text: Option<&str>,
    environment: Environment,
    limits: &OperationLimits,
) -> Result<RateLimitRules, ConfigError> {
    let example = r#"{"viewer":{"capacity":20000,"perMinute":60000}}"#;
    let error =
        |problem: String| ConfigError::new("GIGWAY_BUDGETS", format!("is invalid: {problem}"), example);
    let overrides: RateLimitOverrides = match text {
        Some(json) => serde_json::from_str(json).map_err(|problem| error(problem.to_string()))?,
        None => RateLimitOverrides::default(),
    };
    overrides.apply_to(&rate_limits::defaults(environment), limits.cost).map_err(error)
}

pub(super) fn parse_get_requests(text: Option<&str>) -> Result<GetRequests, ConfigError> {
    match text {
        None | Some("queries") => Ok(GetRequests::Queries),
        Some("persisted") => Ok(GetRequests::Persisted),
        Some(other) => {
            let problem = format!("is {other:?}: expected queries or persisted");
            Err(ConfigError::new("GIGWAY_GET", problem, "persisted"))
        }
    }
}

pub(super) fn parse_log_filter(text: Option<String>) -> Result<String, ConfigError> {
    let filter = text.unwrap_or_else(|| "info".into());
    if tracing_subscriber::EnvFilter::try_new(&filter).is_ok() {
        return Ok(filter);
    }
    let problem = format!("is {filter:?}: expected a log filter");
    Err(ConfigError::new("GIGWAY_LOG", problem, "info,gigway=debug"))
}

pub(super) fn parse_log_format(text: Option<&str>, is_production: bool) -> Result<LogFormat, ConfigError> {
    match text {
        None if is_production => Ok(LogFormat::Json),
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => {
            let problem = format!("is {other:?}: expected text or json");
            Err(ConfigError::new("GIGWAY_LOG_FORMAT", problem, "json"))
        }
    }
}
