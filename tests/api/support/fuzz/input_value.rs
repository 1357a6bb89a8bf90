//! Values as a document and as JSON has them.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::random::RandomSource;

/// A value, before it is written one way or the other.
#[derive(Debug, Clone)]
pub enum InputValue {
    Null,
    Boolean(bool),
    /// As it is written: a document may have numbers that no type of ours holds.
    Number(String),
    Text(String),
    /// A value of an enum.
    Name(String),
    List(Vec<InputValue>),
    Fields(Vec<(String, InputValue)>),
    /// Has no JSON: it can only stand in a document.
    Variable(String),
}

impl InputValue {
    /// As a document has it.
    pub fn literal(&self, random: &mut RandomSource) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(text) | Self::Name(text) => text.clone(),
            Self::Text(text) => string(text, random),
            Self::List(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| entry.literal(random)).collect();
                format!("[{}]", entries.join(", "))
            }
            Self::Fields(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| format!("{name}: {}", value.literal(random))).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Self::Variable(name) => format!("${name}"),
        }
    }

    /// As a variable has it.
    pub fn json(&self) -> Value {
        match self {
            Self::Null | Self::Variable(_) => Value::Null,
            Self::Boolean(value) => Value::Bool(*value),
            Self::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Self::Text(text) | Self::Name(text) => Value::String(text.clone()),
            Self::List(entries) => entries.iter().map(Self::json).collect(),
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

/// A string of a document: between quotes, or as a block.
pub fn string(text: &str, random: &mut RandomSource) -> String {
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
            // What is beyond the first plane takes two escapes, which not every grammar knows: it stays as it is.
            (character, Ok(code)) if character.is_control() || (escapes_all && !character.is_ascii()) => {
                write!(written, "\\u{code:04x}").expect("a text takes whatever is written");
            }
            (character, _) => written.push(character),
        }
    }
    written.push('"');
    written
}
