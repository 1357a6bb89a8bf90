//! How many tokens a document has, counted before it is parsed: the parser keeps every one of them, and goes one call
//! deeper at each bracket.

use async_graphql::{Pos, ServerError};

use crate::engine::limits::{LimitExceeded, exceeded};

/// The most brackets inside one another. The parser has a bound of its own, and what is beyond it cannot be parsed, which
/// says nothing of why.
const BRACKETS_MAX: usize = 100;

/// Stops at the first token too many.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn check(document: &str, most: usize) -> Result<(), ServerError> {
    let tokens = Tokens { text: document.as_bytes(), at: 0 };
    let (mut count, mut brackets) = (0, 0_usize);
    for (start, first) in tokens {
        count += 1;
        match first {
            b'{' | b'[' | b'(' => brackets += 1,
            b'}' | b']' | b')' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        if count > most {
            let message = format!("The document may have at most {most} tokens.");
            return Err(exceeded(LimitExceeded::Tokens, most, message, Some(position(document, start))));
        }
        if brackets > BRACKETS_MAX {
            let message =
                format!("The document may have at most {BRACKETS_MAX} brackets inside one another.");
            return Err(exceeded(
                LimitExceeded::Depth,
                BRACKETS_MAX,
                message,
                Some(position(document, start)),
            ));
        }
    }
    Ok(())
}

/// The line and column of a byte.
fn position(document: &str, byte: usize) -> Pos {
    let before = String::from_utf8_lossy(&document.as_bytes()[..byte]);
    let last = before.rsplit('\n').next().unwrap_or_default();
    Pos { line: before.matches('\n').count() + 1, column: last.chars().count() + 1 }
}

/// Where each token begins, and its first byte.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            let start = self.at;
            let first = *self.text.get(start)?;
            self.at += 1;
            match first {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => continue,
                b'#' => {
                    self.skip(|byte| byte != b'\n' && byte != b'\r');
                    continue;
                }
                b'"' => self.string(),
                b'.' => self.skip(|byte| byte == b'.'),
                b'-' | b'0'..=b'9' => self.skip(|byte| is_word(byte) || matches!(byte, b'.' | b'+' | b'-')),
                byte if is_word(byte) => self.skip(is_word),
                _ => {}
            }
            return Some((start, first));
        }
    }
}

/// Letters and digits; a byte of a character beyond ASCII is no token of GraphQL's, and counted as part of one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl Tokens<'_> {
    fn skip(&mut self, part: impl Fn(u8) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|byte| !part(*byte)).unwrap_or(rest.len());
    }

    /// A string, from behind its first quote.
    fn string(&mut self) {
        let block = self.text[self.at..].starts_with(b"\"\"");
        if block {
            self.at += 2;
        }
        while let Some(byte) = self.text.get(self.at) {
            let rest = &self.text[self.at..];
            let step = match byte {
                b'\\' if block && rest.starts_with(b"\\\"\"\"") => 4,
                b'\\' if !block => 2,
                b'"' if block && rest.starts_with(b"\"\"\"") => {
                    self.at += 3;
                    return;
                }
                b'"' | b'\n' | b'\r' if !block => {
                    self.at += 1;
                    return;
                }
                _ => 1,
            };
            self.at = (self.at + step).min(self.text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(document: &str) -> usize {
        Tokens { text: document.as_bytes(), at: 0 }.count()
    }

    #[test]
    fn tokens_are_the_specifications() {
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
    fn the_first_token_too_many_is_told_where_it_stands() {
        check("{ a b }", 4).expect("four tokens");
        let refused = check("{ a\n  é b }", 3).expect_err("five tokens");
        assert_eq!(refused.locations, [Pos { line: 2, column: 5 }]);
    }

    #[test]
    fn brackets_are_counted_before_the_parser_goes_into_them() {
        let nested = |depth: usize| "{a".repeat(depth);
        check(&nested(100), usize::MAX).expect("as many as may be");
        check(&nested(101), usize::MAX).expect_err("one too many");
        check(&"[{(".repeat(1_000_000), usize::MAX).expect_err("a million too many");
    }
}
