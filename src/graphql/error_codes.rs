//! Gives a code to the errors that the library finds itself: syntax, validation, values.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextParseQuery, NextRequest, NextSubscribe, NextValidation,
};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Response, ServerError, ServerResult, ValidationResult, Variables};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::error::ErrorCode;

pub(super) struct ErrorCodes;

impl ExtensionFactory for ErrorCodes {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for ErrorCodes {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        finish(next.run(ctx).await)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        next.run(ctx, stream).map(finish).boxed()
    }

    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let parsed = next.run(ctx, query, variables).await;
        parsed.map_err(|mut error| {
            // The library repeats the document, and speaks of its grammar's rules.
            error.message = match error.locations.first() {
                Some(at) => format!("The document is not GraphQL at line {}, column {}.", at.line, at.column),
                None => "The document is not GraphQL.".to_owned(),
            };
            set_code(&mut error, ErrorCode::GraphqlParseFailed);
            error
        })
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await.map_err(|mut errors| {
            for error in &mut errors {
                set_code(error, ErrorCode::GraphqlValidationFailed);
            }
            errors
        })
    }
}

/// What has no code yet, the library said of a value that does not fit its type.
fn finish(mut response: Response) -> Response {
    for error in &mut response.errors {
        set_code(error, ErrorCode::BadUserInput);
    }
    response
}

/// Sets the code, where there is none.
fn set_code(error: &mut ServerError, code: ErrorCode) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        let code: &str = code.into();
        extensions.set("code", code);
    }
}
