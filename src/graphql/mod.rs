//! What clients see: the types, queries, mutations and subscriptions of `schema.graphql`.
//!
//! A resolver parses what it was given, calls one function of `service` (to act) or of `store` (to read,
//! mostly through [`loaders`], which batches), and maps the result; it holds no rule and no SQL. What a
//! person can get wrong comes back as data ([`user_error`]), what only a program can get wrong as an
//! [`error`] with a code.
//!
//! To add a type: a file here named after it. To add a mutation: the act in `service`, a method in the
//! `*_mutation.rs` of its subject. Then `make schema`, which writes `schema.graphql` anew.

pub mod authorization;
pub mod context;
pub mod error;
pub mod inputs;
pub mod load_spawner;
mod loaders;
pub mod mutation;
pub mod query;
pub mod subscription;
pub mod types;

use async_graphql::ValidationMode;

pub use context::{Caller, RequestMeta};

/// The whole schema, ready to execute. What a request works with comes with the request, as its
/// [`RequestContext`].
pub type Schema = async_graphql::Schema<query::Query, mutation::Mutation, subscription::Subscription>;

/// Builds the schema; with `suggestions`, an error about an unknown name tells those that are nearly that.
pub fn schema(suggestions: bool) -> Schema {
    let mutation = mutation::Mutation::default();
    let schema = Schema::build(query::Query, mutation, subscription::Subscription::default())
        .register_output_type::<subscription::Event>()
        .enable_subscription_in_federation()
        // The engine has validated the document by the time that the library sees it.
        .validation_mode(ValidationMode::Fast);
    let schema = if suggestions { schema } else { schema.disable_suggestions() };
    schema.finish()
}

/// The schema in the GraphQL schema definition language, as `schema.graphql` has it.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new().use_space_ident().indent_width(2);
    let sdl = schema(false).sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}

/// The schema as a subgraph of Apollo Federation 2, for a router that puts it beside others.
pub fn federation_sdl() -> String {
    let options = async_graphql::SDLExportOptions::new().use_space_ident().indent_width(2).federation();
    let sdl = schema(false).sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}
