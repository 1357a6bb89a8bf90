//! The options as text, before validation. The doc comment of a field is its text in `gigway --help`.

use clap::Args;

use crate::config::ConfigError;

/// The text of every option, from the command line or else from its environment variable.
#[derive(Args, Debug, Clone, Default)]
pub struct Settings {
    /// IP address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "GIGWAY_LISTEN", global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// base URL that clients use, for the URLs in responses; required in production [default: http:// and the
    /// listen address]
    #[arg(long, env = "GIGWAY_PUBLIC_URL", global = true, value_name = "URL")]
    pub public_url: Option<String>,

    /// directory for the SQLite file, images and generated keys [default: ./data]
    #[arg(long, env = "GIGWAY_DATA_DIR", global = true, value_name = "DIRECTORY")]
    pub data_dir: Option<String>,

    /// file that records erasures outside the database; do not restore it from a backup [default: erasures.log
    /// in the data directory]
    #[arg(long, env = "GIGWAY_ERASURE_JOURNAL", global = true, value_name = "FILE")]
    pub erasure_journal: Option<String>,

    /// database: postgres://USER:PASSWORD@HOST/NAME or sqlite:FILE [default: sqlite file in the data
    /// directory]
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Redis: redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT.. or
    /// redis+sentinel://HOST:PORT,HOST:PORT../MASTER; rediss instead of redis for TLS; required to run more
    /// than one gateway [default: none, events stay in this process]
    #[arg(long, env = "REDIS_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// development or production; production has no generated keys and no demo data; required if other
    /// machines can reach the gateway, or if its database or Redis is on another machine
    /// [default: development]
    #[arg(long, env = "GIGWAY_ENV", global = true, value_name = "NAME")]
    pub env: Option<String>,

    /// secret that signs access tokens and image URLs, at least 32 characters, or several, newest last:
    /// comma-separated id:secret; required in production [default: generated into the data directory]
    #[arg(long, env = "GIGWAY_TOKEN_SECRET", global = true, value_name = "SECRET", hide_env_values = true)]
    pub token_secret: Option<String>,

    /// keys that encrypt personal data, newest last: comma-separated id:base64 of 32 bytes; required in
    /// production [default: one, generated into the data directory]
    #[arg(long, env = "GIGWAY_ENCRYPTION_KEYS", global = true, value_name = "KEYS", hide_env_values = true)]
    pub encryption_keys: Option<String>,

    /// secret for hashes, such as those that detect duplicate identity documents, at least 32 characters,
    /// must never change; required in production [default: generated into the data directory]
    #[arg(long, env = "GIGWAY_INDEX_KEY", global = true, value_name = "SECRET", hide_env_values = true)]
    pub index_key: Option<String>,

    /// web origins that may call the API from a browser, comma-separated; in https://*.example.com the star
    /// stands for one label [default: own origin; in development also localhost on any port]
    #[arg(long, env = "GIGWAY_ALLOWED_ORIGINS", global = true, value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,

    /// more request headers that web pages of these origins may send, comma-separated [default: none]
    #[arg(long, env = "GIGWAY_ALLOWED_HEADERS", global = true, value_name = "NAMES")]
    pub allowed_headers: Option<String>,

    /// on or off: in production, connect to PostgreSQL and Redis on other hosts without TLS [default: off]
    #[arg(long, env = "GIGWAY_ALLOW_PLAIN_CONNECTIONS", global = true, value_name = "SWITCH")]
    pub allow_plain_connections: Option<String>,

    /// networks of trusted proxies, whose X-Forwarded-For counts, comma-separated, such as
    /// 10.0.0.0/8,2001:db8::/32 [default: none]
    #[arg(long, env = "GIGWAY_TRUSTED_PROXIES", global = true, value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,

    /// removed: use --trusted-proxies
    #[arg(long, env = "GIGWAY_PROXIES", global = true, value_name = "NUMBER", hide = true)]
    pub proxies: Option<String>,

    /// failed sign-ins per account and client network in 15 minutes, on one gateway; more are refused
    /// [default: 10]
    #[arg(long, env = "GIGWAY_SIGN_IN_FAILURES", global = true, value_name = "NUMBER")]
    pub sign_in_failures: Option<String>,

    /// failed sign-ins per account in 15 minutes, on one gateway; more are delayed, except from networks where
    /// the account signed in before [default: 100]
    #[arg(long, env = "GIGWAY_SIGN_IN_FAILURES_PER_ACCOUNT", global = true, value_name = "NUMBER")]
    pub sign_in_failures_per_account: Option<String>,

    /// failed sign-ins per client network (an IPv4 address or an IPv6 /64) in 15 minutes, on one gateway; more
    /// are delayed in the same way [default: 100]
    #[arg(long, env = "GIGWAY_SIGN_IN_FAILURES_PER_ADDRESS", global = true, value_name = "NUMBER")]
    pub sign_in_failures_per_address: Option<String>,

    /// seconds that an access token is valid [default: 900]
    #[arg(long, env = "GIGWAY_ACCESS_TOKEN_SECONDS", global = true, value_name = "SECONDS")]
    pub access_token_seconds: Option<String>,

    /// seconds in which a refresh token that was exchanged gets the same new refresh token again; 0 turns
    /// that off [default: 30]
    #[arg(long, env = "GIGWAY_REFRESH_RETRY_SECONDS", global = true, value_name = "SECONDS")]
    pub refresh_retry_seconds: Option<String>,

    /// open WebSockets and streams per client network, on one gateway [default: 10000; in production 1000]
    #[arg(long, env = "GIGWAY_CONNECTIONS_PER_ADDRESS", global = true, value_name = "NUMBER")]
    pub connections_per_address: Option<String>,

    /// open TCP connections of all clients, on one gateway [default: the limit of open files, less 256]
    #[arg(long, env = "GIGWAY_TCP_CONNECTIONS", global = true, value_name = "NUMBER")]
    pub tcp_connections: Option<String>,

    /// open TCP connections per network without a trusted proxy, on one gateway [default: twice
    /// GIGWAY_CONNECTIONS_PER_ADDRESS, at least 100]
    #[arg(long, env = "GIGWAY_TCP_CONNECTIONS_PER_ADDRESS", global = true, value_name = "NUMBER")]
    pub tcp_connections_per_address: Option<String>,

    /// concurrent operations per WebSocket [default: 100]
    #[arg(long, env = "GIGWAY_OPERATIONS_PER_SOCKET", global = true, value_name = "NUMBER")]
    pub operations_per_socket: Option<String>,

    /// concurrent subscriptions per user, or for the anonymous clients of one network, on one gateway
    /// [default: 10000; in production 1000]
    #[arg(long, env = "GIGWAY_SUBSCRIPTIONS_PER_VIEWER", global = true, value_name = "NUMBER")]
    pub subscriptions_per_viewer: Option<String>,

    /// seconds to wait for connection_init on a new WebSocket [default: 3]
    #[arg(long, env = "GIGWAY_SOCKET_INIT_SECONDS", global = true, value_name = "SECONDS")]
    pub socket_init_seconds: Option<String>,

    /// seconds between pings on a WebSocket [default: 25]
    #[arg(long, env = "GIGWAY_SOCKET_PING_SECONDS", global = true, value_name = "SECONDS")]
    pub socket_ping_seconds: Option<String>,

    /// seconds that a WebSocket or stream stays open after its access token expires [default: 30]
    #[arg(long, env = "GIGWAY_TOKEN_GRACE_SECONDS", global = true, value_name = "SECONDS")]
    pub token_grace_seconds: Option<String>,

    /// seconds to wait for the headers of the next request on a connection [default: 65]
    #[arg(long, env = "GIGWAY_HEADER_SECONDS", global = true, value_name = "SECONDS")]
    pub header_seconds: Option<String>,

    /// seconds to wait for a whole JSON body or WebSocket message; an upload may take three times as long
    /// [default: 20]
    #[arg(long, env = "GIGWAY_MESSAGE_SECONDS", global = true, value_name = "SECONDS")]
    pub message_seconds: Option<String>,

    /// seconds after which a client is disconnected if it receives none of the bytes that wait for it
    /// [default: 60]
    #[arg(long, env = "GIGWAY_STALL_SECONDS", global = true, value_name = "SECONDS")]
    pub stall_seconds: Option<String>,

    /// limits of one GraphQL operation, as JSON such as {"depth":20}; omitted limits keep their defaults
    #[arg(long, env = "GIGWAY_OPERATION_LIMITS", global = true, value_name = "JSON")]
    pub operation_limits: Option<String>,

    /// rate limits, as JSON such as {"viewer":{"capacity":20000,"perMinute":60000}}; omitted ones keep their
    /// defaults, capacity 0 turns one off
    #[arg(long, env = "GIGWAY_BUDGETS", global = true, value_name = "JSON")]
    pub budgets: Option<String>,

    /// on or off: be a subgraph of Apollo Federation 2, with the fields _service and _entities
    /// [default: off]
    #[arg(
        id = "federation_setting",
        long = "subgraph",
        env = "GIGWAY_FEDERATION",
        global = true,
        value_name = "SWITCH"
    )]
    pub federation: Option<String>,

    /// on or off: serve the console, and GraphiQL if there is introspection [default: on; in production off]
    #[arg(long, env = "GIGWAY_CONSOLE", global = true, value_name = "SWITCH")]
    pub console: Option<String>,

    /// on or off: introspection, and name suggestions in error messages [default: on; in production off]
    #[arg(long, env = "GIGWAY_INTROSPECTION", global = true, value_name = "SWITCH")]
    pub introspection: Option<String>,

    /// queries or persisted: GET runs any query, or only persisted ones [default: queries]
    #[arg(long, env = "GIGWAY_GET", global = true, value_name = "WHAT")]
    pub get: Option<String>,

    /// on or off: clients can send the SHA-256 hash of a document they have sent before [default: on]
    #[arg(long, env = "GIGWAY_AUTOMATIC_PERSISTED_QUERIES", global = true, value_name = "SWITCH")]
    pub automatic_persisted_queries: Option<String>,

    /// file of trusted documents: Apollo's persisted query manifest, or a JSON object of ids and documents
    /// [default: none]
    #[arg(long, env = "GIGWAY_TRUSTED_DOCUMENTS", global = true, value_name = "FILE")]
    pub trusted_documents: Option<String>,

    /// off, audit or enforce: run, run and log, or reject untrusted documents [default: enforce if there is a
    /// file, else off]
    #[arg(long, env = "GIGWAY_TRUSTED_DOCUMENTS_MODE", global = true, value_name = "MODE")]
    pub trusted_documents_mode: Option<String>,

    /// bytes of memory for cached responses to anonymous clients; 0 turns the cache off [default: 67108864]
    #[arg(long, env = "GIGWAY_CACHE_BYTES", global = true, value_name = "BYTES")]
    pub cache_bytes: Option<String>,

    /// bearer token for /metrics, at least 32 characters [default: none; /metrics is then open in development
    /// and absent in production]
    #[arg(long, env = "GIGWAY_METRICS_TOKEN", global = true, value_name = "SECRET", hide_env_values = true)]
    pub metrics_token: Option<String>,

    /// days that the event log keeps events, and for which a client can resume [default: 30]
    #[arg(long, env = "GIGWAY_EVENTS_KEPT_DAYS", global = true, value_name = "DAYS")]
    pub events_kept_days: Option<String>,

    /// version of the text that applicants must agree to when they submit their verification, such as 2026-11
    /// [default: none, they need not]
    #[arg(long, env = "GIGWAY_CONSENT_VERSION", global = true, value_name = "TEXT")]
    pub consent_version: Option<String>,

    /// limits of the domain, as JSON such as {"gig":{"imagesMax":8}}; omitted limits keep their defaults
    #[arg(long, env = "GIGWAY_LIMITS", global = true, value_name = "JSON")]
    pub limits: Option<String>,

    /// log filter: error, warn, info, debug, trace, or one per module [default: info]
    #[arg(long, env = "GIGWAY_LOG", global = true, value_name = "FILTER")]
    pub log: Option<String>,

    /// text or json [default: text; in production json]
    #[arg(long, env = "GIGWAY_LOG_FORMAT", global = true, value_name = "NAME")]
    pub log_format: Option<String>,
}

impl Settings {
    /// Replaces a secret that is written as `@PATH` by the content of that file, as orchestrators mount it.
    pub(super) fn read_secret_files(mut self) -> Result<Self, ConfigError> {
        let secrets = [
            ("DATABASE_URL", &mut self.database_url),
            ("REDIS_URL", &mut self.redis_url),
            ("GIGWAY_TOKEN_SECRET", &mut self.token_secret),
            ("GIGWAY_ENCRYPTION_KEYS", &mut self.encryption_keys),
            ("GIGWAY_INDEX_KEY", &mut self.index_key),
            ("GIGWAY_METRICS_TOKEN", &mut self.metrics_token),
        ];
        for (variable, value) in secrets {
            if let Some(path) = value.as_deref().and_then(|value| value.strip_prefix('@')) {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let problem = format!("is a file that cannot be read: {path:?}: {error}");
                    ConfigError::new(variable, problem, "@/run/secrets/gigway")
                })?;
                *value = Some(text.trim().to_owned());
            }
        }
        Ok(self)
    }
}
