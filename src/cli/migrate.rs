//! `gigway migrate`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::open_database;
use crate::cli::Failure;
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Apply pending migrations (`serve` does this, too)
    Up,
    /// List pending migrations; exits with 1 if there are any
    Status,
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let db = open_database(config).await?;
    if matches!(command, Command::Up) {
        db.migrate().await?;
    }
    let pending = db.pending_migrations().await?;
    db.close().await?;
    if pending.is_empty() {
        println!("The database is up to date.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("Pending migrations: {}. Run: gigway migrate up", pending.join(", "));
    Ok(ExitCode::FAILURE)
}
