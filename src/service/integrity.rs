//! The keyed tags of what gives power: of a user's role and verified identity, and of the state of a verification
//! (docs/adr/0040).
//!
//! A wrong tag means that somebody has changed the database past the gateway. The user then has the least rights, the
//! verification cannot be changed, and the log has a line with `event=TAG_MISMATCH`. In a database from before there were
//! tags, the first release that knows them writes them ([`prepare`]), and only later releases enforce them: until then,
//! gateways of earlier releases may still change rows without a tag.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;

use crate::domain::authority::Tags;
use crate::domain::id::UserId;
use crate::media::vault::{Vault, VaultError};
use crate::service::{Result, Services, security_log};
use crate::store::verifications::VerificationRecord;
use crate::store::{Executor, authority, users, verification_seals, verifications};

/// Tags of an earlier purpose would be other ones: do not change it.
const PURPOSE: &str = "tag of what gives power";

/// This release. The release that has begun to write tags does not enforce them.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// How many rows are read at once.
const BATCH_SIZE: u64 = 500;

/// Whether tags are enforced, and how many were wrong.
#[derive(Debug, Default)]
pub struct TagEnforcement {
    is_enforced: AtomicBool,
    /// How many times a tag was missing or wrong.
    pub mismatches: Counter,
}

impl TagEnforcement {
    /// Whether a wrong tag takes rights away, besides being reported.
    pub fn is_enforced(&self) -> bool {
        self.is_enforced.load(Ordering::Relaxed)
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
        self.tag_enforcement.mismatches.inc();
        security_log::tag_mismatch(user_id, is_enforced);
        !is_enforced
    }
}

/// Checks the tag of a verification.
///
/// # Errors
/// [`crate::service::Error::Decryption`] if it is wrong.
pub(super) fn require_untampered(services: &Services, record: &VerificationRecord) -> Result<()> {
    let user_id = record.verification.user_id;
    // A verification that is not stored has version 0.
    let is_stored = record.verification.version > 0;
    if is_stored && !services.accepts(user_id, &record.tagged_text(), record.state_tag.as_deref()) {
        return Err(VaultError::Tampered.into());
    }
    Ok(())
}

/// Finds out whether tags are enforced. In the release that has begun to write them, tags all rows that have none. Call it
/// before anything else is done with the database.
pub async fn prepare(services: &Services) -> Result<()> {
    let is_enforced = match authority::find_marker(services.db.read()).await? {
        Some((release, tag)) => {
            let is_genuine =
                services.vault.accepts(UserId::nil(), &marker_text(&release), Some(tag.as_slice()));
            if !is_genuine {
                security_log::tag_marker_mismatch();
            }
            !is_genuine || release != RELEASE
        }
        None if authority::has_tags(services.db.read()).await? => {
            // The marker is older than any tag, so somebody has deleted it.
            security_log::tag_marker_mismatch();
            true
        }
        None => {
            let is_new = users::count(services.db.read()).await? == 0;
            let release = if is_new { "" } else { RELEASE };
            let work = services.begin().await?;
            authority::insert_marker(work.tx(), release, services.tag(&marker_text(release))).await?;
            work.commit().await?;
            is_new
        }
    };
    services.tag_enforcement.is_enforced.store(is_enforced, Ordering::Relaxed);
    if !is_enforced {
        let count = tag_all(services).await?;
        if count > 0 {
            tracing::info!(count, "tagged rows of an earlier release; the next release enforces the tags");
        }
    }
    Ok(())
}

fn marker_text(release: &str) -> String {
    format!("tagged since release {release:?}")
}

/// Tags what has no tag or a wrong one, as it is, and returns how many rows. Does nothing once tags are enforced.
pub(super) async fn tag_all(services: &Services) -> Result<usize> {
    if services.tag_enforcement.is_enforced() {
        return Ok(0);
    }
    let found = find_mismatches(services.db.read(), &services.vault).await?;
    for mismatch in &found {
        let work = services.begin().await?;
        match *mismatch {
            Mismatch::Authority(user_id) => {
                users::lock_exclusively(work.tx(), user_id).await?;
                authority::tag(work.tx(), &services.vault, user_id).await?;
            }
            Mismatch::Verification(user_id) => {
                users::lock(work.tx(), user_id).await?;
                if let Some(record) = verifications::lock(work.tx(), user_id).await? {
                    verification_seals::tag(work.tx(), &services.vault, &record).await?;
                }
            }
        }
        work.commit().await?;
    }
    Ok(found.len())
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
        found.extend(users.into_iter().map(Mismatch::Verification));
    }
    Ok(found)
}
