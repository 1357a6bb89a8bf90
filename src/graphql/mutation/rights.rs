//! What people can ask for about their own data.

use async_graphql::{Context, Object, SimpleObject};

use crate::domain::rights;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::mutation::repeatable;
use crate::graphql::mutation::repeatable::Act;
use crate::graphql::types::rights::{DataExport, ErasureRequest};
use crate::graphql::types::user_error::{UserError, payload_parts};
use crate::service::{data_export, erasure_requests};

/// The result of creating an archive of the viewer's data.
#[derive(SimpleObject)]
pub struct DataExportPayload {
    /// The archive; null if there are errors.
    data_export: Option<DataExport>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

/// The result of making or cancelling a request to be erased.
#[derive(SimpleObject)]
pub struct ErasureRequestPayload {
    /// The request that was made, or the one that was cancelled; null if there are errors.
    erasure_request: Option<ErasureRequest>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl ErasureRequestPayload {
    async fn of(ctx: &Context<'_>, act: Act<'_, rights::ErasureRequest>) -> Result<Self> {
        let (request, errors) = repeatable::run(ctx, act).await?;
        Ok(Self { erasure_request: request.map(ErasureRequest::from), errors })
    }
}

#[derive(Default)]
pub struct RightsMutation;

#[Object]
impl RightsMutation {
    /// Creates the URL of an archive of what the viewer has given to the marketplace, and of what they may see about
    /// themselves: the account, the gigs, the verification and all pictures. Requires a session.
    #[expect(clippy::unused_async, reason = "async-graphql requires async methods")]
    async fn create_data_export(&self, ctx: &Context<'_>) -> Result<DataExportPayload> {
        let export = data_export::create(ctx.services(), ctx.require_viewer()?);
        let (export, errors) = payload_parts(Ok(export))?;
        Ok(DataExportPayload { data_export: export.map(DataExport::from), errors })
    }

    /// Requests that the viewer is erased, after a waiting time of 14 days by default. A second request changes
    /// nothing. Requires a session.
    async fn request_erasure(&self, ctx: &Context<'_>) -> Result<ErasureRequestPayload> {
        let viewer = ctx.require_viewer()?;
        let act = erasure_requests::request(ctx.services(), viewer, ctx.request_id());
        ErasureRequestPayload::of(ctx, Box::pin(act)).await
    }

    /// Cancels the viewer's request to be erased. NOT_FOUND if there is none. Requires a session.
    async fn cancel_erasure(&self, ctx: &Context<'_>) -> Result<ErasureRequestPayload> {
        let viewer = ctx.require_viewer()?;
        let act = erasure_requests::cancel(ctx.services(), viewer, ctx.request_id());
        ErasureRequestPayload::of(ctx, Box::pin(act)).await
    }
}
