//! The verdicts of `validation` beside those of `graphql-js`, on documents that a seed makes: valid ones, and for each
//! rule of section 5 of the specification ones that break it or nearly do; and on values of variables.
//!
//! They agree on each, but for what [`DIFFERENCES`] lists.

mod break_fragments;
mod break_structure;
mod break_values;
mod catalog;
mod document;
mod generate;
mod json;
#[expect(dead_code, reason = "the API tests use the rest")]
#[path = "../api/support/npm.rs"]
mod npm;
mod peer;
mod printer;
mod random;
mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use document::Document;
use generate::Generator;
use gigway::engine::validation::{ErrorKind, ValidDocument, ValidationError, Validator, normalize};
use peer::{Answer, Request, Values};
use printer::Printer;
use random::Random;
use serde_json::{Map, Value as Json};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
/// What the schema has not, and a later one may: floats, lists in lists, required things with default values.
const ADDED: &str = "
extend type Query {
  measure(in: Measure! = { factor: 2 }, factor: Float, table: [[Int!]!], flags: [Boolean]! = [true], number: Int! = 7): Float
  measured(measures: [Measure], key: ID! = 5): [Measured!]
}
input Measure { factor: Float! name: String! = \"none\" tags: [String!]! = [\"a\"] within: Measure order: GigOrder! = NEWEST key: ID = 5 }
type Measured { factor(of: Float! = 1.5): Float within: [[Measured]!] measure(in: Measure): Int! }
";
const SEED: u64 = 20_251;
/// Documents that no rule is to refuse, each with values for its variables.
const VALID: usize = 4_000;
/// Documents of each change.
const CHANGED: usize = 600;
/// So many documents at least `graphql-js` refuses by each rule, and so many of each change.
const REFUSED_MIN: usize = 200;

/// Where `graphql-js` 16 refuses what the specification does not, and neither does this crate.
const DIFFERENCES: [(&str, &str, &str); 3] = [
    (
        "{ gigs(search: \"a\") { totalCount } gigs(search: \"\"\"a\"\"\") { totalCount } }",
        "OverlappingFieldsCanBeMergedRule",
        "arguments are the same where their values are: graphql-js takes a block string for another value",
    ),
    (
        "{ gigs(search: \"\") { totalCount } gigs(search: \"\"\"\"\"\") { totalCount } }",
        "OverlappingFieldsCanBeMergedRule",
        "the same, of the empty string",
    ),
    (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "MaxIntrospectionDepthRule",
        "no rule of the specification: the gateway limits depth, and closes introspection, by itself",
    ),
];

type Change = fn(&mut Generator<'_>, &mut Document) -> bool;

/// The changes, by the rule that each is made for.
const CHANGES: [(&str, Change); 29] = [
    ("executable definitions", break_structure::executable_definitions),
    ("operation name uniqueness", break_structure::operation_names),
    ("lone anonymous operation", break_structure::lone_anonymous_operation),
    ("subscription single root field", break_structure::single_root_field),
    ("field selections", break_structure::field_names),
    ("field selection merging", break_structure::field_merging),
    ("leaf field selections", break_structure::leaf_fields),
    ("argument names", break_values::argument_names),
    ("argument uniqueness", break_values::arguments_once),
    ("required arguments", break_values::required_arguments),
    ("fragment name uniqueness", break_fragments::fragment_names),
    ("fragment spread type existence", break_fragments::type_names),
    ("fragments on composite types", break_fragments::composite_fragments),
    ("fragments must be used", break_fragments::fragments_used),
    ("fragment spread target defined", break_fragments::fragments_defined),
    ("fragment spreads must not form cycles", break_fragments::fragment_cycles),
    ("fragment spread is possible", break_fragments::possible_spreads),
    ("values of correct type", break_values::value_types),
    ("input object field names", break_values::input_field_names),
    ("input object field uniqueness", break_values::input_fields_once),
    ("input object required fields", break_values::input_fields_required),
    ("directives are defined, and in valid locations", break_fragments::directives),
    ("directives are unique per location", break_fragments::directives_once),
    ("variable uniqueness", break_values::variable_names),
    ("variables are input types", break_values::input_variables),
    ("all variable uses defined", break_values::variables_declared),
    ("all variables used", break_values::variables_used),
    ("all variable usages are allowed", break_values::variables_allowed),
    ("syntax", unchanged),
];

fn unchanged(_: &mut Generator<'_>, _: &mut Document) -> bool {
    true
}

type Verdict = Result<ValidDocument, Vec<ValidationError>>;

/// A request, and which change it was made by.
struct Case {
    made_by: &'static str,
    request: Request,
}

/// All that is compared.
fn cases(catalog: &Catalog) -> Vec<Case> {
    let mut generator = Generator { catalog, random: Random::new(SEED) };
    let mut print = Random::new(SEED + 1);
    let mut cases = Vec::new();
    let case = |made_by, document: &Document, variables, print: &mut Random| Case {
        made_by,
        request: Request { document: Printer::print(document, print), variables },
    };
    for _ in 0..VALID {
        let document = generator.document();
        let one = (document.operations.len() == 1).then(|| &document.operations[0]);
        let variables = one.map(|operation| generator.variables(operation));
        cases.push(case("nothing", &document, variables, &mut print));
    }
    for (made_by, change) in CHANGES {
        let mut made = 0;
        while made < CHANGED {
            let mut document = match made_by {
                "subscription single root field" => generator.document_of("subscription"),
                _ => generator.document(),
            };
            if change(&mut generator, &mut document) {
                cases.push(case(made_by, &document, None, &mut print));
                made += 1;
            }
        }
    }
    for case in cases.iter_mut().filter(|case| case.made_by == "syntax") {
        break_text(&mut generator.random, &mut case.request.document);
    }
    cases
}

/// Leaves a character out, or puts one in.
fn break_text(random: &mut Random, text: &mut String) {
    let mut chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len());
    if random.percent(50) {
        chars.remove(at);
    } else {
        let inserted = [
            '{', '}', '(', ')', '[', '"', '\\', '!', '$', '@', ':', '=', '.', '1', '-', '\n', '#', '\u{0}',
            '|', '&', '%', 'ä',
        ];
        chars.insert(at, *random.pick(&inserted));
    }
    *text = chars.into_iter().collect();
}

/// What disagrees in a case, if anything does.
fn disagreement(request: &Request, verdict: &Verdict, answer: &Answer) -> Option<String> {
    let document = match verdict {
        Ok(document) => document,
        Err(errors) => {
            if answer.rules.is_empty() {
                return Some(format!("refused here alone: {errors:?}"));
            }
            let is_syntax = errors.iter().any(|error| error.kind == ErrorKind::Syntax);
            if is_syntax != (answer.rules == ["Syntax"]) {
                return Some(format!("of another kind there: {:?}: {errors:?}", answer.rules));
            }
            let mut messages = errors.iter().map(|error| &error.message);
            return messages
                .find(|message| tells_names(message, &request.document))
                .map(|it| format!("tells names: {it}"));
        }
    };
    if !answer.rules.is_empty() {
        return Some(format!("refused there alone: {:?}", answer.rules));
    }
    if let Err(difference) = same_values(&normalize(&request.document), answer.values.as_ref()) {
        return Some(difference);
    }
    let variables = request.variables.as_ref()?;
    match (document.coerce_variables(None, variables), &answer.coerced) {
        (Err(error), Some(_)) => Some(format!("variables refused here alone: {}", error.message)),
        (Ok(_), None) => Some(format!("variables refused there alone: {:?}", answer.mistakes)),
        (Ok(here), Some(there)) if !same_fields(&here, there) => {
            Some(format!("coerced here to {}, there to {}", Json::Object(here), Json::Object(there.clone())))
        }
        _ => None,
    }
}

/// Whether `async-graphql` reads the same values from a document as there are in it.
fn same_values(normalized: &str, written: Option<&Values>) -> Result<(), String> {
    let read = reader::read(normalized).map_err(|error| format!("not read: {error}\n{normalized}"))?;
    let same = written.is_some_and(|written| *written == read);
    same.then_some(()).ok_or_else(|| format!("reads {read:?} for {written:?}\n{normalized}"))
}

/// Whether values are the same, by the numbers that JavaScript has.
fn same(here: &Json, there: &Json) -> bool {
    match (here, there) {
        (Json::Number(here), Json::Number(there)) => here.as_f64() == there.as_f64(),
        (Json::Array(here), Json::Array(there)) => {
            here.len() == there.len() && here.iter().zip(there).all(|(here, there)| same(here, there))
        }
        (Json::Object(here), Json::Object(there)) => same_fields(here, there),
        _ => here == there,
    }
}

fn same_fields(here: &Map<String, Json>, there: &Map<String, Json>) -> bool {
    here.len() == there.len()
        && here.iter().all(|(name, here)| there.get(name).is_some_and(|there| same(here, there)))
}

/// Whether a message tells a name of the schema that the client did not write, and that is not required.
fn tells_names(message: &str, document: &str) -> bool {
    let required = message.contains(" needs the argument ") || message.contains(" is missing.");
    let names =
        message.split('`').skip(1).step_by(2).map(|name| name.trim_matches(['$', '@', '[', ']', '!']));
    let names = names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    names.filter(|name| !document.contains(name)).count() > usize::from(required)
}

/// The schema with what is added, and a file that holds it.
fn schema() -> (String, PathBuf) {
    let sdl = std::fs::read_to_string(SCHEMA).expect("the schema is there") + ADDED;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("verdicts-{:?}.graphql", std::thread::current().id()));
    std::fs::write(&file, &sdl).expect("the folder for tests can be written");
    (sdl, file)
}

#[test]
fn verdicts_are_those_of_graphql_js() {
    let (sdl, schema) = schema();
    let catalog = Catalog::new(&sdl);
    let validator = Validator::new(&sdl, false);
    let cases = cases(&catalog);
    let (made_by, requests): (Vec<_>, Vec<_>) =
        cases.into_iter().map(|case| (case.made_by, case.request)).unzip();
    assert!(requests.len() >= 20_000, "{} documents", requests.len());

    let (answers, verdicts) = std::thread::scope(|scope| {
        let answers = scope.spawn(|| peer::ask(&schema, &requests));
        let verdicts: Vec<Verdict> =
            requests.iter().map(|request| validator.validate(&request.document)).collect();
        (answers.join().expect("graphql-js answers"), verdicts)
    });
    assert_eq!(answers.len(), requests.len(), "graphql-js answers each request");

    let mut by_rule = BTreeMap::<&str, usize>::new();
    let mut by_change = BTreeMap::<&str, usize>::new();
    for (made_by, answer) in made_by.iter().zip(&answers) {
        answer.rules.iter().for_each(|rule| *by_rule.entry(rule).or_default() += 1);
        *by_change.entry(made_by).or_default() += usize::from(!answer.rules.is_empty());
        *by_rule.entry("values of variables").or_default() += usize::from(!answer.mistakes.is_empty());
    }
    let coerced = answers.iter().filter(|answer| answer.coerced.is_some()).count();
    println!("{} documents, {coerced} with variables that fit", requests.len());
    println!("refused by rule: {by_rule:#?}\nrefused by change: {by_change:#?}");

    let mut told = Vec::new();
    for (((made_by, request), verdict), answer) in made_by.iter().zip(&requests).zip(&verdicts).zip(&answers)
    {
        if let Some(disagreement) = disagreement(request, verdict, answer) {
            let variables = request.variables.clone().map(Json::Object);
            told.push(format!("{made_by}: {disagreement}\n{}\n{variables:?}", request.document));
        }
    }
    let total = told.len();
    told.sort();
    told.dedup_by_key(|told| told.chars().take(40).collect::<String>());
    told.truncate(8);
    assert!(told.is_empty(), "{total} disagree\n{}", told.join("\n\n"));
    for (change, refused) in by_change.iter().filter(|(change, _)| **change != "nothing") {
        assert!(*refused >= REFUSED_MIN, "{change}: {refused} refused");
    }
    assert_eq!(by_rule.len(), 26 + 2, "each rule refuses some, as do syntax and values of variables");
    for (rule, refused) in &by_rule {
        assert!(*refused >= REFUSED_MIN, "{rule}: {refused} refused");
    }
}

#[test]
fn the_known_differences_are_still_there() {
    let (sdl, schema) = schema();
    let validator = Validator::new(&sdl, false);
    let requests =
        DIFFERENCES.map(|(document, ..)| Request { document: document.to_owned(), variables: None });
    for (answer, (document, rule, reason)) in peer::ask(&schema, &requests).iter().zip(DIFFERENCES) {
        assert_eq!(answer.rules, [rule], "{document}: {reason}");
        assert!(validator.validate(document).is_ok(), "{document}: {reason}");
    }
}

/// What `async-graphql` does not read, or reads as something else, however the document is normalized. Only a custom
/// scalar takes such values at all, and none of the gateway's does.
#[test]
fn what_async_graphql_cannot_read_is_known() {
    let (sdl, _) = schema();
    let validator = Validator::new(&sdl, false);
    for value in ["1e999", "trueish", "nullable", "falsehood"] {
        let document = format!("{{ _entities(representations: [{{ a: [{value}] }}]) {{ __typename }} }}");
        validator.validate(&document).expect("anything may stand in a custom scalar");
        let read = reader::read(&normalize(&document));
        assert!(!read.is_ok_and(|values| values.words.contains(&value.to_owned())), "{value} is read by now");
    }
}
