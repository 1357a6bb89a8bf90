//! The literals of a document, to check that `async-graphql` and `graphql-js` parse the same ones.

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{Directive, Selection, SelectionSet};
use async_graphql_value::Value;
use serde::Deserialize;

/// The literals of a document by kind, in any order.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Literals {
    pub strings: Vec<String>,
    pub integers: Vec<f64>,
    /// Also integers of more than 64 bits.
    pub floats: Vec<f64>,
    /// Enum values, booleans and null.
    pub names: Vec<String>,
}

impl Literals {
    pub fn sorted(mut self) -> Self {
        self.strings.sort();
        self.integers.sort_by(f64::total_cmp);
        self.floats.sort_by(f64::total_cmp);
        self.names.sort();
        self
    }

    /// The literals that the parser of `async-graphql` finds in a document, sorted.
    pub fn parse_with_async_graphql(document: &str) -> Result<Self, String> {
        let document = async_graphql_parser::parse_query(document).map_err(|error| error.to_string())?;
        let mut literals = Self::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            for variable in &operation.variable_definitions {
                let default = variable.node.default_value.iter();
                default.for_each(|default| literals.add_value(&default.node.clone().into_value()));
                literals.add_directives(&variable.node.directives);
            }
            literals.add_directives(&operation.directives);
            literals.add_selections(&operation.selection_set.node);
        }
        for fragment in document.fragments.values() {
            literals.add_directives(&fragment.node.directives);
            literals.add_selections(&fragment.node.selection_set.node);
        }
        Ok(literals.sorted())
    }

    fn add_selections(&mut self, selection_set: &SelectionSet) {
        for selection in &selection_set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    field.arguments.iter().for_each(|(_, value)| self.add_value(&value.node));
                    self.add_directives(&field.directives);
                    self.add_selections(&field.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    self.add_directives(&inline.node.directives);
                    self.add_selections(&inline.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => self.add_directives(&spread.node.directives),
            }
        }
    }

    fn add_directives(&mut self, directives: &[Positioned<Directive>]) {
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        arguments.for_each(|(_, value)| self.add_value(&value.node));
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.strings.push(text.clone()),
            Value::Number(number) => {
                let numbers = if number.is_f64() { &mut self.floats } else { &mut self.integers };
                // Adding zero turns -0 into 0.
                numbers.push(number.as_f64().expect("any number converts to a float") + 0.0);
            }
            Value::List(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.add_value(field)),
            Value::Enum(_) | Value::Boolean(_) | Value::Null => self.names.push(value.to_string()),
            Value::Variable(_) | Value::Binary(_) => {}
        }
    }
}
