//! The rate limits. Defaults and overrides: `src/config/rate_limits.rs`.

use serde::Deserialize;

use crate::domain::token_bucket::BucketRule;

/// The token bucket of each rate limit. Each can be set in `GIGWAY_BUDGETS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitRules {
    /// Cost of the operations of anonymous clients, per network.
    pub anonymous: BucketRule,
    /// Cost of the operations of a user.
    pub viewer: BucketRule,
    /// Sign-ins, per network.
    pub sign_in: BucketRule,
    /// Token refreshes, per session; unknown refresh tokens, per network.
    pub refresh: BucketRule,
    /// New accounts, per network.
    pub sign_up: BucketRule,
    /// Image uploads of a user.
    pub upload: BucketRule,
    /// HTTP requests and WebSocket messages, per network and gateway.
    pub requests: BucketRule,
    /// What the database time of an operation costs, in addition to its objects.
    pub database_time: DatabaseTimeRule,
}

/// The price of database time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DatabaseTimeRule {
    /// The time that an operation may take without a further charge, in milliseconds.
    pub free_millis: u32,
    /// The cost of each further millisecond.
    pub cost_per_milli: u32,
}

impl DatabaseTimeRule {
    /// The cost of this database time.
    pub fn cost(&self, millis: u64) -> u64 {
        let charged = millis.saturating_sub(self.free_millis.into());
        charged.saturating_mul(self.cost_per_milli.into())
    }
}

/// How many failed sign-ins are allowed in 15 minutes, on one gateway.
#[derive(Debug, Clone, Copy)]
pub struct SignInFailureLimits {
    /// Of one account from one network, before attempts are refused.
    pub per_account_and_network: u32,
    /// Of one account from all networks, before attempts are delayed.
    pub per_account: u32,
    /// From one network for all accounts, before attempts are delayed.
    pub per_network: u32,
}
