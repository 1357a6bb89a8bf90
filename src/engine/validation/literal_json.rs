//! Converts literals to JSON.

use apollo_compiler::ast::Value as Literal;
use serde_json::{Number, Value};

/// A literal as JSON. Variables become null.
pub(super) fn literal_to_json(value: &Literal) -> Value {
    match value {
        Literal::Null | Literal::Variable(_) => Value::Null,
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::String(value) => Value::String(value.clone()),
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::Int(int) => number(int.as_str()),
        Literal::Float(float) => number(float.as_str()),
        Literal::List(items) => items.iter().map(|item| literal_to_json(item)).collect(),
        Literal::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.to_string(), literal_to_json(value))).collect(),
        ),
    }
}

/// A number as JSON; null if it is too large.
fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::from)
        .ok()
        .or_else(|| text.parse::<Number>().ok().map(Value::Number))
        .unwrap_or_default()
}
