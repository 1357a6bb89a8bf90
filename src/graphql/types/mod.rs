//! The output types, scalars, interfaces and unions of the schema: one file per subject.
//!
//! Their doc comments are the descriptions in schema.graphql: full sentences that say the meaning, the unit,
//! the limits and when a field is null. How to add a field to `Gig`: see [`graphql`](crate::graphql).

pub mod account;
pub mod actions;
pub mod audit;
pub mod country;
pub mod gig;
pub mod gig_connection;
pub mod gig_facets;
pub mod held_version;
pub mod limits;
pub mod list;
pub mod node;
pub mod pagination;
pub mod permission;
pub mod picture_quality;
pub mod review;
pub mod review_connection;
pub mod review_record;
pub mod review_summary;
pub mod rights;
pub mod scalar;
pub mod user;
pub mod user_account;
pub mod user_error;
pub mod verification;
