//! The byte stream of one connection: ends it if the client takes nothing for too long, counts the bytes that
//! were read, and closes it so that the client can read the last response.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::http::connection_limit::Permit;

/// The maximum number of bytes of the last request's body that are received, before and after its response.
const DISCARDED_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// How long the rest of the body is received after the last response: about as long as an upload may take.
const DISCARD_TIMEOUT: Duration = Duration::from_mins(1);

/// How long the client may send nothing while the rest of the body is received.
const DISCARD_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the send buffer may stay full, as a multiple of the stall timeout.
const FULL_BUFFER_FACTOR: u32 = if cfg!(target_os = "linux") { 10 } else { 1 };

/// The size of a small send buffer. The kernel doubles it.
const SMALL_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// The size of the buffer for bytes that are discarded.
const DISCARD_BUFFER_BYTES: usize = 16 * 1024;

/// A connection as the handlers of its requests see it.
#[derive(Debug, Clone, Default)]
pub struct ConnectionHandle(Arc<SharedState>);

#[derive(Debug, Default)]
struct SharedState {
    bytes_read: AtomicU64,
    bytes_before_request: AtomicU64,
    /// The value of `bytes_read` from which on reading yields to the reader; 0 for no limit.
    read_until: AtomicU64,
    /// Whether the input of the client is discarded instead of passed to the reader.
    discards_input: AtomicBool,
    /// Whether the send buffer is to be made small before the next write.
    wants_small_send_buffer: AtomicBool,
    aborted: CancellationToken,
}

impl ConnectionHandle {
    /// The number of bytes that were read from the connection.
    pub fn bytes_read(&self) -> u64 {
        self.0.bytes_read.load(Ordering::Relaxed)
    }

    pub fn add_bytes_read(&self, count: u64) {
        self.0.bytes_read.fetch_add(count, Ordering::Relaxed);
    }

    /// A request begins: its headers have been read.
    pub fn begin_request(&self) {
        self.0.bytes_before_request.store(self.bytes_read(), Ordering::Relaxed);
    }

    /// Allows the reader to read about this number of further bytes. After that, each attempt to read yields
    /// to the reader's task and wakes it at once. The task must then call this method again, or it would run
    /// in a busy loop.
    pub fn allow_bytes(&self, count: u64) {
        self.0.read_until.store(self.bytes_read() + count, Ordering::Relaxed);
    }

    /// Removes the limit of [`allow_bytes`](Self::allow_bytes).
    pub fn allow_all_bytes(&self) {
        self.0.read_until.store(0, Ordering::Relaxed);
    }

    /// Discards the input of the client from now on, instead of passing it to the reader.
    pub fn discard_input(&self) {
        self.0.discards_input.store(true, Ordering::Relaxed);
    }

    /// Limits from now on how much the kernel holds that the client has not received. So what the connection has taken of
    /// a response is little more than what the client has.
    pub fn use_small_send_buffer(&self) {
        self.0.wants_small_send_buffer.store(true, Ordering::Relaxed);
    }

    /// Ends the connection at once. Bytes that were not sent yet are lost.
    pub fn abort(&self) {
        self.0.aborted.cancel();
    }

    /// The token that [`abort`](Self::abort) cancels.
    pub fn aborted(&self) -> &CancellationToken {
        &self.0.aborted
    }
}

/// The socket of a connection, and the permit that it holds while it is open.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    _permit: Permit<IpAddr>,
}

/// Reads from and writes to the socket of a connection.
///
/// Writing fails if the client has not taken any byte for the stall timeout. That needs two clocks. The
/// kernel's (`TCP_USER_TIMEOUT`) sees what the client has acknowledged, also while small messages still fit
/// into the send buffer. This type's own sees only whether the send buffer stays full: the kernel accepts
/// more when the client has taken about a third of it, which takes minutes if the client is slow but steady.
/// So it is for systems without that option and, where there is one, for clients that take next to nothing
/// ([`FULL_BUFFER_FACTOR`]).
pub struct ConnectionIo {
    /// `None` only while it is dropped.
    socket: Option<Socket>,
    handle: ConnectionHandle,
    stall_timeout: Duration,
    /// Runs while the send buffer is full. Boxed, because few connections need it.
    stall: Option<Pin<Box<Sleep>>>,
    /// Whether the client has closed the connection, or the connection has failed.
    has_ended: bool,
    returned_to: Option<oneshot::Sender<Socket>>,
}

impl ConnectionIo {
    /// Also returns the receiver that gets the socket when the value is dropped, unless the connection has
    /// ended or was aborted.
    pub fn new(
        stream: TcpStream,
        permit: Permit<IpAddr>,
        handle: ConnectionHandle,
        stall_timeout: Duration,
    ) -> (Self, oneshot::Receiver<Socket>) {
        // Sends events immediately instead of collecting small packets.
        stream.set_nodelay(true).ok();
        #[cfg(target_os = "linux")]
        {
            let milliseconds = u32::try_from(stall_timeout.as_millis()).unwrap_or(u32::MAX);
            rustix::net::sockopt::set_tcp_user_timeout(&stream, milliseconds).ok();
        }
        let (returned_to, returned) = oneshot::channel();
        let io = Self {
            socket: Some(Socket { stream, _permit: permit }),
            handle,
            stall_timeout,
            stall: None,
            has_ended: false,
            returned_to: Some(returned_to),
        };
        (io, returned)
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.socket.as_mut().expect("it is present until it is dropped").stream)
    }

    /// Makes the send buffer small if a handler has asked for it.
    fn resize_send_buffer(&mut self) {
        let wanted = &self.handle.0.wants_small_send_buffer;
        if wanted.load(Ordering::Relaxed) && wanted.swap(false, Ordering::Relaxed) {
            #[cfg(target_os = "linux")]
            rustix::net::sockopt::set_socket_send_buffer_size(&*self.stream(), SMALL_SEND_BUFFER_BYTES).ok();
        }
    }

    /// Receives and discards until the client closes the connection.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        loop {
            let mut scratch = ReadBuf::new(&mut scratch);
            let result = ready!(self.stream().poll_read(cx, &mut scratch));
            if result.is_err() || scratch.filled().is_empty() {
                self.has_ended = true;
                return Poll::Ready(result);
            }
        }
    }

    /// Fails if the send buffer has been full for too long.
    fn check_stall(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                let stall_timeout = self.stall_timeout.saturating_mul(FULL_BUFFER_FACTOR);
                let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(stall_timeout)));
                if stall.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.handle.abort();
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(result) => {
                self.stall = None;
                self.has_ended |= result.is_err();
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.handle.0.discards_input.load(Ordering::Relaxed) {
            return self.poll_discard(cx);
        }
        let read_until = self.handle.0.read_until.load(Ordering::Relaxed);
        if read_until != 0 && self.handle.bytes_read() >= read_until {
            // Yields, so that the reader can check what it has read so far. It then calls `allow_bytes`.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (before, has_room) = (buffer.filled().len(), buffer.remaining() > 0);
        let result = self.stream().poll_read(cx, buffer);
        if let Poll::Ready(result) = &result {
            let count = buffer.filled().len() - before;
            self.has_ended |= result.is_err() || (count == 0 && has_room);
            self.handle.add_bytes_read(count as u64);
        }
        result
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.resize_send_buffer();
        let written = self.stream().poll_write(cx, bytes);
        self.check_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.resize_send_buffer();
        let written = self.stream().poll_write_vectored(cx, slices);
        self.check_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

impl Drop for ConnectionIo {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        if self.handle.aborted().is_cancelled() {
            // The kernel would otherwise go on to send what it still has.
            socket.stream.set_zero_linger().ok();
        } else if let Some(returned_to) = self.returned_to.take().filter(|_| !self.has_ended) {
            returned_to.send(socket).ok();
        }
    }
}

/// Closes a connection after its last response.
///
/// A client that still sends, for example the rest of a body that was refused, would get a reset, often
/// before it has read the response. So its input is received and discarded for a while.
pub async fn close(mut socket: Socket, handle: ConnectionHandle) {
    let stream = &mut socket.stream;
    if stream.shutdown().await.is_err() {
        return;
    }
    let received = handle.bytes_read().saturating_sub(handle.0.bytes_before_request.load(Ordering::Relaxed));
    let mut remaining = DISCARDED_MAX_BYTES.saturating_sub(received);
    let mut buffer = vec![0; DISCARD_BUFFER_BYTES];
    let discard = async {
        while let Ok(Ok(count @ 1..)) = timeout(DISCARD_IDLE_TIMEOUT, stream.read(&mut buffer)).await {
            match remaining.checked_sub(count as u64) {
                Some(rest) => remaining = rest,
                None => return,
            }
        }
    };
    timeout(DISCARD_TIMEOUT, discard).await.ok();
}
