//! The limit of open files: each socket is one.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// What a process needs beside its subscribers' sockets: libraries, the database, HTTP.
const BESIDE: u64 = 500;

/// Makes room for `sockets` in this process and in those it starts.
pub fn make_room(sockets: u64) -> Result<()> {
    let needed = sockets + BESIDE;
    let limit = getrlimit(Resource::Nofile);
    // No limit is written as none.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = limit.maximum.unwrap_or_default();
        let message = format!(
            "{sockets} sockets need {needed} open files, and this process may have {maximum} at most. Raise \
             that by: ulimit -n {needed} (as root); or take fewer by: --sockets N"
        );
        return Err(message.into());
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let fault =
        |error: Errno| format!("cannot raise the limit of open files: {error}; run: ulimit -n {needed}");
    setrlimit(Resource::Nofile, raised).map_err(fault)?;
    Ok(())
}
