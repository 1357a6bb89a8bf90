//! Executes operations: the one way into the schema.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::stream::{self, Stream, StreamExt};

use super::Schema;
use super::context::{Caller, RequestContext};
use super::loads::Loads;
use crate::service::Services;

/// Where an operation comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub caller: Caller,
    /// The client's address.
    pub address: IpAddr,
    /// Names the request in the log and to the client.
    pub request_id: String,
}

/// Executes a query or mutation.
pub async fn execute(schema: &Schema, services: Arc<Services>, origin: Origin, request: Request) -> Response {
    let (begin, mut loads) = Loads::new();
    let context = RequestContext::new(services, origin, begin);
    loads.run_beside(schema.execute(request.data(context))).await
}

/// Executes any operation; a subscription answers for as long as it goes on.
pub fn execute_stream(
    schema: &Schema,
    services: Arc<Services>,
    origin: Origin,
    request: Request,
) -> impl Stream<Item = Response> + use<> {
    let (begin, loads) = Loads::new();
    let context = RequestContext::new(services, origin, begin);
    let responses = schema.execute_stream(request.data(context));
    stream::unfold((responses, loads), async |(mut responses, mut loads)| {
        let response = loads.run_beside(responses.next()).await?;
        Some((response, (responses, loads)))
    })
}
