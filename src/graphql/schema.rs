//! The executable schema, with or without Apollo Federation.
//!
//! The library adds the fields of Federation to every schema whose root type can find entities. So there are
//! two root types: [`Query`], and [`SubgraphQuery`] with the entities.

use async_graphql::{
    ObjectType, Request, Response, SDLExportOptions, Schema as LibrarySchema, SchemaBuilder, ValidationMode,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::graphql::mutation::Mutation;
use crate::graphql::query::{Query, SubgraphQuery};
use crate::graphql::subscription;
use crate::graphql::subscription::Subscription;

/// The schema. Each request brings its own [`RequestContext`](crate::graphql::context::RequestContext).
pub enum Schema {
    /// Without the fields and types of Federation.
    Standalone(LibrarySchema<Query, Mutation, Subscription>),
    /// A subgraph of Apollo Federation 2: with `_service` and `_entities`, which a router calls.
    Subgraph(LibrarySchema<SubgraphQuery, Mutation, Subscription>),
}

impl Schema {
    /// Builds the schema, as a subgraph of Apollo Federation 2 if `is_subgraph`.
    pub fn new(is_subgraph: bool) -> Self {
        if is_subgraph {
            let schema = build(SubgraphQuery::default()).enable_subscription_in_federation();
            Self::Subgraph(schema.finish())
        } else {
            Self::Standalone(build(Query::default()).finish())
        }
    }

    /// The schema in the GraphQL schema definition language, with all fields that clients can select.
    pub fn sdl(&self) -> String {
        self.export(SDLExportOptions::new())
    }

    fn export(&self, options: SDLExportOptions) -> String {
        let options = options.use_space_ident().indent_width(2).include_specified_by();
        let sdl = match self {
            Self::Standalone(schema) => schema.sdl_with_options(options),
            Self::Subgraph(schema) => schema.sdl_with_options(options),
        };
        format!("{}\n", sdl.trim_end())
    }

    /// Executes a query or a mutation.
    pub async fn execute(&self, request: Request) -> Response {
        match self {
            Self::Standalone(schema) => schema.execute(request).await,
            Self::Subgraph(schema) => schema.execute(request).await,
        }
    }

    /// Executes an operation of any kind.
    pub fn execute_stream(&self, request: Request) -> BoxStream<'static, Response> {
        match self {
            Self::Standalone(schema) => schema.execute_stream(request).boxed(),
            Self::Subgraph(schema) => schema.execute_stream(request).boxed(),
        }
    }
}

fn build<Q: ObjectType + 'static>(query: Q) -> SchemaBuilder<Q, Mutation, Subscription> {
    LibrarySchema::build(query, Mutation::default(), Subscription::default())
        .register_output_type::<subscription::Event>()
        // The engine has validated the document by the time that the library sees it.
        .validation_mode(ValidationMode::Fast)
}

/// The schema without Federation: the text of schema.graphql.
pub fn sdl() -> String {
    Schema::new(false).sdl()
}

/// The schema as a subgraph of Apollo Federation 2, for a router that composes it with others.
pub fn federation_sdl() -> String {
    Schema::new(true).export(SDLExportOptions::new().federation())
}
