//! Token buckets in Redis, shared by all gateways.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::Script;
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, timeout};

use crate::domain::token_bucket::BucketRule;
use crate::events::redis_connector::RedisConnector;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};

/// How long an operation waits for Redis.
const REDIS_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a gateway uses its local buckets before it tries Redis again.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// Refills the bucket by the clock of Redis, which is the same for all gateways, then grants up to `wanted`
/// tokens if there are at least `needed`, and none otherwise. Returns the tokens granted, the tokens left,
/// and how many milliseconds to wait.
const LEASE_SCRIPT: &str = r"
local capacity, per_millisecond = tonumber(ARGV[1]), tonumber(ARGV[2])
local needed, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stored = redis.call('HMGET', KEYS[1], 'points', 'at')
local points, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
points = math.min(capacity, points + math.max(0, now - at) * per_millisecond)
local granted, wait = 0, 0
if points >= needed then
    granted = math.min(points, wanted)
    points = points - granted
elseif per_millisecond > 0 then
    wait = math.ceil((needed - points) / per_millisecond)
else
    wait = 86400000
end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', now)
local full = per_millisecond > 0 and math.ceil((capacity - points) / per_millisecond) or 86400000
redis.call('PEXPIRE', KEYS[1], math.min(math.max(full, 1000), 86400000))
return {tostring(granted), tostring(points), wait}
";

/// The result of a lease.
#[derive(Debug)]
pub(super) enum LeaseOutcome {
    Granted { leased: f64, shared_remaining: f64 },
    Insufficient { retry_after: Duration },
}

#[derive(Debug)]
pub(super) struct SharedBuckets {
    connector: RedisConnector,
    /// The prefix of the keys in Redis.
    prefix: String,
    script: Script,
    state: Mutex<ConnectionState>,
}

#[derive(Debug, Clone)]
enum ConnectionState {
    Open(MultiplexedConnection),
    /// Redis was unavailable. It is not tried again before this time.
    RetryAt(Instant),
}

impl SharedBuckets {
    pub fn new(connector: RedisConnector, name: &str) -> Self {
        let prefix = format!("gigway:budget:{name}");
        Self {
            connector,
            prefix,
            script: Script::new(LEASE_SCRIPT),
            state: Mutex::new(ConnectionState::RetryAt(Instant::now())),
        }
    }

    /// Whether Redis answered the last request.
    pub fn is_connected(&self) -> bool {
        matches!(&*self.state.lock().unwrap_or_else(PoisonError::into_inner), ConnectionState::Open(_))
    }

    /// Takes between `needed` and `wanted` tokens, or none if there are too few. Returns `None` if Redis is
    /// unavailable.
    pub async fn lease(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        needed: f64,
        wanted: f64,
    ) -> Option<LeaseOutcome> {
        let state = self.begin_attempt();
        if matches!(state, ConnectionState::RetryAt(until) if until > Instant::now()) {
            return None;
        }
        match timeout(REDIS_TIMEOUT, self.run_script(state, kind, key, rule, needed, wanted)).await {
            Ok(Ok((connection, outcome))) => {
                self.set_state(ConnectionState::Open(connection));
                return Some(outcome);
            }
            Ok(Err(error)) => tracing::warn!(%error, "rate limits use local buckets"),
            Err(_) => tracing::warn!(error = "timed out", "rate limits use local buckets"),
        }
        self.set_state(ConnectionState::RetryAt(Instant::now() + RECONNECT_INTERVAL));
        None
    }

    /// Returns the connection's state. If it is time to reconnect, only this caller does; others use their
    /// local buckets meanwhile.
    fn begin_attempt(&self) -> ConnectionState {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let current = state.clone();
        if let ConnectionState::RetryAt(until) = &mut *state
            && *until <= Instant::now()
        {
            *until = Instant::now() + RECONNECT_INTERVAL;
        }
        current
    }

    fn set_state(&self, state: ConnectionState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    async fn run_script(
        &self,
        state: ConnectionState,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        needed: f64,
        wanted: f64,
    ) -> redis::RedisResult<(MultiplexedConnection, LeaseOutcome)> {
        let mut connection = match state {
            ConnectionState::Open(connection) => connection,
            ConnectionState::RetryAt(_) => {
                let connect = async |client: &redis::Client| client.get_multiplexed_async_connection().await;
                self.connector.connect(connect).await?
            }
        };
        let kind: &str = kind.into();
        let key = match key {
            RateLimitKey::User(id) => id.uuid().simple().to_string(),
            RateLimitKey::Network(address) => address.to_string(),
        };
        let mut invocation = self.script.prepare_invoke();
        invocation.key(format!("{}:{kind}:{key}", self.prefix));
        invocation.arg(rule.capacity).arg(rule.per_millisecond()).arg(needed).arg(wanted);
        let (leased, shared_remaining, wait): (f64, f64, u64) =
            invocation.invoke_async(&mut connection).await?;
        let outcome = if leased > 0.0 || needed <= 0.0 {
            LeaseOutcome::Granted { leased, shared_remaining }
        } else {
            LeaseOutcome::Insufficient { retry_after: Duration::from_millis(wait) }
        };
        Ok((connection, outcome))
    }
}
