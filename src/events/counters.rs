//! Counts what the delivery of events has skipped or rejected. `http::metrics` publishes the counters.

use prometheus_client::metrics::counter::Counter;

/// The counters of one gateway. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct EventCounters {
    /// Events that this version does not understand, which were skipped.
    pub unknown_events: Counter,
    /// Messages on the Redis channel that were not authentic, and so ignored.
    pub rejected_messages: Counter,
    /// Messages on the Redis channel that were dropped because the queue to the tailer was full.
    pub dropped_messages: Counter,
}
