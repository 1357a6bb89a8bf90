//! The web origins whose pages may call the API.

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// The web origins whose pages may read responses and open WebSockets.
pub struct Origins {
    /// Origins, and patterns such as `https://*.example.com`.
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
        self.allowed.iter().any(|allowed| matches(allowed, origin))
            || self.own.as_deref() == Some(origin)
            || (self.is_development && is_local(origin))
    }

    /// Whether the client may open a WebSocket: browsers do not apply CORS to WebSockets. A client that is
    /// not a browser sends no origin and is allowed.
    pub fn allows_websocket(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.is_allowed(origin))
    }
}

/// Whether the origin is the allowed one. In `https://*.example.com`, the star stands for exactly one label of the
/// host name, as in a TLS certificate.
fn matches(allowed: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = allowed.split_once("://*.") else { return allowed == origin };
    let host = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let label = host.and_then(|host| host.strip_suffix(domain)?.strip_suffix('.'));
    let is_label_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    label.is_some_and(|label| !label.is_empty() && label.bytes().all(is_label_byte))
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
    fn a_star_stands_for_one_label() {
        let is_allowed = |origin: &'static str| {
            let allowed = ["https://*.example.com", "http://*.dev.example.org:8443"].map(str::to_owned);
            let origins = Origins::new(allowed.into(), "https://api.example.net", false);
            origins.is_allowed(&HeaderValue::from_static(origin))
        };
        for origin in
            ["https://app.example.com", "https://pr-12.example.com", "http://a.dev.example.org:8443"]
        {
            assert!(is_allowed(origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://.example.com",
            "https://a.b.example.com",
            "https://evilexample.com",
            "https://app.example.com.evil.com",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "http://app.example.com",
            "https://evil.com/.example.com",
            "https://evil.com#.example.com",
            "https://evil.com?.example.com",
            "https://user@app.example.com",
            "https://evil.com:80@app.example.com",
            "https://*.example.com",
            "https://app.example.co",
            "https://a.dev.example.org:8443",
            "http://a.dev.example.org",
            "http://a.dev.example.org:84430",
            "null",
            "",
        ] {
            assert!(!is_allowed(origin), "{origin}");
        }
    }

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
