//! The address of Redis: one server, the nodes of a cluster, or the sentinels that know the master.

use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{
    ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, TlsMode,
};

/// The address of Redis. Each connection resolves it again, and so follows a failover.
#[derive(Debug, Clone)]
pub enum RedisAddress {
    /// Any one of these is enough: the nodes of a cluster forward published messages to each other.
    Nodes(Vec<ConnectionInfo>),
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        node: Box<SentinelNodeConnectionInfo>,
    },
}

impl RedisAddress {
    /// Parses `redis://HOST:PORT`, `redis+cluster://HOST:PORT,HOST:PORT..` or
    /// `redis+sentinel://HOST:PORT,HOST:PORT../MASTER`. `rediss` instead of `redis` uses TLS.
    /// `USER:PASSWORD@` in front of the hosts are the credentials for the servers. They are not sent to
    /// sentinels.
    ///
    /// # Errors
    /// The URL has another form. The message does not repeat it, because it may contain a password.
    pub fn parse(url: &str) -> RedisResult<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(protocol, "redis" | "rediss") {
            return Err(malformed());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let hosts: Vec<_> = hosts.split(',').collect();
        let node_urls = |credentials: &str| {
            let at = if credentials.is_empty() { "" } else { "@" };
            hosts.iter().map(|host| format!("{protocol}://{credentials}{at}{host}")).collect::<Vec<_>>()
        };
        match kind {
            "" => Ok(Self::Nodes(vec![url.into_connection_info()?])),
            "cluster" if path.is_empty() => Ok(Self::Nodes(
                node_urls(credentials)
                    .into_iter()
                    .map(IntoConnectionInfo::into_connection_info)
                    .collect::<RedisResult<_>>()?,
            )),
            "sentinel" if !path.is_empty() && !path.contains('/') => {
                let sentinels = node_urls("").into_iter().map(IntoConnectionInfo::into_connection_info);
                Ok(Self::Sentinels {
                    sentinels: sentinels.collect::<RedisResult<_>>()?,
                    master: path.to_owned(),
                    node: Box::new(sentinel_node(
                        protocol == "rediss",
                        credentials,
                        hosts.first().copied().unwrap_or_default(),
                    )?),
                })
            }
            _ => Err(malformed()),
        }
    }
}

/// How to connect to the server that the sentinels name as master.
fn sentinel_node(tls: bool, credentials: &str, host: &str) -> RedisResult<SentinelNodeConnectionInfo> {
    let mut node = SentinelNodeConnectionInfo::default();
    if tls {
        node = node.set_tls_mode(TlsMode::Secure);
    }
    if credentials.is_empty() {
        return Ok(node);
    }
    let info = format!("redis://{credentials}@{host}").into_connection_info()?;
    let settings: &RedisConnectionInfo = info.redis_settings();
    Ok(node.set_redis_connection_info(settings.clone()))
}

fn malformed() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "invalid Redis URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_server_a_cluster_or_sentinels() {
        let nodes = |url: &str| match RedisAddress::parse(url) {
            Ok(RedisAddress::Nodes(nodes)) => nodes.iter().map(|node| node.addr().to_string()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(nodes("redis://a.example.com:1/3"), ["a.example.com:1"]);
        assert_eq!(nodes("redis+cluster://user:secret@a:1,b:2"), ["a:1", "b:2"]);
        let parsed = RedisAddress::parse("rediss+sentinel://:secret@a:1,b:2/main").expect("an address");
        let RedisAddress::Sentinels { sentinels, master, .. } = parsed else {
            panic!("not an address of sentinels")
        };
        assert_eq!((sentinels.len(), master.as_str()), (2, "main"));
        for bad in [
            "a:1",
            "http://a:1",
            "redis+cluster://a:1,b:2/0",
            "redis+sentinel://a:1",
            "redis+other://a:1",
            "redis+cluster://a:x",
        ] {
            assert!(RedisAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
