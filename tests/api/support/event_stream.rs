//! A client of event streams (server-sent events), which reads them as a browser does.

use std::time::Duration;

use reqwest::Response;

/// What a test waits for comes within this, or the test fails; the gateway itself says something more often.
const PATIENCE: Duration = Duration::from_mins(1);

/// One event of a stream.
#[derive(Debug)]
pub struct StreamEvent {
    /// `message`, where the stream names none.
    pub name: String,
    /// The last id that the stream has given, with this event or before it.
    pub id: String,
    pub data: String,
}

/// A stream, and what of it has come so far.
pub struct EventStream {
    response: Response,
    /// What is no whole line yet.
    rest: Vec<u8>,
    name: String,
    data: Option<String>,
    id: String,
    /// How long the server asks to wait before connecting again.
    pub retry: Option<Duration>,
}

impl EventStream {
    /// The stream that is the body of this response.
    pub fn of(response: Response) -> Self {
        let name = String::new();
        Self { response, rest: Vec::new(), name, data: None, id: String::new(), retry: None }
    }

    /// The next event; `None` at the stream's end. May be dropped while waiting without losing one.
    pub async fn next(&mut self) -> reqwest::Result<Option<StreamEvent>> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if let Some(event) = self.take(&String::from_utf8_lossy(&line)) {
                    return Ok(Some(event));
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?}"))? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Takes one line; an empty one ends an event, where it has data.
    fn take(&mut self, line: &str) -> Option<StreamEvent> {
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
            // A comment, or a field that nobody knows.
            _ => {}
        }
        None
    }
}
