//! The command line: what it says, and which command does it.

mod audit;
mod doctor;
mod keys;
mod log;
mod migrate;
mod retention;
mod schema;
mod serve;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Config, ConfigError, Settings};
use crate::service;

/// A GraphQL gateway for a marketplace of small paid jobs, with live status that loses nothing.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the API
    Serve {
        /// First fill an empty installation with demo data (development only)
        #[arg(long)]
        demo: bool,
    },
    /// Bring the database to the newest shape, or say whether it has it
    Migrate {
        #[command(subcommand)]
        command: migrate::Command,
    },
    /// Print the GraphQL schema
    Schema(schema::Schema),
    /// Look after people
    User {
        #[command(subcommand)]
        command: user::Command,
    },
    /// Look after the keys that personal data are sealed by
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Look after the log of what happened
    Log {
        #[command(subcommand)]
        command: log::Command,
    },
    /// Print who has seen or decided what of a person
    Audit(audit::Audit),
    /// Erase what has been kept long enough
    Retention {
        #[command(subcommand)]
        command: retention::Command,
    },
    /// Check configuration, database, Redis, pictures, keys and clock
    Doctor,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Refused(violations) => {
                let told = violations.into_iter().map(|violation| match violation.field.as_slice() {
                    [] => violation.message,
                    path => format!("{}: {}", path.join("."), violation.message),
                });
                Self::Refused(told.collect::<Vec<_>>().join(" "))
            }
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        Self::Start(error.into())
    }
}

/// Runs the command: exit code 0 where it was done, 2 where the configuration is not good, else 1, and then
/// one line that says why.
pub async fn run(cli: Cli) -> ExitCode {
    match Box::pin(execute(cli)).await {
        Ok(code) => code,
        Err(failure) => {
            let text = failure.to_string().replace('\n', " ");
            eprintln!("gigway: {text}");
            ExitCode::from(if matches!(failure, Failure::Config(_)) { 2 } else { 1 })
        }
    }
}

async fn execute(cli: Cli) -> Result<ExitCode, Failure> {
    if let Command::Schema(form) = &cli.command {
        schema::print(form);
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::from_settings(cli.settings)?;
    match cli.command {
        Command::Serve { demo } => serve::run(&config, demo).await,
        Command::Migrate { command } => migrate::run(&config, command).await,
        Command::User { command } => user::run(&config, command).await,
        Command::Keys { command } => keys::run(&config, command).await,
        Command::Log { command } => log::run(&config, command).await,
        Command::Audit(arguments) => audit::run(&config, arguments).await,
        Command::Retention { command } => retention::run(&config, command).await,
        Command::Doctor => doctor::run(&config).await,
        Command::Schema(_) => unreachable!("done before the configuration is read"),
    }
}
