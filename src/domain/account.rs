//! Signing up: what an account needs.

use chrono::TimeDelta;
use email_address::{EmailAddress, Options};

use crate::domain::limits::AccountLimits;
use crate::domain::text::tidy;
use crate::domain::violation::{Validator, Violation, ViolationCode};

/// How long an access token is good for.
pub const ACCESS_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// How long a ticket opens streams.
pub const STREAM_TICKET_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// How long a session lives after its last refresh.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::days(30);

/// What a new person fills in, apart from the password.
#[derive(Debug, Clone)]
pub struct SignUpForm {
    pub email: String,
    pub display_name: String,
}

/// What makes two e-mails the same: upper and lower case do not matter.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// An address alone, without a name around it, at a domain with a name.
fn is_email(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    EmailAddress::parse_with_options(text, options).is_ok()
}

fn check_display_name(name: &str, limits: &AccountLimits, validator: &mut Validator) {
    let (min, max) = (limits.display_name_min_chars, limits.display_name_max_chars);
    validator.line("displayName", "The display name", name, min, max);
}

/// The name that somebody is to have from now on, without blanks around it.
///
/// # Errors
/// What a sign-up says of one that cannot be.
pub fn new_display_name(name: &str, limits: &AccountLimits) -> Result<String, Vec<Violation>> {
    let (name, mut validator) = (tidy(name), Validator::default());
    check_display_name(&name, limits, &mut validator);
    validator.finish()?;
    Ok(name)
}

impl SignUpForm {
    /// The form without blanks around its texts.
    ///
    /// # Errors
    /// Every fault of the form and of `password`.
    pub fn validate(self, password: &str, limits: &AccountLimits) -> Result<Self, Vec<Violation>> {
        let form = Self { email: self.email.trim().to_owned(), display_name: tidy(&self.display_name) };
        let mut validator = Validator::default();
        validator.line("email", "The e-mail", &form.email, 1, limits.email_max_chars);
        if !form.email.is_empty() && !is_email(&form.email) {
            let message = "This is not an e-mail address, such as ann@example.com.";
            validator.violation("email", ViolationCode::Invalid, message);
        }
        let (min, max) = (limits.password_min_chars, limits.password_max_chars);
        let length = password.chars().count();
        if length < min {
            let message = format!("The password must have at least {min} characters.");
            validator.violation("password", ViolationCode::TooShort, message);
        } else if length > max {
            let message = format!("The password may have at most {max} characters.");
            validator.violation("password", ViolationCode::TooLong, message);
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
    fn a_sign_up_tells_every_fault_at_once() {
        let limits = AccountLimits::default();
        let form = |email: &str, name: &str| SignUpForm { email: email.into(), display_name: name.into() };
        let good = form(" Ann@Example.com ", "Ann ").validate("long enough", &limits);
        assert_eq!(good.expect("a good form").email, "Ann@Example.com");
        for bad in ["Ann <ann@example.com>", "ann@[127.0.0.1]", "ann@localhost", "ann@", "a b@example.com"] {
            let violations = form(bad, "Ann").validate("long enough", &limits).expect_err("a fault");
            assert_eq!((violations[0].code, violations.len()), (ViolationCode::Invalid, 1), "{bad}");
        }
        let violations = form("ann", "A").validate("short", &limits).expect_err("three faults");
        let found: Vec<_> = violations.iter().map(|f| (f.code, f.field.join("."))).collect();
        let expected = [
            (ViolationCode::Invalid, "email".to_owned()),
            (ViolationCode::TooShort, "password".to_owned()),
            (ViolationCode::TooShort, "displayName".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
