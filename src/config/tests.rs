use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::config::*;

/// The variable that the error names, if the settings are invalid.
fn invalid_variable(change: impl FnOnce(&mut Settings)) -> Option<&'static str> {
    let mut settings = Settings::default();
    change(&mut settings);
    Config::from_settings(settings).err().map(|error| error.variable)
}

#[test]
fn all_settings_are_optional_in_development() {
    let config = Config::from_settings(Settings::default()).expect("the defaults are valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert!(matches!(config.database, DatabaseAddress::Sqlite(file) if file.ends_with("gigway.sqlite")));
    assert!(config.redis.is_none() && config.limits == Limits::default());
}

#[test]
fn an_invalid_value_is_reported_with_its_variable() {
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(invalid_variable(|s| s.listen = text("8080")), Some("GIGWAY_LISTEN"));
    assert_eq!(invalid_variable(|s| s.public_url = text("example.com")), Some("GIGWAY_PUBLIC_URL"));
    for bad in ["mysql://x/y", "sqlite:", "sqlite::memory:", "nonsense"] {
        assert_eq!(invalid_variable(|s| s.database_url = text(bad)), Some("DATABASE_URL"), "{bad}");
    }
    assert_eq!(invalid_variable(|s| s.redis_url = text("localhost:6379")), Some("REDIS_URL"));
    assert_eq!(invalid_variable(|s| s.env = text("staging")), Some("GIGWAY_ENV"));
    assert_eq!(invalid_variable(|s| s.token_secret = text("short")), Some("GIGWAY_TOKEN_SECRET"));
    assert_eq!(invalid_variable(|s| s.env = text("production")), Some("GIGWAY_TOKEN_SECRET"));
    for bad in ["https://a.example/", "a.example", "https://a.example,*"] {
        assert_eq!(
            invalid_variable(|s| s.allowed_origins = text(bad)),
            Some("GIGWAY_ALLOWED_ORIGINS"),
            "{bad}"
        );
    }
    assert_eq!(invalid_variable(|s| s.proxies = text("1")), Some("GIGWAY_PROXIES"));
    assert_eq!(invalid_variable(|s| s.trusted_proxies = text("10.0.0.0/8, 192.0.2.1,2001:db8::/32,")), None);
    for bad in ["1", "10.0.0.0/33", "proxy.example.com", "0.0.0.0/0", "10.0.0.1,::/0", "::ffff:0.0.0.0/96"] {
        assert_eq!(
            invalid_variable(|s| s.trusted_proxies = text(bad)),
            Some("GIGWAY_TRUSTED_PROXIES"),
            "{bad}"
        );
    }
    assert_eq!(invalid_variable(|s| s.tcp_connections = text("0")), Some("GIGWAY_TCP_CONNECTIONS"));
    let variable = invalid_variable(|s| s.tcp_connections_per_address = text("0"));
    assert_eq!(variable, Some("GIGWAY_TCP_CONNECTIONS_PER_ADDRESS"));
    assert_eq!(invalid_variable(|s| s.federation = text("yes")), Some("GIGWAY_FEDERATION"));
    assert_eq!(invalid_variable(|s| s.console = text("yes")), Some("GIGWAY_CONSOLE"));
    assert_eq!(invalid_variable(|s| s.message_seconds = text("0")), Some("GIGWAY_MESSAGE_SECONDS"));
    assert_eq!(invalid_variable(|s| s.stall_seconds = text("0")), Some("GIGWAY_STALL_SECONDS"));
    assert_eq!(invalid_variable(|s| s.sign_in_failures = text("0")), Some("GIGWAY_SIGN_IN_FAILURES"));
    assert_eq!(invalid_variable(|s| s.access_token_seconds = text("0")), Some("GIGWAY_ACCESS_TOKEN_SECONDS"));
    assert_eq!(
        invalid_variable(|s| s.refresh_retry_seconds = text("-1")),
        Some("GIGWAY_REFRESH_RETRY_SECONDS")
    );
    assert_eq!(
        invalid_variable(|s| s.limits = text(r#"{"review":{"days":2147483647}}"#)),
        Some("GIGWAY_LIMITS")
    );
    for bad in [
        "https://*.com",
        "https://*",
        "https://*example.com",
        "https://a.*.example.com",
        "*.example.com",
        "https://*.example.com/",
        "https://*.*.example.com",
        "https://*.10.0.0.1",
        "https://*.EXAMPLE.com",
    ] {
        assert_eq!(
            invalid_variable(|s| s.allowed_origins = text(bad)),
            Some("GIGWAY_ALLOWED_ORIGINS"),
            "{bad}"
        );
    }
    assert_eq!(invalid_variable(|s| s.allowed_origins = text("https://*.example.com,http://*.a.b:1")), None);
    assert_eq!(invalid_variable(|s| s.allowed_headers = text("x-a, X-B")), None);
    for bad in ["x a", "x-a: b", "é"] {
        assert_eq!(
            invalid_variable(|s| s.allowed_headers = text(bad)),
            Some("GIGWAY_ALLOWED_HEADERS"),
            "{bad}"
        );
    }
    assert_eq!(
        invalid_variable(|s| s.allow_plain_connections = text("yes")),
        Some("GIGWAY_ALLOW_PLAIN_CONNECTIONS")
    );
    let production = |s: &mut Settings| {
        s.env = text("production");
        s.token_secret = text("a secret of at least 32 characters");
        s.index_key = text("a secret of at least 32 characters");
        s.encryption_keys = Some(format!("a:{}", BASE64_STANDARD.encode([7; 32])));
    };
    assert_eq!(invalid_variable(production), Some("GIGWAY_PUBLIC_URL"));
    for bad in ["", "a", "a:short", ":AAAA", "a b:AAAA"] {
        assert_eq!(
            invalid_variable(|s| s.encryption_keys = text(bad)),
            Some("GIGWAY_ENCRYPTION_KEYS"),
            "{bad}"
        );
    }
    assert_eq!(invalid_variable(|s| s.index_key = text("@/nowhere/at/all")), Some("GIGWAY_INDEX_KEY"));
    let key = BASE64_STANDARD.encode([7; 32]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("a:{key}\nb:{key}\n")).unwrap();
    assert_eq!(invalid_variable(|s| s.encryption_keys = Some(format!("@{}", file.path().display()))), None);
    assert_eq!(
        invalid_variable(|s| s.encryption_keys = Some(format!("a:{key},a:{key}"))),
        Some("GIGWAY_ENCRYPTION_KEYS")
    );
    assert_eq!(invalid_variable(|s| s.encryption_keys = Some(format!("a:{key},\nb:{key}"))), None);
    assert_eq!(invalid_variable(|s| s.limits = text(r#"{"gig":{"imageMax":8}}"#)), Some("GIGWAY_LIMITS"));
    assert_eq!(invalid_variable(|s| s.log = text("gigway=loud")), Some("GIGWAY_LOG"));
    assert_eq!(invalid_variable(|s| s.log_format = text("xml")), Some("GIGWAY_LOG_FORMAT"));
}

#[test]
fn an_error_is_one_line_and_contains_no_secret() {
    let secret = "postgres//user:hunter2@host";
    let settings = Settings { database_url: Some(secret.into()), ..Settings::default() };
    let error = Config::from_settings(settings).expect_err("not a URL").to_string();
    assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
    assert!(error.starts_with("DATABASE_URL is ") && error.contains("postgres://gigway"), "{error}");
}

#[test]
fn proxies_are_compared_in_canonical_form() {
    let mapped = "::ffff:10.1.0.0/104,::ffff:192.0.2.1,::ffff:192.0.2.2/128,::fffe:10.0.0.0/104";
    let settings = Settings { trusted_proxies: Some(mapped.to_owned()), ..Settings::default() };
    let proxies = Config::from_settings(settings).expect("networks").trusted_proxies;
    let proxies: Vec<_> = proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1/32", "192.0.2.2/32", "::fffe:a00:0/104"]);
}

#[test]
fn the_url_of_a_database_names_its_host() {
    for url in
        ["postgres:///x", "postgresql:///", "postgres:/x", "postgres:///x?host=", "postgres:///x?port=1"]
    {
        let settings = Settings { database_url: Some(url.to_owned()), ..Settings::default() };
        let error = Config::from_settings(settings).expect_err(url).to_string();
        assert!(error.starts_with("DATABASE_URL names no host"), "{url}: {error}");
    }
}

#[test]
fn the_version_of_the_consent_is_one_short_line() {
    let variable = |version: &str| invalid_variable(|s| s.consent_version = Some(version.to_owned()));
    assert_eq!(variable(" 2026-11 "), None);
    assert_eq!(variable(""), None);
    assert_eq!(variable("2026\n11"), Some("GIGWAY_CONSENT_VERSION"));
    assert_eq!(variable(&"x".repeat(101)), Some("GIGWAY_CONSENT_VERSION"));
}
