//! The rate limits. Defaults and overrides: `src/config/rate_limits.rs`.

use crate::domain::token_bucket::BucketRule;

/// The token bucket of each rate limit. Each can be set in `GIGWAY_BUDGETS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitRules {
    /// Cost of the operations of anonymous clients, per network.
    pub anonymous: BucketRule,
    /// Cost of the operations of a user.
    pub viewer: BucketRule,
    /// Sign-ins and token refreshes, per network.
    pub sign_in: BucketRule,
    /// New accounts, per network.
    pub sign_up: BucketRule,
    /// Image uploads of a user.
    pub upload: BucketRule,
}
