//! The tables, one module each, for SeaORM alone.
//!
//! These are rows, not the API: what clients see is in `gigway::graphql`, what the rows mean is in
//! `gigway::domain`, and only `gigway::store` turns one into the other. To add a table: a migration,
//! a module here, a file in `gigway::store`.
#![forbid(unsafe_code)]

pub mod audit_entry;
pub mod category;
pub mod event;
pub mod gig;
pub mod gig_image;
pub mod gig_tag;
pub mod idempotent_request;
pub mod identity_document;
pub mod log_meta;
pub mod refresh_token;
pub mod review_decision;
pub mod review_item;
pub mod session;
pub mod user;
pub mod verification;
