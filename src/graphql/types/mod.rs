//! The output types of the schema and its scalars: one file for each subject.

pub mod account;
pub mod gig;
pub mod gig_connection;
pub mod gig_facets;
pub mod limits;
pub mod node;
pub mod pagination;
pub mod permission;
pub mod review;
pub mod review_connection;
pub mod scalar;
pub mod user;
pub mod user_error;
pub mod verification;
