//! Syntax errors, and documents that are too large to be parsed.

use super::{VALIDATOR, accept, errors};
use crate::engine::validation::{ErrorKind, normalize};

#[test]
fn valid_strings_are_accepted_and_malformed_ones_are_syntax_errors() {
    accept(r#"{ gigs(search: "\ud83d\ude00\u{1F600}") { totalCount } }"#);
    accept(r#"{ gigs(search: """a \""" b""") { totalCount } }"#);
    for malformed in [r#""\ud83d""#, r#""\u{110000}""#, r#""\u{}""#, r#""\x""#, "\"\n\""] {
        let errors = errors(&format!("{{ gigs(search: {malformed}) {{ totalCount }} }}"));
        assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax), "{malformed}");
    }
}

#[test]
fn a_malformed_document_is_one_syntax_error() {
    for document in [
        "",
        " ",
        "{",
        "{}",
        "# x",
        "{ a",
        "query",
        "\"",
        "\u{0}",
        "{ a(b: ) }",
        "fragment on on Query { id }",
    ] {
        let errors = errors(document);
        assert_eq!(errors.len(), 1, "{document}");
        assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax), "{document}");
    }
}

#[test]
fn deep_nesting_is_rejected() {
    for (open, close) in [
        ("{ a ", "}"),
        ("{ ...{ ", "}"),
        ("{ a(b: [", ""),
        ("[", "]"),
        ("{ a(b: {c: ", ""),
        ("query($a: [", ""),
        ("query($a: I = [", ""),
        ("{a @b(c: [", ""),
    ] {
        for many in [99, 150, 1000, 100_000] {
            let document = format!("{}{}", open.repeat(many), close.repeat(many));
            assert!(VALIDATOR.validate(&document).is_err(), "{many} of {open}");
            let innermost = open.chars().next_back().map(String::from).unwrap_or_default();
            let document = format!("{open}{}", innermost.repeat(many));
            assert!(VALIDATOR.validate(&document).is_err(), "{many} of {innermost}");
        }
    }
}

#[test]
fn a_long_chain_of_fragments_is_rejected() {
    let fragment = |n: usize| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1);
    let chain = (0..3000).map(fragment).collect::<Vec<_>>().concat();
    let errors = errors(&format!("{{ ...F0 }} {chain} fragment F3000 on Query {{ eventCursor }}"));
    assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax));
}

#[test]
fn nesting_at_the_limit_is_accepted() {
    let deep = |many: usize| {
        format!(
            "{{ gig(id: 1) {{ {} id {} }} }}",
            "seller { gigs { nodes {".repeat(many),
            "} } }".repeat(many)
        )
    };
    accept(&deep(23));
    let value =
        format!("{{ _entities(representations: [{}1{}]) {{ __typename }} }}", "[".repeat(90), "]".repeat(90));
    accept(&value);
}

/// Validates random sequences of tokens and parts of tokens.
#[test]
fn random_text_never_panics() {
    let parts = [
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "=",
        "$",
        "@",
        "...",
        "|",
        "&",
        ",",
        "on",
        "query",
        "fragment",
        "subscription",
        "type",
        "extend",
        "schema",
        "directive",
        "input",
        "enum",
        "union",
        "interface",
        "scalar",
        "implements",
        "repeatable",
        "gigs",
        "where",
        "seller",
        "Gig",
        "Query",
        "F",
        "null",
        "true",
        "1",
        "-0",
        "1.5e3",
        "\"",
        "\"\"\"",
        "\"a\"",
        "\\",
        "\\u",
        "\\ud83d",
        "#",
        "\n",
        "\r",
        "\u{feff}",
        "ä",
        "😀",
        "\0",
        ".",
        "-",
        "e",
        " ",
        "{ gigs(where: {",
        "{ gigs(first: 1) {",
        "query($a: [ID!]",
        "fragment F on Query {",
        "...F",
        "@skip(if: $a)",
    ];
    let mut state: usize = 7;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    for _ in 0..20_000 {
        let many = 1 + below(14);
        let text: String = (0..many).flat_map(|_| [parts[below(parts.len())], [" ", ""][below(2)]]).collect();
        // Any text is normalized, before it is known to be valid.
        let normalized = normalize(&text);
        if VALIDATOR.validate(&text).is_ok() {
            async_graphql::parser::parse_query(&*normalized).expect("async-graphql reads a valid document");
        }
    }
}
