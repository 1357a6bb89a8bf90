//! Opens the configured database.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::app::start_error::StartError;
use crate::config::{Config, DatabaseAddress};
use crate::media::create_private_dir;
use crate::store::Database;

/// The minimum statement timeout of PostgreSQL. Background jobs and commands may take longer than operations.
const MIN_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens the configured database without migrating it.
///
/// # Errors
/// If it cannot be reached or created.
pub async fn open_database(config: &Config) -> Result<Database, StartError> {
    match &config.database {
        DatabaseAddress::Sqlite(file) => {
            if let Some(directory) = file.parent() {
                create_database_dir(directory).map_err(|error| StartError::data_dir(config, &error))?;
            }
            Ok(Database::open_sqlite(file).await?)
        }
        DatabaseAddress::Postgres(url) => {
            Ok(Database::connect_postgres(url.expose_secret(), statement_timeout(config)).await?)
        }
    }
}

/// Opens the configured database for a command that only reads. Nothing is created, migrated or changed.
///
/// # Errors
/// `NoDatabase` if the SQLite file does not exist, `Database` if the database cannot be reached.
pub async fn open_database_read_only(config: &Config) -> Result<Database, StartError> {
    match &config.database {
        DatabaseAddress::Sqlite(file) if !file.exists() => {
            Err(StartError::NoDatabase(file.display().to_string()))
        }
        DatabaseAddress::Sqlite(file) => Ok(Database::open_sqlite_read_only(file).await?),
        DatabaseAddress::Postgres(url) => {
            let url = url.expose_secret();
            Ok(Database::connect_postgres_read_only(url, statement_timeout(config)).await?)
        }
    }
}

fn statement_timeout(config: &Config) -> Duration {
    let operations = &config.operations;
    operations.query_timeout().max(operations.mutation_timeout()).max(MIN_STATEMENT_TIMEOUT)
}

/// Creates the directory of the database file. An existing one may be shared with other programs, and is not changed.
fn create_database_dir(directory: &Path) -> std::io::Result<()> {
    if directory.as_os_str().is_empty() || directory.exists() {
        Ok(())
    } else {
        create_private_dir(directory)
    }
}
