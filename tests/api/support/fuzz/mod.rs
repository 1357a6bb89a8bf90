//! Generates random requests from the schema, and checks the responses. The same random seed generates the
//! same request.
//!
//! [`documents`] generates valid documents. [`broken_documents`] and [`json_bodies`] make them invalid.
//! [`requests`] adds HTTP, [`raw_http`] sends the bytes, and [`response_checker`] checks what comes back.
//! [`messages`] does the same for WebSockets. `tests/api/fuzz.rs` and the fuzz target in `fuzz/` use these
//! files, so nothing here may depend on the rest of the tests.
//!
//! To cover another kind of request, add a branch to `RequestGenerator::request` in [`requests`].

pub mod broken_documents;
pub mod documents;
pub mod edge_cases;
pub mod fixtures;
pub mod headers;
pub mod input_value;
pub mod json_bodies;
pub mod messages;
pub mod multipart_forms;
pub mod random;
pub mod raw_http;
pub mod requests;
pub mod response_checker;
pub mod schema;
pub mod values;
