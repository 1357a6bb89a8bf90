//! How a change reaches every screen, with nothing lost.
//!
//! log -> bus -> follower -> hub -> stream. The log is a table (`store::event_log`): a change appends its
//! event inside its own transaction. The [`bus`] carries the news fast and may forget; the [`tailer`],
//! one per gateway, puts the news in order and reads from the log what the bus forgot; the [`dispatcher`] hands
//! each event to the streams of its topics; a [`stream`] gives one subscriber each event once and in order,
//! going back to the log whenever its own queue could not keep up, by [`replay_cache`] that many streams share.
//! [`public_data_version`] is the position up to which answers that are kept must have been made.

pub mod bus;
pub mod cursor;
pub mod dispatcher;
pub mod public_data_version;
pub mod redis_connector;
pub mod replay_cache;
pub mod stream;
pub mod tailer;

use std::time::Duration;

/// How long whoever must read the log, or anything else, waits while the database is away before it tries again.
pub const RETRY: Duration = Duration::from_millis(500);
