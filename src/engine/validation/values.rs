//! Literals and variables: of the right type, each input field given once, each variable declared and allowed where
//! it stands.
//!
//! In a custom scalar anything may stand, as in `graphql-js`; variables within are still looked at, where a type can
//! be told for them: an item of a list is taken for the scalar itself, a field of an object for anything.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, InputValueDefinition, Type, Value, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};

use crate::engine::validation::apollo::did_you_mean;
use crate::engine::validation::errors::Errors;
use crate::engine::validation::walk::{Stop, walk};

pub(super) fn check(schema: &Schema, document: &ExecutableDocument, errors: &mut Errors<'_>) {
    for operation in document.operations.iter() {
        // A default value stands where no variable can.
        let mut values = Values { schema, variables: &[], errors };
        for variable in &operation.variables {
            values.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                let name = format!("${}", variable.name);
                let place = Place { what: "Variable", name: &name };
                values.value(default, values.input_type(&variable.ty), false, place);
            }
        }
        values.variables = &operation.variables;
        walk(document, operation, &mut |stop| match stop {
            Stop::Field(field) => values.arguments(&field.arguments, &field.definition.arguments),
            Stop::Directives(directives) => values.directives(directives),
        });
    }
}

/// What a value is given for.
#[derive(Clone, Copy)]
struct Place<'a> {
    what: &'static str,
    name: &'a str,
}

struct Values<'a, 'e, 'd> {
    schema: &'a Schema,
    variables: &'a [Node<VariableDefinition>],
    errors: &'e mut Errors<'d>,
}

impl Values<'_, '_, '_> {
    /// The type itself, where it is one of input; another one is refused elsewhere.
    fn input_type<'t>(&self, ty: &'t Type) -> Option<&'t Type> {
        self.schema.is_input_type(ty).then_some(ty)
    }

    fn directives(&mut self, directives: &[Node<apollo_compiler::ast::Directive>]) {
        let schema = self.schema;
        for directive in directives {
            let definition = schema.directive_definitions.get(&directive.name);
            self.arguments(&directive.arguments, definition.map_or(&[], |it| it.arguments.as_slice()));
        }
    }

    fn arguments(&mut self, given: &[Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in given {
            let definition = definitions.iter().find(|definition| definition.name == argument.name);
            let ty = definition.and_then(|it| self.input_type(&it.ty));
            let has_default = definition.is_some_and(|it| it.default_value.is_some());
            let place = Place { what: "Argument", name: &argument.name };
            self.value(&argument.value, ty, has_default, place);
        }
    }

    /// A value where one of a type is expected; without a type, where anything may stand.
    fn value(&mut self, value: &Node<Value>, ty: Option<&Type>, has_default: bool, place: Place<'_>) {
        let Some(ty) = ty else {
            self.untyped(value, None);
            return;
        };
        let named = self.schema.types.get(ty.inner_named_type());
        match (&**value, named) {
            (Value::Variable(name), _) => self.variable(value, name, Some((ty, has_default))),
            (Value::Null, _) => {
                if ty.is_non_null() {
                    self.refuse(value, place, "cannot be null.");
                }
            }
            (Value::List(items), _) if ty.is_list() => {
                for item in items {
                    self.value(item, Some(ty.item_type()), false, place);
                }
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(definition))) => {
                self.object(value, fields, definition);
            }
            (_, Some(ExtendedType::Scalar(scalar))) if !is_built_in(&scalar.name) => {
                self.untyped(value, Some(&ty.clone().nullable()));
            }
            (_, Some(named)) => {
                if let Some((mistake, near)) = self.mistake(value, named) {
                    self.refuse(value, place, &format!("{mistake}.{near}"));
                }
                self.untyped(value, None);
            }
            (_, None) => self.untyped(value, None),
        }
    }

    /// Whatever stands in a custom scalar. A variable in a list is of the scalar's type, where there is one.
    fn untyped(&mut self, value: &Node<Value>, scalar: Option<&Type>) {
        match &**value {
            Value::Variable(name) => self.variable(value, name, scalar.map(|ty| (ty, false))),
            Value::List(items) => items.iter().for_each(|item| self.untyped(item, scalar)),
            Value::Object(fields) => {
                self.fields_once(fields);
                for (_, field) in fields {
                    self.untyped(field, None);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, value: &Node<Value>, fields: &[(Name, Node<Value>)], definition: &InputObjectType) {
        self.fields_once(fields);
        for (name, value) in fields {
            let field = definition.fields.get(name);
            if field.is_none() {
                let near = self.near(name, || definition.fields.keys());
                let message = format!("There is no input field `{name}` here.{near}");
                self.errors.validation(message, name.location());
            }
            let ty = field.and_then(|field| self.input_type(&field.ty));
            let has_default = field.is_some_and(|field| field.default_value.is_some());
            self.value(value, ty, has_default, Place { what: "Input field", name });
        }
        let given: HashSet<&Name> = fields.iter().map(|(name, _)| name).collect();
        for (name, field) in &definition.fields {
            if field.is_required() && !given.contains(name) {
                let message = format!("The input field `{name}` is missing.");
                self.errors.validation(message, value.location());
            }
        }
    }

    fn fields_once(&mut self, fields: &[(Name, Node<Value>)]) {
        let mut seen = HashSet::new();
        for (name, _) in fields {
            if !seen.insert(name) {
                let message = format!("Input field `{name}` is given more than once.");
                self.errors.validation(message, name.location());
            }
        }
    }

    /// A variable, and the type that is expected where it stands, with whether there is a default value for it.
    fn variable(&mut self, value: &Node<Value>, name: &Name, expected: Option<(&Type, bool)>) {
        let Some(variable) = self.variables.iter().find(|variable| variable.name == *name) else {
            self.errors.validation(format!("Variable `${name}` is not declared."), value.location());
            return;
        };
        let declared = self.input_type(&variable.ty);
        if let (Some(declared), Some((ty, has_default))) = (declared, expected) {
            let default = variable.default_value.as_ref().filter(|default| !default.is_null());
            if !fits(declared, default.is_some(), ty, has_default) {
                let message = format!("Variable `${name}` is a `{declared}`, which does not fit here.");
                self.errors.validation(message, value.location());
            }
        }
    }

    /// Why a literal is none of a scalar that is built in, of an enum or of an input object, and what may be meant.
    fn mistake(&self, value: &Value, named: &ExtendedType) -> Option<(String, String)> {
        let plain = |mistake: &str| Some((mistake.to_owned(), String::new()));
        match named {
            ExtendedType::Scalar(scalar) => {
                let fits = match (scalar.name.as_str(), value) {
                    ("Int", Value::Int(int)) => int.try_to_i32().is_ok(),
                    ("Float", Value::Int(int)) => int.try_to_f64().is_ok(),
                    ("Float", Value::Float(float)) => float.try_to_f64().is_ok(),
                    ("String" | "ID", Value::String(_))
                    | ("ID", Value::Int(_))
                    | ("Boolean", Value::Boolean(_)) => true,
                    _ => false,
                };
                if fits { None } else { plain(&format!("must be of type {}", scalar.name)) }
            }
            ExtendedType::Enum(definition) => match value {
                Value::Enum(name) if definition.values.contains_key(name) => None,
                Value::Enum(name) => {
                    let near = self.near(name, || definition.values.keys());
                    Some((format!("cannot have the value `{name}`, which is none of its enum"), near))
                }
                _ => plain("must be a value of an enum, without quotes"),
            },
            _ => plain("must be an input object"),
        }
    }

    fn near<'n, I: Iterator<Item = &'n Name>>(&self, written: &str, known: impl FnOnce() -> I) -> String {
        let known = self.errors.suggestions().map(|_| known());
        did_you_mean(written, known.into_iter().flatten().map(Name::as_str))
    }

    fn refuse(&mut self, value: &Node<Value>, place: Place<'_>, mistake: &str) {
        let message = format!("{} `{}` {mistake}", place.what, place.name);
        self.errors.validation(message, value.location());
    }
}

/// Whether the scalar is one of the specification's.
pub(super) fn is_built_in(scalar: &str) -> bool {
    matches!(scalar, "Int" | "Float" | "String" | "Boolean" | "ID")
}

/// Whether a variable may stand where a value of a type is expected: a nullable one also for a non-null type, where
/// either of the two has a default value.
fn fits(declared: &Type, has_value: bool, expected: &Type, has_default: bool) -> bool {
    if expected.is_non_null() && !declared.is_non_null() && (has_value || has_default) {
        declared.is_assignable_to(&expected.clone().nullable())
    } else {
        declared.is_assignable_to(expected)
    }
}
