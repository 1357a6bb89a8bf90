//! What the parser of `async-graphql` reads from a document.

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{Directive, Selection, SelectionSet};
use async_graphql_value::Value;

use crate::peer::Values;

/// The values that it reads.
pub fn read(document: &str) -> Result<Values, String> {
    let read = async_graphql_parser::parse_query(document).map_err(|error| error.to_string())?;
    let mut values = Values::default();
    for (_, operation) in read.operations.iter() {
        let operation = &operation.node;
        for variable in &operation.variable_definitions {
            let default = variable.node.default_value.iter();
            default.for_each(|default| values.value(&default.node.clone().into_value()));
            values.directives(&variable.node.directives);
        }
        values.directives(&operation.directives);
        values.selections(&operation.selection_set.node);
    }
    for fragment in read.fragments.values() {
        values.directives(&fragment.node.directives);
        values.selections(&fragment.node.selection_set.node);
    }
    Ok(values.sorted())
}

impl Values {
    fn selections(&mut self, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    field.arguments.iter().for_each(|(_, value)| self.value(&value.node));
                    self.directives(&field.directives);
                    self.selections(&field.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    self.directives(&inline.node.directives);
                    self.selections(&inline.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.node.directives),
            }
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
        arguments.for_each(|(_, value)| self.value(&value.node));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.strings.push(text.clone()),
            Value::Number(number) => {
                let list = if number.is_f64() { &mut self.fractions } else { &mut self.integers };
                // Zero is zero, with a minus or without.
                list.push(number.as_f64().expect("any number is a float") + 0.0);
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.value(field)),
            Value::Enum(_) | Value::Boolean(_) | Value::Null => self.words.push(value.to_string()),
            Value::Variable(_) | Value::Binary(_) => {}
        }
    }
}
