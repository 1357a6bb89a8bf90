//! `gigway retention`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use crate::app::CliContext;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
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
    services.close().await?;
    println!(
        "Erased: images of {} verifications, {} abandoned verifications, {} expired records, \
         {pruned} events, {} unused data keys.",
        summary.documents, summary.abandoned, summary.records, summary.data_keys
    );
    Ok(ExitCode::SUCCESS)
}
