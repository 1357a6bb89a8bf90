//! Input values, written as literals of a document or as JSON.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::random::RandomSource;

/// An input value, before it is written as a literal or as JSON.
#[derive(Debug, Clone)]
pub enum InputValue {
    Null,
    Boolean(bool),
    /// The digits: a document may contain numbers that no Rust type holds.
    Number(String),
    Text(String),
    Enum(String),
    List(Vec<InputValue>),
    Object(Vec<(String, InputValue)>),
    /// Has no JSON: can only occur in a document.
    Variable(String),
}

impl InputValue {
    /// The literal in a document.
    pub fn to_literal(&self, random: &mut RandomSource) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(text) | Self::Enum(text) => text.clone(),
            Self::Text(text) => string_literal(text, random),
            Self::List(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| entry.to_literal(random)).collect();
                format!("[{}]", entries.join(", "))
            }
            Self::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.to_literal(random)))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Self::Variable(name) => format!("${name}"),
        }
    }

    /// The JSON of a variable.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null | Self::Variable(_) => Value::Null,
            Self::Boolean(value) => Value::Bool(*value),
            Self::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Self::Text(text) | Self::Enum(text) => Value::String(text.clone()),
            Self::List(entries) => entries.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

/// A string literal of a document, sometimes a block string.
pub fn string_literal(text: &str, random: &mut RandomSource) -> String {
    let fits_block = !text.chars().any(|c| c.is_control() && c != '\n') && !text.ends_with(['"', '\\']);
    if fits_block && random.chance(20) {
        return format!("\"\"\"{}\"\"\"", text.replace("\"\"\"", "\\\"\"\""));
    }
    let escapes_all = random.chance(10);
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for character in text.chars() {
        match (character, u16::try_from(u32::from(character))) {
            ('"' | '\\', _) => {
                written.push('\\');
                written.push(character);
            }
            ('\n', _) => written.push_str("\\n"),
            // Characters beyond U+FFFF need two escapes, which not every parser supports, so they are not
            // escaped.
            (character, Ok(code)) if character.is_control() || (escapes_all && !character.is_ascii()) => {
                write!(written, "\\u{code:04x}").expect("writing to a string never fails");
            }
            (character, _) => written.push(character),
        }
    }
    written.push('"');
    written
}
