//! The limit of open files, which includes sockets.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// Open files of a process besides the sockets of subscribers.
const OTHER_FILES: u64 = 500;

/// Raises the limit of open files so that this process, and each that it starts, can open this many sockets.
pub fn ensure_open_files(sockets: u64) -> Result<()> {
    let needed = sockets + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    // `None` means unlimited.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = limit.maximum.unwrap_or_default();
        let message = format!(
            "{sockets} sockets need {needed} open files, but the limit of this process is {maximum}. Raise it \
             with `ulimit -n {needed}` (as root), or use fewer sockets with `--sockets N`."
        );
        return Err(message.into());
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let to_message =
        |error: Errno| format!("cannot raise the limit of open files: {error}. Run `ulimit -n {needed}`.");
    setrlimit(Resource::Nofile, raised).map_err(to_message)?;
    Ok(())
}
