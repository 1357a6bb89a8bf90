//! The verdicts of `apollo-compiler`: which of them count, and what they say to a client.
//!
//! Its own messages tell names of the schema, so each is written anew. What kind a verdict is of is known by the name
//! that the crate gives it for debugging, and the names within by the backticks around them: the crate's version is
//! pinned, and a test has each verdict told. One that is not known here refuses the document all the same.

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList};
use apollo_compiler::{Name, Schema};

use crate::engine::validation::errors::Errors;

/// Verdicts that `values` gives instead: this crate takes a variable for fitting by its name alone, and takes a list
/// in a custom scalar for a list of that scalar.
const JUDGED_BY_VALUES: [&str; 8] = [
    "UnsupportedValueType",
    "IntCoercionError",
    "FloatCoercionError",
    "UndefinedEnumValue",
    "UndefinedInputValue",
    "RequiredField",
    "UndefinedVariable",
    "DisallowedVariableUsage",
];

/// Verdicts that `subscriptions` gives instead: this crate counts a root field that is given twice as two.
const JUDGED_BY_SUBSCRIPTIONS: [&str; 3] = [
    "SubscriptionUsesMultipleFields",
    "SubscriptionUsesIntrospection",
    "SubscriptionUsesConditionalSelection",
];

/// Verdicts that follow from a selection that was left out as it is wrong itself: what was used in it only seems
/// unused, and what held nothing else seems empty.
const FOLLOWING: [&str; 3] = ["UnusedVariable", "UnusedFragment", "MissingSubselection"];

/// Reports the first thing that could not be read; what follows it is often not wrong by itself.
pub(super) fn report_syntax(list: &DiagnosticList, errors: &mut Errors<'_>) {
    let Some(first) = list.iter().next() else {
        errors.syntax("The document cannot be read.".to_owned(), None);
        return;
    };
    let text = first.error.to_string();
    errors.syntax(plain_syntax(text.strip_prefix("syntax error: ").unwrap_or(&text)), first.error.location());
}

/// A message of the parser in plain words, and without the part of the document that some repeat.
fn plain_syntax(text: &str) -> String {
    if text.contains("limit reached") {
        return "The document is nested too deeply or too long.".to_owned();
    }
    let ends = text.contains("EOF") || text.contains("unterminated") || text.contains("unexpected end");
    let (expected, _) = text.split_once(", got ").unwrap_or((text, ""));
    let plain = match expected {
        "expected R_CURLY" => "Expected `}`",
        "expected R_PAREN" => "Expected `)`",
        "expected R_BRACK" => "Expected `]`",
        "expected a valid Value" => "Expected a value",
        "unexpected variable value in a Const context" => "Expected a value, which cannot be a variable",
        "Unexpected <EOF>." => "Expected an operation",
        _ if expected.contains("definition")
            || expected.contains("Definition") && !expected.contains("Variable") =>
        {
            "Expected an operation or a fragment"
        }
        _ if expected.contains("string value") => "Expected the quotes that end a string",
        _ => expected.trim_end_matches('.'),
    };
    let initial = plain.chars().next().map(|initial| initial.to_uppercase().to_string()).unwrap_or_default();
    let rest = plain.get(plain.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    let end = if ends { ", and the document ends" } else { "" };
    format!("{initial}{rest}{end}.")
}

/// Reports the verdicts that count: those on building the document, and those on what could be built.
pub(super) fn report(
    unbuilt: Option<&DiagnosticList>,
    judged: Option<&DiagnosticList>,
    errors: &mut Errors<'_>,
) {
    let incomplete = unbuilt.is_some();
    let all = unbuilt.into_iter().chain(judged).flat_map(DiagnosticList::iter);
    for verdict in all.map(|diagnostic| Verdict::new(diagnostic.error)) {
        let elsewhere = JUDGED_BY_VALUES.contains(&verdict.name)
            || JUDGED_BY_SUBSCRIPTIONS.contains(&verdict.name)
            || (incomplete && FOLLOWING.contains(&verdict.name));
        if elsewhere {
            continue;
        }
        if verdict.is_limit() {
            errors.syntax("The document is nested too deeply.".to_owned(), verdict.span);
        } else {
            let message = verdict.message(errors);
            errors.validation(message, verdict.span);
        }
    }
}

/// One verdict, taken apart.
struct Verdict {
    name: &'static str,
    text: String,
    span: Option<SourceSpan>,
}

impl Verdict {
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

    /// The text's name of that number.
    fn quoted(&self, index: usize) -> &str {
        self.text.split('`').skip(1).step_by(2).nth(index).unwrap_or_default()
    }

    /// The text's word of that number.
    fn word(&self, index: usize) -> &str {
        self.text.split(' ').nth(index).unwrap_or_default()
    }

    /// The name under which the field that the verdict is on comes back.
    fn response_name<'a>(&self, errors: &Errors<'a>) -> &'a str {
        let source = errors.source(self.span);
        let end = source.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(source.len());
        source.get(..end).unwrap_or_default()
    }

    fn conflict(&self, errors: &Errors<'_>, how: &str) -> String {
        format!("`{}` {how}: rename one of them.", self.response_name(errors))
    }

    fn message(&self, errors: &Errors<'_>) -> String {
        let (first, second) = (self.quoted(0), self.quoted(1));
        match self.name {
            "UndefinedField" => undefined_field(first, second, errors.suggestions()),
            "UndefinedArgument" => undefined_argument(first, second, errors.suggestions()),
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
            "UnsupportedLocation" => format!("Directive `@{}` cannot stand here.", self.word(0)),
            "UniqueDirective" => format!("Directive `@{}` can stand here only once.", self.word(2)),
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
                format!("Nothing that is selected from here can be a `{first}`.")
            }
            "InvalidFragmentSpread" => {
                format!("Fragment `{first}`: nothing that is selected from here can be a `{second}`.")
            }
            "OperationNameCollision" => format!("There is more than one operation `{first}`."),
            "AmbiguousAnonymousOperation" => "An operation without a name must be the only one.".to_owned(),
            "UndefinedRootOperation" => format!("There is no {first} in this schema."),
            "TypeSystemDefinition" => "Only operations and fragments can be executed.".to_owned(),
            "ConflictingFieldType" => self.conflict(errors, "stands for fields of different types"),
            "ConflictingFieldName" => self.conflict(errors, "stands for different fields"),
            "ConflictingFieldArgument" => self.conflict(errors, "is selected with different arguments"),
            _ => "The document breaks a rule of validation here.".to_owned(),
        }
    }
}

fn undefined_field(type_name: &str, field: &str, schema: Option<&Schema>) -> String {
    let Some(schema) = schema else { return format!("There is no field `{field}` here.") };
    let fields = schema.types.get(type_name).map(|found| match found {
        apollo_compiler::schema::ExtendedType::Object(found) => found.fields.keys().collect(),
        apollo_compiler::schema::ExtendedType::Interface(found) => found.fields.keys().collect(),
        _ => Vec::new(),
    });
    let near = did_you_mean(field, fields.into_iter().flatten().map(Name::as_str));
    format!("`{type_name}` has no field `{field}`.{near}")
}

fn undefined_argument(argument: &str, coordinate: &str, schema: Option<&Schema>) -> String {
    let Some((type_name, field)) = coordinate.split_once('.') else {
        return format!("Directive `{coordinate}` has no argument `{argument}`.");
    };
    let definition = schema.and_then(|schema| schema.type_field(type_name, field).ok());
    let arguments = definition.iter().flat_map(|field| &field.arguments).map(|it| it.name.as_str());
    format!("Field `{field}` has no argument `{argument}`.{}", did_you_mean(argument, arguments))
}

/// Of a coordinate such as `Query.gig(id:)` or `@skip(if:)`.
fn required_argument(coordinate: &str) -> String {
    let (owner, argument) = coordinate.split_once('(').unwrap_or((coordinate, ""));
    let argument = argument.trim_end_matches([':', ')']);
    match owner.split_once('.') {
        Some((_, field)) => format!("Field `{field}` needs the argument `{argument}`."),
        None => format!("Directive `{owner}` needs the argument `{argument}`."),
    }
}

/// A question that names the known name nearest to the one that was written, where one is near.
pub(super) fn did_you_mean<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    let most = 1 + written.len() / 3;
    known
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| format!(" Did you mean `{name}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::engine::validation::Validator;

    const SDL: &str = include_str!("../../../schema.graphql");

    /// Documents, and a mistake of each: as it is told without names of the schema, and where that is not the same, with.
    const TOLD: &[(&str, &str, &str)] = &[
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
        ("query @skip(if: true) { eventCursor }", "Directive `@skip` cannot stand here.", ""),
        (
            "{ eventCursor @skip(if: true) @skip(if: true) }",
            "Directive `@skip` can stand here only once.",
            "",
        ),
        ("{ ...F }", "There is no fragment `F`.", ""),
        ("{ eventCursor } fragment F on Query { eventCursor }", "Fragment `F` is never used.", ""),
        ("{ ...F } fragment F on Query { ...F }", "Fragment `F` contains itself.", ""),
        (
            "{ ...F } fragment F on Query { eventCursor } fragment F on Query { eventCursor }",
            "There is more than one fragment `F`.",
            "",
        ),
        ("{ ... on Date { id } }", "A fragment must be on an object, an interface or a union.", ""),
        (
            "{ ...F } fragment F on Date { id }",
            "Fragment `F` must be on an object, an interface or a union.",
            "",
        ),
        ("{ ... on Gig { id } }", "Nothing that is selected from here can be a `Gig`.", ""),
        (
            "{ ...F } fragment F on Gig { id }",
            "Fragment `F`: nothing that is selected from here can be a `Gig`.",
            "",
        ),
        ("query A { eventCursor } query A { eventCursor }", "There is more than one operation `A`.", ""),
        ("{ eventCursor } query A { eventCursor }", "An operation without a name must be the only one.", ""),
        ("{ eventCursor } type A { b: Int }", "Only operations and fragments can be executed.", ""),
        (
            "{ a: eventCursor a: limits { gig { titleMinChars } } }",
            "`a` stands for fields of different types: rename one of them.",
            "",
        ),
        (
            "{ viewer { user { a: id a: displayName } } }",
            "`a` stands for fields of different types: rename one of them.",
            "",
        ),
        (
            "{ limits { gig { a: linksMax a: tagsMax } } }",
            "`a` stands for different fields: rename one of them.",
            "",
        ),
        (
            "{ gigs(orderBy: NEWES) { totalCount } }",
            "Argument `orderBy` cannot have the value `NEWES`, which is none of its enum.",
            "Argument `orderBy` cannot have the value `NEWES`, which is none of its enum. Did you mean `NEWEST`?",
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
    fn what_cannot_be_read_is_told_in_plain_words() {
        let validator = Validator::new(SDL, false);
        for (document, message) in [
            ("", "Expected an operation, and the document ends."),
            ("{ gigs ", "Expected `}`, and the document ends."),
            ("{ gigs : : secret }", "Expected a Name."),
            ("{ gigs(first: 1 \"secret\") }", "Expected `)`."),
            ("{ gigs(first: ) }", "Expected a value."),
            ("{ gigs \"secret\" }", "Expected `}`."),
            ("query($a: Int = $b) { gigs }", "Expected a value, which cannot be a variable."),
            ("query() { gigs }", "Expected a Variable Definition."),
            ("secret", "Expected an operation or a fragment."),
            ("{ gigs } }", "Expected an operation or a fragment."),
            ("{ gigs(first: \"", "Expected the quotes that end a string, and the document ends."),
            ("{ gigs(first: 1x) }", "Unexpected character `x` as integer suffix."),
            ("{ ... }", "Expected an Inline Fragment or a Fragment Spread."),
            ("{ gigs(first: 1 last) }", "Expected a colon and a value behind this name."),
        ] {
            let errors = validator.validate(document).expect_err(document);
            assert_eq!(errors.first().map(|error| error.message.as_str()), Some(message), "{document}");
        }
    }

    #[test]
    fn each_verdict_says_what_is_wrong() {
        let (closed_one, open_one) = (Validator::new(SDL, false), Validator::new(SDL, true));
        for (document, closed, open) in TOLD {
            let message = |validator: &Validator| {
                let errors = validator.validate(document).expect_err(document);
                errors.into_iter().map(|error| error.message).collect::<Vec<_>>()
            };
            assert!(
                message(&closed_one).iter().any(|it| it == closed),
                "{document}\n{:#?}",
                message(&closed_one)
            );
            let open = if open.is_empty() { closed } else { open };
            assert!(message(&open_one).iter().any(|it| it == open), "{document}\n{:#?}", message(&open_one));
        }
    }
}
