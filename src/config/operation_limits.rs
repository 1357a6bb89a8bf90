//! Limits of one GraphQL operation, from `GIGWAY_OPERATION_LIMITS`.
//!
//! To add a limit: a row in the table below, its check in `src/engine/limits`, and a row in
//! docs/API-DESIGN.md.

use std::time::Duration;

use crate::domain::limit_table::limit_table;

/// The highest depth that async-graphql executes.
const DEPTH_MAX: usize = 30;

limit_table! {
    /// Limits of one GraphQL operation. Each can be set in `GIGWAY_OPERATION_LIMITS`.
    pub struct OperationLimits {
        /// Bytes of the document.
        document_bytes: usize = 64 * 1024, in 1..;
        /// Bytes of the variables, as JSON without spaces.
        variables_bytes: usize = 64 * 1024;
        /// Lexical tokens of the document: names, numbers, strings and punctuators.
        tokens: usize = 5_000, in 1..;
        /// Levels of nested fields.
        depth: usize = 15, in 1..=DEPTH_MAX;
        /// Fields and fragments. The content of a fragment counts at each use.
        selections: usize = 5_000, in 1..;
        /// Aliases. Those in a fragment count at each use.
        aliases: usize = 100;
        /// Directives. Those in a fragment count at each use.
        directives: usize = 50;
        /// Root fields of the operation.
        root_fields: usize = 30, in 1..;
        /// Items of any list in the document or the variables.
        list_length: usize = 1_000;
        /// Nested lists of an introspection query. The standard query of tools has three.
        introspection_lists: usize = 3;
        /// Cost of the operation; docs/API-DESIGN.md has the formula.
        cost: u64 = 5_000;
        /// Bytes of the response to one operation, or of the result of one event, as JSON.
        response_bytes: usize = 8 * 1024 * 1024, in 1..;
        /// Operations in one HTTP request. With 1, batches are rejected.
        batch: usize = 1, in 1..;
        /// Seconds that a query may take.
        query_seconds: u64 = 10, in 1..;
        /// Seconds that a mutation may take.
        mutation_seconds: u64 = 30, in 1..;
    }
}

/// The bytes of a JSON text by which a byte of its content can be written, as clients do: a character beyond
/// ASCII takes two to four bytes, and as `\u` escapes six or twelve.
const JSON_BYTES_PER_BYTE: usize = 3;

/// The bytes of a request besides its document and variables: names, extensions, white space.
const REQUEST_OVERHEAD_BYTES: usize = 64 * 1024;

/// The minimum for the operations of a batch together, in bytes.
const BATCH_BYTES: usize = 1024 * 1024;

impl OperationLimits {
    /// The maximum size of one request as JSON: a larger one could not be accepted.
    pub fn single_request_max_bytes(&self) -> usize {
        let content = self.document_bytes.saturating_add(self.variables_bytes);
        content.saturating_mul(JSON_BYTES_PER_BYTE).saturating_add(REQUEST_OVERHEAD_BYTES)
    }

    /// The maximum size of the JSON in one HTTP request, which can be a batch.
    pub fn request_max_bytes(&self) -> usize {
        let single = self.single_request_max_bytes();
        single.saturating_mul(self.batch).min(single.max(BATCH_BYTES))
    }

    /// How long a query may take.
    pub fn query_timeout(&self) -> Duration {
        Duration::from_secs(self.query_seconds)
    }

    /// How long a mutation may take.
    pub fn mutation_timeout(&self) -> Duration {
        Duration::from_secs(self.mutation_seconds)
    }
}
