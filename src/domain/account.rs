//! Rules of accounts: the sign-up form, and the lifetimes of sessions and tokens. Limits: `AccountLimits` in
//! `limits.rs`.

use chrono::TimeDelta;
use email_address::{EmailAddress, Options};

use crate::domain::limits::AccountLimits;
use crate::domain::text::normalize_text;
use crate::domain::violation::{Validator, Violation, ViolationCode};

/// How long an access token is valid.
pub const ACCESS_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// How long a stream ticket is valid.
pub const STREAM_TICKET_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// How long a session stays valid after its last refresh.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::days(30);

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
            let message = "The e-mail address must be like ann@example.com.";
            validator.add("email", ViolationCode::Invalid, message);
        }
        let (min, max) = (limits.password_min_chars, limits.password_max_chars);
        let length = password.chars().count();
        if length < min {
            let message = format!("The password must have at least {min} characters.");
            validator.add("password", ViolationCode::TooShort, message);
        } else if length > max {
            let message = format!("The password may have at most {max} characters.");
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
