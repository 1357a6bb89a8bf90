//! Exports the audit trail as signed JSON Lines, and checks an export.
//!
//! The first line says what the file is. Then follow the summaries of removed entries, one line for each entry, and what
//! [`verify`] found wrong with the trail: the signature never vouches for a trail that was altered. The last line has the
//! head of the chain, the SHA-256 of all lines before, and an Ed25519 signature of both.

use std::io::{BufRead, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::audit::{AuditCheckpoint, AuditHead, ChainedEntry, hexadecimal};
use crate::domain::id::{PublicId, UserId};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::audit::chain::PAGE_SIZE;
use crate::service::audit::signature::{TrailPublicKey, TrailSigner};
use crate::service::audit::verify::{Problem, verify};
use crate::service::{Error, Result, Services};
use crate::store::audit::chain;

/// The format of the file, in its first line.
const FORMAT: &str = "gigway-audit-1";

/// What was exported.
#[derive(Debug, Clone)]
pub struct Exported {
    pub entries: i64,
    /// What is wrong with the trail.
    pub problems: Vec<Problem>,
}

/// Writes the entries after the number `after`. The export itself is an entry, which it contains.
pub async fn export(services: &Services, after: i64, out: &mut impl Write) -> Result<Exported> {
    let work = services.begin().await?;
    let detail = if after > 0 { format!("after {after}") } else { String::new() };
    audit::append(services, &work, SYSTEM, None::<UserId>, "EXPORT_AUDIT_TRAIL", &detail).await?;
    work.commit().await?;

    let snapshot = services.db.snapshot().await?;
    let db = &*snapshot;
    let problems = verify(db, &services.vault, None).await?.problems;
    let signer = TrailSigner::new(&services.vault);
    let mut lines = SignedLines { out, hash: Sha256::new() };
    lines.write(&json!({
        "type": "HEADER",
        "format": FORMAT,
        "exportedAt": time(services.now()),
        "after": after,
        "publicKey": signer.public_key().to_string(),
    }))?;
    let mut head = AuditHead::empty();
    for checkpoint in chain::checkpoints(db).await? {
        lines.write(&checkpoint_line(&checkpoint))?;
        head = AuditHead { number: checkpoint.number, count: checkpoint.count, mac: checkpoint.mac };
    }
    // The count of the head needs the entries before `after`, too.
    let mut exported = 0;
    loop {
        let page = chain::page_after(db, head.number, PAGE_SIZE).await?;
        if page.is_empty() {
            break;
        }
        for chained in page {
            if chained.number > after {
                lines.write(&entry_line(&chained))?;
                exported += 1;
            }
            let mac = chained.mac.unwrap_or_default();
            head = AuditHead { number: chained.number, count: head.count + 1, mac };
        }
    }
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.write(&json!({ "type": "VERIFICATION", "problems": texts }))?;
    let sha256 = hexadecimal(&lines.hash.finalize_reset());
    let signature = signer.sign(&signed_text(exported, &head, &sha256));
    lines.write(&json!({
        "type": "SIGNATURE",
        "entries": exported,
        "head": head.to_string(),
        "sha256": sha256,
        "signature": BASE64_STANDARD.encode(signature),
    }))?;
    lines.out.flush().map_err(Error::internal)?;
    snapshot.end().await?;
    Ok(Exported { entries: exported, problems })
}

/// Writes lines, and hashes them.
struct SignedLines<'a, W> {
    out: &'a mut W,
    hash: Sha256,
}

impl<W: Write> SignedLines<'_, W> {
    fn write(&mut self, line: &Value) -> Result<()> {
        let line = format!("{line}\n");
        self.hash.update(&line);
        self.out.write_all(line.as_bytes()).map_err(Error::internal)
    }
}

/// What is signed. Exports depend on it: do not change it.
fn signed_text(entries: i64, head: &AuditHead, sha256: &str) -> String {
    format!("gigway audit export\n{FORMAT}\n{entries}\n{head}\n{sha256}")
}

fn entry_line(chained: &ChainedEntry) -> Value {
    let entry = &chained.entry;
    let source: &str = entry.source.into();
    json!({
        "type": "ENTRY",
        "number": chained.number,
        "at": time(entry.at),
        "actor": entry.actor_id.map(UserId::to_public),
        "subject": entry.subject_id.map(UserId::to_public),
        "source": source,
        "operator": entry.operator,
        "action": entry.action,
        "detail": entry.detail,
        "requestId": entry.request_id,
        "mac": chained.mac.as_deref().map(hexadecimal),
    })
}

fn checkpoint_line(checkpoint: &AuditCheckpoint) -> Value {
    json!({
        "type": "CHECKPOINT",
        "number": checkpoint.number,
        "count": checkpoint.count,
        "lastAt": time(checkpoint.last_at),
        "mac": hexadecimal(&checkpoint.mac),
        "removedAt": time(checkpoint.removed_at),
        "signature": BASE64_STANDARD.encode(&checkpoint.signature),
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Why a file is not an export of this trail.
#[derive(Debug, thiserror::Error)]
pub enum InvalidExport {
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("line {0} is not JSON")]
    NotJson(usize),
    #[error("the file is not an export of the audit trail in the format gigway-audit-1")]
    OtherFormat,
    #[error("the last line is not a signature: the file is incomplete")]
    Incomplete,
    #[error("the signature is invalid: the file was changed, or another installation has signed it")]
    InvalidSignature,
}

/// An export whose signature is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedExport {
    /// The head of the chain at that time.
    pub head: AuditHead,
    /// What was wrong with the trail.
    pub problems: Vec<String>,
}

/// Checks the signature of an export.
///
/// # Errors
/// If the file is not an export that the owner of the key has signed, or was changed.
pub fn check_export(
    mut file: impl BufRead,
    key: &TrailPublicKey,
) -> std::result::Result<CheckedExport, InvalidExport> {
    let (mut hash, mut line, mut number, mut entries) = (Sha256::new(), String::new(), 0, 0);
    let mut problems = None;
    loop {
        line.clear();
        number += 1;
        if file.read_line(&mut line)? == 0 {
            return Err(InvalidExport::Incomplete);
        }
        let value: Value = serde_json::from_str(&line).map_err(|_| InvalidExport::NotJson(number))?;
        match (number, value["type"].as_str()) {
            (1, Some("HEADER")) if value["format"] == FORMAT => {}
            (1, _) => return Err(InvalidExport::OtherFormat),
            (_, Some("ENTRY")) => entries += 1,
            (_, Some("VERIFICATION")) => problems = serde_json::from_value(value["problems"].clone()).ok(),
            (_, Some("SIGNATURE")) => {
                let head = value["head"].as_str().and_then(|text| text.parse::<AuditHead>().ok());
                let head = head.ok_or(InvalidExport::InvalidSignature)?;
                let sha256 = hexadecimal(&hash.finalize());
                let signature = value["signature"].as_str().unwrap_or_default();
                let signature = BASE64_STANDARD.decode(signature).unwrap_or_default();
                let is_last = file.read_line(&mut line)? == 0;
                let is_valid = is_last && key.is_valid(&signed_text(entries, &head, &sha256), &signature);
                let problems = problems.filter(|_| is_valid).ok_or(InvalidExport::InvalidSignature)?;
                return Ok(CheckedExport { head, problems });
            }
            _ => {}
        }
        hash.update(&line);
    }
}
