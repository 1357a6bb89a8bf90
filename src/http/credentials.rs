//! The verified credentials of a request or a connection.

use chrono::{DateTime, Utc};

use crate::engine::Caller;

/// The caller, and how long its credentials are valid.
#[derive(Debug)]
pub struct Credentials {
    pub caller: Caller,
    /// When the access token expires. `None`: the credentials are valid as long as the session.
    pub expires_at: Option<DateTime<Utc>>,
}
