//! Signing up, in and out.

use async_graphql::{Context, Object, SimpleObject};
use secrecy::SecretString;

use crate::domain::account::SignUpForm;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::account::{SignInInput, SignUpInput};
use crate::graphql::types::account::Session;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user_error::{UserError, payload};
use crate::service;
use crate::service::accounts;

/// A session, or why there is none.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// Null where there are errors.
    session: Option<Session>,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

impl SessionPayload {
    fn of(done: service::Result<accounts::Session>) -> Result<Self> {
        let (session, errors) = payload(done)?;
        Ok(Self { session: session.map(Session::from), errors })
    }
}

/// How many sessions have ended.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// 0 where the session had ended already.
    sessions_ended: i32,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

/// What a browser's EventSource, which cannot send a header, opens a stream with.
#[derive(SimpleObject)]
pub struct StreamTicket {
    /// For the parameter `ticket` of a stream's address. It opens streams of this session, and nothing else.
    ticket: String,
    /// Until when it opens streams; those that are open go on for as long as the session.
    expires_at: DateTime,
}

/// A ticket.
#[derive(SimpleObject)]
pub struct StreamTicketPayload {
    /// Null where there are errors.
    stream_ticket: Option<StreamTicket>,
    /// Every mistake; then nothing was made.
    errors: Vec<UserError>,
}

#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Makes an account with the role MEMBER, and signs in to it.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The form.")] input: SignUpInput,
    ) -> Result<SessionPayload> {
        let form = SignUpForm { email: input.email, display_name: input.display_name };
        SessionPayload::of(accounts::sign_up(ctx.services(), form, input.password.into()).await)
    }

    /// Signs in. A wrong e-mail and a wrong password are answered alike, and failures are limited per account
    /// and per address: then the answer is RATE_LIMITED.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "E-mail and password.")] input: SignInInput,
    ) -> Result<SessionPayload> {
        let password = SecretString::from(input.password);
        let address = ctx.address();
        SessionPayload::of(accounts::sign_in(ctx.services(), &input.email, password, address).await)
    }

    /// Trades a refresh token for a new pair of tokens. Each can be traded once: one that is traded again has
    /// been stolen by somebody, and ends the whole session.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As the last trade, or the sign-in, gave it.", secret)] refresh_token: String,
    ) -> Result<SessionPayload> {
        SessionPayload::of(accounts::refresh(ctx.services(), &refresh_token.into()).await)
    }

    /// Ends this session, or every session of the viewer; their open subscriptions end, too.
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Every session of the viewer, on every device.", default_with = "Some(false)")]
        everywhere: Option<bool>,
    ) -> Result<SignOutPayload> {
        let viewer = ctx.require_viewer()?;
        let (ended, errors) =
            payload(accounts::sign_out(ctx.services(), viewer, everywhere == Some(true)).await)?;
        let sessions_ended = i32::try_from(ended.unwrap_or_default()).unwrap_or(i32::MAX);
        Ok(SignOutPayload { sessions_ended, errors })
    }

    /// Makes a ticket that opens streams by `GET /graphql?query=..&ticket=..` for 60 seconds, for a browser's
    /// EventSource. It takes a session.
    #[expect(clippy::unused_async, reason = "the library takes async methods")]
    async fn create_stream_ticket(&self, ctx: &Context<'_>) -> Result<StreamTicketPayload> {
        let made = accounts::stream_ticket(ctx.services(), ctx.require_viewer()?);
        let (made, errors) = payload(made)?;
        let stream_ticket =
            made.map(|(ticket, expires_at)| StreamTicket { ticket, expires_at: expires_at.into() });
        Ok(StreamTicketPayload { stream_ticket, errors })
    }
}
