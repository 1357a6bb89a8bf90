//! Numbers and dates as people type them. What cannot be read is a violation of its field, beside the other
//! violations of the form.
//!
//! To add a type: [`FromEntered`], a function that reads it from a form, and the scalar of the schema in
//! `src/graphql/inputs/entered.rs`.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;

use crate::domain::message::message;
use crate::domain::money::Money;
use crate::domain::text::normalize_address;
use crate::domain::violation::{Validator, ViolationCode};

/// What a person has typed for a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered<T> {
    Value(T),
    /// The normalized text, without invisible characters. It is not a `T`.
    Unreadable(String),
}

/// A type of values that people type.
pub trait FromEntered: Sized {
    /// Reads the text; `None` if it is not exactly of the form that the schema documents.
    fn from_entered(text: &str) -> Option<Self>;
}

impl<T: FromEntered> Entered<T> {
    /// Reads what a person has typed or pasted. White space around it does not matter, nor do invisible characters:
    /// some browsers put marks of direction between the parts of a date.
    pub fn read(text: &str) -> Self {
        let text = normalize_address(text);
        T::from_entered(&text).map_or_else(|| Self::Unreadable(text), Self::Value)
    }
}

impl FromEntered for Decimal {
    /// Digits with an optional minus sign and point. `None` if the number is too long to be exact.
    fn from_entered(text: &str) -> Option<Self> {
        if is_number(text) { Self::from_str_exact(text).ok() } else { None }
    }
}

impl FromEntered for NaiveDate {
    /// `YYYY-MM-DD`.
    fn from_entered(text: &str) -> Option<Self> {
        if has_form_of_date(text) { Self::parse_from_str(text, "%Y-%m-%d").ok() } else { None }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(integer) && are_digits(fraction)
}

fn has_form_of_date(text: &str) -> bool {
    let is_expected = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_expected)
}

/// The decimals of an amount of money.
const AMOUNT_DECIMALS: usize = 2;

/// An amount of money in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Money(Money),
    /// A number that no `Money` can be.
    OutOfRange,
}

/// Reads an amount of money; violations go to `validator`, and then the result is `None`. `name` starts the
/// messages.
pub fn read_amount(
    entered: Entered<Decimal>,
    path: &str,
    name: &str,
    validator: &mut Validator,
) -> Option<Amount> {
    let text = match entered {
        Entered::Value(number) => match Money::from_decimal(number) {
            Some(money) => return Some(Amount::Money(money)),
            None => number.normalize().to_string(),
        },
        Entered::Unreadable(text) => text,
    };
    if !validator.check_characters(path, name, &text) {
        return None;
    }
    let example =
        suggest_amount(&text).map_or_else(|| "12.50".to_owned(), |money| money.to_decimal().to_string());
    let (code, message) = if text.is_empty() {
        let message =
            message!("{field} is required: a number such as {example}.", field = name, example = example);
        (ViolationCode::Required, message)
    } else if !is_number(&text) {
        let message = message!(
            "{field} must be written with digits and a point, such as {example}.",
            field = name,
            example = example
        );
        (ViolationCode::Invalid, message)
    } else if text.split_once('.').is_some_and(|(_, decimals)| decimals.len() > AMOUNT_DECIMALS) {
        let message = message!(
            "{field} may have at most {max} {unit}, such as {example}.",
            field = name,
            max = AMOUNT_DECIMALS,
            unit = "decimals",
            example = "12.50"
        );
        (ViolationCode::Invalid, message)
    } else {
        return Some(Amount::OutOfRange);
    };
    validator.add(path, code, message);
    None
}

/// The amount that a person probably means who has typed something else than a number: "12,50 €" is 12.50.
/// `None` if there is more than one possible meaning, as of "1,234".
fn suggest_amount(text: &str) -> Option<Money> {
    let mut number = String::new();
    for character in text.nfkc() {
        match character {
            '0'..='9' | '.' | ',' | '-' => number.push(character),
            // Arabic-Indic digits, and the decimal separator that goes with them.
            '\u{660}'..='\u{669}' => number.extend(char::from_digit(u32::from(character) - 0x660, 10)),
            '\u{6f0}'..='\u{6f9}' => number.extend(char::from_digit(u32::from(character) - 0x6f0, 10)),
            '\u{66b}' => number.push(','),
            // Separators of thousands, and currencies.
            ' ' | '\'' | '\u{2019}' | '\u{66c}' | '$' | '€' | '£' | '¥' => {}
            '+' if number.is_empty() => {}
            _ => return None,
        }
    }
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let separators = number.matches([',', '.']).count();
    let (integer, decimals) = number.rsplit_once([',', '.']).unwrap_or((&number, ""));
    if separators == 1 && decimals.len() > AMOUNT_DECIMALS {
        return None;
    }
    let last = number.get(integer.len()..)?.chars().next();
    // "1.234,50" has a decimal separator, "1.234.567" has none.
    if separators > 1 && integer.chars().any(|c| Some(c) == last) {
        return None;
    }
    let integer = integer.replace([',', '.'], "");
    let decimals = if decimals.is_empty() { "0" } else { decimals };
    let integer = if integer.is_empty() { "0" } else { &integer };
    Decimal::from_entered(&format!("{integer}.{decimals}")).and_then(Money::from_decimal)
}

/// The form of a date, as messages call it, and a date of this form.
const DATE_FORM: &str = "YYYY-MM-DD";
const DATE_EXAMPLE: &str = "1990-05-17";

/// Reads a date; violations go to `validator`, and then the result is `None`. `name` starts the messages, which do
/// not repeat the date: it may be personal.
pub fn read_date(
    entered: Entered<NaiveDate>,
    path: &str,
    name: &str,
    validator: &mut Validator,
) -> Option<NaiveDate> {
    let text = match entered {
        Entered::Value(date) => return Some(date),
        Entered::Unreadable(text) => text,
    };
    let (code, message) = if text.is_empty() {
        let message = message!(
            "{field} is required: {format}, such as {example}.",
            field = name,
            format = DATE_FORM,
            example = DATE_EXAMPLE
        );
        (ViolationCode::Required, message)
    } else if has_form_of_date(&text) {
        let message = message!(
            "{field} must be a day of the calendar: {format}, such as {example}.",
            field = name,
            format = DATE_FORM,
            example = DATE_EXAMPLE
        );
        (ViolationCode::Invalid, message)
    } else {
        let message = message!(
            "{field} must be written as {format}, such as {example}.",
            field = name,
            format = DATE_FORM,
            example = DATE_EXAMPLE
        );
        (ViolationCode::Invalid, message)
    };
    validator.add(path, code, message);
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_is_digits_with_an_optional_sign_and_point_and_exact() {
        for valid in ["0", "12.50", "-1", "007.10", "79228162514264337593543950335"] {
            assert!(Decimal::from_entered(valid).is_some(), "{valid}");
        }
        let too_long = "0.99999999999999999999999999999999";
        for invalid in
            ["", ".", "1.", ".5", "1e3", "1_000", "+1", "1,5", " 1", "--1", "NaN", too_long, "\u{661}"]
        {
            assert_eq!(Decimal::from_entered(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_date_has_four_two_and_two_digits() {
        for valid in ["1990-05-17", "2000-02-29", "0000-01-01", "9999-12-31"] {
            assert!(NaiveDate::from_entered(valid).is_some(), "{valid}");
        }
        let invalid = [
            "",
            "17.05.1990",
            "1990-5-7",
            "1990-02-30",
            "1990-13-01",
            "19900-01-1",
            "+1990-01-01",
            "99999-01-01",
            "-001-01-01",
            "1990/05/17",
            "1990-05-17T00:00:00Z",
            "１９９０-05-17",
        ];
        for invalid in invalid {
            assert_eq!(NaiveDate::from_entered(invalid), None, "{invalid}");
        }
    }

    /// Characters that come with pasted text.
    const INVISIBLE: [char; 7] =
        ['\u{feff}', '\u{200b}', '\u{ad}', '\u{2060}', '\u{200e}', '\u{200f}', '\u{200d}'];

    #[test]
    fn a_date_may_have_invisible_characters() {
        let date = NaiveDate::from_ymd_opt(1990, 5, 17).expect("a date");
        for c in INVISIBLE {
            let text = format!("{c}1990{c}-{c}05{c}-{c}17{c}");
            assert_eq!(Entered::read(&text), Entered::Value(date), "{text:?}");
        }
        for text in ["1990-05-\u{202e}17", "1990-05-17\0", "1990- 05-17"] {
            assert_eq!(Entered::<NaiveDate>::read(text), Entered::Unreadable(text.to_owned()));
        }
    }

    /// The amount, the code and the parameter `example` of the violation.
    fn amount(text: &str) -> (Option<Amount>, Option<ViolationCode>, Option<String>) {
        let mut validator = Validator::default();
        let amount = read_amount(Entered::read(text), "price", "The price", &mut validator);
        let violation = validator.finish().err().and_then(|mut violations| violations.pop());
        let code = violation.as_ref().map(|violation| violation.code);
        let params = violation.map(|violation| violation.message.into_parts().1).unwrap_or_default();
        let example = params.into_iter().find(|param| param.name == "example").map(|param| param.value);
        (amount, code, example)
    }

    #[test]
    fn an_amount_that_cannot_be_read_is_reported_with_what_to_write() {
        let money = |cents| (Some(Amount::Money(Money::from_cents(cents))), None, None);
        assert_eq!(amount(" 12.50\u{a0}"), money(1250));
        for text in INVISIBLE.map(|c| format!("{c}12{c}.{c}5{c}0{c}")) {
            assert_eq!(amount(&text), money(1250), "{text:?}");
        }
        assert_eq!(amount("\u{2068}12.50\u{2069}"), money(1250));
        assert_eq!(amount("-5"), money(-500));
        let out_of_range = (Some(Amount::OutOfRange), None, None);
        assert_eq!(amount("99999999999999999999"), out_of_range);
        assert_eq!(amount(&"9".repeat(10_000)), out_of_range);
        assert_eq!(amount(&format!("-{}", "9".repeat(100))), out_of_range);
        let invalid = |example: &str| (None, Some(ViolationCode::Invalid), Some(example.to_owned()));
        for text in [
            "12,50",
            "12,5",
            "$12.50",
            "12.50 €",
            "+12.50",
            "１２.５０",
            "\u{661}\u{662}\u{66b}\u{665}",
            "12,5\u{200f}0",
        ] {
            assert_eq!(amount(text), invalid("12.50"), "{text}");
        }
        assert_eq!(amount("1.234,50"), invalid("1234.50"));
        assert_eq!(amount("1,234.50"), invalid("1234.50"));
        assert_eq!(amount("7,"), invalid("7.00"));
        for text in ["1e3", "NaN", "1,234", "1.2.3", "twelve", "12.505", "0x10", "1/2", "--1", ",", "−5"] {
            assert_eq!(amount(text), invalid("12.50"), "{text}");
        }
        // The message names the character.
        for text in ["\0", "1\u{202e}2", "\u{202d}12.50"] {
            assert_eq!(amount(text), (None, Some(ViolationCode::Invalid), None), "{text:?}");
        }
        for text in ["", " \t\u{3000}", "\u{200b}", "\u{200e} \u{200d}"] {
            let (read, code, example) = amount(text);
            assert_eq!((read, code), (None, Some(ViolationCode::Required)), "{text:?}");
            assert_eq!(example.as_deref(), Some("12.50"));
        }
    }

    proptest! {
        #[test]
        fn every_text_is_an_amount_or_a_violation_whose_example_is_an_amount(text in "[-+0-9., '$€٠-٩٫a-z]{0,12}|.*") {
            let (read, code, example) = amount(&text);
            prop_assert_eq!(read.is_none(), code.is_some());
            if let Some(example) = example {
                prop_assert!(matches!(amount(&example).0, Some(Amount::Money(_))), "{} {}", text, example);
            }
        }

        #[test]
        fn every_text_is_a_date_or_a_violation(text in "[-0-9./]{0,11}|[0-9]{4}-[0-9]{2}-[0-9]{2}|.*") {
            let mut validator = Validator::default();
            let date = read_date(Entered::read(&text), "date", "The date", &mut validator);
            prop_assert_eq!(date.is_none(), validator.finish().is_err());
        }
    }
}
