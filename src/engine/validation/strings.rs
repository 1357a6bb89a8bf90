//! Rewrites string literals that `async-graphql` does not read as the specification says.

use std::borrow::Cow;

/// The characters that can indent a line of a block string.
const INDENT: [char; 2] = [' ', '\t'];

/// The literal or, if `async-graphql` cannot read one of its escapes, another literal with the same value.
/// `async-graphql` reads neither `\u{1F600}` nor surrogate pairs.
pub(super) fn rewrite_string(literal: &str) -> Cow<'_, str> {
    let is_unsupported = |offset: usize| {
        let escape = literal.get(offset..).unwrap_or_default();
        escape.starts_with("\\u") && code_unit(escape).is_none_or(|unit| (0xD800..0xE000).contains(&unit))
    };
    let mut escapes = escapes(literal);
    if !escapes.any(is_unsupported) {
        return Cow::Borrowed(literal);
    }
    Cow::Owned(quoted(&string_value(literal)))
}

/// The literal or, if `async-graphql` reads a wrong value from it, a string literal with the right one.
/// `async-graphql` keeps the backslash of `\"""`, and the spaces of a blank line that is shorter than the
/// common indentation.
pub(super) fn rewrite_block_string(literal: &str) -> Cow<'_, str> {
    let content = strip_quotes(literal, 3);
    let has_escape = content.contains("\\\"\"\"");
    if !has_escape && !has_short_blank_line(content) {
        return Cow::Borrowed(literal);
    }
    Cow::Owned(quoted(&block_string_value(content)))
}

/// The offsets of the escapes in a string literal.
fn escapes(literal: &str) -> impl Iterator<Item = usize> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let offset = start + literal.get(start..)?.find('\\')?;
        start = offset + 2;
        Some(offset)
    })
}

/// The literal without the quotes around it.
fn strip_quotes(literal: &str, quotes: usize) -> &str {
    literal.get(quotes..literal.len().saturating_sub(quotes)).unwrap_or_default()
}

/// The UTF-16 code unit of an escape with four digits.
fn code_unit(escape: &str) -> Option<u32> {
    escape.strip_prefix("\\u")?.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok())
}

fn string_value(literal: &str) -> String {
    let mut rest = strip_quotes(literal, 1);
    let mut value = String::new();
    while let Some(offset) = rest.find('\\') {
        let (before, escape) = rest.split_at(offset);
        value.push_str(before);
        let (char, length) = unescape(escape);
        value.extend(char);
        rest = escape.get(length..).unwrap_or_default();
    }
    value + rest
}

/// The character of an escape, and the length of the escape.
fn unescape(escape: &str) -> (Option<char>, usize) {
    match escape.as_bytes().get(1) {
        Some(b'b') => (Some('\u{8}'), 2),
        Some(b'f') => (Some('\u{c}'), 2),
        Some(b'n') => (Some('\n'), 2),
        Some(b'r') => (Some('\r'), 2),
        Some(b't') => (Some('\t'), 2),
        Some(b'u') => match code_unit(escape) {
            Some(high @ 0xD800..0xDC00) => {
                let low = escape.get(6..).and_then(code_unit).unwrap_or_default();
                (char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low & 0x3FF)), 12)
            }
            Some(unit) => (char::from_u32(unit), 6),
            None => {
                let end = escape.find('}').unwrap_or(escape.len() - 1);
                let digits = escape.get(3..end).unwrap_or_default();
                (u32::from_str_radix(digits, 16).ok().and_then(char::from_u32), end + 1)
            }
        },
        Some(&other) => (Some(char::from(other)), 2),
        None => (None, 1),
    }
}

/// The lines of a block string, which end with "\n", "\r" or "\r\n".
fn lines(content: &str) -> impl Iterator<Item = &str> {
    content.split("\r\n").flat_map(|line| line.split(['\n', '\r']))
}

fn is_blank(line: &str) -> bool {
    line.trim_start_matches(INDENT).is_empty()
}

/// The indentation that all lines have in common, except the first and blank ones.
fn common_indent(content: &str) -> usize {
    let indents = lines(content).skip(1).filter(|line| !is_blank(line));
    indents.map(|line| line.len() - line.trim_start_matches(INDENT).len()).min().unwrap_or_default()
}

/// The lines without the blank ones at the start and the end. The flag of a line says whether it is the first
/// line of the literal.
fn lines_with_content(content: &str) -> Vec<(bool, &str)> {
    let lines: Vec<_> = lines(content).enumerate().map(|(index, line)| (index == 0, line)).collect();
    let first = lines.iter().position(|(_, line)| !is_blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|(_, line)| !is_blank(line)).map_or(first, |last| last + 1);
    lines.get(first..last).unwrap_or_default().to_vec()
}

fn has_short_blank_line(content: &str) -> bool {
    let indent = common_indent(content);
    let lines = lines_with_content(content);
    lines.iter().any(|(is_first, line)| !is_first && !line.is_empty() && line.len() < indent)
}

fn block_string_value(content: &str) -> String {
    let indent = common_indent(content);
    let lines = lines_with_content(content);
    let cut = |&(is_first, line): &(bool, _)| {
        if is_first { line } else { str::get(line, indent..).unwrap_or_default() }
    };
    lines.iter().map(cut).collect::<Vec<_>>().join("\n").replace("\\\"\"\"", "\"\"\"")
}

/// A string literal with this value, and as few escapes as possible.
fn quoted(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('"');
    for char in value.chars() {
        match char {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            _ => literal.push(char),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::{rewrite_block_string, rewrite_string};

    #[test]
    fn a_surrogate_pair_becomes_its_character() {
        assert_eq!(rewrite_string(r#""a\ud83d\ude00\n\"b""#), "\"a😀\\n\\\"b\"");
    }

    #[test]
    fn an_escape_in_braces_becomes_its_character() {
        assert_eq!(rewrite_string(r#""\u{1F600}\u{A}\u{22}\u{5c}\u{0}""#), "\"😀\\n\\\"\\\\\0\"");
    }

    #[test]
    fn supported_escapes_stay() {
        let literal = r#""\u00e4\\u{1F600}\\ud83d\ude00x""#.replace("\\ude00", "");
        assert_eq!(rewrite_string(&literal), literal);
    }

    #[test]
    fn escaped_quotes_of_a_block_string_become_quotes() {
        assert_eq!(rewrite_block_string(r#""""say \"""hi\""" \n""""#), r#""say \"\"\"hi\"\"\" \\n""#);
    }

    #[test]
    fn a_short_blank_line_of_a_block_string_becomes_empty() {
        let literal = "\"\"\"\n    a\n  \n     b\n  \"\"\"";
        assert_eq!(rewrite_block_string(literal), "\"a\\n\\n b\"");
    }

    #[test]
    fn a_plain_block_string_stays() {
        let literal = "\"\"\"\n    a\n\n     b\n  \"\"\"";
        assert_eq!(rewrite_block_string(literal), "\"\"\"\n    a\n\n     b\n  \"\"\"");
    }
}
