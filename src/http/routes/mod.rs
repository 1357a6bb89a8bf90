//! The routes: one file for each path.

pub mod fallback;
pub mod graphiql;
pub mod graphql;
pub mod health;
pub mod identity_documents;
pub mod media;
pub mod metrics;
