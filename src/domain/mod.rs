//! What is always true: states, rules, limits, reasons, levels.
//!
//! Pure. Nothing here knows of HTTP, GraphQL, SQL or Redis, and nothing reads the clock or draws a
//! random number: the time comes as an argument. A rule is written here, once; the floors above ask.

pub mod account;
pub mod category;
pub mod country;
pub mod event;
pub mod gig;
pub mod gig_filter;
pub mod gig_form;
pub mod id;
pub mod image;
pub mod limits;
pub mod money;
pub mod network;
pub mod permission;
pub mod personal_info;
pub mod rate_limits;
pub mod reason;
pub mod review;
pub mod review_kind;
pub mod search;
pub mod text;
pub mod token_bucket;
pub mod user;
pub mod verification;
pub mod violation;
pub mod wrapped_key;
