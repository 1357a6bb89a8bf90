//! The state that all handlers share, and what the transports of GraphQL do in the same way: authenticate the
//! client, and validate, execute and count operations.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_graphql::parser::types::OperationType;
use async_graphql::{Request as GraphqlRequest, Response as GraphqlResponse};
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ConnectionLimits, GetRequests};
use crate::domain::id::UserId;
use crate::engine::delivery::{CurrentCaller, SubscriptionStream};
use crate::engine::operation::{InvalidRequest, ValidatedOperation};
use crate::engine::response::internal_error;
use crate::engine::response_cache::{CachedResponse, Outcome};
use crate::engine::{Admission, Caller, Engine, RequestMeta};
use crate::graphql::error::{Error, ErrorCode};
use crate::http::client_address::client_address;
use crate::http::connection_limit::{ConnectionLimit, Permit};
use crate::http::console::Console;
use crate::http::console_files::ConsoleFiles;
use crate::http::credentials::{Authorization, Credentials};
use crate::http::message_memory::{MessageMemory, Sender};
use crate::http::metrics::Metrics;
use crate::http::middleware::origins::Origins;
use crate::http::upload_permits::UploadPermits;
use crate::service::key_rotation::MissingKeys;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind, RateLimited};
use crate::service::tokens::StreamTicket;
use crate::service::{self, Services, accounts, stream_tickets};

/// At most one unreadable address of a proxy is logged in this time.
const UNREADABLE_LOG_SECONDS: i64 = 60;

/// The key by which open subscriptions are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subscriber {
    User(UserId),
    /// The anonymous clients of one address.
    Address(IpAddr),
}

/// The state that all handlers share.
pub struct AppState {
    pub services: Arc<Services>,
    pub engine: Arc<Engine>,
    pub limits: ConnectionLimits,
    /// Open WebSockets and streams, by the client's address.
    pub connections: Arc<ConnectionLimit<IpAddr>>,
    pub subscriptions: Arc<ConnectionLimit<Subscriber>>,
    pub origins: Origins,
    /// More request headers that web pages may send.
    pub allowed_headers: Vec<HeaderName>,
    /// The networks of proxies whose `X-Forwarded-For` counts.
    trusted_proxies: Vec<IpNet>,
    /// When the last unreadable address of a proxy was logged, in seconds since 1970.
    unreadable_logged_at: AtomicI64,
    pub is_development: bool,
    /// `None` if it is switched off.
    pub console: Option<Console>,
    /// Whether introspection works.
    pub has_introspection: bool,
    /// Whether clients reach the gateway over TLS.
    pub is_over_tls: bool,
    pub metrics: Metrics,
    /// The token that `/metrics` requires.
    pub metrics_token: Option<SecretString>,
    pub get_requests: GetRequests,
    /// The maximum number of operations in one request.
    pub batch_max: usize,
    /// The maximum size of a request without its files, in bytes.
    pub request_max_bytes: usize,
    /// The maximum size of a WebSocket message, in bytes.
    pub message_max_bytes: usize,
    /// The memory of requests and messages that are being received.
    pub message_memory: MessageMemory,
    /// The memory of uploads.
    pub upload_permits: UploadPermits,
    pub missing_keys: MissingKeys,
    /// The tasks of open WebSockets.
    pub sockets: TaskTracker,
    /// The tasks of running mutations.
    pub mutations: TaskTracker,
}

impl AppState {
    pub fn new(
        services: Arc<Services>,
        config: &Config,
        console_files: ConsoleFiles,
        sockets: TaskTracker,
        mutations: TaskTracker,
    ) -> Arc<Self> {
        let is_development = !config.is_production();
        let console = config.console.then(|| Console::new(console_files, &services.public_url));
        let engine = Arc::new(Engine::new(Arc::clone(&services), config));
        Arc::new(Self {
            metrics: Metrics::new(
                services.now(),
                engine.cache_requests(),
                services.bus.counters(),
                &services.opening_counters,
                services.tag_enforcement.mismatches.clone(),
            ),
            engine,
            origins: Origins::new(config.allowed_origins.clone(), &services.public_url, is_development),
            allowed_headers: config.allowed_headers.iter().filter_map(|name| name.parse().ok()).collect(),
            connections: ConnectionLimit::new(config.connections.per_address),
            subscriptions: ConnectionLimit::new(config.connections.subscriptions_per_viewer),
            limits: config.connections.clone(),
            is_over_tls: services.public_url.starts_with("https:"),
            metrics_token: config.metrics_token.clone(),
            services,
            trusted_proxies: config.trusted_proxies.clone(),
            unreadable_logged_at: AtomicI64::new(0),
            is_development,
            console,
            has_introspection: config.introspection,
            get_requests: config.get_requests,
            batch_max: config.operations.batch,
            request_max_bytes: config.operations.request_max_bytes(),
            message_max_bytes: config.operations.single_request_max_bytes(),
            message_memory: MessageMemory::default(),
            upload_permits: UploadPermits::default(),
            missing_keys: MissingKeys::default(),
            sockets,
            mutations,
        })
    }

    /// Returns the address by which a client is counted: of the connection, or as a trusted proxy reports it.
    pub fn client_address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let client = client_address(headers, peer, &self.trusted_proxies);
        if client.is_unreadable {
            self.metrics.unreadable_client_addresses.inc();
            let now = self.services.now().timestamp();
            let logged_at = self.unreadable_logged_at.load(Ordering::Relaxed);
            if now - logged_at >= UNREADABLE_LOG_SECONDS
                && self
                    .unreadable_logged_at
                    .compare_exchange(logged_at, now, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                let counted_as = client.network;
                tracing::warn!(%counted_as, "a proxy sent an X-Forwarded-For that is not an address");
            }
        }
        client.network
    }

    /// Counts a request of a network, or a message on a WebSocket.
    ///
    /// # Errors
    /// `RATE_LIMITED` if the network has sent too many.
    pub fn charge_request(&self, address: IpAddr) -> Result<(), RateLimited> {
        let key = RateLimitKey::Network(address);
        self.services.rate_limiter.charge_here(RateLimitKind::Requests, key, 1, self.services.now())
    }

    /// Validates a request without executing it.
    ///
    /// # Errors
    /// The response to an invalid request.
    pub fn validate(&self, request: GraphqlRequest) -> Result<ValidatedOperation, GraphqlResponse> {
        self.engine.validate(request).map_err(|invalid| self.reject(invalid))
    }

    /// Finds the cached response to an anonymous request, or validates the request.
    ///
    /// # Errors
    /// The response to an invalid request.
    pub fn find_or_validate(&self, request: GraphqlRequest) -> Result<Admission, GraphqlResponse> {
        self.engine.find_or_validate(request).map_err(|invalid| self.reject(invalid))
    }

    /// Counts an invalid request. Returns the response to it.
    fn reject(&self, InvalidRequest { errors, kind }: InvalidRequest) -> GraphqlResponse {
        let response = GraphqlResponse::from_errors(errors);
        self.metrics.record_invalid(kind, &response);
        response
    }

    /// Charges an anonymous client for a cached response.
    ///
    /// # Errors
    /// The response if the client has exceeded its rate limit.
    pub async fn charge_cached(
        &self,
        request_id: &Arc<str>,
        address: IpAddr,
        cached: &CachedResponse,
    ) -> Result<(), GraphqlResponse> {
        let charged = self.engine.charge_cached(request_id, address, cached).await;
        self.metrics.record_operation(OperationType::Query, cached.cost, charged.as_ref().err());
        charged
    }

    /// Executes a query, whose response may come from the cache, or a mutation.
    pub async fn execute_cacheable(&self, meta: RequestMeta, operation: ValidatedOperation) -> Outcome {
        if operation.kind == OperationType::Mutation {
            return Outcome::Uncached(Arc::new(self.execute(meta, operation).await));
        }
        let (kind, cost) = (operation.kind, operation.cost);
        let outcome = Arc::clone(&self.engine).execute_cacheable(meta, operation).await;
        let response = match &outcome {
            Outcome::Cached(_) => None,
            Outcome::Uncached(response) => Some(response.as_ref()),
        };
        self.metrics.record_operation(kind, cost, response);
        outcome
    }

    /// Executes a query or mutation. A mutation runs to its end on its own task, even if the client
    /// disconnects or the gateway stops.
    pub async fn execute(&self, meta: RequestMeta, operation: ValidatedOperation) -> GraphqlResponse {
        let (kind, cost) = (operation.kind, operation.cost);
        let request_id = Arc::clone(&meta.request_id);
        let execution = Arc::clone(&self.engine).execute(meta, operation);
        let response = if kind == OperationType::Mutation {
            let result = self.mutations.spawn(execution).await;
            result.unwrap_or_else(|error| internal_error(&error, &request_id))
        } else {
            execution.await
        };
        self.metrics.record_operation(kind, cost, Some(&response));
        response
    }

    /// Starts a subscription.
    ///
    /// # Errors
    /// The response if the subscription cannot start.
    pub async fn subscribe(
        &self,
        current_caller: CurrentCaller,
        meta: RequestMeta,
        operation: ValidatedOperation,
        last_event_id: Option<String>,
    ) -> Result<SubscriptionStream, GraphqlResponse> {
        let cost = operation.cost;
        let result = self.engine.subscribe(current_caller, meta, operation, last_event_id).await;
        self.metrics.record_operation(OperationType::Subscription, cost, result.as_ref().err());
        result
    }

    /// Checks credentials. Without any the caller is [`Caller::Anonymous`], with invalid ones
    /// [`Caller::InvalidCredentials`].
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn authenticate(&self, authorization: Authorization<'_>) -> service::Result<Credentials> {
        let token = match authorization {
            Authorization::None => return Ok(Credentials::without_session(Caller::Anonymous)),
            Authorization::Invalid => return Ok(Credentials::invalid(false)),
            Authorization::Bearer(token) => token,
        };
        match accounts::authenticate(&self.services, token).await {
            Ok((viewer, expires_at)) => Ok(Credentials::of_viewer(viewer, expires_at)),
            Err(service::Error::Unauthenticated) => Ok(Credentials::invalid(false)),
            Err(service::Error::SessionEnded) => Ok(Credentials::invalid(true)),
            Err(error) => Err(error),
        }
    }

    /// Checks the header `Authorization`.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn authenticate_headers(&self, headers: &HeaderMap) -> service::Result<Credentials> {
        self.authenticate(Authorization::from_headers(headers)).await
    }

    /// Checks the header `Authorization` and returns only the caller.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn caller(&self, headers: &HeaderMap) -> service::Result<Caller> {
        self.authenticate_headers(headers).await.map(|credentials| credentials.caller)
    }

    /// Who sends a request. The session is not looked up: it only says under whom memory is counted.
    pub fn sender(&self, headers: &HeaderMap, address: IpAddr) -> Sender {
        let tokens = &self.services.tokens;
        let verified = match Authorization::from_headers(headers) {
            Authorization::Bearer(token) => tokens.verify_access_token(token, self.services.now()),
            Authorization::None | Authorization::Invalid => None,
        };
        match verified {
            Some((session_id, _)) => Sender::SignedIn(session_id),
            None => Sender::Anonymous(address),
        }
    }

    /// Checks a stream ticket. Its credentials expire with the access token that the ticket was created with.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn redeem_ticket(&self, ticket: &str) -> service::Result<(Credentials, Option<StreamTicket>)> {
        match stream_tickets::redeem(&self.services, ticket).await {
            Ok((viewer, ticket)) => Ok((Credentials::of_viewer(viewer, ticket.access_until), Some(ticket))),
            Err(service::Error::Unauthenticated) => Ok((Credentials::invalid(false), None)),
            Err(service::Error::SessionEnded) => Ok((Credentials::invalid(true), None)),
            Err(error) => Err(error),
        }
    }

    /// Returns a permit for one more subscription of the caller.
    ///
    /// # Errors
    /// `RATE_LIMITED` if the caller already has the maximum number of subscriptions.
    pub fn subscription_permit(&self, caller: &Caller, address: IpAddr) -> Result<Permit<Subscriber>, Error> {
        let subscriber = match caller {
            Caller::Viewer(viewer) => Subscriber::User(viewer.id()),
            Caller::Anonymous | Caller::InvalidCredentials { .. } => Subscriber::Address(address),
        };
        self.subscriptions.try_acquire(subscriber).ok_or_else(|| {
            let max = self.subscriptions.max();
            let message = format!(
                "Too many subscriptions: a user, or all anonymous clients of an address, may have at most \
                 {max} open."
            );
            Error::new(ErrorCode::RateLimited, message)
        })
    }
}
