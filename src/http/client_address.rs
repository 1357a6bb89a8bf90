//! The address of a client, directly or behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::domain::network::client_network;

const FORWARDED_FOR: HeaderName = crate::http::headers::header_name("x-forwarded-for");

/// The address by which the client of a request is counted. The request has it in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct CountedAddress(pub IpAddr);

/// The address of a client, and how it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// An IPv6 address is reduced to its /64 network.
    pub network: IpAddr,
    /// Whether a trusted proxy reported nothing, or something that is not an address, so that its own address is
    /// used.
    pub is_unreadable: bool,
}

/// Returns the address by which a client is counted.
///
/// `peer` is the other end of the connection: the client itself, or a proxy. Each proxy appends the address of
/// its own peer to `X-Forwarded-For`, so the client is the last entry that is not a trusted proxy. Earlier
/// entries come from the client and are ignored. If that entry is not an address, the client is counted under
/// the address of the proxy that appended it.
pub fn client_address(headers: &HeaderMap, peer: IpAddr, trusted_proxies: &[IpNet]) -> ClientAddress {
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    if is_trusted(&address) {
        let lines = headers.get_all(FORWARDED_FOR).iter();
        let hops: Vec<&[u8]> = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
        for hop in hops.into_iter().rev().map(<[u8]>::trim_ascii) {
            let Some(hop) = parse_hop(hop) else {
                return ClientAddress { network: client_network(address), is_unreadable: true };
            };
            address = hop;
            if !is_trusted(&address) {
                break;
            }
        }
    }
    ClientAddress { network: client_network(address), is_unreadable: false }
}

/// Parses an address, with or without brackets, a port, and quotes around it.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?;
    let unquoted = hop.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let hop = unquoted.unwrap_or(hop).trim();
    let bracketed = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(address) => address.parse().ok().filter(IpAddr::is_ipv6),
        None => hop.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip())),
    };
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(lines: &[&str], peer: &str, trusted: &[&str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let client = client_address(&headers, peer.parse().unwrap(), &trusted);
        (client.network.to_string(), client.is_unreadable)
    }

    #[test]
    fn the_client_is_the_last_entry_that_is_not_a_trusted_proxy() {
        let lines = ["1.1.1.1, 2.2.2.2", "3.3.3.3,10.0.0.9"];
        let of = |peer, trusted: &[&str]| address(&lines, peer, trusted).0;
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("192.0.2.1", &["10.0.0.0/8"]), "192.0.2.1", "the peer is not trusted");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8"]), "3.3.3.3");
        assert_eq!(of("::ffff:10.0.0.1", &["10.0.0.0/8"]), "3.3.3.3", "IPv4 in IPv6");
        assert_eq!(of("10.0.0.1", &["10.0.0.1/32"]), "10.0.0.9");
        assert_eq!(of("10.0.0.1", &["10.0.0.0/8", "3.3.3.3/32"]), "2.2.2.2");
        let everybody = ["10.0.0.0/8", "1.0.0.0/8", "2.0.0.0/7"];
        assert_eq!(of("10.0.0.1", &everybody), "1.1.1.1", "all are trusted");
        assert_eq!(address(&[], "10.0.0.1", &["10.0.0.0/8"]), ("10.0.0.1".into(), false));
        assert_eq!(address(&[""], "10.0.0.1", &["10.0.0.0/8"]), ("10.0.0.1".into(), true));
    }

    #[test]
    fn entries_may_have_ports_brackets_quotes_and_spaces() {
        for (hop, expected) in [
            ("203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::1]:4711", "2001:db8::"),
            ("[2001:db8::1]", "2001:db8::"),
            ("2001:db8::1", "2001:db8::"),
            ("\"[2001:db8::1]:4711\"", "2001:db8::"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("  203.0.113.7 ", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ] {
            assert_eq!(address(&[hop], "10.0.0.1", &["10.0.0.1/32"]), (expected.into(), false), "{hop}");
        }
    }

    #[test]
    fn an_unreadable_entry_counts_under_the_proxy_that_sent_it() {
        for hop in [
            "",
            " ",
            "unknown",
            "_hidden",
            "203.0.113.7:x",
            "203.0.113.7:70000",
            "[203.0.113.7]",
            "for=203.0.113.7",
            "1.2.3",
            "\"",
        ] {
            let of = |line: &str| address(&[line], "10.0.0.1", &["10.0.0.0/8"]);
            assert_eq!(of(&format!("203.0.113.9, {hop}")), ("10.0.0.1".into(), true), "{hop}");
            assert_eq!(of(&format!("{hop}, 10.0.0.2")), ("10.0.0.2".into(), true), "{hop}");
            assert_eq!(of(&format!("{hop}, 203.0.113.7")), ("203.0.113.7".into(), false), "{hop}");
        }
    }

    proptest! {
        /// Whatever a client sends, its own address, which the proxy appends, decides.
        #[test]
        fn a_client_cannot_change_its_address(sent in "[ -~]{0,40}", port in proptest::option::of(1_u16..)) {
            let own = port.map_or("203.0.113.7".to_owned(), |port| format!("203.0.113.7:{port}"));
            let line = format!("{sent}, {own}");
            prop_assert_eq!(address(&[&line], "10.0.0.1", &["10.0.0.0/8"]), ("203.0.113.7".into(), false));
            prop_assert_eq!(address(&[&sent, &own], "10.0.0.1", &["10.0.0.0/8"]).0, "203.0.113.7");
        }
    }
}
