//! Why the gateway or a command could not start.

use std::net::SocketAddr;

use crate::config::Config;

/// Why the gateway could not start. Messages have one line and contain no secrets.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error("cannot use the data directory {directory}: {error}")]
    DataDir { directory: String, error: String },
    #[error("cannot use the database: {0}")]
    Database(#[from] crate::store::Error),
    #[error("the database {0} does not exist; run: gigway migrate up")]
    NoDatabase(String),
    #[error("the database has {0} pending migration(s); run: gigway migrate up")]
    PendingMigrations(usize),
    #[error("cannot use REDIS_URL: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("cannot set up password hashing: {0}")]
    PasswordHashing(crate::service::Error),
    #[error("cannot begin the chain of the audit trail: {0}")]
    AuditTrail(crate::service::Error),
    #[error("cannot read or write the tags of what gives power: {0}")]
    Tags(crate::service::Error),
    #[error("cannot remove what a restored backup or an earlier version has retained of erased users: {0}")]
    Erasures(crate::service::Error),
}

impl StartError {
    pub(super) fn data_dir(config: &Config, error: &dyn std::fmt::Display) -> Self {
        Self::DataDir { directory: config.data_dir.display().to_string(), error: error.to_string() }
    }
}
