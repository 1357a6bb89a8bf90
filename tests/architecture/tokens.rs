//! Splits Rust source into words and punctuation, without comments, strings, character literals and
//! lifetimes.

/// A word, `::`, or another single character, with its line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    pub fn is_word(self) -> bool {
        self.text.starts_with(is_word_character)
    }
}

pub fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = next_token(rest, first);
        let (text, after) = rest.split_at(length);
        if is_code {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the next token, and whether it is code.
fn next_token(rest: &str, first: char) -> (usize, bool) {
    if let Some(length) = comment_length(rest).or_else(|| literal_length(rest)) {
        (length, false)
    } else if rest.starts_with("r#") || first.is_whitespace() {
        // `r#type` is the word `type`.
        (if first == 'r' { 2 } else { first.len_utf8() }, false)
    } else if first == '\'' {
        (1 + word_length(&rest[1..]), false)
    } else if is_word_character(first) {
        (word_length(rest), true)
    } else {
        (if rest.starts_with("::") { 2 } else { first.len_utf8() }, true)
    }
}

fn word_length(rest: &str) -> usize {
    rest.find(|character| !is_word_character(character)).unwrap_or(rest.len())
}

fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    // Block comments nest.
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of a string or character literal of any kind.
fn literal_length(rest: &str) -> Option<usize> {
    ["", "b", "c", "r", "br", "cr"].into_iter().find_map(|prefix| {
        let body = rest.strip_prefix(prefix)?;
        let length = if prefix.ends_with('r') {
            raw_string_length(body)
        } else if body.starts_with('"') {
            Some(string_length(body))
        } else {
            character_length(body)
        };
        Some(prefix.len() + length?)
    })
}

fn raw_string_length(body: &str) -> Option<usize> {
    let hashes = body.find(|character| character != '#')?;
    let text = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.find(&end).map_or(body.len(), |at| hashes + 1 + at + end.len()))
}

fn string_length(body: &str) -> usize {
    let mut is_escaped = true; // so that the opening quotation mark does not end it
    for (at, character) in body.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    body.len()
}

/// `None` for a lifetime.
fn character_length(body: &str) -> Option<usize> {
    let text = body.strip_prefix('\'')?;
    let first = text.chars().next()?;
    if first == '\\' {
        // The escaped character may be an apostrophe.
        return body.get(3..)?.find('\'').map(|at| at + 4);
    }
    text[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_are_skipped() {
        assert_eq!(words("a // crate::x\nb /// crate::x\n//! crate::x\nc"), ["a", "b", "c"]);
        assert_eq!(words("a /* crate /* nested */ ::x */ b /**/ c /***/ d"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn strings_and_characters_are_skipped() {
        assert_eq!(words(r#"a "crate::x \" crate::y \\" b"#), ["a", "b"]);
        assert_eq!(words("a r#\"crate::x \" \\\"# b br\"\\\" c"), ["a", "b", "c"]);
        assert_eq!(words(r#"b"x" '"' '\'' b'\\' '\u{1F600}' 'é' a "//" b"#), ["a", "b"]);
    }

    #[test]
    fn a_lifetime_is_not_a_character_literal() {
        assert_eq!(words("&'a str, 'static: x"), ["&", "str", ",", ":", "x"]);
    }

    #[test]
    fn a_raw_identifier_is_its_word() {
        assert_eq!(words("row.r#type"), ["row", ".", "type"]);
    }

    #[test]
    fn every_token_has_its_line() {
        let lines: Vec<usize> = tokens("a\n/*\n*/ b \"\n\n\" c").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }
}
