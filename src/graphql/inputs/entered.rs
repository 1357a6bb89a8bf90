//! Numbers and dates in the forms of mutations, as people type them.
//!
//! The schema's type is the scalar, such as `Decimal`. Of a mutation, the gateway accepts every string for it
//! (`scalar::is_valid`), and the form reports a text that cannot be read as a validation error of its field. A
//! value that is not a string is a mistake of the program, and rejected before the execution.

use std::borrow::Cow;

use async_graphql::registry::Registry;
use async_graphql::{InputType, InputValueError, InputValueResult, ScalarType, Value};
use chrono::NaiveDate;
use rust_decimal::Decimal as Number;

use crate::domain::entered::{Entered, FromEntered};
use crate::graphql::types::scalar::{Date, Decimal};

/// A type that people type, with its scalar in the schema.
trait EnteredScalar: FromEntered + Clone + Send + Sync {
    type Scalar: ScalarType + InputType;

    fn to_scalar(self) -> Self::Scalar;
}

impl EnteredScalar for Number {
    type Scalar = Decimal;

    fn to_scalar(self) -> Decimal {
        Decimal(self)
    }
}

impl EnteredScalar for NaiveDate {
    type Scalar = Date;

    fn to_scalar(self) -> Date {
        Date(self)
    }
}

impl<T: EnteredScalar> InputType for Entered<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        T::Scalar::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::Scalar::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self::read(&text)),
            value => Err(InputValueError::expected_type(value.unwrap_or_default())),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => ScalarType::to_value(&value.clone().to_scalar()),
            Self::Unreadable(text) => Value::String(text.clone()),
        }
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }
}
