//! Delivers events from the log to subscribers: each subscriber gets every event of its topic once, in order.
//!
//! The path of an event:
//!
//! 1. Log: `UnitOfWork::record` collects an `EventBody`; `UnitOfWork::commit` appends it to the table `event`
//!    in the transaction of the change ([`event_log::append`]). Positions are 1, 2, 3 .. in commit order.
//! 2. Bus: after the commit, [`Bus`](bus::Bus) sends the `Event` to this gateway and, signed and over Redis
//!    ([`RedisChannel`](redis_channel::RedisChannel)), to the others.
//! 3. Tailer: one [`LogTailer`](tailer::LogTailer) per gateway puts the messages of the bus in order by
//!    position.
//! 4. Version: the tailer advances [`PublicDataVersion`](public_data_version::PublicDataVersion), which makes
//!    cached responses from before the event stale.
//! 5. Dispatcher: [`Dispatcher`](dispatcher::Dispatcher) pushes the event to the `SubscriberQueue` of each
//!    stream that subscribes to one of its `Topic`s.
//! 6. Stream: an [`EventStream`](stream::EventStream) takes the event from its
//!    [`QueueHandle`](dispatcher::QueueHandle), or reads it from the log through the
//!    [`ReplayCache`](replay_cache::ReplayCache).
//! 7. `engine::delivery` runs the subscription's selection for the event, and `http` sends the response.
//!
//! Why nothing is lost: an event commits together with its change, so the log is complete. The bus may lose,
//! repeat and reorder messages, and anybody who reaches Redis can publish on its channel: a message without a
//! valid signature is ignored. The tailer drops events with old positions, and reads the log if it sees a
//! gap, after a reconnect, and periodically. A stream first subscribes, then reads the log, and drops queued
//! events by position if it has already read them. If its queue overflows, it reads the log again.
//!
//! To add an event:
//!
//! 1. `domain::event`: a variant of `EventBody`, with its arms in `changes_public_data` and
//!    `Event::topics` (and a variant of `Topic`, if no existing topic fits).
//! 2. [`event_log`]: a constant for its kind, its arms in `to_row` and `from_row`, and that of a new topic in
//!    `topic_condition`. A value that fits no column of the table also needs a migration and a field in
//!    `entity::event`.
//! 3. `service`: `work.record(..)` in every function that causes the event.
//! 4. To show it to clients: a file in `graphql::subscription`, listed in its `mod.rs`. Then update the
//!    schema with `make schema`.
//!
//! In steps 1 and 2, the compiler reports every missing arm except that in `from_row`. Without that arm, the
//! event is read as `EventBody::Unknown`. A gateway of an older version also reads it so during a rolling
//! update: whatever it does not understand, a kind, a value or the form of a row, is an unknown event. It is
//! counted and delivered to nobody, it counts as a change of public data, and the events after it follow.
//!
//! [`event_log`]: crate::store::event_log
//! [`event_log::append`]: crate::store::event_log::append

pub mod bus;
pub mod counters;
pub mod cursor;
pub mod dispatcher;
pub mod public_data_version;
pub mod redis_channel;
pub mod redis_connector;
pub mod replay_cache;
pub mod selection;
pub mod signed_message;
pub mod stream;
pub mod tailer;

use std::time::Duration;

/// How long a reader of events waits before it tries again if the database is unavailable.
pub const RETRY_DELAY: Duration = Duration::from_millis(500);
