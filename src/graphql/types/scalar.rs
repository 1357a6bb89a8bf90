//! The custom scalars of the schema. Each value has one text form. The doc comment of each `impl ScalarType`
//! is the description in the schema.

use async_graphql::{Context, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use bytes::Bytes;
use chrono::{NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal as Number;

use crate::domain::entered::FromEntered;
use crate::graphql::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A date and time in RFC 3339, for example "2026-11-22T09:30:00Z". Results are in UTC.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
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
pub struct Date(pub NaiveDate);

/// A calendar date in ISO 8601, for example "1990-05-17". In a mutation, a string that is not a date is a validation
/// error of its field.
#[Scalar(specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match NaiveDate::from_entered(text) {
                Some(date) => Ok(Self(date)),
                None => Err(InputValueError::custom("expected a date such as \"1990-05-17\"")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if NaiveDate::from_entered(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// A decimal number as a string, for example "12.50". A JSON number is not accepted, because it may not be
/// exact. In a mutation, a string that is not a number is a validation error of its field.
#[Scalar(specified_by_url = "https://www.w3.org/TR/xmlschema-2/#decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match Number::from_entered(text) {
                Some(number) => Ok(Self(number)),
                None => Err(InputValueError::custom("expected a decimal number such as \"12.50\"")),
            },
            _ => Err(InputValueError::custom("expected the number as a string, such as \"12.50\"")),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if Number::from_entered(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute URL that starts with https://. A gateway in development returns http:// for its own images.
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

/// The prefix of the placeholder that the multipart parser puts in place of a file.
const UPLOAD_PREFIX: &str = "#__graphql_file__:";

// Not the library's scalar, which panics if a client sends a placeholder itself.
/// A file in a GraphQL multipart request.
#[Scalar(specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let index = text.strip_prefix(UPLOAD_PREFIX).and_then(|index| index.parse().ok());
        let message = "expected a file in a GraphQL multipart request";
        index.map(Self).ok_or_else(|| InputValueError::custom(message))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

impl Upload {
    /// The first bytes of the file, at most `max`.
    ///
    /// # Errors
    /// BAD_USER_INPUT if the request does not contain the file.
    pub fn read(self, ctx: &Context<'_>, max: usize) -> Result<Bytes> {
        let Some(upload) = ctx.query_env.uploads.get(self.0) else {
            return Err(Error::bad_input("The request does not contain the file of this `Upload` value."));
        };
        Ok(upload.content.slice(..upload.content.len().min(max)))
    }
}

/// Whether a value is valid for the custom scalar with this name. For `Upload` and unknown scalars, any value
/// is. In a mutation, a number or a date is any string: a person may have typed it, and the form reports what
/// cannot be read ([`Entered`](crate::domain::entered::Entered)).
pub fn is_valid(scalar: &str, value: &Value, in_mutation: bool) -> bool {
    match scalar {
        "Date" | "Decimal" if in_mutation => matches!(value, Value::String(_)),
        "Date" => Date::is_valid(value),
        "DateTime" => DateTime::is_valid(value),
        "Decimal" => Decimal::is_valid(value),
        "URL" => Url::is_valid(value),
        _ => true,
    }
}
