//! Sign-up, sign-in, sessions and sign-out.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::account::{SignUpForm, session_expiry};
use crate::domain::event::EventBody;
use crate::domain::id::{SessionId, UserId};
use crate::domain::message::message;
use crate::domain::user::{Role, Viewer};
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::administration::end_sessions;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::error::wrong_credentials;
use crate::service::passwords::PasswordCheck;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};
use crate::service::security_log::SignInRefusal;
use crate::service::sign_in_throttle::{Attempt, network_hash};
use crate::service::tokens::RefreshToken;
use crate::service::{Error, Result, Services, UnitOfWork, security_log};
use crate::store::sessions::StoredToken;
use crate::store::users::NewUser;
use crate::store::{authority, sessions, users};

/// A longer e-mail is not looked up.
const EMAIL_MAX_BYTES: usize = 4096;

/// A new session, or a session with new tokens.
#[derive(Debug)]
pub struct Session {
    pub access_token: String,
    pub access_token_expires_at: DateTime<Utc>,
    pub refresh_token: SecretString,
    pub viewer: Viewer,
}

/// Creates an account and signs in.
///
/// # Errors
/// The violations of the form; `EMAIL_TAKEN`.
pub async fn sign_up(
    services: &Services,
    form: SignUpForm,
    password: SecretString,
    address: IpAddr,
) -> Result<Session> {
    let new_user = prepare_user(services, form, password, Role::Member, address).await?;
    let work = services.begin().await?;
    insert_user(services, &work, &new_user).await?;
    open_session(services, work, new_user.id, address).await
}

/// Creates an account from the command line, and returns its id.
///
/// # Errors
/// The violations of the form; `EMAIL_TAKEN`.
pub async fn add_user(
    services: &Services,
    form: SignUpForm,
    password: SecretString,
    role: Role,
) -> Result<UserId> {
    let new_user = prepare_user(services, form, password, role, Ipv4Addr::LOCALHOST.into()).await?;
    let work = services.begin().await?;
    insert_user(services, &work, &new_user).await?;
    if role != Role::Member {
        let role: &str = role.into();
        audit::append(services, &work, SYSTEM, new_user.id, "ROLE", &format!("new account as {role}"))
            .await?;
    }
    work.commit().await?;
    Ok(new_user.id)
}

async fn prepare_user(
    services: &Services,
    form: SignUpForm,
    password: SecretString,
    role: Role,
    address: IpAddr,
) -> Result<NewUser> {
    let form = form.validate(password.expose_secret(), &services.limits.account)?;
    // Hash before the transaction begins: hashing is slow, and SQLite has one writer.
    let password_hash = services.passwords.hash(password, address).await?;
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

async fn insert_user(services: &Services, work: &UnitOfWork<'_>, new_user: &NewUser) -> Result<()> {
    if !users::is_stored_in_other_form(work.tx(), &new_user.email).await?
        && users::insert(work.tx(), services, new_user).await?
    {
        return Ok(());
    }
    let message = message!("An account with this e-mail already exists. Sign in instead.");
    Err(Violation::at("email", ViolationCode::EmailTaken, message).into())
}

/// Signs in with e-mail and password.
///
/// # Errors
/// `WRONG_CREDENTIALS`, the same for a wrong e-mail and a wrong password; `NOT_ALLOWED` if the account is
/// blocked; [`Error::RateLimited`].
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: SecretString,
    address: IpAddr,
) -> Result<Session> {
    let mut attempt = services.sign_in_throttle.attempt(email, address);
    let is_plausible = email.len() <= EMAIL_MAX_BYTES;
    let credentials =
        if is_plausible { users::find_credentials(services.db.read(), email).await? } else { None };
    let (user_id, hash) = credentials
        .as_ref()
        .map(|credentials| (credentials.user_id, credentials.password_hash.clone()))
        .unzip();
    let refused = |refusal| security_log::sign_in_failed(services, email, user_id, address, refusal);
    // One lookup also without an account, so that the time does not depend on it.
    let network = network_hash(user_id.unwrap_or(UserId::nil()), address);
    let is_known = sessions::is_known_network(services.db.read(), &network).await?;
    let admitted = admit_sign_in(&mut attempt, is_known).await;
    admitted.inspect_err(|_| {
        refused(SignInRefusal::TooManyAttempts);
        // A refused attempt is no sign-in: others of the network need the tokens.
        let network = RateLimitKey::Network(address);
        services.rate_limiter.refund(RateLimitKind::SignIn, network, 1, services.now());
    })?;
    let max_chars = services.limits.account.password_max_chars;
    let check = services.passwords.check(password, hash, max_chars, address).await?;
    let (Some(credentials), PasswordCheck::Correct { new_hash }) = (credentials, check) else {
        attempt.mark_failed();
        refused(SignInRefusal::WrongCredentials);
        return Err(wrong_credentials());
    };
    if credentials.is_blocked {
        refused(SignInRefusal::AccountBlocked);
        let message = message!("This account is blocked.");
        return Err(Violation::general(ViolationCode::NotAllowed, message).into());
    }
    let work = services.begin().await?;
    // The account may have been erased since its password was checked.
    if users::lock(work.tx(), credentials.user_id).await? {
        return Err(wrong_credentials());
    }
    if let Some(new_hash) = new_hash {
        users::replace_password_hash(work.tx(), &credentials, &new_hash).await?;
    }
    open_session(services, work, credentials.user_id, address).await
}

/// Admits an attempt to sign in, after a delay if there were many failures. If the user has signed in from this network
/// before (`is_known`), others of the network can only delay the attempt.
///
/// # Errors
/// [`Error::RateLimited`] after too many failures.
async fn admit_sign_in(attempt: &mut Attempt, is_known: bool) -> Result<()> {
    match attempt.admit().await {
        Ok(()) if is_known => return Ok(()),
        Ok(()) => {}
        Err(error) if !is_known => return Err(error),
        Err(_) => attempt.delay_instead(),
    }
    attempt.wait().await
}

/// Opens a session for the user, whom the caller has created or locked, and commits. If the user has too many
/// sessions then, the oldest end.
async fn open_session(
    services: &Services,
    mut work: UnitOfWork<'_>,
    user_id: UserId,
    address: IpAddr,
) -> Result<Session> {
    let (id, now, limits) = (services.new_id(), services.now(), &services.limits.session);
    let role = authority::find_role(work.tx(), services, user_id).await?.ok_or(Error::Unauthenticated)?;
    let others = sessions::find_active_of_user(work.tx(), user_id, now).await?;
    let others_max = usize::try_from(limits.per_user_max - 1).unwrap_or(usize::MAX);
    for oldest in others.iter().skip(others_max) {
        sessions::end(work.tx(), oldest.id, now).await?;
        work.record(EventBody::SessionEnded { session_id: oldest.id, user_id });
    }
    let expires_at = session_expiry(limits, role, now, now);
    let network = network_hash(user_id, address);
    sessions::insert(work.tx(), id, user_id, now, expires_at, &network).await?;
    let refresh = RefreshToken::generate()?;
    sessions::insert_token(work.tx(), &refresh.hash, id, now).await?;
    issue_tokens(services, work, id, refresh).await
}

/// Issues an access token for the session, to go with its current refresh token, and commits.
async fn issue_tokens(
    services: &Services,
    work: UnitOfWork<'_>,
    session_id: SessionId,
    refresh: RefreshToken,
) -> Result<Session> {
    let now = services.now();
    let (access_token, access_token_expires_at) = services.tokens.issue_access_token(session_id, now)?;
    // `None` if the user was blocked in the meantime.
    let viewer = sessions::find_viewer(work.tx(), services, session_id, access_token_expires_at, now).await?;
    let viewer = viewer.ok_or(Error::Unauthenticated)?;
    work.commit().await?;
    Ok(Session { access_token, access_token_expires_at, refresh_token: refresh.token, viewer })
}

/// Exchanges a refresh token for a new pair of tokens. For a short time, a second use of the token gets the
/// same refresh token: two tabs can refresh at once, and an answer can get lost. Any later use ends the whole
/// session, because the token may have been stolen.
///
/// # Errors
/// `WRONG_CREDENTIALS` if the token is unknown, used or expired. A used token also ends the session.
/// [`Error::BudgetExceeded`] after too many refreshes of the session, or unknown tokens of the network.
pub async fn refresh(services: &Services, token: &SecretString, address: IpAddr) -> Result<Session> {
    let hash = RefreshToken::hash(token.expose_secret());
    let now = services.now();
    let known = sessions::find_token(services.db.read(), &hash).await?;
    // The exchange that is repeated has paid. If its retry had to wait, it could come too late.
    let is_retry = known.as_ref().is_some_and(|token| is_retry(services, token));
    if !is_retry {
        // By session, so that an office behind one address can refresh as often as it has people. Guesses have
        // no session, and are counted by network.
        let key =
            known.map_or(RateLimitKey::Network(address), |token| RateLimitKey::Session(token.session_id));
        services.rate_limiter.charge(RateLimitKind::Refresh, key, 1, now).await?;
    }
    let work = services.begin().await?;
    let Some(StoredToken { session_id, user_id, .. }) = sessions::find_token(work.tx(), &hash).await? else {
        return Err(session_ended_error());
    };
    // Users are locked before what belongs to them. Sessions of an erased user have ended.
    if users::lock(work.tx(), user_id).await? {
        return Err(session_ended_error());
    }
    let refresh = if sessions::mark_token_used(work.tx(), &hash, now).await? {
        if !extend_session(services, &work, session_id).await? {
            return Err(session_ended_error());
        }
        let refresh = services.tokens.successors(token).next();
        let refresh = refresh.ok_or_else(|| Error::internal("there is no token secret"))?;
        sessions::insert_token(work.tx(), &refresh.hash, session_id, now).await?;
        refresh
    } else if let Some(refresh) = find_successor(services, &work, token, &hash).await? {
        refresh
    } else {
        if end_session(services, work, session_id).await? {
            security_log::refresh_token_reused(session_id, user_id, address);
        }
        return Err(session_ended_error());
    };
    match issue_tokens(services, work, session_id, refresh).await {
        Err(Error::Unauthenticated) => Err(session_ended_error()),
        result => result,
    }
}

/// Extends a session that is refreshed. Returns `false` if it has ended or expired. The caller has locked the
/// user, because a change of the role also changes when sessions end.
async fn extend_session(services: &Services, work: &UnitOfWork<'_>, session_id: SessionId) -> Result<bool> {
    let (now, limits) = (services.now(), &services.limits.session);
    let Some(session) = sessions::find_active(work.tx(), session_id, now).await? else { return Ok(false) };
    let Some(role) = authority::find_role(work.tx(), services, session.user_id).await? else {
        return Ok(false);
    };
    let expires_at = session_expiry(limits, role, session.created_at, now);
    Ok(sessions::set_expiry(work.tx(), session_id, now, expires_at).await?)
}

/// Returns the refresh token that a used one was exchanged for, if that was a short time ago and nobody has used
/// the new one yet.
async fn find_successor(
    services: &Services,
    work: &UnitOfWork<'_>,
    token: &SecretString,
    hash: &[u8],
) -> Result<Option<RefreshToken>> {
    // Read again: another gateway may have exchanged the token a moment ago.
    let stored = sessions::find_token(work.tx(), hash).await?;
    if !stored.is_some_and(|token| is_retry(services, &token)) {
        return Ok(None);
    }
    for successor in services.tokens.successors(token) {
        if let Some(stored) = sessions::find_token(work.tx(), &successor.hash).await? {
            return Ok(stored.used_at.is_none().then_some(successor));
        }
    }
    Ok(None)
}

/// Whether the token was exchanged a short time ago.
fn is_retry(services: &Services, token: &StoredToken) -> bool {
    // The clocks of two gateways differ a little.
    let ages = TimeDelta::seconds(-5)..services.refresh_retry_window;
    token.used_at.is_some_and(|used_at| ages.contains(&(services.now() - used_at)))
}

fn session_ended_error() -> Error {
    let message = message!("This session has ended; sign in again.");
    Violation::at("refreshToken", ViolationCode::WrongCredentials, message).into()
}

/// Ends the session, and commits. Returns whether the session was active until now.
async fn end_session(services: &Services, mut work: UnitOfWork<'_>, session_id: SessionId) -> Result<bool> {
    let owner = sessions::end(work.tx(), session_id, services.now()).await?;
    if let Some(user_id) = owner {
        work.record(EventBody::SessionEnded { session_id, user_id });
    }
    work.commit().await?;
    Ok(owner.is_some())
}

/// Ends this session or every session of the viewer, and returns how many.
pub async fn sign_out(services: &Services, viewer: &Viewer, everywhere: bool) -> Result<usize> {
    let mut work = services.begin_for(viewer.id()).await?;
    if !everywhere {
        return Ok(usize::from(end_session(services, work, viewer.session_id).await?));
    }
    let ended = end_sessions(&mut work, viewer.id(), services).await?;
    work.commit().await?;
    Ok(ended)
}

/// Reads the viewer again, for connections that were opened some time ago.
///
/// # Errors
/// [`Error::SessionEnded`].
pub async fn refresh_viewer(services: &Services, viewer: &Viewer) -> Result<Viewer> {
    find_viewer(services, viewer.session_id, viewer.access_until).await
}

/// Returns the viewer of an access token, and the token's expiry.
///
/// # Errors
/// [`Error::Unauthenticated`] if the token is invalid or expired, [`Error::SessionEnded`].
pub async fn authenticate(services: &Services, token: &str) -> Result<(Viewer, DateTime<Utc>)> {
    let session = services.tokens.verify_access_token(token, services.now());
    let (session_id, expires_at) = session.ok_or(Error::Unauthenticated)?;
    Ok((find_viewer(services, session_id, expires_at).await?, expires_at))
}

/// Returns the viewer of a session, who has an access token until `access_until`.
///
/// # Errors
/// [`Error::SessionEnded`].
pub(super) async fn find_viewer(
    services: &Services,
    session_id: SessionId,
    access_until: DateTime<Utc>,
) -> Result<Viewer> {
    let (db, now) = (services.db.read(), services.now());
    let viewer = sessions::find_viewer(db, services, session_id, access_until, now).await?;
    viewer.ok_or(Error::SessionEnded)
}
