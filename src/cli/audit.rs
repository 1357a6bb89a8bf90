//! `gigway audit`.

use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::Args;

use crate::app::{StartError, open_database_read_only};
use crate::cli::Failure;
use crate::config::Config;
use crate::domain::id::{PublicId, UserId};
use crate::store::audit;

#[derive(Args, Debug)]
pub(super) struct Audit {
    /// The id of the user (usr_..)
    #[arg(long, value_name = "ID")]
    subject: String,
}

/// Prints the audit trail of one user, one line per entry: time, actor, action, detail and request id. Changes
/// nothing, and so refuses a database that is not migrated.
pub(super) async fn run(config: &Config, audit: Audit) -> Result<ExitCode, Failure> {
    let subject = UserId::parse(&audit.subject);
    let subject =
        subject.ok_or_else(|| Failure::Rejected("--subject must be an id that begins with usr_".into()))?;
    let db = open_database_read_only(config).await?;
    let pending = db.pending_migrations().await?;
    if !pending.is_empty() {
        db.close().await?;
        return Err(StartError::PendingMigrations(pending.len()).into());
    }
    for entry in audit::find_by_subject(db.read(), subject).await? {
        let at = entry.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let actor = entry.actor_id.map_or_else(|| "gigway".to_owned(), UserId::to_public);
        println!("{at}\t{actor}\t{}\t{}\t{}", entry.action, entry.detail, entry.request_id);
    }
    db.close().await?;
    Ok(ExitCode::SUCCESS)
}
