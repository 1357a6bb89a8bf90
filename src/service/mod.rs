//! What people do: one function per act, one transaction each.
//!
//! An act is told who asks and what they want; it asks `domain` whether that may be, writes through
//! `store`, and records what happened in the log, all in one [`UnitOfWork`]; nothing stays half done.
//! To add an act: the rule in `domain`, a function here, a resolver that calls it.

pub mod accounts;
mod audit;
pub mod background_jobs;
pub mod error;
pub mod event_log;
pub mod gigs;
pub mod idempotency;
pub mod images;
pub mod key_rotation;
mod login_throttle;
pub mod rate_limit;
pub mod retention;
pub mod reviews;
pub mod secrets;
mod unit_of_work;
pub mod user_admin;
pub mod verification_reviews;
pub mod verifications;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

pub use error::{Error, Result};
pub use login_throttle::LoginThrottle;
pub use unit_of_work::UnitOfWork;

use crate::clock::Clock;
use crate::domain::category::Catalogue;
use crate::domain::limits::Limits;
use crate::events::bus::Bus;
use crate::events::public_data_version::PublicDataVersion;
use crate::events::stream::Streams;
use crate::media::Media;
use crate::media::vault::Vault;
use crate::store::Database;

/// Everything an act works with.
#[derive(Debug)]
pub struct Services {
    pub db: Database,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub catalogue: Catalogue,
    pub bus: Bus,
    pub streams: Streams,
    pub public_data_version: PublicDataVersion,
    pub media: Media,
    pub vault: Vault,
    pub secrets: secrets::Secrets,
    pub login_throttle: LoginThrottle,
    pub rate_limiter: rate_limit::RateLimiter,
    /// How long the log keeps what happened.
    pub events_kept: TimeDelta,
    pub ids: IdGenerator,
    /// Where clients reach this installation, without a slash at the end.
    pub public_url: String,
}

/// Makes ids; those of one millisecond still sort in the order they were made.
#[derive(Debug)]
pub struct IdGenerator(std::sync::Mutex<ContextV7>);

impl Default for IdGenerator {
    fn default() -> Self {
        Self(std::sync::Mutex::new(ContextV7::new()))
    }
}

impl IdGenerator {
    /// A new version 7 UUID that carries the time of `clock`.
    pub fn new_id(&self, clock: &dyn Clock) -> Uuid {
        let now = clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }
}

impl Services {
    /// Now, by this installation's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A new version 7 UUID that carries the clock's time.
    pub fn new_id(&self) -> Uuid {
        self.ids.new_id(self.clock.as_ref())
    }

    /// Begins an act.
    ///
    /// # Errors
    /// Where the database is away.
    pub async fn begin(&self) -> Result<UnitOfWork<'_>> {
        UnitOfWork::begin(self).await
    }
}
