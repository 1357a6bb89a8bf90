//! The input types of the schema, and the enums that only they use: one file per subject.

pub mod account;
pub mod administration;
pub mod entered;
pub mod gig;
pub mod gig_filter;
pub mod list_length;
pub mod review;
pub mod verification;
