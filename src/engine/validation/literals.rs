//! Rewrites a document so that `async-graphql` reads it as the specification says.
//!
//! Its parser (`async-graphql-parser` 8.0.0-rc.5) differs from the specification in these points, which are
//! rewritten:
//!
//! * some string literals: see `strings`;
//! * `-0`, which it reads as a number with a fraction;
//! * types of variables with white space or comments inside: it expects `[ID!]!` in one piece;
//! * a comment between `on` and a type;
//! * descriptions, which it cannot read.
//!
//! Two differences are not rewritten: the parser cannot read the number `1e999`, and it reads a name such as
//! `trueish`, which can be an enum value in a custom scalar, as two values.

use std::borrow::Cow;
use std::ops::Range;

use crate::engine::validation::strings::{rewrite_block_string, rewrite_string};
use crate::engine::validation::syntax::descriptions;
use crate::engine::validation::tokens::{Token, TokenKind, tokens};

/// The rewritten document; `None` if nothing has to be rewritten.
pub(super) fn rewrite(document: &str) -> Option<String> {
    let mut result: Option<String> = None;
    let mut copied_until = 0;
    let mut replace = |range: Range<usize>, text: &str| {
        let original = document.get(range.clone()).unwrap_or_default();
        let result = result.get_or_insert_with(|| String::with_capacity(document.len()));
        result.push_str(document.get(copied_until..range.start).unwrap_or_default());
        result.push_str(text);
        pad(result, original, text);
        copied_until = range.end;
    };

    let descriptions = descriptions(document);
    let mut scanner = TypeScanner::default();
    for token in tokens(document) {
        if let Some((range, text)) = scanner.next(&token)
            && document.get(range.clone()) != Some(text.as_str())
        {
            replace(range, &text);
        }
        match token.kind {
            TokenKind::String | TokenKind::BlockString
                if descriptions.binary_search(&token.start).is_ok() =>
            {
                replace(token.start..token.end(), "");
            }
            TokenKind::String => {
                if let Cow::Owned(text) = rewrite_string(token.text) {
                    replace(token.start..token.end(), &text);
                }
            }
            TokenKind::BlockString => {
                if let Cow::Owned(text) = rewrite_block_string(token.text) {
                    replace(token.start..token.end(), &text);
                }
            }
            TokenKind::Number if token.text == "-0" => replace(token.start..token.end(), "0"),
            TokenKind::Comment if scanner.is_after_on() => replace(token.start..token.end(), ""),
            _ => {}
        }
    }
    if let Some(result) = &mut result {
        result.push_str(document.get(copied_until..).unwrap_or_default());
    }
    result
}

/// Appends line breaks and spaces, so that the next token keeps its line and, if possible, its column.
fn pad(result: &mut String, original: &str, text: &str) {
    let line_start = original.rfind(['\n', '\r']).map(|end| end + 1);
    let mut width = original.chars().count();
    let mut used = text.chars().count();
    if let Some(line_start) = line_start {
        result.extend(original.chars().filter(|c| matches!(c, '\n' | '\r')));
        width = original.get(line_start..).unwrap_or_default().chars().count();
        used = 0;
    }
    result.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
}

/// Finds the types of variables, and comments after `on`.
#[derive(Default)]
struct TypeScanner<'a> {
    /// The previous two tokens, without comments.
    previous: [&'a str; 2],
    /// The type that the scanner is in.
    variable_type: Option<VariableType>,
}

/// The type of a variable, as far as it was scanned.
struct VariableType {
    range: Range<usize>,
    /// Without white space and comments.
    text: String,
    /// The number of open brackets.
    depth: usize,
}

impl<'a> TypeScanner<'a> {
    fn is_after_on(&self) -> bool {
        self.previous[1] == "on" && self.variable_type.is_none()
    }

    /// Scans the next token. Returns the type that ended before it: its range, and its text.
    fn next(&mut self, token: &Token<'a>) -> Option<(Range<usize>, String)> {
        if token.kind == TokenKind::Comment {
            return None;
        }
        let ended = self.continue_type(token);
        let [name, colon] = self.previous;
        // A colon follows the name of a variable only in its declaration.
        if self.variable_type.is_none() && ended.is_none() && name.starts_with('$') && colon == ":" {
            self.variable_type =
                Some(VariableType { range: token.start..token.start, text: String::new(), depth: 0 });
            self.append(token);
        }
        let text =
            if self.previous[1] == "$" && token.kind == TokenKind::Name { "$name" } else { token.text };
        self.previous = [self.previous[1], text];
        ended
    }

    /// Appends the token to the type that the scanner is in, or ends the type.
    fn continue_type(&mut self, token: &Token<'a>) -> Option<(Range<usize>, String)> {
        if self.variable_type.as_ref()?.depth > 0 || token.text == "!" {
            self.append(token);
            return None;
        }
        self.variable_type.take().map(|variable_type| (variable_type.range, variable_type.text))
    }

    fn append(&mut self, token: &Token<'_>) {
        if let Some(variable_type) = &mut self.variable_type {
            variable_type.text.push_str(token.text);
            variable_type.range.end = token.end();
            match token.text {
                "[" => variable_type.depth += 1,
                "]" => variable_type.depth = variable_type.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[test]
    fn a_document_that_is_read_correctly_stays() {
        let document = "query($a: [ID!]! = [\"x\"], $b: Int = -1) { a(b: \"\\u00e4\") ... on T { c } } # d";
        assert_eq!(rewrite(document), None);
    }

    #[test]
    fn the_token_after_a_string_keeps_its_column() {
        assert_eq!(
            rewrite(r#"{ a(b: "x\ud83d\ude00") { c } }"#).as_deref(),
            Some(r#"{ a(b: "x😀"           ) { c } }"#)
        );
    }

    #[test]
    fn the_token_after_a_block_string_keeps_its_line_and_column() {
        assert_eq!(
            rewrite("{ a(b: \"\"\"\n  x\r\n  \\\"\"\"\"\"\" c: -0) }").as_deref(),
            Some("{ a(b: \"x\\n\\\"\\\"\\\"\"\n\r\n          c: 0 ) }")
        );
    }

    #[test]
    fn a_description_is_removed() {
        assert_eq!(
            rewrite("\"\"\"a\nb\"\"\" query Q(\"c\" $d: T ! \"f\" $g: H) { e }").as_deref(),
            Some("\n     query Q(    $d: T!      $g: H) { e }")
        );
    }

    #[test]
    fn a_type_is_written_in_one_piece() {
        assert_eq!(
            rewrite("query($ a : [ ID ! # x\n ] ! = 1 $b: Int ! @c) { d }").as_deref(),
            Some("query($ a : [ID!]!\n     = 1 $b: Int!  @c) { d }")
        );
    }

    #[test]
    fn a_comment_after_on_is_removed() {
        assert_eq!(
            rewrite("{ ... on # x\n T { on # y\n } }").as_deref(),
            Some("{ ... on    \n T { on    \n } }")
        );
    }
}
