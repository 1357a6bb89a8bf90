//! `gigway migrate`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::{StartError, open_database, open_database_read_only};
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
    let db = match command {
        Command::Up => {
            let db = open_database(config).await?;
            db.migrate().await?;
            db
        }
        Command::Status => match open_database_read_only(config).await {
            Ok(db) => db,
            Err(StartError::NoDatabase(file)) => {
                println!("The database {file} does not exist. Run: gigway migrate up");
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error.into()),
        },
    };
    let pending = db.pending_migrations().await?;
    db.close().await?;
    if pending.is_empty() {
        println!("The database is up to date.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("Pending migrations: {}. Run: gigway migrate up", pending.join(", "));
    Ok(ExitCode::FAILURE)
}
