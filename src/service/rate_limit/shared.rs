//! Token buckets in Redis, shared by all gateways.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

use crate::domain::token_bucket::BucketRule;
use crate::events::redis_connector::{RedisConnector, with_timeout};
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};

/// How long an operation waits for Redis. A Redis that is slow still keeps one count for all gateways.
const REDIS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a gateway uses only its local buckets before it tries Redis again.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);

/// Refills the bucket by the clock of Redis, which is the same for all gateways, then takes `cost` tokens. If
/// there are fewer, it takes none, or with `debt` goes below zero by at most a minute's refill. A negative cost
/// is a refund. Returns whether the cost was taken, the tokens left, and how many milliseconds to wait.
const TAKE_SCRIPT: &str = r"
local capacity, per_millisecond, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local debt = ARGV[4] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stored = redis.call('HMGET', KEYS[1], 'points', 'at')
local points, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
-- A clock that goes back by more than five seconds was set. The bucket refills from the new time on.
if at - now > 5000 then at = now end
points = math.min(capacity, points + math.max(0, now - at) * per_millisecond)
local taken, wait = 0, 0
if points >= cost or cost < 0 or debt then
    taken = 1
    points = math.max(-60000 * per_millisecond, math.min(capacity, points - cost))
elseif per_millisecond > 0 then
    wait = math.ceil((cost - points) / per_millisecond)
else
    wait = 86400000
end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', math.max(now, at))
local full = per_millisecond > 0 and math.ceil((capacity - points) / per_millisecond) or 86400000
redis.call('PEXPIRE', KEYS[1], math.min(math.max(full, 1000), 86400000))
return {taken, tostring(points), wait}
";

#[derive(Debug)]
pub(super) struct SharedBuckets {
    connector: RedisConnector,
    /// The prefix of the keys in Redis.
    prefix: String,
    script: Script,
    /// Set after the first attempt to connect. All operations wait for it, so that gateways share their buckets
    /// from the start.
    first_attempt: OnceCell<()>,
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
            script: Script::new(TAKE_SCRIPT),
            first_attempt: OnceCell::new(),
            state: Mutex::new(ConnectionState::RetryAt(Instant::now())),
        }
    }

    /// Takes tokens, all or none. Returns how many are left, or how long to wait; `None` if Redis is
    /// unavailable.
    pub async fn take(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        tokens: f64,
    ) -> Option<Result<f64, Duration>> {
        self.invoke(kind, key, rule, tokens, false).await
    }

    /// Takes tokens for what was already done, also if there are fewer.
    pub async fn take_with_debt(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        tokens: f64,
    ) {
        self.invoke(kind, key, rule, tokens, true).await;
    }

    async fn invoke(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        tokens: f64,
        debt: bool,
    ) -> Option<Result<f64, Duration>> {
        let mut connection = self.connection().await?;
        let name: &str = kind.into();
        let owner = match key {
            RateLimitKey::User(id) => id.uuid().simple().to_string(),
            RateLimitKey::Session(id) => id.uuid().simple().to_string(),
            RateLimitKey::Network(address) => address.to_string(),
        };
        let mut invocation = self.script.prepare_invoke();
        invocation.key(format!("{}:{name}:{owner}", self.prefix));
        invocation.arg(rule.capacity).arg(rule.per_millisecond()).arg(tokens).arg(u8::from(debt));
        match timeout(REDIS_TIMEOUT, invocation.invoke_async(&mut connection)).await {
            Ok(Ok((taken, remaining, wait))) => {
                let (taken, remaining, wait): (bool, f64, u64) = (taken, remaining, wait);
                Some(if taken { Ok(remaining) } else { Err(Duration::from_millis(wait)) })
            }
            Ok(Err(error)) => self.disconnect(&error.to_string()),
            Err(_) => self.disconnect("timed out"),
        }
    }

    /// Puts tokens back.
    pub async fn refund(&self, kind: RateLimitKind, key: RateLimitKey, rule: BucketRule, tokens: f64) {
        self.take(kind, key, rule, -tokens).await;
    }

    /// Returns the connection; `None` while Redis is unavailable.
    async fn connection(&self) -> Option<MultiplexedConnection> {
        self.first_attempt.get_or_init(async || drop(self.connect().await)).await;
        match self.begin_attempt() {
            ConnectionState::Open(connection) => Some(connection),
            ConnectionState::RetryAt(at) if at > Instant::now() => None,
            ConnectionState::RetryAt(_) => self.connect().await,
        }
    }

    async fn connect(&self) -> Option<MultiplexedConnection> {
        let connect = async |client: &redis::Client| client.get_multiplexed_async_connection().await;
        let connected = async {
            let mut connection = self.connector.connect(connect).await?;
            // Loaded now, so that no charge needs more than one round trip.
            with_timeout(self.script.load_async(&mut connection)).await?;
            Ok::<_, RedisError>(connection)
        };
        match connected.await {
            Ok(connection) => {
                self.set_state(ConnectionState::Open(connection.clone()));
                Some(connection)
            }
            Err(error) => self.disconnect(&error.to_string()),
        }
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

    fn disconnect<T>(&self, error: &str) -> Option<T> {
        tracing::warn!(error, "rate limits use local buckets");
        self.set_state(ConnectionState::RetryAt(Instant::now() + RECONNECT_INTERVAL));
        None
    }

    fn set_state(&self, state: ConnectionState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
