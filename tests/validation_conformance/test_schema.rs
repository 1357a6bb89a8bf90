//! The schema of the comparison: that of the gateway, with additions that cover more of the specification.

use std::path::{Path, PathBuf};

use apollo_compiler::ast::{FieldDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};

/// Features that the schema does not use yet: floats, nested lists, and required arguments with default
/// values.
const EXTENSION: &str = "
extend type Query {
  measure(in: Measure! = { factor: 2 }, factor: Float, table: [[Int!]!], flags: [Boolean]! = [true], number: Int! = 7): Float
  measured(measures: [Measure], key: ID! = 5): [Measured!]
}
input Measure { factor: Float! name: String! = \"none\" tags: [String!]! = [\"a\"] within: Measure order: GigOrder! = NEWEST key: ID = 5 }
type Measured { factor(of: Float! = 1.5): Float within: [[Measured]!] measure(in: Measure): Int! }
";

/// A parsed schema and its names by kind.
pub struct TestSchema {
    pub parsed: Valid<Schema>,
    /// Objects, interfaces and unions.
    pub composite_types: Vec<String>,
    pub object_types: Vec<String>,
    /// Scalars and enums.
    pub leaf_types: Vec<String>,
    pub input_objects: Vec<String>,
    /// The fields of all object types.
    pub field_names: Vec<String>,
    /// The arguments of all fields.
    pub argument_names: Vec<String>,
    pub enum_values: Vec<String>,
    pub input_field_names: Vec<String>,
}

impl TestSchema {
    pub fn new(sdl: &str) -> Self {
        let parsed = Schema::parse_and_validate(sdl, "schema.graphql").expect("the schema is valid");
        let mut schema = Self {
            parsed,
            composite_types: Vec::new(),
            object_types: Vec::new(),
            leaf_types: Vec::new(),
            input_objects: Vec::new(),
            field_names: Vec::new(),
            argument_names: Vec::new(),
            enum_values: Vec::new(),
            input_field_names: Vec::new(),
        };
        let types = schema.parsed.types.clone();
        for (name, ty) in types.iter().filter(|(name, _)| !name.starts_with("__")) {
            let name = name.to_string();
            match ty {
                ExtendedType::Object(object) => {
                    for field in object.fields.values() {
                        schema.field_names.push(field.name.to_string());
                        schema
                            .argument_names
                            .extend(field.arguments.iter().map(|argument| argument.name.to_string()));
                    }
                    schema.object_types.push(name.clone());
                    schema.composite_types.push(name);
                }
                ExtendedType::Interface(_) | ExtendedType::Union(_) => schema.composite_types.push(name),
                ExtendedType::Scalar(_) => schema.leaf_types.push(name),
                ExtendedType::Enum(definition) => {
                    schema.enum_values.extend(definition.values.keys().map(ToString::to_string));
                    schema.leaf_types.push(name);
                }
                ExtendedType::InputObject(definition) => {
                    schema.input_field_names.extend(definition.fields.keys().map(ToString::to_string));
                    schema.input_objects.push(name);
                }
            }
        }
        schema
    }

    pub fn is_composite(&self, ty: &str) -> bool {
        matches!(
            self.parsed.types.get(ty),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// The fields of an object or interface type. Empty for all other types.
    pub fn fields_of_type(&self, ty: &str) -> Vec<Node<FieldDefinition>> {
        let fields = match self.parsed.types.get(ty) {
            Some(ExtendedType::Object(definition)) => &definition.fields,
            Some(ExtendedType::Interface(definition)) => &definition.fields,
            _ => return Vec::new(),
        };
        fields.values().map(|field| field.node.clone()).collect()
    }

    /// The types that a fragment on a type can have as its type condition.
    pub fn applicable_type_conditions(&self, ty: &str) -> Vec<String> {
        let possible = |ty: &str| -> Vec<String> {
            match self.parsed.types.get(ty) {
                Some(ExtendedType::Object(_)) => vec![ty.to_owned()],
                _ => self
                    .object_types
                    .iter()
                    .filter(|object| self.parsed.is_subtype(ty, object))
                    .cloned()
                    .collect(),
            }
        };
        let possible_types = possible(ty);
        let overlaps = |other: &&String| possible(other).iter().any(|object| possible_types.contains(object));
        self.composite_types.iter().filter(overlaps).cloned().collect()
    }

    /// The names of all input types. Some occur twice.
    pub fn input_type_names(&self) -> Vec<String> {
        let mut types = Vec::new();
        for name in ["Int", "Float", "String", "Boolean", "ID"].into_iter().map(str::to_owned) {
            types.push(name);
        }
        types.extend(self.input_objects.iter().cloned());
        types.extend(self.leaf_types.iter().cloned());
        types
    }
}

/// Parses a type reference, such as `[ID!]!`.
pub fn parse_type(text: &str) -> Type {
    Type::parse(text, "type.graphql").expect("the type reference is valid")
}

/// The SDL of the extended schema, and the file that it was written to.
pub fn write_schema() -> (String, PathBuf) {
    let sdl = gigway::graphql::Schema::new(true).sdl() + EXTENSION;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("validation-conformance-{:?}.graphql", std::thread::current().id()));
    std::fs::write(&file, &sdl).expect("the directory for temporary files is writable");
    (sdl, file)
}
