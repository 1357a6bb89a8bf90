//! Parses event streams (server-sent events) as browsers do.

use std::time::Duration;

use reqwest::Response;

/// Time limit of a wait. Longer than the interval of keep-alive comments.
const TIMEOUT: Duration = Duration::from_mins(1);

/// One event of a stream.
#[derive(Debug)]
pub struct StreamEvent {
    /// `message` if the stream has no name for it.
    pub name: String,
    /// The last id of the stream, of this event or an earlier one.
    pub id: String,
    pub data: String,
}

/// An event stream and the state of its parser.
pub struct EventStream {
    response: Response,
    /// Bytes of an incomplete line.
    buffer: Vec<u8>,
    name: String,
    data: Option<String>,
    id: String,
    /// The reconnection time that the server has set.
    pub retry: Option<Duration>,
}

impl EventStream {
    /// Reads the body of this response.
    pub fn new(response: Response) -> Self {
        let name = String::new();
        Self { response, buffer: Vec::new(), name, data: None, id: String::new(), retry: None }
    }

    /// The next event. `None` at the end of the stream. Cancel-safe.
    pub async fn next(&mut self) -> reqwest::Result<Option<StreamEvent>> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if let Some(event) = self.parse_line(&String::from_utf8_lossy(&line)) {
                    return Ok(Some(event));
                }
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await;
            match chunk.unwrap_or_else(|_| panic!("nothing received within {TIMEOUT:?}"))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Waits until the stream has an id, also without an event, and returns it. Cancel-safe.
    pub async fn first_id(&mut self) -> String {
        while self.id.is_empty() {
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await.expect("a chunk in time");
            self.buffer.extend_from_slice(&chunk.expect("a stream").expect("a chunk"));
            while let Some(end) =
                self.buffer.iter().position(|byte| *byte == b'\n').filter(|_| self.id.is_empty())
            {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                assert!(self.parse_line(&String::from_utf8_lossy(&line)).is_none(), "an event without an id");
            }
        }
        self.id.clone()
    }

    /// Parses one line. An empty line completes an event if it has data.
    fn parse_line(&mut self, line: &str) -> Option<StreamEvent> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = self.data.take()?;
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return Some(StreamEvent { name, id: self.id.clone(), data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            // A comment or an unknown field.
            _ => {}
        }
        None
    }
}
