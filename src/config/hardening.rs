//! Refuses configurations that are only safe on one machine, and secrets that can be guessed.
//!
//! Without `GIGWAY_ENV`, everything must stay on this machine, so that a public gateway is not in development by
//! mistake. Production encrypts what leaves the machine, and has secrets that are random and differ.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use redis::ConnectionAddr;
use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::config::guessable::is_guessable;
use crate::config::redis_address::RedisAddress;
use crate::config::{Config, ConfigError, DatabaseAddress, SECRET_EXAMPLE};

/// Checks the settings together.
///
/// # Errors
/// The first setting that is not safe.
pub(super) fn check(
    config: &Config,
    is_environment_set: bool,
    allows_plain_connections: bool,
) -> Result<(), ConfigError> {
    if config.is_production() {
        check_production(config, allows_plain_connections)
    } else if is_environment_set {
        Ok(())
    } else {
        check_local(config)
    }
}

/// Checks that nothing is reachable or reached beyond this machine.
///
/// # Errors
/// The first setting that is.
fn check_local(config: &Config) -> Result<(), ConfigError> {
    let database = database_connection(&config.database);
    let cause = if !is_loopback(config.listen.ip()) {
        "GIGWAY_LISTEN"
    } else if database.is_some_and(|connection| connection.is_remote) {
        "DATABASE_URL"
    } else if redis_connections(config).iter().any(|connection| connection.is_remote) {
        "REDIS_URL"
    } else {
        return Ok(());
    };
    let problem = format!(
        "is not set, and {cause} goes beyond this machine: expected production, or development if nobody else \
         can reach the gateway"
    );
    Err(ConfigError::new("GIGWAY_ENV", problem, "production"))
}

/// Checks that a gateway in production encrypts its connections and has good secrets.
///
/// # Errors
/// The first setting that is not safe.
fn check_production(config: &Config, allows_plain_connections: bool) -> Result<(), ConfigError> {
    let url = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    if let Some(url) = url.filter(|url| url.scheme() == "http" && !is_local_host(url.host())) {
        let problem = format!("is {:?}: production needs https://", url.as_str());
        return Err(ConfigError::new("GIGWAY_PUBLIC_URL", problem, "https://api.example.com"));
    }
    check_secrets(config)?;
    if allows_plain_connections {
        return Ok(());
    }
    let plain = |variable: &'static str, how: &str, example: &str| {
        let problem = format!(
            "connects to another host without TLS: expected {how}, or GIGWAY_ALLOW_PLAIN_CONNECTIONS=on if the \
             network is trusted"
        );
        Err(ConfigError::new(variable, problem, example))
    };
    if database_connection(&config.database).is_some_and(ServerConnection::is_plain_and_remote) {
        let example = "postgres://gigway:password@db.example.com/gigway?sslmode=verify-full";
        return plain("DATABASE_URL", "sslmode=verify-full", example);
    }
    if redis_connections(config).into_iter().any(ServerConnection::is_plain_and_remote) {
        return plain("REDIS_URL", "rediss://", "rediss://redis.example.com:6379");
    }
    Ok(())
}

/// Checks that each secret looks random, and that all differ.
fn check_secrets(config: &Config) -> Result<(), ConfigError> {
    let tokens = config.token_secrets.iter().map(|secret| ("GIGWAY_TOKEN_SECRET", &secret.secret));
    let others = [("GIGWAY_INDEX_KEY", &config.index_key), ("GIGWAY_METRICS_TOKEN", &config.metrics_token)];
    let others = others.into_iter().filter_map(|(variable, secret)| Some((variable, secret.as_ref()?)));
    let texts = tokens.chain(others);
    let texts = texts.map(|(variable, secret)| (variable, secret.expose_secret().as_bytes().to_vec()));
    let keys = config.encryption_keys.iter().map(|key| ("GIGWAY_ENCRYPTION_KEYS", key.bytes.to_vec()));
    let mut seen: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for (variable, secret) in texts.chain(keys) {
        let error = |problem: &str| Err(ConfigError::new(variable, problem, SECRET_EXAMPLE));
        // A secret and a key are the same, too, if one is the base64 of the other.
        let decoded = BASE64_STANDARD.decode(&secret).ok().filter(|bytes| bytes.len() >= 24);
        if is_guessable(&secret) || decoded.as_deref().is_some_and(is_guessable) {
            return error("can be guessed: expected random characters");
        }
        let value = decoded.unwrap_or(secret);
        if let Some((other, _)) = seen.iter().find(|(_, existing)| *existing == value) {
            return error(&format!(
                "has the same value as another secret in {other}: expected different ones"
            ));
        }
        seen.push((variable, value));
    }
    Ok(())
}

/// A configured connection to another process.
#[derive(Clone, Copy)]
struct ServerConnection {
    is_remote: bool,
    is_encrypted: bool,
}

impl ServerConnection {
    fn is_plain_and_remote(self) -> bool {
        self.is_remote && !self.is_encrypted
    }
}

/// `None` for SQLite.
fn database_connection(database: &DatabaseAddress) -> Option<ServerConnection> {
    let DatabaseAddress::Postgres(url) = database else { return None };
    let url = Url::parse(url.expose_secret()).ok()?;
    let parameters = |name: &'static str| {
        url.query_pairs().filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    // The driver uses these parameters instead of the host.
    let mut hosts: Vec<String> = parameters("host").chain(parameters("hostaddr")).collect();
    hosts.extend(url.host_str().map(str::to_owned));
    let is_remote = hosts.iter().any(|host| !is_local_name(host));
    let modes: Vec<_> = parameters("sslmode").chain(parameters("ssl-mode")).collect();
    let is_tls = |mode: &String| matches!(mode.as_str(), "require" | "verify-ca" | "verify-full");
    Some(ServerConnection { is_remote, is_encrypted: !modes.is_empty() && modes.iter().all(is_tls) })
}

fn redis_connections(config: &Config) -> Vec<ServerConnection> {
    let nodes = match &config.redis {
        None => return Vec::new(),
        Some(RedisAddress::Nodes(nodes)) => nodes,
        Some(RedisAddress::Sentinels { sentinels, .. }) => sentinels,
    };
    let connection = |address: &ConnectionAddr| match address {
        ConnectionAddr::Tcp(host, _) => {
            ServerConnection { is_remote: !is_local_name(host), is_encrypted: false }
        }
        ConnectionAddr::TcpTls { host, .. } => {
            ServerConnection { is_remote: !is_local_name(host), is_encrypted: true }
        }
        ConnectionAddr::Unix(_) => ServerConnection { is_remote: false, is_encrypted: false },
        _ => ServerConnection { is_remote: true, is_encrypted: false },
    };
    nodes.iter().map(|node| connection(node.addr())).collect()
}

/// Whether a name, an address, or the path of a socket is on this machine.
fn is_local_name(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_path = host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    is_path || host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

fn is_local_host(host: Option<Host<&str>>) -> bool {
    host.is_some_and(|host| is_local_name(&host.to_string()))
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const SECRETS: [&str; 3] = [
        "Nq3vJ8sXw0LrT5yBzK2mHc7dPfGa9eUo",
        "b1946ac92492d2347c6235b4d2611184",
        "2026-11:7yTgPq1Zs5VwXo9RbKc3LmDfHj0AeUiN4t6G8kMxYzQ=",
    ];

    fn production() -> Settings {
        let [token_secret, index_key, encryption_keys] = SECRETS.map(|secret| Some(secret.to_owned()));
        let public_url = Some("https://api.example.com".to_owned());
        let env = Some("production".to_owned());
        Settings { public_url, env, token_secret, encryption_keys, index_key, ..Settings::default() }
    }

    /// The variable that is refused, after a change of these settings.
    fn refused(mut settings: Settings, change: impl FnOnce(&mut Settings)) -> Option<&'static str> {
        change(&mut settings);
        Config::from_settings(settings).err().map(|error| error.variable)
    }

    #[test]
    fn without_an_environment_everything_stays_on_this_machine() {
        type Setter = fn(&mut Settings, &str);
        let cases: [(Setter, &[&str], &[&str]); 3] = [
            (
                |settings, value| settings.listen = Some(value.to_owned()),
                &["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"],
                &["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1", "192.0.2.1:80"],
            ),
            (
                |settings, value| settings.database_url = Some(value.to_owned()),
                &[
                    "sqlite:x.sqlite",
                    "postgres://localhost/x",
                    "postgres://u:p@127.0.0.1:5/x",
                    "postgres://u@[::1]/x",
                    "postgres:///x?host=/run/postgresql",
                    "postgres://%2Frun%2Fpostgresql/x",
                ],
                &[
                    "postgres://db/x",
                    "postgres://localhost.example.com/x",
                    "postgres://u:p@10.0.0.1/x",
                    "postgresql://127.0.0.1@db/x",
                    "postgres://localhost/x?host=db",
                    "postgres://localhost/x?hostaddr=10.0.0.1",
                ],
            ),
            (
                |settings, value| settings.redis_url = Some(value.to_owned()),
                &["redis://localhost:1", "redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1,localhost:2"],
                &[
                    "redis://redis:1",
                    "rediss://redis:1",
                    "redis+cluster://127.0.0.1:1,10.0.0.1:2",
                    "redis+sentinel://10.0.0.1:1/main",
                ],
            ),
        ];
        for (set, local, remote) in cases {
            for value in local {
                assert_eq!(refused(Settings::default(), |settings| set(settings, value)), None, "{value}");
            }
            for value in remote {
                let refused_by = refused(Settings::default(), |settings| set(settings, value));
                assert_eq!(refused_by, Some("GIGWAY_ENV"), "{value}");
                let named = Settings { env: Some("development".to_owned()), ..Settings::default() };
                assert_eq!(refused(named, |settings| set(settings, value)), None, "{value}");
            }
        }
    }

    #[test]
    fn production_needs_https_beyond_this_machine() {
        for (url, expected) in [
            ("https://api.example.com", None),
            ("http://localhost:8080", None),
            ("http://127.0.0.1", None),
            ("http://[::1]:80", None),
            ("http://api.example.com", Some("GIGWAY_PUBLIC_URL")),
            ("http://localhost.example.com", Some("GIGWAY_PUBLIC_URL")),
            ("http://10.0.0.1", Some("GIGWAY_PUBLIC_URL")),
        ] {
            assert_eq!(
                refused(production(), |settings| settings.public_url = Some(url.to_owned())),
                expected,
                "{url}"
            );
        }
    }

    #[test]
    fn production_connects_to_other_hosts_only_over_tls() {
        let cases = [
            ("postgres://127.0.0.1/x", None),
            ("postgres:///x?host=/run/postgresql", None),
            ("postgres://db/x?sslmode=require", None),
            ("postgres://db/x?sslmode=verify-full", None),
            ("postgres://db/x", Some("DATABASE_URL")),
            ("postgres://db/x?sslmode=prefer", Some("DATABASE_URL")),
            ("postgres://db/x?sslmode=disable", Some("DATABASE_URL")),
            ("postgres://db/x?sslmode=require&sslmode=disable", Some("DATABASE_URL")),
            ("redis://127.0.0.1:1", None),
            ("rediss://redis:1", None),
            ("redis://redis:1", Some("REDIS_URL")),
            ("redis+cluster://127.0.0.1:1,redis:1", Some("REDIS_URL")),
            ("redis+sentinel://redis:1/main", Some("REDIS_URL")),
            ("rediss+sentinel://redis:1/main", None),
        ];
        for (url, expected) in cases {
            let set = |settings: &mut Settings| {
                let url = Some(url.to_owned());
                if url.as_deref().is_some_and(|url| url.starts_with("postgres")) {
                    settings.database_url = url;
                } else {
                    settings.redis_url = url;
                }
            };
            assert_eq!(refused(production(), set), expected, "{url}");
            let allowed = Settings { allow_plain_connections: Some("on".to_owned()), ..production() };
            assert_eq!(refused(allowed, set), None, "{url}");
        }
    }

    #[test]
    fn production_refuses_secrets_that_can_be_guessed() {
        for secret in [
            "a".repeat(32),
            "ab".repeat(20),
            "password".repeat(4),
            "0123456789".repeat(4),
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef".to_owned(),
            format!("{}bcdefghij", "a".repeat(40)),
            "abcabcabcabcabcabcabcabcabcabcabca".to_owned(),
            BASE64_STANDARD.encode([0; 32]),
            BASE64_STANDARD.encode([1_u8, 2].repeat(24)),
        ] {
            let set = |settings: &mut Settings| settings.token_secret = Some(secret.clone());
            assert_eq!(refused(production(), set), Some("GIGWAY_TOKEN_SECRET"), "{secret}");
            let set = |settings: &mut Settings| settings.index_key = Some(secret.clone());
            assert_eq!(refused(production(), set), Some("GIGWAY_INDEX_KEY"), "{secret}");
            let set = |settings: &mut Settings| settings.metrics_token = Some(secret.clone());
            assert_eq!(refused(production(), set), Some("GIGWAY_METRICS_TOKEN"), "{secret}");
        }
        let counting: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let tokens = format!("2026:{},2027:{}", SECRETS[0], "a".repeat(32));
        let set = |settings: &mut Settings| settings.token_secret = Some(tokens);
        assert_eq!(refused(production(), set), Some("GIGWAY_TOKEN_SECRET"), "the second of two");
        for key in [[0; 32], [7; 32], [0xff; 32], counting, std::array::from_fn(|index| [1, 9][index % 2])] {
            let keys = format!("{},new:{}", SECRETS[2], BASE64_STANDARD.encode(key));
            let set = |settings: &mut Settings| settings.encryption_keys = Some(keys.clone());
            assert_eq!(refused(production(), set), Some("GIGWAY_ENCRYPTION_KEYS"), "{key:?}");
        }
        assert_eq!(refused(production(), |_| ()), None);
        assert_eq!(
            refused(Settings::default(), |settings| settings.token_secret = Some("a".repeat(32))),
            None
        );
    }

    #[test]
    fn production_refuses_one_value_for_two_secrets() {
        type Setter = fn(&mut Settings, String);
        let key = SECRETS[2].split_once(':').unwrap().1.to_owned();
        let cases: [(Setter, &str, &str); 6] = [
            (|settings, value| settings.index_key = Some(value), SECRETS[0], "GIGWAY_INDEX_KEY"),
            (|settings, value| settings.metrics_token = Some(value), SECRETS[0], "GIGWAY_METRICS_TOKEN"),
            (|settings, value| settings.metrics_token = Some(value), SECRETS[1], "GIGWAY_METRICS_TOKEN"),
            (|settings, value| settings.token_secret = Some(value), &key, "GIGWAY_ENCRYPTION_KEYS"),
            (|settings, value| settings.index_key = Some(value), &key, "GIGWAY_ENCRYPTION_KEYS"),
            (
                |settings, value| settings.encryption_keys = Some(format!("a:{value},b:{value}")),
                &key,
                "GIGWAY_ENCRYPTION_KEYS",
            ),
        ];
        for (set, value, variable) in cases {
            let refused_by = refused(production(), |settings| set(settings, value.to_owned()));
            assert_eq!(refused_by, Some(variable), "{value}");
        }
    }
}
