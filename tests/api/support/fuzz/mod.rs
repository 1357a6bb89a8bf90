//! Requests to shake the gateway with, made by chance from the schema: the same chance makes the same request.
//!
//! [`documents`] writes what the schema allows, [`broken_documents`] and [`json_bodies`] spoil it, [`requests`] puts HTTP around it,
//! [`wire`] sends it byte by byte, and [`judge`] says what must hold for whatever comes back. The fuzz target in
//! `fuzz/` uses the same files, so nothing here knows of the rest of the tests.

pub mod broken_documents;
pub mod random;
pub mod documents;
pub mod multipart_forms;
pub mod headers;
pub mod response_checker;
pub mod fixtures;
pub mod input_value;
pub mod messages;
pub mod edge_cases;
pub mod requests;
pub mod schema;
pub mod json_bodies;
pub mod values;
pub mod raw_http;
