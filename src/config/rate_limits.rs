//! The default rate limits, and their overrides by `GIGWAY_BUDGETS`.
//!
//! To add a rate limit: a field of [`RateLimitRules`] in `src/domain/rate_limits.rs`, the same field in the
//! three places below, and its use in `src/service/rate_limit`.

use serde::Deserialize;

use crate::config::Environment;
use crate::domain::rate_limits::{DatabaseTimeRule, RateLimitRules};
use crate::domain::token_bucket::BucketRule;

/// The rate limits that `GIGWAY_BUDGETS` names. The others keep their defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RateLimitOverrides {
    anonymous: Option<BucketRule>,
    viewer: Option<BucketRule>,
    sign_in: Option<BucketRule>,
    refresh: Option<BucketRule>,
    sign_up: Option<BucketRule>,
    upload: Option<BucketRule>,
    requests: Option<BucketRule>,
    database_time: Option<DatabaseTimeRule>,
}

/// The defaults. In development they are 100 times as high, because one machine stands for many users.
pub fn defaults(environment: Environment) -> RateLimitRules {
    let factor = if environment == Environment::Production { 1 } else { 100 };
    let rule = |capacity: u32, per_minute: u32| BucketRule::new(capacity * factor, per_minute * factor);
    RateLimitRules {
        anonymous: rule(20_000, 60_000),
        viewer: rule(20_000, 60_000),
        sign_in: rule(30, 30),
        refresh: rule(30, 30),
        sign_up: rule(20, 5),
        upload: rule(60, 30),
        requests: rule(5_000, 30_000),
        // In development, a debug build or a busy machine may be slow by chance.
        database_time: match environment {
            Environment::Production => DatabaseTimeRule { free_millis: 3, cost_per_milli: 50 },
            Environment::Development => DatabaseTimeRule { free_millis: 50, cost_per_milli: 1 },
        },
    }
}

impl RateLimitOverrides {
    /// The rules in effect.
    ///
    /// # Errors
    /// A bucket is too small for the most expensive operation, whose cost is `max_operation_cost`.
    pub(super) fn apply_to(
        &self,
        defaults: &RateLimitRules,
        max_operation_cost: u64,
    ) -> Result<RateLimitRules, String> {
        let rules = RateLimitRules {
            anonymous: self.anonymous.unwrap_or(defaults.anonymous),
            viewer: self.viewer.unwrap_or(defaults.viewer),
            sign_in: self.sign_in.unwrap_or(defaults.sign_in),
            refresh: self.refresh.unwrap_or(defaults.refresh),
            sign_up: self.sign_up.unwrap_or(defaults.sign_up),
            upload: self.upload.unwrap_or(defaults.upload),
            requests: self.requests.unwrap_or(defaults.requests),
            database_time: self.database_time.unwrap_or(defaults.database_time),
        };
        for (name, rule) in [("anonymous", rules.anonymous), ("viewer", rules.viewer)] {
            if rule.capacity > 0 && u64::from(rule.capacity) < max_operation_cost {
                let capacity = rule.capacity;
                return Err(format!(
                    "{name}.capacity is {capacity}: it must be 0 or at least the cost limit of an operation, \
                     {max_operation_cost}"
                ));
            }
        }
        Ok(rules)
    }
}
