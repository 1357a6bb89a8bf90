//! Coerces the values of variables to the types that an operation declares.

use std::fmt::Write as _;

use apollo_compiler::ast::{self, Type, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Node, Schema};
use serde_json::{Map, Number, Value};

use crate::engine::validation::ScalarCheck;
use crate::engine::validation::errors::{ErrorKind, ValidationError};
use crate::engine::validation::literal_json::literal_to_json;
use crate::engine::validation::scalars::{custom_scalar_error, is_built_in};

/// Up to this float, all integers are exact.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The coerced values of the declared variables, or the first error. Values of other variables are dropped.
pub(super) fn coerce(
    types: Types<'_>,
    variables: &[Node<VariableDefinition>],
    values: &Map<String, Value>,
) -> Result<Map<String, Value>, ValidationError> {
    let mut coerced = Map::new();
    for variable in variables {
        let name = variable.name.as_str();
        let value = match (values.get(name), &variable.default_value) {
            (Some(value), _) => {
                let path = Path { parent: None, step: Step::Name(name) };
                coerce_value(types, &variable.ty, value, &path)?
            }
            (None, Some(default)) => coerce_literal(types.schema, &variable.ty, default),
            (None, None) if variable.ty.is_non_null() => {
                let message = format!("Variable `${name}` is required.");
                return Err(ValidationError {
                    kind: ErrorKind::MissingVariable,
                    ..ValidationError::variable(message)
                });
            }
            (None, None) => continue,
        };
        coerced.insert(name.to_owned(), value);
    }
    Ok(coerced)
}

/// The types of the schema, and the check of its custom scalars.
#[derive(Clone, Copy)]
pub(super) struct Types<'a> {
    pub schema: &'a Schema,
    pub scalars: ScalarCheck,
    pub in_mutation: bool,
    /// Whether messages may name custom scalars.
    pub names_scalars: bool,
}

/// The path to a value inside a variable. It is formatted only for an error, so it allocates nothing.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl Path<'_> {
    /// The error for the value at this path. `error` is a predicate, such as "must not be null".
    fn error(&self, error: &str) -> ValidationError {
        let mut message = "Variable `$".to_owned();
        self.write(&mut message);
        ValidationError::variable(format!("{message}` {error}."))
    }

    fn write(&self, to: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(to);
        }
        let separator = if self.parent.is_some() { "." } else { "" };
        match self.step {
            Step::Name(name) => write!(to, "{separator}{name}"),
            Step::Index(index) => write!(to, "[{index}]"),
        }
        .expect("writing into a String does not fail");
    }
}

/// Coerces a value to a type.
fn coerce_value(
    types: Types<'_>,
    ty: &Type,
    value: &Value,
    path: &Path<'_>,
) -> Result<Value, ValidationError> {
    if value.is_null() {
        return if ty.is_non_null() { Err(path.error("must not be null")) } else { Ok(Value::Null) };
    }
    if ty.is_list() {
        let item = ty.item_type();
        let items = match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    let path = Path { parent: Some(path), step: Step::Index(index) };
                    coerce_value(types, item, value, &path)
                })
                .collect::<Result<_, _>>()?,
            single => vec![coerce_value(types, item, single, path)?],
        };
        return Ok(Value::Array(items));
    }
    match types.schema.types.get(ty.inner_named_type()) {
        Some(ExtendedType::InputObject(definition)) => coerce_object(types, definition, value, path),
        Some(ExtendedType::Enum(definition)) => match value {
            Value::String(name) if definition.values.contains_key(name.as_str()) => Ok(value.clone()),
            Value::String(_) => Err(path.error("must be a value of its enum")),
            _ => Err(path.error("must be an enum value, as a string")),
        },
        Some(ExtendedType::Scalar(definition)) if is_built_in(&definition.name) => {
            coerce_scalar(&definition.name, value)
                .ok_or_else(|| path.error(&format!("must be of type {}", definition.name)))
        }
        Some(ExtendedType::Scalar(definition))
            if !(types.scalars)(&definition.name, value, types.in_mutation) =>
        {
            Err(path.error(&custom_scalar_error(&definition.name, types.names_scalars)))
        }
        // Validation rejects a type that is not an input type.
        _ => Ok(value.clone()),
    }
}

fn coerce_object(
    types: Types<'_>,
    definition: &InputObjectType,
    value: &Value,
    path: &Path<'_>,
) -> Result<Value, ValidationError> {
    let Value::Object(values) = value else { return Err(path.error("must be an object")) };
    let mut coerced = Map::new();
    for (name, field) in &definition.fields {
        let path = Path { parent: Some(path), step: Step::Name(name) };
        let value = match (values.get(name.as_str()), &field.default_value) {
            (Some(value), _) => coerce_value(types, &field.ty, value, &path)?,
            (None, Some(default)) => coerce_literal(types.schema, &field.ty, default),
            (None, None) if field.ty.is_non_null() => return Err(path.error("is required")),
            (None, None) => continue,
        };
        coerced.insert(name.to_string(), value);
    }
    match values.keys().find(|name| !definition.fields.contains_key(name.as_str())) {
        Some(unknown) => {
            let path = Path { parent: Some(path), step: Step::Name(unknown) };
            Err(path.error("is not a field of its input object"))
        }
        None => Ok(Value::Object(coerced)),
    }
}

/// Coerces a value to a scalar of the specification.
fn coerce_scalar(name: &str, value: &Value) -> Option<Value> {
    match (name, value) {
        ("Int", Value::Number(number)) => {
            to_integer(number).and_then(|integer| i32::try_from(integer).ok()).map(Value::from)
        }
        ("ID", Value::Number(number)) => to_integer(number).map(|integer| Value::String(integer.to_string())),
        ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Bool(_)) => {
            Some(value.clone())
        }
        _ => None,
    }
}

/// A number as an integer; `None` if it is not an integer. A number with a fraction of zero is an integer.
fn to_integer(number: &Number) -> Option<i128> {
    if let Some(integer) = number.as_i128() {
        return Some(integer);
    }
    let float = number.as_f64()?;
    // The text of such a number has no fraction and no exponent.
    (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then(|| format!("{float:.0}").parse().ok()).flatten()
}

/// Coerces a valid default value to its type.
fn coerce_literal(schema: &Schema, ty: &Type, value: &ast::Value) -> Value {
    match value {
        ast::Value::Null => Value::Null,
        ast::Value::List(items) if ty.is_list() => {
            items.iter().map(|item| coerce_literal(schema, ty.item_type(), item)).collect()
        }
        _ if ty.is_list() => Value::Array(vec![coerce_literal(schema, ty.item_type(), value)]),
        _ => match (schema.types.get(ty.inner_named_type()), value) {
            (Some(ExtendedType::InputObject(definition)), ast::Value::Object(values)) => {
                let fields = definition.fields.iter().filter_map(|(name, field)| {
                    let value = values.iter().find(|(key, _)| key == name).map(|(_, value)| value);
                    let value = value.or(field.default_value.as_ref())?;
                    Some((name.to_string(), coerce_literal(schema, &field.ty, value)))
                });
                Value::Object(fields.collect())
            }
            (Some(ExtendedType::Scalar(scalar)), ast::Value::Int(int)) if scalar.name == "ID" => {
                Value::String(int.as_str().to_owned())
            }
            _ => literal_to_json(value),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use crate::engine::validation::{ValidDocument, Validator};

    fn valid(document: &str) -> ValidDocument {
        let validator = Validator::new(include_str!("../../../schema.graphql"), false);
        validator.validate(document).expect("the document is valid")
    }

    fn coerce(document: &str, variables: &Value) -> Result<Value, String> {
        let variables = variables.as_object().expect("variables are an object");
        let coerced = valid(document).coerce_variables(None, variables);
        coerced.map(Value::Object).map_err(|error| error.message)
    }

    #[test]
    fn variables_are_coerced_to_their_types() {
        let document = "query($n: Int, $i: ID, $l: [ID!], $f: GigFilter, $o: GigOrder = NEWEST, $w: GigFilter = { tags: \"a\", seller: 1 }) {
            a: gigs(first: $n, where: $f, orderBy: $o) { totalCount } b: gig(id: 1) { id } c: gigs(where: $w) { totalCount }
            d: gigs(where: { seller: $i, category: $l }) { totalCount }
        }";
        assert_eq!(
            coerce(
                document,
                &json!({ "n": 1.0, "i": 5, "l": "x", "f": { "tags": "t", "minPrice": [1], "seller": null }, "z": 1 })
            ),
            Ok(json!({
                "n": 1, "i": "5", "l": ["x"], "f": { "seller": null, "minPrice": [1], "tags": ["t"] },
                "o": "NEWEST", "w": { "tags": ["a"], "seller": "1" },
            }))
        );
        assert_eq!(
            coerce(document, &json!({ "o": null })),
            Ok(json!({ "o": null, "w": { "tags": ["a"], "seller": "1" } }))
        );
    }

    #[test]
    fn an_error_names_the_variable_and_the_path_in_it() {
        let cases = [
            ("Int", "gigs(first: $v) { totalCount }", json!("1"), "Variable `$v` must be of type Int."),
            ("Int", "gigs(first: $v) { totalCount }", json!(1.5), "Variable `$v` must be of type Int."),
            (
                "Int",
                "gigs(first: $v) { totalCount }",
                json!(2_147_483_648_u32),
                "Variable `$v` must be of type Int.",
            ),
            ("Int! = 5", "gigs(first: $v) { totalCount }", json!(null), "Variable `$v` must not be null."),
            (
                "GigOrder",
                "gigs(orderBy: $v) { totalCount }",
                json!("NEW"),
                "Variable `$v` must be a value of its enum.",
            ),
            (
                "GigOrder",
                "gigs(orderBy: $v) { totalCount }",
                json!(1),
                "Variable `$v` must be an enum value, as a string.",
            ),
            ("GigFilter", "gigs(where: $v) { totalCount }", json!([]), "Variable `$v` must be an object."),
            (
                "GigFilter",
                "gigs(where: $v) { totalCount }",
                json!({ "x": 1 }),
                "Variable `$v.x` is not a field of its input object.",
            ),
            (
                "GigFilter",
                "gigs(where: $v) { totalCount }",
                json!({ "tags": ["a", 1] }),
                "Variable `$v.tags[1]` must be of type String.",
            ),
        ];
        for (declared, selection, value, message) in cases {
            let document = format!("query($v: {declared}) {{ {selection} }}");
            assert_eq!(coerce(&document, &json!({ "v": value })), Err(message.to_owned()));
        }
        let missing = coerce("query($v: ID!) { gig(id: $v) { id } }", &json!({}));
        assert_eq!(missing, Err("Variable `$v` is required.".to_owned()));
        let missing = coerce(
            "mutation($v: SignInInput!) { signIn(input: $v) { errors { code } } }",
            &json!({ "v": {} }),
        );
        assert_eq!(missing, Err("Variable `$v.email` is required.".to_owned()));
    }

    #[test]
    fn the_variables_of_the_selected_operation_are_coerced() {
        let document = valid("query A($v: ID!) { gig(id: $v) { id } } query B { eventCursor }");
        let none = Map::new();
        assert!(document.coerce_variables(Some("A"), &none).is_err());
        assert!(document.coerce_variables(Some("B"), &none).is_ok());
    }
}
