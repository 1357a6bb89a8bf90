//! The form "Personal identity information".

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::country::is_country;
use crate::domain::limits::VerificationLimits;
use crate::domain::text::tidy;
use crate::domain::violation::{Validator, Violation, ViolationCode};

const NAME_MAX_CHARS: usize = 100;
const ADDRESS_MAX_CHARS: usize = 200;
const POSTAL_CODE_MAX_CHARS: usize = 20;

/// Letters and digits of a document's number, without what is written between them.
const DOCUMENT_NUMBER_CHARS: std::ops::RangeInclusive<usize> = 5..=20;

/// Nobody alive is older.
const AGE_MAX: i32 = 130;

/// Who a person says they are. Kept sealed, and never logged: its `Debug` tells nothing.
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
    /// ISO 3166-1, two letters.
    pub country_code: String,
    pub document_number: String,
}

impl std::fmt::Debug for PersonalInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalInfo")
    }
}

impl PersonalInfo {
    /// The form without blanks around its texts, its codes in capital letters.
    ///
    /// # Errors
    /// Every fault of the form.
    pub fn validate(self, limits: &VerificationLimits, now: DateTime<Utc>) -> Result<Self, Vec<Violation>> {
        let trimmed = |text: String| tidy(&text);
        let optional = |text: Option<String>| text.map(trimmed).filter(|text| !text.is_empty());
        let form = Self {
            first_name: trimmed(self.first_name),
            last_name: trimmed(self.last_name),
            date_of_birth: self.date_of_birth,
            address_line1: trimmed(self.address_line1),
            address_line2: optional(self.address_line2),
            city: trimmed(self.city),
            region: optional(self.region),
            postal_code: trimmed(self.postal_code),
            country_code: trimmed(self.country_code).to_uppercase(),
            document_number: trimmed(self.document_number).to_uppercase(),
        };
        let mut validator = Validator::default();
        validator.line("firstName", "The first name", &form.first_name, 1, NAME_MAX_CHARS);
        validator.line("lastName", "The last name", &form.last_name, 1, NAME_MAX_CHARS);
        check_date_of_birth(form.date_of_birth, limits, now, &mut validator);
        validator.line("addressLine1", "The address", &form.address_line1, 1, ADDRESS_MAX_CHARS);
        let line2 = form.address_line2.as_deref().unwrap_or_default();
        validator.line("addressLine2", "The address's second line", line2, 0, ADDRESS_MAX_CHARS);
        validator.line("city", "The city", &form.city, 1, NAME_MAX_CHARS);
        validator.line("region", "The region", form.region.as_deref().unwrap_or_default(), 0, NAME_MAX_CHARS);
        validator.line("postalCode", "The postal code", &form.postal_code, 1, POSTAL_CODE_MAX_CHARS);
        if !is_country(&form.country_code) {
            let message = "The country must be a code of ISO 3166-1 with two letters, such as DE.";
            validator.violation("countryCode", ViolationCode::Invalid, message);
        }
        let number = plain_number(&form.document_number);
        let between = |c: char| matches!(c, ' ' | '-' | '/' | '.');
        let known = form.document_number.chars().all(|c| c.is_ascii_alphanumeric() || between(c));
        if !known || !DOCUMENT_NUMBER_CHARS.contains(&number.len()) {
            let (min, max) = (DOCUMENT_NUMBER_CHARS.start(), DOCUMENT_NUMBER_CHARS.end());
            let message = format!("The document's number has {min} to {max} letters A to Z and digits.");
            validator.violation("documentNumber", ViolationCode::Invalid, message);
        }
        validator.finish()?;
        Ok(form)
    }

    /// What makes two documents of one type the same: country and number, however they were written.
    pub fn document_key(&self) -> String {
        format!("{}:{}", self.country_code, plain_number(&self.document_number))
    }
}

fn plain_number(number: &str) -> String {
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
        validator.violation("dateOfBirth", ViolationCode::Invalid, "The date of birth lies in the future.");
    } else if age(date, today) >= AGE_MAX {
        let message = format!("The date of birth lies {AGE_MAX} years or more in the past.");
        validator.violation("dateOfBirth", ViolationCode::Invalid, message);
    } else if age(date, today) < limits.minimum_age {
        let message = format!("You must be {} years old.", limits.minimum_age);
        validator.violation("dateOfBirth", ViolationCode::OutOfRange, message);
    }
}

/// Whole years; who was born on 29 February has a birthday on 1 March in other years.
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
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a moment of November 2026");
        let violations = form.validate(&VerificationLimits::default(), now).err().unwrap_or_default();
        violations.into_iter().map(|violation| (violation.code, violation.field.join("."))).collect()
    }

    #[test]
    fn a_good_form_is_tidied_and_two_ways_to_write_a_number_are_one() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a moment");
        let form = info().validate(&VerificationLimits::default(), now).expect("a good form");
        assert_eq!((form.first_name.as_str(), form.address_line2.as_deref()), ("Ann", None));
        assert_eq!((form.country_code.as_str(), form.document_key().as_str()), ("GB", "GB:AB123456"));
        assert_eq!(format!("{form:?}"), "PersonalInfo");
    }

    #[test]
    fn a_date_of_birth_is_a_possible_one_of_somebody_old_enough() {
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
    fn every_fault_is_told_at_once() {
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
