//! Whether a GraphQL document may be executed, and with which variables: section 5 of the specification, and the
//! coercion of variable values of section 6.1.2.
//!
//! The crate `apollo-compiler` parses documents and judges most rules; `apollo` says which of its verdicts count.
//! What it gets wrong is judged here:
//!
//! * `values`: literals of the right type, input fields given once, variables that fit where they stand;
//! * `subscriptions`: one root field;
//! * `merging`: makes it see lists of different lengths as different;
//! * `syntax`: what it reads though it is not well formed, and what it does not read though it is.
//!
//! `variables` coerces the values that come beside a document. `literals` writes literals anew that `async-graphql`
//! would not read, or would read as something else. `errors` holds what all of them report.
//!
//! To add a rule: write a function in a file of its own that takes the `ExecutableDocument` and an `Errors`, call it
//! from `Validator::validate`. Where `apollo-compiler` judges the same, and not as it should, name its verdicts in
//! `apollo`, as those of `values` are. `tests/verdicts` compares all of it with `graphql-js`.

mod apollo;
mod errors;
mod literals;
mod merging;
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
use apollo_compiler::ast::{Definition, OperationDefinition, VariableDefinition};
use apollo_compiler::parser::Parser;
use apollo_compiler::validation::{Valid, WithErrors};
use serde_json::{Map, Value};

use crate::engine::validation::errors::Errors;
pub use crate::engine::validation::errors::{ErrorKind, ValidationError};

/// How deep selections, values and types may nest: so deep that nothing sensible is refused, and no stack overflows.
const NESTING_MAX: usize = 100;
/// How many tokens a document may have, blanks and comments among them.
const TOKENS_MAX: usize = 200_000;

/// Judges documents against one schema.
pub struct Validator {
    schema: Arc<Valid<Schema>>,
    suggestions: bool,
}

impl Validator {
    /// A validator for a schema in the schema definition language. Without `suggestions` no message holds a name of
    /// the schema that the client did not write, but for those of required arguments and fields that are missing.
    pub fn new(sdl: &str, suggestions: bool) -> Self {
        let schema =
            Schema::parse_and_validate(sdl, "schema.graphql").expect("the gateway's own schema is valid");
        Self { schema: Arc::new(schema), suggestions }
    }

    /// The document, ready to be executed.
    ///
    /// # Errors
    ///
    /// What is wrong with it: the first mistakes where it breaks rules, the first alone where it cannot be read.
    pub fn validate(&self, document: &str) -> Result<ValidDocument, Vec<ValidationError>> {
        let mut errors = Errors::new(document, self.suggestions.then_some(&*self.schema));
        let parsed = Parser::new()
            .recursion_limit(NESTING_MAX)
            .token_limit(TOKENS_MAX)
            .parse_ast(syntax::readable(document), "document.graphql");
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(WithErrors { errors: syntax, .. }) => {
                apollo::report_syntax(&syntax, &mut errors);
                return Err(errors.into_vec());
            }
        };
        if let Some((mistake, offset)) = syntax::mistake(document) {
            errors.syntax_at(mistake.to_owned(), offset);
            return Err(errors.into_vec());
        }

        let (executable, unbuilt) = match parsed.to_executable(&self.schema) {
            Ok(executable) => (executable, None),
            Err(WithErrors { partial, errors }) => (partial, Some(errors)),
        };
        let judged = merging::with_list_lengths(&parsed).map_or_else(
            || executable.clone(),
            |marked| match marked.to_executable(&self.schema) {
                Ok(marked) => marked,
                Err(WithErrors { partial, .. }) => partial,
            },
        );
        let judged = judged.validate(&self.schema).err().map(|refused| refused.errors);
        apollo::report(unbuilt.as_ref(), judged.as_ref(), &mut errors);
        values::check(&self.schema, &executable, &mut errors);
        subscriptions::check(&self.schema, &executable, &mut errors);
        errors.into_result()?;

        Ok(ValidDocument {
            schema: Arc::clone(&self.schema),
            operations: operations(&parsed.definitions),
        })
    }
}

/// What a document declares: its operations, and each one's variables.
fn operations(definitions: &[Definition]) -> Vec<Operation> {
    definitions.iter().filter_map(Definition::as_operation_definition).map(|it| Operation::new(it)).collect()
}

/// An operation's name and variables.
#[derive(Debug)]
struct Operation {
    name: Option<String>,
    variables: Vec<Node<VariableDefinition>>,
}

impl Operation {
    fn new(definition: &OperationDefinition) -> Self {
        Self {
            name: definition.name.as_ref().map(ToString::to_string),
            variables: definition.variables.clone(),
        }
    }
}

/// A document that may be executed. Small: of the document itself it keeps the operations' variables alone.
pub struct ValidDocument {
    schema: Arc<Valid<Schema>>,
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
    /// Whether the operation of this name, or the only one, declares variables.
    pub fn declares_variables(&self, operation_name: Option<&str>) -> bool {
        self.operation(operation_name).is_some_and(|operation| !operation.variables.is_empty())
    }

    /// The values of the operation's variables as its declarations ask for them: defaults filled in, one value made
    /// a list where a list is asked for, numbers made IDs. Values that it does not declare are left out. Without
    /// `operation_name` the document's only operation is meant; where there is none or more than one, executing it
    /// is an error anyway, and no variable is looked at.
    ///
    /// # Errors
    ///
    /// The first value that does not fit, or is missing. It names the variable and the path within.
    pub fn coerce_variables(
        &self,
        operation_name: Option<&str>,
        variables: &Map<String, Value>,
    ) -> Result<Map<String, Value>, ValidationError> {
        let operation = self.operation(operation_name);
        operation.map_or_else(
            || Ok(Map::new()),
            |operation| variables::coerce(&self.schema, &operation.variables, variables),
        )
    }

    fn operation(&self, name: Option<&str>) -> Option<&Operation> {
        match name {
            Some(name) => self.operations.iter().find(|operation| operation.name.as_deref() == Some(name)),
            None => Some(&self.operations).filter(|all| all.len() == 1).and_then(|all| all.first()),
        }
    }
}

/// The document as `async-graphql` must read it to read the same: with the literals rewritten that it does not read.
/// Lines, and mostly columns, stay the same.
pub fn normalize(document: &str) -> Cow<'_, str> {
    literals::rewritten(document).map_or(Cow::Borrowed(document), Cow::Owned)
}
