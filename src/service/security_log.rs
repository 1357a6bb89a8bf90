//! Events of security in the log: lines with `security=true`, which operators count and alert on.
//!
//! They name users by id. To add one, add a function here and a row to the table in `docs/SECURITY.md`.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::domain::account::email_key;
use crate::domain::id::{PublicId, SessionId, UserId};
use crate::service::Services;

/// How many bytes of the hash of an account are logged.
const ACCOUNT_BYTES: usize = 9;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum SignInRefusal {
    WrongCredentials,
    AccountBlocked,
    TooManyAttempts,
}

/// A sign-in failed. `user_id` is the user whose e-mail was given, if it is known. `account` stands for the e-mail:
/// it is the same in all lines of one e-mail, and cannot be computed without the key of the installation.
pub(super) fn sign_in_failed(
    services: &Services,
    email: &str,
    user_id: Option<UserId>,
    address: IpAddr,
    refusal: SignInRefusal,
) {
    let hash = services.vault.hash("account in the log", email_key(email).as_bytes());
    let account = BASE64_URL_SAFE_NO_PAD.encode(&hash[..ACCOUNT_BYTES]);
    let (user, reason) = (user_id.map(PublicId::to_public), <&str>::from(refusal));
    tracing::warn!(security = true, event = "SIGN_IN_FAILED", reason, account, user, %address, "sign-in failed");
}

/// A used refresh token was sent again, so its session has ended: one of the two who have it may have stolen it.
pub(super) fn refresh_token_reused(session_id: SessionId, user_id: UserId, address: IpAddr) {
    let (session, user) = (session_id.to_string(), user_id.to_public());
    tracing::warn!(
        security = true, event = "REFRESH_TOKEN_REUSED", session, user, %address, "session ended"
    );
}

/// A reviewer tried to open the identity data of more people than `max` within 24 hours.
pub(super) fn too_many_people(user_id: UserId, max: u64) {
    let user = user_id.to_public();
    tracing::warn!(security = true, event = "TOO_MANY_PEOPLE_OPENED", user, max, "access denied");
}

/// The role, the verified identity or the verification of a user was changed past the gateway.
pub(super) fn tag_mismatch(user_id: UserId, is_enforced: bool) {
    let user = user_id.to_public();
    tracing::error!(security = true, event = "TAG_MISMATCH", user, is_enforced, "tag does not match");
}

/// The row that says since when rows have tags was changed or deleted past the gateway.
pub(super) fn tag_marker_mismatch() {
    tracing::error!(security = true, event = "TAG_MISMATCH", "tag of the marker does not match");
}

/// Somebody does not have the role for what they tried. `address` is `None` if it is not known here: the line of the
/// request with the same id has it.
pub fn role_refused(user_id: Option<UserId>, address: Option<IpAddr>) {
    let (user, address) = (user_id.map(PublicId::to_public), address.map(tracing::field::display));
    tracing::warn!(security = true, event = "ROLE_REFUSED", user, address, "access denied");
}

/// The head of the audit trail was altered or removed by somebody without the keys of the installation.
pub(super) fn audit_trail_altered(problem: &str) {
    tracing::error!(security = true, event = "AUDIT_TRAIL_ALTERED", problem, "audit trail altered");
}
