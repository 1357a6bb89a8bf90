//! The command line.
//!
//! To add a command: a file here with its arguments (`clap`) and a `run` function, and a variant of
//! `Command`. Commands that change data open a [`crate::app::CliContext`]. The help texts are the doc
//! comments, without a full stop.

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

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::StartError;
use crate::config::{Config, ConfigError, Settings};
use crate::service;

/// A GraphQL gateway for a marketplace of small paid jobs, with subscriptions that lose no event
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
    /// Run the gateway
    Serve {
        /// Add demo data if the installation is empty (development only). By default it moves: made-up people post and
        /// review gigs while somebody looks
        #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true)]
        #[arg(default_missing_value = "moving")]
        demo: Option<serve::Demo>,
    },
    /// Migrate the database, or show pending migrations
    Migrate {
        #[command(subcommand)]
        command: migrate::Command,
    },
    /// Print the GraphQL schema
    Schema(schema::Schema),
    /// Manage users
    User {
        #[command(subcommand)]
        command: user::Command,
    },
    /// Manage the keys that encrypt personal data
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Manage the event log
    Log {
        #[command(subcommand)]
        command: log::Command,
    },
    /// Print the audit trail of a user, or verify, export or shorten the whole trail
    Audit(audit::Audit),
    /// Erase data whose retention period is over
    Retention {
        #[command(subcommand)]
        command: retention::Command,
    },
    /// Check the configuration, database, Redis, images, keys and clock
    Doctor,
}

/// Parses the command line. Exits if it is invalid, or only asks for help.
///
/// # Errors
/// The exit status if it contains a secret.
pub fn parse() -> Result<Cli, ExitCode> {
    let matches = Cli::command().get_matches();
    if let Err(error) = check_no_secrets(&matches) {
        eprintln!("gigway: {error}");
        return Err(ExitCode::from(2));
    }
    Ok(Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

/// Refuses secrets on the command line: every user of the machine can read it. A file is accepted, and a URL without
/// a password.
fn check_no_secrets(matches: &ArgMatches) -> Result<(), ConfigError> {
    let options = [
        ("token_secret", "--token-secret", "GIGWAY_TOKEN_SECRET"),
        ("encryption_keys", "--encryption-keys", "GIGWAY_ENCRYPTION_KEYS"),
        ("index_key", "--index-key", "GIGWAY_INDEX_KEY"),
        ("metrics_token", "--metrics-token", "GIGWAY_METRICS_TOKEN"),
        ("database_url", "--database-url", "DATABASE_URL"),
        ("redis_url", "--redis-url", "REDIS_URL"),
    ];
    for (id, option, variable) in options {
        let value = matches.get_one::<String>(id).map(String::as_str).unwrap_or_default();
        let is_url = matches!(id, "database_url" | "redis_url");
        let is_public =
            value.starts_with('@') || (is_url && !value.contains('@') && !value.contains("password"));
        if matches.value_source(id) == Some(ValueSource::CommandLine) && !is_public {
            let problem = format!(
                "shows a secret to every user of this machine: expected the variable {variable}, or a file after @"
            );
            return Err(ConfigError::new(option, problem, format!("{option} @/run/secrets/gigway")));
        }
    }
    Ok(())
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<service::Error> for Failure {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Violations(violations) => {
                let messages = violations.into_iter().map(|violation| match violation.field.as_slice() {
                    [] => violation.message.to_string(),
                    path => format!("{}: {}", path.join("."), violation.message),
                });
                Self::Rejected(messages.collect::<Vec<_>>().join(" "))
            }
            error => Self::Rejected(error.to_string()),
        }
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        Self::Start(error.into())
    }
}

/// Runs the command. Exits with 0 on success, 2 on invalid configuration, and 1 on other failures, with a
/// one-line explanation.
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
        Command::Doctor => Box::pin(doctor::run(&config)).await,
        Command::Schema(_) => unreachable!("handled before the configuration is read"),
    }
}
