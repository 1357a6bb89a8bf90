//! Connects to Redis: to one server, to a node of a cluster, or to the master that the sentinels name.

use std::time::Duration;

use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{Client, ConnectionInfo, ErrorKind, RedisError, RedisResult};

/// Redis counts as unavailable if it takes longer than this to respond.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);

/// The addresses of Redis.
#[derive(Debug, Clone)]
pub enum RedisConnector {
    /// One server, or nodes of a cluster. Any node will do: a cluster forwards published messages to all its
    /// nodes.
    Nodes(Vec<Client>),
    /// Each new connection asks the sentinels for the current master, and so follows a failover.
    Sentinels { sentinels: Vec<ConnectionInfo>, master: String, node: Box<SentinelNodeConnectionInfo> },
}

impl RedisConnector {
    /// Checks that Redis responds.
    ///
    /// # Errors
    /// The last connection error, or the error of the PING.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut connection =
            self.connect(async |client| client.get_multiplexed_async_connection().await).await?;
        redis::cmd("PING").query_async(&mut connection).await
    }

    /// Tries the addresses in order and returns the first connection that `connect` opens.
    ///
    /// # Errors
    /// The error of the last address, if none works.
    pub async fn connect<C>(&self, connect: impl AsyncFn(&Client) -> RedisResult<C>) -> RedisResult<C> {
        let mut last_error = RedisError::from((ErrorKind::InvalidClientConfig, "no Redis address"));
        match self {
            Self::Nodes(nodes) => {
                for node in nodes {
                    match with_timeout(connect(node)).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last_error = error,
                    }
                }
            }
            Self::Sentinels { sentinels, master, node } => {
                for sentinel in sentinels {
                    let connection = async {
                        let mut sentinel = Sentinel::build(vec![sentinel.clone()])?;
                        connect(&sentinel.async_master_for(master, Some(node)).await?).await
                    };
                    match with_timeout(connection).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => last_error = error,
                    }
                }
            }
        }
        Err(last_error)
    }
}

/// Runs a request to Redis with a time limit, since a host that is down does not even refuse the connection.
///
/// # Errors
/// The error of the request, or an I/O error if it takes too long.
pub async fn with_timeout<T>(request: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let response = tokio::time::timeout(REDIS_TIMEOUT, request).await;
    response.unwrap_or_else(|_| Err((ErrorKind::Io, "Redis did not respond in time").into()))
}
