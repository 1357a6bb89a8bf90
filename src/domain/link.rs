//! Links to the seller's work on other sites. A link is stored as the URL standard writes it, so equal links have equal
//! texts.

use url::{Host, Url};

use crate::domain::message::{Message, message};
use crate::domain::text::{find_forbidden, is_direction_control, normalize_text};

/// Why a link is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkProblem {
    /// It does not start with https://.
    NotHttps,
    /// It contains a space, a line end, a tab, a backslash, or a character that no text may contain.
    Characters,
    /// It starts with https://, but is not a URL: its host or port is malformed.
    Invalid,
    /// It contains a user name or a password.
    Credentials,
    /// It names a port other than that of https.
    Port,
    /// It names no public host: an IP address, a name without a dot, or a name of a local network.
    NotPublic,
}

impl LinkProblem {
    /// What is wrong, and what to write instead.
    pub fn message(self) -> Message {
        match self {
            Self::NotHttps => {
                message!("A link must be a complete address that starts with {prefix}.", prefix = PREFIX)
            }
            Self::Characters => message!(
                "{field} must not contain {forbidden}.",
                field = "A link",
                forbidden = "spaces, line breaks, tabs or backslashes"
            ),
            Self::Invalid => message!(
                "A link must be a valid address, such as {example}. Check the name of the site.",
                example = "https://www.example.com/work"
            ),
            Self::Credentials => {
                message!("A link must not contain a user name or a password. Remove what is before the @.")
            }
            Self::Port => {
                message!("A link must not name a port. Remove the number after the host name.")
            }
            Self::NotPublic => message!(
                "A link must name a public host, such as {example}, not an address of a network.",
                example = "www.example.com"
            ),
        }
    }
}

/// Top-level domains that are no public ones: those that the registry of special-use domain names (RFC 6761) lists, and
/// those that local networks use (RFC 6762, appendix G; ICANN reserved `internal`).
const LOCAL_DOMAINS: [&str; 15] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

const PREFIX: &str = "https://";
const HOST_MAX_BYTES: usize = 253;
const LABEL_MAX_BYTES: usize = 63;

/// The link as the URL standard writes it.
///
/// # Errors
/// The first problem of the link.
pub fn normalize_link(text: &str) -> Result<String, LinkProblem> {
    let text: String = normalize_text(text).chars().filter(|c| !is_direction_control(*c)).collect();
    if find_forbidden(&text).is_some() {
        return Err(LinkProblem::Characters);
    }
    if !text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
        return Err(LinkProblem::NotHttps);
    }
    // Parsers disagree about what these mean.
    if text.contains(|c: char| c.is_whitespace() || c == '\\') {
        return Err(LinkProblem::Characters);
    }
    let mut url = Url::parse(&text).map_err(|_| LinkProblem::Invalid)?;
    // With a dot at its end, a name is the same host.
    if let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')).map(str::to_owned) {
        url.set_host(Some(&name)).map_err(|_| LinkProblem::Invalid)?;
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LinkProblem::Credentials);
    }
    match url.host() {
        Some(Host::Domain(name)) if is_public_name(name) => {}
        _ => return Err(LinkProblem::NotPublic),
    }
    // The default port is not part of a parsed URL.
    if url.port().is_some() {
        return Err(LinkProblem::Port);
    }
    Ok(url.into())
}

/// Whether a host name in ASCII, in lower case, can be that of a public site.
fn is_public_name(name: &str) -> bool {
    let labels: Vec<_> = name.split('.').collect();
    let [_, .., last] = labels.as_slice() else { return false };
    name.len() <= HOST_MAX_BYTES
        && labels.iter().all(|label| is_label(label))
        && !LOCAL_DOMAINS.contains(last)
}

fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_MAX_BYTES).contains(&label.len())
        && label.bytes().all(is_allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_is_stored_as_the_url_standard_writes_it() {
        for (typed, stored) in [
            ("https://example.com", "https://example.com/"),
            (" HTTPS://Example.COM:443/a/../b?q=1#c \n", "https://example.com/b?q=1#c"),
            (
                "https://m\u{fc}nchen.example.com/stra\u{df}e",
                "https://xn--mnchen-3ya.example.com/stra%C3%9Fe",
            ),
            ("https://mu\u{308}nchen.example.com/", "https://xn--mnchen-3ya.example.com/"),
            ("https://\u{ff45}xample\u{3002}com/", "https://example.com/"),
            ("https://ex\u{200b}am\u{ad}ple.com/\u{200e}", "https://example.com/"),
            ("https://example.com/\u{6cc}\u{200c}\u{645}", "https://example.com/%DB%8C%E2%80%8C%D9%85"),
            ("https://@example.com/", "https://example.com/"),
            ("https://example.com.", "https://example.com/"),
            ("https://example\u{3002}com\u{3002}:443/a.", "https://example.com/a."),
            ("https://my_shop.example.co.uk/%7euser", "https://my_shop.example.co.uk/%7euser"),
        ] {
            assert_eq!(normalize_link(typed).as_deref(), Ok(stored), "{typed}");
            assert_eq!(normalize_link(stored).as_deref(), Ok(stored));
        }
    }

    #[test]
    fn a_link_must_be_a_complete_url_of_https() {
        for link in [
            "http://example.com",
            "https:example.com",
            "https:/example.com",
            "example.com",
            "example.com/a b",
            "//example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "",
        ] {
            assert_eq!(normalize_link(link), Err(LinkProblem::NotHttps), "{link}");
        }
        for link in [
            "https://",
            "https:///",
            "https://exa%mple.com",
            "https://[::1",
            "https://example.com:99999/",
            "https://example.com:x/",
            "https://xn--a.com",
            "https://1.2.3.4.5",
        ] {
            assert_eq!(normalize_link(link), Err(LinkProblem::Invalid), "{link}");
        }
    }

    #[test]
    fn a_link_has_no_characters_that_parsers_disagree_about() {
        for link in [
            "https://exa mple.com",
            "https://example.com/a https://example.com/b",
            "https://example.com/\tb",
            "https://example.com/a\nb",
            "https://example.com/\u{3000}b",
            "https://a.com\\@evil.com",
            "https://a\u{0}b.com",
            "https://a\u{202e}b.com",
            "https://example.com/\u{202e}a",
            "https://example.com/\u{7f}",
            "https://example.com/\u{ffff}",
            "http\u{202e}s://example.com",
        ] {
            assert_eq!(normalize_link(link), Err(LinkProblem::Characters), "{link:?}");
        }
    }

    #[test]
    fn a_link_has_no_credentials_and_no_port() {
        for link in ["https://ann@example.com", "https://ann:pw@example.com/", "https://:pw@example.com/"] {
            assert_eq!(normalize_link(link), Err(LinkProblem::Credentials), "{link}");
        }
        for link in ["https://example.com:80/", "https://example.com:8443", "https://example.com:0/"] {
            assert_eq!(normalize_link(link), Err(LinkProblem::Port), "{link}");
        }
    }

    #[test]
    fn a_link_names_a_public_host() {
        for host in [
            "localhost",
            "LOCALHOST",
            "intranet",
            "com",
            "localhost.",
            "com.",
            "example.com..",
            "printer.local.",
            "a..example.com",
            ".example.com",
            "printer.local",
            "db.internal",
            "a.localhost",
            "a.test",
            "a.example",
            "a.invalid",
            "router.lan",
            "nas.home.arpa",
            "1.0.0.127.in-addr.arpa",
            "a.onion",
            "-a.example.com",
            "a-.example.com",
            "a!b.example.com",
            "a.local\u{3002}",
        ] {
            assert_eq!(normalize_link(&format!("https://{host}/")), Err(LinkProblem::NotPublic), "{host}");
        }
        let long = format!("{}.example.com", "a".repeat(64));
        assert_eq!(normalize_link(&format!("https://{long}/")), Err(LinkProblem::NotPublic));
        let long = "a1.".repeat(90) + "example.com";
        assert_eq!(normalize_link(&format!("https://{long}/")), Err(LinkProblem::NotPublic));
    }

    /// The ways in which a browser accepts an IPv4 address.
    fn notations(address: Ipv4Addr) -> Vec<String> {
        let [a, b, c, d] = address.octets();
        let number = u32::from(address);
        let wide = |text: String| -> String {
            let widen = |c: char| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c.is_ascii_digit());
            text.chars().map(|c| widen(c).unwrap_or(if c == '.' { '\u{3002}' } else { c })).collect()
        };
        vec![
            address.to_string(),
            format!("{address}."),
            number.to_string(),
            format!("0x{number:x}"),
            format!("0{number:o}"),
            format!("{a}.{}", number & 0x00ff_ffff),
            format!("{a}.{b}.{}", number & 0xffff),
            format!("0x{a:x}.0{b:o}.{c}.0x{d:X}"),
            format!("%{:02x}{}", address.to_string().as_bytes()[0], &address.to_string()[1..]),
            wide(address.to_string()),
            format!("[::ffff:{address}]"),
            format!("[::{address}]"),
            format!("[64:ff9b::{address}]"),
        ]
    }

    proptest! {
        #[test]
        fn an_ip_address_is_no_public_host_in_any_notation(number: u32) {
            for host in notations(Ipv4Addr::from(number)) {
                prop_assert_eq!(normalize_link(&format!("https://{host}/")), Err(LinkProblem::NotPublic), "{}", host);
            }
        }

        #[test]
        fn an_ipv6_address_is_no_public_host(number: u128) {
            let address = IpAddr::from(Ipv6Addr::from(number));
            prop_assert_eq!(normalize_link(&format!("https://[{address}]/")), Err(LinkProblem::NotPublic));
        }

        #[test]
        fn normalizing_twice_changes_nothing(text in "https://[a-zA-Zäß。]{1,8}\\.[a-z]{2,4}(:443)?/\\PC{0,20}") {
            if let Ok(link) = normalize_link(&text) {
                prop_assert_eq!(normalize_link(&link), Ok(link.clone()));
                prop_assert!(link.is_ascii() && link.starts_with("https://"));
            }
        }
    }

    #[test]
    fn local_and_private_addresses_are_no_public_hosts() {
        let private = ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0"];
        for address in private {
            for host in notations(address.parse().expect("an address")) {
                assert_eq!(
                    normalize_link(&format!("https://{host}/")),
                    Err(LinkProblem::NotPublic),
                    "{host}"
                );
            }
        }
        for address in ["::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "::ffff:7f00:1"] {
            assert_eq!(normalize_link(&format!("https://[{address}]/")), Err(LinkProblem::NotPublic));
        }
    }
}
