//! The schema, as somebody who writes documents needs it.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};

/// The types by name, in an order that is always the same.
pub struct Schema(BTreeMap<String, Definition>);

pub enum Definition {
    Scalar,
    Enum(Vec<String>),
    Input(Vec<Argument>),
    Object(Vec<Field>),
    /// An interface or a union: the fields that it has itself, and the types that it can be.
    Abstract(Vec<Field>, Vec<String>),
}

pub struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    pub of: Type,
}

/// An argument of a field, or a field of an input object.
pub struct Argument {
    pub name: String,
    pub of: Type,
    pub is_required: bool,
}

impl Schema {
    /// Reads the schema definition language.
    pub fn of(sdl: &str) -> Self {
        let document = parse_schema(sdl).expect("our own schema is well-formed");
        let (mut types, mut implemented) = (BTreeMap::new(), Vec::new());
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let definition = match definition.node.kind {
                TypeKind::Scalar => Definition::Scalar,
                TypeKind::Object(object) => {
                    let interfaces = object.implements.into_iter();
                    implemented
                        .extend(interfaces.map(|interface| (interface.node.to_string(), name.clone())));
                    Definition::Object(fields(object.fields))
                }
                TypeKind::Interface(interface) => Definition::Abstract(fields(interface.fields), Vec::new()),
                TypeKind::Union(union) => {
                    let members = union.members.into_iter().map(|member| member.node.to_string());
                    Definition::Abstract(Vec::new(), members.collect())
                }
                TypeKind::Enum(of) => Definition::Enum(
                    of.values.into_iter().map(|value| value.node.value.node.to_string()).collect(),
                ),
                TypeKind::InputObject(input) => Definition::Input(arguments(input.fields)),
            };
            types.insert(name, definition);
        }
        for (interface, object) in implemented {
            if let Some(Definition::Abstract(_, members)) = types.get_mut(&interface) {
                members.push(object);
            }
        }
        Self(types)
    }

    /// What is not written down is one of the specification's own scalars.
    pub fn definition(&self, name: &str) -> &Definition {
        self.0.get(name).unwrap_or(&Definition::Scalar)
    }

    pub fn fields(&self, of: &str) -> &[Field] {
        match self.definition(of) {
            Definition::Object(fields) | Definition::Abstract(fields, _) => fields,
            _ => &[],
        }
    }

    pub fn is_composite(&self, name: &str) -> bool {
        matches!(self.definition(name), Definition::Object(_) | Definition::Abstract(..))
    }

    /// Whether a value of this type has a file in it.
    pub fn takes_file(&self, of: &Type) -> bool {
        let name = named(of);
        match self.definition(name) {
            Definition::Input(fields) => fields.iter().any(|field| self.takes_file(&field.of)),
            _ => name == "Upload",
        }
    }

    /// The names of all types.
    pub fn types(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The type's name, without the lists that it is in.
pub fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(entry) => named(entry),
    }
}

fn fields(definitions: Vec<Positioned<FieldDefinition>>) -> Vec<Field> {
    let field = |field: Positioned<FieldDefinition>| Field {
        name: field.node.name.node.to_string(),
        arguments: arguments(field.node.arguments),
        of: field.node.ty.node,
    };
    definitions.into_iter().map(field).collect()
}

fn arguments(definitions: Vec<Positioned<InputValueDefinition>>) -> Vec<Argument> {
    let argument = |argument: Positioned<InputValueDefinition>| Argument {
        name: argument.node.name.node.to_string(),
        is_required: !argument.node.ty.node.nullable && argument.node.default_value.is_none(),
        of: argument.node.ty.node,
    };
    definitions.into_iter().map(argument).collect()
}
