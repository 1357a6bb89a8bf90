//! Connects to Redis: one server, the nodes of a cluster, or whatever the sentinels say is the master.

use std::time::Duration;

use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{Client, ConnectionInfo, ErrorKind, RedisError, RedisResult};

/// A Redis that takes longer than this to answer counts as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How to reach Redis. The master is looked up at each connection, and so follows a failover.
#[derive(Debug, Clone)]
pub enum RedisConnector {
    /// Any of these will do: the nodes of a cluster pass on to each other what is published at one.
    Nodes(Vec<Client>),
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        node: Box<SentinelNodeConnectionInfo>,
    },
}

impl RedisConnector {
    /// Asks a server whether it answers.
    ///
    /// # Errors
    /// Where none does.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut connection =
            self.connect(async |client| client.get_multiplexed_async_connection().await).await?;
        redis::cmd("PING").query_async(&mut connection).await
    }

    /// Connects by `connect` to a server that is there.
    ///
    /// # Errors
    /// What the last one that was tried said.
    pub async fn connect<C>(&self, connect: impl AsyncFn(&Client) -> RedisResult<C>) -> RedisResult<C> {
        let mut failed = RedisError::from((ErrorKind::InvalidClientConfig, "no Redis address"));
        match self {
            Self::Nodes(nodes) => {
                for node in nodes {
                    match within(connect(node)).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => failed = error,
                    }
                }
            }
            Self::Sentinels { sentinels, master, node } => {
                for sentinel in sentinels {
                    let connecting = async {
                        let mut sentinel = Sentinel::build(vec![sentinel.clone()])?;
                        connect(&sentinel.async_master_for(master, Some(node)).await?).await
                    };
                    match within(connecting).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => failed = error,
                    }
                }
            }
        }
        Err(failed)
    }
}

/// A host that is gone without a word answers nothing, not even no.
///
/// # Errors
/// What it says, or that it says nothing.
pub async fn within<T>(asking: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, asking).await;
    answer.unwrap_or_else(|_| Err((ErrorKind::Io, "Redis does not answer").into()))
}
