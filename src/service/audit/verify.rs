//! Finds every change, deletion, insertion and reordering in the audit trail.

use std::fmt;

use crate::domain::audit::{AuditHead, ChainedEntry};
use crate::media::vault::Vault;
use crate::service::Result;
use crate::service::audit::chain::{CHAIN_BEGUN, CHAIN_BROKEN, PAGE_SIZE, mac_of, tag_of};
use crate::service::audit::signature::{TrailSigner, checkpoint_text};
use crate::store::Executor;
use crate::store::audit::chain;

/// The most problems that are reported.
const PROBLEMS_MAX: usize = 100;

/// What is wrong with the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The entry has no hash: it was not appended by a gateway.
    NotChained(i64),
    /// The entry was changed, or does not follow the one before.
    Changed(i64),
    /// Entries between these numbers are missing, or the second was changed.
    Missing(i64, i64),
    /// A gateway has found that the head was altered or removed.
    HeadWasAltered { number: i64, detail: String },
    /// The chain was begun a second time, at this entry.
    BegunAgain(i64),
    /// The head was altered.
    HeadAltered,
    /// There is no head.
    NoHead,
    /// The trail ends before its head: the end was cut off.
    CutOff { last: i64, head: AuditHead },
    /// The trail goes on after its head.
    BeyondHead { last: i64, head: i64 },
    /// The number of entries is not that of the head.
    WrongCount { found: i64, head: i64 },
    /// The summary of removed entries was altered.
    Checkpoint(i64),
    /// The trail does not contain the exported head.
    NotTheExported(AuditHead),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChained(number) => write!(f, "entry {number} has no hash: no gateway has appended it"),
            Self::Changed(number) => {
                write!(f, "entry {number} was changed, or the entry before it was removed or replaced")
            }
            Self::Missing(last, number) => {
                write!(f, "entries between {last} and {number} are missing, or entry {number} was changed")
            }
            Self::HeadWasAltered { number, detail } => write!(f, "entry {number} records: {detail}"),
            Self::BegunAgain(number) => {
                write!(
                    f,
                    "entry {number} records that the chain was begun again: its hashes had been removed"
                )
            }
            Self::HeadAltered => write!(f, "the head was altered"),
            Self::NoHead => write!(f, "the head was removed"),
            Self::CutOff { last, head } => {
                write!(f, "the trail ends with entry {last}, but its head is {head}: its end was cut off")
            }
            Self::BeyondHead { last, head } => {
                write!(f, "the trail ends with entry {last}, after its head, which is entry {head}")
            }
            Self::WrongCount { found, head } => {
                write!(f, "the trail has {found} entries, but its head counts {head}")
            }
            Self::Checkpoint(number) => {
                write!(
                    f,
                    "the summary of the entries up to {number}, which retention has removed, was altered"
                )
            }
            Self::NotTheExported(head) => {
                write!(
                    f,
                    "the trail does not contain {head}: it was cut off, replaced or restored from a backup"
                )
            }
        }
    }
}

/// The result of a verification.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many entries were checked.
    pub checked: i64,
    /// How many entries retention has removed.
    pub removed: i64,
    /// The entry at which the chain began, if there were entries of an earlier version.
    pub begun_at: Option<i64>,
    /// What is wrong, at most 100 problems.
    pub problems: Vec<Problem>,
    /// Whether the exported head is among the removed entries, so that it cannot be compared.
    pub is_expected_removed: bool,
}

impl Report {
    fn add(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

/// Where the verification has arrived.
struct Position {
    head: AuditHead,
    is_expected_found: bool,
}

/// Verifies the whole trail. `expected` is a head that was exported before; the trail must still contain it.
///
/// `db` is a snapshot: otherwise, entries that retention removes meanwhile would be missed.
pub async fn verify(db: &impl Executor, vault: &Vault, expected: Option<&AuditHead>) -> Result<Report> {
    let mut report = Report::default();
    let mut at = start(db, vault, expected, &mut report).await?;
    // An entry and its head are committed together, so a head that is read later is at least as new.
    loop {
        read_entries(db, vault, expected, None, &mut at, &mut report).await?;
        let last = at.head.number;
        let Some(stored) = chain::find_head(db).await? else {
            report.add(Problem::NoHead);
            break;
        };
        let head = stored.head;
        if tag_of(vault, &head) != stored.tag {
            report.add(Problem::HeadAltered);
        }
        if head.number > last {
            if chain::page_after(db, last, 1).await?.is_empty() {
                report.add(Problem::CutOff { last, head });
                break;
            }
            continue;
        }
        if head.number < last {
            report.add(Problem::BeyondHead { last, head: head.number });
        } else if head.mac != at.head.mac {
            report.add(Problem::HeadAltered);
        }
        if head.count != at.head.count {
            report.add(Problem::WrongCount { found: at.head.count, head: head.count });
        }
        break;
    }
    if let Some(expected) = expected.filter(|_| !at.is_expected_found && !report.is_expected_removed) {
        report.add(Problem::NotTheExported(expected.clone()));
    }
    report.problems.dedup();
    Ok(report)
}

/// Verifies the entries up to this number.
pub(super) async fn verify_until(db: &impl Executor, vault: &Vault, number: i64) -> Result<Report> {
    let mut report = Report::default();
    let mut at = start(db, vault, None, &mut report).await?;
    read_entries(db, vault, None, Some(number), &mut at, &mut report).await?;
    Ok(report)
}

/// Checks the summaries of what was removed. The trail continues after the last one.
async fn start(
    db: &impl Executor,
    vault: &Vault,
    expected: Option<&AuditHead>,
    report: &mut Report,
) -> Result<Position> {
    let key = TrailSigner::new(vault).public_key();
    let mut head = AuditHead::empty();
    let mut is_expected_found = expected.is_some_and(|expected| *expected == head);
    for checkpoint in chain::checkpoints(db).await? {
        if !key.is_valid(&checkpoint_text(&checkpoint), &checkpoint.signature)
            || checkpoint.count < head.count
        {
            report.add(Problem::Checkpoint(checkpoint.number));
        }
        head = AuditHead { number: checkpoint.number, count: checkpoint.count, mac: checkpoint.mac };
        is_expected_found |= expected == Some(&head);
    }
    report.removed = head.count;
    report.is_expected_removed = expected.is_some_and(|expected| expected.number < head.number);
    Ok(Position { head, is_expected_found })
}

async fn read_entries(
    db: &impl Executor,
    vault: &Vault,
    expected: Option<&AuditHead>,
    until: Option<i64>,
    at: &mut Position,
    report: &mut Report,
) -> Result<()> {
    loop {
        let page = chain::page_after(db, at.head.number, PAGE_SIZE).await?;
        if page.is_empty() {
            return Ok(());
        }
        for chained in page {
            if until.is_some_and(|until| chained.number > until) {
                return Ok(());
            }
            check_entry(vault, &at.head, &chained, report);
            report.checked += 1;
            let mac = chained.mac.unwrap_or_default();
            at.head = AuditHead { number: chained.number, count: at.head.count + 1, mac };
            at.is_expected_found |= expected == Some(&at.head);
        }
    }
}

fn check_entry(vault: &Vault, previous: &AuditHead, chained: &ChainedEntry, report: &mut Report) {
    let number = chained.number;
    let expected = mac_of(vault, &previous.mac, number, &chained.entry);
    match &chained.mac {
        None => report.add(Problem::NotChained(number)),
        Some(mac) if *mac != expected && number > previous.number + 1 => {
            report.add(Problem::Missing(previous.number, number));
        }
        Some(mac) if *mac != expected => report.add(Problem::Changed(number)),
        Some(_) => {}
    }
    if chained.entry.action == CHAIN_BEGUN && report.begun_at.replace(number).is_some() {
        report.add(Problem::BegunAgain(number));
    }
    if chained.entry.action == CHAIN_BROKEN {
        report.add(Problem::HeadWasAltered { number, detail: chained.entry.detail.clone() });
    }
}
