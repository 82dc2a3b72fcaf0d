//! Feeds the arithmetic of [`super::exchange`] with frames as they arrive.
//!
//! Spec 08 §4. The network's runtime receives, decrypts and cuts frames; the arithmetic runs on one
//! thread that may block, and spreads from there. Between them is a queue of a fixed length: a side
//! that computes more slowly than its peer sends stops reading, and flow control does the rest.
//! Rows are read ahead of the computation; after a control message nothing is, because it may be
//! the last one, and what follows belongs to the receipt.

use std::time::Instant;

use psi_core::messages::Control;
use psi_core::session::Ended;
use psi_core::{Code, Error};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::failure::Failure;
use super::link::unexpected;
use super::slow::Pace;
use crate::net::{Frame, FrameReceiver, NetError};

/// Frames that wait for the arithmetic, 256 KiB each at most.
pub(super) const FRAMES_WAITING_MAX: usize = 4;

/// The arithmetic, as the receiving side sees it.
pub(super) struct Feed {
    /// Where frames wait for it.
    pub(super) frames: mpsc::Sender<Frame>,
    /// How often it became ready for the next frame.
    pub(super) handled: watch::Receiver<u64>,
    /// Whether the peer is fast enough.
    pub(super) pace: Pace,
    /// Its end.
    pub(super) work: JoinHandle<Result<Ended, Error>>,
}

impl Feed {
    /// Receives frames and hands them on, until the work is done.
    ///
    /// # Errors
    /// Those of the work and of the stream; [`NetError::TooSlow`]; [`Failure::PeerAborted`];
    /// [`Code::UnexpectedMessage`] if frames follow the last ones.
    pub(super) async fn receive(self, from: &mut FrameReceiver) -> Result<Ended, Failure> {
        let Self {
            frames,
            mut handled,
            mut pace,
            mut work,
        } = self;
        // The start of the work counts like a frame.
        let mut sent: u64 = 1;
        loop {
            let began = Instant::now();
            let frame = tokio::select! {
                biased;
                ended = &mut work => return outcome(ended),
                frame = tokio::time::timeout(pace.left(), from.next()) => frame,
            };
            // While this side computes on what it has, it does not wait for the peer, which may have
            // sent everything.
            let computes = *handled.borrow() < sent;
            if !computes {
                pace.waited(began.elapsed());
            }
            let frame = match frame {
                Err(_elapsed) if computes => continue,
                Err(_elapsed) => return Err(pace.too_slow()),
                Ok(Err(NetError::TimedOut(_))) if computes => continue,
                Ok(other) => other?,
            };
            pace.came(&frame);
            if let Frame::Control(Control::Abort(code)) = frame {
                return Err(Failure::PeerAborted(code));
            }
            let is_control = matches!(frame, Frame::Control(_));
            tokio::select! {
                biased;
                ended = &mut work => return too_many(ended),
                queued = frames.send(frame) => if queued.is_err() {
                    return too_many((&mut work).await);
                },
            }
            sent = sent.saturating_add(1);
            // The work that ends does not become ready again, and drops its end of the channel.
            if is_control && handled.wait_for(|handled| *handled >= sent).await.is_err() {
                return outcome((&mut work).await);
            }
        }
    }
}

fn outcome(ended: Result<Result<Ended, Error>, JoinError>) -> Result<Ended, Failure> {
    match ended {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// The work ended while there was another frame for it.
fn too_many(ended: Result<Result<Ended, Error>, JoinError>) -> Result<Ended, Failure> {
    outcome(ended)?;
    Err(unexpected("frames after the last ones"))
}

pub(super) const fn follows_the_last() -> Error {
    Error::PeerMisbehaved {
        code: Code::UnexpectedMessage,
        detail: "frames after the last ones",
    }
}
