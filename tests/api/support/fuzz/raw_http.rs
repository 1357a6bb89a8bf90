//! A raw HTTP/1.1 client. HTTP libraries refuse to send the malformed requests of these tests.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::timeout;

/// A complete request must get a response within this time.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long to read from a stream without events.
const STREAM_READ_TIME: Duration = Duration::from_millis(200);

/// How long to wait for an optional response.
const OPTIONAL_RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A complete HTTP request, which must get a response.
    Complete,
    /// The client closes its side of the connection early.
    CutOff,
    /// Arbitrary bytes. The gateway may wait for more of them, so a response is optional.
    Arbitrary,
}

/// The bytes of a request.
pub struct Request {
    pub bytes: Vec<u8>,
    pub ending: Ending,
    /// Whether the request is valid HTTP and a valid operation, so that it should be executed.
    pub is_valid: bool,
}

/// A response.
pub struct Response {
    pub status: u16,
    /// The names are in lower case.
    pub headers: Vec<(String, String)>,
    /// Without the framing of chunks.
    pub body: Vec<u8>,
    /// `false` for a stream, which is read until the first payload.
    pub is_complete: bool,
}

impl Request {
    /// The method and the target of the first line.
    pub fn method_and_target(&self) -> (String, String) {
        let start = self.bytes.iter().take_while(|byte| **byte != b'\n').copied().collect::<Vec<_>>();
        let line = String::from_utf8_lossy(&start).into_owned();
        let mut words = line.split(' ');
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned())
    }

    /// The start of the request, for failure messages.
    pub fn summary(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let start: String = text.chars().take(6_000).collect();
        format!("{start}\n({} bytes, {:?})", self.bytes.len(), self.ending)
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn is_stream(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        content_type.starts_with("text/event-stream") || content_type.starts_with("multipart/mixed")
    }

    /// Whether a stream has sent a payload.
    fn has_payload(&self) -> bool {
        (self.body.ends_with(b"\n\n") && contains(&self.body, b"data:"))
            || (self.body.ends_with(b"--graphql") && contains(&self.body, b"{"))
    }
}

/// A client with one connection, which is reused if possible.
pub struct RawClient {
    address: SocketAddr,
    connection: Option<TcpStream>,
}

impl RawClient {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a request and returns the response. `None` if the gateway closes the connection without one, or
    /// if the response is optional and none comes.
    ///
    /// # Errors
    /// There is no response in time, the connection broke, or the response is not HTTP.
    pub async fn exchange(&mut self, request: &Request) -> std::result::Result<Option<Response>, String> {
        let is_required = request.ending == Ending::Complete;
        let time_limit =
            if request.ending == Ending::Arbitrary { OPTIONAL_RESPONSE_TIMEOUT } else { TIMEOUT };
        loop {
            // The gateway may close an idle connection at any time. Then the request is sent again over a new
            // one.
            let was_reused = self.connection.is_some();
            match timeout(time_limit, self.attempt(request)).await {
                Ok(Ok(Some(response))) => return Ok(Some(response)),
                Ok(_) if was_reused => {}
                Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                    return Err(format!("the response is not HTTP: {error}"));
                }
                Ok(Err(error)) if is_required => return Err(format!("the connection broke: {error}")),
                Err(_) if request.ending != Ending::Arbitrary => {
                    return Err(format!("no response within {time_limit:?}"));
                }
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(None),
            }
        }
    }

    async fn attempt(&mut self, request: &Request) -> Result<Option<Response>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect(self.address).await?,
        };
        let (method, _) = request.method_and_target();
        let mut is_written = false;
        let response = {
            let (read_half, mut write_half) = connection.split();
            let mut write = pin!(async {
                write_half.write_all(&request.bytes).await?;
                if request.ending == Ending::CutOff { write_half.shutdown().await } else { Ok(()) }
            });
            let mut read = pin!(Reader::new(read_half).read_response(method == "HEAD"));
            loop {
                tokio::select! {
                    response = &mut read => break response?,
                    // If writing fails, the response may still come: the gateway may respond before it has
                    // read everything.
                    _ = &mut write, if !is_written => is_written = true,
                }
            }
        };
        let can_be_reused = response.as_ref().is_some_and(|response| {
            let closes =
                response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            response.is_complete && response.status != 101 && !closes
        });
        if can_be_reused && is_written && request.ending == Ending::Complete {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

/// Reads a response from a connection.
struct Reader<'a> {
    stream: ReadHalf<'a>,
    /// Bytes that were received and not parsed yet.
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(stream: ReadHalf<'a>) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next response. `None` at the end of the connection.
    async fn read_response(mut self, is_head: bool) -> Result<Option<Response>> {
        let mut response = loop {
            let Some(head) = self.read_until(b"\r\n\r\n").await? else { return Ok(None) };
            let response = parse_head(&head).ok_or_else(|| invalid("invalid head of a response"))?;
            // Informational responses come before the final response.
            if response.status >= 200 || response.status == 101 {
                break response;
            }
        };
        if is_head || matches!(response.status, 101 | 204 | 304) {
            return Ok(Some(response));
        }
        if response.is_stream() {
            let read = timeout(STREAM_READ_TIME, self.read_body(&mut response)).await;
            response.is_complete = matches!(read, Ok(Ok(true)));
            if let Ok(Err(error)) = read {
                return Err(error);
            }
        } else {
            response.is_complete = self.read_body(&mut response).await?;
        }
        Ok(Some(response))
    }

    /// Reads the body. Returns whether it is complete.
    async fn read_body(&mut self, response: &mut Response) -> Result<bool> {
        if response.header("transfer-encoding").is_some() {
            return self.read_chunks(response).await;
        }
        if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| invalid("invalid content-length"))?;
            response.body = self.read_exact(length).await?;
            return Ok(true);
        }
        loop {
            response.body.append(&mut self.buffer);
            if response.is_stream() && response.has_payload() {
                return Ok(false);
            }
            if !self.fill_buffer().await? {
                return Ok(true);
            }
        }
    }

    /// Reads a chunked body. Returns whether it is complete.
    async fn read_chunks(&mut self, response: &mut Response) -> Result<bool> {
        loop {
            let line = self.read_until(b"\r\n").await?.ok_or(ErrorKind::UnexpectedEof)?;
            let line = String::from_utf8_lossy(&line);
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| invalid("invalid chunk size"))?;
            let chunk = self.read_exact(length + 2).await?;
            response.body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return Ok(true);
            }
            if response.is_stream() && response.has_payload() {
                return Ok(false);
            }
        }
    }

    /// Everything up to and including the delimiter. `None` at the end of the connection.
    async fn read_until(&mut self, delimiter: &[u8]) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.buffer.windows(delimiter.len()).position(|window| window == delimiter) {
                let after = self.buffer.split_off(at + delimiter.len());
                return Ok(Some(std::mem::replace(&mut self.buffer, after)));
            }
            if !self.fill_buffer().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn read_exact(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill_buffer().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let after = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, after))
    }

    /// Reads more bytes. Returns `false` at the end of the connection.
    async fn fill_buffer(&mut self) -> Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn parse_head(head: &[u8]) -> Option<Response> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Response { status, headers, body: Vec::new(), is_complete: true })
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

pub fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
