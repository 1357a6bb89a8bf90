//! Breaks valid documents: changed tokens, names or values, truncation, and documents far beyond every limit.

use super::documents::Document;
use super::edge_cases;
use super::input_value::string_literal;
use super::random::RandomSource;
use super::schema::Schema;

/// Tokens to insert at random places.
const STRAY_TOKENS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "!",
    "$",
    "@",
    ":",
    "=",
    "|",
    "&",
    "...",
    "..",
    "\"",
    "\"\"\"",
    "#",
    "\\",
    "\u{0}",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\u{1f980}",
    "é",
    "\\u0000",
    "$x",
    "@skip",
    "@include(if: 1)",
    "@nope",
    "@skip(unless: 1)",
    "@deprecated",
    "@specifiedBy(url: \"x\")",
    "on",
    "null",
    "true",
    "fragment",
    "query",
    "mutation",
    "subscription",
    "...Nope",
    "... on Nope { id }",
    "... on Money { amount }",
    "...{}",
    "nope",
    "nope { id }",
    "__schema { types { name } }",
    "__type(name: \"Gig\") { name }",
    "__typename",
    "a: b: c",
    "id: id: id",
    "(a: 1)",
    "(id: $nope)",
    "\"\\ud800\"",
    "\"\\udc00\\ud83e\"",
    "\"\\q\"",
    "\"\\u12\"",
    "\"a\nb\"",
    "-",
    "- 1",
    "00",
    "01",
    "1.",
    ".5",
    "1e",
    "0x10",
    "1_000",
];

/// Complete documents that are invalid or unusual.
const DOCUMENTS: &[&str] = &[
    "",
    " ",
    ",,,",
    "# nothing but a comment",
    "\u{feff}",
    "{}",
    "{ }",
    "query",
    "query {}",
    "query Q",
    "mutation",
    "subscription { __typename }",
    "subscription { a: __typename b: __typename }",
    "subscription { gigPublished { gigId } reviewQueueChanged { itemId } }",
    "subscription { ...F } fragment F on Subscription { gigPublished { gigId } }",
    "subscription { gigPublished @skip(if: true) { gigId } }",
    "subscription { ... @include(if: false) { gigPublished { gigId } } }",
    "fragment F on Query { __typename }",
    "type Query { a: Int }",
    "extend type Query { a: Int }",
    "schema { query: Query }",
    "scalar Date",
    "directive @a on FIELD",
    "{ a } { b }",
    "query A { __typename } query A { __typename }",
    "query A { __typename } { __typename }",
    "query A { __typename } query B { __typename }",
    "{ ...F } fragment F on Query { ...F }",
    "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
    "{ viewer { ...F } } fragment F on Viewer { user { gigs { nodes { seller { ...G } } } } } fragment G on User { gigs { nodes { ...H } } } fragment H on Gig { seller { ...G } }",
    "fragment F on Query { ...F } fragment F on Query { ...F } { ...F }",
    "{ ...F } fragment F on Gig { id }",
    "{ ...F } fragment F on Int { id }",
    "{ ...F } fragment F on GigFilter { seller }",
    "query($a: Int, $a: Int) { __typename }",
    "query($a: Nope) { __typename }",
    "query($a: [Nope] = [1]) { __typename }",
    "query($a: [[Nope!]!] = 1) { __typename }",
    "query($a: Gig) { __typename }",
    "query($a: Int = \"x\") { gigs(first: $a) { totalCount } }",
    "query($a: Int! = null) { gigs(first: $a) { totalCount } }",
    "query($a: GigFilter = { nope: 1 }) { gigs(where: $a) { totalCount } }",
    "query($a: Upload) { __typename }",
    "query($a: Int @nope) { gigs(first: $a) { totalCount } }",
    "query($a: Int = $a) { gigs(first: $a) { totalCount } }",
    "query @skip(if: true) { __typename }",
    "{ gigs(first: 1, first: 2) { totalCount } }",
    "{ gigs(where: { seller: \"a\", seller: \"b\" }) { totalCount } }",
    "{ a: gig(id: 1) { id } a: gig(id: 2) { id } }",
    "{ gig { id } }",
    "{ gig(id: null) { id } }",
    "{ gig(id: {}) { id } }",
    "{ gig(id: [[[[1]]]]) { id } }",
    "{ gig(id: 1e400) { id } }",
    "{ limits }",
    "{ eventCursor { a } }",
    "{ nodes(ids: 5) { id } }",
    "{ nodes(ids: [null]) { id } }",
    "{ _service { sdl } }",
    "{ _entities(representations: []) { __typename } }",
    "{ _entities(representations: [{}]) { __typename } }",
    "{ _entities(representations: [1, \"a\", null, [[]]]) { __typename } }",
    "{ _entities(representations: [{ __typename: \"Nope\" }, { __typename: 5 }, { __typename: \"Gig\" }]) { __typename } }",
    "{ _entities(representations: [{ __typename: \"Gig\", id: { a: 1 } }]) { ... on Gig { id } } }",
    "mutation { uploadGigImage(file: \"#__graphql_file__:0\") { image { id } } }",
    "mutation { uploadGigImage(file: \"#__graphql_file__:99999999999999999999\") { image { id } } }",
    "mutation { uploadGigImage { image { id } } }",
    "{ __type(name: null) { name } }",
    "{ __type { name } }",
    "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
];

/// Breaks the document.
pub fn break_document(mut document: Document, random: &mut RandomSource, schema: &Schema) -> Document {
    if random.chance(12) {
        document.text = (*random.pick(DOCUMENTS)).to_owned();
        return document;
    }
    if random.chance(10) {
        document.text = oversized(random);
        return document;
    }
    for _ in 0..=random.below(3) {
        document.text = match random.below(5) {
            0 => with_name_changed(&document.text, random, schema),
            1 => with_value_changed(&document.text, random),
            2 => truncated(&document.text, random),
            _ => with_tokens_changed(&document.text, random),
        };
    }
    if random.chance(15) {
        document.text = with_more_definitions(&document.text, random);
    }
    document
}

/// Splits the text into words and single other characters.
fn tokens(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens: Vec<String> = Vec::new();
    let mut last = None;
    for character in text.chars() {
        match tokens.last_mut() {
            Some(token) if is_word(character) && last.is_some_and(is_word) => token.push(character),
            _ => tokens.push(character.to_string()),
        }
        last = Some(character);
    }
    tokens
}

fn with_tokens_changed(text: &str, random: &mut RandomSource) -> String {
    let mut tokens = tokens(text);
    for _ in 0..=random.below(2) {
        let at = random.below(tokens.len().max(1));
        let other = random.below(tokens.len().max(1));
        match random.below(4) {
            0 if at < tokens.len() => drop(tokens.remove(at)),
            1 if at < tokens.len() => tokens.insert(at, tokens[at].clone()),
            2 if at.max(other) < tokens.len() => tokens.swap(at, other),
            _ => {
                let stray = (*random.pick(STRAY_TOKENS)).to_owned();
                tokens.insert(at.min(tokens.len()), stray);
            }
        }
    }
    tokens.concat()
}

/// Replaces a name by that of a type or field, or by one that does not exist.
fn with_name_changed(text: &str, random: &mut RandomSource, schema: &Schema) -> String {
    let mut tokens = tokens(text);
    let is_name = |token: &String| token.starts_with(|c: char| c.is_ascii_alphabetic());
    let names: Vec<usize> = (0..tokens.len()).filter(|at| is_name(&tokens[*at])).collect();
    if names.is_empty() {
        return text.to_owned();
    }
    let at = *random.pick(&names);
    let types = schema.type_names();
    let type_name = *random.pick(&types);
    let fields = schema.fields(type_name);
    tokens[at] = match random.below(5) {
        0 => type_name.to_owned(),
        1 if !fields.is_empty() => random.pick(fields).name.clone(),
        2 => "a".repeat(1 + random.below(3_000)),
        3 => tokens[*random.pick(&names)].clone(),
        _ => "nope".to_owned(),
    };
    tokens.concat()
}

/// Replaces an argument value.
fn with_value_changed(text: &str, random: &mut RandomSource) -> String {
    let mut tokens = tokens(text);
    let follows_colon = |at: &usize| *at > 1 && tokens[at - 1] == " " && tokens[at - 2] == ":";
    let values: Vec<usize> = (0..tokens.len()).filter(follows_colon).collect();
    if values.is_empty() {
        return text.to_owned();
    }
    let at = *random.pick(&values);
    tokens[at] = match random.below(8) {
        0 => edge_cases::number(random),
        1 => string_literal(&edge_cases::text(random), random),
        2 => format!("{}1{}", "[".repeat(random.below(150)), "]".repeat(random.below(150))),
        3 => format!("{}1{}", "{a:".repeat(random.below(150)), "}".repeat(random.below(150))),
        4 => format!("[{}]", "1 ".repeat(random.below(2_000))),
        5 => "$nope".to_owned(),
        6 => "NO_SUCH_VALUE".to_owned(),
        _ => "null".to_owned(),
    };
    tokens.concat()
}

fn truncated(text: &str, random: &mut RandomSource) -> String {
    let length = random.below(text.chars().count().max(1));
    text.chars().take(length).collect()
}

/// Repeats all definitions, or adds one.
fn with_more_definitions(text: &str, random: &mut RandomSource) -> String {
    match random.below(4) {
        0 => format!("{text} {text}"),
        1 => format!("{text} fragment Unused on Query {{ __typename }}"),
        2 => format!("{text} query Operation1 {{ __typename }}"),
        _ => format!("query($unused: Int) {{ __typename }} {text}"),
    }
}

/// A document far beyond a limit: fields, depth, directives, fragments, variables, operations, length or
/// cycles.
fn oversized(random: &mut RandomSource) -> String {
    let max = if random.chance(20) { 20_000 } else { 1_200 };
    let count = random.below(max) + 2;
    let many = |one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(" ");
    match random.below(14) {
        0 => format!("{{ {} }}", many(&|n| format!("a{n}: __typename"))),
        1 => format!("{{ {} }}", "__typename ".repeat(count)),
        2 => format!("{}{}", "{ a ".repeat(count), "}".repeat(count)),
        3 => format!("{{ {}id{} }}", "... { ".repeat(count), "}".repeat(count)),
        4 => format!("{{ a {} }}", "@include(if: true) ".repeat(count)),
        5 => format!(
            "{{ ...F0 }} {}",
            many(&|n| format!("fragment F{n} on Query {{ ...F{} ...F{} }}", n + 1, n + 1))
        ),
        6 => format!(
            "{{ ...F0 }} {}",
            many(&|n| format!("fragment F{n} on Query {{ ...F{} }}", (n + 1) % count))
        ),
        7 => format!(
            "{{ {} }} fragment F on Query {{ ...F {} }}",
            "...F ".repeat(count),
            "...F ".repeat(count)
        ),
        8 => format!("query({}) {{ __typename }}", many(&|n| format!("$a{n}: Int = {n}"))),
        9 => many(&|n| format!("query Q{n} {{ __typename }}")),
        10 => format!("{{ gig(id: \"{}\") {{ id }} }}", "x".repeat(count * 50)),
        11 => format!(
            "{{ viewer {{ {}id{} }} }}",
            "user { gigs(first: 1) { nodes { seller { ".repeat(count),
            "} ".repeat(count * 4)
        ),
        12 => format!("# {}\n{{ __typename }}", "x".repeat(count * 50)),
        _ => format!("query($a: {}Int{}) {{ __typename }}", "[".repeat(count), "]".repeat(count)),
    }
}
