//! Accepts connections and serves each of them until it ends.
//!
//! hyper-util serves the connections and shuts them down; axum's own `serve` does the same, but has no setting for how long
//! a connection may take to send the headers of a request. Without that time-out, a client that opens many connections
//! and sends nothing keeps them for good (docs/adr/0014).

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The most bytes of a request's headers, and of what is read ahead of a body.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// The pause before the next attempt if no connection can be accepted, for example for want of open files.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Serves until `stop` is cancelled, and then until every connection has ended. A connection that takes longer than
/// `header_timeout` to send the headers of its next request is closed. Dropping the future ends all connections.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, header_timeout: Duration) {
    // HTTP/2 is the proxy's.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(BUFFER_MAX_BYTES);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_client_error(&error) {
                    tracing::error!(%error, "accept failed");
                    stop.run_until_cancelled(tokio::time::sleep(RETRY_DELAY)).await;
                }
                continue;
            }
        };
        // An event is sent at once, and not when more has gathered.
        stream.set_nodelay(true).ok();
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            router.clone().oneshot(request)
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "connection ended");
            }
        });
    }
    drop(listener);
    // Requests under way are answered; idle connections close.
    graceful.shutdown().await;
}

/// Whether the connection is gone, rather than something missing here.
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

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Waits until the connection has ended.
    async fn ended(connection: &mut TcpStream) {
        let mut rest = Vec::new();
        timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("an end").ok();
    }

    #[tokio::test]
    async fn it_waits_for_what_is_under_way_and_who_ends_it_ends_that_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.ip().to_string() }),
        );
        let stop = CancellationToken::new();
        let mut server = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_mins(1)));
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"127.0.0.1") {
            timeout(PATIENCE, idle.read_buf(&mut said)).await.expect("an answer").unwrap();
        }
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        // Until it has been read.
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        ended(&mut idle).await;
        assert!(timeout(Duration::from_millis(300), &mut server).await.is_err(), "one is under way");
        server.abort();
        ended(&mut half).await;
    }
}
