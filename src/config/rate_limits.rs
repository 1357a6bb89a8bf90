//! What callers may spend over time.

use serde::Deserialize;

use crate::config::Environment;
use crate::domain::rate_limits::RateLimitRules;
use crate::domain::token_bucket::BucketRule;

/// Those that are to be other than by default.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct GivenRules {
    anonymous: Option<BucketRule>,
    viewer: Option<BucketRule>,
    sign_in: Option<BucketRule>,
    sign_up: Option<BucketRule>,
    upload: Option<BucketRule>,
}

/// One machine is many people in development.
pub fn defaults(environment: Environment) -> RateLimitRules {
    let times = if environment == Environment::Production { 1 } else { 100 };
    let rule = |capacity: u32, per_minute: u32| BucketRule::new(capacity * times, per_minute * times);
    RateLimitRules {
        anonymous: rule(20_000, 60_000),
        viewer: rule(20_000, 60_000),
        sign_in: rule(30, 30),
        sign_up: rule(20, 5),
        upload: rule(60, 30),
    }
}

/// # Errors
/// What cannot be kept.
pub(super) fn with_given(
    defaults: &RateLimitRules,
    given: &GivenRules,
    dearest: u64,
) -> Result<RateLimitRules, String> {
    let rules = RateLimitRules {
        anonymous: given.anonymous.unwrap_or(defaults.anonymous),
        viewer: given.viewer.unwrap_or(defaults.viewer),
        sign_in: given.sign_in.unwrap_or(defaults.sign_in),
        sign_up: given.sign_up.unwrap_or(defaults.sign_up),
        upload: given.upload.unwrap_or(defaults.upload),
    };
    for (name, rule) in [("anonymous", rules.anonymous), ("viewer", rules.viewer)] {
        if rule.capacity > 0 && u64::from(rule.capacity) < dearest {
            let capacity = rule.capacity;
            return Err(format!("{name}.capacity is {capacity}, and one operation may cost {dearest}"));
        }
    }
    Ok(rules)
}
