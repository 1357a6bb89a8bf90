//! Splits a document that `apollo-compiler` has parsed into tokens.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Number,
    /// The text includes the quotes.
    String,
    /// The text includes the triple quotes.
    BlockString,
    Comment,
    Punctuator,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub kind: TokenKind,
    /// The offset in bytes.
    pub start: usize,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// All tokens, with comments, without white space and commas.
pub(super) fn tokens(document: &str) -> impl Iterator<Item = Token<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = document.get(start..)?;
        start += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', ',', '\u{feff}']).len();
        let rest = document.get(start..)?;
        let (kind, length) = first_token(rest)?;
        let token = Token { kind, start, text: rest.get(..length)? };
        start += length;
        Some(token)
    })
}

/// The kind and the length in bytes of the first token.
fn first_token(rest: &str) -> Option<(TokenKind, usize)> {
    let length = |end: Option<usize>| end.unwrap_or(rest.len());
    let token = match rest.chars().next()? {
        '#' => (TokenKind::Comment, length(rest.find(['\n', '\r']))),
        '"' if rest.starts_with("\"\"\"") => (TokenKind::BlockString, block_string_length(rest)),
        '"' => (TokenKind::String, string_length(rest)),
        'a'..='z' | 'A'..='Z' | '_' => {
            (TokenKind::Name, length(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')))
        }
        '0'..='9' | '-' => {
            let is_end = |c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E');
            (TokenKind::Number, length(rest.find(is_end)))
        }
        _ if rest.starts_with("...") => (TokenKind::Punctuator, 3),
        other => (TokenKind::Punctuator, other.len_utf8()),
    };
    Some(token)
}

fn string_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (offset, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

fn block_string_length(rest: &str) -> usize {
    let mut end = 3;
    while let Some(quotes) = rest.get(end..).and_then(|rest| rest.find("\"\"\"")) {
        end += quotes + 3;
        if !rest.get(..end).unwrap_or_default().ends_with("\\\"\"\"") {
            return end;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::{TokenKind, tokens};

    #[test]
    fn a_document_is_split_into_tokens_of_every_kind() {
        let tokens: Vec<_> = tokens("{a(b:-1.5e+3,c:\"\\\"#\")...F} # x\n\"\"\"\\\"\"\" \"\"\"$")
            .map(|token| (token.kind, token.text))
            .collect();
        assert_eq!(
            tokens,
            [
                (TokenKind::Punctuator, "{"),
                (TokenKind::Name, "a"),
                (TokenKind::Punctuator, "("),
                (TokenKind::Name, "b"),
                (TokenKind::Punctuator, ":"),
                (TokenKind::Number, "-1.5e+3"),
                (TokenKind::Name, "c"),
                (TokenKind::Punctuator, ":"),
                (TokenKind::String, "\"\\\"#\""),
                (TokenKind::Punctuator, ")"),
                (TokenKind::Punctuator, "..."),
                (TokenKind::Name, "F"),
                (TokenKind::Punctuator, "}"),
                (TokenKind::Comment, "# x"),
                (TokenKind::BlockString, "\"\"\"\\\"\"\" \"\"\""),
                (TokenKind::Punctuator, "$"),
            ]
        );
    }
}
