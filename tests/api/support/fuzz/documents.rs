//! Documents that the schema allows, with everything that GraphQL has: aliases, fragments of each kind inside one another,
//! directives, literals and variables.

use std::collections::HashSet;

use async_graphql::parser::types::OperationType;
use serde_json::{Map, Value};

use super::random::RandomSource;
use super::fixtures::Fixtures;
use super::schema::{Definition, Field, Schema, named};

/// The most fields of one operation: beyond these, only such as have none of their own are added.
const FIELDS: usize = 40;

/// What may stand between any two tokens, and means nothing.
const BLANKS: &[&str] =
    &[" ", "  ", "\n", ", ", "\t", "\r\n", " # a comment { \" 🦀\n", " \u{feff} ", ",,,\n"];

/// What shows the schema itself; each stands at the root of a query.
const INTROSPECTIONS: &[&str] = &[
    "__schema { queryType { name } types { kind name } }",
    "__type(name: \"Gig\") { name fields { name type { kind name ofType { name } } } }",
    "__type(name: \"NoSuchType\") { name }",
    "__schema { directives { name locations args { name defaultValue } } }",
];

/// A document, and what goes with it.
#[derive(Clone)]
pub struct Document {
    pub text: String,
    pub kind: OperationType,
    /// Which operation is meant, where that must be said.
    pub name: Option<String>,
    pub variables: Map<String, Value>,
    /// The paths of the variables that are files.
    pub files: Vec<String>,
}

/// What a document is to be like.
#[derive(Clone, Copy)]
pub struct DocumentOptions {
    pub kind: OperationType,
    /// How many values in a hundred are such as nobody would send, though the schema allows them.
    pub odd_percent: usize,
    /// Whether it sends files; one that does not asks for nothing that takes some.
    pub with_files: bool,
}

impl Document {
    pub fn generate(random: &mut RandomSource, schema: &Schema, fixtures: &Fixtures, options: DocumentOptions) -> Self {
        let mut writer = Writer {
            random,
            schema,
            known,
            odd_percent: options.odd_percent,
            with_files: options.with_files,
            numbers: 0,
            fields_left: FIELDS,
            keys: HashSet::new(),
            definitions: Vec::new(),
            variables: Map::new(),
            fragments: Vec::new(),
            files: Vec::new(),
        };
        let has_second = writer.random.chance(8);
        let (mut name, first) = writer.operation(options.kind, has_second);
        let mut parts = vec![first];
        if has_second {
            writer.with_files = false;
            writer.fields_left = 5;
            parts.push(writer.operation(OperationType::Query, true).1);
        } else if writer.random.chance(50) {
            // The only one there is need not be named.
            name = None;
        }
        for fragment in std::mem::take(&mut writer.fragments) {
            let at = writer.random.below(parts.len() + 1);
            parts.insert(at, fragment);
        }
        let text = parts.join(writer.blank());
        Self { text, kind: options.kind, name, variables: writer.variables, files: writer.files }
    }
}

/// Writes one document.
pub(super) struct Writer<'a> {
    pub(super) random: &'a mut RandomSource,
    pub(super) schema: &'a Schema,
    pub(super) fixtures: &'a Fixtures,
    pub(super) odd_percent: usize,
    with_files: bool,
    /// How many names have been given.
    numbers: usize,
    fields_left: usize,
    /// The keys that an answer has already: one key stands for one field with its arguments.
    keys: HashSet<String>,
    /// The variables of the operation that is being written.
    pub(super) definitions: Vec<String>,
    pub(super) variables: Map<String, Value>,
    fragments: Vec<String>,
    pub(super) files: Vec<String>,
}

impl Writer<'_> {
    pub(super) fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn blank(&mut self) -> &'static str {
        let odd = *self.random.pick(BLANKS);
        if self.random.chance(80) { " " } else { odd }
    }

    /// An operation, and its name.
    fn operation(&mut self, kind: OperationType, is_named: bool) -> (Option<String>, String) {
        let selections = match kind {
            OperationType::Query => self.root("Query", 4),
            OperationType::Mutation => self.root("Mutation", 2),
            OperationType::Subscription => self.only_field(),
        };
        let definitions = std::mem::take(&mut self.definitions);
        let name = (is_named || self.random.chance(50)).then(|| format!("Operation{}", self.number()));
        if name.is_none() && definitions.is_empty() && kind == OperationType::Query && self.random.chance(50) {
            return (None, selections);
        }
        let called = name.as_deref().unwrap_or_default();
        let definitions = if definitions.is_empty() {
            String::new()
        } else {
            format!("({})", definitions.join(self.blank()))
        };
        let text = format!("{kind} {called}{definitions}{}{selections}", self.blank());
        (name, text)
    }

    /// Some fields of what an operation begins at.
    fn root(&mut self, of: &str, most: usize) -> String {
        let depth = self.random.below(5) + 1;
        let count = self.random.below(most) + 1;
        let mut parts: Vec<String> = (0..count).filter_map(|_| self.any_field(of, depth)).collect();
        if of == "Query" && self.random.chance(5) {
            let introspection = *self.random.pick(INTROSPECTIONS);
            parts.push(format!("i{}: {introspection}", self.number()));
        }
        self.grouped(of, parts)
    }

    /// A subscription has one field, which stands in the operation itself.
    fn only_field(&mut self) -> String {
        let schema = self.schema;
        let field = self.random.pick(schema.fields("Subscription"));
        let depth = self.random.below(4) + 1;
        let text = self.field("Subscription", field, depth);
        format!("{{ {text} }}")
    }

    fn selection_set(&mut self, of: &str, depth: usize) -> String {
        let schema = self.schema;
        let mut parts = Vec::new();
        if let Definition::Abstract(_, members) = schema.definition(of) {
            parts.push("__typename".to_owned());
            if depth > 0 {
                for _ in 0..=self.random.below(2) {
                    let member = self.random.pick(members);
                    let set = self.selection_set(member, depth - 1);
                    parts.push(format!("... on {member} {set}"));
                }
            }
        }
        for _ in 0..=self.random.below(4) {
            parts.extend(self.any_field(of, depth));
        }
        if parts.is_empty() || self.random.chance(8) {
            parts.push("__typename".to_owned());
        }
        self.grouped(of, parts)
    }

    /// One field of that type; `None` where it has none that would do.
    fn any_field(&mut self, of: &str, depth: usize) -> Option<String> {
        let (schema, with_files) = (self.schema, self.with_files);
        let goes_on = depth > 0 && self.fields_left > 0;
        let fits = |field: &&Field| {
            let takes_files = field.arguments.iter().any(|argument| schema.takes_file(&argument.of));
            let is_root = matches!(of, "Query" | "Mutation");
            let is_wanted = if of == "Mutation" { takes_files == with_files } else { !takes_files };
            is_wanted && (is_root || goes_on || !schema.is_composite(named(&field.of)))
        };
        let fields: Vec<&Field> = schema.fields(of).iter().filter(fits).collect();
        if fields.is_empty() {
            return None;
        }
        let field = *self.random.pick(&fields);
        Some(self.field(of, field, depth))
    }

    fn field(&mut self, of: &str, field: &Field, depth: usize) -> String {
        self.fields_left = self.fields_left.saturating_sub(1);
        let schema = self.schema;
        let inner = named(&field.of);
        let is_composite = schema.is_composite(inner);
        let stands_alone = !is_composite && field.arguments.is_empty();
        let key_is_taken = !stands_alone && !self.keys.insert(field.name.clone());
        let is_called_otherwise = key_is_taken || self.random.chance(12);
        let mut text =
            if is_called_otherwise { format!("a{}:{}", self.number(), self.blank()) } else { String::new() };
        text.push_str(&field.name);
        text.push_str(&self.arguments(of, field));
        if of != "Subscription" && self.random.chance(8) {
            text.push_str(&self.directive());
        }
        if is_composite {
            text.push_str(self.blank());
            text.push_str(&self.selection_set(inner, depth.saturating_sub(1)));
        }
        text
    }

    fn arguments(&mut self, of: &str, field: &Field) -> String {
        let is_paged = field.arguments.iter().any(|argument| argument.name == "first");
        let backward = is_paged && self.random.chance(15);
        let mut given = Vec::new();
        for argument in &field.arguments {
            // Without a size a page has 20, and pages in pages soon cost more than they may.
            let percent = match argument.name.as_str() {
                "first" if is_paged => {
                    if backward {
                        0
                    } else {
                        100
                    }
                }
                "last" if is_paged => {
                    if backward {
                        100
                    } else {
                        0
                    }
                }
                "after" if is_paged => {
                    if backward {
                        0
                    } else {
                        8
                    }
                }
                "before" if is_paged => {
                    if backward {
                        8
                    } else {
                        0
                    }
                }
                "after" => 12,
                _ => 35,
            };
            if argument.is_required || self.random.chance(percent) {
                let place = format!("{of}.{}.{}", field.name, argument.name);
                given.push(format!("{}: {}", argument.name, self.argument(&argument.of, &place)));
            }
        }
        if given.is_empty() { String::new() } else { format!("({})", given.join(self.blank())) }
    }

    /// One that leaves everything as it is, most of the time.
    fn directive(&mut self) -> String {
        let (name, usual) = *self.random.pick(&[("skip", false), ("include", true)]);
        let value = if self.random.chance(90) { usual } else { !usual };
        if self.random.chance(60) {
            return format!(" @{name}(if: {value})");
        }
        let variable = format!("v{}", self.number());
        if self.random.chance(50) {
            self.definitions.push(format!("${variable}: Boolean!"));
            self.variables.insert(variable.clone(), Value::Bool(value));
        } else {
            self.definitions.push(format!("${variable}: Boolean = {value}"));
        }
        format!(" @{name}(if: ${variable})")
    }

    /// The selections, some of them in a fragment, and some of those in another.
    fn grouped(&mut self, of: &str, mut parts: Vec<String>) -> String {
        for _ in 0..2 {
            if !parts.is_empty() && self.random.chance(15) {
                let rest = parts.split_off(self.random.below(parts.len()));
                let inner = format!("{{ {} }}", rest.join(self.blank()));
                let directive = if self.random.chance(20) { self.directive() } else { String::new() };
                parts.push(match self.random.below(3) {
                    0 => format!("...{directive} {inner}"),
                    1 => format!("... on {of}{directive} {inner}"),
                    _ => self.named_fragment(of, &directive, &inner),
                });
            }
        }
        if parts.is_empty() {
            parts.push("__typename".to_owned());
        }
        format!("{{ {} }}", parts.join(self.blank()))
    }

    fn named_fragment(&mut self, of: &str, directive: &str, inner: &str) -> String {
        let name = format!("Fragment{}", self.number());
        self.fragments.push(format!("fragment {name} on {of} {inner}"));
        // Twice is as good as once.
        let again = if self.random.chance(10) { format!(" ...{name}") } else { String::new() };
        format!("...{name}{directive}{again}")
    }
}
