//! How to reach the configured Redis.

use crate::config::RedisAddress;
use crate::events::redis_connector::RedisConnector;

/// Returns a connector to the configured Redis.
///
/// # Errors
/// If an address is malformed.
pub fn of_address(address: &RedisAddress) -> redis::RedisResult<RedisConnector> {
    Ok(match address {
        RedisAddress::Nodes(nodes) => {
            let clients = nodes.iter().map(|node| redis::Client::open(node.clone()));
            RedisConnector::Nodes(clients.collect::<redis::RedisResult<_>>()?)
        }
        RedisAddress::Sentinels { sentinels, master, node } => RedisConnector::Sentinels {
            sentinels: sentinels.clone(),
            master: master.clone(),
            node: node.clone(),
        },
    })
}
