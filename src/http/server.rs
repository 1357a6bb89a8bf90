//! Accepts connections and serves each of them until it ends.
//!
//! The accept loops of libraries are not used, because each lacks a timeout: `axum::serve` has no setting for
//! how long a connection may take to send the headers of a request, and the connection builder of hyper-util
//! waits without any timeout for the first bytes of a connection that may be upgraded. Without a timeout, a
//! client that opens many connections and sends nothing keeps them open forever (docs/adr/0014).

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The maximum size of a connection's read buffer, and so of a request's headers.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// The pause after a failure to accept a connection, for example because too many files are open.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Serves until `stop` is cancelled, and then until every connection has ended. A connection that takes
/// longer than `header_timeout` to send the headers of its next request is closed. Dropping the future ends
/// all connections.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, header_timeout: Duration) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(BUFFER_MAX_BYTES);
    // Dropping the set ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_client_error(&error) {
                    tracing::error!(%error, "accept failed");
                    stop.run_until_cancelled(tokio::time::sleep(RETRY_DELAY)).await;
                }
                continue;
            }
        };
        // Sends events immediately instead of collecting small packets.
        stream.set_nodelay(true).ok();
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let result = if let Some(result) = stop.run_until_cancelled(connection.as_mut()).await {
                result
            } else {
                // A running request is completed; an idle connection closes.
                connection.as_mut().graceful_shutdown();
                connection.await
            };
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whether the client closed the connection, rather than a failure of the gateway.
fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    const TEST_TIMEOUT: Duration = Duration::from_secs(10);

    async fn wait_until_closed(connection: &mut TcpStream) {
        let mut rest = Vec::new();
        timeout(TEST_TIMEOUT, connection.read_to_end(&mut rest))
            .await
            .expect("the connection should close")
            .ok();
    }

    #[tokio::test]
    async fn shutdown_waits_for_running_requests_and_aborting_ends_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        );
        let stop = CancellationToken::new();
        let mut server = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_mins(1)));
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"127.0.0.1") {
            timeout(TEST_TIMEOUT, idle.read_buf(&mut response)).await.expect("a response").unwrap();
        }
        let mut incomplete = TcpStream::connect(address).await.unwrap();
        incomplete.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        // Gives the server time to read it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        wait_until_closed(&mut idle).await;
        assert!(
            timeout(Duration::from_millis(300), &mut server).await.is_err(),
            "the server should wait for the incomplete request"
        );
        server.abort();
        wait_until_closed(&mut incomplete).await;
    }
}
