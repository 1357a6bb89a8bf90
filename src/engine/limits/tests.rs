//! Tests each limit with a request at the limit, one beyond it, and a million beyond it. Also tests the cost,
//! and other checks of requests.

use async_graphql::{Name, Request, ServerError};
use serde_json::json;
use strum::VariantNames;

use crate::config::OperationLimits;
use crate::domain::limits::Limits;
use crate::engine::limits::LimitExceeded;
use crate::engine::limits::list_lengths::ListLengths;
use crate::engine::request_validator::RequestValidator;
use crate::graphql::Schema;

fn validator(limits: OperationLimits) -> RequestValidator {
    validator_with(limits, true)
}

fn validator_with(limits: OperationLimits, introspection: bool) -> RequestValidator {
    let list_lengths = ListLengths::new(&Limits::default(), 27);
    RequestValidator::new(limits, introspection, &Schema::new(true).sdl(), &list_lengths)
}

/// A value of the error's extensions; empty if it is not set.
fn extension(error: &ServerError, name: &str) -> String {
    let value = error.extensions.as_ref().and_then(|extensions| extensions.get(name));
    value.map(|value| value.to_string().trim_matches('"').to_owned()).unwrap_or_default()
}

/// The code of the first error; `None` if the document is accepted.
fn error_code(query: &str) -> Option<String> {
    let error = validator(OperationLimits::default()).validate(Request::new(query)).err()?;
    Some(extension(&error.errors[0], "code"))
}

fn variables(json: serde_json::Value) -> async_graphql::Variables {
    async_graphql::Variables::from_json(json)
}

/// A limit, its default, and a request of a given size.
struct Case {
    limit: LimitExceeded,
    max: usize,
    request: fn(usize) -> Request,
}

/// The texts of the numbers below `count`, joined.
fn join(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

fn cases() -> Vec<Case> {
    let limits = OperationLimits::default();
    let case = |limit, max, request| Case { limit, max, request };
    vec![
        case(LimitExceeded::DocumentBytes, limits.document_bytes, |bytes| {
            Request::new(format!("{{ __typename }}{}", " ".repeat(bytes - 14)))
        }),
        case(LimitExceeded::VariablesBytes, limits.variables_bytes, |bytes| {
            let text = "x".repeat(bytes - r#"{"a":""}"#.len());
            Request::new("{ __typename }").variables(variables(json!({ "a": text })))
        }),
        case(LimitExceeded::Tokens, limits.tokens, |tokens| {
            // The document is malformed: a valid one with so many tokens would exceed another limit first.
            Request::new(format!("query A{{{}}}", "... ".repeat(tokens - 4)))
        }),
        case(LimitExceeded::Depth, limits.depth, |depth| {
            let levels = ["gigs(first: 1) {", "nodes {", "seller {"];
            let open: String = (0..depth - 1).map(|level| levels[level % levels.len()]).collect();
            Request::new(format!("{{ {open} __typename {} }}", "}".repeat(depth - 1)))
        }),
        case(LimitExceeded::Selections, limits.selections, |selections| {
            // The content of the fragment counts at each spread.
            let uses = (selections - 2) / 50;
            let rest = selections - 50 * uses;
            let spreads = "...F ".repeat(uses);
            let fragment = format!("fragment F on Query {{ categories {{ {} }} }}", "id ".repeat(48));
            Request::new(format!("{{ {spreads} categories {{ {} }} }} {fragment}", "id ".repeat(rest - 1)))
        }),
        case(LimitExceeded::Aliases, limits.aliases, |aliases| {
            let aliased = join(aliases, |number| format!("a{number}:id "));
            Request::new(format!("{{ categories {{ {aliased} }} }}"))
        }),
        case(LimitExceeded::Directives, limits.directives, |directives| {
            Request::new(format!("{{ categories {{ {} }} }}", "id @skip(if:false) ".repeat(directives)))
        }),
        case(LimitExceeded::RootFields, limits.root_fields, |fields| {
            Request::new(format!("{{ {} }}", "__typename ".repeat(fields)))
        }),
        case(LimitExceeded::ListLength, limits.list_length, |length| {
            let ids = vec![""; length];
            let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }";
            Request::new(query).variables(variables(json!({ "ids": ids })))
        }),
        case(LimitExceeded::IntrospectionLists, limits.introspection_lists, |lists| {
            let inner = lists - 1;
            Request::new(format!(
                "{{ __schema {{ types {{ {} name {} }} }} }}",
                "interfaces { ".repeat(inner),
                "}".repeat(inner)
            ))
        }),
        case(LimitExceeded::Cost, usize::try_from(limits.cost).unwrap(), |cost| {
            // The page costs 1, and each gig costs 1.
            let first = cost - 1;
            let query = "query($n: Int) { gigs(first: $n) { nodes { id } } }";
            Request::new(query).variables(variables(json!({ "n": first })))
        }),
    ]
}

#[test]
fn each_limit_accepts_its_maximum_and_rejects_one_more() {
    let limits: Vec<&str> = cases().iter().map(|case| case.limit.into()).collect();
    let (response_bytes, of_requests) = LimitExceeded::VARIANTS.split_last().expect("variants");
    assert_eq!((limits, *response_bytes), (of_requests.to_vec(), "responseBytes"), "each limit has a case");
    let validator = validator(OperationLimits::default());
    for Case { limit, max, request } in cases() {
        // A long list and many selections would exceed other limits first.
        let validator = match limit {
            LimitExceeded::ListLength => {
                &self::validator(OperationLimits { cost: 10_000, ..validator.limits().clone() })
            }
            LimitExceeded::Selections => &self::validator(OperationLimits {
                root_fields: 200,
                cost: 1_000_000,
                ..validator.limits().clone()
            }),
            _ => &validator,
        };
        // The document of `Tokens` is malformed, but its size is accepted.
        if let Err(invalid) = validator.validate(request(max)) {
            assert_eq!(
                extension(&invalid.errors[0], "code"),
                "GRAPHQL_PARSE_FAILED",
                "{limit:?}: {invalid:?}"
            );
            assert_eq!(limit, LimitExceeded::Tokens);
        }
        let invalid = validator.validate(request(max + 1)).err().unwrap_or_else(|| panic!("{limit:?}"));
        let extensions = ["code", "limit", "allowed"].map(|name| extension(&invalid.errors[0], name));
        let name: &str = limit.into();
        let expected = ["QUERY_TOO_COMPLEX".to_owned(), name.to_owned(), max.to_string()];
        assert_eq!(extensions, expected, "{invalid:?}");
        let has_no_position = matches!(
            limit,
            LimitExceeded::DocumentBytes | LimitExceeded::VariablesBytes | LimitExceeded::ListLength
        );
        assert_eq!(invalid.errors[0].locations.is_empty(), has_no_position, "{invalid:?}");
    }
}

#[test]
fn a_million_beyond_a_limit_is_rejected() {
    let validator = validator(OperationLimits::default());
    for Case { limit, max, request } in cases() {
        let invalid =
            validator.validate(request(max + 1_000_000)).err().unwrap_or_else(|| panic!("{limit:?}"));
        assert_eq!(extension(&invalid.errors[0], "code"), "QUERY_TOO_COMPLEX", "{limit:?}");
        let name: &str = limit.into();
        let first = extension(&invalid.errors[0], "limit");
        assert!([name, "documentBytes", "variablesBytes"].contains(&first.as_str()), "{limit:?}: {first}");
    }
    // With large documents allowed, the check of the limit itself stops early.
    let large = OperationLimits {
        document_bytes: usize::MAX,
        variables_bytes: usize::MAX,
        ..validator.limits().clone()
    };
    let validator = self::validator(large);
    for Case { limit, max, request } in cases() {
        if !matches!(limit, LimitExceeded::DocumentBytes | LimitExceeded::VariablesBytes) {
            let invalid =
                validator.validate(request(max + 1_000_000)).err().unwrap_or_else(|| panic!("{limit:?}"));
            assert_eq!(extension(&invalid.errors[0], "code"), "QUERY_TOO_COMPLEX", "{limit:?}");
        }
    }
}

#[test]
fn fragments_count_at_each_spread_and_are_visited_once() {
    let fragments = |levels: usize| {
        let mut query = "query { ...F0 }".to_owned();
        for level in 0..levels {
            let next = level + 1;
            query = format!("{query} fragment F{level} on Query {{ ...F{next} ...F{next} }}");
        }
        format!("{query} fragment F{levels} on Query {{ categories {{ id }} }}")
    };
    assert_eq!(error_code(&fragments(4)), None);
    assert_eq!(error_code(&fragments(300)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    let cycle = "{ ...A } fragment A on Query { ...A ...B } fragment B on Query { ...A }";
    assert_eq!(error_code(cycle).as_deref(), Some("GRAPHQL_VALIDATION_FAILED"));
    // A long chain is rejected, whatever the order of the visits.
    let chain = |count: usize| {
        let chain = join(count, |level| format!(" fragment F{level} on Query {{ ...F{} }}", level + 1));
        format!("{{ ...F0 }} {chain} fragment F{count} on Query {{ __typename }}")
    };
    assert_eq!(error_code(&chain(98)), None);
    assert_eq!(error_code(&chain(99)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    assert_eq!(error_code(&chain(590)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    let cycle = join(500, |level| format!(" fragment F{level} on Query {{ ...F{} }}", (level + 1) % 500));
    assert_eq!(error_code(&format!("{{ ...F0 }} {cycle}")).as_deref(), Some("QUERY_TOO_COMPLEX"));
}

#[test]
fn the_cost_of_an_operation_is_computed_before_it_runs() {
    let validator = validator(OperationLimits { cost: u64::MAX, ..OperationLimits::default() });
    let cost = |query: &str, values: serde_json::Value| {
        let request = Request::new(query).variables(variables(values));
        validator.validate(request).map(|operation| operation.cost).expect("the request is valid")
    };
    let none = || json!({});
    assert_eq!(cost("{ eventCursor }", none()), 0);
    assert_eq!(cost("{ gig(id: 1) { title tags price { amount } } }", none()), 2);
    // A page, 20 gigs with a seller each, and a pageInfo.
    assert_eq!(cost("{ gigs { nodes { seller { id } } pageInfo { endCursor } } }", none()), 42);
    // Counts and searches have a cost, however little they find.
    assert_eq!(cost("{ gigs(first: 0) { totalCount } }", none()), 1 + 20);
    assert_eq!(
        cost("query($s: String) { gigs(first: 0, search: $s) { __typename } }", json!({ "s": "a" })),
        1 + 100 + 20
    );
    assert_eq!(
        cost("query($s: String) { gigs(first: 0, search: $s) { __typename } }", json!({ "s": null })),
        1
    );
    for (search, words) in
        [("two designs", 10 + 15), ("hand-made", 15 * 3), ("C++ Ä", 10 + 20), ("漢字処理", 3 * 5)]
    {
        let query = format!("{{ gigs(first: 0, search: \"{search}\") {{ __typename }} }}");
        assert_eq!(cost(&query, none()), 1 + 100 + words, "{search}");
    }
    let facets =
        "{ gigs(first: 0) { facets { categories { count } priceRanges { count } tags { count } } } }";
    assert_eq!(cost(facets, none()), 1 + 1 + 27 + 20 + 7 + 20 + 20 + 50);
    let page = "query($n: Int) { gigs(first: $n) { edges { node { images { url } } } } }";
    assert_eq!(cost(page, json!({ "n": 3 })), 1 + 3 * (1 + 1 + 5));
    let fragment =
        "query($n: Int = 7) { gigs(last: $n) { ...P } } fragment P on GigConnection { nodes { id } }";
    assert_eq!(cost(fragment, none()), 8);
    assert_eq!(cost(fragment, json!({ "n": 2 })), 3);
    assert_eq!(cost(fragment, json!({ "n": -2 })), 1);
    assert_eq!(cost("{ nodes(ids: [1, 2, 3]) { ... on Gig { seller { id } } } }", none()), 6 + 1);
    assert_eq!(cost("{ nodes(ids: 1) { id } }", none()), 1 + 1);
    assert_eq!(
        cost("mutation { a: pauseGig(id: 1) { gig { id } } b: signOut { sessionsEnded } }", none()),
        23
    );
    assert_eq!(cost("{ __schema { types { name } } }", none()), 100);
    let deep = "{ gigs(first: 100) { nodes { seller { gigs(first: 100) { nodes { seller { gigs(first: 100) \
                { nodes { id } } } } } } } } }";
    assert_eq!(cost(deep, none()), 1 + 100 * (1 + 1 + 1 + 100 * (1 + 1 + 1 + 100)));
}

#[test]
fn a_missing_variable_gets_its_default_or_is_rejected() {
    let validator = validator(OperationLimits::default());
    let request = Request::new("query($a: Int! = 3, $b: Int) { gigs(first: $a, last: $b) { __typename } }");
    let request = validator.validate(request).unwrap_or_else(|invalid| panic!("{invalid:?}")).request;
    assert_eq!(request.variables.get(&Name::new("a")), Some(&3.into()));
    assert_eq!(request.variables.get(&Name::new("b")), None);
    assert_eq!(
        error_code("query($a: Int!) { gigs(first: $a) { __typename } }").as_deref(),
        Some("BAD_USER_INPUT")
    );
}

#[test]
fn a_variable_must_be_of_an_input_type() {
    for invalid in ["Nope", "[Nope!]", "Gig", "Node", "ReviewSubject", "Query"] {
        assert_eq!(
            error_code(&format!("query($a: {invalid}) {{ __typename }}")).as_deref(),
            Some("GRAPHQL_VALIDATION_FAILED")
        );
    }
    for valid in [
        "query($a: Int) { gigs(first: $a) { __typename } }",
        "query($a: [ID!]! = []) { nodes(ids: $a) { __typename } }",
        "query($a: GigFilter) { gigs(where: $a) { __typename } }",
        "query($a: GigOrder) { gigs(orderBy: $a) { __typename } }",
        "query($a: [_Any!]! = []) { _entities(representations: $a) { __typename } }",
        "mutation($a: Upload! = \"\") { uploadGigImage(file: $a) { __typename } }",
    ] {
        assert_eq!(error_code(valid), None, "{valid}");
    }
    // No argument has this type: the error is that the variable is unused, not its type.
    let unused =
        validator(OperationLimits::default()).validate(Request::new("query($a: DateTime) { __typename }"));
    assert!(unused.err().expect("the variable is unused").errors[0].message.contains("never used"));
}

#[test]
fn a_subscription_must_have_one_root_field() {
    for valid in [
        "subscription { a: gigPublished { gigId } }",
        "subscription { ...F } fragment F on Subscription { gigPublished { gigId } }",
        "subscription { gigPublished { gigId } gigPublished { cursor } }",
    ] {
        assert_eq!(error_code(valid), None, "{valid}");
    }
    for invalid in [
        "subscription { a: gigPublished { gigId } b: gigPublished { gigId } }",
        "subscription { __typename }",
    ] {
        assert_eq!(error_code(invalid).as_deref(), Some("GRAPHQL_VALIDATION_FAILED"), "{invalid}");
    }
}

#[test]
fn introspection_is_rejected_if_it_is_switched_off() {
    let without_introspection = validator_with(OperationLimits::default(), false);
    for query in
        ["{ __schema { types { name } } }", "{ ...F } fragment F on Query { __type(name: \"Gig\") { name } }"]
    {
        let invalid =
            without_introspection.validate(Request::new(query)).err().expect("introspection is rejected");
        assert_eq!(extension(&invalid.errors[0], "code"), "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(error_code(query), None);
    }
    assert!(without_introspection.validate(Request::new("{ __typename }")).is_ok());
}

#[test]
fn selections_count_in_all_operations_of_a_document() {
    let fields = "id ".repeat(100);
    let operations = join(60, |number| format!("query A{number} {{ ...F }} "));
    let document = format!("{operations} fragment F on Query {{ categories {{ {fields} }} }}");
    let invalid = validator(OperationLimits::default()).validate(Request::new(document).operation_name("A1"));
    let error = &invalid.err().expect("there are too many selections").errors[0];
    assert_eq!(
        (extension(error, "code"), extension(error, "limit")),
        ("QUERY_TOO_COMPLEX".into(), "selections".into())
    );
}

#[test]
fn a_fragment_that_is_spread_deep_counts_all_of_its_levels() {
    // Each fragment is visited first at a level where it is not nested, and later inside the others.
    let names: Vec<_> = (0..80).map(|number| format!("F{number:02}")).collect();
    let fragments = join(names.len(), |number| {
        let name = &names[number];
        let next = names
            .get(number + 1)
            .map_or_else(|| "id".to_owned(), |next| format!("... on Gig {{ ...{next} }}"));
        format!("fragment {name} on Gig {{ {next} }} ")
    });
    let visits = join(names.len(), |number| format!("...{} ", names[names.len() - 1 - number]));
    let document = format!("{{ gigs(first: 1) {{ nodes {{ {visits} }} }} }} {fragments}");
    assert_eq!(error_code(&document).as_deref(), Some("QUERY_TOO_COMPLEX"));
}

/// A document whose fields can be merged in exponentially many ways, which the limit of selections prevents.
#[test]
fn a_document_that_the_library_cannot_parse_is_not_checked_by_the_rules_of_the_schema() {
    let states = 24;
    let fragments = join(2 * states, |number| {
        let (layer, state) = (number / 2, number % 2);
        let next = layer + 1;
        format!(
            "fragment F{layer}S{state} on __Type {{ a: ofType {{ ...F{next}S0 ...F{next}S1 }} b: ofType {{ ...F{next}S0 }} }} "
        )
    });
    let leaves =
        format!("fragment F{states}S0 on __Type {{ name }} fragment F{states}S1 on __Type {{ kind }}");
    let attack = format!("query Q {{ __type(name: \"Gig\") {{ ...F0S0 ...F0S1 }} }} {fragments} {leaves}");
    assert_eq!(error_code(&attack).as_deref(), Some("QUERY_TOO_COMPLEX"));
    let unreadable = format!("{attack} query A {{ __typename }} query A {{ __typename }}");
    let invalid = validator(OperationLimits::default()).validate(Request::new(unreadable));
    let error = &invalid.err().expect("two operations have one name").errors[0];
    assert_eq!(extension(error, "code"), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(error.message, "There is more than one operation `A`.");
}

#[test]
fn a_retry_is_recognized_by_what_the_client_sent() {
    let query = "mutation($ids: [ID!], $n: Int = 3) { saveGigDraft(input: { title: \"Song\", imageIds: $ids, deliveryDays: $n }) { gig { id } } }";
    let sent = variables(json!({ "ids": "img_1", "unknown": 1 }));
    let request = Request::new(query).variables(sent.clone()).operation_name("anything");
    let operation = validator(OperationLimits::default()).validate(request).expect("the request is valid");
    assert_eq!(operation.request.variables, variables(json!({ "ids": ["img_1"], "n": 3 })));
    let sent_request = operation.sent.expect("a mutation may be retried");
    assert_eq!((sent_request.variables, sent_request.operation_name.as_deref()), (sent, Some("anything")));
}
