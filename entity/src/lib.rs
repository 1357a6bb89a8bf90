//! The tables as SeaORM entities, one module each.
//!
//! These types are rows. `gigway::store` converts them to the types of `gigway::domain`, and no other
//! part of the gateway uses them. To add a table: a migration, a module here, and a file in `gigway::store`.
#![forbid(unsafe_code)]

pub mod audit_checkpoint;
pub mod audit_entry;
pub mod audit_head;
pub mod category;
pub mod consent;
pub mod discarded_data_key;
pub mod erasure_request;
pub mod event;
pub mod fingerprint;
pub mod gig;
pub mod gig_image;
pub mod gig_tag;
pub mod held_version;
pub mod idempotent_request;
pub mod identity_document;
pub mod identity_opening;
pub mod inspection;
pub mod integrity_marker;
pub mod log_meta;
pub mod picture_signature;
pub mod refresh_token;
pub mod review_decision;
pub mod review_flag;
pub mod review_item;
pub mod review_key;
pub mod session;
pub mod stream_ticket;
pub mod unreferenced_blob;
pub mod user;
pub mod verification;
