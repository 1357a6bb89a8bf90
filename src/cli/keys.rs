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
    /// Rewrap every data key with the newest of GIGWAY_ENCRYPTION_KEYS. Afterwards the older keys can be
    /// removed. Can be stopped and run again while gateways are running
    Rotate,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let Command::Rotate = command;
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}").expect("the template is well-formed");
    let bar = ProgressBar::new(key_rotation::remaining(&services).await?).with_style(style);
    let bar = bar.with_message("Rewrapping data keys");
    key_rotation::rotate(&services, || bar.inc(1)).await?;
    bar.finish_and_clear();
    let newest = services.vault.newest_key_id().to_owned();
    let remaining = key_rotation::remaining(&services).await?;
    services.close().await?;
    if remaining > 0 {
        println!(
            "{remaining} data keys were wrapped with another key meanwhile. \
             Restart every gateway with {newest:?} as its newest encryption key, then run this again."
        );
        return Ok(ExitCode::FAILURE);
    }
    println!("Every data key is wrapped with {newest:?}. Older keys can be removed.");
    Ok(ExitCode::SUCCESS)
}
