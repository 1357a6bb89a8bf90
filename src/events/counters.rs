//! Counts what the delivery of events has rejected. `http::metrics` publishes the counters.

use prometheus_client::metrics::counter::Counter;

/// The counters of one gateway. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct EventCounters {
    /// Messages on the Redis channel that were not authentic, and so ignored.
    pub rejected_messages: Counter,
    /// Messages on the Redis channel that were dropped because the queue to the tailer was full.
    pub dropped_messages: Counter,
}
