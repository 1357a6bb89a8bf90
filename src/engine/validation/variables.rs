//! Coerces the values of variables, which come as JSON, to the types that an operation declares.

use std::fmt::Write as _;

use apollo_compiler::ast::{self, Type, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Node, Schema};
use serde_json::{Map, Number, Value};

use crate::engine::validation::errors::ValidationError;
use crate::engine::validation::values::is_built_in;

/// Beyond this number every other integer is missing from JSON numbers with a fraction.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The coerced values of the declared variables, or the first mistake.
pub(super) fn coerce(
    schema: &Schema,
    variables: &[Node<VariableDefinition>],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, ValidationError> {
    let mut coerced = Map::new();
    for variable in variables {
        let name = variable.name.as_str();
        let value = match (given.get(name), &variable.default_value) {
            (Some(value), _) => {
                let path = Path { parent: None, step: Step::Name(name) };
                input(schema, &variable.ty, value, &path)?
            }
            (None, Some(default)) => literal(schema, &variable.ty, default),
            (None, None) if variable.ty.is_non_null() => {
                return Err(ValidationError::variable(format!("Variable ${name}: a value is required.")));
            }
            (None, None) => continue,
        };
        coerced.insert(name.to_owned(), value);
    }
    Ok(coerced)
}

/// The way from a variable to a value within it.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl Path<'_> {
    fn refuse(&self, mistake: &str) -> ValidationError {
        let mut message = "Variable $".to_owned();
        self.write(&mut message);
        ValidationError::variable(format!("{message}: {mistake}."))
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

/// A value as a type asks for it.
fn input(schema: &Schema, ty: &Type, value: &Value, path: &Path<'_>) -> Result<Value, ValidationError> {
    if value.is_null() {
        return if ty.is_non_null() { Err(path.refuse("must not be null")) } else { Ok(Value::Null) };
    }
    if ty.is_list() {
        let item = ty.item_type();
        let items = match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    let path = Path { parent: Some(path), step: Step::Index(index) };
                    input(schema, item, value, &path)
                })
                .collect::<Result<_, _>>()?,
            single => vec![input(schema, item, single, path)?],
        };
        return Ok(Value::Array(items));
    }
    match schema.types.get(ty.inner_named_type()) {
        Some(ExtendedType::InputObject(definition)) => object(schema, definition, value, path),
        Some(ExtendedType::Enum(definition)) => match value {
            Value::String(name) if definition.values.contains_key(name.as_str()) => Ok(value.clone()),
            Value::String(_) => Err(path.refuse("not a value of its enum")),
            _ => Err(path.refuse("expected a value of an enum, as a string")),
        },
        Some(ExtendedType::Scalar(definition)) if is_built_in(&definition.name) => {
            scalar(&definition.name, value)
                .ok_or_else(|| path.refuse(&format!("expected {}", definition.name)))
        }
        // A custom scalar reads its values itself; a type that is not one of input is refused before.
        _ => Ok(value.clone()),
    }
}

fn object(
    schema: &Schema,
    definition: &InputObjectType,
    value: &Value,
    path: &Path<'_>,
) -> Result<Value, ValidationError> {
    let Value::Object(given) = value else { return Err(path.refuse("expected an object")) };
    let mut coerced = Map::new();
    for (name, field) in &definition.fields {
        let path = Path { parent: Some(path), step: Step::Name(name) };
        let value = match (given.get(name.as_str()), &field.default_value) {
            (Some(value), _) => input(schema, &field.ty, value, &path)?,
            (None, Some(default)) => literal(schema, &field.ty, default),
            (None, None) if field.ty.is_non_null() => return Err(path.refuse("a value is required")),
            (None, None) => continue,
        };
        coerced.insert(name.to_string(), value);
    }
    match given.keys().find(|name| !definition.fields.contains_key(name.as_str())) {
        Some(unknown) => {
            let path = Path { parent: Some(path), step: Step::Name(unknown) };
            Err(path.refuse("there is no such field"))
        }
        None => Ok(Value::Object(coerced)),
    }
}

/// A value as one of the specification's scalars.
fn scalar(name: &str, value: &Value) -> Option<Value> {
    match (name, value) {
        ("Int", Value::Number(number)) => {
            whole(number).and_then(|whole| i32::try_from(whole).ok()).map(Value::from)
        }
        ("ID", Value::Number(number)) => whole(number).map(|whole| Value::String(whole.to_string())),
        ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Bool(_)) => {
            Some(value.clone())
        }
        _ => None,
    }
}

/// A number without a fraction, also one that is written with a fraction of zero.
fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64()?;
    // The text of such a number has no fraction and no exponent.
    (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then(|| format!("{float:.0}").parse().ok()).flatten()
}

/// A default value, which fits its type, as a type asks for it.
fn literal(schema: &Schema, ty: &Type, value: &ast::Value) -> Value {
    match value {
        ast::Value::Null => Value::Null,
        ast::Value::List(items) if ty.is_list() => {
            items.iter().map(|item| literal(schema, ty.item_type(), item)).collect()
        }
        _ if ty.is_list() => Value::Array(vec![literal(schema, ty.item_type(), value)]),
        _ => match (schema.types.get(ty.inner_named_type()), value) {
            (Some(ExtendedType::InputObject(definition)), ast::Value::Object(given)) => {
                let fields = definition.fields.iter().filter_map(|(name, field)| {
                    let value = given.iter().find(|(given, _)| given == name).map(|(_, value)| value);
                    let value = value.or(field.default_value.as_ref())?;
                    Some((name.to_string(), literal(schema, &field.ty, value)))
                });
                Value::Object(fields.collect())
            }
            (Some(ExtendedType::Scalar(scalar)), ast::Value::Int(int)) if scalar.name == "ID" => {
                Value::String(int.as_str().to_owned())
            }
            _ => untyped(value),
        },
    }
}

/// A literal as the JSON that says the same.
fn untyped(value: &ast::Value) -> Value {
    match value {
        ast::Value::Null | ast::Value::Variable(_) => Value::Null,
        ast::Value::Boolean(value) => Value::Bool(*value),
        ast::Value::String(value) => Value::String(value.clone()),
        ast::Value::Enum(name) => Value::String(name.to_string()),
        ast::Value::Int(int) => number(int.as_str()),
        ast::Value::Float(float) => number(float.as_str()),
        ast::Value::List(items) => items.iter().map(|item| untyped(item)).collect(),
        ast::Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.to_string(), untyped(value))).collect())
        }
    }
}

/// A number as JSON; null where it is too large for that.
fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::from)
        .ok()
        .or_else(|| text.parse::<Number>().ok().map(Value::Number))
        .unwrap_or_default()
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
    fn a_variable_that_does_not_fit_is_named() {
        let told = [
            ("Int", "gigs(first: $v) { totalCount }", json!("1"), "Variable $v: expected Int."),
            ("Int", "gigs(first: $v) { totalCount }", json!(1.5), "Variable $v: expected Int."),
            ("Int", "gigs(first: $v) { totalCount }", json!(2_147_483_648_u32), "Variable $v: expected Int."),
            ("Int! = 5", "gigs(first: $v) { totalCount }", json!(null), "Variable $v: must not be null."),
            (
                "GigOrder",
                "gigs(orderBy: $v) { totalCount }",
                json!("NEW"),
                "Variable $v: not a value of its enum.",
            ),
            (
                "GigOrder",
                "gigs(orderBy: $v) { totalCount }",
                json!(1),
                "Variable $v: expected a value of an enum, as a string.",
            ),
            ("GigFilter", "gigs(where: $v) { totalCount }", json!([]), "Variable $v: expected an object."),
            (
                "GigFilter",
                "gigs(where: $v) { totalCount }",
                json!({ "x": 1 }),
                "Variable $v.x: there is no such field.",
            ),
            (
                "GigFilter",
                "gigs(where: $v) { totalCount }",
                json!({ "tags": ["a", 1] }),
                "Variable $v.tags[1]: expected String.",
            ),
        ];
        for (declared, selection, value, message) in told {
            let document = format!("query($v: {declared}) {{ {selection} }}");
            assert_eq!(coerce(&document, &json!({ "v": value })), Err(message.to_owned()));
        }
        let missing = coerce("query($v: ID!) { gig(id: $v) { id } }", &json!({}));
        assert_eq!(missing, Err("Variable $v: a value is required.".to_owned()));
        let missing = coerce(
            "mutation($v: SignInInput!) { signIn(input: $v) { errors { code } } }",
            &json!({ "v": {} }),
        );
        assert_eq!(missing, Err("Variable $v.email: a value is required.".to_owned()));
    }

    #[test]
    fn the_named_operations_variables_are_coerced() {
        let document = valid("query A($v: ID!) { gig(id: $v) { id } } query B { eventCursor }");
        let none = Map::new();
        assert!(document.coerce_variables(Some("A"), &none).is_err());
        assert!(document.coerce_variables(Some("B"), &none).is_ok());
    }
}
