//! `gigway migrate`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::open_database;
use crate::cli::Failure;
use crate::config::Config;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Bring the database to the newest shape (`serve` does so, too)
    Up,
    /// Say which steps are missing; exit code 1 where any is
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
        println!("The database has the newest shape.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("These steps are missing: {}. Run: gigway migrate up", pending.join(", "));
    Ok(ExitCode::FAILURE)
}
