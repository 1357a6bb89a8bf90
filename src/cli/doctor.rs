//! `gigway doctor`: checks everything that the gateway works with, and says what is wrong.

use std::process::ExitCode;
use std::time::Duration;

use crate::app::keys;
use crate::app::{open_database, open_media, redis_connector};
use crate::cli::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DatabaseAddress};
use crate::store::{Database, data_keys};

/// A dependency that takes longer than this counts as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Two clocks that are further apart than this will surprise somebody.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(2);

/// What a check found: what is well, or what is wrong.
type Finding = Result<String, String>;

pub(super) async fn run(config: &Config) -> Result<ExitCode, Failure> {
    let database = within(async { open_database(config).await.map_err(|error| error.to_string()) }).await;
    let findings = [
        ("configuration", Ok(format!("{:?}", config.environment).to_lowercase())),
        (
            "database",
            match &database {
                Ok(db) => within(shape(config, db)).await,
                Err(violation) => Err(violation.clone()),
            },
        ),
        (
            "clock",
            match &database {
                Ok(db) => within(clock(db)).await,
                Err(_) => Err("cannot be compared with the database's".into()),
            },
        ),
        ("redis", within(redis(config)).await),
        ("pictures", within(pictures(config)).await),
        (
            "keys",
            match &database {
                Ok(db) => within(keys(config, db)).await,
                Err(_) => Err("cannot be compared with the database's".into()),
            },
        ),
    ];
    let mut code = ExitCode::SUCCESS;
    for (name, finding) in findings {
        match finding {
            Ok(note) => println!("ok    {name:<14} {note}"),
            Err(violation) => {
                println!("FAIL  {name:<14} {}", violation.replace('\n', " "));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

async fn within<T>(check: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, check).await;
    answer.unwrap_or_else(|_| Err(format!("does not answer within {} s", ANSWER_WITHIN.as_secs())))
}

async fn shape(config: &Config, db: &Database) -> Finding {
    let pending = db.pending_migrations().await.map_err(|error| error.to_string())?;
    let kind = match config.database {
        DatabaseAddress::Sqlite(_) => "SQLite",
        DatabaseAddress::Postgres(_) => "PostgreSQL",
    };
    if pending.is_empty() {
        return Ok(format!("{kind}, in the newest shape"));
    }
    Err(format!("{kind} misses {} step(s); run: gigway migrate up", pending.len()))
}

async fn clock(db: &Database) -> Finding {
    let theirs = db.now().await.map_err(|error| error.to_string())?;
    let apart = (SystemClock.now() - theirs).abs().to_std().unwrap_or(Duration::MAX);
    if apart <= CLOCK_SKEW_MAX {
        return Ok(format!("{} ms from the database's", apart.as_millis()));
    }
    Err(format!("{} s from the database's; is time synchronised?", apart.as_secs()))
}

async fn redis(config: &Config) -> Finding {
    let Some(address) = &config.redis else {
        return Ok("not used; events stay in the process, which is enough for one gateway".into());
    };
    let connector = redis_connector(address).map_err(|error| error.to_string())?;
    connector.ping().await.map_err(|error| error.to_string())?;
    Ok("answers".into())
}

async fn pictures(config: &Config) -> Finding {
    let media = open_media(config).map_err(|error| error.to_string())?;
    media.check().await.map_err(|error| error.to_string())?;
    Ok("can be listed".into())
}

async fn keys(config: &Config, db: &Database) -> Finding {
    keys::token_secret(config).map_err(|error| error.to_string())?;
    let vault = keys::vault(config).map_err(|error| error.to_string())?;
    // Before the first migration there is no data.
    let used = data_keys::key_ids(db.read()).await.unwrap_or_default();
    let missing: Vec<_> = used.into_iter().filter(|id| !vault.has(id)).collect();
    if !missing.is_empty() {
        return Err(format!("data are sealed by keys that are missing: {}", missing.join(", ")));
    }
    let from = if config.encryption_keys.is_empty() { "generated, in the data folder" } else { "configured" };
    Ok(format!("{from}; new data are sealed by {:?}", vault.newest()))
}
