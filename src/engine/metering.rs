//! Charges operations to the rate limit of the client.
//!
//! The upper bound of the cost is charged before the execution. What the response does not use is refunded. The
//! time for which the operation keeps the database busy is charged afterwards.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::Name;
use async_graphql::Value;
use async_graphql::indexmap::IndexMap;

use crate::engine::operation::ValidatedOperation;
use crate::graphql::context::{Caller, RequestMeta};
use crate::graphql::error::Error;
use crate::service::Services;
use crate::service::rate_limit::{Balance, RateLimitKey, RateLimitKind};
use crate::store::DatabaseTime;

/// Root fields with their own rate limits. Each selection of such a field counts once. `refreshSession` is
/// counted by session, which only `service::accounts` knows.
const RATE_LIMITED_FIELDS: [(&str, RateLimitKind); 4] = [
    ("signIn", RateLimitKind::SignIn),
    ("signUp", RateLimitKind::SignUp),
    ("uploadGigImage", RateLimitKind::Upload),
    ("uploadIdentityDocument", RateLimitKind::Upload),
];

/// What an operation was charged before its execution. If it is dropped before [`OperationCharge::settle`], the client
/// has cancelled the operation: the charge stays, and the database time is charged, too.
pub struct OperationCharge {
    services: Arc<Services>,
    rate_limit_key: RateLimitKey,
    base_cost: u64,
    charged: u64,
    /// `None` if the rate limit is switched off.
    balance: Option<Balance>,
    database_time: DatabaseTime,
    is_settled: bool,
}

impl Drop for OperationCharge {
    fn drop(&mut self) {
        let owed = self.services.rate_limiter.database_time_cost(self.database_time.millis_rounded_up());
        if self.is_settled || owed == 0 {
            return;
        }
        let (services, key) = (Arc::clone(&self.services), self.rate_limit_key);
        tokio::spawn(async move {
            let (limiter, now) = (&services.rate_limiter, services.now());
            limiter.charge_afterwards(RateLimitKind::Operations, key, owed, now).await;
        });
    }
}

impl OperationCharge {
    /// Charges the cost of an operation, and its root fields that have their own rate limits.
    ///
    /// # Errors
    /// RATE_LIMITED if a rate limit is exceeded.
    pub async fn charge(
        services: &Arc<Services>,
        meta: &RequestMeta,
        operation: &ValidatedOperation,
    ) -> Result<Self, Error> {
        let rate_limit_key = match &meta.caller {
            Caller::Viewer(viewer) => RateLimitKey::User(viewer.id()),
            Caller::Anonymous | Caller::InvalidCredentials { .. } => RateLimitKey::Network(meta.address),
        };
        let now = services.now();
        let mut due = Vec::new();
        for (field, kind) in RATE_LIMITED_FIELDS {
            let count = operation.root_fields.iter().filter(|name| *name == field).count();
            if count > 0 {
                // Sign-in and sign-up are limited by network, even if the request has the credentials of a
                // user.
                let key = if kind == RateLimitKind::Upload {
                    rate_limit_key
                } else {
                    RateLimitKey::Network(meta.address)
                };
                due.push((kind, key, u64::try_from(count).unwrap_or(u64::MAX)));
            }
        }
        due.push((RateLimitKind::Operations, rate_limit_key, operation.cost));
        let mut balances = Vec::new();
        for (kind, key, cost) in &due {
            match services.rate_limiter.charge(*kind, *key, *cost, now).await {
                Ok(balance) => balances.push(balance),
                Err(limited) => {
                    // Nothing is executed, so nothing is charged.
                    for ((kind, key, cost), charged) in due.iter().zip(balances) {
                        services.rate_limiter.refund_charged(*kind, *key, *cost, charged, now);
                    }
                    return Err(limited.into());
                }
            }
        }
        let balance = balances.pop().flatten();
        let (base_cost, charged) = (operation.base_cost, operation.cost);
        let (services, database_time) = (Arc::clone(services), DatabaseTime::default());
        Ok(Self { services, rate_limit_key, base_cost, charged, balance, database_time, is_settled: false })
    }

    /// Charges the cost of a cached response to an anonymous client.
    ///
    /// # Errors
    /// RATE_LIMITED if the rate limit is exceeded.
    pub async fn charge_cached(services: &Services, address: IpAddr, cost: u64) -> Result<(), Error> {
        let key = RateLimitKey::Network(address);
        services.rate_limiter.charge(RateLimitKind::Operations, key, cost, services.now()).await?;
        Ok(())
    }

    /// Where the time of the operation's reads is added.
    pub fn database_time(&self) -> &DatabaseTime {
        &self.database_time
    }

    /// The actual cost of a response with this number of objects.
    pub fn cost_of(&self, object_count: u64) -> u64 {
        // The result of an introspection query has many objects, but a fixed cost.
        self.base_cost.saturating_add(object_count).min(self.charged)
    }

    /// Refunds the part of the charge that exceeds the actual cost, and charges the database time. Returns
    /// `extensions.cost` of the response.
    pub async fn settle(mut self, cost: u64) -> Value {
        self.is_settled = true;
        let (services, limiter) = (&self.services, &self.services.rate_limiter);
        let (kind, key) = (RateLimitKind::Operations, self.rate_limit_key);
        let millis = self.database_time.millis_rounded_up();
        let actual = cost.saturating_add(limiter.database_time_cost(millis));
        let unused = self.charged.saturating_sub(actual);
        let owed = actual.saturating_sub(self.charged);
        limiter.refund_charged(kind, key, unused, self.balance, services.now());
        limiter.charge_afterwards(kind, key, owed, services.now()).await;
        let mut cost: IndexMap<Name, Value> = [("requested", self.charged), ("actual", actual)]
            .map(|(name, cost)| (Name::new(name), cost.into()))
            .into();
        if let Some(Balance { capacity, per_minute, remaining, .. }) = self.balance {
            let remaining = u64::from(remaining).saturating_add(unused).min(capacity.into());
            cost.insert(Name::new("limit"), capacity.into());
            cost.insert(Name::new("remaining"), remaining.saturating_sub(owed).into());
            cost.insert(Name::new("perMinute"), per_minute.into());
        }
        Value::Object(cost)
    }
}
