//! The form "Personal identity information" of a verification. Limits: `VerificationLimits` in `limits.rs`,
//! and the constants below.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::country::is_country;
use crate::domain::limits::VerificationLimits;
use crate::domain::message::message;
use crate::domain::text::normalize_text;
use crate::domain::violation::{Validator, Violation, ViolationCode};

const NAME_MAX_CHARS: usize = 100;
const ADDRESS_MAX_CHARS: usize = 200;
const POSTAL_CODE_MAX_CHARS: usize = 20;

/// The number of letters and digits in a document's number, not counting separators.
const DOCUMENT_NUMBER_CHARS: std::ops::RangeInclusive<usize> = 5..=20;

/// An age, in years, that nobody alive has reached.
const IMPOSSIBLE_AGE: i32 = 130;

/// What a user enters about their identity. Stored encrypted and never logged: `Debug` prints no content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalInfo {
    pub first_name: String,
    pub last_name: String,
    pub date_of_birth: NaiveDate,
    pub address_line1: String,
    pub address_line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country_code: String,
    pub document_number: String,
}

impl std::fmt::Debug for PersonalInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalInfo")
    }
}

impl PersonalInfo {
    /// Validates the form. Returns it with its texts normalized and its codes in capital letters.
    ///
    /// # Errors
    /// Every violation of the form.
    pub fn validate(self, limits: &VerificationLimits, now: DateTime<Utc>) -> Result<Self, Vec<Violation>> {
        let normalize = |text: String| normalize_text(&text);
        let optional = |text: Option<String>| text.map(normalize).filter(|text| !text.is_empty());
        let form = Self {
            first_name: normalize(self.first_name),
            last_name: normalize(self.last_name),
            date_of_birth: self.date_of_birth,
            address_line1: normalize(self.address_line1),
            address_line2: optional(self.address_line2),
            city: normalize(self.city),
            region: optional(self.region),
            postal_code: normalize(self.postal_code),
            country_code: normalize(self.country_code).to_uppercase(),
            document_number: normalize(self.document_number).to_uppercase(),
        };
        let mut validator = Validator::default();
        validator.check_line("firstName", "The first name", &form.first_name, 1, NAME_MAX_CHARS);
        validator.check_line("lastName", "The last name", &form.last_name, 1, NAME_MAX_CHARS);
        check_date_of_birth(form.date_of_birth, limits, now, &mut validator);
        validator.check_line("addressLine1", "The address", &form.address_line1, 1, ADDRESS_MAX_CHARS);
        let line2 = form.address_line2.as_deref().unwrap_or_default();
        validator.check_line("addressLine2", "The second address line", line2, 0, ADDRESS_MAX_CHARS);
        validator.check_line("city", "The city", &form.city, 1, NAME_MAX_CHARS);
        validator.check_line(
            "region",
            "The region",
            form.region.as_deref().unwrap_or_default(),
            0,
            NAME_MAX_CHARS,
        );
        validator.check_line("postalCode", "The postal code", &form.postal_code, 1, POSTAL_CODE_MAX_CHARS);
        if !is_country(&form.country_code) {
            let message = message!(
                "The country must be a code of {standard}, such as {example}.",
                standard = "ISO 3166-1",
                example = "DE"
            );
            validator.add("countryCode", ViolationCode::Invalid, message);
        }
        let number = without_separators(&form.document_number);
        let is_separator = |c: char| matches!(c, ' ' | '-' | '/' | '.');
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || is_separator(c);
        if !form.document_number.chars().all(is_allowed) || !DOCUMENT_NUMBER_CHARS.contains(&number.len()) {
            let (min, max) = (DOCUMENT_NUMBER_CHARS.start(), DOCUMENT_NUMBER_CHARS.end());
            let message = message!(
                "The document number must have {min} to {max} {unit}.",
                min = min,
                max = max,
                unit = "letters A to Z and digits"
            );
            validator.add("documentNumber", ViolationCode::Invalid, message);
        }
        validator.finish()?;
        Ok(form)
    }

    /// The country and the number without separators, which together identify a document of one type.
    pub fn document_key(&self) -> String {
        format!("{}:{}", self.country_code, without_separators(&self.document_number))
    }
}

fn without_separators(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn check_date_of_birth(
    date: NaiveDate,
    limits: &VerificationLimits,
    now: DateTime<Utc>,
    validator: &mut Validator,
) {
    let today = now.date_naive();
    if date > today {
        let message = message!("The date of birth must not be in the future.");
        validator.add("dateOfBirth", ViolationCode::Invalid, message);
    } else if age(date, today) >= IMPOSSIBLE_AGE {
        let message = message!(
            "The date of birth must be less than {max} {unit} ago.",
            max = IMPOSSIBLE_AGE,
            unit = "years"
        );
        validator.add("dateOfBirth", ViolationCode::Invalid, message);
    } else if age(date, today) < limits.minimum_age {
        let message =
            message!("You must be at least {min} {unit} old.", min = limits.minimum_age, unit = "years");
        validator.add("dateOfBirth", ViolationCode::OutOfRange, message);
    }
}

/// The age in whole years. If born on 29 February, the birthday in other years is 1 March.
fn age(born: NaiveDate, today: NaiveDate) -> i32 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    today.year() - born.year() - i32::from(!had_birthday)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn info() -> PersonalInfo {
        PersonalInfo {
            first_name: " Ann ".into(),
            last_name: "Lee".into(),
            date_of_birth: date("1990-05-17"),
            address_line1: "1 High Street".into(),
            address_line2: Some("  ".into()),
            city: "Leeds".into(),
            region: None,
            postal_code: "LS1".into(),
            country_code: "gb".into(),
            document_number: "ab-123 456".into(),
        }
    }

    fn violations(change: impl FnOnce(&mut PersonalInfo)) -> Vec<(ViolationCode, String)> {
        let mut form = info();
        change(&mut form);
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a time in November 2026");
        let violations = form.validate(&VerificationLimits::default(), now).err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.code, violation.field.join("."))).collect()
    }

    #[test]
    fn a_valid_form_is_normalized_and_document_numbers_compare_without_separators() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        let form = info().validate(&VerificationLimits::default(), now).expect("a valid form");
        assert_eq!((form.first_name.as_str(), form.address_line2.as_deref()), ("Ann", None));
        assert_eq!((form.country_code.as_str(), form.document_key().as_str()), ("GB", "GB:AB123456"));
        assert_eq!(format!("{form:?}"), "PersonalInfo");
    }

    #[test]
    fn the_date_of_birth_must_be_possible_and_meet_the_minimum_age() {
        use ViolationCode::{Invalid, OutOfRange};
        let born = |text: &str| violations(|form| form.date_of_birth = date(text));
        let violation = |code| vec![(code, "dateOfBirth".to_owned())];
        assert_eq!(born("2030-01-01"), violation(Invalid));
        assert_eq!(born("1890-01-01"), violation(Invalid));
        // Today is 18 November 2026.
        assert_eq!(born("2008-11-19"), violation(OutOfRange));
        assert_eq!(born("2008-11-18"), []);
        assert_eq!(born("1897-01-01"), []);
        assert_eq!(age(date("2000-02-29"), date("2026-02-28")), 25);
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        let found = violations(|form| {
            form.first_name = String::new();
            form.country_code = "ZZ".into();
            form.document_number = "12".into();
            form.city = "a\nb".into();
        });
        let paths: Vec<_> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["firstName", "city", "countryCode", "documentNumber"]);
        assert_eq!(violations(|form| form.document_number = "\u{410}B123456".into()).len(), 1);
    }
}
