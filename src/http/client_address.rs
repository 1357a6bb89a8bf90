//! The address of a client, directly or behind proxies.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};

use crate::domain::network::client_network;

const FORWARDED_FOR: HeaderName = crate::http::headers::header_name("x-forwarded-for");

/// Returns the address by which a client is counted. An IPv6 address is reduced to its /64 network.
///
/// `peer` is the other end of the connection: the client itself, or the last of `trusted_proxies` proxies.
/// Each proxy appends the address of its own peer to `X-Forwarded-For`, so the client's address is the
/// `trusted_proxies`-th entry from the end. Earlier entries come from the client and are ignored. If there
/// are too few entries, or the entry is not an address, `peer` is used.
pub fn client_address(headers: &HeaderMap, peer: IpAddr, trusted_proxies: usize) -> IpAddr {
    if trusted_proxies == 0 {
        return client_network(peer);
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let client = hops.len().checked_sub(trusted_proxies).and_then(|index| hops.get(index));
    client_network(client.and_then(|hop| hop.parse().ok()).unwrap_or(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_of_trusted_proxies_count() {
        let peer = IpAddr::from([10, 0, 0, 1]);
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "1.1.1.1, 2.2.2.2".parse().unwrap());
        headers.append(FORWARDED_FOR, "3.3.3.3".parse().unwrap());
        let address = |trusted_proxies| client_address(&headers, peer, trusted_proxies).to_string();
        assert_eq!(address(0), "10.0.0.1");
        assert_eq!(address(1), "3.3.3.3");
        assert_eq!(address(2), "2.2.2.2");
        assert_eq!(address(4), "10.0.0.1");
        assert_eq!(client_address(&HeaderMap::new(), peer, 1), peer);
    }
}
