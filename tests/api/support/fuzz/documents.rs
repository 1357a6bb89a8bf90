//! Generates valid documents with aliases, nested fragments of every kind, directives, literals and
//! variables.

use std::collections::HashSet;

use async_graphql::parser::types::OperationType;
use serde_json::{Map, Value};

use super::fixtures::Fixtures;
use super::random::RandomSource;
use super::schema::{Definition, Field, Schema, named_type};

/// Fields of one operation, after which only leaf fields are added.
const MAX_FIELDS: usize = 40;

/// Ignored tokens.
const SEPARATORS: &[&str] =
    &[" ", "  ", "\n", ", ", "\t", "\r\n", " # a comment { \" 🦀\n", " \u{feff} ", ",,,\n"];

/// Introspection fields of a query.
const INTROSPECTIONS: &[&str] = &[
    "__schema { queryType { name } types { kind name } }",
    "__type(name: \"Gig\") { name fields { name type { kind name ofType { name } } } }",
    "__type(name: \"NoSuchType\") { name }",
    "__schema { directives { name locations args { name defaultValue } } }",
];

/// A document with its variables.
#[derive(Clone)]
pub struct Document {
    pub text: String,
    pub kind: OperationType,
    /// The `operationName`. Required if the document has several operations.
    pub name: Option<String>,
    pub variables: Map<String, Value>,
    /// The paths of the file variables.
    pub files: Vec<String>,
}

/// Options of a generated document.
#[derive(Clone, Copy)]
pub struct DocumentOptions {
    pub kind: OperationType,
    /// The probability of each value to be an edge case, in percent.
    pub edge_case_percent: usize,
    /// Whether all mutations are uploads. Otherwise none is.
    pub with_files: bool,
}

impl Document {
    pub fn generate(
        random: &mut RandomSource,
        schema: &Schema,
        fixtures: &Fixtures,
        options: DocumentOptions,
    ) -> Self {
        let mut writer = DocumentWriter {
            random,
            schema,
            fixtures,
            edge_case_percent: options.edge_case_percent,
            with_files: options.with_files,
            last_number: 0,
            fields_left: MAX_FIELDS,
            response_keys: HashSet::new(),
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
            // A single operation does not need its name.
            name = None;
        }
        for fragment in std::mem::take(&mut writer.fragments) {
            let at = writer.random.below(parts.len() + 1);
            parts.insert(at, fragment);
        }
        let text = parts.join(writer.separator());
        Self { text, kind: options.kind, name, variables: writer.variables, files: writer.files }
    }
}

/// Generates one document.
pub(super) struct DocumentWriter<'a> {
    pub(super) random: &'a mut RandomSource,
    pub(super) schema: &'a Schema,
    pub(super) fixtures: &'a Fixtures,
    pub(super) edge_case_percent: usize,
    with_files: bool,
    /// The number of the last generated name.
    last_number: usize,
    fields_left: usize,
    /// Response keys that are in use. Fields with the same key must have the same arguments.
    response_keys: HashSet<String>,
    /// The variable definitions of the current operation.
    pub(super) definitions: Vec<String>,
    pub(super) variables: Map<String, Value>,
    fragments: Vec<String>,
    pub(super) files: Vec<String>,
}

impl DocumentWriter<'_> {
    pub(super) fn next_number(&mut self) -> usize {
        self.last_number += 1;
        self.last_number
    }

    fn separator(&mut self) -> &'static str {
        let odd = *self.random.pick(SEPARATORS);
        if self.random.chance(80) { " " } else { odd }
    }

    /// An operation and its name.
    fn operation(&mut self, kind: OperationType, is_named: bool) -> (Option<String>, String) {
        let selections = match kind {
            OperationType::Query => self.root_fields("Query", 4),
            OperationType::Mutation => self.root_fields("Mutation", 2),
            OperationType::Subscription => self.subscription_field(),
        };
        let definitions = std::mem::take(&mut self.definitions);
        let name = (is_named || self.random.chance(50)).then(|| format!("Operation{}", self.next_number()));
        if name.is_none() && definitions.is_empty() && kind == OperationType::Query && self.random.chance(50)
        {
            return (None, selections);
        }
        let printed_name = name.as_deref().unwrap_or_default();
        let definitions = if definitions.is_empty() {
            String::new()
        } else {
            format!("({})", definitions.join(self.separator()))
        };
        let text = format!("{kind} {printed_name}{definitions}{}{selections}", self.separator());
        (name, text)
    }

    /// The selection set of a query or mutation.
    fn root_fields(&mut self, type_name: &str, max: usize) -> String {
        let depth = self.random.below(5) + 1;
        let count = self.random.below(max) + 1;
        let mut parts: Vec<String> = (0..count).filter_map(|_| self.any_field(type_name, depth)).collect();
        if type_name == "Query" && self.random.chance(5) {
            let introspection = *self.random.pick(INTROSPECTIONS);
            parts.push(format!("i{}: {introspection}", self.next_number()));
        }
        self.with_fragments(type_name, parts)
    }

    /// The selection set of a subscription, which has exactly one field and no fragments.
    fn subscription_field(&mut self) -> String {
        let schema = self.schema;
        let field = self.random.pick(schema.fields("Subscription"));
        let depth = self.random.below(4) + 1;
        let text = self.field("Subscription", field, depth);
        format!("{{ {text} }}")
    }

    fn selection_set(&mut self, type_name: &str, depth: usize) -> String {
        let schema = self.schema;
        let mut parts = Vec::new();
        if let Definition::Abstract(_, members) = schema.definition(type_name) {
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
            parts.extend(self.any_field(type_name, depth));
        }
        if parts.is_empty() || self.random.chance(8) {
            parts.push("__typename".to_owned());
        }
        self.with_fragments(type_name, parts)
    }

    /// A random field of the type. `None` if no field is suitable.
    fn any_field(&mut self, type_name: &str, depth: usize) -> Option<String> {
        let (schema, with_files) = (self.schema, self.with_files);
        let may_nest = depth > 0 && self.fields_left > 0;
        let fits = |field: &&Field| {
            let has_upload = field.arguments.iter().any(|argument| schema.contains_upload(&argument.ty));
            let is_root = matches!(type_name, "Query" | "Mutation");
            let is_suitable = if type_name == "Mutation" { has_upload == with_files } else { !has_upload };
            is_suitable && (is_root || may_nest || !schema.is_composite(named_type(&field.ty)))
        };
        let fields: Vec<&Field> = schema.fields(type_name).iter().filter(fits).collect();
        if fields.is_empty() {
            return None;
        }
        let field = *self.random.pick(&fields);
        Some(self.field(type_name, field, depth))
    }

    fn field(&mut self, type_name: &str, field: &Field, depth: usize) -> String {
        self.fields_left = self.fields_left.saturating_sub(1);
        let schema = self.schema;
        let inner = named_type(&field.ty);
        let is_composite = schema.is_composite(inner);
        let is_plain_leaf = !is_composite && field.arguments.is_empty();
        let key_is_taken = !is_plain_leaf && !self.response_keys.insert(field.name.clone());
        let has_alias = key_is_taken || self.random.chance(12);
        let mut text =
            if has_alias { format!("a{}:{}", self.next_number(), self.separator()) } else { String::new() };
        text.push_str(&field.name);
        text.push_str(&self.arguments(type_name, field));
        if type_name != "Subscription" && self.random.chance(8) {
            text.push_str(&self.directive());
        }
        if is_composite {
            text.push_str(self.separator());
            text.push_str(&self.selection_set(inner, depth.saturating_sub(1)));
        }
        text
    }

    fn arguments(&mut self, type_name: &str, field: &Field) -> String {
        let is_paged = field.arguments.iter().any(|argument| argument.name == "first");
        let is_backward = is_paged && self.random.chance(15);
        let mut arguments = Vec::new();
        for argument in &field.arguments {
            // The default page size is 20, and nested pages of that size cost too much.
            let percent = match argument.name.as_str() {
                "first" if is_paged => {
                    if is_backward {
                        0
                    } else {
                        100
                    }
                }
                "last" if is_paged => {
                    if is_backward {
                        100
                    } else {
                        0
                    }
                }
                "after" if is_paged => {
                    if is_backward {
                        0
                    } else {
                        8
                    }
                }
                "before" if is_paged => {
                    if is_backward {
                        8
                    } else {
                        0
                    }
                }
                "after" => 12,
                _ => 35,
            };
            if argument.is_required || self.random.chance(percent) {
                let coordinate = format!("{type_name}.{}.{}", field.name, argument.name);
                arguments.push(format!("{}: {}", argument.name, self.argument(&argument.ty, &coordinate)));
            }
        }
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(self.separator())) }
    }

    /// A directive that mostly selects the field.
    fn directive(&mut self) -> String {
        let (name, usual) = *self.random.pick(&[("skip", false), ("include", true)]);
        let value = if self.random.chance(90) { usual } else { !usual };
        if self.random.chance(60) {
            return format!(" @{name}(if: {value})");
        }
        let variable = format!("v{}", self.next_number());
        if self.random.chance(50) {
            self.definitions.push(format!("${variable}: Boolean!"));
            self.variables.insert(variable.clone(), Value::Bool(value));
        } else {
            self.definitions.push(format!("${variable}: Boolean = {value}"));
        }
        format!(" @{name}(if: ${variable})")
    }

    /// A selection set. Moves some selections into fragments.
    fn with_fragments(&mut self, type_name: &str, mut parts: Vec<String>) -> String {
        for _ in 0..2 {
            if !parts.is_empty() && self.random.chance(15) {
                let rest = parts.split_off(self.random.below(parts.len()));
                let inner = format!("{{ {} }}", rest.join(self.separator()));
                let directive = if self.random.chance(20) { self.directive() } else { String::new() };
                parts.push(match self.random.below(3) {
                    0 => format!("...{directive} {inner}"),
                    1 => format!("... on {type_name}{directive} {inner}"),
                    _ => self.named_fragment(type_name, &directive, &inner),
                });
            }
        }
        if parts.is_empty() {
            parts.push("__typename".to_owned());
        }
        format!("{{ {} }}", parts.join(self.separator()))
    }

    fn named_fragment(&mut self, type_name: &str, directive: &str, inner: &str) -> String {
        let name = format!("Fragment{}", self.next_number());
        self.fragments.push(format!("fragment {name} on {type_name} {inner}"));
        // Spreading a fragment twice is valid.
        let again = if self.random.chance(10) { format!(" ...{name}") } else { String::new() };
        format!("...{name}{directive}{again}")
    }
}
