//! gigway: a GraphQL gateway for a marketplace of small paid jobs.
#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod domain;
pub mod engine;
pub mod events;
pub mod graphql;
pub mod http;
pub mod media;
pub mod service;
pub mod store;
