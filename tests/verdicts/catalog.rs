//! What the schema has, by kind.

use apollo_compiler::ast::{FieldDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};

pub struct Catalog {
    pub schema: Valid<Schema>,
    /// Objects, interfaces and unions.
    pub composite: Vec<String>,
    pub objects: Vec<String>,
    pub leaves: Vec<String>,
    pub inputs: Vec<String>,
    /// Names of all fields of all objects.
    pub fields: Vec<String>,
    /// Names of all arguments of all fields.
    pub arguments: Vec<String>,
    pub enum_values: Vec<String>,
    pub input_fields: Vec<String>,
}

impl Catalog {
    pub fn new(sdl: &str) -> Self {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql").expect("the schema is valid");
        let mut catalog = Self {
            schema,
            composite: Vec::new(),
            objects: Vec::new(),
            leaves: Vec::new(),
            inputs: Vec::new(),
            fields: Vec::new(),
            arguments: Vec::new(),
            enum_values: Vec::new(),
            input_fields: Vec::new(),
        };
        let types = catalog.schema.types.clone();
        for (name, ty) in types.iter().filter(|(name, _)| !name.starts_with("__")) {
            let name = name.to_string();
            match ty {
                ExtendedType::Object(object) => {
                    for field in object.fields.values() {
                        catalog.fields.push(field.name.to_string());
                        catalog.arguments.extend(field.arguments.iter().map(|it| it.name.to_string()));
                    }
                    catalog.objects.push(name.clone());
                    catalog.composite.push(name);
                }
                ExtendedType::Interface(_) | ExtendedType::Union(_) => catalog.composite.push(name),
                ExtendedType::Scalar(_) => catalog.leaves.push(name),
                ExtendedType::Enum(found) => {
                    catalog.enum_values.extend(found.values.keys().map(ToString::to_string));
                    catalog.leaves.push(name);
                }
                ExtendedType::InputObject(found) => {
                    catalog.input_fields.extend(found.fields.keys().map(ToString::to_string));
                    catalog.inputs.push(name);
                }
            }
        }
        catalog
    }

    pub fn is_composite(&self, ty: &str) -> bool {
        matches!(
            self.schema.types.get(ty),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// The fields of an object or an interface; a union has none.
    pub fn fields_of(&self, ty: &str) -> Vec<Node<FieldDefinition>> {
        let fields = match self.schema.types.get(ty) {
            Some(ExtendedType::Object(found)) => &found.fields,
            Some(ExtendedType::Interface(found)) => &found.fields,
            _ => return Vec::new(),
        };
        fields.values().map(|field| field.node.clone()).collect()
    }

    /// Types whose fragments apply to a type.
    pub fn applicable(&self, ty: &str) -> Vec<String> {
        let possible = |ty: &str| -> Vec<String> {
            match self.schema.types.get(ty) {
                Some(ExtendedType::Object(_)) => vec![ty.to_owned()],
                _ => self.objects.iter().filter(|it| self.schema.is_subtype(ty, it)).cloned().collect(),
            }
        };
        let here = possible(ty);
        let overlaps = |other: &&String| possible(other).iter().any(|it| here.contains(it));
        self.composite.iter().filter(overlaps).cloned().collect()
    }

    /// Types that an argument, an input field or a list's item can have, as they are written.
    pub fn input_types(&self) -> Vec<String> {
        let mut types = Vec::new();
        for name in ["Int", "Float", "String", "Boolean", "ID"].into_iter().map(str::to_owned) {
            types.push(name);
        }
        types.extend(self.inputs.iter().cloned());
        types.extend(self.leaves.iter().cloned());
        types
    }
}

/// A type as it is written.
pub fn parse_type(text: &str) -> Type {
    Type::parse(text, "type.graphql").expect("the generator writes types well")
}
