//! The user of the operating system who runs a command, for the audit trail.

use nix::unistd::{Uid, User};

/// The user of the operating system who runs this process. With `sudo`, also the one who has called it.
pub(super) fn current() -> String {
    let uid = Uid::current();
    let user = User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name);
    match std::env::var("SUDO_USER") {
        Ok(caller) if !caller.is_empty() && caller != user => format!("{user} (sudo: {caller})"),
        _ => user,
    }
}
