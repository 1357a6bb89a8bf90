//! `gigway log`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use crate::app::CliContext;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::service::event_log;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Start a new epoch of the event log, which makes all cursors expire. Run it after restoring a backup,
    /// with every gateway stopped: otherwise clients would resume at positions that hold other events now
    NewEpoch,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::NewEpoch = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    event_log::start_new_epoch(&services).await?;
    services.close().await?;
    println!("The event log has a new epoch. Cursors from before have expired.");
    Ok(ExitCode::SUCCESS)
}
