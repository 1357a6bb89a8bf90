//! Where a request comes from, also behind proxies.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};

use crate::domain::network::client_network;

const FORWARDED_FOR: HeaderName = crate::http::headers::header_name("x-forwarded-for");

/// The client's address, as far as it is counted by: that of the connection, or, behind so many proxies that each add to
/// X-Forwarded-For, what the outermost of them saw. What a client itself wrote there counts for nothing.
pub fn client_address(headers: &HeaderMap, connection: IpAddr, proxies: usize) -> IpAddr {
    if proxies == 0 {
        return client_network(connection);
    }
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let seen = hops.len().checked_sub(proxies).and_then(|index| hops.get(index));
    client_network(seen.and_then(|hop| hop.parse().ok()).unwrap_or(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let connection = IpAddr::from([10, 0, 0, 1]);
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "1.1.1.1, 2.2.2.2".parse().unwrap());
        headers.append(FORWARDED_FOR, "3.3.3.3".parse().unwrap());
        let seen = |proxies| client_address(&headers, connection, proxies).to_string();
        assert_eq!(seen(0), "10.0.0.1");
        assert_eq!(seen(1), "3.3.3.3");
        assert_eq!(seen(2), "2.2.2.2");
        assert_eq!(seen(4), "10.0.0.1");
        assert_eq!(client_address(&HeaderMap::new(), connection, 1), connection);
    }
}
