//! What an operation is charged, and what of that it gets back.

use std::net::IpAddr;

use async_graphql::Name;
use async_graphql::Value;
use async_graphql::indexmap::IndexMap;

use crate::engine::operation::ValidatedOperation;
use crate::graphql::context::{Caller, RequestMeta};
use crate::graphql::error::Error;
use crate::service::Services;
use crate::service::rate_limit::{Balance, RateLimitKey, RateLimitKind};

/// Root fields that have budgets of their own, besides their points.
const ACTS: [(&str, RateLimitKind); 5] = [
    ("signIn", RateLimitKind::SignIn),
    ("refreshSession", RateLimitKind::SignIn),
    ("signUp", RateLimitKind::SignUp),
    ("uploadGigImage", RateLimitKind::Upload),
    ("uploadIdentityDocument", RateLimitKind::Upload),
];

/// What was paid.
pub struct OperationCharge {
    rate_limit_key: RateLimitKey,
    base: u64,
    requested: u64,
    /// `None` where nothing is counted.
    balance: Option<Balance>,
}

impl OperationCharge {
    /// Charges what the operation may cost.
    ///
    /// # Errors
    /// RATE_LIMITED where a budget is spent.
    pub async fn charge(
        services: &Services,
        meta: &RequestMeta,
        operation: &ValidatedOperation,
    ) -> Result<Self, Error> {
        let rate_limit_key = match &meta.caller {
            Caller::Viewer(viewer) => RateLimitKey::User(viewer.id()),
            Caller::Anonymous | Caller::InvalidCredentials => RateLimitKey::Network(meta.address),
        };
        let now = services.now();
        for (act, budget) in ACTS {
            let times = operation.root_fields.iter().filter(|name| *name == act).count();
            if times > 0 {
                // Whoever signs in or up is nobody yet, whatever else they hold.
                let rate_limit_key = if budget == RateLimitKind::Upload {
                    rate_limit_key
                } else {
                    RateLimitKey::Network(meta.address)
                };
                let times = u64::try_from(times).unwrap_or(u64::MAX);
                services.rate_limiter.charge(budget, rate_limit_key, times, now).await?;
            }
        }
        let balance = services
            .rate_limiter
            .charge(RateLimitKind::Operations, rate_limit_key, operation.cost, now)
            .await?;
        Ok(Self { rate_limit_key, base: operation.base_cost, requested: operation.cost, balance })
    }

    /// Charges what an answer costs that is there already.
    ///
    /// # Errors
    /// RATE_LIMITED where the budget is spent.
    pub async fn charge_cached(services: &Services, address: IpAddr, cost: u64) -> Result<(), Error> {
        let rate_limit_key = RateLimitKey::Network(address);
        services.rate_limiter.charge(RateLimitKind::Operations, rate_limit_key, cost, services.now()).await?;
        Ok(())
    }

    /// Gives back what is left of it after so many points.
    pub fn settle_at(self, services: &Services, cost: u64) {
        let unused = self.requested.saturating_sub(cost);
        services.rate_limiter.refund(RateLimitKind::Operations, self.rate_limit_key, unused, services.now());
    }

    /// Gives back what an answer with so many objects did not take; what is to be told of it.
    pub fn settle(self, services: &Services, objects: u64) -> Value {
        // What the schema shows of itself is many objects, at one price.
        let actual = self.base.saturating_add(objects).min(self.requested);
        let unused = self.requested - actual;
        services.rate_limiter.refund(RateLimitKind::Operations, self.rate_limit_key, unused, services.now());
        let mut told: IndexMap<Name, Value> = [("requested", self.requested), ("actual", actual)]
            .map(|(name, it)| (Name::new(name), it.into()))
            .into();
        if let Some(Balance { capacity, per_minute, remaining }) = self.balance {
            let remaining = u64::from(remaining).saturating_add(unused).min(capacity.into());
            told.insert(Name::new("limit"), capacity.into());
            told.insert(Name::new("remaining"), remaining.into());
            told.insert(Name::new("perMinute"), per_minute.into());
        }
        Value::Object(told)
    }
}
