//! Buckets in Redis, for all gateways together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::Script;
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, timeout};

use crate::domain::token_bucket::BucketRule;
use crate::events::redis_connector::RedisConnector;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};

/// A Redis that takes longer than this is one that an operation does not wait for.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// How long a gateway counts by itself before it asks a Redis again that was away.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Fills the bucket as its time has gone, by the clock of Redis, which is one for all; gives what is asked for, and more
/// where there is, or nothing where there is too little. Answers with what it gives, what is left, and for how many
/// milliseconds to wait.
const DRAW: &str = r"
local capacity, per_millisecond = tonumber(ARGV[1]), tonumber(ARGV[2])
local needed, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local kept = redis.call('HMGET', KEYS[1], 'points', 'at')
local points, at = tonumber(kept[1]) or capacity, tonumber(kept[2]) or now
points = math.min(capacity, points + math.max(0, now - at) * per_millisecond)
local given, wait = 0, 0
if points >= needed then
    given = math.min(points, wanted)
    points = points - given
elseif per_millisecond > 0 then
    wait = math.ceil((needed - points) / per_millisecond)
else
    wait = 86400000
end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', now)
local full = per_millisecond > 0 and math.ceil((capacity - points) / per_millisecond) or 86400000
redis.call('PEXPIRE', KEYS[1], math.min(math.max(full, 1000), 86400000))
return {tostring(given), tostring(points), wait}
";

/// What came of a draw.
#[derive(Debug)]
pub(super) enum Drawn {
    Points { drawn: f64, left: f64 },
    TooFew { again_in: Duration },
}

/// The buckets of all gateways.
#[derive(Debug)]
pub(super) struct SharedBuckets {
    address: RedisConnector,
    /// What their keys begin with.
    prefix: String,
    draw: Script,
    link: Mutex<Link>,
}

#[derive(Debug, Clone)]
enum Link {
    Up(MultiplexedConnection),
    /// To be tried again from then on.
    Down(Instant),
}

impl SharedBuckets {
    pub fn new(address: RedisConnector, name: &str) -> Self {
        let prefix = format!("gigway:budget:{name}");
        Self { address, prefix, draw: Script::new(DRAW), link: Mutex::new(Link::Down(Instant::now())) }
    }

    /// Whether the last draw was answered.
    pub fn is_there(&self) -> bool {
        matches!(&*self.link.lock().unwrap_or_else(PoisonError::into_inner), Link::Up(_))
    }

    /// Draws `needed` points or none, and up to `wanted`; `None` where Redis is away.
    pub async fn draw(
        &self,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        rule: BucketRule,
        needed: f64,
        wanted: f64,
    ) -> Option<Drawn> {
        let link = self.link();
        if matches!(link, Link::Down(until) if until > Instant::now()) {
            return None;
        }
        match timeout(ANSWER_WITHIN, self.ask(link, budget, rate_limit_key, rule, needed, wanted)).await {
            Ok(Ok((connection, drawn))) => {
                self.set(Link::Up(connection));
                return Some(drawn);
            }
            Ok(Err(error)) => tracing::warn!(%error, "budgets are counted by this gateway alone"),
            Err(_) => tracing::warn!("Redis is slow: budgets are counted by this gateway alone"),
        }
        self.set(Link::Down(Instant::now() + ASK_AGAIN));
        None
    }

    /// Whether it is up, to be brought up now, or not to be tried yet. Of those who come while it is tried, none waits.
    fn link(&self) -> Link {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let now = link.clone();
        if let Link::Down(until) = &mut *link
            && *until <= Instant::now()
        {
            *until = Instant::now() + ASK_AGAIN;
        }
        now
    }

    fn set(&self, link: Link) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    async fn ask(
        &self,
        link: Link,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        rule: BucketRule,
        needed: f64,
        wanted: f64,
    ) -> redis::RedisResult<(MultiplexedConnection, Drawn)> {
        let mut connection = match link {
            Link::Up(connection) => connection,
            Link::Down(_) => {
                let connect = async |client: &redis::Client| client.get_multiplexed_async_connection().await;
                self.address.connect(connect).await?
            }
        };
        let budget: &str = budget.into();
        let rate_limit_key = match rate_limit_key {
            RateLimitKey::Person(id) => id.simple().to_string(),
            RateLimitKey::Network(address) => address.to_string(),
        };
        let mut draw = self.draw.prepare_invoke();
        draw.key(format!("{}:{budget}:{rate_limit_key}", self.prefix));
        draw.arg(rule.capacity).arg(rule.per_millisecond()).arg(needed).arg(wanted);
        let (drawn, left, wait): (f64, f64, u64) = draw.invoke_async(&mut connection).await?;
        let drawn = if drawn > 0.0 || needed <= 0.0 {
            Drawn::Points { drawn, left }
        } else {
            Drawn::TooFew { again_in: Duration::from_millis(wait) }
        };
        Ok((connection, drawn))
    }
}
