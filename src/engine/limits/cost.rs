//! What an operation costs, told before it is executed: a point for each object that it can answer with.
//!
//! A page has as many as `first` or `last` says, any other list as many as the argument that lists what is asked for, or
//! [`LIST`]. What changes something, or shows the schema, costs something besides. Values cost nothing: they come with
//! their objects.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use async_graphql_value::Value as Argument;

use crate::engine::limits::schema_index::{FieldInfo, SchemaIndex};
use crate::graphql::types::pagination::DEFAULT_SIZE;

/// What a mutation costs besides what it answers with; a subscription, too, as it begins.
pub const ACT: u64 = 10;

/// What a look at the schema costs.
const INTROSPECTION: u64 = 100;

/// What a search costs besides the gigs that it finds.
const SEARCH: u64 = 10;

/// What counting a whole list costs.
const TOTAL_COUNT: &str = "totalCount";
const COUNT: u64 = 20;

/// The type of those lists for which the database counts.
const FACETS: &str = "GigFacets";

/// Lists for which the database counts: how long each can be, and what the counting costs.
const COUNTED: [(&str, u64, u64); 3] = [("categories", 27, 20), ("priceRanges", 7, 20), ("tags", 20, 50)];

/// What is counted for a list of which nobody says how long it is: the most pictures, links or steps there are.
const LIST: u64 = 5;

/// The points of an operation whose root fields have these names, besides its objects.
pub fn base(kind: OperationType, root_fields: &[String]) -> u64 {
    let each = |name: &String| match kind {
        OperationType::Query if is_introspection(name) => INTROSPECTION,
        OperationType::Query => 0,
        OperationType::Mutation | OperationType::Subscription => ACT,
    };
    root_fields.iter().map(each).sum()
}

/// Whether the root field shows the schema itself.
pub fn is_introspection(name: &str) -> bool {
    matches!(name, "__schema" | "__type" | "_service")
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostKind {
    /// The objects that the operation can answer with, at most.
    Objects,
    /// What its fields cost besides, however little they find: searching and counting.
    Work,
}

/// The points of all fields of the operation.
pub fn count(
    kind: CostKind,
    schema_index: &SchemaIndex,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> u64 {
    let root = match operation.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    };
    let mut count = CostCounter { kind, schema_index, document, variables, known: HashMap::new() };
    count.of_set(&operation.selection_set.node, root, None)
}

struct CostCounter<'a> {
    kind: CostKind,
    schema_index: &'a SchemaIndex,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// By fragment, and how long the page is that it is spread in.
    known: HashMap<(&'a Name, Option<u64>), u64>,
}

impl<'a> CostCounter<'a> {
    /// `page`: how long the lists are that this object is a page of.
    fn of_set(&mut self, set: &'a SelectionSet, of: &str, page: Option<u64>) -> u64 {
        let each = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.of_field(&field.node, of, page),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let of = condition.map_or(of, |condition| condition.node.on.node.as_str());
                self.of_set(&fragment.node.selection_set.node, of, page)
            }
            Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node, page),
        });
        each.fold(0, u64::saturating_add)
    }

    fn of_fragment(&mut self, name: &'a Name, page: Option<u64>) -> u64 {
        if let Some(count) = self.known.get(&(name, page)) {
            return *count;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return 0 };
        // One that spreads itself, which validation refuses, finds this.
        self.known.insert((name, page), 0);
        let of = fragment.node.type_condition.node.on.node.as_str();
        let count = self.of_set(&fragment.node.selection_set.node, of, page);
        self.known.insert((name, page), count);
        count
    }

    fn of_field(&mut self, field: &'a Field, of: &str, page: Option<u64>) -> u64 {
        let schema_index = self.schema_index;
        let Some(known) = schema_index.field(of, &field.name.node) else { return 0 };
        if !known.is_composite {
            let counts = self.kind == CostKind::Work && field.name.node == TOTAL_COUNT;
            return if counts { COUNT } else { 0 };
        }
        let facet = COUNTED.iter().find(|(name, ..)| of == FACETS && *name == field.name.node);
        let length = |counter: &Self| facet.map_or_else(|| counter.length(field, known), |facet| facet.1);
        let times = if known.is_list { page.unwrap_or_else(|| length(self)) } else { 1 };
        let inner_page = known.is_paged.then(|| self.page(field));
        let inner = self.of_set(&field.selection_set.node, &known.of, inner_page);
        match self.kind {
            CostKind::Objects => times.saturating_mul(inner.saturating_add(1)),
            CostKind::Work => {
                let searches =
                    known.is_paged && self.argument(field, "search").is_some_and(|it| it != Value::Null);
                let own = if searches { SEARCH } else { facet.map_or(0, |facet| facet.2) };
                times.saturating_mul(inner).saturating_add(own)
            }
        }
    }

    /// How many there are on the page.
    fn page(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].into_iter().find_map(|name| match self.argument(field, name)? {
            Value::Number(number) => Some(number.as_u64().unwrap_or_default()),
            _ => None,
        });
        asked.unwrap_or(DEFAULT_SIZE)
    }

    fn length(&self, field: &Field, known: &FieldInfo) -> u64 {
        let listed = known.list_argument.as_ref().and_then(|name| self.argument(field, name));
        match listed {
            Some(Value::List(list)) => u64::try_from(list.len()).unwrap_or(u64::MAX),
            // Where a list is expected, one value stands for a list of it.
            Some(_) => 1,
            None => LIST,
        }
    }

    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let given = &field.get_argument(name)?.node;
        match given {
            Argument::List(list) => Some(Value::List(vec![Value::Null; list.len()])),
            Argument::Variable(name) => self.variables.get(name).cloned(),
            other => other.clone().into_const(),
        }
    }
}
