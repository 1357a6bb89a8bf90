//! Reads and writes the database: one file or folder per aggregate. No other layer has SQL or imports
//! `sea_orm`.
//!
//! Every function takes the connection or transaction to use, and converts between rows and `domain` values.
//! Every function returns [`Error`] if the database fails; only further errors are documented. A finder of
//! data that is not public takes the viewer, and does not find what the viewer may not see. `service` begins
//! and commits the transactions.
//!
//! To add an aggregate: a migration for its table, a module in `entity`, its type in `domain`, its id in
//! `domain::id` and in `ids` here, and a file here with `from_row`, `to_row` and its functions, listed below.
//!
//! To add a column to a gig: a migration; the field in `entity::gig`; the field in `domain::gig`; a line each
//! in `from_row` and `to_row` in [`gigs`]. If lists show it, also follow the steps in [`gigs::rows`].
#![expect(clippy::missing_errors_doc, reason = "every function returns the same error, as the header says")]

pub mod audit;
pub mod categories;
pub mod data_keys;
mod database;
pub mod event_log;
pub mod gigs;
pub mod idempotency;
mod ids;
pub mod images;
pub mod pagination;
pub mod reviews;
pub mod sessions;
mod sql;
pub mod users;
pub mod verifications;

pub use database::{Database, is_unavailable};

use sea_orm::DbErr;

/// A connection or a transaction.
pub use sea_orm::ConnectionTrait as Executor;
/// A pool of connections.
pub use sea_orm::DatabaseConnection as Connection;
/// An open transaction. It is rolled back if it is dropped without a commit.
pub use sea_orm::DatabaseTransaction as Transaction;
/// A failure of the database, or a stored value that cannot be parsed.
pub use sea_orm::DbErr as Error;

/// The result of every function of the store.
pub type Result<T> = std::result::Result<T, DbErr>;

/// The most rows that one statement inserts. Even for the widest table this stays within the 32,766 bound
/// values that SQLite allows, which is less than PostgreSQL does.
const ROWS_PER_INSERT: usize = 1000;

/// The error for a stored text that is not a valid `what`.
fn corrupt(what: &str, text: &str) -> DbErr {
    DbErr::Type(format!("{text:?} is not a valid {what}"))
}

/// Parses the stored text of an enum.
fn parse<T: std::str::FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| corrupt(what, text))
}

/// Parses a stored JSON value; `what` names the column.
fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: serde_json::Value) -> Result<T> {
    serde_json::from_value(json).map_err(|error| DbErr::Json(format!("{what}: {error}")))
}

/// Converts a value to JSON for storage.
fn to_json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}
