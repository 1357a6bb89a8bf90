//! Which IP addresses count as one client.

use std::net::{IpAddr, Ipv6Addr};

/// The network bits of an IPv6 address. One client usually has all 2^64 addresses of its network.
const NETWORK_MASK: u128 = !((1 << 64) - 1);

/// The network bits of the IPv6 addresses of a site.
const SITE_MASK: u128 = !((1 << 80) - 1);

/// The address under which a client is counted: an IPv4 address itself, or the /64 network of an IPv6
/// address.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK_MASK)),
    }
}

/// The address under which all networks of one customer of a provider are counted: an IPv4 address itself, or
/// the /48 network of an IPv6 address. A customer often has all 2^16 networks of it.
pub fn client_site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & SITE_MASK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_client() {
        let network = |text: &str| client_network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        let site = |text: &str| client_site(text.parse().unwrap()).to_string();
        assert_eq!(site("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
    }
}
