//! Which web pages may call this API.

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// The web origins whose pages may read answers and open sockets.
pub struct Origins {
    listed: Vec<String>,
    own: Option<String>,
    development: bool,
}

impl Origins {
    /// Those listed, the installation's own, and in development every port of this machine.
    pub fn new(listed: Vec<String>, public_url: &str, development: bool) -> Self {
        let own = Url::parse(public_url).ok().map(|url| url.origin().ascii_serialization());
        Self { listed, own, development }
    }

    pub fn allow(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.listed.iter().any(|listed| listed == origin)
            || self.own.as_deref() == Some(origin)
            || (self.development && is_local(origin))
    }

    /// Whether a socket may be opened: CORS does not guard those, so this does. What is no browser sends no
    /// origin, and needs none.
    pub fn allow_socket(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.allow(origin))
    }
}

fn is_local(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_listed_origins_may_call_and_in_development_local_ones() {
        let allows = |development: bool, origin: &'static str| {
            let listed = vec!["https://app.example.com".to_owned()];
            let origins = Origins::new(listed, "https://api.example.com/v1", development);
            origins.allow(&HeaderValue::from_static(origin))
        };
        for origin in ["https://app.example.com", "https://api.example.com"] {
            assert!(allows(false, origin), "{origin}");
        }
        for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:80"] {
            assert!(allows(true, origin) && !allows(false, origin), "{origin}");
        }
        for origin in [
            "https://evil.example.com",
            "https://app.example.com.evil.com",
            "null",
            "http://localhost.evil.com",
        ] {
            assert!(!allows(true, origin), "{origin}");
        }
    }
}
