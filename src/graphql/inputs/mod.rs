//! The input types of the schema: what clients write.

pub mod account;
pub mod gig;
pub mod gig_filter;
pub mod list_length;
pub mod review;
pub mod verification;
