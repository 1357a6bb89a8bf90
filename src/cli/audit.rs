//! `gigway audit`.

use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::Args;

use crate::app::open_database;
use crate::cli::Failure;
use crate::config::Config;
use crate::domain::id;
use crate::domain::id::IdKind;
use crate::store::audit;

#[derive(Args, Debug)]
pub(super) struct Audit {
    /// The person: an id that begins with usr_
    #[arg(long, value_name = "ID")]
    subject: String,
}

/// Prints the trail of one person, a line for each entry: when, who, what, which, and the request's id.
pub(super) async fn run(config: &Config, audit: Audit) -> Result<ExitCode, Failure> {
    let subject = id::decode_as(IdKind::User, &audit.subject);
    let subject =
        subject.ok_or_else(|| Failure::Refused("--subject is no id that begins with usr_".into()))?;
    let db = open_database(config).await?;
    for entry in audit::of_subject(db.read(), subject).await? {
        let at = entry.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let actor =
            entry.actor_id.map_or_else(|| "gigway".to_owned(), |actor| id::encode(IdKind::User, actor));
        println!("{at}\t{actor}\t{}\t{}\t{}", entry.action, entry.detail, entry.request_id);
    }
    db.close().await?;
    Ok(ExitCode::SUCCESS)
}
