//! A subscription's operation, checked once, and ready to show any number of events.
//!
//! The library would keep a copy of document, variables and context for each subscriber, run by a task of streams
//! within streams. So it only checks the operation and runs its root field, which leaves what it has begun; each event
//! is then shown by the same steps that the library's own derived code takes for one item of a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_graphql::extensions::Extensions;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, FragmentDefinition, OperationDefinition, Selection};
use async_graphql::{
    Context, Data, IntrospectionMode, Name, Positioned, QueryEnv, QueryEnvInner, QueryPathNode,
    QueryPathSegment, Response, SchemaEnv, Value, Variables,
};

use super::super::context::RequestContext;
use super::super::subscription::{Begun, Event};

/// What a subscription's root field has left, with what the library knows of its operation.
pub struct Deposit {
    pub begun: Begun,
    query: QueryEnv,
    schema: SchemaEnv,
}

impl Deposit {
    pub fn new(ctx: &Context<'_>, begun: Begun) -> Self {
        Self { begun, query: ctx.query_env.clone(), schema: ctx.schema_env.clone() }
    }

    /// What executing takes besides an operation, and is the same for all of them.
    pub fn executor(&self) -> Executor {
        Executor { schema: self.schema.clone(), extensions: self.query.extensions.clone() }
    }

    pub fn variables(&self) -> &Variables {
        &self.query.variables
    }
}

/// What executing takes besides an operation.
pub struct Executor {
    schema: SchemaEnv,
    extensions: Extensions,
}

/// One operation, without what is skipped by its variables.
pub struct Prepared {
    name: Option<String>,
    operation: Positioned<OperationDefinition>,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

impl Prepared {
    fn new(query: &QueryEnv) -> Self {
        Self {
            name: query.operation_name.clone(),
            operation: query.operation.clone(),
            fragments: query.fragments.clone(),
        }
    }

    /// The variables, of those that `document` has, that have no use but as arguments of the root field; and, apart,
    /// the one that says where to begin.
    pub fn variables_of_root(&self, document: &str) -> (Vec<Name>, Option<Name>) {
        let Some(field) = root_field(&self.operation.node) else { return (Vec::new(), None) };
        let arguments: Vec<_> =
            field.node.arguments.iter().map(|(name, value)| (&name.node, value.node.to_string())).collect();
        let declared =
            self.operation.node.variable_definitions.iter().map(|variable| &variable.node.name.node);
        // Each is declared once, besides.
        let of_root = declared.filter(|name| {
            let used: usize = arguments.iter().map(|(_, value)| uses(value, name)).sum();
            uses(document, name) == used + 1
        });
        let of_root: Vec<_> = of_root.cloned().collect();
        let after = arguments.iter().find(|(name, _)| *name == "after").map(|(_, value)| value);
        let of_after = of_root.iter().find(|name| {
            after.is_some_and(|after| after.strip_prefix('$') == Some(name.as_str()))
                && uses(document, name) == 2
        });
        let of_after = of_after.cloned();
        (of_root, of_after)
    }

    /// Shows one event to whomever the context is of.
    pub(in crate::graphql) async fn show(
        &self,
        executor: &Executor,
        variables: &Variables,
        context: Arc<RequestContext>,
        event: &Event,
    ) -> Response {
        let mut data = Data::default();
        data.insert(context);
        let query = QueryEnv::new(QueryEnvInner {
            extensions: executor.extensions.clone(),
            variables: variables.clone(),
            operation_name: self.name.clone(),
            operation: self.operation.clone(),
            fragments: self.fragments.clone(),
            uploads: Vec::new(),
            session_data: Arc::default(),
            query_data: Arc::new(data),
            http_headers: Mutex::default(),
            introspection_mode: IntrospectionMode::Enabled,
            errors: Mutex::default(),
        });
        let field = root_field(&query.operation.node).expect("it was begun by its root field");
        let key = &field.node.response_key().node;
        let path = QueryPathNode { parent: None, segment: QueryPathSegment::Name(key) };
        let selected = query.create_context(&executor.schema, Some(path), &field.node.selection_set, None);
        let mut response = match event.resolve(&selected, field).await {
            Ok(value) => Response::new(Value::Object(IndexMap::from([(key.clone(), value)]))),
            Err(error) => Response::from_errors(vec![error]),
        };
        response.errors.append(&mut query.errors.lock().unwrap_or_else(PoisonError::into_inner));
        response
    }
}

/// The one field of a subscription: [`guard`](super::super::guard) sees to it that there is one.
fn root_field(operation: &OperationDefinition) -> Option<&Positioned<Field>> {
    match &operation.selection_set.node.items.first()?.node {
        Selection::Field(field) => Some(field),
        _ => None,
    }
}

/// How often a variable stands in the document.
fn uses(document: &str, variable: &str) -> usize {
    let part_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let uses = document.split('$').skip(1);
    uses.filter(|rest| rest.strip_prefix(variable).is_some_and(|rest| !rest.starts_with(part_of_name)))
        .count()
}

/// Operations by their documents: subscribers with the same document share one copy, whatever their variables.
#[derive(Default)]
pub struct Documents(Mutex<HashMap<Key, Weak<Prepared>>>);

/// A document, and which of its operations.
type Key = (String, Option<String>);

impl Documents {
    /// The operation of the deposit, which `document` was parsed to.
    pub fn prepared(&self, document: &str, deposit: &Deposit) -> Arc<Prepared> {
        // What is skipped depends on the variables: such an operation is its subscriber's own.
        if document.contains("@skip") || document.contains("@include") {
            return Arc::new(Prepared::new(&deposit.query));
        }
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (document.to_owned(), deposit.query.operation_name.clone());
        if let Some(known) = documents.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        documents.retain(|_, prepared| prepared.strong_count() > 0);
        let prepared = Arc::new(Prepared::new(&deposit.query));
        documents.insert(key, Arc::downgrade(&prepared));
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_counted_wherever_it_stands() {
        let document =
            "subscription($after: String, $afterwards: Int) { a(after: $after, b: $afterwards) { c } }";
        assert_eq!(uses(document, "after"), 2);
        assert_eq!(uses(document, "afterwards"), 2);
        assert_eq!(uses(document, "b"), 0);
    }
}
