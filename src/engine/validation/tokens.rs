//! The tokens of a document that `apollo-compiler` could read.

/// A token of a kind that matters to who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Number,
    /// With its quotes.
    String,
    /// With its triple quotes.
    BlockString,
    Comment,
    /// One of the punctuators, or three dots.
    Punctuator,
}

/// A token and where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub start: usize,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Every token, comments among them, without blanks and commas.
pub(super) fn tokens(document: &str) -> impl Iterator<Item = Token<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = document.get(start..)?;
        let skipped = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']).len();
        start += skipped;
        let rest = document.get(start..)?;
        let (kind, length) = next(rest)?;
        let token = Token { kind, start, text: rest.get(..length)? };
        start += length;
        Some(token)
    })
}

/// What a text begins with, and how many bytes of it that is.
fn next(rest: &str) -> Option<(Kind, usize)> {
    let length = |end: Option<usize>| end.unwrap_or(rest.len());
    let found = match rest.chars().next()? {
        '#' => (Kind::Comment, length(rest.find(['\n', '\r']))),
        '"' if rest.starts_with("\"\"\"") => (Kind::BlockString, block_string_length(rest)),
        '"' => (Kind::String, string_length(rest)),
        'a'..='z' | 'A'..='Z' | '_' => {
            (Kind::Name, length(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')))
        }
        '0'..='9' | '-' => {
            let ends = |c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E');
            (Kind::Number, length(rest.find(ends)))
        }
        _ if rest.starts_with("...") => (Kind::Punctuator, 3),
        other => (Kind::Punctuator, other.len_utf8()),
    };
    Some(found)
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_string_length(rest: &str) -> usize {
    let mut at = 3;
    while let Some(quotes) = rest.get(at..).and_then(|rest| rest.find("\"\"\"")) {
        at += quotes + 3;
        if !rest.get(..at).unwrap_or_default().ends_with("\\\"\"\"") {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    #[test]
    fn every_kind_of_token_is_found() {
        let found: Vec<_> = tokens("{a(b:-1.5e+3,c:\"\\\"#\")...F} # x\n\"\"\"\\\"\"\" \"\"\"$")
            .map(|token| (token.kind, token.text))
            .collect();
        assert_eq!(
            found,
            [
                (Kind::Punctuator, "{"),
                (Kind::Name, "a"),
                (Kind::Punctuator, "("),
                (Kind::Name, "b"),
                (Kind::Punctuator, ":"),
                (Kind::Number, "-1.5e+3"),
                (Kind::Name, "c"),
                (Kind::Punctuator, ":"),
                (Kind::String, "\"\\\"#\""),
                (Kind::Punctuator, ")"),
                (Kind::Punctuator, "..."),
                (Kind::Name, "F"),
                (Kind::Punctuator, "}"),
                (Kind::Comment, "# x"),
                (Kind::BlockString, "\"\"\"\\\"\"\" \"\"\""),
                (Kind::Punctuator, "$"),
            ]
        );
    }
}
