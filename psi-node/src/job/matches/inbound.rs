//! Feeds the arithmetic of [`super::run`] with frames as they arrive.
//!
//! Spec 08 §4. The network's runtime receives, decrypts and cuts frames; the arithmetic runs on one
//! thread that may block, and spreads from there. Between them is a queue of a fixed length: a side
//! that computes more slowly than its peer sends stops reading, and flow control does the rest.
//! Rows are read ahead of the computation; after a control message nothing is, because it may be
//! the last one, and what follows belongs to the receipt.

use std::time::{Duration, Instant};

use psi_core::messages::Control;
use psi_core::session::Ended;
use psi_core::{Code, Error};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::job::failure::Failure;
use crate::job::link::unexpected;
use crate::job::matches::slow::Pace;
use crate::net::{Frame, FrameReceiver, NetError};

/// Frames that wait for the arithmetic, 256 KiB each at most.
pub(in crate::job) const FRAMES_WAITING_MAX: usize = 4;

/// How far the arithmetic is.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::job) struct Handled {
    /// How often it became ready for the next frame; its start counts like one.
    pub(in crate::job) frames: u64,
    /// Whether the last frame was of a list that has not ended with it.
    pub(in crate::job) amid_list: bool,
}

/// The arithmetic, as the receiving side sees it.
pub(in crate::job) struct Feed {
    /// Where frames wait for it.
    pub(in crate::job) frames: mpsc::Sender<Frame>,
    /// How far it is.
    pub(in crate::job) handled: watch::Receiver<Handled>,
    /// Whether the peer is fast enough.
    pub(in crate::job) pace: Pace,
    /// Its end.
    pub(in crate::job) work: JoinHandle<Result<Ended, Error>>,
}

impl Feed {
    /// Receives frames and hands them on, until the work is done.
    ///
    /// # Errors
    /// Those of the work and of the stream; [`NetError::TooSlow`]; [`Failure::PeerAborted`];
    /// [`Code::UnexpectedMessage`] if frames follow the last ones.
    pub(in crate::job) async fn receive(self, from: &mut FrameReceiver) -> Result<Ended, Failure> {
        let Self {
            frames,
            mut handled,
            mut pace,
            mut work,
        } = self;
        // The start of the work counts like a frame.
        let mut sent: u64 = 1;
        // Since when this side has nothing to compute on, and waits for the peer.
        let mut idle_since = None;
        loop {
            let Handled {
                frames: done,
                amid_list,
            } = *handled.borrow_and_update();
            let computes = done < sent;
            if !computes && idle_since.is_none() {
                idle_since = Some(Instant::now());
            }
            let left = idle_since.map_or(Duration::MAX, |since: Instant| {
                pace.left(amid_list).saturating_sub(since.elapsed())
            });
            let frame = tokio::select! {
                biased;
                ended = &mut work => return outcome(ended),
                frame = tokio::time::timeout(left, from.next()) => frame,
                // The work that ends does not become ready again, and is seen above.
                Ok(()) = handled.changed(), if computes => continue,
            };
            let frame = match frame {
                Err(_elapsed) => return Err(pace.too_slow(amid_list)),
                // A peer that has sent everything may be silent while this side computes.
                Ok(Err(NetError::TimedOut(_))) if !pace.is_silence(idle_since) => continue,
                Ok(other) => other?,
            };
            if let Some(since) = idle_since.take() {
                pace.waited(since.elapsed());
            }
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
            let is_done = |handled: &Handled| handled.frames >= sent;
            if is_control && handled.wait_for(is_done).await.is_err() {
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

pub(in crate::job) const fn follows_the_last() -> Error {
    Error::PeerMisbehaved {
        code: Code::UnexpectedMessage,
        detail: "frames after the last ones",
    }
}
