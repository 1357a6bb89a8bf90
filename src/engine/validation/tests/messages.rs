//! The messages and positions of errors.

use super::errors;
use crate::engine::validation::Validator;
use crate::graphql::Schema;

fn sdl() -> String {
    Schema::new(true).sdl()
}

/// Documents, each with the message of one of its errors: without suggestions, and with suggestions (empty if
/// it is the same).
const CASES: &[(&str, &str, &str)] = &[
    (
        "{ limit { gig { titleMinChars } } }",
        "There is no field `limit` here.",
        "`Query` has no field `limit`. Did you mean `limits`?",
    ),
    (
        "{ gigs(wher: {}) { totalCount } }",
        "Field `gigs` has no argument `wher`.",
        "Field `gigs` has no argument `wher`. Did you mean `where`?",
    ),
    ("{ gig { id } }", "Field `gig` needs the argument `id`.", ""),
    ("{ eventCursor @skip }", "Directive `@skip` needs the argument `if`.", ""),
    ("{ eventCursor @skip(if: true, iff: 1) }", "Directive `@skip` has no argument `iff`.", ""),
    ("{ x: gigs(first: 1) }", "Field `x` needs a selection of its fields.", ""),
    ("{ x: eventCursor { id } }", "Field `x` has no fields to select from.", ""),
    ("{ viewer { role { id } } }", "Field `role` has no fields to select from.", ""),
    ("{ gig(id: 1, id: 2) { id } }", "Argument `id` is given more than once.", ""),
    ("query($a: ID!, $a: ID!) { gig(id: $a) { id } }", "Variable `$a` is declared more than once.", ""),
    ("query($a: ID!) { eventCursor }", "Variable `$a` is never used.", ""),
    ("query($a: Gig) { eventCursor @skip(if: $a) }", "Variable `$a` must be of an input type.", ""),
    ("query($a: Nope) { eventCursor @skip(if: $a) }", "There is no type `Nope`.", ""),
    ("{ ... on Nope { id } }", "There is no type `Nope`.", ""),
    ("{ ...F } fragment F on Nope { id }", "There is no type `Nope`.", ""),
    ("query @skip(if: true) { eventCursor }", "Directive `@skip` is not allowed here.", ""),
    ("{ eventCursor @skip(if: true) @skip(if: true) }", "Directive `@skip` is allowed here only once.", ""),
    ("{ ...F }", "There is no fragment `F`.", ""),
    ("{ eventCursor } fragment F on Query { eventCursor }", "Fragment `F` is never used.", ""),
    ("{ ...F } fragment F on Query { ...F }", "Fragment `F` contains itself.", ""),
    (
        "{ ...F } fragment F on Query { eventCursor } fragment F on Query { eventCursor }",
        "There is more than one fragment `F`.",
        "",
    ),
    ("{ ... on Date { id } }", "A fragment must be on an object, an interface or a union.", ""),
    ("{ ...F } fragment F on Date { id }", "Fragment `F` must be on an object, an interface or a union.", ""),
    ("{ ... on Gig { id } }", "A fragment on `Gig` can never apply here.", ""),
    ("{ ...F } fragment F on Gig { id }", "Fragment `F` on `Gig` can never apply here.", ""),
    ("query A { eventCursor } query A { eventCursor }", "There is more than one operation `A`.", ""),
    ("{ eventCursor } query A { eventCursor }", "An operation without a name must be the only one.", ""),
    ("{ eventCursor } type A { b: Int }", "Only operations and fragments can be executed.", ""),
    (
        "{ a: eventCursor a: limits { gig { titleMinChars } } }",
        "`a` is the response name of fields of different types: use different aliases.",
        "",
    ),
    (
        "{ viewer { user { a: id a: displayName } } }",
        "`a` is the response name of fields of different types: use different aliases.",
        "",
    ),
    (
        "{ limits { gig { a: linksMax a: tagsMax } } }",
        "`a` is the response name of different fields: use different aliases.",
        "",
    ),
    (
        "{ gigs(orderBy: NEWES) { totalCount } }",
        "Argument `orderBy` cannot be `NEWES`, which is not a value of its enum.",
        "Argument `orderBy` cannot be `NEWES`, which is not a value of its enum. Did you mean `NEWEST`?",
    ),
    (
        "{ gigs(where: { selle: 1 }) { totalCount } }",
        "There is no input field `selle` here.",
        "There is no input field `selle` here. Did you mean `seller`?",
    ),
    ("{ gigs(where: { tags: [1] }) { totalCount } }", "Input field `tags` must be of type String.", ""),
    ("{ gigs(where: 1) { totalCount } }", "Argument `where` must be an input object.", ""),
    ("{ gigs(first: 2147483648) { totalCount } }", "Argument `first` must be of type Int.", ""),
    ("{ gig(id: null) { id } }", "Argument `id` cannot be null.", ""),
    ("query($a: Int = 1.5) { gigs(first: $a) { totalCount } }", "Variable `$a` must be of type Int.", ""),
    (
        "mutation { signIn(input: { email: \"\" }) { errors { code } } }",
        "The input field `password` is missing.",
        "",
    ),
    ("{ gigs(first: $n) { totalCount } }", "Variable `$n` is not declared.", ""),
];

#[test]
fn syntax_errors_have_plain_messages() {
    for (document, message) in [
        ("", "Expected an operation, but the document ends."),
        ("{ gigs ", "Expected `}`, but the document ends."),
        ("{ gigs : : secret }", "Expected a Name."),
        ("{ gigs(first: 1 \"secret\") }", "Expected `)`."),
        ("{ gigs(first: ) }", "Expected a value."),
        ("{ gigs \"secret\" }", "Expected `}`."),
        ("query($a: Int = $b) { gigs }", "Expected a value that is not a variable."),
        ("query() { gigs }", "Expected a Variable Definition."),
        ("secret", "Expected an operation or a fragment."),
        ("{ gigs } }", "Expected an operation or a fragment."),
        ("{ gigs(first: \"", "Expected the closing quotes of a string, but the document ends."),
        ("{ gigs(first: 1x) }", "Unexpected character `x` as integer suffix."),
        ("{ ... }", "Expected an Inline Fragment or a Fragment Spread."),
        ("{ gigs(first: 1 last) }", "Expected a colon and a value after this name."),
    ] {
        let errors = errors(document);
        assert_eq!(errors.first().map(|error| error.message.as_str()), Some(message), "{document}");
    }
}

#[test]
fn each_kind_of_diagnostic_has_a_message() {
    let (plain_validator, suggesting_validator) =
        (Validator::new(&sdl(), false), Validator::new(&sdl(), true));
    for (document, plain, suggesting) in CASES {
        let messages = |validator: &Validator| {
            let errors = validator.validate(document).expect_err(document);
            errors.into_iter().map(|error| error.message).collect::<Vec<_>>()
        };
        assert!(
            messages(&plain_validator).iter().any(|message| message == plain),
            "{document}\n{:#?}",
            messages(&plain_validator)
        );
        let suggesting = if suggesting.is_empty() { plain } else { suggesting };
        assert!(
            messages(&suggesting_validator).iter().any(|message| message == suggesting),
            "{document}\n{:#?}",
            messages(&suggesting_validator)
        );
    }
}

#[test]
fn an_error_has_its_line_and_column() {
    let error = errors("{\r\n  # ä\n  gig(id: 1) { nope }\n}").remove(0);
    assert_eq!(error.locations, [(3, 16)]);
}

#[test]
fn at_most_five_errors_are_reported() {
    let document = format!("{{ {} }}", "nope ".repeat(1000));
    assert_eq!(errors(&document).len(), 5);
}

#[test]
fn custom_scalars_are_named_only_with_suggestions() {
    const LITERAL: &str = "{ gigs(where: { minPrice: 5 }) { totalCount } }";
    const VARIABLE: &str = "query($f: GigFilter) { gigs(where: $f) { totalCount } }";
    let given = serde_json::json!({ "f": { "minPrice": 5 } });
    let given = given.as_object().expect("an object");
    for (suggestions, expected) in [(true, "must be of type Decimal."), (false, "is not valid for its type.")]
    {
        let validator = Validator::new(&sdl(), suggestions).with_scalars(|_, value, _| value.is_string());
        let literal = validator.validate(LITERAL).expect_err("5 is not a string").remove(0);
        assert!(literal.message.ends_with(expected), "{}", literal.message);
        let document = validator.validate(VARIABLE).expect("the document is valid");
        let variable = document.coerce_variables(None, given).expect_err("5 is not a string");
        assert!(variable.message.ends_with(expected), "{}", variable.message);
    }
}
