//! Use cases: one function for each thing that a client, the command line or a background job can do.
//!
//! A use case takes the viewer and validated input. It begins one [`UnitOfWork`] (a transaction), asks
//! `domain` whether the change is allowed, writes through `store`, records events with
//! [`UnitOfWork::record`], and commits. If it returns an error, nothing was changed, unless it documents
//! something else. Every use case can return [`Error::Unavailable`], [`Error::StorageFull`],
//! [`Error::TimedOut`] and [`Error::Internal`]; `# Errors` lists only what is specific.
//!
//! To add a mutation:
//!
//! 1. the rule in `domain`: a transition, a form or a limit, with a unit test;
//! 2. the SQL in `store`, and a migration if it needs a column;
//! 3. if clients or other gateways must be notified of the change, a variant of
//!    [`crate::domain::event::EventBody`] (see `events`);
//! 4. the use case in the file of its subject here: `begin_for` (it locks the user who acts), lock, check,
//!    write, `record`, `commit`. If it writes about somebody else, lock that user, too
//!    ([`UnitOfWork::lock_viewer_and`]). Users are locked before everything else;
//! 5. its input in `graphql::inputs` and its resolver in `graphql::mutation`;
//! 6. a test in `tests/api`, and a row in the table of `tests/api/authorization_mutations.rs`;
//! 7. `make schema`, and a line in `CHANGELOG.md`.
#![expect(clippy::missing_errors_doc, reason = "the header lists the errors that every use case can return")]

pub mod accounts;
mod administration;
pub mod audit;
pub mod background_jobs;
mod blobs;
pub mod data_export;
mod data_keys;
pub mod earlier_versions;
pub mod erasure;
pub mod erasure_journal;
pub mod erasure_requests;
pub mod error;
pub mod event_log;
pub mod fair_queue;
mod flags;
mod forms;
pub mod gigs;
pub mod held_inspections;
mod held_versions;
pub mod idempotency;
pub mod identity_access;
pub mod image_variants;
pub mod images;
pub mod inspections;
pub mod integrity;
mod jwt;
pub mod key_rotation;
mod legal_holds;
mod look_alikes;
pub mod passwords;
pub mod picture_index;
pub mod rate_limit;
mod refusals;
pub mod reopening;
pub mod retention;
pub mod review_history;
pub mod review_texts;
pub mod reviews;
pub mod search_index;
pub mod security_log;
mod sign_in_throttle;
pub mod stream_tickets;
pub mod tokens;
mod unit_of_work;
pub mod url_signing;
pub mod user_accounts;
pub mod user_admin;
pub mod verification_reviews;
pub mod verifications;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

pub use error::{Error, Result};
pub use sign_in_throttle::SignInThrottle;
pub use unit_of_work::UnitOfWork;

use crate::clock::Clock;
use crate::domain::category::Catalogue;
use crate::domain::id::UserId;
use crate::domain::limits::Limits;
use crate::events::bus::Bus;
use crate::events::public_data_version::PublicDataVersion;
use crate::events::stream::Streams;
use crate::media::Media;
use crate::media::vault::Vault;
use crate::service::fair_queue::FairQueue;
use crate::store::Database;

/// The dependencies of every use case.
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
    /// Decodes uploaded images, fairly by person.
    pub decode_queue: FairQueue<UserId>,
    /// By what pictures of documents are recognized.
    pub picture_index: picture_index::PictureIndex,
    pub vault: Vault,
    /// The user of the operating system who runs a command; `None` in a gateway. The audit trail names them.
    pub operator: Option<String>,
    pub tokens: tokens::TokenIssuer,
    pub passwords: passwords::PasswordHasher,
    pub url_signer: url_signing::UrlSigner,
    pub sign_in_throttle: SignInThrottle,
    pub rate_limiter: rate_limit::RateLimiter,
    /// How long a refresh token that was exchanged gets the same new refresh token again.
    pub refresh_retry_window: TimeDelta,
    /// The record of erasures outside the database.
    pub erasure_journal: erasure_journal::ErasureJournal,
    /// The version of the text that applicants must agree to; `None` if they need not.
    pub consent_version: Option<String>,
    pub data_exports: data_export::ExportPermits,
    /// How long events stay in the log.
    pub event_retention: TimeDelta,
    pub ids: IdGenerator,
    pub opening_counters: identity_access::OpeningCounters,
    /// Whether the tags of what gives power are enforced.
    pub tag_enforcement: integrity::TagEnforcement,
    /// The URL at which clients reach this installation, without a trailing slash.
    pub public_url: String,
}

/// Generates ids. Ids of the same millisecond sort in the order of their generation.
#[derive(Debug)]
pub struct IdGenerator(std::sync::Mutex<ContextV7>);

impl Default for IdGenerator {
    fn default() -> Self {
        Self(std::sync::Mutex::new(ContextV7::new()))
    }
}

impl IdGenerator {
    /// Returns a new version 7 UUID with the time of `clock`.
    pub fn new_id(&self, clock: &dyn Clock) -> Uuid {
        let now = clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }
}

impl Services {
    /// The current time by [`Services::clock`].
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns a new id (a version 7 UUID with the clock's time) as the type that the caller needs.
    pub fn new_id<Id: From<Uuid>>(&self) -> Id {
        self.ids.new_id(self.clock.as_ref()).into()
    }

    /// Returns an id for a request that has none.
    pub fn new_request_id(&self) -> String {
        self.new_id::<Uuid>().simple().to_string()
    }

    /// Begins the transaction of a use case that nobody in particular acts in. For one that belongs to a user or
    /// names one, see [`Services::begin_for`].
    pub async fn begin(&self) -> Result<UnitOfWork<'_>> {
        UnitOfWork::begin(self).await
    }

    /// Begins the transaction of an act of `user_id`, and locks the user. An erasure and a block also lock their
    /// user. So either the act is committed before them (an erasure then removes what it wrote), or it fails.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the user was erased or blocked.
    pub async fn begin_for(&self, user_id: UserId) -> Result<UnitOfWork<'_>> {
        let work = self.begin().await?;
        work.lock_user(user_id).await?;
        Ok(work)
    }
}
