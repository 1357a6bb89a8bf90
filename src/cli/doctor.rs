//! `gigway doctor`: checks the gateway's dependencies, and prints what is wrong. It only reads: it creates no
//! database, keys or directories, and does not migrate.

use std::process::ExitCode;
use std::time::Duration;

use crate::app::{blob_directory, open_database_read_only, open_media, redis_connector};
use crate::app::{file_limit, keys};
use crate::cli::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DatabaseAddress};
use crate::domain::id::{PublicId, VerificationId};
use crate::service::audit;
use crate::service::integrity;
use crate::service::integrity::{MarkerState, Mismatch};
use crate::store::audit::chain;
use crate::store::audit::protection;
use crate::store::audit::protection::Protection;
use crate::store::{Database, data_keys, users};

/// How long a check can take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest acceptable difference between this machine's clock and the database's.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(2);

/// How many rows with a wrong tag are named.
const MISMATCHES_SHOWN: usize = 20;

/// The lowest acceptable limit of open files.
const OPEN_FILES_MIN: usize = 1024;

/// The result of a check: a note, or a problem.
type CheckResult = Result<String, String>;

pub(super) async fn run(config: &Config) -> Result<ExitCode, Failure> {
    let database =
        with_timeout(async { open_database_read_only(config).await.map_err(|error| error.to_string()) })
            .await;
    let results = [
        ("configuration", Ok(format!("{:?}", config.environment).to_lowercase())),
        ("federation", Ok(describe_federation(config))),
        (
            "database",
            match &database {
                Ok(db) => with_timeout(check_schema(config, db)).await,
                Err(problem) => Err(problem.clone()),
            },
        ),
        (
            "clock",
            match &database {
                Ok(db) => with_timeout(check_clock(db)).await,
                Err(_) => Err("cannot be checked without the database".into()),
            },
        ),
        ("files", check_open_files()),
        ("redis", with_timeout(check_redis(config)).await),
        ("pictures", with_timeout(check_blobs(config)).await),
        (
            "keys",
            match &database {
                Ok(db) => with_timeout(check_keys(config, db)).await,
                Err(_) => Err("cannot be checked without the database".into()),
            },
        ),
        (
            "audit",
            match &database {
                Ok(db) => with_timeout(check_audit_trail(config, db)).await,
                Err(_) => Err("cannot be checked without the database".into()),
            },
        ),
        (
            "tags",
            match &database {
                // Reads every user, which may take longer than the other checks.
                Ok(db) => check_tags(config, db).await,
                Err(_) => Err("cannot be checked without the database".into()),
            },
        ),
    ];
    if let Ok(db) = database {
        db.close().await?;
    }
    let mut code = ExitCode::SUCCESS;
    for (name, result) in results {
        match result {
            Ok(note) => println!("ok    {name:<14} {note}"),
            Err(problem) => {
                println!("FAIL  {name:<14} {}", problem.replace('\n', " "));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

async fn with_timeout<T>(check: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let result = tokio::time::timeout(CHECK_TIMEOUT, check).await;
    result.unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())))
}

/// Whether the gateway is a subgraph, and whether a router can read its schema from it.
fn describe_federation(config: &Config) -> String {
    if !config.federation {
        return "off".into();
    }
    let sdl =
        if config.introspection { "" } else { "; `_service` is off like introspection: use gigway schema" };
    format!("on: a subgraph of Apollo Federation 2{sdl}")
}

async fn check_schema(config: &Config, db: &Database) -> CheckResult {
    let pending = db.pending_migrations().await.map_err(|error| error.to_string())?;
    let kind = match config.database {
        DatabaseAddress::Sqlite(_) => "SQLite",
        DatabaseAddress::Postgres(_) => "PostgreSQL",
    };
    if pending.is_empty() {
        return Ok(format!("{kind}, up to date"));
    }
    Err(format!("{kind} has {} pending migration(s); run: gigway migrate up", pending.len()))
}

async fn check_clock(db: &Database) -> CheckResult {
    let database_time = db.now().await.map_err(|error| error.to_string())?;
    let skew = (SystemClock.now() - database_time).abs().to_std().unwrap_or(Duration::MAX);
    if skew <= CLOCK_SKEW_MAX {
        return Ok(format!("{} ms from the database's clock", skew.as_millis()));
    }
    Err(format!("{} s from the database's clock; synchronise them (NTP)", skew.as_secs()))
}

/// `serve` raises the limit in the same way.
fn check_open_files() -> CheckResult {
    let open_files = file_limit::raise();
    let connections = file_limit::connections(open_files);
    if open_files >= OPEN_FILES_MIN {
        return Ok(format!("{open_files} can be open, {connections} of them connections"));
    }
    Err(format!(
        "only {open_files} can be open, {connections} of them connections; raise the limit (ulimit -n)"
    ))
}

async fn check_redis(config: &Config) -> CheckResult {
    let Some(address) = &config.redis else {
        return Ok("not configured; events stay in the process, which is enough for one gateway".into());
    };
    let connector = redis_connector::of_address(address).map_err(|error| error.to_string())?;
    connector.ping().await.map_err(|error| error.to_string())?;
    Ok("reachable".into())
}

async fn check_blobs(config: &Config) -> CheckResult {
    let directory = blob_directory(config);
    if !directory.exists() {
        return Ok(format!("none: `gigway serve` will create {}", directory.display()));
    }
    let media = open_media(config).map_err(|error| error.to_string())?;
    media.check().await.map_err(|error| error.to_string())?;
    Ok("readable".into())
}

/// How the database protects the audit trail, and whether its head is genuine. `gigway audit verify` checks all of it.
async fn check_audit_trail(config: &Config, db: &Database) -> CheckResult {
    // The check of the database reports an error: there may be no tables yet.
    let Ok(stored) = chain::find_head(db.read()).await else { return Ok("none yet".into()) };
    let Some(stored) = stored else { return Ok("`gigway serve` will begin its chain".into()) };
    let entries = format!("{} entries (gigway audit verify)", stored.head.count);
    if keys::are_present(config).map_err(|error| error.to_string())? {
        let vault = keys::vault(config).map_err(|error| error.to_string())?;
        if !audit::is_head_genuine(&vault, &stored) {
            return Err(format!("the head was altered; {entries}"));
        }
    }
    match protection::check(db.read()).await.map_err(|error| error.to_string())? {
        Protection::Triggers
            if config.is_production() && matches!(config.database, DatabaseAddress::Postgres(_)) =>
        {
            Ok(format!(
                "{entries}; protected by triggers only: its tables can belong to another role (docs/SECURITY.md)"
            ))
        }
        Protection::Triggers => Ok(format!("{entries}; protected by triggers")),
        Protection::OtherRole(owner) => Ok(format!("{entries}; its tables belong to the role {owner}")),
        Protection::Broken(problem) => Err(problem),
    }
}

/// Whether somebody has changed a role, a verified identity or a verification past the gateway.
async fn check_tags(config: &Config, db: &Database) -> CheckResult {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let has_tags = db.pending_migrations().await.map_err(|error| text(&error))?.is_empty();
    if !has_tags || !keys::are_present(config).map_err(|error| text(&error))? {
        return Ok("none: `gigway serve` will write them".into());
    }
    let vault = keys::vault(config).map_err(|error| text(&error))?;
    let now = SystemClock.now();
    match integrity::marker_state(db.read(), &vault, now).await.map_err(|error| text(&error))? {
        MarkerState::None if users::count(db.read()).await.map_err(|error| text(&error))? == 0 => {
            return Ok("none: `gigway serve` will write them".into());
        }
        MarkerState::None => {
            return Err(
                "no row has one: if `gigway serve` has run with this release or a later one, somebody has \
                        removed them past the gateway"
                    .into(),
            );
        }
        MarkerState::Introduced(None) => return Ok("`gigway serve` is writing those of existing rows".into()),
        MarkerState::Altered => {
            return Err(
                "the row of integrity_marker, which says since when rows have tags, was changed or deleted \
                        past the gateway"
                    .into(),
            );
        }
        MarkerState::Introduced(Some(_)) | MarkerState::Enforced => {}
    }
    let found = integrity::find_mismatches(db.read(), &vault).await.map_err(|error| text(&error))?;
    if found.is_empty() {
        return Ok("roles, verified identities and verifications are as the gateway wrote them".into());
    }
    let names = found.iter().take(MISMATCHES_SHOWN).map(|mismatch| match mismatch {
        Mismatch::Authority(id) => id.to_public(),
        Mismatch::Verification(id) => VerificationId::from(*id).to_public(),
    });
    let names = names.collect::<Vec<_>>().join(", ");
    Err(format!("{} rows were changed past the gateway, or have no tag yet: {names}", found.len()))
}

async fn check_keys(config: &Config, db: &Database) -> CheckResult {
    // An error counts as "no key", because the table does not exist before the first migration. The check of
    // the database reports other errors.
    let used = data_keys::key_ids(db.keys(), db.read()).await.unwrap_or_default();
    if !keys::are_present(config).map_err(|error| error.to_string())? {
        if used.is_empty() {
            return Ok("none: `gigway serve` will generate them in the data directory".into());
        }
        return Err(format!("the data directory has no keys; data are encrypted with: {}", used.join(", ")));
    }
    keys::token_secrets(config).map_err(|error| error.to_string())?;
    let vault = keys::vault(config).map_err(|error| error.to_string())?;
    let missing: Vec<_> = used.into_iter().filter(|id| !vault.has_key(id)).collect();
    if !missing.is_empty() {
        return Err(format!("data are encrypted with missing keys: {}", missing.join(", ")));
    }
    let without_key = data_keys::count_missing(db.keys(), db.read()).await;
    let without_key = without_key.map_err(|error| format!("the data keys cannot be read: {error}"))?;
    if without_key > 0 {
        return Err(format!("{without_key} data keys are missing; restore the newest dump of the data keys"));
    }
    let newest = vault.newest_key_id();
    let old = data_keys::count_wrapped_by_old_keys(db.keys(), db.read(), newest).await.unwrap_or_default();
    let since = data_keys::encryption_key_since(db.keys(), db.read(), newest).await.unwrap_or_default();
    let mut notes = String::new();
    if old > 0 {
        notes = format!("; {old} data keys are still wrapped with older ones");
    }
    if let Some(days) = since.map(|since| (SystemClock.now() - since).num_days()).filter(|days| *days > 0) {
        notes = format!("{notes}; it is in use for {days} days");
    }
    let source =
        if config.encryption_keys.is_empty() { "generated, in the data directory" } else { "configured" };
    Ok(format!("{source}; new data are encrypted with {newest:?}{notes}"))
}
