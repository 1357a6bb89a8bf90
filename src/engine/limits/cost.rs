//! The cost of an operation, computed before its execution: 1 for each object that the response can have, and
//! more for work that the objects do not show.
//!
//! The length of a page is its `first` or `last`. The length of another list is that of the list argument of
//! its field or, without one, the greatest length that the list can have
//! ([`list_lengths`](crate::engine::limits::list_lengths)). Mutations, subscriptions, introspection, searches and
//! counts have a cost besides their objects. Scalars are free, since their objects are charged.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use async_graphql_value::Value as Argument;

use crate::domain::search::{self, Lookup, Term};
use crate::engine::limits::schema_index::{FieldInfo, SchemaIndex};
use crate::graphql::types::pagination::DEFAULT_SIZE;

/// The cost of a root field of a mutation, and of a subscription's start.
const MUTATION_COST: u64 = 10;

/// The cost of a root field that queries the schema.
const INTROSPECTION_COST: u64 = 100;

/// The cost of a search, besides its words and the gigs that it finds.
const SEARCH_COST: u64 = 100;

/// The filters that an index of every order covers. For any other, the database may read the whole list.
const INDEXED_FILTERS: [&str; 3] = ["category", "categorySlug", "seller"];

/// The cost of filters that no index covers.
const FILTER_COST: u64 = 50;

/// Looking up this many ids costs 1, whether they exist or not.
const IDS_PER_POINT: u64 = 4;

/// The field that counts a whole list, and its cost.
const TOTAL_COUNT: &str = "totalCount";
const TOTAL_COUNT_COST: u64 = 20;

/// The type whose lists the database counts.
const FACETS_TYPE: &str = "GigFacets";

/// The lists of `GigFacets`, and the cost of counting.
const FACETS: [(&str, u64); 3] = [("categories", 20), ("priceRanges", 20), ("tags", 50)];

/// The fields that count the review queue, and their cost.
const SUMMARIES: [(&str, &str); 2] = [("Query", "reviewSummary"), ("ReviewQueueEvent", "summary")];
const SUMMARY_COST: u64 = 40;

/// The length of a list that [`list_lengths`](crate::engine::limits::list_lengths) does not know.
const UNKNOWN_LENGTH: u64 = 100;

/// The cost of the root fields of an operation, besides their objects.
pub fn root_cost(kind: OperationType, root_fields: &[String]) -> u64 {
    let field_cost = |name: &String| match kind {
        OperationType::Query if is_introspection(name) => INTROSPECTION_COST,
        OperationType::Query => 0,
        OperationType::Mutation | OperationType::Subscription => MUTATION_COST,
    };
    root_fields.iter().map(field_cost).sum()
}

/// Whether the root field queries the schema.
pub fn is_introspection(name: &str) -> bool {
    matches!(name, "__schema" | "__type" | "_service")
}

/// A part of the cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostKind {
    /// The greatest number of objects in the response.
    Objects,
    /// Searching and counting, which cost the same however little they find.
    Work,
}

/// The cost of all fields of an operation.
pub fn fields_cost(
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
    let mut counter = CostCounter { kind, schema_index, document, variables, fragments: HashMap::new() };
    counter.selection_set(&operation.selection_set.node, root, None)
}

/// The cost of looking up a search word. A short word is the beginning of many words. A long one is looked up
/// first, and similar words are searched for if it is mistyped.
fn lookup_cost(lookup: &Lookup) -> u64 {
    match lookup {
        Lookup::Exact(_) => 5,
        Lookup::Prefix(word) => match word.chars().count() {
            0 | 1 => 20,
            3 => 10,
            _ => 15,
        },
    }
}

struct CostCounter<'a> {
    kind: CostKind,
    schema_index: &'a SchemaIndex,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// The cost of each fragment, by its name and the page length that applies to it.
    fragments: HashMap<(&'a Name, Option<u64>), u64>,
}

impl<'a> CostCounter<'a> {
    /// The cost of a selection set on an object of this type. `page_length` is the length of the lists in the
    /// object, if the object is a page.
    fn selection_set(&mut self, set: &'a SelectionSet, type_name: &str, page_length: Option<u64>) -> u64 {
        let costs = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node, type_name, page_length),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let type_name = condition.map_or(type_name, |condition| condition.node.on.node.as_str());
                self.selection_set(&fragment.node.selection_set.node, type_name, page_length)
            }
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, page_length),
        });
        costs.fold(0, u64::saturating_add)
    }

    fn fragment(&mut self, name: &'a Name, page_length: Option<u64>) -> u64 {
        if let Some(cost) = self.fragments.get(&(name, page_length)) {
            return *cost;
        }
        let Some(fragment) = self.document.fragments.get(name) else { return 0 };
        // Ends the recursion of a fragment that spreads itself, which validation rejects.
        self.fragments.insert((name, page_length), 0);
        let type_name = fragment.node.type_condition.node.on.node.as_str();
        let cost = self.selection_set(&fragment.node.selection_set.node, type_name, page_length);
        self.fragments.insert((name, page_length), cost);
        cost
    }

    fn field(&mut self, field: &'a Field, type_name: &str, page_length: Option<u64>) -> u64 {
        let schema_index = self.schema_index;
        let Some(info) = schema_index.field(type_name, &field.name.node) else { return 0 };
        if !info.is_composite {
            let is_counted = self.kind == CostKind::Work && field.name.node == TOTAL_COUNT;
            return if is_counted { TOTAL_COUNT_COST } else { 0 };
        }
        let facet = FACETS.iter().find(|(name, ..)| type_name == FACETS_TYPE && *name == field.name.node);
        let count =
            if info.is_list { page_length.unwrap_or_else(|| self.list_length(field, info)) } else { 1 };
        let inner_page_length = info.is_paged.then(|| self.page_length(field));
        let inner = self.selection_set(&field.selection_set.node, &info.type_name, inner_page_length);
        match self.kind {
            CostKind::Objects => count.saturating_mul(inner.saturating_add(1)),
            CostKind::Work => {
                let list = if info.is_paged { self.search_cost(field) + self.filter_cost(field) } else { 0 };
                let ids = if info.list_argument.is_some() { count.div_ceil(IDS_PER_POINT) } else { 0 };
                let summary =
                    if SUMMARIES.contains(&(type_name, field.name.node.as_str())) { SUMMARY_COST } else { 0 };
                let own = facet.map_or(list + ids + summary, |facet| facet.1);
                count.saturating_mul(inner).saturating_add(own)
            }
        }
    }

    /// The cost of the words that the list is searched for.
    fn search_cost(&self, field: &Field) -> u64 {
        match self.argument(field, "search") {
            None | Some(Value::Null) => 0,
            Some(Value::String(text)) => {
                SEARCH_COST
                    + search::terms(&text).iter().flat_map(Term::lookups).map(lookup_cost).sum::<u64>()
            }
            Some(_) => SEARCH_COST,
        }
    }

    /// The cost of the filters of a list.
    fn filter_cost(&self, field: &Field) -> u64 {
        let is_set = |value: &Argument| match value {
            Argument::Null => false,
            Argument::Variable(name) => self.variables.get(name).is_some_and(|value| *value != Value::Null),
            _ => true,
        };
        let filters = match field.get_argument("where").map(|filter| &filter.node) {
            Some(Argument::Object(filters)) => {
                filters.iter().filter(|(_, value)| is_set(value)).map(|(name, _)| name.as_str()).collect()
            }
            Some(Argument::Variable(name)) => match self.variables.get(name) {
                Some(Value::Object(filters)) => {
                    let set = filters.iter().filter(|(_, value)| **value != Value::Null);
                    set.map(|(name, _)| name.as_str()).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let is_covered = filters.iter().all(|filter| INDEXED_FILTERS.contains(filter));
        if is_covered { 0 } else { FILTER_COST }
    }

    fn page_length(&self, field: &Field) -> u64 {
        let length = ["first", "last"].into_iter().find_map(|name| match self.argument(field, name)? {
            Value::Number(number) => Some(number.as_u64().unwrap_or_default()),
            _ => None,
        });
        length.unwrap_or(DEFAULT_SIZE)
    }

    fn list_length(&self, field: &Field, info: &FieldInfo) -> u64 {
        let items = info.list_argument.as_ref().and_then(|name| self.argument(field, name));
        match items {
            Some(Value::List(items)) => u64::try_from(items.len()).unwrap_or(u64::MAX),
            // Input coercion makes a single value a list of one item.
            Some(_) => 1,
            None => info.plain_length.unwrap_or(UNKNOWN_LENGTH),
        }
    }

    /// The value of an argument. The items of a list literal are not needed, and become null.
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        match &field.get_argument(name)?.node {
            Argument::List(items) => Some(Value::List(vec![Value::Null; items.len()])),
            Argument::Variable(name) => self.variables.get(name).cloned(),
            other => other.clone().into_const(),
        }
    }
}
