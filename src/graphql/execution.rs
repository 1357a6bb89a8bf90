//! Executes operations: the one way into the schema.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::future::ready;
use futures_util::stream::{self, Stream, StreamExt};

use super::Schema;
use super::context::{Caller, RequestContext};
use super::error::ErrorCode;
use super::guard;
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
pub async fn execute(
    schema: Schema,
    services: Arc<Services>,
    origin: Origin,
    mut request: Request,
) -> Response {
    if let Err(refused) = guard::check(&mut request) {
        return Response::from_errors(vec![refused]);
    }
    let (begin, mut loads) = Loads::new();
    let request_id = origin.request_id.clone();
    let context = RequestContext::new(services, origin, begin);
    let response = loads.run_beside(schema.execute(request.data(context))).await;
    named(response, &request_id)
}

/// Executes any operation; a subscription answers for as long as it goes on.
pub fn execute_stream(
    schema: &Schema,
    services: Arc<Services>,
    origin: Origin,
    mut request: Request,
) -> impl Stream<Item = Response> + use<> {
    if let Err(refused) = guard::check(&mut request) {
        return stream::once(ready(Response::from_errors(vec![refused]))).left_stream();
    }
    let (begin, loads) = Loads::new();
    let request_id = origin.request_id.clone();
    let context = RequestContext::new(services, origin, begin);
    let responses = schema.execute_stream(request.data(context));
    stream::unfold((responses, loads, request_id), async |(mut responses, mut loads, request_id)| {
        let response = loads.run_beside(responses.next()).await?;
        Some((named(response, &request_id), (responses, loads, request_id)))
    })
    .right_stream()
}

/// Tells the client of a mistake of ours by the name that it has in our log.
pub fn named(mut response: Response, request_id: &str) -> Response {
    let internal: &str = ErrorCode::InternalServerError.into();
    for extensions in response.errors.iter_mut().filter_map(|error| error.extensions.as_mut()) {
        if extensions.get("code") == Some(&internal.into()) {
            extensions.set("requestId", request_id);
        }
    }
    response
}
