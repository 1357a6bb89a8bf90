//! What callers may spend over time.

use serde::Deserialize;

use super::Environment;
use crate::domain::bucket::BucketRule;

/// What a caller may spend over time; each bucket can be set by `GIGWAY_BUDGETS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRules {
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

impl BudgetRules {
    /// One machine is many people in development.
    pub fn defaults(environment: Environment) -> Self {
        let times = if environment == Environment::Production { 1 } else { 100 };
        let rule = |capacity: u32, per_minute: u32| BucketRule::new(capacity * times, per_minute * times);
        Self {
            anonymous: rule(20_000, 60_000),
            viewer: rule(20_000, 60_000),
            sign_in: rule(30, 30),
            sign_up: rule(20, 5),
            upload: rule(60, 30),
        }
    }

    /// # Errors
    /// What cannot be kept.
    pub(super) fn with(self, given: &GivenRules, dearest: u64) -> Result<Self, String> {
        let rules = Self {
            anonymous: given.anonymous.unwrap_or(self.anonymous),
            viewer: given.viewer.unwrap_or(self.viewer),
            sign_in: given.sign_in.unwrap_or(self.sign_in),
            sign_up: given.sign_up.unwrap_or(self.sign_up),
            upload: given.upload.unwrap_or(self.upload),
        };
        for (name, rule) in [("anonymous", rules.anonymous), ("viewer", rules.viewer)] {
            if rule.capacity > 0 && u64::from(rule.capacity) < dearest {
                let capacity = rule.capacity;
                return Err(format!("{name}.capacity is {capacity}, and one operation may cost {dearest}"));
            }
        }
        Ok(rules)
    }
}
