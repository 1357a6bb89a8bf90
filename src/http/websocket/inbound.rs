//! What a client says, and what is done about it. Nothing here waits for the database but who the client is.

use std::sync::Arc;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract::ws::Message;
use serde_json::{Map, Value};

use crate::engine::Caller;
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::error_response;
use crate::graphql::error::{Error, ErrorCode};
use crate::http::credentials::Credentials;
use crate::http::log_fields::Operation as OperationLogFields;
use crate::http::request_body::DOCUMENT_MAX_BYTES;
use crate::http::websocket::connection::Connection;
use crate::http::websocket::operation::{Operation, Requester};
use crate::http::websocket::protocol::{Acknowledged, ClientMessage, Close, ServerMessage, request};

impl Connection {
    /// What to say to it at once.
    pub async fn handle_message(&mut self, message: Message) -> Result<Option<String>, Option<Close>> {
        let text = match message {
            Message::Text(text) if text.len() > DOCUMENT_MAX_BYTES => return Err(Some(Close::TooLarge)),
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Some(Close::InvalidMessage("Messages are text".into()))),
            // The library answers pings; a close ends the stream.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        match ClientMessage::parse(&text).map_err(Close::from)? {
            ClientMessage::ConnectionInit { payload } => {
                if self.initialized {
                    return Err(Some(Close::TooManyInits));
                }
                let payload = self.authenticate(&payload.unwrap_or_default()).await?;
                self.initialized = true;
                Ok(Some(ServerMessage::ConnectionAck { payload }.to_text()))
            }
            ClientMessage::Ping { payload } => self.pinged(payload).await,
            ClientMessage::Pong { .. } => Ok(None),
            ClientMessage::Subscribe { id, payload } => {
                self.begin(id, request(payload).map_err(Close::from)?)?;
                Ok(None)
            }
            ClientMessage::Complete { id } => {
                self.operations.remove(id.as_str());
                Ok(None)
            }
        }
    }

    /// Answers a ping; one with credentials has fresh ones, to go on beyond those from before.
    async fn pinged(&mut self, payload: Option<Map<String, Value>>) -> Result<Option<String>, Option<Close>> {
        let payload = match payload {
            Some(payload) if self.initialized && authorization(&payload).is_some() => {
                let before = self.session_watch.current_caller().caller();
                let acknowledged = self.authenticate(&payload).await?;
                let same = match (before, self.session_watch.current_caller().caller()) {
                    (Caller::Viewer(before), Caller::Viewer(now)) => before.id() == now.id(),
                    _ => false,
                };
                if !same {
                    return Err(Some(Close::Forbidden("These credentials are somebody else's")));
                }
                let payload = serde_json::to_value(acknowledged).expect("a message is plain data");
                payload.as_object().cloned()
            }
            other => other,
        };
        // Credentials are never sent back.
        let payload = payload.filter(|payload| authorization(payload).is_none());
        Ok(Some(ServerMessage::Pong { payload }.to_text()))
    }

    /// Learns whose the credentials in a payload are.
    async fn authenticate(
        &mut self,
        payload: &Map<String, Value>,
    ) -> Result<Option<Acknowledged>, Option<Close>> {
        let authorization = authorization(payload);
        let credentials = self.credentials(authorization).await?;
        self.session_watch.watch(&credentials);
        if matches!(credentials.caller, Caller::Viewer(_)) {
            // Once more, now that nothing goes by unheard: they may have another role, or no session, by now.
            let now = self.credentials(authorization).await?;
            self.session_watch.current_caller().set(now.caller);
        }
        Ok(credentials.expire_at.map(|access_token_expires_at| Acknowledged { access_token_expires_at }))
    }

    async fn credentials(&mut self, authorization: Option<&str>) -> Result<Credentials, Option<Close>> {
        match self.state.credentials(authorization).await {
            Ok(Credentials { caller: Caller::InvalidCredentials, .. }) => {
                Err(Some(Close::Forbidden("Forbidden")))
            }
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                tracing::warn!(socket = &*self.request_id, %error, "cannot tell who this is");
                Err(Some(Close::TryAgainLater))
            }
        }
    }

    /// Begins an operation.
    fn begin(&mut self, id: String, request: Request) -> Result<(), Option<Close>> {
        if !self.initialized {
            return Err(Some(Close::Unauthorized));
        }
        if self.operations.contains_key(id.as_str()) {
            return Err(Some(Close::SubscriberExists(id)));
        }
        let admitted = self.state.admit(request);
        let operation = admitted.as_ref().ok().map(OperationLogFields::of);
        tracing::info!(
            socket = &*self.request_id,
            kind = operation.as_ref().map(|operation| operation.kind.to_string()),
            operation = operation.and_then(|operation| operation.name),
            "began"
        );
        let id: Arc<str> = id.into();
        let running =
            admitted.and_then(|admitted| self.run(&id, admitted).map_err(|error| error_response(&error)));
        let running = running.unwrap_or_else(|answer| Operation::refused(&id, &answer));
        self.operations.insert(id, running);
        Ok(())
    }

    /// # Errors
    /// RATE_LIMITED.
    fn run(&self, id: &Arc<str>, admitted: ValidatedOperation) -> Result<Operation, Error> {
        let most = self.state.limits.operations_per_socket;
        if self.operations.len() >= most {
            let message = format!("A socket may have at most {most} operations at a time.");
            return Err(Error::new(ErrorCode::RateLimited, message));
        }
        let current_caller = self.session_watch.current_caller().clone();
        let caller = current_caller.caller();
        let requester =
            Requester { current_caller, address: self.address, request_id: Arc::clone(&self.request_id) };
        if admitted.kind == OperationType::Subscription {
            let permit = self.state.subscription_permit(&caller, self.address)?;
            return Ok(Operation::follow(&self.state, id, requester, admitted, permit));
        }
        Ok(Operation::run(&self.state, id, requester, admitted))
    }
}

/// The credentials in a payload. One that is no text is no good one.
fn authorization(payload: &Map<String, Value>) -> Option<&str> {
    let given = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    given.map(|(_, value)| value.as_str().unwrap_or_default())
}
