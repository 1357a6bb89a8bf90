//! A proxy to PostgreSQL that holds one statement of a transaction back until the test lets it pass, or loses a commit.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The code of the message that asks for TLS.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Every statement passes.
    Off,
    /// So many statements of transactions pass, and then one is held back.
    After(usize),
    /// A statement is held back.
    Held,
}

/// What is lost of a commit. Its connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostCommit {
    /// The server does not receive it.
    Request,
    /// The server commits, but its reply is lost.
    Reply,
}

/// Forwards connections to PostgreSQL.
pub struct StatementProxy {
    address: SocketAddr,
    hold: Arc<watch::Sender<Hold>>,
    /// The statements of transactions since the last call of `hold_statement`.
    statements: Arc<Mutex<Vec<String>>>,
    lost_commit: Arc<Mutex<Option<(&'static str, LostCommit)>>>,
}

impl StatementProxy {
    /// Starts a proxy to the server of this database.
    pub async fn start(database_url: &str) -> Self {
        let (_, server) = database_url.rsplit_once('@').expect("a URL with a user");
        let server = server.split('/').next().expect("a host").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let hold = Arc::new(watch::Sender::new(Hold::Off));
        let statements = Arc::new(Mutex::new(Vec::new()));
        let lost_commit = Arc::new(Mutex::new(None));
        let (shared, shared_statements) = (Arc::clone(&hold), Arc::clone(&statements));
        let shared_lost_commit = Arc::clone(&lost_commit);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = Connection {
                    hold: Arc::clone(&shared),
                    statements: Arc::clone(&shared_statements),
                    lost_commit: Arc::clone(&shared_lost_commit),
                    is_started: false,
                    is_in_transaction: false,
                    prepared: HashMap::new(),
                    transaction: Vec::new(),
                };
                tokio::spawn(connection.forward(client, server.clone()));
            }
        });
        Self { address, hold, statements, lost_commit }
    }

    /// The URL of the same database through the proxy.
    pub fn url(&self, database_url: &str) -> String {
        let (user, rest) = database_url.rsplit_once('@').expect("a URL with a user");
        let (_, name) = rest.split_once('/').expect("a database");
        format!("{user}@{}/{name}", self.address)
    }

    /// Holds back a statement of a transaction: the first (BEGIN) if `number` is 0, and so on.
    pub fn hold_statement(&self, number: usize) {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.hold.send_replace(Hold::After(number));
    }

    /// Waits until a statement is held back. `false` if none was after this time.
    pub async fn is_held_within(&self, time: Duration) -> bool {
        let mut hold = self.hold.subscribe();
        tokio::time::timeout(time, hold.wait_for(|hold| *hold == Hold::Held)).await.is_ok()
    }

    /// Loses the next commit of a transaction with a statement that contains this text. The background jobs commit
    /// transactions, too.
    pub fn lose_commit_after(&self, statement: &'static str, lost: LostCommit) {
        *self.lost_commit.lock().unwrap_or_else(PoisonError::into_inner) = Some((statement, lost));
    }

    /// Lets all statements pass.
    pub fn release(&self) {
        self.hold.send_replace(Hold::Off);
    }

    /// The statements since the last call of `hold_statement`, for messages.
    pub fn statements(&self) -> Vec<String> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Connection {
    hold: Arc<watch::Sender<Hold>>,
    statements: Arc<Mutex<Vec<String>>>,
    lost_commit: Arc<Mutex<Option<(&'static str, LostCommit)>>>,
    is_started: bool,
    is_in_transaction: bool,
    /// The prepared statements, by their names.
    prepared: HashMap<Vec<u8>, String>,
    /// The statements of the transaction.
    transaction: Vec<String>,
}

impl Connection {
    async fn forward(self, client: TcpStream, server: String) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let is_reply_lost = tokio::select! {
            _ = tokio::io::copy(&mut from_server, &mut to_client) => false,
            is_reply_lost = self.forward_messages(from_client, &mut to_server) => is_reply_lost.unwrap_or(false),
        };
        drop(to_client);
        if is_reply_lost {
            // The server ends the commit.
            let mut nowhere = tokio::io::sink();
            let reply = tokio::io::copy(&mut from_server, &mut nowhere);
            tokio::time::timeout(Duration::from_secs(1), reply).await.ok();
        }
    }

    /// Forwards what the client sends, message by message. Returns whether the reply to the last one must be lost.
    async fn forward_messages(
        mut self,
        mut client: OwnedReadHalf,
        server: &mut OwnedWriteHalf,
    ) -> std::io::Result<bool> {
        let mut bytes = Vec::new();
        while client.read_buf(&mut bytes).await? > 0 {
            while let Some(length) = self.message_length(&bytes) {
                let message: Vec<_> = bytes.drain(..length).collect();
                self.before(&message).await;
                match self.take_lost_commit(&message) {
                    Some(LostCommit::Request) => return Ok(false),
                    lost => {
                        server.write_all(&message).await?;
                        if lost.is_some() {
                            return Ok(true);
                        }
                    }
                }
            }
        }
        Ok(false)
    }

    /// What is lost of this message, if it is a commit.
    fn take_lost_commit(&self, message: &[u8]) -> Option<LostCommit> {
        let is_commit = message[0] == b'Q' && message[5..].starts_with(b"COMMIT");
        let mut lost = self.lost_commit.lock().unwrap_or_else(PoisonError::into_inner);
        let (statement, _) = lost.filter(|_| is_commit)?;
        let is_of_it = self.transaction.iter().any(|text| text.contains(statement));
        if is_of_it { lost.take().map(|(_, lost)| lost) } else { None }
    }

    /// The length of the first message; `None` if it is incomplete. Messages at the start have no type.
    fn message_length(&self, bytes: &[u8]) -> Option<usize> {
        let start = usize::from(self.is_started);
        let length = bytes.get(start..start + 4)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        let length = start + usize::try_from(length).expect("a length");
        (bytes.len() >= length).then_some(length)
    }

    /// Counts the statement that the message begins, and holds it back if it is its turn.
    async fn before(&mut self, message: &[u8]) {
        if !self.is_started {
            self.is_started = message[4..] != SSL_REQUEST;
            return;
        }
        let strings: Vec<_> = message[5..].splitn(3, |byte| *byte == 0).collect();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_string();
        // The message Parse has the name and the text of a statement, Bind has a portal and the name.
        let statement = match message[0] {
            b'Q' => Some(text(strings[0])),
            b'B' => self.prepared.get(strings[1]).cloned(),
            b'P' => {
                self.prepared.insert(strings[0].to_vec(), text(strings[1]));
                None
            }
            _ => None,
        };
        let Some(statement) = statement else { return };
        if statement.starts_with("BEGIN") {
            self.is_in_transaction = true;
            self.transaction.clear();
        }
        if self.is_in_transaction {
            self.count().await;
            self.statements.lock().unwrap_or_else(PoisonError::into_inner).push(statement.clone());
            self.transaction.push(statement.clone());
        }
        if ["COMMIT", "ROLLBACK"].iter().any(|end| statement.starts_with(end)) {
            self.is_in_transaction = false;
        }
    }

    async fn count(&self) {
        let mut state = self.hold.subscribe();
        let is_its_turn = self.hold.send_if_modified(|hold| match *hold {
            Hold::After(0) => {
                *hold = Hold::Held;
                true
            }
            Hold::After(number) => {
                *hold = Hold::After(number - 1);
                false
            }
            Hold::Off | Hold::Held => false,
        });
        if is_its_turn {
            state.wait_for(|hold| *hold != Hold::Held).await.ok();
        }
    }
}
