//! Converts the diagnostics of `apollo-compiler` to errors for clients.
//!
//! The messages of the crate contain names of the schema, so clients get other messages. They are built from
//! the name that the crate gives a diagnostic for debugging, and from the names in backticks in its message.
//! Both can change with the crate, so its version is pinned, and a test has a document for each kind of
//! diagnostic. A diagnostic of an unknown kind still rejects the document.

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList};
use apollo_compiler::{Name, Schema};

use crate::engine::validation::errors::Errors;

/// Diagnostics that are ignored because `values` checks the same: the crate accepts a variable of a wrong
/// type if the type has the right name, and checks a list in a custom scalar as a list of that scalar.
const CHECKED_BY_VALUES: [&str; 8] = [
    "UnsupportedValueType",
    "IntCoercionError",
    "FloatCoercionError",
    "UndefinedEnumValue",
    "UndefinedInputValue",
    "RequiredField",
    "UndefinedVariable",
    "DisallowedVariableUsage",
];

/// Diagnostics that are ignored because `subscriptions` checks the same: the crate counts a root field that
/// is selected twice as two.
const CHECKED_BY_SUBSCRIPTIONS: [&str; 3] = [
    "SubscriptionUsesMultipleFields",
    "SubscriptionUsesIntrospection",
    "SubscriptionUsesConditionalSelection",
];

/// Diagnostics that can follow from another error. The crate drops an invalid selection, and then what the
/// selection uses seems to be unused, and its parent seems to be empty.
const CONSEQUENCES: [&str; 3] = ["UnusedVariable", "UnusedFragment", "MissingSubselection"];

/// Reports the first syntax error. Later ones often follow from it.
pub(super) fn report_syntax(list: &DiagnosticList, errors: &mut Errors<'_>) {
    let Some(first) = list.iter().next() else {
        errors.syntax("The document cannot be parsed.".to_owned(), None);
        return;
    };
    let text = first.error.to_string();
    errors
        .syntax(syntax_message(text.strip_prefix("syntax error: ").unwrap_or(&text)), first.error.location());
}

/// The message for a syntax error, without parts of the document, which some messages of the parser repeat.
fn syntax_message(text: &str) -> String {
    if text.contains("limit reached") {
        return "The document is nested too deeply, or too long.".to_owned();
    }
    let is_at_end = text.contains("EOF") || text.contains("unterminated") || text.contains("unexpected end");
    let (expected, _) = text.split_once(", got ").unwrap_or((text, ""));
    let plain = match expected {
        "expected R_CURLY" => "Expected `}`",
        "expected R_PAREN" => "Expected `)`",
        "expected R_BRACK" => "Expected `]`",
        "expected a valid Value" => "Expected a value",
        "unexpected variable value in a Const context" => "Expected a value that is not a variable",
        "Unexpected <EOF>." => "Expected an operation",
        _ if expected.contains("definition")
            || expected.contains("Definition") && !expected.contains("Variable") =>
        {
            "Expected an operation or a fragment"
        }
        _ if expected.contains("string value") => "Expected the closing quotes of a string",
        _ => expected.trim_end_matches('.'),
    };
    let initial = plain.chars().next().map(|initial| initial.to_uppercase().to_string()).unwrap_or_default();
    let rest = plain.get(plain.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    let end = if is_at_end { ", but the document ends" } else { "" };
    format!("{initial}{rest}{end}.")
}

/// Reports the diagnostics of building the executable document (`None` if it could be built), and those of
/// validating it.
pub(super) fn report(
    build: Option<&DiagnosticList>,
    validation: Option<&DiagnosticList>,
    errors: &mut Errors<'_>,
) {
    let is_incomplete = build.is_some();
    let lists = build.into_iter().chain(validation).flat_map(DiagnosticList::iter);
    for diagnostic in lists.map(|diagnostic| Diagnostic::new(diagnostic.error)) {
        let is_ignored = CHECKED_BY_VALUES.contains(&diagnostic.name)
            || CHECKED_BY_SUBSCRIPTIONS.contains(&diagnostic.name)
            || (is_incomplete && CONSEQUENCES.contains(&diagnostic.name));
        if is_ignored {
            continue;
        }
        if diagnostic.is_limit() {
            errors.syntax("The document is nested too deeply.".to_owned(), diagnostic.span);
        } else {
            let message = diagnostic.message(errors);
            errors.validation(message, diagnostic.span);
        }
    }
}

struct Diagnostic {
    /// The name of its kind.
    name: &'static str,
    /// The message of the crate.
    text: String,
    span: Option<SourceSpan>,
}

impl Diagnostic {
    fn new(data: &DiagnosticData) -> Self {
        Self {
            name: data.unstable_error_name().unwrap_or_default(),
            text: data.to_string(),
            span: data.location(),
        }
    }

    fn is_limit(&self) -> bool {
        matches!(self.name, "DeeplyNestedType" | "RecursionError" | "RecursionLimitError")
    }

    /// A name in backticks, by its index.
    fn quoted(&self, index: usize) -> &str {
        self.text.split('`').skip(1).step_by(2).nth(index).unwrap_or_default()
    }

    /// A word, by its index.
    fn word(&self, index: usize) -> &str {
        self.text.split(' ').nth(index).unwrap_or_default()
    }

    /// The response name of the field at the span.
    fn response_name<'a>(&self, errors: &Errors<'a>) -> &'a str {
        let source = errors.source(self.span);
        let end = source.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(source.len());
        source.get(..end).unwrap_or_default()
    }

    fn conflict(&self, errors: &Errors<'_>, conflict: &str) -> String {
        format!("`{}` {conflict}: use different aliases.", self.response_name(errors))
    }

    fn message(&self, errors: &Errors<'_>) -> String {
        let (first, second) = (self.quoted(0), self.quoted(1));
        match self.name {
            "UndefinedField" => undefined_field(first, second, errors.schema_for_suggestions()),
            "UndefinedArgument" => undefined_argument(first, second, errors.schema_for_suggestions()),
            "RequiredArgument" => required_argument(first),
            "MissingSubselection" => {
                format!("Field `{}` needs a selection of its fields.", self.response_name(errors))
            }
            "SubselectionOnScalarType" | "SubselectionOnEnumType" => {
                format!("Field `{}` has no fields to select from.", self.response_name(errors))
            }
            "UniqueArgument" => format!("Argument `{first}` is given more than once."),
            "UniqueVariable" => format!("Variable `{first}` is declared more than once."),
            "UnusedVariable" => format!("Variable `{first}` is never used."),
            "VariableInputType" => format!("Variable `{first}` must be of an input type."),
            "UndefinedDefinition"
            | "UndefinedTypeInNamedFragmentTypeCondition"
            | "UndefinedTypeInInlineFragmentTypeCondition" => format!("There is no type `{first}`."),
            "UndefinedDirective" => format!("There is no directive `{first}`."),
            "UnsupportedLocation" => format!("Directive `@{}` is not allowed here.", self.word(0)),
            "UniqueDirective" => format!("Directive `@{}` is allowed here only once.", self.word(2)),
            "UndefinedFragment" => format!("There is no fragment `{first}`."),
            "UnusedFragment" => format!("Fragment `{first}` is never used."),
            "RecursiveFragmentDefinition" => format!("Fragment `{first}` contains itself."),
            "FragmentNameCollision" => format!("There is more than one fragment `{first}`."),
            "InvalidFragmentTarget" if first.is_empty() => {
                "A fragment must be on an object, an interface or a union.".to_owned()
            }
            "InvalidFragmentTarget" => {
                format!("Fragment `{first}` must be on an object, an interface or a union.")
            }
            "InvalidFragmentSpread" if self.quoted(2).is_empty() => {
                format!("A fragment on `{first}` can never apply here.")
            }
            "InvalidFragmentSpread" => {
                format!("Fragment `{first}` on `{second}` can never apply here.")
            }
            "OperationNameCollision" => format!("There is more than one operation `{first}`."),
            "AmbiguousAnonymousOperation" => "An operation without a name must be the only one.".to_owned(),
            "UndefinedRootOperation" => format!("The schema does not support the operation type {first}."),
            "TypeSystemDefinition" => "Only operations and fragments can be executed.".to_owned(),
            "ConflictingFieldType" => {
                self.conflict(errors, "is the response name of fields of different types")
            }
            "ConflictingFieldName" => self.conflict(errors, "is the response name of different fields"),
            "ConflictingFieldArgument" => {
                self.conflict(errors, "is the response name of fields with different arguments")
            }
            _ => "The document is invalid here.".to_owned(),
        }
    }
}

fn undefined_field(type_name: &str, field: &str, schema: Option<&Schema>) -> String {
    let Some(schema) = schema else { return format!("There is no field `{field}` here.") };
    let fields = schema.types.get(type_name).map(|definition| match definition {
        ExtendedType::Object(object) => object.fields.keys().collect(),
        ExtendedType::Interface(interface) => interface.fields.keys().collect(),
        _ => Vec::new(),
    });
    let suggestion = did_you_mean(field, fields.into_iter().flatten().map(Name::as_str));
    format!("`{type_name}` has no field `{field}`.{suggestion}")
}

fn undefined_argument(argument: &str, coordinate: &str, schema: Option<&Schema>) -> String {
    let Some((type_name, field)) = coordinate.split_once('.') else {
        return format!("Directive `{coordinate}` has no argument `{argument}`.");
    };
    let definition = schema.and_then(|schema| schema.type_field(type_name, field).ok());
    let arguments =
        definition.iter().flat_map(|field| &field.arguments).map(|argument| argument.name.as_str());
    format!("Field `{field}` has no argument `{argument}`.{}", did_you_mean(argument, arguments))
}

/// The coordinate is one such as `Query.gig(id:)` or `@skip(if:)`.
fn required_argument(coordinate: &str) -> String {
    let (owner, argument) = coordinate.split_once('(').unwrap_or((coordinate, ""));
    let argument = argument.trim_end_matches([':', ')']);
    match owner.split_once('.') {
        Some((_, field)) => format!("Field `{field}` needs the argument `{argument}`."),
        None => format!("Directive `{owner}` needs the argument `{argument}`."),
    }
}

/// Longer names get no suggestion: comparing two names takes time in proportion to the product of their
/// lengths.
const SUGGESTION_MAX_BYTES: usize = 64;

/// A sentence that suggests the most similar name; empty if none is similar.
pub(super) fn did_you_mean<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> String {
    let max_distance = 1 + unknown.len() / 3;
    if unknown.len() > SUGGESTION_MAX_BYTES {
        return String::new();
    }
    names
        .filter(|name| name.len().abs_diff(unknown.len()) <= max_distance)
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(distance, _)| *distance <= max_distance)
        .min()
        .map(|(_, name)| format!(" Did you mean `{name}`?"))
        .unwrap_or_default()
}
