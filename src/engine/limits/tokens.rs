//! Counts the tokens of a document before it is parsed. The parser keeps all tokens in memory, and recurses
//! at each bracket.

use async_graphql::{Pos, ServerError};

use crate::engine::limits::{LimitExceeded, limit_error};

/// The deepest nesting of brackets. The parser has its own limit, but its error does not mention it.
const NESTING_MAX: usize = 100;

/// Checks the number of tokens and the nesting of brackets. Stops at the first token beyond a limit.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn check(document: &str, max: usize) -> Result<(), ServerError> {
    let tokens = Tokens { text: document.as_bytes(), offset: 0 };
    let (mut count, mut nesting) = (0, 0_usize);
    for (start, first_byte) in tokens {
        count += 1;
        match first_byte {
            b'{' | b'[' | b'(' => nesting += 1,
            b'}' | b']' | b')' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        let pos = || Some(position(document, start));
        if count > max {
            let message = format!("The document may have at most {max} tokens.");
            return Err(limit_error(LimitExceeded::Tokens, max, message, pos()));
        }
        if nesting > NESTING_MAX {
            let message = format!("Brackets may be nested at most {NESTING_MAX} levels deep.");
            return Err(limit_error(LimitExceeded::Depth, NESTING_MAX, message, pos()));
        }
    }
    Ok(())
}

/// The document without comments, commas and superfluous white space: one space between tokens.
pub fn significant_text(document: &str) -> String {
    let mut tokens = Tokens { text: document.as_bytes(), offset: 0 };
    let mut text = String::new();
    while let Some((start, _)) = tokens.next() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(document.get(start..tokens.offset).unwrap_or_default());
    }
    text
}

/// The line and column of a byte.
fn position(document: &str, offset: usize) -> Pos {
    let before = String::from_utf8_lossy(&document.as_bytes()[..offset]);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Pos { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

/// Iterates over tokens: the offset of each, and its first byte.
struct Tokens<'a> {
    text: &'a [u8],
    offset: usize,
}

impl Iterator for Tokens<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            let start = self.offset;
            let first_byte = *self.text.get(start)?;
            self.offset += 1;
            match first_byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => continue,
                b'#' => {
                    self.skip_while(|byte| byte != b'\n' && byte != b'\r');
                    continue;
                }
                b'"' => self.skip_string(),
                b'.' => self.skip_while(|byte| byte == b'.'),
                b'-' | b'0'..=b'9' => {
                    self.skip_while(|byte| is_word(byte) || matches!(byte, b'.' | b'+' | b'-'));
                }
                byte if is_word(byte) => self.skip_while(is_word),
                _ => {}
            }
            return Some((start, first_byte));
        }
    }
}

/// Whether the byte is part of a name. Characters beyond ASCII are not allowed in names, but are counted like
/// letters.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl Tokens<'_> {
    fn skip_while(&mut self, is_part: impl Fn(u8) -> bool) {
        let rest = &self.text[self.offset..];
        self.offset += rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
    }

    /// Skips a string or block string. The offset is after its first quote.
    fn skip_string(&mut self) {
        let is_block = self.text[self.offset..].starts_with(b"\"\"");
        if is_block {
            self.offset += 2;
        }
        while let Some(byte) = self.text.get(self.offset) {
            let rest = &self.text[self.offset..];
            let step = match byte {
                b'\\' if is_block && rest.starts_with(b"\\\"\"\"") => 4,
                b'\\' if !is_block => 2,
                b'"' if is_block && rest.starts_with(b"\"\"\"") => {
                    self.offset += 3;
                    return;
                }
                b'"' | b'\n' | b'\r' if !is_block => {
                    self.offset += 1;
                    return;
                }
                _ => 1,
            };
            self.offset = (self.offset + step).min(self.text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(document: &str) -> usize {
        Tokens { text: document.as_bytes(), offset: 0 }.count()
    }

    #[test]
    fn tokens_are_those_of_the_specification() {
        assert_eq!(count(""), 0);
        assert_eq!(count("{ a, b }"), 4);
        assert_eq!(count("[1 2.5 -3e-7]"), 5);
        assert_eq!(count("query A($b: [Int!]! = [1, -2.5e+3]) { ...F @skip(if: $b) }"), 29);
        assert_eq!(count("# all of this { is a } comment\n{ a } # and this"), 3);
        assert_eq!(count(r#"{ a(b: "{ \" } # no comment") }"#), 8);
        assert_eq!(count("{ a(b: \"\"\"{ \" } \\\"\"\" \n \"\"\") }"), 8);
        assert_eq!(count("\"never ends"), 1);
        assert_eq!(count("\"ends here\n a"), 2);
        assert_eq!(count("\"\"\"never ends \\"), 1);
        assert_eq!(count("\"ends with \\"), 1);
    }

    #[test]
    fn significant_text_has_every_token_and_no_comments() {
        let text =
            significant_text("# a comment @skip\nquery A(\t$b: Int, # and é\r\n) { a(b: \"x # é\") }\n#");
        assert_eq!(text, "query A ( $ b : Int ) { a ( b : \"x # é\" ) }");
        assert_eq!(significant_text(&text), text);
        assert_eq!(
            significant_text("{ a(b: \"\"\" # no comment\n \"\"\") }"),
            "{ a ( b : \"\"\" # no comment\n \"\"\" ) }"
        );
    }

    #[test]
    fn the_error_has_the_position_of_the_first_token_beyond_the_limit() {
        check("{ a b }", 4).expect("four tokens");
        let error = check("{ a\n  é b }", 3).expect_err("five tokens");
        assert_eq!(error.locations, [Pos { line: 2, column: 5 }]);
    }

    #[test]
    fn nested_brackets_are_limited() {
        let nested = |depth: usize| "{a".repeat(depth);
        check(&nested(100), usize::MAX).expect("at the limit");
        check(&nested(101), usize::MAX).expect_err("one beyond the limit");
        check(&"[{(".repeat(1_000_000), usize::MAX).expect_err("a million beyond the limit");
    }
}
