//! The console: the pages for people that the gateway serves (docs/adr/0042). Its files come from web/console.

use axum::http::HeaderValue;
use url::Url;

use crate::http::console_files::ConsoleFiles;

/// The addresses of the console. All have the same page, which shows by its address what was asked for.
pub const PAGES: [&str; 10] = [
    "/",
    "/admin",
    "/dashboard",
    "/gigs/{id}",
    "/review",
    "/sell",
    "/sell/new",
    "/sign-in",
    "/sign-up",
    "/verification",
];

/// The file of all [`PAGES`].
pub const INDEX: &str = "index.html";

/// The file of `/graphiql`. It is a document of its own, because its editor needs a looser policy for styles.
pub const GRAPHIQL: &str = "graphiql.html";

/// The console, if it is switched on.
#[derive(Debug)]
pub struct Console {
    pub files: ConsoleFiles,
    /// The `Content-Security-Policy` of [`INDEX`].
    pub policy: HeaderValue,
    /// The `Content-Security-Policy` of [`GRAPHIQL`].
    pub graphiql_policy: HeaderValue,
}

impl Console {
    /// `public_url` is where clients reach the gateway: the URLs in its responses begin with it.
    pub fn new(files: ConsoleFiles, public_url: &str) -> Self {
        let origin = own_origin(public_url);
        // Pictures that are not uploaded yet, and placeholders, are blobs and data.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; worker-src 'self'; \
             manifest-src 'self'; img-src 'self'{origin} blob: data:; connect-src 'self'{origin}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        // The editor of GraphiQL, Monaco, writes style elements, and starts workers from blobs.
        let graphiql_policy = policy
            .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
            .replace("font-src 'self'", "font-src 'self' data:")
            .replace("worker-src 'self'", "worker-src 'self' blob:");
        let value = |policy: String| HeaderValue::from_str(&policy).expect("an origin is ASCII");
        Self { files, policy: value(policy), graphiql_policy: value(graphiql_policy) }
    }
}

/// The origin of the gateway as a source of a policy, for HTTP and WebSocket, with a space in front of each. A browser
/// may have opened the page under another name of the same gateway, such as `localhost`; and not every browser lets
/// `'self'` include WebSockets.
fn own_origin(public_url: &str) -> String {
    let Ok(url) = Url::parse(public_url) else { return String::new() };
    let origin = url.origin().ascii_serialization();
    let socket_origin = origin.replacen("http", "ws", 1);
    format!(" {origin} {socket_origin}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_allow_only_the_gateway_itself() {
        let console = Console::new(ConsoleFiles::default(), "https://api.example.com/base");
        let policy = console.policy.to_str().unwrap();
        for source in policy.split([';', ' ']).filter(|word| word.contains("://")) {
            assert!(["https://api.example.com", "wss://api.example.com"].contains(&source), "{source}");
        }
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let graphiql_policy = console.graphiql_policy.to_str().unwrap();
        assert!(graphiql_policy.contains("script-src 'self';"), "{graphiql_policy}");
        assert_eq!(graphiql_policy.matches("unsafe").count(), 1, "{graphiql_policy}");
    }
}
