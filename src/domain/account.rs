//! Rules of accounts: the sign-up form, and the lifetimes of sessions and tokens. Limits: `AccountLimits` in
//! `limits.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use email_address::{EmailAddress, Options};

use crate::domain::limits::{AccountLimits, SessionLimits};
use crate::domain::message::message;
use crate::domain::text::{compose, decompose, find_forbidden, normalize_address, normalize_text};
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

/// The form in which an e-mail address is checked and stored.
pub fn normalize_email(email: &str) -> String {
    normalize_address(email)
}

/// The key that identifies an e-mail address: neither its case nor its form matters.
pub fn email_key(email: &str) -> String {
    compose(&normalize_email(email).to_lowercase())
}

/// The keys under which an account with this e-mail can be stored, in the order in which they count. Earlier versions
/// stored the form that was typed. There is none for an e-mail with a control character, which no account has, and
/// some of which PostgreSQL rejects.
pub fn email_keys(email: &str) -> Vec<String> {
    let (typed, composed) = (email.trim().to_lowercase(), email_key(email));
    let decomposed = decompose(&composed);
    let mut keys = Vec::new();
    for key in [typed, composed, decomposed] {
        if !key.contains(char::is_control) && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
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
            Self { email: normalize_email(&self.email), display_name: normalize_text(&self.display_name) };
        let mut validator = Validator::default();
        validator.check_line("email", "The e-mail address", &form.email, 1, limits.email_max_chars);
        let is_readable = !form.email.is_empty() && find_forbidden(&form.email).is_none();
        if is_readable && !is_email(&form.email) {
            let message = message!("The e-mail address must be like {example}.", example = "ann@example.com");
            validator.add("email", ViolationCode::Invalid, message);
        }
        let (min, max) = (limits.password_min_chars, limits.password_max_chars);
        let length = compose(password).chars().count();
        if length < min {
            let message = message!(
                "The password must have at least {min} {unit}; it has {actual}.",
                min = min,
                unit = "characters",
                actual = length
            );
            validator.add("password", ViolationCode::TooShort, message);
        } else if length > max {
            let message = message!(
                "The password may have at most {max} {unit}; it has {actual}.",
                max = max,
                unit = "characters",
                actual = length
            );
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
    fn an_email_has_one_key_and_is_found_by_the_keys_of_earlier_versions() {
        let forms =
            ["\u{e9}ve@example.com", "e\u{301}ve@example.com", " E\u{301}VE\u{200b}@Example.com\u{200e}\n"];
        for form in forms {
            assert_eq!(email_key(form), forms[0]);
            let keys = email_keys(form);
            assert!(
                keys.iter().any(|key| key == forms[0]) && keys.iter().any(|key| key == forms[1]),
                "{keys:?}"
            );
        }
        assert_eq!(email_keys(forms[1]), [forms[1], forms[0]]);
        assert_eq!(email_keys(" Ann@Example.com "), ["ann@example.com"]);
        assert_eq!(email_keys("ann\0@example.com"), [""; 0]);
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
