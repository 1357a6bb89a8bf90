//! What people can ask for about their own data: consent to a text, and the request to be erased.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::UserId;
use crate::domain::limits::RetentionLimits;
use crate::domain::message::message;
use crate::domain::text::normalize_optional_text;
use crate::domain::violation::{Validator, ViolationCode};

/// The maximum length of the version of a text.
pub const CONSENT_VERSION_MAX_CHARS: usize = 100;

/// That a user has agreed to a text, when they submitted their verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub user_id: UserId,
    /// The version of the verification that the submission created.
    pub verification_version: i32,
    /// The version of the text, as the operator names it.
    pub text_version: String,
    pub consented_at: DateTime<Utc>,
}

/// Checks the version of the text that a user has agreed to; violations go to `validator`. If there is a `current`
/// version, it must be this one. `None` if none is given, or none is needed and the given one is empty.
pub fn check_consent(
    given: Option<&str>,
    current: Option<&str>,
    validator: &mut Validator,
) -> Option<String> {
    const PATH: &str = "consentVersion";
    let given = normalize_optional_text(given);
    match (&given, current) {
        (None, Some(current)) => {
            let message = message!(
                "The user must agree to the current text. Its version is {version}.",
                version = current
            );
            validator.add(PATH, ViolationCode::Required, message);
        }
        (Some(given), Some(current)) if given != current => {
            let message = message!(
                "The user must agree to the current text. Its version is {version}, not {actual}.",
                version = current,
                actual = given
            );
            validator.add(PATH, ViolationCode::Invalid, message);
        }
        (Some(given), _) => {
            validator.check_line(PATH, "The version of the text", given, 1, CONSENT_VERSION_MAX_CHARS);
        }
        (None, None) => {}
    }
    given
}

/// A user's request to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRequest {
    pub user_id: UserId,
    pub requested_at: DateTime<Utc>,
    /// Until then, the user can cancel it.
    pub due_at: DateTime<Utc>,
}

impl ErasureRequest {
    /// A request that is made now.
    pub fn new(user_id: UserId, limits: &RetentionLimits, now: DateTime<Utc>) -> Self {
        let waiting_time = TimeDelta::days(i64::from(limits.erasure_waiting_days));
        Self { user_id, requested_at: now, due_at: now + waiting_time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: Option<&str>, current: Option<&str>) -> Result<Option<String>, Vec<ViolationCode>> {
        let mut validator = Validator::default();
        let version = check_consent(given, current, &mut validator);
        let codes = |violations: Vec<crate::domain::violation::Violation>| {
            violations.into_iter().map(|violation| violation.code).collect()
        };
        validator.finish().map(|()| version).map_err(codes)
    }

    #[test]
    fn consent_is_required_only_to_the_current_version() {
        let version = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(check(None, None), Ok(None));
        assert_eq!(check(Some(" 2026-11 "), None), version("2026-11"));
        assert_eq!(check(Some("2026-11"), Some("2026-11")), version("2026-11"));
        assert_eq!(check(None, Some("2026-11")), Err(vec![ViolationCode::Required]));
        assert_eq!(check(Some(" "), Some("2026-11")), Err(vec![ViolationCode::Required]));
        assert_eq!(check(Some("2025-01"), Some("2026-11")), Err(vec![ViolationCode::Invalid]));
        let long = "x".repeat(CONSENT_VERSION_MAX_CHARS + 1);
        assert_eq!(check(Some(&long), None), Err(vec![ViolationCode::TooLong]));
    }
}
