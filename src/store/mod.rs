//! How it is kept: one file per aggregate, SQL nowhere else.
//!
//! Every function takes the connection or the transaction to use, and turns rows into `domain` values.
//! A finder of things that not everybody may see takes the viewer, so that what they may not see is not
//! found. Nothing here begins or commits a transaction: that is for `service`.
//!
//! To add an aggregate: its table in `migration` and `entity`, its value in `domain`, a file here.

pub mod audit;
pub mod categories;
pub mod data_keys;
mod database;
pub mod event_log;
pub mod gigs;
pub mod idempotency;
pub mod images;
pub mod pagination;
pub mod reviews;
pub mod sessions;
mod sql;
pub mod users;
pub mod verifications;

pub use database::{Database, is_unavailable};

use sea_orm::DbErr;

/// A connection or a transaction: whatever runs a statement.
pub use sea_orm::ConnectionTrait as Executor;
/// A pool of connections, for reads.
pub use sea_orm::DatabaseConnection as Connection;
/// A transaction under way.
pub use sea_orm::DatabaseTransaction as Transaction;
/// What can go wrong in the store.
pub use sea_orm::DbErr as Error;

/// What every store function returns.
pub type Result<T> = std::result::Result<T, DbErr>;

/// Rows that one statement inserts at most: with the columns of the widest table still within the 32,766
/// values that SQLite takes, which are fewer than PostgreSQL's.
const ROWS_AT_ONCE: usize = 1000;

/// A stored text that no value of ours is written as.
fn corrupt(what: &str, text: &str) -> DbErr {
    DbErr::Type(format!("{text:?} is no {what}"))
}

/// Reads the stored text of an enum.
fn parse<T: std::str::FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| corrupt(what, text))
}

/// Reads a stored JSON value.
fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: serde_json::Value) -> Result<T> {
    serde_json::from_value(json).map_err(|error| DbErr::Json(format!("{what}: {error}")))
}

/// Writes a value of ours as JSON.
fn to_json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}
