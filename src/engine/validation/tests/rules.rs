//! The rules of section 5 of the specification that `apollo-compiler` does not check, or checks differently.

use super::{VALIDATOR, accept, first_message};

#[test]
fn a_string_for_an_enum_is_rejected() {
    assert_eq!(
        first_message(r#"{ gigs(orderBy: "NEWEST") { totalCount } }"#),
        "Argument `orderBy` must be an enum value, without quotes."
    );
}

#[test]
fn a_duplicate_input_field_is_rejected() {
    assert_eq!(
        first_message("{ gigs(where: { seller: 1, seller: 1 }) { totalCount } }"),
        "Input field `seller` is given more than once."
    );
    assert_eq!(
        first_message("{ _entities(representations: [{ a: { b: 1, b: 2 } }]) { __typename } }"),
        "Input field `b` is given more than once."
    );
}

#[test]
fn a_variable_of_a_wrong_type_is_rejected() {
    for declaration in ["SignInInput", "GigFilter!]", "[GigFilter]"] {
        let document = format!("query($w: {declaration}) {{ gigs(where: $w) {{ totalCount }} }}");
        assert!(VALIDATOR.validate(&document).is_err(), "{document}");
    }
    assert_eq!(
        first_message("query($i: ID) { gig(id: $i) { id } }"),
        "Variable `$i` of type `ID` cannot be used here."
    );
    first_message("query($i: String!) { gig(id: $i) { id } }");
    first_message("query($i: ID = null) { gig(id: $i) { id } }");
    first_message("query($i: ID) { nodes(ids: [$i]) { id } }");
    first_message(
        "mutation($e: String) { signIn(input: { email: $e, password: \"\" }) { errors { code } } }",
    );
}

#[test]
fn a_nullable_variable_with_a_default_value_is_accepted_for_a_non_null_type() {
    accept("query($i: ID = 1) { gig(id: $i) { id } }");
    first_message("query($i: ID = 1) { nodes(ids: $i) { id } }");
}

#[test]
fn directives_and_arguments_of_typename_are_checked() {
    assert_eq!(first_message("{ __typename @nope }"), "There is no directive `@nope`.");
    assert_eq!(first_message("{ __typename(x: 1) }"), "Field `__typename` has no argument `x`.");
    accept("query($v: Boolean!) { __typename @include(if: $v) }");
}

#[test]
fn fields_that_cannot_be_merged_are_rejected() {
    assert_eq!(
        first_message(
            "{ a: gigs(first: 1, orderBy: OLDEST) { nodes { id } } ...F }
             fragment F on Query { a: gigs(first: 1, orderBy: NEWEST) { nodes { title } } }"
        ),
        "`a` is the response name of fields with different arguments: use different aliases."
    );
    assert_eq!(
        first_message("{ node(id: 1) { ... on Gig { x: title } ... on User { x: level } } }"),
        "`x` is the response name of fields of different types: use different aliases."
    );
}

#[test]
fn lists_of_different_lengths_are_different_arguments() {
    first_message("{ a: nodes(ids: [1]) { id } a: nodes(ids: [1, 2]) { id } }");
    first_message(
        "{ gigs(where: { tags: [] }) { totalCount } gigs(where: { tags: [\"a\"] }) { totalCount } }",
    );
    accept("{ a: nodes(ids: [1, 2]) { id } a: nodes(ids: [1, 2]) { id } }");
}

#[test]
fn a_subscription_must_have_one_root_field() {
    accept("subscription { gigPublished { cursor } gigPublished { delivery } }");
    accept("subscription { ...F } fragment F on Subscription { a: gigPublished { cursor } }");
    accept("subscription { gigPublished { cursor } b: gigPublished @skip(if: true) { cursor } }");
    assert_eq!(
        first_message(
            "subscription S { gigPublished { cursor } ...F } fragment F on Subscription { a: gigPublished { cursor } }"
        ),
        "Subscription `S` must select exactly one root field."
    );
    assert_eq!(
        first_message("subscription { __typename }"),
        "A subscription cannot select an introspection field at its root."
    );
    assert_eq!(
        first_message("subscription($b: Boolean!) { gigPublished @include(if: $b) { cursor } }"),
        "A subscription cannot skip or include its root field by a variable."
    );
}

#[test]
fn introspection_is_accepted() {
    accept(
        "{ __schema { types { name fields(includeDeprecated: true) { name } } } __type(name: \"Gig\") { kind } }",
    );
}

#[test]
fn a_custom_scalar_accepts_any_value_without_a_check() {
    accept("{ _entities(representations: [[null], { a: [1.5, X] }, \"b\", true]) { __typename } }");
    first_message("{ _entities(representations: [null]) { __typename } }");
    first_message("{ _entities(representations: [{ a: $b }]) { __typename } }");
}
