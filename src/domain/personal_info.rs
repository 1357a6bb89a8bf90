//! The form "Personal identity information" of a verification. Limits: `VerificationLimits` in `limits.rs`,
//! and the constants below.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::country::find_country;
use crate::domain::document_number::document_number_key;
use crate::domain::entered::{Entered, read_date};
use crate::domain::limits::VerificationLimits;
use crate::domain::message::message;
use crate::domain::text::{normalize_address, normalize_optional_text, normalize_text};
use crate::domain::violation::{Validator, Violation, ViolationCode};

const NAME_MAX_CHARS: usize = 100;
const ADDRESS_MAX_CHARS: usize = 200;
const POSTAL_CODE_MAX_CHARS: usize = 20;

/// The number of letters and digits in a document's number, not counting separators.
const DOCUMENT_NUMBER_CHARS: std::ops::RangeInclusive<usize> = 5..=20;

/// The maximum number of all characters in a document's number.
const DOCUMENT_NUMBER_MAX_CHARS: usize = 50;

/// An age, in years, that nobody alive has reached.
const IMPOSSIBLE_AGE: i32 = 130;

/// What a user enters about their identity. Stored encrypted and never logged: `Debug` prints no content. `D` is the
/// date of birth, which may be unreadable in a form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalInfo<D = NaiveDate> {
    /// Empty if the person has only a last name.
    pub first_name: String,
    /// Empty if the person has only a first name.
    pub last_name: String,
    pub date_of_birth: D,
    pub address_line1: String,
    pub address_line2: Option<String>,
    pub city: String,
    pub region: Option<String>,
    /// May be empty if the country has no postal codes.
    pub postal_code: String,
    /// One of [`COUNTRIES`](crate::domain::country::COUNTRIES).
    pub country_code: String,
    /// As the user typed it. Earlier versions stored capital letters.
    pub document_number: String,
}

/// The form as it was entered.
pub type PersonalInfoForm = PersonalInfo<Entered<NaiveDate>>;

impl<D> std::fmt::Debug for PersonalInfo<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalInfo")
    }
}

impl PersonalInfoForm {
    /// Validates the form. Returns it with its texts normalized and its country code in capital letters.
    ///
    /// # Errors
    /// Every violation of the form.
    pub fn validate(
        self,
        limits: &VerificationLimits,
        now: DateTime<Utc>,
    ) -> Result<PersonalInfo, Vec<Violation>> {
        let normalize = |text: String| normalize_text(&text);
        let optional = |text: Option<String>| normalize_optional_text(text.as_deref());
        // What shows nothing is as good as empty.
        let may_be_empty = |text: String| normalize_optional_text(Some(&text)).unwrap_or_default();
        let mut form = PersonalInfo {
            first_name: may_be_empty(self.first_name),
            last_name: may_be_empty(self.last_name),
            // Read below.
            date_of_birth: NaiveDate::default(),
            address_line1: normalize(self.address_line1),
            address_line2: optional(self.address_line2),
            city: normalize(self.city),
            region: optional(self.region),
            postal_code: may_be_empty(self.postal_code),
            country_code: normalize_address(&self.country_code).to_uppercase(),
            document_number: normalize(self.document_number),
        };
        let mut validator = Validator::default();
        check_names(&form.first_name, &form.last_name, &mut validator);
        let entered = self.date_of_birth;
        if let Some(date) = read_date(entered, "dateOfBirth", "The date of birth", &mut validator) {
            check_date_of_birth(date, limits, now, &mut validator);
            form.date_of_birth = date;
        }
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
        let country = find_country(&form.country_code);
        // A code that is typed although the country has none is stored. It does no harm.
        let postal_code_min = usize::from(country.is_none_or(|country| country.has_postal_code));
        validator.check_line(
            "postalCode",
            "The postal code",
            &form.postal_code,
            postal_code_min,
            POSTAL_CODE_MAX_CHARS,
        );
        if country.is_none() {
            let message = message!(
                "The country must be a code of {standard}, such as {example}.",
                standard = "ISO 3166-1",
                example = "DE"
            );
            validator.add("countryCode", ViolationCode::Invalid, message);
        }
        check_document_number(&form.document_number, &mut validator);
        validator.finish()?;
        Ok(form)
    }
}

impl PersonalInfo {
    /// The country and the key of the number, which together identify a document of one type.
    pub fn document_key(&self) -> String {
        format!("{}:{}", self.country_code, self.number_key())
    }

    /// The key of the number, whatever the type and the country of the document.
    pub fn number_key(&self) -> String {
        document_number_key(&self.document_number).unwrap_or_default()
    }
}

/// Checks the names. Many people have only one, so the other may be empty.
fn check_names(first: &str, last: &str, validator: &mut Validator) {
    let has_letter = |name: &str| name.contains(char::is_alphabetic);
    if !has_letter(first) && !has_letter(last) {
        let message =
            message!("Enter a first name or a last name. If there is only one, leave the other empty.");
        validator.add("firstName", ViolationCode::Required, message);
    }
    validator.check_line("firstName", "The first name", first, 0, NAME_MAX_CHARS);
    validator.check_line("lastName", "The last name", last, 0, NAME_MAX_CHARS);
}

fn check_document_number(number: &str, validator: &mut Validator) {
    if !validator.check_characters("documentNumber", "The document number", number) {
        return;
    }
    let (min, max) = (DOCUMENT_NUMBER_CHARS.start(), DOCUMENT_NUMBER_CHARS.end());
    match document_number_key(number) {
        _ if number.is_empty() || number.chars().count() > DOCUMENT_NUMBER_MAX_CHARS => {
            let max = DOCUMENT_NUMBER_MAX_CHARS;
            validator.check_line("documentNumber", "The document number", number, 1, max);
        }
        None => {
            let message = message!(
                "The document number must consist of letters, digits, and the signs that are printed between them."
            );
            validator.add("documentNumber", ViolationCode::Invalid, message);
        }
        Some(key) if !DOCUMENT_NUMBER_CHARS.contains(&key.chars().count()) => {
            let message = message!(
                "The document number must have {min} to {max} {unit}.",
                min = min,
                max = max,
                unit = "letters and digits"
            );
            validator.add("documentNumber", ViolationCode::Invalid, message);
        }
        Some(_) => {}
    }
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

    fn info() -> PersonalInfoForm {
        PersonalInfoForm {
            first_name: " Ann ".into(),
            last_name: "Lee".into(),
            date_of_birth: Entered::read("1990-05-17"),
            address_line1: "1 High Street".into(),
            address_line2: Some("  ".into()),
            city: "Leeds".into(),
            region: None,
            postal_code: "LS1".into(),
            country_code: "gb".into(),
            document_number: "ab-123 456".into(),
        }
    }

    fn violations(change: impl FnOnce(&mut PersonalInfoForm)) -> Vec<(ViolationCode, String)> {
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
        assert_eq!(form.document_number, "ab-123 456");
        assert_eq!(format!("{form:?}"), "PersonalInfo");
    }

    #[test]
    fn the_date_of_birth_must_be_possible_and_meet_the_minimum_age() {
        use ViolationCode::{Invalid, OutOfRange, Required};
        let born = |text: &str| violations(|form| form.date_of_birth = Entered::read(text));
        let violation = |code| vec![(code, "dateOfBirth".to_owned())];
        assert_eq!(born("2030-01-01"), violation(Invalid));
        assert_eq!(born("1890-01-01"), violation(Invalid));
        assert_eq!(born("0000-01-01"), violation(Invalid));
        assert_eq!(born("17.05.1990"), violation(Invalid));
        assert_eq!(born(" "), violation(Required));
        assert_eq!(born(" 1990-05-17\n"), []);
        // Today is 18 November 2026.
        assert_eq!(born("2008-11-19"), violation(OutOfRange));
        assert_eq!(born("2008-11-18"), []);
        assert_eq!(born("1897-01-01"), []);
        assert_eq!(age(date("2000-02-29"), date("2026-02-28")), 25);
    }

    #[test]
    fn one_of_two_names_is_enough() {
        let names = |first: &str, last: &str| {
            violations(|form| (form.first_name, form.last_name) = (first.to_owned(), last.to_owned()))
        };
        for (first, last) in [("Suharto", ""), ("", "Suharto"), ("李", "  "), ("-", "Suharto"), ("", "สมชาย")]
        {
            assert_eq!(names(first, last), [], "{first:?} {last:?}");
        }
        for (first, last) in [("", ""), ("  ", "\u{a0}"), ("-", ""), ("", "."), ("\u{3000}", "1")] {
            assert_eq!(
                names(first, last),
                [(ViolationCode::Required, "firstName".to_owned())],
                "{first:?} {last:?}"
            );
        }
        let long = "x".repeat(101);
        assert_eq!(names("", &long), [(ViolationCode::TooLong, "lastName".to_owned())]);
        assert_eq!(names(&long, ""), [(ViolationCode::TooLong, "firstName".to_owned())]);
    }

    #[test]
    fn a_postal_code_is_required_only_where_the_country_has_them() {
        use ViolationCode::{Invalid, Required, TooLong};
        let address = |country: &str, postal_code: &str| {
            let found = violations(|form| {
                (form.country_code, form.postal_code) = (country.to_owned(), postal_code.to_owned());
            });
            found
                .into_iter()
                .map(|(code, path)| (code, if path == "postalCode" { 'p' } else { 'c' }))
                .collect::<Vec<_>>()
        };
        for (country, postal_code) in
            [("HK", ""), ("ae", " "), ("PA", ""), ("HK", "999077"), ("XK", "10000"), ("DE", "10115")]
        {
            assert_eq!(address(country, postal_code), [], "{country} {postal_code}");
        }
        for country in ["DE", "US", "XK", "IE"] {
            assert_eq!(address(country, ""), [(Required, 'p')], "{country}");
        }
        assert_eq!(address("HK", &"1".repeat(21)), [(TooLong, 'p')]);
        assert_eq!(address("ZZ", "1"), [(Invalid, 'c')]);
    }

    #[test]
    fn a_document_number_has_5_to_20_letters_and_digits_and_at_most_50_characters() {
        use ViolationCode::{Invalid, Required, TooLong};
        let number = |number: &str| {
            let found = violations(|form| form.document_number = number.to_owned());
            found.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
        };
        for valid in ["12345", &"9".repeat(20), "A123456(7)", "ΑΒ 123456", "DOE**JM*123AB", &"1 ".repeat(20)]
        {
            assert_eq!(number(valid), [], "{valid}");
        }
        for invalid in ["1234", "1-2-3-4", &"9".repeat(21), "*****", "AB!12345", "AB\n123456"] {
            assert_eq!(number(invalid), [Invalid], "{invalid}");
        }
        assert_eq!(number(" "), [Required]);
        assert_eq!(number(&format!("12345{}", "-".repeat(46))), [TooLong]);
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        let found = violations(|form| {
            form.first_name = String::new();
            form.last_name = String::new();
            form.country_code = "ZZ".into();
            form.document_number = "12".into();
            form.city = "a\nb".into();
            form.date_of_birth = Entered::read("1990-02-30");
        });
        let paths: Vec<_> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["firstName", "dateOfBirth", "city", "countryCode", "documentNumber"]);
    }
}
