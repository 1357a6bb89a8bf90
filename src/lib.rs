//! gigway: a GraphQL gateway for a marketplace of small paid jobs.
#![forbid(unsafe_code)]

/// Sockets come and go by the thousand: what they take while they come must be given back, also from between what
/// those that stay hold.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod graphql;
pub mod http;
pub mod keys;
pub mod live;
pub mod media;
pub mod service;
pub mod store;
