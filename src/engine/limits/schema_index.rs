//! What the guard must know of the schema: of which type each field is, and whether it is a list or a page of one.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};

/// The types.
#[derive(Debug)]
pub struct SchemaIndex {
    /// Those with fields, by name.
    composite: HashMap<String, HashMap<String, FieldInfo>>,
}

/// One field.
#[derive(Debug)]
pub struct FieldInfo {
    /// The type of its value, or of what is in its list.
    pub of: String,
    /// Whether that has fields of its own, or is one of several types that have.
    pub is_composite: bool,
    pub is_list: bool,
    /// Whether it takes `first`: its value is a page, and the lists in that are as long.
    pub is_paged: bool,
    /// The argument that is a list, where its own list has an entry for each of that.
    pub list_argument: Option<String>,
}

impl SchemaIndex {
    /// Reads the schema definition language.
    pub fn of(sdl: &str) -> Self {
        let schema = parse_schema(sdl).expect("our own schema is well-formed");
        let mut types = HashMap::new();
        let mut abstract_types = Vec::new();
        for definition in &schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match &definition.node.kind {
                TypeKind::Object(object) => drop(types.insert(name, object.fields.as_slice())),
                TypeKind::Interface(interface) => drop(types.insert(name, interface.fields.as_slice())),
                TypeKind::Union(_) => abstract_types.push(name),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => {}
            }
        }
        let is_composite =
            |name: &str| types.contains_key(name) || abstract_types.iter().any(|it| it == name);
        let outlines = types.iter().map(|(name, fields)| {
            let fields = fields.iter().map(|field| {
                let schema_index = FieldInfo::of(&field.node, is_composite);
                (field.node.name.node.to_string(), schema_index)
            });
            (name.clone(), fields.collect())
        });
        Self { composite: outlines.collect() }
    }

    pub fn field(&self, of: &str, name: &str) -> Option<&FieldInfo> {
        self.composite.get(of)?.get(name)
    }
}

impl FieldInfo {
    fn of(field: &FieldDefinition, is_composite: impl Fn(&str) -> bool) -> Self {
        let (of, is_list) = named(&field.ty.node.base, false);
        let list = field.arguments.iter().find(|argument| named(&argument.node.ty.node.base, false).1);
        Self {
            is_composite: is_composite(&of),
            of,
            is_list,
            is_paged: field.arguments.iter().any(|argument| argument.node.name.node == "first"),
            list_argument: list.filter(|_| is_list).map(|argument| argument.node.name.node.to_string()),
        }
    }
}

/// The type's name, and whether it is in a list.
fn named(base: &BaseType, is_list: bool) -> (String, bool) {
    match base {
        BaseType::Named(name) => (name.to_string(), is_list),
        BaseType::List(inner) => named(&inner.base, true),
    }
}
