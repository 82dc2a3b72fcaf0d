//! Feeds a state machine of [`psi_core::session`] with the pieces of lists as they arrive.
//!
//! Spec 08 §4. The network's runtime receives, decrypts and cuts frames; the arithmetic runs on one
//! thread that may block, and spreads from there. Between them is a queue of a fixed length: a side
//! that computes more slowly than its peer sends stops reading, and flow control does the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use psi_core::messages::frame::RowsHeader;
use psi_core::session::Awaiting;
use psi_core::{Code, Error};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::failure::Failure;
use super::link::{rows, unexpected};
use crate::net::{FrameReceiver, NetError};

/// Frames of rows that wait for the arithmetic, 256 KiB each at most.
const PIECES_WAITING_MAX: usize = 4;

/// Receives rows and hands them to `step`, until it has what it awaits.
///
/// # Errors
/// Those of `step` and of the stream; [`Code::UnexpectedMessage`] if rows follow the last ones.
pub(super) async fn feed<S: Send + 'static, T: Send + 'static>(
    from: &mut FrameReceiver,
    mut state: S,
    mut step: impl FnMut(S, RowsHeader, &[u8]) -> Result<Awaiting<S, T>, Error> + Send + 'static,
) -> Result<T, Failure> {
    let (pieces, mut waiting) = mpsc::channel::<(RowsHeader, Vec<u8>)>(PIECES_WAITING_MAX);
    let done = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&done);
    let mut work = tokio::task::spawn_blocking(move || {
        while let Some((header, bytes)) = waiting.blocking_recv() {
            match step(state, header, &bytes)? {
                Awaiting::More(same) => state = same,
                Awaiting::Done(end) => {
                    waiting.close();
                    return match waiting.try_recv() {
                        Ok(_) => Err(follows_the_last()),
                        Err(_) => Ok(end),
                    };
                }
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
        // The job ended, and with it the other end of the queue.
        Err(Error::Cancelled)
    });
    let mut sent = 0;
    loop {
        let piece = tokio::select! {
            ended = &mut work => return outcome(ended),
            piece = rows(from) => piece,
        };
        let piece = match piece {
            // A peer that has sent everything is silent while this side computes.
            Err(Failure::Net(NetError::TimedOut(_))) if done.load(Ordering::Relaxed) < sent => {
                continue;
            }
            other => other?,
        };
        tokio::select! {
            ended = &mut work => return too_many(ended),
            queued = pieces.send(piece) => if queued.is_err() {
                return too_many((&mut work).await);
            },
        }
        sent += 1;
    }
}

fn outcome<T>(ended: Result<Result<T, Error>, JoinError>) -> Result<T, Failure> {
    match ended {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// The work ended while there was another piece for it.
fn too_many<T>(ended: Result<Result<T, Error>, JoinError>) -> Result<T, Failure> {
    outcome(ended)?;
    Err(unexpected("rows after the last ones"))
}

const fn follows_the_last() -> Error {
    Error::PeerMisbehaved {
        code: Code::UnexpectedMessage,
        detail: "rows after the last ones",
    }
}
