//! Rules of accounts: the sign-up form, and the lifetimes of sessions and tokens. Limits: `AccountLimits` in
//! `limits.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use email_address::{EmailAddress, Options};

use crate::domain::limits::{AccountLimits, SessionLimits};
use crate::domain::message::message;
use crate::domain::text::normalize_text;
use crate::domain::user::Role;
use crate::domain::violation::{Validator, Violation, ViolationCode};

/// How long a stream ticket is valid.
pub const STREAM_TICKET_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// When a session of a user with this role ends that began at `created_at` and is refreshed `now`.
pub fn session_expiry(
    limits: &SessionLimits,
    role: Role,
    created_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let (idle, absolute) = if role.can_review() {
        (
            TimeDelta::hours(limits.staff_idle_hours.into()),
            TimeDelta::hours(limits.staff_absolute_hours.into()),
        )
    } else {
        (TimeDelta::days(limits.idle_days.into()), TimeDelta::days(limits.absolute_days.into()))
    };
    (now + idle).min(created_at + absolute)
}

/// The sign-up form, except the password.
#[derive(Debug, Clone)]
pub struct SignUpForm {
    pub email: String,
    pub display_name: String,
}

/// The key that identifies an e-mail address: case does not matter.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether `text` is a plain address (no display name) at a named domain (no IP address, not `localhost`).
fn is_email(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(text, options).is_ok()
}

fn check_display_name(name: &str, limits: &AccountLimits, validator: &mut Validator) {
    let (min, max) = (limits.display_name_min_chars, limits.display_name_max_chars);
    validator.check_line("displayName", "The display name", name, min, max);
}

/// Validates and normalizes a display name.
///
/// # Errors
/// The violations of the name, the same as in a sign-up form.
pub fn validate_display_name(name: &str, limits: &AccountLimits) -> Result<String, Vec<Violation>> {
    let (name, mut validator) = (normalize_text(name), Validator::default());
    check_display_name(&name, limits, &mut validator);
    validator.finish()?;
    Ok(name)
}

impl SignUpForm {
    /// Validates the form and `password`. Returns the form with its texts normalized.
    ///
    /// # Errors
    /// Every violation of the form and the password.
    pub fn validate(self, password: &str, limits: &AccountLimits) -> Result<Self, Vec<Violation>> {
        let form =
            Self { email: self.email.trim().to_owned(), display_name: normalize_text(&self.display_name) };
        let mut validator = Validator::default();
        validator.check_line("email", "The e-mail address", &form.email, 1, limits.email_max_chars);
        if !form.email.is_empty() && !is_email(&form.email) {
            let message = message!("The e-mail address must be like {example}.", example = "ann@example.com");
            validator.add("email", ViolationCode::Invalid, message);
        }
        let (min, max) = (limits.password_min_chars, limits.password_max_chars);
        let length = password.chars().count();
        if length < min {
            let message =
                message!("The password must have at least {min} {unit}.", min = min, unit = "characters");
            validator.add("password", ViolationCode::TooShort, message);
        } else if length > max {
            let message =
                message!("The password may have at most {max} {unit}.", max = max, unit = "characters");
            validator.add("password", ViolationCode::TooLong, message);
        }
        check_display_name(&form.display_name, limits, &mut validator);
        validator.finish()?;
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_or_old_and_earlier_for_staff() {
        let limits = SessionLimits::default();
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let expiry = |role, after: TimeDelta| session_expiry(&limits, role, start, start + after) - start;
        assert_eq!(expiry(Role::Member, TimeDelta::zero()), TimeDelta::days(30));
        assert_eq!(expiry(Role::Member, TimeDelta::days(50)), TimeDelta::days(80));
        assert_eq!(expiry(Role::Member, TimeDelta::days(80)), TimeDelta::days(90));
        for staff in [Role::Reviewer, Role::Admin] {
            assert_eq!(expiry(staff, TimeDelta::zero()), TimeDelta::hours(12));
            assert_eq!(expiry(staff, TimeDelta::days(7) - TimeDelta::hours(1)), TimeDelta::days(7));
        }
    }

    #[test]
    fn sign_up_reports_all_violations_at_once() {
        let limits = AccountLimits::default();
        let form = |email: &str, name: &str| SignUpForm { email: email.into(), display_name: name.into() };
        let good = form(" Ann@Example.com ", "Ann ").validate("long enough", &limits);
        assert_eq!(good.expect("a valid form").email, "Ann@Example.com");
        for bad in ["Ann <ann@example.com>", "ann@[127.0.0.1]", "ann@localhost", "ann@", "a b@example.com"] {
            let violations = form(bad, "Ann").validate("long enough", &limits).expect_err("a violation");
            assert_eq!((violations[0].code, violations.len()), (ViolationCode::Invalid, 1), "{bad}");
        }
        let violations = form("ann", "A").validate("short", &limits).expect_err("three violations");
        let found: Vec<_> =
            violations.iter().map(|violation| (violation.code, violation.field.join("."))).collect();
        let expected = [
            (ViolationCode::Invalid, "email".to_owned()),
            (ViolationCode::TooShort, "password".to_owned()),
            (ViolationCode::TooShort, "displayName".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
