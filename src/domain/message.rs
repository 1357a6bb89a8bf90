//! Messages for people, with the parameters that a translation needs.
//!
//! A message is built by [`message!`] from a template, as by `format!`, with named arguments:
//!
//! ```text
//! message!("{field} may have at most {max} {unit}; it has {actual}.", field = .., max = .., unit = .., actual = ..)
//! ```
//!
//! Each argument is a parameter of the message, by its name. The compiler refuses a template that has a number or a
//! name in capital letters, or that uses a variable that is not an argument. So a message cannot contain a number or
//! a name that is not among its parameters.
//!
//! docs/API-DESIGN.md lists the parameters of each code.

use serde::{Deserialize, Serialize};

/// The most parameters of a message.
pub const PARAMS_MAX: usize = 6;

/// A number or a name in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageParam {
    /// What the value means, such as `max`.
    pub name: String,
    /// The value as it is in the text.
    pub value: String,
}

/// A text for people, and its parameters. Only [`message!`] builds one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    text: String,
    params: Vec<MessageParam>,
}

impl Message {
    /// For [`message!`] alone, which checks the template.
    pub(crate) fn from_parts(text: String, params: Vec<(&str, String)>) -> Self {
        let params = params.into_iter().map(|(name, value)| MessageParam { name: name.to_owned(), value });
        Self { text, params: params.collect() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text and the parameters.
    pub fn into_parts(self) -> (String, Vec<MessageParam>) {
        (self.text, self.params)
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Builds a [`Message`] from a template and named arguments, which become its parameters.
macro_rules! message {
    ($template:literal $(,)?) => {{
        const { assert!($crate::domain::message::is_template($template)) };
        $crate::domain::message::Message::from_parts(concat!($template, "").to_owned(), Vec::new())
    }};
    ($template:literal, $($name:ident = $value:expr),+ $(,)?) => {{
        const {
            assert!($crate::domain::message::is_template($template));
            assert!([$(stringify!($name)),+].len() <= $crate::domain::message::PARAMS_MAX);
        }
        match ($(($value).to_string(),)+) {
            ($($name,)+) => {
                // `concat!` keeps the template from capturing a variable that is not an argument.
                let text = format!(concat!($template, ""), $($name = $name),+);
                $crate::domain::message::Message::from_parts(text, vec![$((stringify!($name), $name)),+])
            }
        }
    }};
}

pub(crate) use message;

/// Whether the template of a message has no number and no name in capital letters outside of its placeholders.
pub(crate) const fn is_template(template: &str) -> bool {
    let mut rest = template.as_bytes();
    let (mut is_in_placeholder, mut is_after_capital) = (false, false);
    while let [byte, others @ ..] = rest {
        let is_capital = byte.is_ascii_uppercase();
        if !is_in_placeholder && (byte.is_ascii_digit() || (is_capital && is_after_capital)) {
            return false;
        }
        is_after_capital = is_capital;
        match byte {
            b'{' => is_in_placeholder = true,
            b'}' => is_in_placeholder = false,
            _ => {}
        }
        rest = others;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_in_the_text_and_a_parameter() {
        let max = 5;
        let message =
            message!("{field} may have {max} {unit}.", field = "A tag", max = max + 1, unit = "tags");
        assert_eq!(message.text(), "A tag may have 6 tags.");
        let (_, params) = message.into_parts();
        let params: Vec<_> = params.iter().map(|param| (param.name.as_str(), param.value.as_str())).collect();
        assert_eq!(params, [("field", "A tag"), ("max", "6"), ("unit", "tags")]);
        assert_eq!(
            message!("The list is empty.").into_parts(),
            ("The list is empty.".to_owned(), Vec::new())
        );
    }

    #[test]
    fn a_template_has_no_number_and_no_name() {
        for template in ["", "A to Z.", "{field} has {max2} {UNIT}.", "I may."] {
            assert!(is_template(template), "{template}");
        }
        for text in ["at most 5", "{max} of 5", "ISO", "a JPEG file", "{field} is ACTIVE", "v2"] {
            assert!(!is_template(text), "{text}");
        }
    }
}
