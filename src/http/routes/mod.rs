//! The handlers: one file for each path. Only `http/mod.rs` may import from here. Its header explains how to
//! add a route.

pub mod console;
pub mod data_exports;
pub mod fallback;
pub mod graphql;
pub mod health;
pub mod held_versions;
pub mod identity_documents;
pub mod media;
pub mod metrics;
