//! Requests to shake the gateway with, made by chance from the schema: the same chance makes the same request.
//!
//! [`documents`] writes what the schema allows, [`breakage`] and [`shapes`] spoil it, [`requests`] puts HTTP around it,
//! [`wire`] sends it byte by byte, and [`judge`] says what must hold for whatever comes back. The fuzz target in
//! `fuzz/` uses the same files, so nothing here knows of the rest of the tests.

pub mod breakage;
pub mod dice;
pub mod documents;
pub mod forms;
pub mod headers;
pub mod judge;
pub mod known;
pub mod literals;
pub mod messages;
pub mod oddities;
pub mod requests;
pub mod schema;
pub mod shapes;
pub mod values;
pub mod wire;
