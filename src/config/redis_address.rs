//! Where Redis is: one server, the nodes of a cluster, or whatever the sentinels say is the master.

use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{
    ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, TlsMode,
};

/// Where Redis is. It is looked up anew at each connection, and so follows a failover.
#[derive(Debug, Clone)]
pub enum RedisAddress {
    /// Any of these will do: the nodes of a cluster pass on to each other what is published at one.
    Nodes(Vec<ConnectionInfo>),
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        node: Box<SentinelNodeConnectionInfo>,
    },
}

impl RedisAddress {
    /// Reads `redis://HOST:PORT`, `redis+cluster://HOST:PORT,HOST:PORT..` or `redis+sentinel://HOST:PORT,..
    /// /MASTER`; with `rediss` in place of `redis` over TLS, and with `USER:PASSWORD@` in front of the hosts, which is for the
    /// servers: sentinels are asked without.
    ///
    /// # Errors
    /// Where it is none of these; the text is not repeated.
    pub fn parse(url: &str) -> RedisResult<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(plain, "redis" | "rediss") {
            return Err(malformed());
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let hosts: Vec<_> = hosts.split(',').collect();
        let each = |login: &str| {
            let at = if login.is_empty() { "" } else { "@" };
            hosts.iter().map(|host| format!("{plain}://{login}{at}{host}")).collect::<Vec<_>>()
        };
        match kind {
            "" => Ok(Self::Nodes(vec![url.into_connection_info()?])),
            "cluster" if path.is_empty() => Ok(Self::Nodes(
                each(login)
                    .into_iter()
                    .map(IntoConnectionInfo::into_connection_info)
                    .collect::<RedisResult<_>>()?,
            )),
            "sentinel" if !path.is_empty() && !path.contains('/') => {
                let sentinels = each("").into_iter().map(IntoConnectionInfo::into_connection_info);
                Ok(Self::Sentinels {
                    sentinels: sentinels.collect::<RedisResult<_>>()?,
                    master: path.to_owned(),
                    node: Box::new(node(
                        plain == "rediss",
                        login,
                        hosts.first().copied().unwrap_or_default(),
                    )?),
                })
            }
            _ => Err(malformed()),
        }
    }
}

/// How to connect to whatever the sentinels name: with the login of the address.
fn node(tls: bool, login: &str, host: &str) -> RedisResult<SentinelNodeConnectionInfo> {
    let mut node = SentinelNodeConnectionInfo::default();
    if tls {
        node = node.set_tls_mode(TlsMode::Secure);
    }
    if login.is_empty() {
        return Ok(node);
    }
    let info = format!("redis://{login}@{host}").into_connection_info()?;
    let settings: &RedisConnectionInfo = info.redis_settings();
    Ok(node.set_redis_connection_info(settings.clone()))
}

fn malformed() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "this is no address of Redis"))
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
        let RedisAddress::Sentinels { sentinels, master, .. } = parsed else { panic!("no sentinels") };
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
