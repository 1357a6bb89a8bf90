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
    /// Erase what has been kept long enough (`serve` does so once a day, too)
    Run,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::Run = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    let done = retention::retain(&services).await?;
    let pruned = event_log::prune(&services).await?;
    services.close().await?;
    println!(
        "Erased: the pictures of {} decided verifications, {} abandoned ones, {} records whose time was over, \
         {pruned} events of the log.",
        done.pictures, done.abandoned, done.records
    );
    Ok(ExitCode::SUCCESS)
}
