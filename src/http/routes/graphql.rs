//! `/graphql` over HTTP: POST with JSON or a multipart form, and GET for queries, streams and WebSockets.
//!
//! A request is read ([`request_body`], [`operation_request`]), validated by the engine and executed. The
//! response is a single one ([`response`](crate::http::response)) or a stream ([`streaming`]).

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as GraphqlResponse};
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::config::GetRequests;
use crate::engine::Admission;
use crate::engine::RequestMeta;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::operation::ValidatedOperation;
use crate::engine::operation_log::log_invalid;
use crate::engine::response::{error_response, finalize};
use crate::engine::response_cache::{CachedResponse, Outcome};
use crate::graphql::error::ErrorCode;
use crate::http::client_address::CountedAddress;
use crate::http::connection_io::ConnectionHandle;
use crate::http::content_encoding;
use crate::http::credentials::Authorization;
use crate::http::error_response::reject;
use crate::http::headers::IDEMPOTENCY_KEY;
use crate::http::log_fields::LoggedOperation;
use crate::http::media_type::MediaType;
use crate::http::middleware::request_id;
use crate::http::operation_request;
use crate::http::request_body;
use crate::http::request_body::RequestBody;
use crate::http::request_info::RequestInfo;
use crate::http::response::{EncodedBody, respond, respond_cacheable, respond_from_cache, respond_to_batch};
use crate::http::state::AppState;
use crate::http::ticket_stream::TicketUse;
use crate::http::{streaming, websocket};

pub async fn post(
    State(state): State<Arc<AppState>>,
    Extension(CountedAddress(address)): Extension<CountedAddress>,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<ConnectionHandle>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media_type) = MediaType::negotiate(&headers) else { return not_acceptable() };
    let body = match request_body::read(&state, address, request_id::text_of(&id), &headers, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let info = RequestInfo::new(state, address, &id, headers, media_type, connection);
    match body {
        RequestBody::Single(request) if info.accepts_cached_response() => {
            match info.state.find_or_validate(*request) {
                Ok(Admission::Cached(cached)) => info.respond_from_cache(&cached, CachePolicy::Private).await,
                Ok(Admission::Validated(operation)) => {
                    info.execute_and_respond(Ok(*operation), CachePolicy::Private).await
                }
                Err(response) => info.execute_and_respond(Err(response), CachePolicy::Private).await,
            }
        }
        RequestBody::Single(request) => {
            let operation = info.validate(*request);
            info.execute_and_respond(operation, CachePolicy::Private).await
        }
        RequestBody::Batch(requests) => info.execute_batch(requests).await,
    }
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(CountedAddress(address)): Extension<CountedAddress>,
    Extension(id): Extension<RequestId>,
    Extension(connection): Extension<ConnectionHandle>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::open(
            state,
            upgrade,
            &headers,
            address,
            request_id::text_of(&id).into(),
            connection,
        );
    }
    let Some(media_type) = MediaType::negotiate(&headers) else { return not_acceptable() };
    let parameters = query.unwrap_or_default();
    if parameters.is_empty() {
        let message = "Send a GraphQL request: POST it as JSON, or GET /graphql?query=...";
        return reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message);
    }
    let request = match operation_request::from_query(&parameters) {
        Ok(request) => request,
        Err(response) => return response,
    };
    let accepts_stream = matches!(media_type, MediaType::EventStream | MediaType::MultipartSubscription);
    let must_be_persisted = state.get_requests == GetRequests::Persisted && !request.query.is_empty();
    let info = RequestInfo::new(state, address, &id, headers, media_type, connection);
    let operation = if info.accepts_cached_response() && !must_be_persisted {
        match info.state.find_or_validate(request) {
            Ok(Admission::Cached(cached)) => return info.respond_from_cache(&cached, cached.policy).await,
            Ok(Admission::Validated(operation)) => Ok(*operation),
            Err(response) => Err(response),
        }
    } else {
        info.validate(request)
    };
    let kind = operation.as_ref().ok().map(|operation| operation.kind);
    // Subscriptions are exempt: a browser's EventSource cannot POST.
    if must_be_persisted && kind != Some(OperationType::Subscription) {
        return post_required("GET accepts only persisted queries, by hash or id. Use POST.");
    }
    let is_allowed = match kind {
        None | Some(OperationType::Query) => true,
        Some(OperationType::Subscription) => accepts_stream,
        Some(OperationType::Mutation) => false,
    };
    if !is_allowed {
        return post_required("GET accepts only queries, and subscriptions as a stream. Use POST.");
    }
    if accepts_stream
        && kind.is_none_or(|kind| kind == OperationType::Subscription)
        && let Some(ticket) = operation_request::parameter(&parameters, "ticket")
    {
        let redeemed = info.state.redeem_ticket(&ticket).await;
        let fingerprint = operation_request::fingerprint(&parameters);
        return match redeemed {
            Ok((credentials, ticket)) => {
                let ticket_use = ticket.map(|ticket| TicketUse { ticket, fingerprint });
                streaming::open(info, operation, Ok(credentials), ticket_use).await
            }
            Err(error) => streaming::open(info, operation, Err(error), None).await,
        };
    }
    let policy = match &operation {
        Ok(operation) if info.is_anonymous() => operation.cache_policy,
        _ => CachePolicy::Private,
    };
    info.execute_and_respond(operation, policy).await
}

impl RequestInfo {
    /// Whether a cached response may be sent: the client is anonymous, wants a single response, and sends no
    /// idempotency key.
    fn accepts_cached_response(&self) -> bool {
        let wants_single = matches!(self.media_type, MediaType::GraphqlResponse | MediaType::Json);
        wants_single && self.is_anonymous() && !self.headers.contains_key(IDEMPOTENCY_KEY)
    }

    fn is_anonymous(&self) -> bool {
        Authorization::from_headers(&self.headers) == Authorization::None
    }

    /// Charges the client for a cached response, and sends the response.
    async fn respond_from_cache(self, cached: &Arc<CachedResponse>, policy: CachePolicy) -> Response {
        let mut response = match self.state.charge_cached(&self.request_id, self.address, cached).await {
            Ok(()) => self.write_cached(cached, policy).await,
            Err(response) => respond(response, self.media_type),
        };
        let operation = LoggedOperation::new(OperationType::Query, cached.name.as_deref());
        response.extensions_mut().insert(operation);
        response
    }

    /// Writes a cached response, compressed if the client accepts that.
    async fn write_cached(&self, cached: &Arc<CachedResponse>, policy: CachePolicy) -> Response {
        let mut body = EncodedBody { bytes: cached.body.clone(), encoding: None };
        if let Some(encoding) = content_encoding::negotiate(&self.headers, cached.body.len())
            && let Ok(bytes) = self.state.engine.compressed_body(cached, encoding).await
        {
            body = EncodedBody { bytes, encoding: Some(encoding) };
        }
        respond_from_cache(cached, body, self.media_type, policy, &self.headers)
    }

    /// Validates a request. The error is the response to an invalid one.
    fn validate(&self, request: Request) -> Result<ValidatedOperation, GraphqlResponse> {
        let mut operation = self.state.validate(request)?;
        // A key that is not text becomes an empty one, which is rejected as invalid.
        let key = self.headers.get(IDEMPOTENCY_KEY).map(|key| key.to_str().unwrap_or_default().to_owned());
        operation.idempotency_key = key.or(operation.idempotency_key);
        Ok(operation)
    }

    /// Executes one operation, or opens a stream for it if the client accepts one.
    async fn execute_and_respond(
        self,
        operation: Result<ValidatedOperation, GraphqlResponse>,
        policy: CachePolicy,
    ) -> Response {
        let is_stream = match self.media_type {
            MediaType::EventStream => true,
            MediaType::MultipartSubscription => {
                operation.as_ref().is_ok_and(|operation| operation.kind == OperationType::Subscription)
            }
            MediaType::GraphqlResponse | MediaType::Json => false,
        };
        if is_stream {
            let credentials = self.state.authenticate_headers(&self.headers).await;
            return streaming::open(self, operation, credentials, None).await;
        }
        let logged_operation = operation.as_ref().ok().map(LoggedOperation::from);
        let operation_policy =
            operation.as_ref().map_or(CachePolicy::Private, |operation| operation.cache_policy);
        let is_public = self.is_anonymous() && operation_policy != CachePolicy::Private;
        let mut response = match self.execute(operation).await {
            Outcome::Cached(cached) => self.write_cached(&cached, policy).await,
            Outcome::Uncached(response) => {
                respond_cacheable(response, self.media_type, is_public, policy, &self.headers).await
            }
        };
        if let Some(logged_operation) = logged_operation {
            response.extensions_mut().insert(logged_operation);
        }
        response
    }

    /// Executes the operations one after the other. A failed one does not stop the next ones.
    async fn execute_batch(self, requests: Vec<Request>) -> Response {
        let mut responses = Vec::with_capacity(requests.len());
        for (number, request) in requests.into_iter().enumerate() {
            let mut operation = self.validate(request);
            if let Ok(ValidatedOperation { idempotency_key: Some(key), .. }) = &mut operation {
                *key = format!("{key}#{number}");
            }
            match self.execute(operation).await {
                Outcome::Uncached(response) => responses.push(response),
                Outcome::Cached(_) => unreachable!("`validate` returns operations without a cache key"),
            }
        }
        respond_to_batch(&responses)
    }

    async fn execute(&self, operation: Result<ValidatedOperation, GraphqlResponse>) -> Outcome {
        let uncached = |response| Outcome::Uncached(Arc::new(response));
        let operation = match operation {
            Ok(operation) => operation,
            Err(response) => {
                log_invalid(&self.request_id, self.address, &response.errors);
                return uncached(response);
            }
        };
        let caller = match self.state.caller(&self.headers).await {
            Ok(caller) => caller,
            Err(error) => {
                let response = finalize(error_response(&error.into()), &self.request_id);
                log_invalid(&self.request_id, self.address, &response.errors);
                return uncached(response);
            }
        };
        let request_id = Arc::clone(&self.request_id);
        let meta = RequestMeta { caller, address: self.address, request_id };
        self.state.execute_cacheable(meta, operation).await
    }
}

fn post_required(message: &str) -> Response {
    let mut response = reject(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

fn not_acceptable() -> Response {
    let message = "Not acceptable: responses are application/graphql-response+json, application/json, \
                   text/event-stream or, for subscriptions, multipart/mixed with subscriptionSpec=1.0.";
    reject(StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, message)
}
