//! A subscription's operation, checked once, and ready to show any number of events.
//!
//! The library would keep a copy of document, variables and context for each subscriber, run by a task of streams
//! within streams. So it only checks the operation and runs its root field, which leaves what it has begun; each event
//! is then shown by the same steps that the library's own derived code takes for one item of a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::extensions::Extensions;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{
    Context, Data, IntrospectionMode, Name, Positioned, QueryEnv, QueryEnvInner, QueryPathNode,
    QueryPathSegment, Response, SchemaEnv, Value, Variables,
};
use async_graphql_value::Value as Argument;

use crate::engine::delivery::registry::Registry;
use crate::graphql::context::RequestContext;
use crate::graphql::subscription::Event;
use crate::graphql::subscription::source::{SourceSlot, SubscriptionSource};

/// What a subscription's root field has handed over, with what the library knows of its operation.
pub struct SourceHandoff {
    pub source: SubscriptionSource,
    query: QueryEnv,
    schema: SchemaEnv,
}

/// The slot of one request.
#[derive(Default)]
pub struct HandoffSlot(Mutex<Option<SourceHandoff>>);

impl SourceSlot for HandoffSlot {
    fn put(&self, ctx: &Context<'_>, source: SubscriptionSource) {
        let handoff = SourceHandoff { source, query: ctx.query_env.clone(), schema: ctx.schema_env.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handoff);
    }
}

impl HandoffSlot {
    /// What was handed over, if anything was.
    pub fn take(&self) -> Option<SourceHandoff> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl SourceHandoff {
    /// What executing takes besides an operation, and is the same for all of them.
    pub fn execution_env(&self) -> ExecutionEnv {
        ExecutionEnv { schema: self.schema.clone(), extensions: self.query.extensions.clone() }
    }

    pub fn variables(&self) -> &Variables {
        &self.query.variables
    }
}

/// What executing takes besides an operation.
pub struct ExecutionEnv {
    schema: SchemaEnv,
    extensions: Extensions,
}

/// One operation.
pub struct CompiledOperation {
    name: Option<String>,
    operation: Positioned<OperationDefinition>,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

impl CompiledOperation {
    fn new(query: &QueryEnv) -> Self {
        Self {
            name: query.operation_name.clone(),
            operation: query.operation.clone(),
            fragments: query.fragments.clone(),
        }
    }

    /// The variables that have no use but as arguments of the root field; and, apart, the one that only says where to
    /// begin.
    pub fn variables_of_root(&self) -> (Vec<Name>, Option<Name>) {
        let operation = &self.operation.node;
        let Some(field) = root_field(operation) else { return (Vec::new(), None) };
        let (mut everywhere, mut at_root) = (Uses::default(), Uses::default());
        everywhere.of_directives(&operation.directives);
        everywhere.of_selections(&operation.selection_set.node);
        for fragment in self.fragments.values() {
            everywhere.of_directives(&fragment.node.directives);
            everywhere.of_selections(&fragment.node.selection_set.node);
        }
        at_root.of_arguments(&field.node.arguments);
        let of_root = at_root.0.iter().filter(|(name, count)| everywhere.0.get(*name) == Some(*count));
        let of_root: Vec<_> = of_root.map(|(name, _)| Name::clone(name)).collect();
        let after = field.node.get_argument("after").and_then(|after| match &after.node {
            Argument::Variable(name) if everywhere.0.get(name) == Some(&1) => Some(name.clone()),
            _ => None,
        });
        (of_root, after)
    }

    /// Shows one event to whomever the context is of.
    pub async fn show(
        &self,
        execution_env: &ExecutionEnv,
        variables: &Variables,
        context: Arc<RequestContext>,
        event: &Event,
    ) -> Response {
        let mut data = Data::default();
        data.insert(context);
        let query = QueryEnv::new(QueryEnvInner {
            extensions: execution_env.extensions.clone(),
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
        let selected =
            query.create_context(&execution_env.schema, Some(path), &field.node.selection_set, None);
        let mut response = match event.resolve(&selected, field).await {
            Ok(value) => Response::new(Value::Object(IndexMap::from([(key.clone(), value)]))),
            Err(error) => Response::from_errors(vec![error]),
        };
        response.errors.append(&mut query.errors.lock().unwrap_or_else(PoisonError::into_inner));
        response
    }
}

/// The one field of a subscription: [`guard`](crate::engine::limits) sees to it that there is one.
fn root_field(operation: &OperationDefinition) -> Option<&Positioned<Field>> {
    match &operation.selection_set.node.items.first()?.node {
        Selection::Field(field) => Some(field),
        _ => None,
    }
}

/// How often each variable is used.
#[derive(Default)]
struct Uses<'a>(HashMap<&'a Name, usize>);

impl<'a> Uses<'a> {
    fn of_selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.of_arguments(&field.node.arguments);
                    self.of_directives(&field.node.directives);
                    self.of_selections(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.of_directives(&fragment.node.directives);
                    self.of_selections(&fragment.node.selection_set.node);
                }
                // Fragments are looked at once, each by itself.
                Selection::FragmentSpread(spread) => self.of_directives(&spread.node.directives),
            }
        }
    }

    fn of_directives(&mut self, directives: &'a [Positioned<Directive>]) {
        for directive in directives {
            self.of_arguments(&directive.node.arguments);
        }
    }

    fn of_arguments(&mut self, arguments: &'a [(Positioned<Name>, Positioned<Argument>)]) {
        for (_, value) in arguments {
            self.of_value(&value.node);
        }
    }

    fn of_value(&mut self, value: &'a Argument) {
        match value {
            Argument::Variable(name) => *self.0.entry(name).or_default() += 1,
            Argument::List(values) => values.iter().for_each(|value| self.of_value(value)),
            Argument::Object(fields) => fields.values().for_each(|value| self.of_value(value)),
            _ => {}
        }
    }
}

/// Operations by their documents: subscribers with the same document share one copy, whatever their variables. Each is
/// forgotten with its last subscriber.
#[derive(Default)]
pub struct OperationCache(Registry<OperationKey, CompiledOperation>);

/// A document, and which of its operations.
#[derive(PartialEq, Eq, Hash)]
pub struct OperationKey(String, Option<String>);

impl OperationCache {
    /// The operation of the deposit, which `document` was parsed to.
    pub fn get_or_compile(&self, document: &str, deposit: &SourceHandoff) -> Arc<CompiledOperation> {
        // What is skipped depends on the variables, and that takes a directive: such an operation is its subscriber's
        // own.
        if document.contains('@') {
            return Arc::new(CompiledOperation::new(&deposit.query));
        }
        let key = OperationKey(document.to_owned(), deposit.query.operation_name.clone());
        self.0.get_or_insert(key, || CompiledOperation::new(&deposit.query))
    }
}
