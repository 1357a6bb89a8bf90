//! How much callers may spend over time.

use crate::domain::token_bucket::BucketRule;

/// What a caller may spend over time; each bucket can be set by `GIGWAY_BUDGETS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitRules {
    /// Points of a stranger's operations, by network.
    pub anonymous: BucketRule,
    /// Points of a person's operations.
    pub viewer: BucketRule,
    /// Sign-ins, and trades of refresh tokens, by network.
    pub sign_in: BucketRule,
    /// New accounts, by network.
    pub sign_up: BucketRule,
    /// Pictures of a person.
    pub upload: BucketRule,
}
