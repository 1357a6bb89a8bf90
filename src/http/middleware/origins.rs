//! The web origins whose pages may call the API.

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// The web origins whose pages may read responses and open WebSockets.
pub struct Origins {
    allowed: Vec<String>,
    /// The origin of the gateway's public URL.
    own: Option<String>,
    is_development: bool,
}

impl Origins {
    /// Allows the origins in the list, the gateway's own and, in development, those of the local machine.
    pub fn new(allowed: Vec<String>, public_url: &str, is_development: bool) -> Self {
        let own = Url::parse(public_url).ok().map(|url| url.origin().ascii_serialization());
        Self { allowed, own, is_development }
    }

    pub fn is_allowed(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.allowed.iter().any(|allowed| allowed == origin)
            || self.own.as_deref() == Some(origin)
            || (self.is_development && is_local(origin))
    }

    /// Whether the client may open a WebSocket: browsers do not apply CORS to WebSockets. A client that is
    /// not a browser sends no origin and is allowed.
    pub fn allows_websocket(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.is_allowed(origin))
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
    fn listed_and_own_origins_are_allowed_and_local_ones_only_in_development() {
        let is_allowed = |is_development: bool, origin: &'static str| {
            let allowed = vec!["https://app.example.com".to_owned()];
            let origins = Origins::new(allowed, "https://api.example.com/v1", is_development);
            origins.is_allowed(&HeaderValue::from_static(origin))
        };
        for origin in ["https://app.example.com", "https://api.example.com"] {
            assert!(is_allowed(false, origin), "{origin}");
        }
        for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:80"] {
            assert!(is_allowed(true, origin) && !is_allowed(false, origin), "{origin}");
        }
        for origin in [
            "https://evil.example.com",
            "https://app.example.com.evil.com",
            "null",
            "http://localhost.evil.com",
        ] {
            assert!(!is_allowed(true, origin), "{origin}");
        }
    }
}
