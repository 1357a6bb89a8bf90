//! Mutations of accounts and sessions.

use async_graphql::{ComplexObject, Context, Object, SimpleObject};
use secrecy::SecretString;

use crate::clock::seconds_until;
use crate::domain::account::SignUpForm;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::account::{SignInInput, SignUpInput};
use crate::graphql::mutation::repeatable;
use crate::graphql::mutation::repeatable::{Act, EndedSessions};
use crate::graphql::types::account::Session;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user_error::{UserError, payload_parts};
use crate::service::{accounts, stream_tickets};

/// The result of signing up, signing in or refreshing a session.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session; null if there are errors.
    session: Option<Session>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl SessionPayload {
    /// Signs in by `act`. Its result has credentials, so no repetition returns it.
    async fn of(ctx: &Context<'_>, act: Act<'_, accounts::Session>) -> Result<Self> {
        let (session, errors) = repeatable::run_unstored(ctx, act).await?;
        Ok(Self { session: session.map(Session::from), errors })
    }
}

/// The result of signing out.
#[derive(SimpleObject)]
pub struct SignOutPayload {
    /// The number of sessions that were ended; 0 if they had ended already.
    sessions_ended: i32,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

/// A ticket that opens streams without an access token, for clients that cannot send headers, such as
/// `EventSource`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct StreamTicket {
    /// The value of the query parameter `ticket`. The first use binds it to the operation and its variables.
    /// It has one open stream at a time: a reconnect with the header `Last-Event-ID` ends the previous one.
    ticket: String,
    /// When the ticket expires. An open stream continues. It ends a short time (30 seconds by default) after the
    /// expiry of the access token that the ticket was created with.
    expires_at: DateTime,
}

#[ComplexObject]
impl StreamTicket {
    /// Seconds from this response until the ticket expires, for clients whose clock is wrong.
    async fn expires_in(&self, ctx: &Context<'_>) -> i32 {
        seconds_until(self.expires_at.0, ctx.services().now())
    }
}

/// The result of creating a stream ticket.
#[derive(SimpleObject)]
pub struct StreamTicketPayload {
    /// The ticket; null if there are errors.
    stream_ticket: Option<StreamTicket>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Creates an account with the role MEMBER, and signs in.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The form of the new account.")] input: SignUpInput,
    ) -> Result<SessionPayload> {
        let form = SignUpForm { email: input.email, display_name: input.display_name };
        let password = SecretString::from(input.password);
        let act = accounts::sign_up(ctx.services(), form, password, ctx.address());
        SessionPayload::of(ctx, Box::pin(act)).await
    }

    /// Signs in. An unknown e-mail and a wrong password give the same error, WRONG_CREDENTIALS. A blocked
    /// account gives NOT_ALLOWED. After too many failed attempts for one account from one network, further ones
    /// get the GraphQL error RATE_LIMITED, or are delayed if the account has signed in from there before. Many
    /// failed attempts for one account, or from one network, delay further ones, except from networks where the
    /// account has signed in before. A network is an IPv4 address or an IPv6 /64.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The e-mail address and the password.")] input: SignInInput,
    ) -> Result<SessionPayload> {
        let password = SecretString::from(input.password);
        let address = ctx.address();
        let act = accounts::sign_in(ctx.services(), &input.email, password, address);
        SessionPayload::of(ctx, Box::pin(act)).await
    }

    /// Exchanges a refresh token for a new access token and a new refresh token. For 30 seconds by default, a retry
    /// with the same refresh token gets the same new one. If a refresh token is used again later, or after the new
    /// one was used, it may have been stolen: the whole session ends, and the error is WRONG_CREDENTIALS.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token from the last refresh or from the sign-in.", secret)]
        refresh_token: String,
    ) -> Result<SessionPayload> {
        let token = SecretString::from(refresh_token);
        let act = accounts::refresh(ctx.services(), &token, ctx.address());
        SessionPayload::of(ctx, Box::pin(act)).await
    }

    /// Ends this session, or all sessions of the viewer. Their open subscriptions end, too. Requires a
    /// session.
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Whether to end all sessions of the viewer, on every device.",
            default_with = "Some(false)"
        )]
        everywhere: Option<bool>,
    ) -> Result<SignOutPayload> {
        let viewer = ctx.require_viewer()?;
        let act = async {
            accounts::sign_out(ctx.services(), viewer, everywhere == Some(true)).await.map(EndedSessions)
        };
        let (ended, errors) = repeatable::run(ctx, Box::pin(act)).await?;
        let sessions_ended = ended.map_or(0, |ended| i32::try_from(ended.0).unwrap_or(i32::MAX));
        Ok(SignOutPayload { sessions_ended, errors })
    }

    /// Creates a ticket that is valid for 60 seconds. It opens one stream at a time with `GET
    /// /graphql?query=..&ticket=..`, for clients that cannot send headers, such as `EventSource`. Requires a
    /// session.
    #[expect(clippy::unused_async, reason = "async-graphql requires async methods")]
    async fn create_stream_ticket(&self, ctx: &Context<'_>) -> Result<StreamTicketPayload> {
        let ticket = stream_tickets::create(ctx.services(), ctx.require_viewer()?);
        let (ticket, errors) = payload_parts(ticket)?;
        let stream_ticket =
            ticket.map(|(ticket, expires_at)| StreamTicket { ticket, expires_at: expires_at.into() });
        Ok(StreamTicketPayload { stream_ticket, errors })
    }
}
