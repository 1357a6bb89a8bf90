//! The parsed schema, as far as the generators need it.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};

/// The types by name, in a fixed order.
pub struct Schema(BTreeMap<String, Definition>);

pub enum Definition {
    Scalar,
    Enum(Vec<String>),
    Input(Vec<Argument>),
    Object(Vec<Field>),
    /// An interface or a union: its own fields, and its possible types.
    Abstract(Vec<Field>, Vec<String>),
}

pub struct Field {
    pub name: String,
    pub arguments: Vec<Argument>,
    pub ty: Type,
}

/// An argument of a field, or a field of an input object. It is required if it is non-null without a default
/// value.
pub struct Argument {
    pub name: String,
    pub ty: Type,
    pub is_required: bool,
}

impl Schema {
    /// Parses the schema definition language.
    pub fn parse(sdl: &str) -> Self {
        let document = parse_schema(sdl).expect("the schema is valid");
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
                TypeKind::Enum(definition) => Definition::Enum(
                    definition.values.into_iter().map(|value| value.node.value.node.to_string()).collect(),
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

    /// The definition of a type. Types without one are built-in scalars.
    pub fn definition(&self, name: &str) -> &Definition {
        self.0.get(name).unwrap_or(&Definition::Scalar)
    }

    pub fn fields(&self, type_name: &str) -> &[Field] {
        match self.definition(type_name) {
            Definition::Object(fields) | Definition::Abstract(fields, _) => fields,
            _ => &[],
        }
    }

    pub fn is_composite(&self, name: &str) -> bool {
        matches!(self.definition(name), Definition::Object(_) | Definition::Abstract(..))
    }

    /// Whether a value of this type contains a file.
    pub fn contains_upload(&self, ty: &Type) -> bool {
        let name = named_type(ty);
        match self.definition(name) {
            Definition::Input(fields) => fields.iter().any(|field| self.contains_upload(&field.ty)),
            _ => name == "Upload",
        }
    }

    pub fn type_names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The name of the type inside all lists.
pub fn named_type(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(entry) => named_type(entry),
    }
}

fn fields(definitions: Vec<Positioned<FieldDefinition>>) -> Vec<Field> {
    let field = |field: Positioned<FieldDefinition>| Field {
        name: field.node.name.node.to_string(),
        arguments: arguments(field.node.arguments),
        ty: field.node.ty.node,
    };
    definitions.into_iter().map(field).collect()
}

fn arguments(definitions: Vec<Positioned<InputValueDefinition>>) -> Vec<Argument> {
    let argument = |argument: Positioned<InputValueDefinition>| Argument {
        name: argument.node.name.node.to_string(),
        is_required: !argument.node.ty.node.nullable && argument.node.default_value.is_none(),
        ty: argument.node.ty.node,
    };
    definitions.into_iter().map(argument).collect()
}
