//! What is always true: states, rules, limits, reasons, levels.
//!
//! Pure. Nothing here knows of HTTP, GraphQL, SQL or Redis, and nothing reads the clock or draws a
//! random number: the time comes as an argument. A rule is written here, once; the floors above ask.

pub mod account;
pub mod bucket;
pub mod category;
pub mod country;
pub mod event;
pub mod fault;
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
pub mod reason;
pub mod review;
pub mod search;
pub mod text;
pub mod user;
pub mod verification;
