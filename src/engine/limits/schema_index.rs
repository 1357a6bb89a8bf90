//! What the computation of the cost needs to know about each field of the schema.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};

use crate::engine::limits::list_lengths::ListLengths;

/// The fields of objects and interfaces, by type name and field name.
#[derive(Debug)]
pub struct SchemaIndex(HashMap<String, HashMap<String, FieldInfo>>);

/// A field.
#[derive(Debug)]
pub struct FieldInfo {
    /// The type of the value or, if the value is a list, of its items.
    pub type_name: String,
    /// Whether that type is an object, interface or union.
    pub is_composite: bool,
    /// Whether the value is a list.
    pub is_list: bool,
    /// Whether the field has the argument `first`: the value is a page, whose lists have that length.
    pub is_paged: bool,
    /// The list argument of a field whose value is a list. The value has one item for each item of the
    /// argument.
    pub list_argument: Option<String>,
    /// The greatest length of a list without list argument and page size; `None` for every other field.
    pub plain_length: Option<u64>,
}

impl SchemaIndex {
    /// Parses a schema in the schema definition language.
    pub fn parse(sdl: &str, list_lengths: &ListLengths) -> Self {
        let schema = parse_schema(sdl).expect("the gateway's own schema is well-formed");
        let mut fields_by_type = HashMap::new();
        let mut unions = Vec::new();
        for definition in &schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match &definition.node.kind {
                TypeKind::Object(object) => {
                    fields_by_type.insert(name, object.fields.as_slice());
                }
                TypeKind::Interface(interface) => {
                    fields_by_type.insert(name, interface.fields.as_slice());
                }
                TypeKind::Union(_) => unions.push(name),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => {}
            }
        }
        let is_composite =
            |name: &str| fields_by_type.contains_key(name) || unions.iter().any(|union| union == name);
        let types = fields_by_type.iter().map(|(name, fields)| {
            let fields = fields.iter().map(|field| {
                let field_name = field.node.name.node.to_string();
                let plain_length = list_lengths.of(name, &field_name);
                let info = FieldInfo { plain_length, ..FieldInfo::new(&field.node, is_composite) };
                (field_name, info)
            });
            (name.clone(), fields.collect())
        });
        Self(types.collect())
    }

    /// All fields, with the names of their types.
    #[cfg(test)]
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str, &FieldInfo)> {
        self.0.iter().flat_map(|(type_name, fields)| {
            fields.iter().map(move |(name, info)| (type_name.as_str(), name.as_str(), info))
        })
    }

    /// The field with this name; `None` if the type has no such field.
    pub fn field(&self, type_name: &str, name: &str) -> Option<&FieldInfo> {
        self.0.get(type_name)?.get(name)
    }
}

impl FieldInfo {
    fn new(field: &FieldDefinition, is_composite: impl Fn(&str) -> bool) -> Self {
        let (type_name, is_list) = unwrap_lists(&field.ty.node.base, false);
        let list_argument =
            field.arguments.iter().find(|argument| unwrap_lists(&argument.node.ty.node.base, false).1);
        Self {
            is_composite: is_composite(&type_name),
            type_name,
            is_list,
            is_paged: field.arguments.iter().any(|argument| argument.node.name.node == "first"),
            list_argument: list_argument
                .filter(|_| is_list)
                .map(|argument| argument.node.name.node.to_string()),
            plain_length: None,
        }
    }
}

/// The name of the innermost type, and whether it is in a list.
fn unwrap_lists(base: &BaseType, is_list: bool) -> (String, bool) {
    match base {
        BaseType::Named(name) => (name.to_string(), is_list),
        BaseType::List(inner) => unwrap_lists(&inner.base, true),
    }
}
