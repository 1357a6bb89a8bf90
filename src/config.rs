//! The configuration: what the environment and the command line say, checked once into one value.

use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::domain::limits::Limits;
use crate::media::vault::NamedKey;

/// What can be set, as it was written. Each option is an environment variable, too.
#[derive(Args, Debug, Clone, Default)]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "GIGWAY_LISTEN", global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Where clients reach this installation, for the addresses it gives out [default: http:// and the
    /// address it listens on]
    #[arg(long, env = "GIGWAY_PUBLIC_URL", global = true, value_name = "URL")]
    pub public_url: Option<String>,

    /// Folder for the SQLite file, the pictures and the generated keys [default: ./data]
    #[arg(long, env = "GIGWAY_DATA_DIR", global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,

    /// postgres://.. or sqlite:FILE [default: a SQLite file in the data folder]
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// redis://.. or rediss://..; unset, events stay inside the process, which is enough for one gateway
    #[arg(long, env = "REDIS_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// development or production; production refuses generated keys and demo data [default: development]
    #[arg(long, env = "GIGWAY_ENV", global = true, value_name = "NAME")]
    pub env: Option<String>,

    /// What access tokens and picture addresses are signed with, 32 characters or more; in development it is
    /// generated and kept in the data folder
    #[arg(long, env = "GIGWAY_TOKEN_SECRET", global = true, value_name = "SECRET", hide_env_values = true)]
    pub token_secret: Option<String>,

    /// Keys that personal data are sealed by, as id:base64 of 32 bytes, separated by commas, the newest last; in
    /// development one is generated and kept in the data folder
    #[arg(long, env = "GIGWAY_ENCRYPTION_KEYS", global = true, value_name = "KEYS", hide_env_values = true)]
    pub encryption_keys: Option<String>,

    /// What identity documents are known again by, 32 characters or more; never to be changed. In development it is
    /// generated and kept in the data folder
    #[arg(long, env = "GIGWAY_INDEX_KEY", global = true, value_name = "SECRET", hide_env_values = true)]
    pub index_key: Option<String>,

    /// Web origins whose pages may call this API, separated by commas [default: none but its own; in
    /// development also every port of localhost]
    #[arg(long, env = "GIGWAY_ALLOWED_ORIGINS", global = true, value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,

    /// Proxies in front of the gateway that each add to X-Forwarded-For [default: 0]
    #[arg(long, env = "GIGWAY_PROXIES", global = true, value_name = "NUMBER")]
    pub proxies: Option<String>,

    /// Failed sign-ins in 15 minutes that an account may have [default: 10]
    #[arg(long, env = "GIGWAY_SIGN_IN_FAILURES", global = true, value_name = "NUMBER")]
    pub sign_in_failures: Option<String>,

    /// Failed sign-ins in 15 minutes that may come from one address [default: 100]
    #[arg(long, env = "GIGWAY_SIGN_IN_FAILURES_PER_ADDRESS", global = true, value_name = "NUMBER")]
    pub sign_in_failures_per_address: Option<String>,

    /// Limits other than the defaults, as JSON, such as {"gig":{"imagesMax":8}}
    #[arg(long, env = "GIGWAY_LIMITS", global = true, value_name = "JSON")]
    pub limits: Option<String>,

    /// What to log: error, warn, info, debug, trace, or a filter by module [default: info]
    #[arg(long, env = "GIGWAY_LOG", global = true, value_name = "FILTER")]
    pub log: Option<String>,

    /// text or json [default: text in development, json in production]
    #[arg(long, env = "GIGWAY_LOG_FORMAT", global = true, value_name = "NAME")]
    pub log_format: Option<String>,
}

impl Settings {
    /// Secrets may stand in files, as orchestrators mount them: `@` and the path in place of the value.
    fn with_files(mut self) -> Result<Self, ConfigError> {
        let secrets = [
            ("DATABASE_URL", &mut self.database_url),
            ("REDIS_URL", &mut self.redis_url),
            ("GIGWAY_TOKEN_SECRET", &mut self.token_secret),
            ("GIGWAY_ENCRYPTION_KEYS", &mut self.encryption_keys),
            ("GIGWAY_INDEX_KEY", &mut self.index_key),
        ];
        for (variable, value) in secrets {
            if let Some(path) = value.as_deref().and_then(|value| value.strip_prefix('@')) {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let fault = format!("names the file {path:?}, which cannot be read: {error}");
                    ConfigError::new(variable, fault, "@/run/secrets/gigway")
                })?;
                *value = Some(text.trim().to_owned());
            }
        }
        Ok(self)
    }
}

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

/// A whole configuration, every value of which is good.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Without a slash at the end; `None` follows `listen`.
    pub public_url: Option<String>,
    pub data_dir: PathBuf,
    pub database: DatabaseAddress,
    pub redis_url: Option<SecretString>,
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
            redis_url: settings.redis_url.map(redis_url).transpose()?,
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

fn redis_url(given: String) -> Result<SecretString, ConfigError> {
    let scheme = Url::parse(&given).ok().map(|url| url.scheme().to_owned());
    let known = matches!(scheme.as_deref(), Some("redis" | "rediss"));
    if known && redis::Client::open(given.as_str()).is_ok() {
        return Ok(given.into());
    }
    let fault = "is no redis:// or rediss:// address";
    Err(ConfigError::new("REDIS_URL", fault, "redis://redis.example.com:6379"))
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
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut Settings)) -> Option<&'static str> {
        let mut settings = Settings::default();
        change(&mut settings);
        Config::from_settings(settings).err().map(|error| error.variable)
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = Config::from_settings(Settings::default()).expect("the defaults are good");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(matches!(config.database, DatabaseAddress::Sqlite(file) if file.ends_with("gigway.sqlite")));
        assert!(config.redis_url.is_none() && config.limits == Limits::default());
    }

    #[test]
    fn a_wrong_value_is_told_by_its_variable() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(fault(|s| s.listen = text("8080")), Some("GIGWAY_LISTEN"));
        assert_eq!(fault(|s| s.public_url = text("example.com")), Some("GIGWAY_PUBLIC_URL"));
        for bad in ["mysql://x/y", "sqlite:", "sqlite::memory:", "nonsense"] {
            assert_eq!(fault(|s| s.database_url = text(bad)), Some("DATABASE_URL"), "{bad}");
        }
        assert_eq!(fault(|s| s.redis_url = text("localhost:6379")), Some("REDIS_URL"));
        assert_eq!(fault(|s| s.env = text("staging")), Some("GIGWAY_ENV"));
        assert_eq!(fault(|s| s.token_secret = text("short")), Some("GIGWAY_TOKEN_SECRET"));
        assert_eq!(fault(|s| s.env = text("production")), Some("GIGWAY_TOKEN_SECRET"));
        for bad in ["https://a.example/", "a.example", "https://a.example,*"] {
            assert_eq!(fault(|s| s.allowed_origins = text(bad)), Some("GIGWAY_ALLOWED_ORIGINS"), "{bad}");
        }
        assert_eq!(fault(|s| s.proxies = text("-1")), Some("GIGWAY_PROXIES"));
        assert_eq!(fault(|s| s.sign_in_failures = text("0")), Some("GIGWAY_SIGN_IN_FAILURES"));
        assert_eq!(fault(|s| s.limits = text(r#"{"review":{"days":2147483647}}"#)), Some("GIGWAY_LIMITS"));
        let production = |s: &mut Settings| {
            s.env = text("production");
            s.token_secret = text("a secret of at least 32 characters");
            s.index_key = text("a secret of at least 32 characters");
            s.encryption_keys = Some(format!("a:{}", BASE64_STANDARD.encode([7; 32])));
        };
        assert_eq!(fault(production), Some("GIGWAY_PUBLIC_URL"));
        for bad in ["", "a", "a:short", ":AAAA", "a b:AAAA"] {
            assert_eq!(fault(|s| s.encryption_keys = text(bad)), Some("GIGWAY_ENCRYPTION_KEYS"), "{bad}");
        }
        assert_eq!(fault(|s| s.index_key = text("@/nowhere/at/all")), Some("GIGWAY_INDEX_KEY"));
        let key = BASE64_STANDARD.encode([7; 32]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("a:{key}\nb:{key}\n")).unwrap();
        assert_eq!(fault(|s| s.encryption_keys = Some(format!("@{}", file.path().display()))), None);
        assert_eq!(
            fault(|s| s.encryption_keys = Some(format!("a:{key},a:{key}"))),
            Some("GIGWAY_ENCRYPTION_KEYS")
        );
        assert_eq!(fault(|s| s.encryption_keys = Some(format!("a:{key},\nb:{key}"))), None);
        assert_eq!(fault(|s| s.limits = text(r#"{"gig":{"picturesMax":8}}"#)), Some("GIGWAY_LIMITS"));
        assert_eq!(fault(|s| s.log = text("gigway=loud")), Some("GIGWAY_LOG"));
        assert_eq!(fault(|s| s.log_format = text("xml")), Some("GIGWAY_LOG_FORMAT"));
    }

    #[test]
    fn an_error_is_one_line_and_tells_no_secret() {
        let secret = "postgres//user:hunter2@host";
        let settings = Settings { database_url: Some(secret.into()), ..Settings::default() };
        let error = Config::from_settings(settings).expect_err("no address").to_string();
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        assert!(error.starts_with("DATABASE_URL is ") && error.contains("postgres://gigway"), "{error}");
    }
}
