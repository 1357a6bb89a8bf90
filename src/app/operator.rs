//! The user of the operating system who runs a command, for the audit trail.

use nix::unistd::{Uid, User};

/// The longest name that is shown of the caller of `sudo`.
const CALLER_MAX_CHARS: usize = 64;

/// The user of the operating system who runs this process. With `sudo`, also the one who has called it.
pub(super) fn current() -> String {
    let uid = Uid::current();
    let user = User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name);
    let caller = std::env::var("SUDO_USER").map(|caller| printable(&caller)).unwrap_or_default();
    if caller.is_empty() || caller == user { user } else { format!("{user} (sudo: {caller})") }
}

/// The text on one line. Whoever runs the command can set the variable to anything.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(CALLER_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_cannot_write_further_lines_or_fields() {
        assert_eq!(printable("ann\n2026-11-29\tusr_x\u{1b}[2K"), "ann2026-11-29usr_x[2K");
        assert_eq!(printable(&"a".repeat(99)).len(), CALLER_MAX_CHARS);
    }
}
