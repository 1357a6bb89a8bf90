//! gigway: a GraphQL gateway for a marketplace of small paid jobs.
#![forbid(unsafe_code)]

pub mod clock;
pub mod domain;
pub mod live;
pub mod media;
pub mod service;
pub mod store;
