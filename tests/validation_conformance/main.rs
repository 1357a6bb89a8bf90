//! Compares validation and variable coercion with `graphql-js`, on documents that are generated from a fixed
//! seed: valid ones, and for each rule of section 5 of the specification ones that break the rule or come
//! close to it.
//!
//! Both must agree on every document. The exceptions are listed in [`KNOWN_DIFFERENCES`]. To cover another
//! rule, see `mutators/mod.rs`; to cover another kind of type, extend the schema in `test_schema.rs`.

mod document;
mod generate;
mod graphql_js;
mod literals;
mod mutators;
#[expect(dead_code, reason = "the API tests use the rest")]
#[path = "../api/support/npm.rs"]
mod npm;
mod printer;
mod random;
mod test_schema;
mod variables;

use std::collections::BTreeMap;

use document::Document;
use generate::Generator;
use gigway::engine::validation::{ErrorKind, ValidDocument, ValidationError, Validator, normalize};
use graphql_js::{Request, Response};
use literals::Literals;
use mutators::MUTATORS;
use printer::Printer;
use random::Random;
use serde_json::{Map, Value as Json};
use test_schema::{TestSchema, write_schema};

const SEED: u64 = 20_251;
/// The number of valid documents. Those with one operation have variable values.
const VALID_DOCUMENTS: usize = 4_000;
const DOCUMENTS_PER_MUTATOR: usize = 600;
/// How many documents `graphql-js` must reject by each rule, and how many of each mutator.
const MIN_REJECTED: usize = 200;

/// Documents that are valid by the specification and for gigway, but that `graphql-js` 16 rejects. Each has
/// the rule of `graphql-js` and the reason.
const KNOWN_DIFFERENCES: [(&str, &str, &str); 3] = [
    (
        "{ gigs(search: \"a\") { totalCount } gigs(search: \"\"\"a\"\"\") { totalCount } }",
        "OverlappingFieldsCanBeMergedRule",
        "equal values are equal arguments, but graphql-js distinguishes block strings from strings",
    ),
    (
        "{ gigs(search: \"\") { totalCount } gigs(search: \"\"\"\"\"\") { totalCount } }",
        "OverlappingFieldsCanBeMergedRule",
        "the same, for the empty string",
    ),
    (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "MaxIntrospectionDepthRule",
        "not a rule of the specification: gigway limits depth and introspection after validation",
    ),
];

type ValidationResult = Result<ValidDocument, Vec<ValidationError>>;

/// The label of documents that no mutator has changed.
const NO_MUTATOR: &str = "none";

struct Case {
    /// The rule that the mutator of the document targets.
    mutator: &'static str,
    request: Request,
}

fn generate_cases(schema: &TestSchema) -> Vec<Case> {
    let mut generator = Generator { schema, random: Random::new(SEED) };
    let mut print_random = Random::new(SEED + 1);
    let mut cases = Vec::new();
    let new_case = |mutator, document: &Document, variables, random: &mut Random| Case {
        mutator,
        request: Request { document: Printer::print(document, random), variables },
    };
    for _ in 0..VALID_DOCUMENTS {
        let document = generator.document();
        let only_operation = (document.operations.len() == 1).then(|| &document.operations[0]);
        let variables = only_operation.map(|operation| generator.variable_values(operation));
        cases.push(new_case(NO_MUTATOR, &document, variables, &mut print_random));
    }
    for (rule, mutate) in MUTATORS {
        let mut count = 0;
        while count < DOCUMENTS_PER_MUTATOR {
            let mut document = match rule {
                "subscription single root field" => generator.document_of_kind("subscription"),
                _ => generator.document(),
            };
            if mutate(&mut generator, &mut document) {
                cases.push(new_case(rule, &document, None, &mut print_random));
                count += 1;
            }
        }
    }
    for case in cases.iter_mut().filter(|case| case.mutator == "syntax") {
        edit_random_character(&mut generator.random, &mut case.request.document);
    }
    cases
}

/// Removes or inserts a character.
fn edit_random_character(random: &mut Random, text: &mut String) {
    let mut chars: Vec<char> = text.chars().collect();
    let index = random.below(chars.len());
    if random.percent(50) {
        chars.remove(index);
    } else {
        let candidates = [
            '{', '}', '(', ')', '[', '"', '\\', '!', '$', '@', ':', '=', '.', '1', '-', '\n', '#', '\u{0}',
            '|', '&', '%', 'ä',
        ];
        chars.insert(index, *random.pick(&candidates));
    }
    *text = chars.into_iter().collect();
}

/// How gigway and `graphql-js` disagree on a request. `None` if they agree.
fn disagreement(request: &Request, result: &ValidationResult, response: &Response) -> Option<String> {
    let document = match result {
        Ok(document) => document,
        Err(errors) => {
            if response.violated_rules.is_empty() {
                return Some(format!("only gigway rejects the document: {errors:?}"));
            }
            let is_syntax = errors.iter().any(|error| error.kind == ErrorKind::Syntax);
            if is_syntax != (response.violated_rules == ["Syntax"]) {
                return Some(format!(
                    "only one of them reports a syntax error: {:?}: {errors:?}",
                    response.violated_rules
                ));
            }
            let mut messages = errors.iter().map(|error| &error.message);
            return messages
                .find(|message| reveals_schema_names(message, &request.document))
                .map(|message| format!("the message reveals names of the schema: {message}"));
        }
    };
    if !response.violated_rules.is_empty() {
        return Some(format!("only graphql-js rejects the document: {:?}", response.violated_rules));
    }
    if let Err(difference) = compare_literals(&normalize(&request.document), response.literals.as_ref()) {
        return Some(difference);
    }
    let variables = request.variables.as_ref()?;
    match (document.coerce_variables(None, variables), &response.coerced_variables) {
        (Err(error), Some(_)) => Some(format!("only gigway rejects the variables: {}", error.message)),
        (Ok(_), None) => {
            Some(format!("only graphql-js rejects the variables: {:?}", response.variable_errors))
        }
        (Ok(actual), Some(expected)) if !equal_objects(&actual, expected) => Some(format!(
            "gigway coerces the variables to {}, graphql-js to {}",
            Json::Object(actual),
            Json::Object(expected.clone())
        )),
        _ => None,
    }
}

/// Checks that `async-graphql` parses the same literals from a normalized document as `graphql-js` from the
/// original.
fn compare_literals(normalized: &str, expected: Option<&Literals>) -> Result<(), String> {
    let parsed = Literals::parse_with_async_graphql(normalized)
        .map_err(|error| format!("async-graphql cannot parse the document: {error}\n{normalized}"))?;
    let are_equal = expected.is_some_and(|expected| *expected == parsed);
    are_equal
        .then_some(())
        .ok_or_else(|| format!("async-graphql parses {parsed:?} instead of {expected:?}\n{normalized}"))
}

/// Whether two values are equal, with numbers compared as JavaScript does.
fn equal_values(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal_values(left, right))
        }
        (Json::Object(left), Json::Object(right)) => equal_objects(left, right),
        _ => left == right,
    }
}

fn equal_objects(left: &Map<String, Json>, right: &Map<String, Json>) -> bool {
    left.len() == right.len()
        && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| equal_values(left, right)))
}

/// Whether an error message contains a name that is not in the document. The name of one missing required
/// argument or input field is allowed.
fn reveals_schema_names(message: &str, document: &str) -> bool {
    let names_required = message.contains(" needs the argument ") || message.contains(" is missing.");
    let names =
        message.split('`').skip(1).step_by(2).map(|name| name.trim_matches(['$', '@', '[', ']', '!']));
    let names = names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    names.filter(|name| !document.contains(name)).count() > usize::from(names_required)
}

#[test]
fn validation_agrees_with_graphql_js() {
    let (sdl, schema_file) = write_schema();
    let schema = TestSchema::new(&sdl);
    let validator = Validator::new(&sdl, false);
    let cases = generate_cases(&schema);
    let (mutators, requests): (Vec<_>, Vec<_>) =
        cases.into_iter().map(|case| (case.mutator, case.request)).unzip();
    assert!(requests.len() >= 20_000, "{} documents", requests.len());

    let (responses, results) = std::thread::scope(|scope| {
        let responses = scope.spawn(|| graphql_js::validate(&schema_file, &requests));
        let results: Vec<ValidationResult> =
            requests.iter().map(|request| validator.validate(&request.document)).collect();
        (responses.join().expect("graphql-js responds"), results)
    });
    assert_eq!(responses.len(), requests.len(), "graphql-js must respond to each request");

    let mut rejected_by_rule = BTreeMap::<&str, usize>::new();
    let mut rejected_by_mutator = BTreeMap::<&str, usize>::new();
    for (mutator, response) in mutators.iter().zip(&responses) {
        response.violated_rules.iter().for_each(|rule| *rejected_by_rule.entry(rule).or_default() += 1);
        *rejected_by_mutator.entry(mutator).or_default() += usize::from(!response.violated_rules.is_empty());
        *rejected_by_rule.entry("variable values").or_default() +=
            usize::from(!response.variable_errors.is_empty());
    }
    let coerced = responses.iter().filter(|response| response.coerced_variables.is_some()).count();
    println!("{} documents, {coerced} with valid variable values", requests.len());
    println!("rejected by rule: {rejected_by_rule:#?}\nrejected by mutator: {rejected_by_mutator:#?}");

    let mut disagreements = Vec::new();
    for (((mutator, request), result), response) in
        mutators.iter().zip(&requests).zip(&results).zip(&responses)
    {
        if let Some(disagreement) = disagreement(request, result, response) {
            let variables = request.variables.clone().map(Json::Object);
            disagreements.push(format!("{mutator}: {disagreement}\n{}\n{variables:?}", request.document));
        }
    }
    let total = disagreements.len();
    disagreements.sort();
    disagreements.dedup_by_key(|text| text.chars().take(40).collect::<String>());
    disagreements.truncate(8);
    assert!(disagreements.is_empty(), "{total} disagreements\n{}", disagreements.join("\n\n"));
    for (mutator, rejected) in rejected_by_mutator.iter().filter(|(mutator, _)| **mutator != NO_MUTATOR) {
        assert!(*rejected >= MIN_REJECTED, "{mutator}: {rejected} rejected");
    }
    assert_eq!(
        rejected_by_rule.len(),
        26 + 2,
        "each rule must reject documents, and so must syntax errors and variable values"
    );
    for (rule, rejected) in &rejected_by_rule {
        assert!(*rejected >= MIN_REJECTED, "{rule}: {rejected} rejected");
    }
}

#[test]
fn known_differences_from_graphql_js_still_exist() {
    let (sdl, schema_file) = write_schema();
    let validator = Validator::new(&sdl, false);
    let requests =
        KNOWN_DIFFERENCES.map(|(document, ..)| Request { document: document.to_owned(), variables: None });
    let responses = graphql_js::validate(&schema_file, &requests);
    for (response, (document, rule, reason)) in responses.iter().zip(KNOWN_DIFFERENCES) {
        assert_eq!(response.violated_rules, [rule], "{document}: {reason}");
        assert!(validator.validate(document).is_ok(), "{document}: {reason}");
    }
}

/// `async-graphql` rejects or misreads these literals even in normalized documents. They are only valid in
/// custom scalars, and no custom scalar of gigway accepts them.
#[test]
fn async_graphql_still_misreads_the_known_literals() {
    let (sdl, _) = write_schema();
    let validator = Validator::new(&sdl, false);
    for value in ["1e999", "trueish", "nullable", "falsehood"] {
        let document = format!("{{ _entities(representations: [{{ a: [{value}] }}]) {{ __typename }} }}");
        validator.validate(&document).expect("a custom scalar accepts any literal");
        let parsed = Literals::parse_with_async_graphql(&normalize(&document));
        assert!(
            !parsed.is_ok_and(|literals| literals.names.contains(&value.to_owned())),
            "async-graphql now parses {value}"
        );
    }
}
