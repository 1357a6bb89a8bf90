//! Checks literals and the use of variables: each literal is of the right type, each input field is given
//! once, and each variable is declared and of a type that fits where it is used.
//!
//! The values of a custom scalar are checked by its [`ScalarCheck`]. A variable inside such a value must be
//! declared. In a list it must be of the scalar's type, and in an object it can be of any type.

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, InputValueDefinition, Type, Value, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};

use crate::engine::validation::ScalarCheck;
use crate::engine::validation::apollo::did_you_mean;
use crate::engine::validation::errors::Errors;
use crate::engine::validation::literal_json::literal_to_json;
use crate::engine::validation::scalars::{custom_scalar_error, is_built_in};
use crate::engine::validation::walk::{WalkItem, walk};

pub(super) fn check(
    schema: &Schema,
    scalars: ScalarCheck,
    document: &ExecutableDocument,
    errors: &mut Errors<'_>,
) {
    for operation in document.operations.iter() {
        // A default value cannot contain variables.
        let mut checker =
            ValueChecker { schema, scalars, in_mutation: operation.is_mutation(), variables: &[], errors };
        for variable in &operation.variables {
            checker.check_directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                let name = format!("${}", variable.name);
                let target = Target { kind: "Variable", name: &name };
                checker.check_value(default, checker.input_type(&variable.ty), false, target);
            }
        }
        checker.variables = &operation.variables;
        walk(document, operation, &mut |item| match item {
            WalkItem::Field(field) => {
                checker.check_arguments(&field.arguments, &field.definition.arguments);
            }
            WalkItem::Directives(directives) => checker.check_directives(directives),
        });
    }
}

/// The argument, input field or variable that a value is for.
#[derive(Clone, Copy)]
struct Target<'a> {
    kind: &'static str,
    name: &'a str,
}

struct ValueChecker<'a, 'e, 'd> {
    schema: &'a Schema,
    scalars: ScalarCheck,
    in_mutation: bool,
    variables: &'a [Node<VariableDefinition>],
    errors: &'e mut Errors<'d>,
}

impl ValueChecker<'_, '_, '_> {
    /// The type, if it is an input type. Any other type is an error that is reported elsewhere.
    fn input_type<'t>(&self, ty: &'t Type) -> Option<&'t Type> {
        self.schema.is_input_type(ty).then_some(ty)
    }

    fn check_directives(&mut self, directives: &[Node<apollo_compiler::ast::Directive>]) {
        let schema = self.schema;
        for directive in directives {
            let definition = schema.directive_definitions.get(&directive.name);
            let arguments = definition.map_or(&[][..], |definition| &definition.arguments);
            self.check_arguments(&directive.arguments, arguments);
        }
    }

    fn check_arguments(&mut self, arguments: &[Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            let definition = definitions.iter().find(|definition| definition.name == argument.name);
            let ty = definition.and_then(|definition| self.input_type(&definition.ty));
            let has_default = definition.is_some_and(|definition| definition.default_value.is_some());
            let target = Target { kind: "Argument", name: &argument.name };
            self.check_value(&argument.value, ty, has_default, target);
        }
    }

    /// Checks a value for a target of this type; without a type, any value is allowed. `has_default` says
    /// whether the target has a default value.
    fn check_value(&mut self, value: &Node<Value>, ty: Option<&Type>, has_default: bool, target: Target<'_>) {
        let Some(ty) = ty else {
            self.check_untyped(value, None);
            return;
        };
        let named = self.schema.types.get(ty.inner_named_type());
        match (&**value, named) {
            (Value::Variable(name), _) => self.check_variable(value, name, Some((ty, has_default))),
            (Value::Null, _) => {
                if ty.is_non_null() {
                    self.report(value, target, "cannot be null.");
                }
            }
            (Value::List(items), _) if ty.is_list() => {
                for item in items {
                    self.check_value(item, Some(ty.item_type()), false, target);
                }
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(definition))) => {
                self.check_object(value, fields, definition);
            }
            (_, Some(ExtendedType::Scalar(scalar))) if !is_built_in(&scalar.name) => {
                let is_valid =
                    |value: &Value| (self.scalars)(&scalar.name, &literal_to_json(value), self.in_mutation);
                if !has_variables(value) && !is_valid(value) {
                    let names_scalar = self.errors.schema_for_suggestions().is_some();
                    let error = custom_scalar_error(&scalar.name, names_scalar);
                    self.report(value, target, &format!("{error}."));
                }
                self.check_untyped(value, Some(&ty.clone().nullable()));
            }
            (_, Some(named)) => {
                if let Some((error, suggestion)) = self.literal_error(value, named) {
                    self.report(value, target, &format!("{error}.{suggestion}"));
                }
                self.check_untyped(value, None);
            }
            (_, None) => self.check_untyped(value, None),
        }
    }

    /// Checks the variables and objects in a value of a custom scalar, or of an unknown type.
    fn check_untyped(&mut self, value: &Node<Value>, scalar: Option<&Type>) {
        match &**value {
            Value::Variable(name) => self.check_variable(value, name, scalar.map(|ty| (ty, false))),
            Value::List(items) => items.iter().for_each(|item| self.check_untyped(item, scalar)),
            Value::Object(fields) => {
                self.check_unique_fields(fields);
                for (_, field) in fields {
                    self.check_untyped(field, None);
                }
            }
            _ => {}
        }
    }

    fn check_object(
        &mut self,
        value: &Node<Value>,
        fields: &[(Name, Node<Value>)],
        definition: &InputObjectType,
    ) {
        self.check_unique_fields(fields);
        for (name, value) in fields {
            let field = definition.fields.get(name);
            if field.is_none() {
                let suggestion = self.suggestion(name, || definition.fields.keys());
                let message = format!("There is no input field `{name}` here.{suggestion}");
                self.errors.validation(message, name.location());
            }
            let ty = field.and_then(|field| self.input_type(&field.ty));
            let has_default = field.is_some_and(|field| field.default_value.is_some());
            self.check_value(value, ty, has_default, Target { kind: "Input field", name });
        }
        let names: HashSet<&Name> = fields.iter().map(|(name, _)| name).collect();
        for (name, field) in &definition.fields {
            if field.is_required() && !names.contains(name) {
                let message = format!("The input field `{name}` is missing.");
                self.errors.validation(message, value.location());
            }
        }
    }

    fn check_unique_fields(&mut self, fields: &[(Name, Node<Value>)]) {
        let mut seen = HashSet::new();
        for (name, _) in fields {
            if !seen.insert(name) {
                let message = format!("Input field `{name}` is given more than once.");
                self.errors.validation(message, name.location());
            }
        }
    }

    /// Checks a variable. `expected` is the type of its target, and whether the target has a default value.
    fn check_variable(&mut self, value: &Node<Value>, name: &Name, expected: Option<(&Type, bool)>) {
        let Some(variable) = self.variables.iter().find(|variable| variable.name == *name) else {
            self.errors.validation(format!("Variable `${name}` is not declared."), value.location());
            return;
        };
        let declared = self.input_type(&variable.ty);
        if let (Some(declared), Some((ty, has_default))) = (declared, expected) {
            let default = variable.default_value.as_ref().filter(|default| !default.is_null());
            if !is_usage_allowed(declared, default.is_some(), ty, has_default) {
                let message = format!("Variable `${name}` of type `{declared}` cannot be used here.");
                self.errors.validation(message, value.location());
            }
        }
    }

    /// Why a literal is not of a built-in scalar, an enum or an input object, and a suggestion; `None` if it
    /// is.
    fn literal_error(&self, value: &Value, named: &ExtendedType) -> Option<(String, String)> {
        let plain = |error: &str| Some((error.to_owned(), String::new()));
        match named {
            ExtendedType::Scalar(scalar) => {
                let is_valid = match (scalar.name.as_str(), value) {
                    ("Int", Value::Int(int)) => int.try_to_i32().is_ok(),
                    ("Float", Value::Int(int)) => int.try_to_f64().is_ok(),
                    ("Float", Value::Float(float)) => float.try_to_f64().is_ok(),
                    ("String" | "ID", Value::String(_))
                    | ("ID", Value::Int(_))
                    | ("Boolean", Value::Boolean(_)) => true,
                    _ => false,
                };
                if is_valid { None } else { plain(&format!("must be of type {}", scalar.name)) }
            }
            ExtendedType::Enum(definition) => match value {
                Value::Enum(name) if definition.values.contains_key(name) => None,
                Value::Enum(name) => {
                    let suggestion = self.suggestion(name, || definition.values.keys());
                    Some((format!("cannot be `{name}`, which is not a value of its enum"), suggestion))
                }
                _ => plain("must be an enum value, without quotes"),
            },
            _ => plain("must be an input object"),
        }
    }

    /// A sentence that suggests the most similar name; empty if there is none, or suggestions are switched
    /// off.
    fn suggestion<'n, I: Iterator<Item = &'n Name>>(
        &self,
        unknown: &str,
        names: impl FnOnce() -> I,
    ) -> String {
        let names = self.errors.schema_for_suggestions().map(|_| names());
        did_you_mean(unknown, names.into_iter().flatten().map(Name::as_str))
    }

    fn report(&mut self, value: &Node<Value>, target: Target<'_>, error: &str) {
        let message = format!("{} `{}` {error}", target.kind, target.name);
        self.errors.validation(message, value.location());
    }
}

/// Whether the value contains a variable.
fn has_variables(value: &Value) -> bool {
    match value {
        Value::Variable(_) => true,
        Value::List(items) => items.iter().any(|item| has_variables(item)),
        Value::Object(fields) => fields.iter().any(|(_, value)| has_variables(value)),
        _ => false,
    }
}

/// Whether a variable can be used for a target of the expected type. A nullable variable can be used for a
/// non-null type if one of them has a default value.
fn is_usage_allowed(declared: &Type, has_value: bool, expected: &Type, has_default: bool) -> bool {
    if expected.is_non_null() && !declared.is_non_null() && (has_value || has_default) {
        declared.is_assignable_to(&expected.clone().nullable())
    } else {
        declared.is_assignable_to(expected)
    }
}
