//! What `apollo-compiler` reads otherwise than the specification's grammar says.

use std::borrow::Cow;

use crate::engine::validation::tokens::{Kind, tokens};

/// What is wrong with a document that `apollo-compiler` could read, and where.
pub(super) fn mistake(document: &str) -> Option<(&'static str, usize)> {
    broken_string(document).map(|at| ("A string must end in the line that it begins in.", at)).or_else(|| {
        name_without_value(document).map(|at| ("Expected a colon and a value behind this name.", at))
    })
}

/// The document with blanks for what means nothing and `apollo-compiler` does not read: descriptions, and commas in
/// front of a colon or behind three dots. What remains stays where it is.
pub(super) fn readable(document: &str) -> Cow<'_, str> {
    let descriptions = descriptions(document);
    if descriptions.is_empty() && !document.contains(',') {
        return Cow::Borrowed(document);
    }
    let mut text = String::with_capacity(document.len());
    let blank_until = |text: &mut String, end| {
        let ignored = document.get(text.len()..end).unwrap_or_default().bytes();
        text.extend(ignored.map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { ' ' }));
    };
    for token in tokens(document).filter(|token| descriptions.binary_search(&token.start).is_err()) {
        blank_until(&mut text, token.start);
        text.push_str(token.text);
    }
    blank_until(&mut text, document.len());
    Cow::Owned(text)
}

/// Where the descriptions of operations, fragments and variables begin, in their order, which the specification has since September
/// 2025.
pub(super) fn descriptions(document: &str) -> Vec<usize> {
    let mut found = Vec::new();
    if !document.contains('"') {
        return found;
    }
    let mut tokens = tokens(document).filter(|token| token.kind != Kind::Comment).peekable();
    let mut open = Vec::new();
    let mut before = "";
    while let Some(token) = tokens.next() {
        let next = tokens.peek().map_or("", |next| next.text);
        let is_string = matches!(token.kind, Kind::String | Kind::BlockString);
        let describes = match open.last() {
            None => matches!(next, "query" | "mutation" | "subscription" | "fragment"),
            Some(bracket) => *bracket == "(" && next == "$" && !matches!(before, ":" | "="),
        };
        match token.text {
            "(" | "[" | "{" => open.push(token.text),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ if is_string && describes => found.push(token.start),
            _ => {}
        }
        before = token.text;
    }
    found
}

/// Where a string literal begins that goes on in the next line: `apollo-compiler` reads one whose first character ends
/// the line.
fn broken_string(document: &str) -> Option<usize> {
    tokens(document)
        .find(|token| token.kind == Kind::String && token.text.contains(['\n', '\r']))
        .map(|token| token.start)
}

/// Where the name of an argument or of an input field stands that has no value: `apollo-compiler` leaves it out.
fn name_without_value(document: &str) -> Option<usize> {
    let mut tokens = tokens(document).filter(|token| token.kind != Kind::Comment).peekable();
    // The brackets that are open, from the outermost round one on.
    let mut open = Vec::new();
    let mut before = "";
    // Whether what comes next is a value, or a type, and not a name that has one.
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
        let is_name = token.kind == Kind::Name && has_names && !is_value && !matches!(before, "$" | "@");
        if is_name && tokens.peek().is_none_or(|next| next.text != ":") {
            return Some(token.start);
        }
        is_value = matches!(token.text, ":" | "=");
        before = token.text;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{mistake, readable};

    #[test]
    fn commas_become_blanks_but_in_strings_and_comments() {
        assert_eq!(readable("{ a,: b(c: \",\"),, # ,\n} ,"), "{ a : b(c: \",\")   # ,\n}  ");
        assert_eq!(readable("{ \"a,b"), "{ \"a,b");
    }

    #[test]
    fn descriptions_become_blanks() {
        assert_eq!(
            readable(
                "\"q\" query(\"a\" $a: T = \"x\" \"ä\" $b: T) { c(d: [\"e\" $a]) } \"f\" fragment F on G { i }"
            ),
            "    query(    $a: T = \"x\"      $b: T) { c(d: [\"e\" $a]) }     fragment F on G { i }"
        );
        assert_eq!(readable("\"a\" { b(c: \"d\" $e) }"), "\"a\" { b(c: \"d\" $e) }");
    }

    #[test]
    fn a_string_that_goes_on_in_the_next_line_is_a_mistake() {
        assert_eq!(mistake("{ a(b: \"\n\") }").map(|(_, at)| at), Some(7));
        assert_eq!(mistake("{ a(b: \"\"\"\n\"\"\") }"), None);
    }

    #[test]
    fn a_name_without_a_value_is_a_mistake() {
        for (document, at) in [
            ("{ a(b) }", 4),
            ("{ a(b: 1 c d: 2) }", 9),
            ("{ a(b: { c }) }", 9),
            ("{ a(b: [{ c: X d }]) }", 15),
            ("{ a @b(c) }", 7),
            ("query($a: [T!]! = { b } @c) { d }", 20),
        ] {
            assert_eq!(mistake(document).map(|(_, at)| at), Some(at), "{document}");
        }
    }

    #[test]
    fn names_with_values_are_none() {
        for document in [
            "{ a(b: X, c: true d: $e f: [X, Y { g: Z }] h: { i: null }) { j(k: $l) } m }",
            "query Q($a: T, $b: [T!]! = { c: X } @d(e: X) @f $g: T = X) @h(i: X) { j }",
            "{ a(b # c\n : X) ...F @d(e: [[X]]) } fragment F on G { i }",
        ] {
            assert_eq!(mistake(document), None, "{document}");
        }
    }
}
