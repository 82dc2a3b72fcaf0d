//! One stream to the peer, as the job runner sees it.
//!
//! Turns the peer's `Abort` into an error, and makes sure that a job which ends here tells the
//! peer why.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::limits::ROWS_BYTES_MAX;
use psi_core::list::{Piece, Rice, encode_list};
use psi_core::messages::Control;
use psi_core::messages::frame::RowsHeader;
use psi_core::progress::{Progress, Stage};
use psi_core::session::SharedList;

use super::failure::Failure;
use crate::net::{Frame, FrameReceiver, FrameSender, FramedStream, NetError};

/// How long a node that ends a job waits until the peer has taken note.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// The sending and the receiving half, usable at the same time.
pub(super) struct Link {
    pub(super) sender: FrameSender,
    pub(super) receiver: FrameReceiver,
}

impl Link {
    pub(super) fn new(stream: FramedStream) -> Self {
        let (sender, receiver) = stream.split();
        Self { sender, receiver }
    }

    pub(super) async fn send(&mut self, message: &Control) -> Result<(), Failure> {
        match self.sender.control(message).await {
            Err(error @ NetError::Reset(_)) => Err(self.why_nothing_is_read(error).await),
            sent => Ok(sent?),
        }
    }

    /// A peer that aborts a job reads nothing more of it. Its `Abort` may be on the way when this side
    /// sends, and says more than `error`, which is that nobody reads.
    async fn why_nothing_is_read(&mut self, error: NetError) -> Failure {
        let said = tokio::time::timeout(GOODBYE_MAX, self.control()).await;
        match said {
            Ok(Err(aborted @ Failure::PeerAborted(_))) => aborted,
            _ => error.into(),
        }
    }

    /// The next message, which must be a control message.
    pub(super) async fn control(&mut self) -> Result<Control, Failure> {
        control(&mut self.receiver).await
    }

    /// Waits for `work`, telling the peer now and then that this side is alive.
    pub(super) async fn working_while<F: Future>(&mut self, work: F) -> Result<F::Output, Failure> {
        Ok(self.sender.working_while(work).await?)
    }

    /// Sends the last message of the stream and sees it delivered. One that ends a job is also the
    /// reason why this side reads no more, and all that the peer hears where a frame was cut off.
    pub(super) async fn end(mut self, message: &Control) {
        if let Control::Abort(code) = message {
            self.receiver.stop(*code);
            if self.sender.is_amid_frame() {
                return self.sender.reset(*code);
            }
        }
        let goodbye = async {
            if self.sender.control(message).await.is_ok() {
                self.sender.finish();
                self.sender.delivered().await;
            }
        };
        // A peer that is gone does not hear the reason; that changes nothing here.
        let _ = tokio::time::timeout(GOODBYE_MAX, goodbye).await;
    }

    /// Ends the stream after its last message, and waits a little until the peer has that.
    pub(super) async fn finish(&mut self) {
        self.sender.finish();
        let _ = tokio::time::timeout(GOODBYE_MAX, self.sender.delivered()).await;
    }

    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.sender.bytes_sent(), self.receiver.bytes_received())
    }
}

async fn control(receiver: &mut FrameReceiver) -> Result<Control, Failure> {
    match receiver.next().await? {
        Frame::Control(Control::Abort(code)) => Err(Failure::PeerAborted(code)),
        Frame::Control(message) => Ok(message),
        Frame::Rows(..) => Err(unexpected("rows where a control message was due")),
    }
}

/// Counts the records that cross the wire in one direction, for the progress of the job.
pub(super) struct Meter {
    progress: Arc<dyn Progress>,
    stage: Stage,
    done: u64,
    total: u64,
}

impl Meter {
    pub(super) fn new(progress: &Arc<dyn Progress>, stage: Stage, total: u64) -> Self {
        Self {
            progress: Arc::clone(progress),
            stage,
            done: 0,
            total,
        }
    }

    /// `records` more have crossed.
    pub(super) fn add(&mut self, records: u64) -> Result<(), psi_core::Error> {
        self.done = self.done.saturating_add(records);
        self.progress.report(self.stage, self.done, self.total)
    }
}

/// Sends a whole list in frames; the reading and encoding of records happens off the runtime's
/// threads.
pub(super) async fn send_list(
    sender: &mut FrameSender,
    header: RowsHeader,
    records: SharedList,
    meter: &mut Meter,
) -> Result<(), Failure> {
    // One frame is being sent while the next is being made.
    let (frames, mut next) = tokio::sync::mpsc::channel::<Piece>(1);
    let encoding = tokio::task::spawn_blocking(move || {
        encode_list(&Rice, records.as_ref(), ROWS_BYTES_MAX, &mut |frame| {
            // The other end is gone when the job has ended: nobody needs the rest.
            frames
                .blocking_send(frame)
                .map_err(|_gone| psi_core::Error::Cancelled)
        })
    });
    while let Some(frame) = next.recv().await {
        sender.rows(header, &frame.bytes).await?;
        meter.add(frame.records)?;
    }
    match encoding.await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// Runs arithmetic on a thread that may block.
pub(super) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, psi_core::Error> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

pub(super) fn unexpected(detail: &'static str) -> Failure {
    violation(Code::UnexpectedMessage, detail)
}

pub(super) const fn violation(code: Code, detail: &'static str) -> Failure {
    Failure::Protocol(psi_core::Error::PeerMisbehaved { code, detail })
}
