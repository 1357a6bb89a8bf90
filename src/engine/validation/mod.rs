//! Validates GraphQL documents (section 5 of the specification), and coerces the values of their variables
//! (section 6.1.2).
//!
//! The crate `apollo-compiler` parses documents and checks most rules; `apollo` converts its diagnostics.
//! These files correct the differences between the crate and the specification:
//!
//! * `syntax` finds syntax errors that the crate accepts, and replaces valid syntax that it cannot read;
//! * `values` checks literals and the use of variables;
//! * `subscriptions` checks the root field of subscriptions;
//! * `merging` makes the crate distinguish lists of different lengths.
//!
//! `variables` coerces the values of variables. `literals` rewrites what `async-graphql`, which executes the
//! document, would read differently. `literal_json` converts literals to JSON. `errors` collects the errors
//! of all files.
//!
//! To add a rule, write a function in its own file that takes the `ExecutableDocument` and an `Errors`, and
//! call it in [`Validator::validate`]. If `apollo-compiler` checks the same rule differently, add its
//! diagnostics to the ignored ones in `apollo`. The tests in `tests/validation_conformance` compare the
//! result with that of `graphql-js` for generated documents.

mod apollo;
mod errors;
mod literal_json;
mod literals;
mod merging;
mod scalars;
mod strings;
mod subscriptions;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;
mod values;
mod variables;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::Schema;
use apollo_compiler::ast::{Definition, Document, OperationDefinition, OperationType, VariableDefinition};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{Valid, WithErrors};
use serde_json::{Map, Value};

use crate::engine::validation::errors::Errors;
pub use crate::engine::validation::errors::{ErrorKind, ValidationError};
use crate::engine::validation::variables::Types;

/// The deepest nesting of selections, values and types: more than any sensible document has, and less than
/// overflows the stack.
const NESTING_MAX: usize = 100;

/// The most tokens of a document, including white space and comments.
const TOKENS_MAX: usize = 200_000;

/// Whether a value is valid for the custom scalar with this name, in a mutation or in another operation.
pub type ScalarCheck = fn(scalar: &str, value: &Value, in_mutation: bool) -> bool;

/// Validates documents against a schema.
pub struct Validator {
    schema: Arc<Valid<Schema>>,
    suggestions: bool,
    scalars: ScalarCheck,
}

impl Validator {
    /// A validator for a schema in the schema definition language. Without `suggestions`, messages contain no
    /// names of the schema that the client did not send, except those of missing arguments and fields.
    pub fn new(sdl: &str, suggestions: bool) -> Self {
        let schema =
            Schema::parse_and_validate(sdl, "schema.graphql").expect("the gateway's own schema is valid");
        Self { schema: Arc::new(schema), suggestions, scalars: |_, _, _| true }
    }

    /// Checks the values of custom scalars by `scalars`. Without it, any value is accepted.
    pub fn with_scalars(self, scalars: ScalarCheck) -> Self {
        Self { scalars, ..self }
    }

    /// The first syntax error of a document; `None` if it has none. Takes time in proportion to the length of
    /// the document, since it does not use the schema.
    pub fn syntax_error(&self, document: &str) -> Option<ValidationError> {
        let mut errors = Errors::new(document, None);
        parse(document, &mut errors);
        errors.into_vec().into_iter().next()
    }

    /// Validates a document.
    ///
    /// # Errors
    /// The first syntax error or, if there is none, the first errors of validation.
    pub fn validate(&self, document: &str) -> Result<ValidDocument, Vec<ValidationError>> {
        let mut errors = Errors::new(document, self.suggestions.then_some(&*self.schema));
        let Some(parsed) = parse(document, &mut errors) else { return Err(errors.into_vec()) };

        let (executable, build_errors) = match parsed.to_executable(&self.schema) {
            Ok(executable) => (executable, None),
            Err(WithErrors { partial, errors }) => (partial, Some(errors)),
        };
        let distinguishable = merging::with_list_lengths(&parsed).map_or_else(
            || executable.clone(),
            |copy| match copy.to_executable(&self.schema) {
                Ok(executable) => executable,
                Err(WithErrors { partial, .. }) => partial,
            },
        );
        let validation_errors = distinguishable.validate(&self.schema).err().map(|invalid| invalid.errors);
        apollo::report(build_errors.as_ref(), validation_errors.as_ref(), &mut errors);
        values::check(&self.schema, self.scalars, &executable, &mut errors);
        subscriptions::check(&self.schema, &executable, &mut errors);
        errors.into_result()?;

        Ok(ValidDocument {
            schema: Arc::clone(&self.schema),
            scalars: self.scalars,
            names_scalars: self.suggestions,
            operations: operations(&parsed.definitions),
        })
    }
}

/// Parses a document. If it has a syntax error, reports the first one and returns `None`.
fn parse(document: &str, errors: &mut Errors<'_>) -> Option<Document> {
    let parsed = Parser::new()
        .recursion_limit(NESTING_MAX)
        .token_limit(TOKENS_MAX)
        .parse_ast(syntax::make_readable(document), "document.graphql");
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(WithErrors { errors: syntax, .. }) => {
            apollo::report_syntax(&syntax, errors);
            return None;
        }
    };
    match syntax::find_error(document) {
        Some((message, offset)) => {
            errors.syntax_at(message.to_owned(), offset);
            None
        }
        None => Some(parsed),
    }
}

fn operations(definitions: &[Definition]) -> Vec<Operation> {
    let operations = definitions.iter().filter_map(Definition::as_operation_definition);
    operations.map(|operation| Operation::new(operation)).collect()
}

/// The name and the kind of an operation, and the variables that it declares.
#[derive(Debug)]
struct Operation {
    name: Option<String>,
    is_mutation: bool,
    variables: Vec<Node<VariableDefinition>>,
}

impl Operation {
    fn new(definition: &OperationDefinition) -> Self {
        Self {
            name: definition.name.as_ref().map(ToString::to_string),
            is_mutation: definition.operation_type == OperationType::Mutation,
            variables: definition.variables.clone(),
        }
    }
}

/// A valid document. It contains only the declarations of variables, so it is small.
pub struct ValidDocument {
    schema: Arc<Valid<Schema>>,
    scalars: ScalarCheck,
    /// Whether messages may name custom scalars.
    names_scalars: bool,
    operations: Vec<Operation>,
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("suggestions", &self.suggestions).finish_non_exhaustive()
    }
}

impl fmt::Debug for ValidDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidDocument").field("operations", &self.operations).finish_non_exhaustive()
    }
}

impl ValidDocument {
    /// Whether the operation with this name declares variables. Without a name, the document must have one
    /// operation.
    pub fn declares_variables(&self, operation_name: Option<&str>) -> bool {
        self.operation(operation_name).is_some_and(|operation| !operation.variables.is_empty())
    }

    /// Coerces the values of an operation's variables: adds default values, wraps single values in lists, and
    /// converts numbers to IDs. Values that the operation does not declare are dropped. Without a name, the
    /// document must have one operation. If there is no such operation, the result is empty: the request
    /// fails anyway.
    ///
    /// # Errors
    /// The first value that is missing or has a wrong type, with its variable and its path.
    pub fn coerce_variables(
        &self,
        operation_name: Option<&str>,
        variables: &Map<String, Value>,
    ) -> Result<Map<String, Value>, ValidationError> {
        let operation = self.operation(operation_name);
        operation.map_or_else(
            || Ok(Map::new()),
            |operation| variables::coerce(self.types(operation), &operation.variables, variables),
        )
    }

    fn types(&self, operation: &Operation) -> Types<'_> {
        Types {
            schema: &self.schema,
            scalars: self.scalars,
            in_mutation: operation.is_mutation,
            names_scalars: self.names_scalars,
        }
    }

    fn operation(&self, name: Option<&str>) -> Option<&Operation> {
        match name {
            Some(name) => self.operations.iter().find(|operation| operation.name.as_deref() == Some(name)),
            None => Some(&self.operations).filter(|all| all.len() == 1).and_then(|all| all.first()),
        }
    }
}

/// Rewrites what `async-graphql` would not read as the specification says. Tokens keep their lines and, in
/// most cases, their columns.
pub fn normalize(document: &str) -> Cow<'_, str> {
    literals::rewrite(document).map_or(Cow::Borrowed(document), Cow::Owned)
}
