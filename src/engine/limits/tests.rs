//! Each limit: at it, one past it, and a million past it.

use async_graphql::{Name, Request, ServerError};
use serde_json::json;

use crate::config::OperationLimits;
use crate::engine::limits::LimitExceeded;
use crate::engine::request_validator::RequestValidator;

fn validator(limits: OperationLimits) -> RequestValidator {
    RequestValidator::new(limits, true, &crate::graphql::sdl())
}

fn of_error(error: &ServerError, name: &str) -> String {
    let value = error.extensions.as_ref().and_then(|extensions| extensions.get(name));
    value.map(|value| value.to_string().trim_matches('"').to_owned()).unwrap_or_default()
}

fn code(query: &str) -> Option<String> {
    let error = validator(OperationLimits::default()).validate(Request::new(query)).err()?;
    Some(of_error(&error[0], "code"))
}

fn variables(json: serde_json::Value) -> async_graphql::Variables {
    async_graphql::Variables::from_json(json)
}

/// A limit, and a request that is as large as that.
struct Case {
    limit: LimitExceeded,
    most: usize,
    request: fn(usize) -> Request,
}

/// So many texts, one after the other.
fn repeated(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

fn cases() -> Vec<Case> {
    let limits = OperationLimits::default();
    let case = |limit, most, request| Case { limit, most, request };
    vec![
        case(LimitExceeded::DocumentBytes, limits.document_bytes, |bytes| {
            Request::new(format!("{{ __typename }}{}", " ".repeat(bytes - 14)))
        }),
        case(LimitExceeded::VariablesBytes, limits.variables_bytes, |bytes| {
            let text = "x".repeat(bytes - r#"{"a":""}"#.len());
            Request::new("{ __typename }").variables(variables(json!({ "a": text })))
        }),
        case(LimitExceeded::Tokens, limits.tokens, |tokens| {
            // The braces, and colons of aliases would be more.
            Request::new(format!("query A{{{}}}", "... ".repeat(tokens - 4)))
        }),
        case(LimitExceeded::Depth, limits.depth, |depth| {
            let levels = ["gigs(first: 1) {", "nodes {", "seller {"];
            let open: String = (0..depth - 1).map(|level| levels[level % levels.len()]).collect();
            Request::new(format!("{{ {open} __typename {} }}", "}".repeat(depth - 1)))
        }),
        case(LimitExceeded::Selections, limits.selections, |selections| {
            // One that is spread in another counts wherever that is.
            let uses = (selections - 2) / 50;
            let rest = selections - 50 * uses;
            let spreads = "...F ".repeat(uses);
            let fragment = format!("fragment F on Query {{ categories {{ {} }} }}", "id ".repeat(48));
            Request::new(format!("{{ {spreads} categories {{ {} }} }} {fragment}", "id ".repeat(rest - 1)))
        }),
        case(LimitExceeded::Aliases, limits.aliases, |aliases| {
            let aliased = repeated(aliases, |number| format!("a{number}:id "));
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
            // The page and what is on it.
            let first = cost - 1;
            let query = "query($n: Int) { gigs(first: $n) { nodes { id } } }";
            Request::new(query).variables(variables(json!({ "n": first })))
        }),
    ]
}

#[test]
fn each_limit_lets_in_what_keeps_it_and_names_itself_where_it_is_passed_by_one() {
    let validator = validator(OperationLimits::default());
    for Case { limit, most, request } in cases() {
        // A list costs what it has, and a selection a token: of those the other limit is out of the way.
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
        let admitted = validator.validate(request(most));
        // Not every one of them is GraphQL; but what is wrong with it then is not its size.
        if let Err(refused) = &admitted {
            assert_eq!(of_error(&refused[0], "code"), "GRAPHQL_PARSE_FAILED", "{limit:?}: {refused:?}");
            assert_eq!(limit, LimitExceeded::Tokens);
        }
        let refused = validator.validate(request(most + 1)).err().unwrap_or_else(|| panic!("{limit:?}"));
        let told = ["code", "limit", "allowed"].map(|name| of_error(&refused[0], name));
        let name: &str = limit.into();
        assert_eq!(told, ["QUERY_TOO_COMPLEX".to_owned(), name.to_owned(), most.to_string()], "{refused:?}");
        let of_no_document = matches!(
            limit,
            LimitExceeded::DocumentBytes | LimitExceeded::VariablesBytes | LimitExceeded::ListLength
        );
        assert_eq!(refused[0].locations.is_empty(), of_no_document, "{refused:?}");
    }
}

#[test]
fn a_million_past_a_limit_is_refused_by_the_first_limit_that_it_passes() {
    let validator = validator(OperationLimits::default());
    for Case { limit, most, request } in cases() {
        let refused =
            validator.validate(request(most + 1_000_000)).err().unwrap_or_else(|| panic!("{limit:?}"));
        assert_eq!(of_error(&refused[0], "code"), "QUERY_TOO_COMPLEX", "{limit:?}");
        let name: &str = limit.into();
        let first = of_error(&refused[0], "limit");
        assert!([name, "documentBytes", "variablesBytes"].contains(&first.as_str()), "{limit:?}: {first}");
    }
    // Nor does it come far where documents may be large: what is one too many ends it.
    let large = OperationLimits {
        document_bytes: usize::MAX,
        variables_bytes: usize::MAX,
        ..validator.limits().clone()
    };
    let validator = self::validator(large);
    for Case { limit, most, request } in cases() {
        if !matches!(limit, LimitExceeded::DocumentBytes | LimitExceeded::VariablesBytes) {
            let refused =
                validator.validate(request(most + 1_000_000)).err().unwrap_or_else(|| panic!("{limit:?}"));
            assert_eq!(of_error(&refused[0], "code"), "QUERY_TOO_COMPLEX", "{limit:?}");
        }
    }
}

#[test]
fn fragments_are_counted_where_they_are_spread_and_looked_at_once() {
    let fragments = |levels: usize| {
        let mut query = "query { ...F0 }".to_owned();
        for level in 0..levels {
            let next = level + 1;
            query = format!("{query} fragment F{level} on Query {{ ...F{next} ...F{next} }}");
        }
        format!("{query} fragment F{levels} on Query {{ categories {{ id }} }}")
    };
    assert_eq!(code(&fragments(4)), None);
    assert_eq!(code(&fragments(300)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    let cycle = "{ ...A } fragment A on Query { ...A ...B } fragment B on Query { ...A }";
    assert_eq!(code(cycle).as_deref(), Some("GRAPHQL_VALIDATION_FAILED"));
    // However they are put inside one another, and in whichever order they are looked at.
    let chain = |count: usize| {
        let chain = repeated(count, |level| format!(" fragment F{level} on Query {{ ...F{} }}", level + 1));
        format!("{{ ...F0 }} {chain} fragment F{count} on Query {{ __typename }}")
    };
    assert_eq!(code(&chain(98)), None);
    assert_eq!(code(&chain(99)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    assert_eq!(code(&chain(590)).as_deref(), Some("QUERY_TOO_COMPLEX"));
    let circle =
        repeated(500, |level| format!(" fragment F{level} on Query {{ ...F{} }}", (level + 1) % 500));
    assert_eq!(code(&format!("{{ ...F0 }} {circle}")).as_deref(), Some("QUERY_TOO_COMPLEX"));
}

#[test]
fn what_an_operation_costs_is_told_before_it_runs() {
    let validator = validator(OperationLimits { cost: u64::MAX, ..OperationLimits::default() });
    let cost = |query: &str, given: serde_json::Value| {
        let request = Request::new(query).variables(variables(given));
        validator.validate(request).map(|admitted| admitted.cost).expect("it is admitted")
    };
    let none = || json!({});
    assert_eq!(cost("{ eventCursor }", none()), 0);
    assert_eq!(cost("{ gig(id: 1) { title tags price { amount } } }", none()), 2);
    // 1 page, 20 gigs with a seller each, a pageInfo.
    assert_eq!(cost("{ gigs { nodes { seller { id } } pageInfo { endCursor } } }", none()), 42);
    // What is counted and searched for has a price of its own, however little there is.
    assert_eq!(cost("{ gigs(first: 0) { totalCount } }", none()), 1 + 20);
    assert_eq!(
        cost("query($s: String) { gigs(first: 0, search: $s) { __typename } }", json!({ "s": "a" })),
        1 + 10
    );
    assert_eq!(
        cost("query($s: String) { gigs(first: 0, search: $s) { __typename } }", json!({ "s": null })),
        1
    );
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
    assert_eq!(cost("{ nodes(ids: [1, 2, 3]) { ... on Gig { seller { id } } } }", none()), 6);
    assert_eq!(cost("{ nodes(ids: 1) { id } }", none()), 1);
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
fn a_variable_that_is_left_out_has_its_default_or_is_told() {
    let validator = validator(OperationLimits::default());
    let request = Request::new("query($a: Int! = 3, $b: Int) { gigs(first: $a, last: $b) { __typename } }");
    let request = validator.validate(request).unwrap_or_else(|refused| panic!("{refused:?}")).request;
    assert_eq!(request.variables.get(&Name::new("a")), Some(&3.into()));
    assert_eq!(request.variables.get(&Name::new("b")), None);
    assert_eq!(code("query($a: Int!) { gigs(first: $a) { __typename } }").as_deref(), Some("BAD_USER_INPUT"));
}

#[test]
fn a_variable_is_of_a_type_that_variables_have() {
    for bad in ["Nope", "[Nope!]", "Gig", "Node", "ReviewSubject", "Query"] {
        assert_eq!(
            code(&format!("query($a: {bad}) {{ __typename }}")).as_deref(),
            Some("GRAPHQL_VALIDATION_FAILED")
        );
    }
    for good in [
        "query($a: Int) { gigs(first: $a) { __typename } }",
        "query($a: [ID!]! = []) { nodes(ids: $a) { __typename } }",
        "query($a: GigFilter) { gigs(where: $a) { __typename } }",
        "query($a: GigOrder) { gigs(orderBy: $a) { __typename } }",
        "query($a: [_Any!]! = []) { _entities(representations: $a) { __typename } }",
        "mutation($a: Upload! = \"\") { uploadGigImage(file: $a) { __typename } }",
    ] {
        assert_eq!(code(good), None, "{good}");
    }
    // No argument has this type; the variable is refused for being unused, not for its type.
    let unused =
        validator(OperationLimits::default()).validate(Request::new("query($a: DateTime) { __typename }"));
    assert!(unused.err().expect("it is unused")[0].message.contains("never used"));
}

#[test]
fn a_subscription_has_one_field() {
    for good in [
        "subscription { a: gigPublished { gigId } }",
        "subscription { ...F } fragment F on Subscription { gigPublished { gigId } }",
        "subscription { gigPublished { gigId } gigPublished { cursor } }",
    ] {
        assert_eq!(code(good), None, "{good}");
    }
    for bad in [
        "subscription { a: gigPublished { gigId } b: gigPublished { gigId } }",
        "subscription { __typename }",
    ] {
        assert_eq!(code(bad).as_deref(), Some("GRAPHQL_VALIDATION_FAILED"), "{bad}");
    }
}

#[test]
fn the_schema_shows_itself_only_where_it_may() {
    let closed = RequestValidator::new(OperationLimits::default(), false, &crate::graphql::sdl());
    for query in
        ["{ __schema { types { name } } }", "{ ...F } fragment F on Query { __type(name: \"Gig\") { name } }"]
    {
        let refused = closed.validate(Request::new(query)).err().expect("it is refused");
        assert_eq!(of_error(&refused[0], "code"), "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(code(query), None);
    }
    assert!(closed.validate(Request::new("{ __typename }")).is_ok());
}
