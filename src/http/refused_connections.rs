//! Refuses connections beyond the limits, with a response as far as that costs little.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::graphql::error::ErrorCode;

/// The maximum number of refused connections that receive a response at a time. Others are only closed.
const RESPONSES_MAX: usize = 64;

/// How long a refused client may take to receive the response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause if not even one connection can be accepted to refuse it.
const PAUSE: Duration = Duration::from_millis(100);

/// The time between two lines of the log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Refuses connections, and logs how many.
pub struct RefusedConnections {
    response: String,
    responses: JoinSet<()>,
    /// Is closed to accept one connection when no more files can be opened.
    spare_file: Option<File>,
    /// Connections refused since the last line of the log.
    count: usize,
    logged_at: Option<Instant>,
}

impl RefusedConnections {
    pub fn new(connections: usize, connections_per_network: usize) -> Self {
        let code: &str = ErrorCode::RateLimited.into();
        let message = format!(
            "Too many connections: a network may have at most {connections_per_network}, and all clients \
             together {connections}."
        );
        let error = serde_json::json!({ "message": message, "extensions": { "code": code } });
        let body = serde_json::json!({ "errors": [error] }).to_string();
        let response = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             retry-after: 5\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        Self { response, responses: JoinSet::new(), spare_file: spare_file(), count: 0, logged_at: None }
    }

    /// Whether a connection could not be accepted because too many files are open.
    pub fn is_out_of_files(error: &io::Error) -> bool {
        let code = error.raw_os_error();
        [Errno::MFILE, Errno::NFILE].iter().any(|errno| code == Some(errno.raw_os_error()))
    }

    /// Refuses a connection.
    pub fn refuse(&mut self, mut stream: TcpStream, address: IpAddr) {
        self.log(Some(address));
        while self.responses.try_join_next().is_some() {}
        if self.responses.len() >= RESPONSES_MAX {
            return;
        }
        let response = self.response.clone();
        self.responses.spawn(async move {
            let respond = async {
                stream.write_all(response.as_bytes()).await?;
                stream.shutdown().await?;
                // Receives the request: the client might otherwise get a reset before the response.
                let mut request = [0; 1024];
                while stream.read(&mut request).await? > 0 {}
                Ok::<_, io::Error>(())
            };
            timeout(RESPONSE_TIMEOUT, respond).await.ok();
        });
    }

    /// Refuses the next connection although no more files can be opened.
    pub async fn refuse_without_file(&mut self, listener: &TcpListener, error: &io::Error) {
        self.log(None);
        tracing::debug!(%error, "accept failed");
        drop(self.spare_file.take());
        let accepted = timeout(PAUSE, listener.accept()).await;
        let is_refused = matches!(accepted, Ok(Ok(_)));
        drop(accepted);
        self.spare_file = spare_file();
        if !is_refused {
            sleep(PAUSE).await;
        }
    }

    /// Counts a refused connection. An address is missing if the gateway has too many files open.
    fn log(&mut self, address: Option<IpAddr>) {
        self.count += 1;
        if self.logged_at.is_some_and(|logged_at| logged_at.elapsed() < LOG_INTERVAL) {
            return;
        }
        let count = std::mem::take(&mut self.count);
        self.logged_at = Some(Instant::now());
        if let Some(address) = address {
            tracing::warn!(count, %address, "connections refused: too many are open");
        } else {
            tracing::error!(count, "connections refused: too many files are open");
        }
    }
}

fn spare_file() -> Option<File> {
    File::open("/dev/null").ok()
}
