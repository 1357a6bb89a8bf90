//! What one operation may ask for.

use std::time::Duration;

use serde::Deserialize;

/// The most levels of fields that the library executes.
const DEPTH_MAX: usize = 30;

/// What one operation may ask for; each can be set by `GIGWAY_OPERATION_LIMITS`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OperationLimits {
    /// Of the document.
    pub document_bytes: usize,
    /// Of the variables, as JSON without spaces.
    pub variables_bytes: usize,
    /// Names, numbers, strings and punctuators of the document.
    pub tokens: usize,
    /// Levels of fields.
    pub depth: usize,
    /// Fields and fragments, those of a fragment counted at each use.
    pub selections: usize,
    /// Counted at each use, too.
    pub aliases: usize,
    /// Counted at each use, too.
    pub directives: usize,
    /// Fields of the operation itself.
    pub root_fields: usize,
    /// Of any list, in the document or a variable.
    pub list_length: usize,
    /// Lists within lists of an introspection; the query that tools send has three.
    pub introspection_lists: usize,
    /// Points: see docs/API-DESIGN.md.
    pub cost: u64,
    /// Operations of one HTTP request; one: a list of them is refused.
    pub batch: usize,
    /// How long a query may take.
    pub query_seconds: u64,
    /// How long a mutation may take.
    pub mutation_seconds: u64,
}

impl Default for OperationLimits {
    fn default() -> Self {
        Self {
            document_bytes: 64 * 1024,
            variables_bytes: 64 * 1024,
            tokens: 5_000,
            depth: 15,
            selections: 5_000,
            aliases: 100,
            directives: 50,
            root_fields: 30,
            list_length: 1_000,
            introspection_lists: 3,
            cost: 5_000,
            batch: 1,
            query_seconds: 10,
            mutation_seconds: 30,
        }
    }
}

impl OperationLimits {
    /// # Errors
    /// What cannot be kept.
    pub fn validate(&self) -> Result<(), String> {
        if self.depth > DEPTH_MAX {
            return Err(format!("depth is {}, and may be {DEPTH_MAX}", self.depth));
        }
        let some = [
            ("documentBytes", self.document_bytes),
            ("tokens", self.tokens),
            ("depth", self.depth),
            ("selections", self.selections),
            ("rootFields", self.root_fields),
            ("batch", self.batch),
        ];
        if let Some((name, _)) = some.iter().find(|(_, most)| *most == 0) {
            return Err(format!("{name} is 0, and must be 1 or more"));
        }
        if self.query_seconds == 0 || self.mutation_seconds == 0 {
            return Err("querySeconds and mutationSeconds must be 1 or more".to_owned());
        }
        Ok(())
    }

    /// How long a query may take.
    pub fn query_within(&self) -> Duration {
        Duration::from_secs(self.query_seconds)
    }

    /// How long a mutation may take.
    pub fn mutation_within(&self) -> Duration {
        Duration::from_secs(self.mutation_seconds)
    }
}
