//! `gigway user`.

use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::app::CliContext;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::account::SignUpForm;
use crate::domain::id::PublicId;
use crate::domain::user;
use crate::events::tailer::DISPATCH_TIME_MAX;
use crate::service::{accounts, erasure, user_admin};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Create an account, and print its id
    Add(Add),
    /// Block a user: end their sessions, reject their sign-ins, and pause their active gigs
    Block(Block),
    /// Erase a user's identity data, gigs, sessions and profile; the record of decisions stays
    Erase(Erase),
    /// Set or lift a legal hold, which prevents the erasure of a user
    Hold(Hold),
    /// Change a user's display name
    Name(Name),
    /// Set a user's worker points, which determine their level
    Points(Points),
    /// Change a user's role; takes effect on their open connections, too
    Role(SetRole),
}

#[derive(Args, Debug)]
pub(super) struct Add {
    #[arg(long)]
    email: String,
    #[arg(long)]
    display_name: String,
    #[arg(long, value_enum, ignore_case = true)]
    role: Role,
    /// Read the password from standard input (other users of the machine can read arguments)
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Args, Debug)]
pub(super) struct Points {
    #[arg(long)]
    email: String,
    /// The new number of points, 0 or more
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    set: i64,
}

#[derive(Args, Debug)]
pub(super) struct Name {
    #[arg(long)]
    email: String,
    /// The new display name
    #[arg(long, value_name = "NAME")]
    set: String,
}

#[derive(Args, Debug)]
pub(super) struct Block {
    #[arg(long)]
    email: String,
    /// Unblock the user instead
    #[arg(long)]
    lift: bool,
}

#[derive(Args, Debug)]
pub(super) struct SetRole {
    #[arg(long)]
    email: String,
    /// The new role
    #[arg(long, value_enum, ignore_case = true)]
    set: Role,
}

#[derive(Args, Debug)]
pub(super) struct Erase {
    #[arg(long)]
    email: String,
}

#[derive(Args, Debug)]
pub(super) struct Hold {
    #[arg(long)]
    email: String,
    /// Lift the hold instead
    #[arg(long)]
    lift: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
#[value(rename_all = "UPPER")]
enum Role {
    Member,
    Reviewer,
    Admin,
}

impl From<Role> for user::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Reviewer => Self::Reviewer,
            Role::Admin => Self::Admin,
        }
    }
}

pub(super) async fn run(config: &Config, command: Command) -> Result<ExitCode, Failure> {
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    match command {
        Command::Add(add) => {
            let form = SignUpForm { email: add.email, display_name: add.display_name };
            let id = accounts::add_user(&services, form, read_password()?, add.role.into()).await?;
            println!("{}", id.to_public());
        }
        Command::Erase(erase) => {
            let id = erasure::erase_user(&services, &erase.email).await?;
            wait_for_gateways().await;
            println!("Erased {}.", id.to_public());
        }
        Command::Hold(hold) => user_admin::set_legal_hold(&services, &hold.email, !hold.lift).await?,
        Command::Name(name) => {
            user_admin::set_display_name(&services, &name.email, &name.set).await?;
            wait_for_gateways().await;
        }
        Command::Points(points) => user_admin::set_points(&services, &points.email, points.set).await?,
        Command::Role(role) => user_admin::set_role(&services, &role.email, role.set.into()).await?,
        Command::Block(block) if block.lift => user_admin::unblock(&services, &block.email).await?,
        Command::Block(block) => {
            user_admin::block(&services, &block.email).await?;
            wait_for_gateways().await;
        }
    }
    services.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until no gateway shows from its response cache what was changed.
async fn wait_for_gateways() {
    tokio::time::sleep(DISPATCH_TIME_MAX).await;
}

/// Reads the password without the line break that `echo` appends.
fn read_password() -> std::io::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\n', '\r']).into())
}
