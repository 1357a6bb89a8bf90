//! Accepts connections and serves each of them until it ends.
//!
//! The accept loops of libraries are not used, because each lacks a timeout: `axum::serve` has no setting for
//! how long a connection may take to send the headers of a request, and the connection builder of hyper-util
//! waits without any timeout for the first bytes of a connection that may be upgraded. Without a timeout, a
//! client that opens many connections and sends nothing keeps them open forever (docs/adr/0014).

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::domain::network::client_network;
use crate::http::connection_io::{self, ConnectionHandle, ConnectionIo};
use crate::http::connection_limit::{ConnectionLimit, Permit};
use crate::http::refused_connections::RefusedConnections;
use crate::http::unread_body::BodyTracker;

/// The maximum size of a connection's read buffer, and so of a request's headers.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// The pause after a failure to accept a connection.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long the client of a finished connection may still send when the gateway stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits of the connections, however they are used.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// How long a connection may take to send the headers of its next request.
    pub header_timeout: Duration,
    /// How long a client may take none of the bytes that wait for it.
    pub stall_timeout: Duration,
    /// Open connections in all.
    pub connections: usize,
    /// Open connections of one network.
    pub connections_per_network: usize,
    /// The networks of proxies, which may have more: their connections are those of many clients.
    pub trusted_proxies: Vec<IpNet>,
}

/// What answers the requests. It is cloned for each request.
pub trait RequestService:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> RequestService for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves until `stop` is cancelled, and then until every connection has ended. Dropping the future ends all
/// connections.
pub async fn serve(
    listener: TcpListener,
    service: impl RequestService,
    stop: CancellationToken,
    limits: ServerLimits,
) {
    let mut builder = http1::Builder::new();
    let timer = TokioTimer::new();
    builder.timer(timer).header_read_timeout(limits.header_timeout).max_buf_size(BUFFER_MAX_BYTES);
    let permits = ConnectionLimit::with_total(limits.connections_per_network, limits.connections);
    let service = Arc::new(service);
    let server = Server { builder, service, stop, stall_timeout: limits.stall_timeout };
    let mut refused = RefusedConnections::new(limits.connections, limits.connections_per_network);
    // Dropping the set ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = server.stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (address, network) = (peer.ip().to_canonical(), client_network(peer.ip()));
                let permit = if limits.trusted_proxies.iter().any(|proxies| proxies.contains(&address)) {
                    permits.try_acquire_unlimited(network)
                } else {
                    permits.try_acquire(network)
                };
                match permit {
                    Some(permit) => drop(connections.spawn(server.connection(stream, peer, permit))),
                    None => refused.refuse(stream, peer.ip()),
                }
            }
            Err(error) if RefusedConnections::is_out_of_files(&error) => {
                refused.refuse_without_file(&listener, &error).await;
            }
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accept failed");
                server.stop.run_until_cancelled(tokio::time::sleep(RETRY_DELAY)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What all connections share.
struct Server<S> {
    builder: http1::Builder,
    /// In one place, because a clone in each connection would take its memory as long as that is open.
    service: Arc<S>,
    stop: CancellationToken,
    stall_timeout: Duration,
}

impl<S: RequestService> Server<S> {
    /// Serves a connection until it ends, or until it is upgraded to a WebSocket.
    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Permit<IpAddr>,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let handle = ConnectionHandle::default();
        let (io, mut returned) = ConnectionIo::new(stream, permit, handle.clone(), self.stall_timeout);
        let (service, request_handle) = (Arc::clone(&self.service), handle.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            request_handle.begin_request();
            let (mut request, tracker): (Request, _) = BodyTracker::track(request);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(request_handle.clone());
            let response = S::clone(&service).oneshot(request);
            async move { response.await.map(|response| tracker.finish(response)) }
        });
        let connection = self.builder.serve_connection(TokioIo::new(io), service).with_upgrades();
        let stop = self.stop.clone();
        async move {
            let run = async {
                let mut connection = pin!(connection);
                if let Some(result) = stop.run_until_cancelled(connection.as_mut()).await {
                    return result;
                }
                // A running request is completed; an idle connection closes.
                connection.as_mut().graceful_shutdown();
                connection.await
            };
            match handle.aborted().run_until_cancelled(run).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::debug!(%error, "connection ended"),
                None => tracing::debug!("connection aborted"),
            }
            if let Ok(socket) = returned.try_recv() {
                let close = Box::pin(connection_io::close(socket, handle));
                let stopped = async {
                    stop.cancelled().await;
                    tokio::time::sleep(CLOSE_TIMEOUT).await;
                };
                tokio::select! {
                    () = close => {}
                    () = stopped => {}
                }
            }
        }
    }
}

/// Whether the client closed the connection, rather than a failure of the gateway.
fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, timeout};

    use super::*;

    const TEST_TIMEOUT: Duration = Duration::from_secs(10);

    const LIMITS: ServerLimits = ServerLimits {
        header_timeout: Duration::from_mins(1),
        stall_timeout: Duration::from_secs(1),
        connections: 100,
        connections_per_network: 100,
        trusted_proxies: Vec::new(),
    };

    /// Starts a server on a free port.
    async fn start(router: Router, limits: ServerLimits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        (address, stop.clone(), tokio::spawn(serve(listener, router, stop, limits)))
    }

    async fn wait_until_closed(connection: &mut TcpStream) {
        let mut rest = Vec::new();
        timeout(TEST_TIMEOUT, connection.read_to_end(&mut rest))
            .await
            .expect("the connection should close")
            .ok();
    }

    #[tokio::test]
    async fn shutdown_waits_for_running_requests_and_aborting_ends_them() {
        let router = Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        );
        let (address, stop, mut server) = start(router, LIMITS).await;
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

    /// Sends a request, and never reads.
    async fn request_without_reading(address: SocketAddr) -> TcpStream {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        connection
    }

    /// Waits until the server has ended all connections.
    async fn wait_until_none_is_open(permits: &std::sync::Arc<()>) {
        let start = Instant::now();
        while std::sync::Arc::strong_count(permits) > 1 {
            assert!(start.elapsed() < TEST_TIMEOUT, "a connection is still open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A response body that yields a chunk whenever it is asked for one, after a pause. It counts as open
    /// until it is dropped.
    fn endless_body(chunk: usize, pause: Duration, open: std::sync::Arc<()>) -> Body {
        Body::from_stream(stream::unfold(open, move |open| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, io::Error>(Bytes::from(vec![b'x'; chunk])), open))
        }))
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_cut_off_and_one_that_reads_slowly_is_not() {
        let open = std::sync::Arc::new(());
        // The first fills all buffers. The second fills them, and then writes little: it would fit into the
        // kernel's buffer for long.
        let small = |open: std::sync::Arc<()>| {
            let first = stream::once(async { Ok::<_, io::Error>(Bytes::from(vec![b'x'; 2_000_000])) });
            let rest = stream::unfold(open, |open| async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok(Bytes::from_static(b":\n\n")), open))
            });
            Body::from_stream(futures_util::StreamExt::chain(first, rest))
        };
        let (large_open, small_open) = (open.clone(), open.clone());
        let router = Router::new()
            .route("/", get(move || async move { endless_body(100_000, Duration::ZERO, large_open.clone()) }))
            .route("/small", get(move || async move { small(small_open.clone()) }));
        let (address, _stop, server) = start(router, LIMITS).await;
        let baseline = std::sync::Arc::strong_count(&open);
        let _large = request_without_reading(address).await;
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut small = socket.connect(address).await.unwrap();
        small.write_all(b"GET /small HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut buffer = vec![0; 1_000_000];
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(4) {
            assert!(slow.read(&mut buffer).await.unwrap() > 0);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(std::sync::Arc::strong_count(&open) <= baseline + 1, "only the slow reader is left");
        drop(slow);
        server.abort();
        server.await.ok();
        wait_until_none_is_open(&open).await;
    }

    #[tokio::test]
    async fn connections_beyond_a_limit_are_refused_with_a_response_and_served_again_later() {
        let router = Router::new().route("/", get(|| async { "ok" }));
        let limits = ServerLimits { connections_per_network: 2, ..LIMITS };
        let (address, _stop, _server) = start(router, limits).await;
        let exchange = async || {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut response = String::new();
            timeout(TEST_TIMEOUT, connection.read_to_string(&mut response)).await.expect("an end").unwrap();
            response
        };
        let silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let refused = exchange().await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("RATE_LIMITED"), "{refused}");
        assert!(refused.to_ascii_lowercase().contains("connection: close"), "{refused}");
        drop(silent);
        let start = Instant::now();
        while !exchange().await.starts_with("HTTP/1.1 200") {
            assert!(start.elapsed() < TEST_TIMEOUT, "the permits should be free again");
        }
    }

    #[tokio::test]
    async fn only_trusted_proxies_may_have_more_connections_than_a_network() {
        for (proxies, expected) in [("127.0.0.0/30", "HTTP/1.1 200"), ("192.0.2.0/24", "HTTP/1.1 503")] {
            let trusted_proxies = vec![proxies.parse().unwrap()];
            let limits = ServerLimits { connections_per_network: 1, trusted_proxies, ..LIMITS };
            let (address, _stop, _server) = start(Router::new().route("/", get(|| async {})), limits).await;
            let _silent = TcpStream::connect(address).await.unwrap();
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut response = String::new();
            timeout(TEST_TIMEOUT, connection.read_to_string(&mut response)).await.expect("an end").unwrap();
            assert!(response.starts_with(expected), "{proxies}: {response}");
        }
    }
}
