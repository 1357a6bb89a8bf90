//! `gigway retention`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use crate::app::CliContext;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::service::audit::removal;
use crate::service::{event_log, retention};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Erase data whose retention period is over (`serve` does this once a day, too)
    Run,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::Run = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    let summary = retention::apply(&services).await?;
    let pruned = event_log::prune(&services).await?;
    let removed = removal::remove_expired(&services).await?;
    services.close().await?;
    println!(
        "Erased: images of {} verifications, {} abandoned verifications, {} expired records, \
         {} fingerprints, {} unused data keys, {pruned} events, {removed} entries of the audit trail. \
         Returned: {} verifications that nobody has reviewed. Erased on request: {} users.",
        summary.documents,
        summary.abandoned,
        summary.records,
        summary.fingerprints,
        summary.data_keys,
        summary.unreviewed,
        summary.requested
    );
    Ok(ExitCode::SUCCESS)
}
