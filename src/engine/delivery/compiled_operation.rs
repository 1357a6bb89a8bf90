//! The operation of a subscription, which can be executed for any number of events.
//!
//! The library validates the operation and runs its root field, which hands over a source of events. Each
//! event is then executed here, with the same calls that the code derived by the library makes for an item of
//! a stream.

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
use sha2::{Digest, Sha256};

use crate::engine::delivery::registry::Registry;
use crate::engine::limits::tokens::significant_text;
use crate::graphql::context::RequestContext;
use crate::graphql::subscription::Event;
use crate::graphql::subscription::source::{SourceSlot, SubscriptionSource};

/// The source of events that a root field has handed over, and the library's environment of its request.
pub struct SourceHandoff {
    pub source: SubscriptionSource,
    query: QueryEnv,
    schema: SchemaEnv,
}

/// Where the root field of a request puts its source.
#[derive(Default)]
pub struct HandoffSlot(Mutex<Option<SourceHandoff>>);

impl SourceSlot for HandoffSlot {
    fn put(&self, ctx: &Context<'_>, source: SubscriptionSource) {
        let handoff = SourceHandoff { source, query: ctx.query_env.clone(), schema: ctx.schema_env.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handoff);
    }
}

impl HandoffSlot {
    /// Takes the source; `None` if no root field has run.
    pub fn take(&self) -> Option<SourceHandoff> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl SourceHandoff {
    /// `response_max` is the maximum size of the result of an event, in bytes.
    pub fn execution_env(&self, response_max: usize) -> ExecutionEnv {
        let (schema, extensions) = (self.schema.clone(), self.query.extensions.clone());
        ExecutionEnv { schema, extensions, response_max }
    }

    pub fn variables(&self) -> &Variables {
        &self.query.variables
    }
}

/// What the library needs besides an operation to execute it. It is the same for all operations.
pub struct ExecutionEnv {
    schema: SchemaEnv,
    extensions: Extensions,
    /// The maximum size of the result of an event, in bytes.
    pub response_max: usize,
}

/// The operation of a subscription.
pub struct CompiledOperation {
    name: Option<String>,
    operation: Positioned<OperationDefinition>,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

/// The variables that the root field uses.
pub struct RootVariables {
    /// The variables that nothing else uses.
    pub root_only: Vec<Name>,
    /// The variable for the argument `after`, if nothing else uses it.
    pub after: Option<Name>,
}

impl CompiledOperation {
    /// Keeps nothing of the document that the operation does not use.
    fn new(query: &QueryEnv) -> Self {
        let fragments = reachable_fragments(&query.operation.node, &query.fragments);
        Self {
            name: query.operation_name.clone(),
            operation: query.operation.clone(),
            fragments: fragments.map(|(name, fragment)| (name.clone(), fragment.clone())).collect(),
        }
    }

    pub fn root_variables(&self) -> RootVariables {
        let operation = &self.operation.node;
        let Some(field) = root_field(operation) else {
            return RootVariables { root_only: Vec::new(), after: None };
        };
        let (mut all, mut root) = (VariableUses::default(), VariableUses::default());
        all.add_directives(&operation.directives);
        all.add_selections(&operation.selection_set.node);
        for (_, fragment) in reachable_fragments(operation, &self.fragments) {
            all.add_directives(&fragment.node.directives);
            all.add_selections(&fragment.node.selection_set.node);
        }
        root.add_arguments(&field.node.arguments);
        let root_only = root.0.iter().filter(|(name, count)| all.0.get(*name) == Some(*count));
        let root_only = root_only.map(|(name, _)| Name::clone(name)).collect();
        let after = field.node.get_argument("after").and_then(|after| match &after.node {
            Argument::Variable(name) if all.0.get(name) == Some(&1) => Some(name.clone()),
            _ => None,
        });
        RootVariables { root_only, after }
    }

    /// Executes the operation for one event. The context says for which caller or audience.
    pub async fn execute(
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
        let field = root_field(&query.operation.node).expect("the root field has run");
        let key = &field.node.response_key().node;
        let path = QueryPathNode { parent: None, segment: QueryPathSegment::Name(key) };
        let selection =
            query.create_context(&execution_env.schema, Some(path), &field.node.selection_set, None);
        let mut response = match event.resolve(&selection, field).await {
            Ok(value) => Response::new(Value::Object(IndexMap::from([(key.clone(), value)]))),
            Err(error) => Response::from_errors(vec![error]),
        };
        response.errors.append(&mut query.errors.lock().unwrap_or_else(PoisonError::into_inner));
        response
    }
}

/// The fragments that an operation uses. The document may have others: those of other operations, and those
/// out of which the root field was merged.
fn reachable_fragments<'a>(
    operation: &'a OperationDefinition,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
) -> impl Iterator<Item = (&'a Name, &'a Positioned<FragmentDefinition>)> {
    let mut reachable = HashMap::new();
    let mut sets = vec![&operation.selection_set.node];
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => sets.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let fragment = fragments.get_key_value(&spread.node.fragment_name.node);
                    if let Some((name, fragment)) = fragment
                        && reachable.insert(name, fragment).is_none()
                    {
                        sets.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    reachable.into_iter()
}

/// The root field of a subscription. [`subscription_root`](crate::engine::subscription_root) has merged its
/// selections into one.
fn root_field(operation: &OperationDefinition) -> Option<&Positioned<Field>> {
    match &operation.selection_set.node.items.first()?.node {
        Selection::Field(field) => Some(field),
        _ => None,
    }
}

/// How often each variable is used.
#[derive(Default)]
struct VariableUses<'a>(HashMap<&'a Name, usize>);

impl<'a> VariableUses<'a> {
    fn add_selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    self.add_arguments(&field.node.arguments);
                    self.add_directives(&field.node.directives);
                    self.add_selections(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.add_directives(&fragment.node.directives);
                    self.add_selections(&fragment.node.selection_set.node);
                }
                // The content of each fragment is counted once, by the caller.
                Selection::FragmentSpread(spread) => self.add_directives(&spread.node.directives),
            }
        }
    }

    fn add_directives(&mut self, directives: &'a [Positioned<Directive>]) {
        for directive in directives {
            self.add_arguments(&directive.node.arguments);
        }
    }

    fn add_arguments(&mut self, arguments: &'a [(Positioned<Name>, Positioned<Argument>)]) {
        for (_, value) in arguments {
            self.add_value(&value.node);
        }
    }

    fn add_value(&mut self, value: &'a Argument) {
        match value {
            Argument::Variable(name) => *self.0.entry(name).or_default() += 1,
            Argument::List(values) => values.iter().for_each(|value| self.add_value(value)),
            Argument::Object(fields) => fields.values().for_each(|value| self.add_value(value)),
            _ => {}
        }
    }
}

/// The operations of current subscribers, by document. The variables make no difference. An operation is
/// dropped with its last subscriber.
#[derive(Default)]
pub struct OperationCache(Registry<OperationKey, CompiledOperation>);

/// The SHA-256 of the document without comments and white space, and the name of the operation. The document
/// itself is not kept: it may be large.
#[derive(PartialEq, Eq, Hash)]
pub struct OperationKey([u8; 32], Option<String>);

impl OperationCache {
    /// The operation of the handoff, whose request had this document.
    pub fn get_or_compile(&self, document: &str, handoff: &SourceHandoff) -> Arc<CompiledOperation> {
        let document = significant_text(document);
        // If there are directives, the selection may depend on the variables. Such an operation is not
        // shared.
        if document.contains('@') {
            return Arc::new(CompiledOperation::new(&handoff.query));
        }
        let key = OperationKey(Sha256::digest(&document).into(), handoff.query.operation_name.clone());
        self.0.get_or_insert(key, || CompiledOperation::new(&handoff.query))
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::parser::types::DocumentOperations;

    use super::*;
    use crate::engine::subscription_root;

    #[test]
    fn variables_of_a_root_field_in_a_fragment_are_root_only() {
        let document = "subscription($a: String, $n: Int) { ...F } fragment F on Subscription { \
                        gigPublished(after: $a) { gig { images(first: $n) { id } } } }";
        let mut document = parse_query(document).unwrap();
        subscription_root::merge(&mut document);
        let DocumentOperations::Single(operation) = document.operations else { panic!("one operation") };
        let operation = CompiledOperation { name: None, operation, fragments: document.fragments };
        let RootVariables { root_only, after } = operation.root_variables();
        assert_eq!((root_only, after), (vec![Name::new("a")], Some(Name::new("a"))));
    }

    #[test]
    fn only_the_fragments_that_the_operation_uses_are_kept() {
        let document = "subscription A { gigPublished { ...F } } subscription B { gigPublished { ...H } } \
                        fragment F on GigPublished { gig { ...G } } fragment G on Gig { id } \
                        fragment H on GigPublished { cursor }";
        let document = parse_query(document).unwrap();
        let DocumentOperations::Multiple(operations) = &document.operations else { panic!("two operations") };
        let names_for = |operation: &str| {
            let fragments = reachable_fragments(&operations[operation].node, &document.fragments);
            let mut names: Vec<_> = fragments.map(|(name, _)| name.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!((names_for("A"), names_for("B")), (vec!["F".into(), "G".into()], vec!["H".to_owned()]));
    }
}
