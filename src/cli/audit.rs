//! `gigway audit`.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::SecondsFormat;
use clap::{Args, Subcommand};

use crate::app::{CliContext, StartError, keys, open_database_read_only};
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::audit::{AuditHead, ChainedEntry};
use crate::domain::id::{PublicId, UserId};
use crate::media::vault::Vault;
use crate::service::audit::export::{CheckedExport, check_export, export};
use crate::service::audit::signature::{TrailPublicKey, TrailSigner};
use crate::service::audit::{removal, verify};
use crate::store::audit::{TrailQuery, chain};
use crate::store::{Database, audit};

#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the entries about this user (usr_..)
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Print the acts of this user (usr_..)
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print the end of the trail: number:count:hash. Store it elsewhere, so that a trail whose end is cut off can be
    /// recognized
    Head,
    /// Find every change, deletion, gap and reordering of the trail. Exits with 1 if there is any
    Verify(Verify),
    /// Write the trail as JSON Lines, signed (Ed25519). Exits with 1 if the trail was altered, which the export says
    Export(Export),
    /// Print the public key with which exports can be checked
    PublicKey,
    /// Remove the entries whose retention is over (`serve` does this once a day, unless the tables belong to another
    /// role of PostgreSQL)
    Prune,
}

#[derive(Args, Debug)]
struct Verify {
    /// A head that was printed before: the trail must still contain it. After @, a file with one
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
    /// Check the signature of an export instead of the trail in the database
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    file: Option<PathBuf>,
    /// The public key of the export; by default, that of this installation
    #[arg(long, value_name = "KEY", requires = "file")]
    public_key: Option<String>,
}

#[derive(Args, Debug)]
struct Export {
    /// The file to write; by default, standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only entries after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: i64,
}

pub(super) async fn run(config: &Config, audit: Audit) -> Result<ExitCode, Failure> {
    if audit.command.is_some() && (audit.subject.is_some() || audit.actor.is_some()) {
        return Err(Failure::Rejected("--subject and --actor print entries, and go with no command".into()));
    }
    match audit.command {
        None => print_entries(config, audit.subject.as_deref(), audit.actor.as_deref()).await,
        Some(Command::Head) => print_head(config).await,
        Some(Command::Verify(Verify { file: Some(file), public_key, .. })) => {
            verify_file(config, &file, public_key.as_deref())
        }
        Some(Command::Verify(Verify { head, .. })) => verify_trail(config, head.as_deref()).await,
        Some(Command::Export(arguments)) => write_export(config, arguments).await,
        Some(Command::PublicKey) => {
            println!("{}", TrailSigner::new(&vault(config)?).public_key());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Prune) => {
            // The owner of the trail must not become the owner of new tables by a migration.
            open_migrated(config).await?.close().await?;
            let services = CliContext::open(config, Arc::new(SystemClock)).await?;
            let removed = removal::remove_expired(&services).await?;
            services.close().await?;
            println!("Removed {removed} entries.");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints entries, one line each: time, actor, action, detail, request id, subject, source. Changes nothing.
async fn print_entries(
    config: &Config,
    subject: Option<&str>,
    actor: Option<&str>,
) -> Result<ExitCode, Failure> {
    if subject.is_none() && actor.is_none() {
        return Err(Failure::Rejected("give --subject, --actor or a command (see --help)".into()));
    }
    let query = TrailQuery {
        subject_id: parse_user_id("--subject", subject)?,
        actor_id: parse_user_id("--actor", actor)?,
    };
    let db = open_migrated(config).await?;
    for chained in audit::find_all(db.read(), query).await? {
        println!("{}", line_of(&chained));
    }
    db.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn line_of(chained: &ChainedEntry) -> String {
    let entry = &chained.entry;
    let at = entry.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let actor = entry.actor_id.map_or_else(|| "gigway".to_owned(), UserId::to_public);
    let subject = entry.subject_id.map_or_else(|| "-".to_owned(), UserId::to_public);
    let source: &str = entry.source.into();
    let operator = entry.operator.as_ref().map(|operator| format!(" {operator}")).unwrap_or_default();
    format!(
        "{at}\t{actor}\t{}\t{}\t{}\t{subject}\t{source}{operator}",
        entry.action, entry.detail, entry.request_id
    )
}

fn parse_user_id(option: &str, text: Option<&str>) -> Result<Option<UserId>, Failure> {
    let invalid = || Failure::Rejected(format!("{option} must be an id that begins with usr_"));
    text.map(|text| UserId::parse(text).ok_or_else(invalid)).transpose()
}

async fn print_head(config: &Config) -> Result<ExitCode, Failure> {
    let db = open_migrated(config).await?;
    let stored = chain::find_head(db.read()).await?;
    db.close().await?;
    println!("{}", stored.map_or_else(AuditHead::empty, |stored| stored.head));
    Ok(ExitCode::SUCCESS)
}

async fn verify_trail(config: &Config, head: Option<&str>) -> Result<ExitCode, Failure> {
    let head = match head.map(|head| (head, head.strip_prefix('@'))) {
        Some((_, Some(file))) => Some(std::fs::read_to_string(file)?),
        Some((head, None)) => Some(head.to_owned()),
        None => None,
    };
    let head = head.map(|head| head.parse::<AuditHead>()).transpose();
    let head = head.map_err(|error| Failure::Rejected(format!("--head: {error}")))?;
    let vault = vault(config)?;
    let db = open_migrated(config).await?;
    let snapshot = db.snapshot().await?;
    let report = verify::verify(&*snapshot, &vault, head.as_ref()).await;
    snapshot.end().await?;
    db.close().await?;
    let report = report?;
    for problem in &report.problems {
        println!("{problem}");
    }
    if let Some(number) = report.begun_at {
        println!(
            "The chain began with entry {number}. Nothing shows whether earlier entries were changed before."
        );
    }
    if report.is_expected_removed {
        println!("The given head is older than what retention has removed, and cannot be compared.");
    }
    let removed = match report.removed {
        0 => String::new(),
        removed => format!(", and the summary of {removed} that were removed"),
    };
    if report.problems.is_empty() {
        println!("The audit trail is complete and unaltered: {} entries{removed}.", report.checked);
        return Ok(ExitCode::SUCCESS);
    }
    println!("The audit trail was ALTERED. Checked {} entries{removed}.", report.checked);
    Ok(ExitCode::FAILURE)
}

fn verify_file(config: &Config, file: &Path, public_key: Option<&str>) -> Result<ExitCode, Failure> {
    let key = match public_key {
        Some(text) => TrailPublicKey::parse(text).ok_or_else(|| {
            Failure::Rejected("--public-key: expected the output of `gigway audit public-key`".into())
        })?,
        None => TrailSigner::new(&vault(config)?).public_key(),
    };
    match check_export(BufReader::new(File::open(file)?), &key) {
        Ok(CheckedExport { head, problems }) => {
            println!("The export is complete and unaltered. The head of the trail was {head}.");
            for problem in &problems {
                println!("{problem}");
            }
            Ok(when_exported(!problems.is_empty()))
        }
        Err(problem) => {
            println!("{problem}");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn write_export(config: &Config, arguments: Export) -> Result<ExitCode, Failure> {
    let services = CliContext::open(config, Arc::new(SystemClock)).await?;
    let exported = match arguments.output {
        Some(file) => {
            let mut options = File::options();
            options.write(true).create(true).truncate(true);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(file)?;
            let exported = export(&services, arguments.after, &mut BufWriter::new(&file)).await?;
            file.sync_all()?;
            println!("Exported {} entries.", exported.entries);
            exported
        }
        // Not locked: the lock cannot be held across an await.
        None => export(&services, arguments.after, &mut BufWriter::new(std::io::stdout())).await?,
    };
    services.close().await?;
    for problem in &exported.problems {
        eprintln!("{problem}");
    }
    Ok(when_exported(!exported.problems.is_empty()))
}

/// Says on standard error if the trail was altered when it was exported.
fn when_exported(is_altered: bool) -> ExitCode {
    if is_altered {
        eprintln!("The audit trail was ALTERED before it was exported.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Opens the database for a command that only reads, and so refuses one that is not migrated.
async fn open_migrated(config: &Config) -> Result<Database, Failure> {
    let db = open_database_read_only(config).await?;
    let pending = db.pending_migrations().await?;
    if pending.is_empty() {
        return Ok(db);
    }
    db.close().await?;
    Err(StartError::PendingMigrations(pending.len()).into())
}

/// The keys, which are not generated: without them, there is nothing to verify or sign.
fn vault(config: &Config) -> Result<Vault, Failure> {
    if keys::are_present(config)? {
        return Ok(keys::vault(config)?);
    }
    Err(Failure::Rejected("the keys of the installation are missing: see GIGWAY_INDEX_KEY".into()))
}
