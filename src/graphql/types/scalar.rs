//! The schema's own scalars, each with one way to be written. What they are stands on their
//! `ScalarType`, from where it goes into the schema.

use async_graphql::{Context, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use rust_decimal::Decimal as Number;

use crate::graphql::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A moment: RFC 3339 in UTC, for example "2026-11-22T09:30:00Z".
#[Scalar(specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(chrono::DateTime::parse_from_rfc3339(text)?.to_utc())),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl From<chrono::DateTime<Utc>> for DateTime {
    fn from(moment: chrono::DateTime<Utc>) -> Self {
        Self(moment)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub Number);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub chrono::NaiveDate);

/// A day, for example "1990-05-17".
#[Scalar(specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match day(text) {
                Some(day) => Ok(Self(day)),
                None => Err(InputValueError::custom("write a day, such as \"1990-05-17\"")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if day(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// The day, where `text` is one as ISO 8601 writes it, and no other way.
fn day(text: &str) -> Option<chrono::NaiveDate> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (day.format("%Y-%m-%d").to_string() == text).then_some(day)
}

/// A decimal number as a string, for example "12.50"; never a float, which could not hold it exactly.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match exact(text) {
                Some(number) => Ok(Self(number)),
                None => Err(InputValueError::custom("write a decimal number, such as \"12.50\"")),
            },
            _ => Err(InputValueError::custom("write the number as a string, such as \"12.50\"")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if exact(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// The number, where `text` is digits with at most a sign and a point, and not so many that one would be lost.
fn exact(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if plain(whole) && plain(fraction) { Number::from_str_exact(text).ok() } else { None }
}

/// An absolute https:// address. (Only a gateway in development gives http:// ones, of its own pictures.)
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(_))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Upload(usize);

/// What the multipart reader puts in a file's place.
const UPLOAD_PREFIX: &str = "#__graphql_file__:";

// Not the library's own, which panics where a client writes the placeholder itself.
/// A file of a GraphQL multipart request.
#[Scalar(specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let index = text.strip_prefix(UPLOAD_PREFIX).and_then(|index| index.parse().ok());
        let message = "send the file as a part of a GraphQL multipart request";
        index.map(Self).ok_or_else(|| InputValueError::custom(message))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

impl Upload {
    /// The file's first bytes, up to `max` of them.
    ///
    /// # Errors
    /// Where the request has no such file.
    pub fn read(self, ctx: &Context<'_>, max: usize) -> Result<Bytes> {
        let Some(upload) = ctx.query_env.uploads.get(self.0) else {
            return Err(Error::bad_input("The request has no such file."));
        };
        Ok(upload.content.slice(..upload.content.len().min(max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_exact_and_plainly_written() {
        for good in ["0", "12.50", "-1", "007.10", "79228162514264337593543950335"] {
            assert!(exact(good).is_some(), "{good}");
        }
        let lost = "0.99999999999999999999999999999999";
        for bad in ["", ".", "1.", ".5", "1e3", "1_000", "+1", "1,5", " 1", "--1", lost, "\u{661}"] {
            assert_eq!(exact(bad), None, "{bad}");
        }
    }
}
