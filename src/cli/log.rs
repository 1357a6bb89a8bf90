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
    /// Name the log anew, with every gateway stopped: after a backup was restored, so that no client resumes behind an
    /// event that no longer is what it was
    NewEpoch,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::NewEpoch = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    event_log::renew_epoch(&services).await?;
    services.close().await?;
    println!("The log has a new name: cursors from before are expired.");
    Ok(ExitCode::SUCCESS)
}
