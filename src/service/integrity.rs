//! The keyed tags of what gives power: of a user's role and verified identity, and of the state of a verification
//! (docs/adr/0040).
//!
//! A wrong tag means that somebody has changed the database past the gateway. The user then has the least rights, the
//! verification cannot be changed, and the log has a line with `event=TAG_MISMATCH`.
//!
//! In a database from before there were tags, the first release that knows them introduces them ([`tag_all`]), and only
//! later releases enforce them: meanwhile, gateways of earlier releases may still change rows. A day after all rows
//! have got a tag, a missing one is reported, and no wrong one is replaced any more. The row `integrity_marker` says
//! how far this is. It has a tag itself, and the audit trail then has an entry, so that an older row is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::metrics::counter::Counter;

use crate::domain::authority::Tags;
use crate::domain::id::UserId;
use crate::media::vault::{Vault, VaultError};
use crate::service::audit::SYSTEM;
use crate::service::{Result, Services, audit, security_log};
use crate::store::audit as audit_entries;
use crate::store::authority::Marker;
use crate::store::verifications::VerificationRecord;
use crate::store::{Executor, authority, users, verification_seals, verifications};

/// Stored tags depend on it: do not change it.
const PURPOSE: &str = "tag of what gives power";

/// This release. The release that has begun to write tags does not enforce them.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// How long all gateways have to be restarted with the release that introduces tags, after all rows have got one.
const RESTART_TIME: TimeDelta = TimeDelta::days(1);

/// The time between two runs of [`tag_all`].
const INTERVAL: Duration = Duration::from_hours(1);

/// The entry of the audit trail that says that all rows of earlier releases have got a tag.
const COMPLETE_ACTION: &str = "COMPLETE_TAGS";

/// How often a verification is read whose tag looks wrong.
const READS_MAX: usize = 4;

/// How many rows are read at once.
const BATCH_SIZE: u64 = 500;

/// Whether tags are enforced, and how many were wrong.
#[derive(Debug)]
pub struct TagEnforcement {
    is_enforced: AtomicBool,
    /// From when on every row must have a tag, in microseconds since 1970.
    complete_at: AtomicI64,
    /// How many times a tag was missing or wrong.
    pub mismatches: Counter,
}

impl Default for TagEnforcement {
    fn default() -> Self {
        Self {
            is_enforced: AtomicBool::new(false),
            complete_at: AtomicI64::new(i64::MAX),
            mismatches: Counter::default(),
        }
    }
}

impl TagEnforcement {
    /// Whether a wrong tag takes rights away, besides being reported.
    pub fn is_enforced(&self) -> bool {
        self.is_enforced.load(Ordering::Relaxed)
    }

    /// Whether every row must have a tag.
    fn is_complete(&self, now: DateTime<Utc>) -> bool {
        self.is_enforced() || self.complete_at.load(Ordering::Relaxed) <= now.timestamp_micros()
    }

    fn set(&self, state: MarkerState) {
        let complete_at = match state {
            MarkerState::Introduced(at) => at.map_or(i64::MAX, |at| at.timestamp_micros()),
            MarkerState::None => i64::MAX,
            MarkerState::Enforced | MarkerState::Altered => i64::MIN,
        };
        self.complete_at.store(complete_at, Ordering::Relaxed);
        let is_enforced = matches!(state, MarkerState::Enforced | MarkerState::Altered);
        self.is_enforced.store(is_enforced, Ordering::Relaxed);
    }
}

impl Tags for Vault {
    fn tag(&self, text: &str) -> Vec<u8> {
        self.hash(PURPOSE, text.as_bytes())
    }

    fn accepts(&self, _: UserId, text: &str, tag: Option<&[u8]>) -> bool {
        tag.is_some_and(|tag| self.is_hash(PURPOSE, text.as_bytes(), tag))
    }
}

impl Tags for Services {
    fn tag(&self, text: &str) -> Vec<u8> {
        self.vault.tag(text)
    }

    fn accepts(&self, user_id: UserId, text: &str, tag: Option<&[u8]>) -> bool {
        if self.vault.accepts(user_id, text, tag) {
            return true;
        }
        let is_enforced = self.tag_enforcement.is_enforced();
        // While tags are introduced, rows of earlier releases have none.
        if tag.is_some() || self.tag_enforcement.is_complete(self.now()) {
            self.tag_enforcement.mismatches.inc();
            security_log::tag_mismatch(user_id, is_enforced);
        }
        !is_enforced
    }
}

/// Checks the tag of a verification that the caller has locked. It is checked as it was read: the caller may have
/// changed the record since.
///
/// # Errors
/// [`crate::service::Error::Decryption`] if it is wrong.
pub(super) fn require_untampered(services: &Services, record: &VerificationRecord) -> Result<()> {
    is_accepted(services, record).then_some(()).ok_or_else(|| VaultError::Tampered.into())
}

/// Whether the tag of a verification is right. Reports nothing.
pub(super) fn has_right_tag(services: &Services, record: &VerificationRecord) -> bool {
    is_accepted(&services.vault, record)
}

fn is_accepted(tags: &impl Tags, record: &VerificationRecord) -> bool {
    let (text, tag) = (&record.state_text, record.state_tag.as_deref());
    text.is_empty() || tags.accepts(record.verification.user_id, text, tag)
}

/// Reads a verification that the caller has not locked, and checks its tag.
///
/// # Errors
/// [`crate::service::Error::Decryption`] if the tag is wrong.
pub(super) async fn find_untampered(
    services: &Services,
    db: &impl Executor,
    user_id: UserId,
) -> Result<Option<VerificationRecord>> {
    let found = find_unlocked(db, &services.vault, user_id).await?;
    found.as_ref().map_or(Ok(()), |record| require_untampered(services, record))?;
    Ok(found)
}

/// Reads a verification that the caller has not locked. The row and its documents are read one after the other: if they
/// change in between, the tag looks wrong, so they are read again.
async fn find_unlocked(
    db: &impl Executor,
    vault: &Vault,
    user_id: UserId,
) -> Result<Option<VerificationRecord>> {
    let mut found = verifications::find(db, user_id).await?;
    for _ in 1..READS_MAX {
        if found.as_ref().is_none_or(|record| is_accepted(vault, record)) {
            break;
        }
        found = verifications::find(db, user_id).await?;
    }
    Ok(found)
}

/// What the marker says about the tags of this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerState {
    /// There is none, and no sign that there ever was one.
    None,
    /// This release introduces tags. From this time on every row must have one; `None` while rows of earlier releases
    /// get theirs.
    Introduced(Option<DateTime<Utc>>),
    Enforced,
    /// Somebody has changed or deleted it past the gateway, or put back an older one.
    Altered,
}

/// Reads the marker, and finds out what it says now.
pub async fn marker_state(db: &impl Executor, vault: &Vault, now: DateTime<Utc>) -> Result<MarkerState> {
    match read_marker(db, vault, now).await? {
        // Another gateway may have written it between two reads.
        MarkerState::Altered => read_marker(db, vault, now).await,
        state => Ok(state),
    }
}

async fn read_marker(db: &impl Executor, vault: &Vault, now: DateTime<Utc>) -> Result<MarkerState> {
    let Some(marker) = authority::find_marker(db).await? else {
        let was_deleted =
            authority::has_tags(db).await? || audit_entries::has_action(db, COMPLETE_ACTION).await?;
        return Ok(if was_deleted { MarkerState::Altered } else { MarkerState::None });
    };
    let text = marker_text(&marker.release, marker.complete_at);
    if !vault.accepts(UserId::nil(), &text, Some(marker.tag.as_slice())) {
        return Ok(MarkerState::Altered);
    }
    Ok(match marker.complete_at {
        None if audit_entries::has_action(db, COMPLETE_ACTION).await? => MarkerState::Altered,
        Some(at) if marker.release != RELEASE && at <= now => MarkerState::Enforced,
        complete_at => MarkerState::Introduced(complete_at),
    })
}

fn marker_text(release: &str, complete_at: Option<DateTime<Utc>>) -> String {
    let complete_at = complete_at.map_or_else(|| "-".to_owned(), |at| at.timestamp_micros().to_string());
    format!("tagged since release {release:?}, complete at {complete_at}")
}

fn marker(services: &Services, release: &str, complete_at: Option<DateTime<Utc>>) -> Marker {
    let tag = services.tag(&marker_text(release, complete_at));
    Marker { release: release.to_owned(), complete_at, tag }
}

/// Finds out whether tags are enforced. Call it before anything else is done with the database.
pub async fn prepare(services: &Services) -> Result<()> {
    if read_state(services).await? == MarkerState::None {
        insert_marker(services).await?;
        // Another gateway may have been faster.
        read_state(services).await?;
    }
    Ok(())
}

async fn read_state(services: &Services) -> Result<MarkerState> {
    let state = marker_state(services.db.read(), &services.vault, services.now()).await?;
    if state == MarkerState::Altered {
        security_log::tag_marker_mismatch();
    }
    services.tag_enforcement.set(state);
    Ok(state)
}

async fn insert_marker(services: &Services) -> Result<()> {
    let is_new = users::count(services.db.read()).await? == 0;
    let new = if is_new {
        marker(services, "", Some(services.now() - RESTART_TIME))
    } else {
        marker(services, RELEASE, None)
    };
    let work = services.begin().await?;
    let is_inserted = authority::insert_marker(work.tx(), &new).await?;
    work.commit().await?;
    if is_inserted && !is_new {
        tracing::warn!("introducing tags: no row of this database has one. This must happen once only");
    }
    Ok(())
}

/// Calls [`tag_all`] once an hour, until the task is dropped.
pub async fn run(services: Arc<Services>) {
    loop {
        if let Err(error) = tag_all(&services).await {
            tracing::warn!(%error, "tagging rows failed");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// While this release introduces tags: tags what has no tag or a wrong one, as it is, and returns how many rows. Wrong
/// ones are reported: unless a gateway of an earlier release has changed these rows, somebody else has. A day after all
/// rows have got a tag, it reports what is missing or wrong, and changes nothing. Does nothing if tags are enforced.
pub async fn tag_all(services: &Services) -> Result<usize> {
    let MarkerState::Introduced(complete_at) = read_state(services).await? else { return Ok(0) };
    let found = find_mismatches(services.db.read(), &services.vault).await?;
    if complete_at.is_some_and(|at| at <= services.now()) {
        for mismatch in found {
            let (Mismatch::Authority(user_id) | Mismatch::Verification(user_id)) = mismatch;
            services.tag_enforcement.mismatches.inc();
            security_log::tag_mismatch(user_id, false);
        }
        return Ok(0);
    }
    for mismatch in &found {
        // A row that cannot be read keeps its wrong tag, so it is found when tags are enforced.
        if let Err(error) = tag_row(services, *mismatch).await {
            tracing::error!(?mismatch, %error, "a row was not tagged");
        }
    }
    if complete_at.is_none() {
        complete(services).await?;
    }
    if !found.is_empty() {
        tracing::info!(count = found.len(), "tagged rows of an earlier release");
    }
    Ok(found.len())
}

async fn tag_row(services: &Services, mismatch: Mismatch) -> Result<()> {
    let work = services.begin().await?;
    match mismatch {
        Mismatch::Authority(user_id) => {
            users::lock_exclusively(work.tx(), user_id).await?;
            // Reports a wrong tag.
            authority::find_role(work.tx(), services, user_id).await?;
            authority::tag(work.tx(), &services.vault, user_id).await?;
        }
        Mismatch::Verification(user_id) => {
            users::lock(work.tx(), user_id).await?;
            if let Some(record) = verifications::lock(work.tx(), user_id).await? {
                require_untampered(services, &record)?;
                verification_seals::tag(work.tx(), &services.vault, &record).await?;
            }
        }
    }
    work.commit().await
}

/// Records that all rows have got a tag.
async fn complete(services: &Services) -> Result<()> {
    let Some(begun) = authority::find_marker(services.db.read()).await? else { return Ok(()) };
    let work = services.begin().await?;
    let complete = marker(services, &begun.release, Some(services.now() + RESTART_TIME));
    if authority::complete_marker(work.tx(), &complete).await? {
        let detail = format!("by release {RELEASE}");
        audit::append(services, &work, SYSTEM, None::<UserId>, COMPLETE_ACTION, &detail).await?;
    }
    work.commit().await?;
    read_state(services).await.map(drop)
}

/// A row whose tag is missing or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The role and the verified identity of this user.
    Authority(UserId),
    /// The verification of this user.
    Verification(UserId),
}

/// Reads every row that has a tag, and returns those whose tag is missing or wrong.
pub async fn find_mismatches(db: &impl Executor, vault: &Vault) -> Result<Vec<Mismatch>> {
    let (mut found, mut last) = (Vec::new(), UserId::nil());
    while let Some((id, users)) = authority::find_untagged(db, vault, last, BATCH_SIZE).await? {
        last = id;
        found.extend(users.into_iter().map(Mismatch::Authority));
    }
    let mut last = UserId::nil();
    while let Some((id, users)) = verification_seals::find_untagged(db, vault, last, BATCH_SIZE).await? {
        last = id;
        for user_id in users {
            let record = find_unlocked(db, vault, user_id).await?;
            if record.is_some_and(|record| !is_accepted(vault, &record)) {
                found.push(Mismatch::Verification(user_id));
            }
        }
    }
    Ok(found)
}
