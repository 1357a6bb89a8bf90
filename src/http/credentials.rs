//! The credentials of a request or a connection, once they are checked.

use chrono::{DateTime, Utc};

use crate::engine::Caller;

/// Good credentials: whose, and until when.
#[derive(Debug)]
pub struct Credentials {
    pub caller: Caller,
    /// `None`: as long as the session lives.
    pub expire_at: Option<DateTime<Utc>>,
}
