//! HTTP/1.1 as it goes over the wire, written and read by hand: no client library would send what is sent here.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::timeout;

/// What is whole must be answered within this.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long to listen to a stream that says nothing.
const STREAM_FOR: Duration = Duration::from_millis(200);

/// How long to wait for what need not come.
const SILENCE: Duration = Duration::from_millis(300);

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All of it is there, and it is HTTP: it must be answered.
    Whole,
    /// Its connection is closed in the middle of it.
    CutOff,
    /// It may be anything: it may also wait for more for ever.
    Unfinished,
}

/// A request as it is sent.
pub struct Request {
    pub bytes: Vec<u8>,
    pub ending: Ending,
    /// It asks for what the schema has, in a way that HTTP has: it should be executed.
    pub is_valid: bool,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    /// By their names in small letters.
    pub headers: Vec<(String, String)>,
    /// Without the chunks it came in.
    pub body: Vec<u8>,
    /// The body of a stream is read until it has told something.
    pub is_complete: bool,
}

impl Request {
    /// The first line's words: the method, and where to.
    pub fn first_line(&self) -> (String, String) {
        let start = self.bytes.iter().take_while(|byte| **byte != b'\n').copied().collect::<Vec<_>>();
        let line = String::from_utf8_lossy(&start).into_owned();
        let mut words = line.split(' ');
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned())
    }

    /// As somebody reads it who wants to know what it was.
    pub fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let shown: String = text.chars().take(6_000).collect();
        format!("{shown}\n({} bytes, {:?})", self.bytes.len(), self.ending)
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is_stream(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        content_type.starts_with("text/event-stream") || content_type.starts_with("multipart/mixed")
    }

    /// Whether a stream has told something.
    fn has_told(&self) -> bool {
        (self.body.ends_with(b"\n\n") && contains(&self.body, b"data:"))
            || (self.body.ends_with(b"--graphql") && contains(&self.body, b"{"))
    }
}

/// One client's connection, which is kept for as long as it can be.
pub struct RawClient {
    address: SocketAddr,
    connection: Option<TcpStream>,
}

impl RawClient {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// The answer; `None` where the connection has ended without one, or nothing need come.
    ///
    /// # Errors
    /// Where something must come and does not, or what comes is no HTTP.
    pub async fn exchange(&mut self, request: &Request) -> std::result::Result<Option<Answer>, String> {
        let must_come = request.ending == Ending::Complete;
        let within = if request.ending == Ending::Arbitrary { SILENCE } else { TIMEOUT };
        loop {
            // A connection that nobody uses may be closed at any time: then it takes a new one.
            let was_kept = self.connection.is_some();
            match timeout(within, self.attempt(request)).await {
                Ok(Ok(Some(answer))) => return Ok(Some(answer)),
                Ok(_) if was_kept => {}
                Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                    return Err(format!("what came is no HTTP: {error}"));
                }
                Ok(Err(error)) if must_come => return Err(format!("the connection broke: {error}")),
                Err(_) if request.ending != Ending::Arbitrary => {
                    return Err(format!("nothing came within {within:?}"));
                }
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(None),
            }
        }
    }

    async fn attempt(&mut self, request: &Request) -> Result<Option<Answer>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect(self.address).await?,
        };
        let (method, _) = request.first_line();
        let mut is_written = false;
        let answer = {
            let (reading, mut writing) = connection.split();
            let mut write = pin!(async {
                writing.write_all(&request.bytes).await?;
                if request.ending == Ending::CutOff { writing.shutdown().await } else { Ok(()) }
            });
            let mut read = pin!(Reader::of(reading).answer(method == "HEAD"));
            loop {
                tokio::select! {
                    answer = &mut read => break answer?,
                    // What cannot be written may have been answered before it was read to its end.
                    _ = &mut write, if !is_written => is_written = true,
                }
            }
        };
        let goes_on = answer.as_ref().is_some_and(|answer| {
            let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            answer.is_complete && answer.status != 101 && !closes
        });
        if goes_on && is_written && request.ending == Ending::Complete {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

/// Reads what comes.
struct Reader<'a> {
    stream: ReadHalf<'a>,
    /// What has come, and was not taken yet.
    rest: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn of(stream: ReadHalf<'a>) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// An answer; `None` where nothing comes any more.
    async fn answer(mut self, is_head: bool) -> Result<Option<Answer>> {
        let mut answer = loop {
            let Some(head) = self.until(b"\r\n\r\n").await? else { return Ok(None) };
            let answer = parse_head(&head).ok_or_else(|| invalid("no head of an answer"))?;
            // What comes before the answer is none.
            if answer.status >= 200 || answer.status == 101 {
                break answer;
            }
        };
        if is_head || matches!(answer.status, 101 | 204 | 304) {
            return Ok(Some(answer));
        }
        if answer.is_stream() {
            let read = timeout(STREAM_FOR, self.body(&mut answer)).await;
            answer.is_complete = matches!(read, Ok(Ok(true)));
            if let Ok(Err(error)) = read {
                return Err(error);
            }
        } else {
            answer.is_complete = self.body(&mut answer).await?;
        }
        Ok(Some(answer))
    }

    /// Reads the body; whether that is all of it.
    async fn body(&mut self, answer: &mut Answer) -> Result<bool> {
        if answer.header("transfer-encoding").is_some() {
            return self.chunks(answer).await;
        }
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(|_| invalid("no length"))?;
            answer.body = self.take(length).await?;
            return Ok(true);
        }
        loop {
            answer.body.append(&mut self.rest);
            if answer.is_stream() && answer.has_told() {
                return Ok(false);
            }
            if !self.more().await? {
                return Ok(true);
            }
        }
    }

    async fn chunks(&mut self, answer: &mut Answer) -> Result<bool> {
        loop {
            let line = self.until(b"\r\n").await?.ok_or(ErrorKind::UnexpectedEof)?;
            let line = String::from_utf8_lossy(&line);
            let length =
                usize::from_str_radix(line.trim(), 16).map_err(|_| invalid("no length of a chunk"))?;
            let chunk = self.take(length + 2).await?;
            answer.body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                return Ok(true);
            }
            if answer.is_stream() && answer.has_told() {
                return Ok(false);
            }
        }
    }

    /// Everything up to the mark, and it; `None` where nothing comes any more.
    async fn until(&mut self, mark: &[u8]) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.rest.windows(mark.len()).position(|window| window == mark) {
                let behind = self.rest.split_off(at + mark.len());
                return Ok(Some(std::mem::replace(&mut self.rest, behind)));
            }
            if !self.more().await? {
                return if self.rest.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.rest.len() < length {
            if !self.more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let behind = self.rest.split_off(length);
        Ok(std::mem::replace(&mut self.rest, behind))
    }

    /// Reads on; whether there was anything.
    async fn more(&mut self) -> Result<bool> {
        Ok(self.stream.read_buf(&mut self.rest).await? > 0)
    }
}

fn parse_head(head: &[u8]) -> Option<Answer> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Answer { status, headers, body: Vec::new(), is_complete: true })
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

pub fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
