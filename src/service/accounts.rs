//! Signing up, in and out.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::domain::account::{SESSION_LIFETIME, SignUpForm};
use crate::domain::event::EventBody;
use crate::domain::user::{Role, Viewer};
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::error::wrong_credentials;
use crate::service::secrets::Secrets;
use crate::service::user_admin::end_sessions;
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::users::NewUser;
use crate::store::{sessions, users};

/// Longer than any e-mail, whatever its characters.
const EMAIL_MAX_BYTES: usize = 4096;

/// What a person who has just signed in holds.
#[derive(Debug)]
pub struct Session {
    pub access_token: String,
    pub access_token_expires_at: DateTime<Utc>,
    pub refresh_token: SecretString,
    pub viewer: Viewer,
}

/// A new account, and a session of it.
///
/// # Errors
/// Every fault of the form; `EMAIL_TAKEN`.
pub async fn sign_up(services: &Services, form: SignUpForm, password: SecretString) -> Result<Session> {
    let new = prepare(services, form, password, Role::Member).await?;
    let work = services.begin().await?;
    insert(&work, &new).await?;
    open_session(services, work, new.id).await
}

/// A new account by the command line; its id.
///
/// # Errors
/// Every fault of the form; `EMAIL_TAKEN`.
pub async fn add_user(
    services: &Services,
    form: SignUpForm,
    password: SecretString,
    role: Role,
) -> Result<Uuid> {
    let new = prepare(services, form, password, role).await?;
    let work = services.begin().await?;
    insert(&work, &new).await?;
    work.commit().await?;
    Ok(new.id)
}

async fn prepare(
    services: &Services,
    form: SignUpForm,
    password: SecretString,
    role: Role,
) -> Result<NewUser> {
    let form = form.validate(password.expose_secret(), &services.limits.account)?;
    // Before the transaction: hashing is slow, and SQLite has one writer.
    let password_hash = services.secrets.hash_password(password).await?;
    Ok(NewUser {
        id: services.new_id(),
        email: form.email,
        display_name: form.display_name,
        password_hash,
        role,
        points: 0,
        created_at: services.now(),
    })
}

async fn insert(work: &UnitOfWork<'_>, new: &NewUser) -> Result<()> {
    if users::insert(work.tx(), new).await? {
        return Ok(());
    }
    let message = "There is an account with this e-mail already; sign in instead.";
    Err(Violation::at("email", ViolationCode::EmailTaken, message).into())
}

/// A session for whoever knows the password.
///
/// # Errors
/// `WRONG_CREDENTIALS`, alike for a wrong e-mail and a wrong password; `NOT_ALLOWED` where the account is blocked;
/// [`Error::RateLimited`].
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: SecretString,
    address: IpAddr,
) -> Result<Session> {
    let attempt = services.login_throttle.attempt(email, address)?;
    // Not every database takes such a text; nobody's e-mail is one.
    let plausible = email.len() <= EMAIL_MAX_BYTES && !email.contains(char::is_control);
    let known = if plausible { users::credentials(services.db.read(), email).await? } else { None };
    let hash = known.as_ref().map(|known| known.password_hash.clone());
    // An overlong password is nobody's, and is not worth hashing at its length.
    let fits = password.expose_secret().chars().count() <= services.limits.account.password_max_chars;
    let tried = if fits { password } else { SecretString::default() };
    let matches = services.secrets.verify_password(tried, hash).await?;
    let Some(known) = known.filter(|_| matches && fits) else {
        attempt.failed();
        return Err(wrong_credentials());
    };
    if known.blocked {
        return Err(Violation::of_act(ViolationCode::NotAllowed, "This account is blocked.").into());
    }
    let work = services.begin().await?;
    open_session(services, work, known.user_id).await
}

/// Commits the act, with a new session of the person.
async fn open_session(services: &Services, work: UnitOfWork<'_>, user_id: Uuid) -> Result<Session> {
    let (id, now) = (services.new_id(), services.now());
    sessions::insert(work.tx(), id, user_id, now, now + SESSION_LIFETIME).await?;
    give_tokens(services, work, id).await
}

/// Commits the act, with a new pair of tokens for the session.
async fn give_tokens(services: &Services, work: UnitOfWork<'_>, session_id: Uuid) -> Result<Session> {
    let now = services.now();
    let refresh = services.secrets.refresh_token()?;
    sessions::insert_token(work.tx(), &refresh.hash, session_id, now).await?;
    // None where the person has been blocked meanwhile.
    let viewer = sessions::find_viewer(work.tx(), session_id, now).await?.ok_or(Error::Unauthenticated)?;
    let (access_token, access_token_expires_at) = services.secrets.access_token(session_id, now)?;
    work.commit().await?;
    Ok(Session { access_token, access_token_expires_at, refresh_token: refresh.token, viewer })
}

/// Trades a refresh token for a new pair. One that was traded before has been stolen by somebody: it ends
/// the whole session.
///
/// # Errors
/// `WRONG_CREDENTIALS` for every token that is not good any more.
pub async fn refresh(services: &Services, token: &SecretString) -> Result<Session> {
    let hash = Secrets::hash_refresh_token(token.expose_secret());
    let now = services.now();
    let work = services.begin().await?;
    let Some(known) = sessions::find_token(work.tx(), &hash).await? else {
        return Err(expired());
    };
    let first_use = !known.used && sessions::use_token(work.tx(), &hash, now).await?;
    if !first_use {
        end_session(services, work, known.session_id).await?;
        return Err(expired());
    }
    if !sessions::extend(work.tx(), known.session_id, now, now + SESSION_LIFETIME).await? {
        return Err(expired());
    }
    give_tokens(services, work, known.session_id).await
}

fn expired() -> Error {
    let message = "This session has ended; sign in again.";
    Violation::at("refreshToken", ViolationCode::WrongCredentials, message).into()
}

/// Commits the act, with the session ended; whether it lived until now.
async fn end_session(services: &Services, mut work: UnitOfWork<'_>, session_id: Uuid) -> Result<bool> {
    let owner = sessions::end(work.tx(), session_id, services.now()).await?;
    if let Some(user_id) = owner {
        work.record(EventBody::SessionEnded { session_id, user_id });
    }
    work.commit().await?;
    Ok(owner.is_some())
}

/// Ends this session, or every session of the viewer; how many it ended.
///
/// # Errors
/// Where the database is away.
pub async fn sign_out(services: &Services, viewer: &Viewer, everywhere: bool) -> Result<usize> {
    let mut work = services.begin().await?;
    if !everywhere {
        return Ok(usize::from(end_session(services, work, viewer.session_id).await?));
    }
    let ended = end_sessions(&mut work, viewer.id(), services).await?;
    work.commit().await?;
    Ok(ended)
}

/// The viewer as they are now: for whoever has known them for a while.
///
/// # Errors
/// [`Error::Unauthenticated`] where the session has ended.
pub async fn refresh_viewer(services: &Services, viewer: &Viewer) -> Result<Viewer> {
    find_viewer(services, viewer.session_id).await
}

/// Who asks with this access token, and when it expires.
///
/// # Errors
/// [`Error::Unauthenticated`] where the token is not good, or its session has ended.
pub async fn authenticate(services: &Services, token: &str) -> Result<(Viewer, DateTime<Utc>)> {
    let named = services.secrets.read_access_token(token, services.now());
    let (session_id, expires_at) = named.ok_or(Error::Unauthenticated)?;
    Ok((find_viewer(services, session_id).await?, expires_at))
}

/// A ticket that opens streams of the viewer's session, and when it no longer does.
///
/// # Errors
/// Never for the key of this installation.
pub fn stream_ticket(services: &Services, viewer: &Viewer) -> Result<(String, DateTime<Utc>)> {
    services.secrets.stream_ticket(viewer.session_id, services.now())
}

/// Who opens a stream with this ticket.
///
/// # Errors
/// [`Error::Unauthenticated`] where the ticket is not good, or its session has ended.
pub async fn redeem_stream_ticket(services: &Services, ticket: &str) -> Result<Viewer> {
    let session_id = services.secrets.read_stream_ticket(ticket, services.now());
    find_viewer(services, session_id.ok_or(Error::Unauthenticated)?).await
}

async fn find_viewer(services: &Services, session_id: Uuid) -> Result<Viewer> {
    let found = sessions::find_viewer(services.db.read(), session_id, services.now()).await?;
    found.ok_or(Error::Unauthenticated)
}
