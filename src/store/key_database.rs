//! Where the data keys are: with PostgreSQL in a schema of their own, with SQLite in a file of their own. So a dump of
//! the database leaves them out, and they can be dumped to a place where nothing stays long (docs/SECURITY.md).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, ExecResult, QueryResult, Statement,
};

use crate::store::Result;
use crate::store::connections::{ACQUIRE_TIMEOUT, SQLITE_BUSY_TIMEOUT, connect_and_count, create_private};

/// The schema of the data keys in PostgreSQL.
pub const KEY_SCHEMA: &str = "gigway_keys";

/// A key is read by every operation that decrypts something.
const CONNECTIONS: u32 = 2;

/// The database of the data keys.
#[derive(Debug, Clone)]
pub struct KeyDatabase {
    /// The file of SQLite; `None` for PostgreSQL, whose keys are read and written by the connection of the caller.
    file: Option<DatabaseConnection>,
}

impl KeyDatabase {
    /// The file of the keys that belongs to the SQLite database in `database_file`: `gigway.keys.sqlite` of
    /// `gigway.sqlite`, and `gigway.db.keys` of `gigway.db`. No two databases have the same.
    pub fn path(database_file: &Path) -> PathBuf {
        if database_file.extension().is_some_and(|extension| extension == "sqlite") {
            return database_file.with_extension("keys.sqlite");
        }
        let mut name = database_file.file_name().unwrap_or_default().to_owned();
        name.push(".keys");
        database_file.with_file_name(name)
    }

    pub(super) fn in_schema() -> Self {
        Self { file: None }
    }

    /// Opens or creates the file. A key is on the disk before the transaction that refers to it is committed.
    pub(super) async fn open_file(database_file: &Path, statement_count: &Arc<AtomicU64>) -> Result<Self> {
        let file = Self::path(database_file);
        create_private(&file).map_err(|error| DbErr::Custom(format!("{}: {error}", file.display())))?;
        let mut options = options();
        options.map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(SQLITE_BUSY_TIMEOUT)
                .pragma("secure_delete", "ON")
        });
        Ok(Self { file: Some(connect_and_count(options, statement_count).await?) })
    }

    /// Opens the file, and creates nothing. If it does not exist, reading a key fails.
    pub(super) async fn open_file_read_only(
        database_file: &Path,
        statement_count: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let file = Self::path(database_file);
        if !file.exists() {
            let mut nothing = ConnectOptions::new("sqlite::memory:");
            nothing.max_connections(1).sqlx_logging(false);
            return Ok(Self { file: Some(connect_and_count(nothing, statement_count).await?) });
        }
        let mut options = options();
        options.map_sqlx_sqlite_opts(move |options| {
            let options = options.filename(&file).create_if_missing(false);
            options.busy_timeout(SQLITE_BUSY_TIMEOUT).pragma("query_only", "ON")
        });
        Ok(Self { file: Some(connect_and_count(options, statement_count).await?) })
    }

    /// The connections to the file of SQLite; `None` for PostgreSQL.
    pub(super) fn file(&self) -> Option<&DatabaseConnection> {
        self.file.as_ref()
    }

    /// Whether the keys are written in the transaction of the caller.
    pub fn is_transactional(&self) -> bool {
        self.file.is_none()
    }

    /// The table of the keys.
    pub(super) fn table(&self, name: &str) -> String {
        if self.file.is_some() { name.to_owned() } else { format!("{KEY_SCHEMA}.{name}") }
    }

    /// Executes a statement in the file, or else by the connection of the caller.
    pub(super) async fn execute(
        &self,
        db: &impl ConnectionTrait,
        statement: Statement,
    ) -> Result<ExecResult> {
        match &self.file {
            Some(file) => file.execute_raw(statement).await,
            None => db.execute_raw(statement).await,
        }
    }

    /// Reads rows from the file, or else by the connection of the caller.
    pub(super) async fn query(
        &self,
        db: &impl ConnectionTrait,
        statement: Statement,
    ) -> Result<Vec<QueryResult>> {
        match &self.file {
            Some(file) => file.query_all_raw(statement).await,
            None => db.query_all_raw(statement).await,
        }
    }
}

fn options() -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:gigway.keys.sqlite");
    options
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_its_own_file_of_keys() {
        for (database, keys) in [
            ("data/gigway.sqlite", "data/gigway.keys.sqlite"),
            ("data/gigway.db", "data/gigway.db.keys"),
            ("data/gigway", "data/gigway.keys"),
        ] {
            assert_eq!(KeyDatabase::path(Path::new(database)), Path::new(keys));
        }
    }
}
