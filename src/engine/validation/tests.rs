//! Verdicts on documents one by one. How they agree with `graphql-js` in general is in `tests/verdicts.rs`.

use std::sync::LazyLock;

use crate::engine::validation::{ErrorKind, ValidationError, Validator, normalize};

const SDL: &str = include_str!("../../../schema.graphql");
static CLOSED: LazyLock<Validator> = LazyLock::new(|| Validator::new(SDL, false));

/// Asserts that a document is accepted.
fn accept(document: &str) {
    if let Err(errors) = CLOSED.validate(document) {
        panic!("{document}\n{errors:#?}");
    }
}

/// What is wrong with a document, as it is told in production.
fn refusals(document: &str) -> Vec<ValidationError> {
    CLOSED.validate(document).expect_err(document)
}

/// The message of a document's first mistake.
fn refusal(document: &str) -> String {
    refusals(document).remove(0).message
}

#[test]
fn a_string_for_an_enum_is_refused() {
    assert_eq!(
        refusal(r#"{ gigs(orderBy: "NEWEST") { totalCount } }"#),
        "Argument `orderBy` must be a value of an enum, without quotes."
    );
}

#[test]
fn an_input_field_given_twice_is_refused() {
    assert_eq!(
        refusal("{ gigs(where: { seller: 1, seller: 1 }) { totalCount } }"),
        "Input field `seller` is given more than once."
    );
    assert_eq!(
        refusal("{ _entities(representations: [{ a: { b: 1, b: 2 } }]) { __typename } }"),
        "Input field `b` is given more than once."
    );
}

#[test]
fn a_variable_of_another_type_is_refused() {
    for declaration in ["SignInInput", "GigFilter!]", "[GigFilter]"] {
        let document = format!("query($w: {declaration}) {{ gigs(where: $w) {{ totalCount }} }}");
        assert!(CLOSED.validate(&document).is_err(), "{document}");
    }
    assert_eq!(
        refusal("query($i: ID) { gig(id: $i) { id } }"),
        "Variable `$i` is a `ID`, which does not fit here."
    );
    refusal("query($i: String!) { gig(id: $i) { id } }");
    refusal("query($i: ID = null) { gig(id: $i) { id } }");
    refusal("query($i: ID) { nodes(ids: [$i]) { id } }");
    refusal("mutation($e: String) { signIn(input: { email: $e, password: \"\" }) { errors { code } } }");
}

#[test]
fn a_variable_with_a_default_value_may_stand_for_a_non_null_one() {
    accept("query($i: ID = 1) { gig(id: $i) { id } }");
    refusal("query($i: ID = 1) { nodes(ids: $i) { id } }");
}

#[test]
fn directives_and_arguments_of_typename_are_looked_at() {
    assert_eq!(refusal("{ __typename @nope }"), "There is no directive `@nope`.");
    assert_eq!(refusal("{ __typename(x: 1) }"), "Field `__typename` has no argument `x`.");
    accept("query($v: Boolean!) { __typename @include(if: $v) }");
}

#[test]
fn fields_that_cannot_be_merged_are_refused() {
    assert_eq!(
        refusal(
            "{ a: gigs(first: 1, orderBy: OLDEST) { nodes { id } } ...F }
             fragment F on Query { a: gigs(first: 1, orderBy: NEWEST) { nodes { title } } }"
        ),
        "`a` is selected with different arguments: rename one of them."
    );
    assert_eq!(
        refusal("{ node(id: 1) { ... on Gig { x: title } ... on User { x: level } } }"),
        "`x` stands for fields of different types: rename one of them."
    );
}

#[test]
fn lists_of_different_lengths_are_different_arguments() {
    refusal("{ a: nodes(ids: [1]) { id } a: nodes(ids: [1, 2]) { id } }");
    refusal("{ gigs(where: { tags: [] }) { totalCount } gigs(where: { tags: [\"a\"] }) { totalCount } }");
    accept("{ a: nodes(ids: [1, 2]) { id } a: nodes(ids: [1, 2]) { id } }");
}

#[test]
fn a_subscription_has_one_root_field() {
    accept("subscription { gigPublished { cursor } gigPublished { delivery } }");
    accept("subscription { ...F } fragment F on Subscription { a: gigPublished { cursor } }");
    accept("subscription { gigPublished { cursor } b: gigPublished @skip(if: true) { cursor } }");
    assert_eq!(
        refusal(
            "subscription S { gigPublished { cursor } ...F } fragment F on Subscription { a: gigPublished { cursor } }"
        ),
        "Subscription `S` must select exactly one root field."
    );
    assert_eq!(
        refusal("subscription { __typename }"),
        "A subscription cannot select introspection at its root."
    );
    assert_eq!(
        refusal("subscription($b: Boolean!) { gigPublished @include(if: $b) { cursor } }"),
        "A subscription cannot have a variable decide about its root field."
    );
}

#[test]
fn introspection_is_accepted() {
    accept(
        "{ __schema { types { name fields(includeDeprecated: true) { name } } } __type(name: \"Gig\") { kind } }",
    );
}

#[test]
fn anything_may_stand_in_a_custom_scalar() {
    accept("{ _entities(representations: [[null], { a: [1.5, X] }, \"b\", true]) { __typename } }");
    refusal("{ _entities(representations: [null]) { __typename } }");
    refusal("{ _entities(representations: [{ a: $b }]) { __typename } }");
}

#[test]
fn strings_of_every_kind_are_accepted() {
    accept(r#"{ gigs(search: "\ud83d\ude00\u{1F600}") { totalCount } }"#);
    accept(r#"{ gigs(search: """a \""" b""") { totalCount } }"#);
    for broken in [r#""\ud83d""#, r#""\u{110000}""#, r#""\u{}""#, r#""\x""#, "\"\n\""] {
        let errors = refusals(&format!("{{ gigs(search: {broken}) {{ totalCount }} }}"));
        assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax), "{broken}");
    }
}

#[test]
fn a_mistake_is_told_where_it_stands() {
    let error = refusals("{\r\n  # ä\n  gig(id: 1) { nope }\n}").remove(0);
    assert_eq!(error.locations, [(3, 16)]);
}

#[test]
fn at_most_five_mistakes_are_told() {
    let document = format!("{{ {} }}", "nope ".repeat(1000));
    assert_eq!(refusals(&document).len(), 5);
}

#[test]
fn what_cannot_be_read_is_a_mistake_of_syntax() {
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
        let errors = refusals(document);
        assert_eq!(errors.len(), 1, "{document}");
        assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax), "{document}");
    }
}

#[test]
fn whatever_is_nested_too_deeply_is_refused() {
    let many = 100_000;
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
        for many in [99, 150, 1000, many] {
            let document = format!("{}{}", open.repeat(many), close.repeat(many));
            assert!(CLOSED.validate(&document).is_err(), "{many} of {open}");
            let innermost = open.chars().next_back().map(String::from).unwrap_or_default();
            let document = format!("{open}{}", innermost.repeat(many));
            assert!(CLOSED.validate(&document).is_err(), "{many} of {innermost}");
        }
    }
}

#[test]
fn a_long_chain_of_fragments_is_refused() {
    let fragment = |n: usize| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1);
    let chain = (0..3000).map(fragment).collect::<Vec<_>>().concat();
    let errors = refusals(&format!("{{ ...F0 }} {chain} fragment F3000 on Query {{ eventCursor }}"));
    assert_eq!(errors.first().map(|error| error.kind), Some(ErrorKind::Syntax));
}

#[test]
fn a_document_nested_as_deeply_as_can_be_is_read() {
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

/// Tokens and parts of tokens in any order: whatever is made of them, the answer is a verdict.
#[test]
fn no_text_makes_it_panic() {
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
        if CLOSED.validate(&text).is_ok() {
            async_graphql::parser::parse_query(&*normalized).expect("a valid document is read");
        }
    }
}
