//! Handles the messages of a client. Only authentication waits for the database here. Everything else runs in
//! an [`Operation`].

use std::sync::Arc;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract::ws::Message;
use serde_json::{Map, Value};

use crate::clock::seconds_until;
use crate::engine::operation::ValidatedOperation;
use crate::engine::operation_log::log_invalid;
use crate::engine::response::error_response;
use crate::engine::{Caller, request_span};
use crate::graphql::error::{Error, ErrorCode};
use crate::http::credentials::{Authorization, Credentials, has_authorization_entry};
use crate::http::websocket::connection::Connection;
use crate::http::websocket::operation::{Operation, Requester};
use crate::http::websocket::protocol::{
    ClientMessage, Close, ConnectionAckPayload, ServerMessage, parse_request,
};

impl Connection {
    /// Handles one message and returns the reply, if there is one. The error closes the connection.
    pub async fn handle_message(&mut self, message: Message) -> Result<Option<String>, Option<Close>> {
        let text = match message {
            Message::Text(text) if text.len() > self.state.message_max_bytes => {
                return Err(Some(Close::TooLarge(self.state.message_max_bytes)));
            }
            Message::Text(text) => text,
            Message::Binary(_) => {
                return Err(Some(Close::InvalidMessage("Binary messages are not supported".into())));
            }
            // The library answers pings, and ends the stream after a close frame.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        match ClientMessage::parse(&text).map_err(Close::from)? {
            ClientMessage::ConnectionInit { payload } => {
                if self.is_initialized {
                    return Err(Some(Close::TooManyInits));
                }
                let headers = std::mem::take(&mut self.upgrade_authorization);
                let headers = headers.as_deref().map_or(Authorization::None, Authorization::parse);
                let payload = payload.unwrap_or_default();
                let payload = self.authenticate(Authorization::from_payload(&payload).or(headers)).await?;
                self.is_initialized = true;
                Ok(Some(ServerMessage::ConnectionAck { payload }.to_text()))
            }
            ClientMessage::Ping { payload } => self.handle_ping(payload).await,
            ClientMessage::Pong { .. } => Ok(None),
            ClientMessage::Subscribe { id, payload } => {
                self.handle_subscribe(id, parse_request(payload).map_err(Close::from)?)?;
                Ok(None)
            }
            ClientMessage::Complete { id } => {
                self.operations.remove(id.as_str());
                Ok(None)
            }
        }
    }

    /// Answers a ping. A ping with credentials renews those of the connection, so that it can stay open after
    /// the previous ones expire.
    async fn handle_ping(
        &mut self,
        payload: Option<Map<String, Value>>,
    ) -> Result<Option<String>, Option<Close>> {
        let payload = match payload {
            Some(payload)
                if self.is_initialized && Authorization::from_payload(&payload) != Authorization::None =>
            {
                let previous = self.session_watch.current_caller().caller();
                let ack_payload = self.authenticate(Authorization::from_payload(&payload)).await?;
                let is_same_user = match (previous, self.session_watch.current_caller().caller()) {
                    (Caller::Viewer(previous), Caller::Viewer(current)) => previous.id() == current.id(),
                    _ => false,
                };
                if !is_same_user {
                    return Err(Some(Close::Forbidden("The credentials belong to another user")));
                }
                let payload = serde_json::to_value(ack_payload).expect("a message is plain data");
                payload.as_object().cloned()
            }
            other => other,
        };
        // Credentials are never sent back.
        let payload = payload.filter(|payload| !has_authorization_entry(payload));
        Ok(Some(ServerMessage::Pong { payload }.to_text()))
    }

    /// Authenticates the client, and watches its session.
    async fn authenticate(
        &mut self,
        authorization: Authorization<'_>,
    ) -> Result<Option<ConnectionAckPayload>, Option<Close>> {
        let credentials = self.check_credentials(authorization).await?;
        self.session_watch.watch(&credentials);
        if matches!(credentials.caller, Caller::Viewer(_)) {
            // Checks the session once more: it may have changed before the watch began.
            let current = self.check_credentials(authorization).await?;
            self.session_watch.current_caller().set(current.caller);
        }
        let now = self.state.services.now();
        Ok(credentials.expires_at.map(|access_token_expires_at| ConnectionAckPayload {
            access_token_expires_at,
            access_token_expires_in: seconds_until(access_token_expires_at, now),
        }))
    }

    async fn check_credentials(
        &mut self,
        authorization: Authorization<'_>,
    ) -> Result<Credentials, Option<Close>> {
        match self.state.authenticate(authorization).await {
            Ok(Credentials { caller: Caller::InvalidCredentials { has_session_ended: true }, .. }) => {
                Err(Some(Close::SessionEnded))
            }
            Ok(Credentials { caller: Caller::InvalidCredentials { .. }, .. }) => {
                Err(Some(Close::Forbidden("Forbidden")))
            }
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                let span = request_span(&self.request_id);
                span.in_scope(|| tracing::warn!(%error, "authentication failed"));
                Err(Some(Close::TryAgainLater))
            }
        }
    }

    /// Handles `subscribe`. An invalid request becomes an operation that only sends its errors.
    fn handle_subscribe(&mut self, id: String, request: Request) -> Result<(), Option<Close>> {
        if !self.is_initialized {
            return Err(Some(Close::Unauthorized));
        }
        if self.operations.contains_key(id.as_str()) {
            return Err(Some(Close::SubscriberExists(id)));
        }
        let validated = match self.too_many_operations() {
            // Checked before the request is validated, because validation takes time.
            Some(error) => Err(error_response(&error)),
            None => self.state.validate(request),
        };
        let id: Arc<str> = id.into();
        let started = validated.and_then(|validated| {
            self.start_operation(&id, validated).map_err(|error| error_response(&error))
        });
        let operation = started.unwrap_or_else(|response| {
            log_invalid(&self.request_id, self.address, &response.errors);
            Operation::rejected(&id, &response)
        });
        self.operations.insert(id, operation);
        Ok(())
    }

    /// The error for a new operation if the connection already has the maximum number.
    fn too_many_operations(&self) -> Option<Error> {
        let max = self.state.limits.operations_per_socket;
        let message = format!("Too many operations: a WebSocket may run at most {max} at a time.");
        (self.operations.len() >= max).then(|| Error::new(ErrorCode::RateLimited, message))
    }

    /// Starts a validated operation.
    ///
    /// # Errors
    /// `RATE_LIMITED` if the client has too many subscriptions.
    fn start_operation(&self, id: &Arc<str>, validated: ValidatedOperation) -> Result<Operation, Error> {
        let current_caller = self.session_watch.current_caller().clone();
        let caller = current_caller.caller();
        let requester =
            Requester { current_caller, address: self.address, request_id: Arc::clone(&self.request_id) };
        if validated.kind == OperationType::Subscription {
            let permit = self.state.subscription_permit(&caller, self.address)?;
            return Ok(Operation::subscribe(&self.state, id, requester, validated, permit));
        }
        Ok(Operation::execute(&self.state, id, requester, validated))
    }
}
