//! The chain of the audit trail. Each entry has a keyed hash (HMAC-SHA-256) over itself and the hash of the entry
//! before. The head, the last entry and the number of all, has one, too.
//!
//! The key is derived from `GIGWAY_INDEX_KEY`, which never changes: the rotation of the other keys does not touch the
//! chain.

use chrono::{DateTime, Utc};

use crate::domain::audit::{AuditEntry, AuditHead, AuditSource, ChainedEntry};
use crate::domain::id::UserId;
use crate::media::vault::Vault;
use crate::service::{Error, Result, security_log};
use crate::store::audit::chain;
use crate::store::audit::chain::StoredHead;
use crate::store::{Database, Transaction};

/// The action of an entry that records that the head was altered or removed.
pub(super) const CHAIN_BROKEN: &str = "CHAIN_BROKEN";

/// The action of an entry that records that the entries before it are those of an earlier version.
pub(super) const CHAIN_BEGUN: &str = "CHAIN_BEGUN";

/// How many entries are read at once.
pub(super) const PAGE_SIZE: u64 = 1000;

/// The hash of an entry that follows the entry with the hash `previous`; empty for the first. Stored hashes depend on
/// it: do not change it.
pub(super) fn mac_of(vault: &Vault, previous: &[u8], number: i64, entry: &AuditEntry) -> Vec<u8> {
    let source: &str = entry.source.into();
    let uuid = |id: Option<UserId>| id.map(|id| id.uuid().into_bytes().to_vec());
    let mut text = Vec::new();
    push(&mut text, Some(previous));
    push(&mut text, Some(&number.to_be_bytes()));
    push(&mut text, Some(&entry.at.timestamp_micros().to_be_bytes()));
    push(&mut text, uuid(entry.actor_id).as_deref());
    push(&mut text, uuid(entry.subject_id).as_deref());
    push(&mut text, Some(source.as_bytes()));
    push(&mut text, entry.operator.as_deref().map(str::as_bytes));
    push(&mut text, Some(entry.action.as_bytes()));
    push(&mut text, Some(entry.detail.as_bytes()));
    push(&mut text, Some(entry.request_id.as_bytes()));
    vault.hash("audit entry", &text)
}

/// Appends a value with its length, so that no two lists of values have the same bytes.
fn push(text: &mut Vec<u8>, value: Option<&[u8]>) {
    let length = value.map_or(-1, |value| i64::try_from(value.len()).unwrap_or(i64::MAX));
    text.extend(length.to_be_bytes());
    text.extend(value.unwrap_or_default());
}

/// The keyed hash of the head.
pub(super) fn tag_of(vault: &Vault, head: &AuditHead) -> Vec<u8> {
    let mut text = Vec::new();
    push(&mut text, Some(&head.number.to_be_bytes()));
    push(&mut text, Some(&head.count.to_be_bytes()));
    push(&mut text, Some(&head.mac));
    vault.hash("audit head", &text)
}

/// Appends entries to the chain. Must come after everything else in the transaction except the append to the event
/// log, always in this order: until the commit, every other transaction that appends entries waits.
///
/// If somebody without the keys has altered the head, the chain continues after an entry that says so, which
/// [`verify`](crate::service::audit::verify) reports for ever. Refusing to continue would let them stop all reviews.
pub(in crate::service) async fn append(
    vault: &Vault,
    tx: &Transaction,
    mut entries: Vec<AuditEntry>,
) -> Result<()> {
    let Some(at) = entries.first().map(|entry| entry.at) else { return Ok(()) };
    let stored = chain::lock_head(tx).await?;
    let stored = stored.ok_or_else(|| Error::internal("the audit trail has no head; restart the gateway"))?;
    let mut head = stored.head;
    if tag_of(vault, &head) != stored.tag {
        security_log::audit_trail_altered("the head was altered");
        let detail = format!("the head was altered; it said {head}");
        entries.insert(0, about_chain(at, CHAIN_BROKEN, detail));
    }
    let mut chained = Vec::with_capacity(entries.len());
    for entry in entries {
        chained.push(link(vault, &mut head, entry));
    }
    chain::insert(tx, &chained).await?;
    let tag = tag_of(vault, &head);
    Ok(chain::set_head(tx, &StoredHead { head, tag }).await?)
}

/// The entry as the next one of the chain.
fn link(vault: &Vault, head: &mut AuditHead, entry: AuditEntry) -> ChainedEntry {
    // The databases store microseconds.
    let at = DateTime::from_timestamp_micros(entry.at.timestamp_micros()).unwrap_or(entry.at);
    let entry = AuditEntry { at, ..entry };
    let number = head.number + 1;
    let mac = mac_of(vault, &head.mac, number, &entry);
    *head = AuditHead { number, count: head.count + 1, mac: mac.clone() };
    ChainedEntry { number, entry, mac: Some(mac) }
}

/// An entry about the chain itself.
fn about_chain(at: DateTime<Utc>, action: &str, detail: String) -> AuditEntry {
    AuditEntry {
        at,
        actor_id: None,
        subject_id: None,
        source: AuditSource::System,
        operator: None,
        action: action.to_owned(),
        detail,
        request_id: String::new(),
    }
}

/// Begins the chain, at the first start of a version that has one: chains the entries of earlier versions. Does
/// nothing if there is a head.
///
/// An entry says when this happened, and how many entries it has chained. Otherwise, somebody could remove the head and
/// all hashes, change entries, and let the next start of a gateway compute the hashes again.
///
/// Entries that have a hash while there is no head are evidence that somebody has removed it. The chain then continues
/// after an entry that says so.
pub(super) async fn begin(db: &Database, vault: &Vault, now: DateTime<Utc>) -> Result<()> {
    if chain::find_head(db.read()).await?.is_some() {
        return Ok(());
    }
    let tx = db.begin().await?;
    chain::lock_beginning(&tx).await?;
    if chain::find_head(&tx).await?.is_some() {
        return Ok(());
    }
    let (mut head, mut is_removed) = (AuditHead::empty(), false);
    if let Some(checkpoint) = chain::checkpoints(&tx).await?.pop() {
        is_removed = true;
        head = AuditHead { number: checkpoint.number, count: checkpoint.count, mac: checkpoint.mac };
    }
    let mut chained_now = 0;
    loop {
        let page = chain::page_after(&tx, head.number, PAGE_SIZE).await?;
        if page.is_empty() {
            break;
        }
        for chained in page {
            let mac = if let Some(mac) = chained.mac {
                is_removed = true;
                mac
            } else {
                let mac = mac_of(vault, &head.mac, chained.number, &chained.entry);
                chain::set_mac(&tx, chained.number, &mac).await?;
                chained_now += 1;
                mac
            };
            head = AuditHead { number: chained.number, count: head.count + 1, mac };
        }
    }
    let mut entries = Vec::new();
    if chained_now > 0 {
        let detail = format!("{chained_now} entries of an earlier version");
        entries.push(about_chain(now, CHAIN_BEGUN, detail));
    }
    if is_removed {
        security_log::audit_trail_altered("the head was removed");
        entries.push(about_chain(now, CHAIN_BROKEN, "the head was removed".to_owned()));
    }
    let entries: Vec<_> = entries.into_iter().map(|entry| link(vault, &mut head, entry)).collect();
    chain::insert(&tx, &entries).await?;
    let tag = tag_of(vault, &head);
    chain::insert_head(&tx, &StoredHead { head, tag }).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: DateTime::UNIX_EPOCH,
            actor_id: None,
            subject_id: None,
            source: AuditSource::CommandLine,
            operator: Some("root".into()),
            action: "ROLE".into(),
            detail: "MEMBER to ADMIN".into(),
            request_id: String::new(),
        }
    }

    #[test]
    fn the_hash_depends_on_everything_in_the_entry_and_on_the_one_before() {
        let vault = Vault::new(&[("a", &[1; 32])], b"index").expect("a vault");
        let user = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let changed = [
            AuditEntry { at: DateTime::UNIX_EPOCH + chrono::TimeDelta::microseconds(1), ..entry() },
            AuditEntry { actor_id: Some(user), ..entry() },
            AuditEntry { subject_id: Some(user), ..entry() },
            AuditEntry { source: AuditSource::System, ..entry() },
            AuditEntry { operator: None, ..entry() },
            AuditEntry { operator: Some(String::new()), ..entry() },
            AuditEntry { action: "ROLEM".into(), detail: "EMBER to ADMIN".into(), ..entry() },
            AuditEntry { request_id: "1".into(), ..entry() },
        ];
        let mut macs = vec![
            mac_of(&vault, b"", 1, &entry()),
            mac_of(&vault, b"", 2, &entry()),
            mac_of(&vault, b"0", 1, &entry()),
        ];
        macs.extend(changed.iter().map(|entry| mac_of(&vault, b"", 1, entry)));
        let distinct: std::collections::HashSet<_> = macs.iter().collect();
        assert_eq!(distinct.len(), macs.len());
        assert_eq!(mac_of(&vault, b"", 1, &entry()), macs[0]);
    }
}
