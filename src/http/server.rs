//! Takes connections, and serves each until it ends.
//!
//! As `axum::serve` does, but for one thing that it cannot be told: how long a connection may take to say what it wants.
//! Without that, whoever opens many and says nothing keeps them for good.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
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

/// The most bytes of a request's headers, and of what is read ahead of a body.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// How long to wait where a connection cannot be taken, such as for want of open files.
const TAKE_AGAIN: Duration = Duration::from_secs(1);

/// Serves until it is to stop, and then until all connections have ended; `header_timeout`, a connection must have sent
/// the headers of its next request.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, header_timeout: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(BUFFER_MAX_BYTES);
    // Whoever drops this ends them, too.
    let mut connections = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            taken = listener.accept() => taken,
        };
        let (stream, client) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                if !is_the_clients(&error) {
                    tracing::error!(%error, "cannot take a connection");
                    stop.run_until_cancelled(tokio::time::sleep(TAKE_AGAIN)).await;
                }
                continue;
            }
        };
        // What is told is told at once, not when more has gathered.
        stream.set_nodelay(true).ok();
        let connection = http.serve_connection(TokioIo::new(stream), answering(router.clone(), client));
        let connection = connection.with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let served = stop.run_until_cancelled(connection.as_mut()).await;
            let served = if let Some(served) = served {
                served
            } else {
                // What it is answering, it answers; and no more.
                connection.as_mut().graceful_shutdown();
                connection.await
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection has ended");
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What is done with each request of a connection from there.
fn answering(
    router: Router,
    client: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future: Send,
> {
    service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(client));
        router.clone().oneshot(request)
    })
}

/// Whether it is the connection that is gone, and not for want of anything here.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
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
