//! Writes a valid document so that `async-graphql` reads it, and reads the same from it.
//!
//! Its parser (`async-graphql-parser` 8.0.0-rc.5) differs from the specification in these, all of which are written
//! anew:
//!
//! * some string literals: see `strings`;
//! * `-0`, which it reads as a number with a fraction;
//! * types of variables with blanks or comments within: it wants `[ID!]!` in one;
//! * a comment between `on` and a type;
//! * descriptions, which it does not read.
//!
//! What cannot be helped: it reads the number `1e999` not at all, and takes a name such as `trueish`, where a custom
//! scalar would take it as an enum's value, for two values.

use std::borrow::Cow;
use std::ops::Range;

use crate::engine::validation::strings::{rewritten_block_string, rewritten_string};
use crate::engine::validation::syntax::descriptions;
use crate::engine::validation::tokens::{Kind, Token, tokens};

/// The document as `async-graphql` reads it; nothing where it is that already.
pub(super) fn rewritten(document: &str) -> Option<String> {
    let mut result: Option<String> = None;
    let mut copied = 0;
    let mut replace = |range: Range<usize>, text: &str| {
        let original = document.get(range.clone()).unwrap_or_default();
        let result = result.get_or_insert_with(|| String::with_capacity(document.len()));
        result.push_str(document.get(copied..range.start).unwrap_or_default());
        result.push_str(text);
        pad(result, original, text);
        copied = range.end;
    };

    let descriptions = descriptions(document);
    let mut scan = Scan::default();
    for token in tokens(document) {
        if let Some((range, text)) = scan.next(&token)
            && document.get(range.clone()) != Some(text.as_str())
        {
            replace(range, &text);
        }
        match token.kind {
            Kind::String | Kind::BlockString if descriptions.binary_search(&token.start).is_ok() => {
                replace(token.start..token.end(), "");
            }
            Kind::String => {
                if let Cow::Owned(text) = rewritten_string(token.text) {
                    replace(token.start..token.end(), &text);
                }
            }
            Kind::BlockString => {
                if let Cow::Owned(text) = rewritten_block_string(token.text) {
                    replace(token.start..token.end(), &text);
                }
            }
            Kind::Number if token.text == "-0" => replace(token.start..token.end(), "0"),
            Kind::Comment if scan.is_behind_on() => replace(token.start..token.end(), ""),
            _ => {}
        }
    }
    if let Some(result) = &mut result {
        result.push_str(document.get(copied..).unwrap_or_default());
    }
    result
}

/// Blanks and ends of lines, so that what follows stands where it stood.
fn pad(result: &mut String, original: &str, text: &str) {
    let line_start = original.rfind(['\n', '\r']).map(|end| end + 1);
    let mut width = original.chars().count();
    let mut taken = text.chars().count();
    if let Some(line_start) = line_start {
        result.extend(original.chars().filter(|c| matches!(c, '\n' | '\r')));
        width = original.get(line_start..).unwrap_or_default().chars().count();
        taken = 0;
    }
    result.extend(std::iter::repeat_n(' ', width.saturating_sub(taken)));
}

/// Follows the tokens to the places where types of variables, and comments behind `on`, stand.
#[derive(Default)]
struct Scan<'a> {
    /// The two tokens before, without comments.
    before: [&'a str; 2],
    declared: Option<Declared>,
}

/// The type of a variable, as far as it was seen.
struct Declared {
    range: Range<usize>,
    text: String,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn is_behind_on(&self) -> bool {
        self.before[1] == "on" && self.declared.is_none()
    }

    /// Takes the next token; gives the type that ends with it or ended before it, and what it should read.
    fn next(&mut self, token: &Token<'a>) -> Option<(Range<usize>, String)> {
        if token.kind == Kind::Comment {
            return None;
        }
        let ended = self.next_of_type(token);
        let [before, colon] = self.before;
        // Only where a variable is declared does a colon follow its name.
        if self.declared.is_none() && ended.is_none() && before.starts_with('$') && colon == ":" {
            self.declared = Some(Declared { range: token.start..token.start, text: String::new(), depth: 0 });
            self.take(token);
        }
        let text = if self.before[1] == "$" && token.kind == Kind::Name { "$name" } else { token.text };
        self.before = [self.before[1], text];
        ended
    }

    fn next_of_type(&mut self, token: &Token<'a>) -> Option<(Range<usize>, String)> {
        if self.declared.as_ref()?.depth > 0 || token.text == "!" {
            self.take(token);
            return None;
        }
        self.declared.take().map(|declared| (declared.range, declared.text))
    }

    fn take(&mut self, token: &Token<'_>) {
        if let Some(declared) = &mut self.declared {
            declared.text.push_str(token.text);
            declared.range.end = token.end();
            match token.text {
                "[" => declared.depth += 1,
                "]" => declared.depth = declared.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn what_is_read_as_it_is_stays() {
        let document = "query($a: [ID!]! = [\"x\"], $b: Int = -1) { a(b: \"\\u00e4\") ... on T { c } } # d";
        assert_eq!(rewritten(document), None);
    }

    #[test]
    fn what_follows_a_string_stays_in_its_column() {
        assert_eq!(
            rewritten(r#"{ a(b: "x\ud83d\ude00") { c } }"#).as_deref(),
            Some(r#"{ a(b: "x😀"           ) { c } }"#)
        );
    }

    #[test]
    fn what_follows_a_block_string_stays_in_its_line_and_column() {
        assert_eq!(
            rewritten("{ a(b: \"\"\"\n  x\r\n  \\\"\"\"\"\"\" c: -0) }").as_deref(),
            Some("{ a(b: \"x\\n\\\"\\\"\\\"\"\n\r\n          c: 0 ) }")
        );
    }

    #[test]
    fn a_description_is_left_out() {
        assert_eq!(
            rewritten("\"\"\"a\nb\"\"\" query Q(\"c\" $d: T ! \"f\" $g: H) { e }").as_deref(),
            Some("\n     query Q(    $d: T!      $g: H) { e }")
        );
    }

    #[test]
    fn a_type_is_written_in_one() {
        assert_eq!(
            rewritten("query($ a : [ ID ! # x\n ] ! = 1 $b: Int ! @c) { d }").as_deref(),
            Some("query($ a : [ID!]!\n     = 1 $b: Int!  @c) { d }")
        );
    }

    #[test]
    fn a_comment_behind_on_is_left_out() {
        assert_eq!(
            rewritten("{ ... on # x\n T { on # y\n } }").as_deref(),
            Some("{ ... on    \n T { on    \n } }")
        );
    }
}
