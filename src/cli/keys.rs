//! `gigway keys`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::CliContext;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::service::key_rotation;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Wrap every data key by the newest of GIGWAY_ENCRYPTION_KEYS, after which the older ones can be removed. It can
    /// be stopped and run again, and gateways may serve meanwhile
    Rotate,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::Rotate = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is well-formed");
    let bar = ProgressBar::new(key_rotation::remaining(&services).await?).with_style(style);
    let bar = bar.with_message("Wrapping data keys");
    key_rotation::rotate(&services, || bar.inc(1)).await?;
    bar.finish_and_clear();
    let newest = services.vault.newest().to_owned();
    let left = key_rotation::remaining(&services).await?;
    services.close().await?;
    if left > 0 {
        println!(
            "{left} data keys were made meanwhile by another key: give every gateway {newest:?}, and run this again."
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("Every data key is wrapped by {newest:?}; older keys can be removed.");
    Ok(ExitCode::SUCCESS)
}
