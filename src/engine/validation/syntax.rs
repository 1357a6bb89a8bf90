//! Corrects the differences between the syntax that `apollo-compiler` reads and the specification.

use std::borrow::Cow;

use crate::engine::validation::tokens::{TokenKind, tokens};

/// The first syntax error that `apollo-compiler` does not see, and its offset.
pub(super) fn find_error(document: &str) -> Option<(&'static str, usize)> {
    let multiline_string =
        multiline_string(document).map(|offset| ("A string must end on the line where it starts.", offset));
    multiline_string.or_else(|| {
        name_without_value(document).map(|offset| ("Expected a colon and a value after this name.", offset))
    })
}

/// Replaces descriptions and commas by spaces. They have no meaning, and `apollo-compiler` cannot read
/// descriptions, or commas before a colon or after three dots. The positions of all other tokens stay the
/// same.
pub(super) fn make_readable(document: &str) -> Cow<'_, str> {
    let descriptions = descriptions(document);
    if descriptions.is_empty() && !document.contains(',') {
        return Cow::Borrowed(document);
    }
    let mut text = String::with_capacity(document.len());
    let fill_until = |text: &mut String, end| {
        let ignored = document.get(text.len()..end).unwrap_or_default().bytes();
        text.extend(ignored.map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
    };
    for token in tokens(document).filter(|token| descriptions.binary_search(&token.start).is_err()) {
        fill_until(&mut text, token.start);
        text.push_str(token.text);
    }
    fill_until(&mut text, document.len());
    Cow::Owned(text)
}

/// The offsets of the descriptions of operations, fragments and variables, in ascending order. The
/// specification allows descriptions since September 2025.
pub(super) fn descriptions(document: &str) -> Vec<usize> {
    let mut offsets = Vec::new();
    if !document.contains('"') {
        return offsets;
    }
    let mut tokens = tokens(document).filter(|token| token.kind != TokenKind::Comment).peekable();
    let mut open = Vec::new();
    let mut previous = "";
    while let Some(token) = tokens.next() {
        let next = tokens.peek().map_or("", |next| next.text);
        let is_string = matches!(token.kind, TokenKind::String | TokenKind::BlockString);
        let is_described = match open.last() {
            None => matches!(next, "query" | "mutation" | "subscription" | "fragment"),
            Some(bracket) => *bracket == "(" && next == "$" && !matches!(previous, ":" | "="),
        };
        match token.text {
            "(" | "[" | "{" => open.push(token.text),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ if is_string && is_described => offsets.push(token.start),
            _ => {}
        }
        previous = token.text;
    }
    offsets
}

/// The offset of a string literal with a line break. `apollo-compiler` accepts one that starts with a line
/// break.
fn multiline_string(document: &str) -> Option<usize> {
    tokens(document)
        .find(|token| token.kind == TokenKind::String && token.text.contains(['\n', '\r']))
        .map(|token| token.start)
}

/// The offset of an argument or input field without a value, which `apollo-compiler` ignores.
fn name_without_value(document: &str) -> Option<usize> {
    let mut tokens = tokens(document).filter(|token| token.kind != TokenKind::Comment).peekable();
    // The open brackets, from the outermost parenthesis on.
    let mut open = Vec::new();
    let mut previous = "";
    // Whether the next token is a value or a type, and not the name of an argument or input field.
    let mut is_value = false;
    while let Some(token) = tokens.next() {
        match token.text {
            "(" => open.push("("),
            "[" | "{" if !open.is_empty() => open.push(token.text),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
        let has_names = open.last().is_some_and(|bracket| *bracket != "[");
        let is_name =
            token.kind == TokenKind::Name && has_names && !is_value && !matches!(previous, "$" | "@");
        if is_name && tokens.peek().is_none_or(|next| next.text != ":") {
            return Some(token.start);
        }
        is_value = matches!(token.text, ":" | "=");
        previous = token.text;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{find_error, make_readable};

    #[test]
    fn commas_outside_of_strings_and_comments_become_spaces() {
        assert_eq!(make_readable("{ a,: b(c: \",\"),, # ,\n} ,"), "{ a : b(c: \",\")   # ,\n}  ");
        assert_eq!(make_readable("{ \"a,b"), "{ \"a,b");
    }

    #[test]
    fn descriptions_become_spaces() {
        assert_eq!(
            make_readable(
                "\"q\" query(\"a\" $a: T = \"x\" \"ä\" $b: T) { c(d: [\"e\" $a]) } \"f\" fragment F on G { i }"
            ),
            "    query(    $a: T = \"x\"      $b: T) { c(d: [\"e\" $a]) }     fragment F on G { i }"
        );
        assert_eq!(make_readable("\"a\" { b(c: \"d\" $e) }"), "\"a\" { b(c: \"d\" $e) }");
    }

    #[test]
    fn a_string_with_a_line_break_is_an_error() {
        assert_eq!(find_error("{ a(b: \"\n\") }").map(|(_, offset)| offset), Some(7));
        assert_eq!(find_error("{ a(b: \"\"\"\n\"\"\") }"), None);
    }

    #[test]
    fn a_name_without_a_value_is_an_error() {
        for (document, offset) in [
            ("{ a(b) }", 4),
            ("{ a(b: 1 c d: 2) }", 9),
            ("{ a(b: { c }) }", 9),
            ("{ a(b: [{ c: X d }]) }", 15),
            ("{ a @b(c) }", 7),
            ("query($a: [T!]! = { b } @c) { d }", 20),
        ] {
            assert_eq!(find_error(document).map(|(_, offset)| offset), Some(offset), "{document}");
        }
    }

    #[test]
    fn names_with_values_are_accepted() {
        for document in [
            "{ a(b: X, c: true d: $e f: [X, Y { g: Z }] h: { i: null }) { j(k: $l) } m }",
            "query Q($a: T, $b: [T!]! = { c: X } @d(e: X) @f $g: T = X) @h(i: X) { j }",
            "{ a(b # c\n : X) ...F @d(e: [[X]]) } fragment F on G { i }",
        ] {
            assert_eq!(find_error(document), None, "{document}");
        }
    }
}
