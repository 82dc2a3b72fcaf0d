//! A QUIC stream as a sequence of frames.
//!
//! Spec 06 §1, Spec 08 §3. The two halves are separate values, so that a list can be sent while
//! another one arrives. The receiving half reads a header before it takes memory for a body, and
//! refuses what [`psi_core::messages`] refuses. Called by the job runner; never looks into rows.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use psi_core::Code;
pub use psi_core::messages::frame::Frame;
use psi_core::messages::frame::{
    self, FRAME_HEADER_BYTES, FrameKind, ROWS_HEADER_BYTES, RowsHeader,
};
use psi_core::messages::{Control, codec};
use quinn::{ReadError, RecvStream, SendStream, StoppedError, VarInt, WriteError};

use super::{NetError, NetLimits, code_of, var_int};

/// Both halves of a stream.
pub struct FramedStream {
    sender: FrameSender,
    receiver: FrameReceiver,
}

impl FramedStream {
    pub(super) fn new(send: SendStream, recv: RecvStream, limits: &NetLimits) -> Self {
        let heard = LastHeard::now();
        Self {
            sender: FrameSender {
                stream: send,
                heard: heard.clone(),
                bytes: 0,
                ended: false,
                amid_frame: false,
                write_timeout: limits.write_timeout,
                working_interval: limits.working_interval(),
            },
            receiver: FrameReceiver {
                stream: recv,
                heard,
                bytes: 0,
                header: [0; FRAME_HEADER_BYTES],
                header_filled: 0,
                body: None,
                peer_timeout: limits.peer_timeout,
                working: 0,
                working_max: limits.working_max,
            },
        }
    }

    /// The two halves.
    #[must_use]
    pub fn split(self) -> (FrameSender, FrameReceiver) {
        (self.sender, self.receiver)
    }
}

/// When a stream last brought anything, as both of its halves, and whoever waits for it, know it.
///
/// A peer that computes reads nothing, and what this side sends may wait for room for as long as
/// that takes. It says `Working` meanwhile, on the other half.
#[derive(Clone)]
pub struct LastHeard {
    since: Instant,
    millis: Arc<AtomicU64>,
}

impl LastHeard {
    fn now() -> Self {
        Self {
            since: Instant::now(),
            millis: Arc::new(AtomicU64::new(0)),
        }
    }

    fn note(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    fn is_within(&self, time: Duration) -> bool {
        !self.left_of(time).is_zero()
    }

    /// What is left of `time` since the stream last brought anything.
    #[must_use]
    pub fn left_of(&self, time: Duration) -> Duration {
        let last = Duration::from_millis(self.millis.load(Ordering::Relaxed));
        time.saturating_sub(self.since.elapsed().saturating_sub(last))
    }
}

/// The half that sends. Dropped before [`FrameSender::finish`], it resets the stream.
pub struct FrameSender {
    stream: SendStream,
    heard: LastHeard,
    bytes: u64,
    ended: bool,
    /// Whether a frame has begun and not ended: its writing failed, or was dropped.
    amid_frame: bool,
    write_timeout: Duration,
    working_interval: Duration,
}

impl FrameSender {
    /// Sends a control message.
    ///
    /// # Errors
    /// [`NetError::Frame`] if the message is longer than a peer accepts; otherwise as the stream
    /// fails.
    pub async fn control(&mut self, message: &Control) -> Result<(), NetError> {
        let body = codec::encode(message);
        let header = frame::encode_header(FrameKind::Control, body.len())?;
        self.write(&header, &body).await
    }

    /// Sends the next bytes of one list's code, at most `ROWS_BYTES_MAX` of them.
    ///
    /// # Errors
    /// [`NetError::Frame`] if there are more bytes; otherwise as the stream fails.
    pub async fn rows(&mut self, header: RowsHeader, bytes: &[u8]) -> Result<(), NetError> {
        let length = ROWS_HEADER_BYTES.saturating_add(bytes.len());
        let mut head = [0u8; FRAME_HEADER_BYTES + ROWS_HEADER_BYTES];
        let (outer, inner) = head.split_at_mut(FRAME_HEADER_BYTES);
        outer.copy_from_slice(&frame::encode_header(FrameKind::Rows, length)?);
        inner.copy_from_slice(&header.encode());
        self.write(&head, bytes).await
    }

    /// Waits for `work` and meanwhile tells the peer that this side is not silent.
    ///
    /// `work` must not block a thread of the runtime; put computing into `spawn_blocking`.
    ///
    /// # Errors
    /// As the stream fails, at once also where the peer reads no more of it; `work` is then dropped.
    pub async fn working_while<F: Future>(&mut self, work: F) -> Result<F::Output, NetError> {
        let mut work = std::pin::pin!(work);
        let mut stopped = std::pin::pin!(self.stream.stopped());
        loop {
            let waited = async {
                tokio::select! {
                    biased;
                    output = &mut work => Ok(output),
                    stopped = &mut stopped => Err(nothing_is_read(stopped)),
                }
            };
            match tokio::time::timeout(self.working_interval, waited).await {
                Ok(ended) => return ended,
                Err(_elapsed) => self.control(&Control::Working).await?,
            }
        }
    }

    /// Tells the peer that no frame follows. What was sent is still delivered.
    pub fn finish(&mut self) {
        // Fails only if the stream ended before, which is what is asked for.
        self.ended = true;
        let _ = self.stream.finish();
    }

    /// Waits until the peer has acknowledged everything after [`Self::finish`], or is gone, or
    /// the time limit for a silent peer is over. A connection may be closed after it without
    /// losing the last message.
    pub async fn delivered(&mut self) {
        let _ = tokio::time::timeout(self.write_timeout, self.stream.stopped()).await;
    }

    /// Whether a frame has begun and not ended. No other may follow it.
    #[must_use]
    pub const fn is_amid_frame(&self) -> bool {
        self.amid_frame
    }

    /// Gives up the stream; what was sent may not arrive, the reason does.
    pub fn reset(&mut self, code: Code) {
        self.ended = true;
        let _ = self.stream.reset(var_int(code));
    }

    /// Bytes of frames sent, headers included.
    #[must_use]
    pub const fn bytes_sent(&self) -> u64 {
        self.bytes
    }

    /// Sends bytes as they are, as a hostile peer would.
    #[cfg(test)]
    pub(super) async fn raw(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        self.write(bytes, &[]).await
    }

    async fn write(&mut self, head: &[u8], body: &[u8]) -> Result<(), NetError> {
        if std::mem::replace(&mut self.amid_frame, true) {
            return Err(NetError::Lost("a frame was cut off".into()));
        }
        let stream = &mut self.stream;
        let both = async {
            stream.write_all(head).await?;
            stream.write_all(body).await
        };
        let mut both = std::pin::pin!(both);
        loop {
            match tokio::time::timeout(self.write_timeout, &mut both).await {
                Ok(Ok(())) => {
                    self.bytes = self.bytes.saturating_add((head.len() + body.len()) as u64);
                    self.amid_frame = false;
                    return Ok(());
                }
                Ok(Err(error)) => return Err(write_error(error)),
                Err(_elapsed) if self.heard.is_within(self.write_timeout) => {}
                Err(_elapsed) => return Err(NetError::TimedOut(self.write_timeout)),
            }
        }
    }
}

impl Drop for FrameSender {
    /// A job that was dropped must not look like one that came to its end.
    fn drop(&mut self) {
        if !self.ended {
            self.reset(Code::Interrupted);
        }
    }
}

/// The half that receives.
pub struct FrameReceiver {
    stream: RecvStream,
    heard: LastHeard,
    bytes: u64,
    header: [u8; FRAME_HEADER_BYTES],
    header_filled: usize,
    body: Option<Body>,
    peer_timeout: Duration,
    working: u32,
    working_max: u32,
}

/// A body of which `filled` bytes have arrived.
struct Body {
    kind: FrameKind,
    bytes: Vec<u8>,
    filled: usize,
}

impl FrameReceiver {
    /// The next frame. `Working` is not handed out: it only renews the time limit.
    ///
    /// May be dropped and called again, as `select!` does; no byte is lost.
    ///
    /// # Errors
    /// [`NetError::TimedOut`] if the peer was silent too long, [`NetError::Ended`] if it finished
    /// the stream between two frames, [`NetError::Frame`] if its bytes do not form a frame.
    pub async fn next(&mut self) -> Result<Frame, NetError> {
        loop {
            let limit = self.peer_timeout;
            let (kind, body) = tokio::time::timeout(limit, self.next_body())
                .await
                .map_err(|_elapsed| NetError::TimedOut(limit))??;
            match kind {
                FrameKind::Rows => {
                    let (header, _) = RowsHeader::split(&body)?;
                    let mut bytes = body;
                    bytes.drain(..ROWS_HEADER_BYTES);
                    self.working = 0;
                    return Ok(Frame::Rows(header, bytes));
                }
                FrameKind::Control => match codec::decode::<Control>(&body)? {
                    Control::Working if self.working < self.working_max => self.working += 1,
                    Control::Working => {
                        return Err(NetError::Frame(psi_core::Error::PeerMisbehaved {
                            code: Code::UnexpectedMessage,
                            detail: "nothing but 'working' for too long",
                        }));
                    }
                    message => {
                        self.working = 0;
                        return Ok(Frame::Control(message));
                    }
                },
            }
        }
    }

    /// When the stream last brought anything.
    #[must_use]
    pub fn heard(&self) -> LastHeard {
        self.heard.clone()
    }

    /// Tells the peer that nothing more of this stream will be read, and why.
    pub fn stop(&mut self, code: Code) {
        let _ = self.stream.stop(var_int(code));
    }

    /// Bytes of frames received, headers included.
    #[must_use]
    pub const fn bytes_received(&self) -> u64 {
        self.bytes
    }

    /// Reads on from wherever the last call was dropped.
    async fn next_body(&mut self) -> Result<(FrameKind, Vec<u8>), NetError> {
        loop {
            if let Some(body) = &mut self.body {
                while body.filled < body.bytes.len() {
                    let room = body.bytes.get_mut(body.filled..).unwrap_or_default();
                    let read = self.stream.read(room).await.map_err(read_error)?;
                    let Some(read) = read else {
                        return Err(truncated());
                    };
                    self.heard.note();
                    body.filled += read;
                    self.bytes = self.bytes.saturating_add(read as u64);
                }
                if let Some(done) = self.body.take() {
                    return Ok((done.kind, done.bytes));
                }
            }
            while self.header_filled < FRAME_HEADER_BYTES {
                let room = self
                    .header
                    .get_mut(self.header_filled..)
                    .unwrap_or_default();
                match self.stream.read(room).await.map_err(read_error)? {
                    Some(read) => {
                        self.heard.note();
                        self.header_filled += read;
                        self.bytes = self.bytes.saturating_add(read as u64);
                    }
                    None if self.header_filled == 0 => return Err(NetError::Ended),
                    None => return Err(truncated()),
                }
            }
            let (kind, length) = frame::decode_header(self.header)?;
            self.header_filled = 0;
            self.body = Some(Body {
                kind,
                bytes: vec![0; length],
                filled: 0,
            });
        }
    }
}

/// The stream ended inside a frame. An honest peer ends a stream only between frames.
fn truncated() -> NetError {
    NetError::Frame(psi_core::Error::PeerMisbehaved {
        code: Code::MalformedMessage,
        detail: "a frame was cut off",
    })
}

/// The peer reads no more of a stream that has not ended.
fn nothing_is_read(stopped: Result<Option<VarInt>, StoppedError>) -> NetError {
    match stopped {
        Ok(Some(code)) => NetError::Reset(code_of(code)),
        Ok(None) => NetError::Ended,
        Err(StoppedError::ConnectionLost(error)) => error.into(),
        Err(other) => NetError::Lost(other.to_string()),
    }
}

fn read_error(error: ReadError) -> NetError {
    match error {
        ReadError::Reset(code) => NetError::Reset(code_of(code)),
        ReadError::ConnectionLost(error) => error.into(),
        other => NetError::Lost(other.to_string()),
    }
}

fn write_error(error: WriteError) -> NetError {
    match error {
        WriteError::Stopped(code) => NetError::Reset(code_of(code)),
        WriteError::ConnectionLost(error) => error.into(),
        other => NetError::Lost(other.to_string()),
    }
}
