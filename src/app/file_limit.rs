//! The limit of open files, which bounds the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::http::server::ServerLimits;

/// Files besides connections: the database and its pool, Redis, blobs, the log.
const RESERVED: usize = 256;

/// Raises the limit as far as this process may, and returns it.
pub fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|current| usize::try_from(current).ok()).unwrap_or(usize::MAX)
}

/// The number of connections that can be open if this many files can.
pub fn connections(open_files: usize) -> usize {
    open_files - RESERVED.min(open_files / 2)
}

/// The limits of connections if this many files can be open.
pub fn server_limits(config: &Config, open_files: usize) -> ServerLimits {
    let possible = connections(open_files);
    let all = config.connections.tcp.unwrap_or(possible).min(possible);
    // One network cannot take them all.
    let per_network = config.connections.tcp_per_address.min(all - all / 8);
    ServerLimits {
        header_timeout: config.header_timeout,
        stall_timeout: config.connections.stall_timeout,
        connections: all,
        connections_per_network: per_network,
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_highest_that_is_allowed() {
        let raised = raise();
        let allowed = getrlimit(Resource::Nofile).maximum;
        assert_eq!(allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap()), raised);
        assert_eq!((connections(1024), connections(64)), (768, 32));
    }
}
