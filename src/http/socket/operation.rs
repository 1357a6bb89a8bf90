//! One operation of one socket: a query, a mutation, or a subscription for as long as it goes on.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;

use super::protocol::ServerMessage;
use crate::graphql::error::Error;
use crate::http::graphql::{Sent, failed};
use crate::http::negotiation::never_executed;
use crate::http::refusal::panic_text;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Which run of an operation says it: clients use an id again once they have completed it.
    pub run: u64,
    pub id: String,
    pub text: String,
    /// Nothing more comes of it.
    pub last: bool,
}

/// An operation that runs. Dropped, it says nothing more.
pub(super) struct Operation {
    pub run: u64,
    pub id: String,
    pub outbox: mpsc::Sender<Outgoing>,
}

impl Operation {
    /// Runs until it has said everything, or nobody listens any more.
    pub async fn run(self, responses: impl Stream<Item = Response>, kind: Option<OperationType>) {
        let told = AssertUnwindSafe(self.tell(responses, kind)).catch_unwind().await;
        if let Err(panic) = told {
            let error = Error::internal(&panic_text(panic.as_ref()));
            self.fail(&failed(&error).errors).await;
        }
    }

    async fn tell(&self, responses: impl Stream<Item = Response>, kind: Option<OperationType>) {
        let mut responses = pin!(responses);
        while let Some(response) = responses.next().await {
            if ends(&response, kind) {
                return self.fail(&response.errors).await;
            }
            let next = ServerMessage::Next { id: &self.id, payload: Sent::from(&response) };
            if !self.say(next, false).await {
                return;
            }
        }
        self.say(ServerMessage::Complete { id: &self.id }, true).await;
    }

    async fn fail(&self, errors: &[ServerError]) {
        self.say(ServerMessage::Error { id: &self.id, payload: errors }, true).await;
    }

    /// Waits while the client is slow; `false` where it is gone.
    async fn say(&self, message: ServerMessage<'_>, last: bool) -> bool {
        let (run, id, text) = (self.run, self.id.clone(), message.to_text());
        self.outbox.send(Outgoing { run, id, text, last }).await.is_ok()
    }
}

/// Whether this response is an `error`, which ends the operation: nothing was executed, or a subscription
/// that could not begin, or that could not show an event, and must not go on as if there had been none.
fn ends(response: &Response, kind: Option<OperationType>) -> bool {
    let nothing = response.data == Value::Null && !response.errors.is_empty();
    never_executed(response) || (nothing && kind == Some(OperationType::Subscription))
}
