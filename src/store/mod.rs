//! Reads and writes the database: one file or directory per aggregate. No other layer has SQL or imports
//! `sea_orm`.
//!
//! Every function takes the connection or transaction to use, and converts between rows and `domain` values.
//! Every function returns [`Error`] if the database fails; its documentation lists only other errors. The
//! functions with `visible` in their name take the viewer and find only what the viewer may see. The callers
//! of all others check permissions. `service` begins and commits the transactions.
//!
//! To add an aggregate: a migration for its table, a module in `entity`, its type in `domain`, its id in
//! `domain::id` and in `ids` here, and a file here with `from_row`, `to_row` and its functions, listed below.
//!
//! To add a column to a gig: the steps in the header of `src/graphql/mod.rs`.
#![expect(clippy::missing_errors_doc, reason = "every function returns the same error, as the header says")]

pub mod audit;
pub mod authority;
pub mod blobs;
pub mod categories;
mod connections;
pub mod consents;
pub mod data_keys;
mod database;
pub mod erasure_requests;
pub mod event_log;
mod failure;
pub mod fingerprints;
pub mod flags;
pub mod gigs;
pub mod held_versions;
pub mod idempotency;
mod ids;
pub mod images;
pub mod inspections;
mod key_database;
mod moved_keys;
pub mod openings;
pub mod pagination;
pub mod picture_signatures;
mod reader;
pub mod retention;
pub mod review_keys;
pub mod review_texts;
pub mod reviews;
pub mod sessions;
mod sql;
pub mod stream_tickets;
pub mod users;
pub mod verification_seals;
pub mod verifications;

pub use connections::uncounted;
pub use database::Database;
pub use failure::{FailureKind, failure_kind, is_unavailable};
pub use key_database::{KEY_SCHEMA, KeyDatabase};
pub use reader::{DatabaseTime, Reader, ReaderKind};

use sea_orm::DbErr;

/// A connection or a transaction.
pub use sea_orm::ConnectionTrait as Executor;
/// An open transaction. It is rolled back if it is dropped without a commit.
pub use sea_orm::DatabaseTransaction as Transaction;
/// A failure of the database, or a stored value that cannot be parsed.
pub use sea_orm::DbErr as Error;

/// The result of every function of the store.
pub type Result<T> = std::result::Result<T, DbErr>;

/// The most rows that one statement inserts. Even for the widest table, these rows stay within the limits of
/// bound values: 32,766 in SQLite, and more in PostgreSQL.
const ROWS_PER_INSERT: usize = 1000;

/// The error for a stored text that is invalid; `what` says what the text should be.
fn corrupt(what: &str, text: &str) -> DbErr {
    DbErr::Type(format!("{text:?} is not a valid {what}"))
}

/// Parses the stored text of an enum; `what` names the enum in the error.
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
