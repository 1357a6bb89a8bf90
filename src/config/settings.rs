//! What the environment and the command line can say, as it was written.

use clap::Args;

use crate::config::ConfigError;

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

    /// redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT.. or redis+sentinel://HOST:PORT,HOST:PORT../MASTER, with
    /// rediss over TLS; unset, events stay inside the process, which is enough for one gateway
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

    /// Sockets and streams that one address may have open on one gateway [default: 10000; in production 1000]
    #[arg(long, env = "GIGWAY_CONNECTIONS_PER_ADDRESS", global = true, value_name = "NUMBER")]
    pub connections_per_address: Option<String>,

    /// Operations that one socket may run at a time [default: 100]
    #[arg(long, env = "GIGWAY_OPERATIONS_PER_SOCKET", global = true, value_name = "NUMBER")]
    pub operations_per_socket: Option<String>,

    /// Subscriptions that one person may have on one gateway [default: 10000; in production 1000]
    #[arg(long, env = "GIGWAY_SUBSCRIPTIONS_PER_VIEWER", global = true, value_name = "NUMBER")]
    pub subscriptions_per_viewer: Option<String>,

    /// Seconds that a socket's client may take to introduce itself [default: 3]
    #[arg(long, env = "GIGWAY_SOCKET_INIT_SECONDS", global = true, value_name = "SECONDS")]
    pub socket_init_seconds: Option<String>,

    /// Seconds between the pings that a socket's client is asked by whether it is still there [default: 25]
    #[arg(long, env = "GIGWAY_SOCKET_PING_SECONDS", global = true, value_name = "SECONDS")]
    pub socket_ping_seconds: Option<String>,

    /// Seconds that a socket or stream lives on once its access token has expired [default: 30]
    #[arg(long, env = "GIGWAY_TOKEN_GRACE_SECONDS", global = true, value_name = "SECONDS")]
    pub token_grace_seconds: Option<String>,

    /// Seconds that a connection may take to send the headers of its next request, and so may be idle [default: 65]
    #[arg(long, env = "GIGWAY_HEADER_SECONDS", global = true, value_name = "SECONDS")]
    pub header_seconds: Option<String>,

    /// What one operation may ask for, where other than the defaults, as JSON, such as {"depth":20}
    #[arg(long, env = "GIGWAY_OPERATION_LIMITS", global = true, value_name = "JSON")]
    pub operation_limits: Option<String>,

    /// What callers may spend over time, where other than the defaults, as JSON, such as
    /// {"viewer":{"capacity":20000,"perMinute":60000}}; a capacity of 0 counts nothing
    #[arg(long, env = "GIGWAY_BUDGETS", global = true, value_name = "JSON")]
    pub budgets: Option<String>,

    /// on or off: whether the schema shows itself, and names that are nearly right are told [default: on; in
    /// production off]
    #[arg(long, env = "GIGWAY_INTROSPECTION", global = true, value_name = "SWITCH")]
    pub introspection: Option<String>,

    /// queries or persisted: whether GET runs any query, or only those that it names by hash or id [default: queries]
    #[arg(long, env = "GIGWAY_GET", global = true, value_name = "WHAT")]
    pub get: Option<String>,

    /// on or off: whether a document that was sent once can be asked for by its SHA-256 [default: on]
    #[arg(long, env = "GIGWAY_AUTOMATIC_PERSISTED_QUERIES", global = true, value_name = "SWITCH")]
    pub automatic_persisted_queries: Option<String>,

    /// File of the documents that clients may send, as their build tools write it: a manifest of Apollo's, or a JSON
    /// object of ids and documents
    #[arg(long, env = "GIGWAY_TRUSTED_DOCUMENTS", global = true, value_name = "FILE")]
    pub trusted_documents: Option<String>,

    /// off, audit or enforce: whether other documents are run, run and logged, or refused [default: enforce where
    /// there is a file]
    #[arg(long, env = "GIGWAY_TRUSTED_DOCUMENTS_MODE", global = true, value_name = "MODE")]
    pub trusted_documents_mode: Option<String>,

    /// Bytes of answers to strangers that are kept in memory until something that everybody sees changes; 0 keeps none
    /// [default: 67108864]
    #[arg(long, env = "GIGWAY_CACHE_BYTES", global = true, value_name = "BYTES")]
    pub cache_bytes: Option<String>,

    /// What /metrics takes as its bearer token, 32 characters or more; without one, production has no /metrics
    #[arg(long, env = "GIGWAY_METRICS_TOKEN", global = true, value_name = "SECRET", hide_env_values = true)]
    pub metrics_token: Option<String>,

    /// Days that the log keeps what happened, and so for which a client may be away and miss nothing [default: 30]
    #[arg(long, env = "GIGWAY_EVENTS_KEPT_DAYS", global = true, value_name = "DAYS")]
    pub events_kept_days: Option<String>,

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
    pub(super) fn with_files(mut self) -> Result<Self, ConfigError> {
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
                    let violation = format!("names the file {path:?}, which cannot be read: {error}");
                    ConfigError::new(variable, violation, "@/run/secrets/gigway")
                })?;
                *value = Some(text.trim().to_owned());
            }
        }
        Ok(self)
    }
}
