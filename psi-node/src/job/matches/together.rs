//! Takes frames out of the queue of the arithmetic: several of one list at once, if they are there
//! and the machine has cores for their points.
//!
//! Spec 08 §4. Called by [`super`] alone. It waits for the first frame only, so nothing is held up
//! for what may come. A control message comes alone.

use psi_core::kernel::batch::batches_at_once;
use psi_core::messages::frame::RowsHeader;
use psi_core::session::{Exchange, Outlet, Step};
use psi_core::{Error, messages::Control};
use tokio::sync::mpsc;

use super::inbound::follows_the_last;
use crate::net::Frame;

/// The end of the queue at the arithmetic.
pub(super) struct Frames {
    queue: mpsc::Receiver<Frame>,
    /// Taken from the queue and not handed on.
    next: Option<Frame>,
    /// Frames that are handled at once, at most.
    most: usize,
}

/// Frames that are handled in one go.
pub(super) enum Taken {
    Control(Box<Control>),
    /// One at least, all with this header.
    Rows(RowsHeader, Vec<Vec<u8>>),
}

impl Frames {
    pub(super) fn new(queue: mpsc::Receiver<Frame>) -> Self {
        Self {
            queue,
            next: None,
            most: batches_at_once(),
        }
    }

    /// The next frames; `see` is shown each of them. Blocks until there is one.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the job ended, and with it the other end of the queue; those of
    /// `see`.
    pub(super) fn take(
        &mut self,
        mut see: impl FnMut(&Frame) -> Result<(), Error>,
    ) -> Result<Taken, Error> {
        let first = self.next.take().or_else(|| self.queue.blocking_recv());
        let first = first.ok_or(Error::Cancelled)?;
        see(&first)?;
        let (header, bytes) = match first {
            Frame::Control(message) => return Ok(Taken::Control(Box::new(message))),
            Frame::Rows(header, bytes) => (header, bytes),
        };
        let mut together = vec![bytes];
        while together.len() < self.most {
            match self.queue.try_recv() {
                Ok(Frame::Rows(same, bytes)) if same == header => {
                    let frame = Frame::Rows(same, bytes);
                    see(&frame)?;
                    let Frame::Rows(_, bytes) = frame else { break };
                    together.push(bytes);
                }
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                // Nothing more is here now; that the other end is gone shows when it is waited for.
                Err(_) => break,
            }
        }
        Ok(Taken::Rows(header, together))
    }

    /// Ends the queue: nothing may be left in it.
    ///
    /// # Errors
    /// [`psi_core::Code::UnexpectedMessage`] if there is another frame.
    pub(super) fn end(mut self) -> Result<(), Error> {
        // Also waits for a frame that is on its way into the queue.
        self.queue.close();
        match self.next.take().or_else(|| self.queue.blocking_recv()) {
            None => Ok(()),
            Some(_) => Err(follows_the_last()),
        }
    }
}

/// What some frames led to.
pub(super) struct Led {
    pub(super) step: Step,
    /// How many frames there were.
    pub(super) frames: u64,
    /// Whether the last of them was of a list that has not ended with it.
    pub(super) amid_list: bool,
}

/// Handles frames, one after the other.
///
/// # Errors
/// Those of the exchange; [`psi_core::Code::UnexpectedMessage`] if some follow its end.
pub(super) fn handle(exchange: Exchange, taken: Taken, out: Outlet<'_>) -> Result<Led, Error> {
    let (header, frames) = match taken {
        Taken::Control(message) => {
            let step = exchange.handle_control(*message, out)?;
            return Ok(Led {
                step,
                frames: 1,
                amid_list: false,
            });
        }
        Taken::Rows(header, frames) => (header, frames),
    };
    let all: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let mut rest = all.as_slice();
    let mut exchange = exchange;
    loop {
        let before = exchange.awaits();
        let (step, taken) = exchange.handle_some(header, rest, out)?;
        rest = rest.get(taken..).unwrap_or_default();
        let amid_list = matches!(&step, Step::More(same) if same.awaits() == before);
        match step {
            Step::More(same) if !rest.is_empty() => exchange = same,
            Step::Done(_) if !rest.is_empty() => return Err(follows_the_last()),
            step => {
                return Ok(Led {
                    step,
                    frames: all.len() as u64,
                    amid_list,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use psi_core::messages::frame::ListId;

    use super::*;

    fn header(list: ListId) -> RowsHeader {
        RowsHeader {
            list,
            match_index: 0,
            part: 0,
        }
    }

    fn rows(list: ListId, byte: u8) -> Frame {
        Frame::Rows(header(list), vec![byte])
    }

    /// What comes out of a queue of these frames, `most` of which may be taken at once.
    fn taken(sent: Vec<Frame>, most: usize) -> Vec<Vec<u8>> {
        let (into, queue) = mpsc::channel(16);
        for frame in sent {
            into.blocking_send(frame).unwrap();
        }
        drop(into);
        let mut frames = Frames {
            queue,
            next: None,
            most,
        };
        let mut all = Vec::new();
        let mut seen = 0;
        loop {
            let next = frames.take(|_| {
                seen += 1;
                Ok(())
            });
            match next {
                Ok(Taken::Control(_)) => all.push(Vec::new()),
                Ok(Taken::Rows(_, frames)) => all.push(frames.concat()),
                Err(Error::Cancelled) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let handled: usize = all.iter().map(|frames| frames.len().max(1)).sum();
        assert_eq!(seen, handled);
        all
    }

    #[test]
    fn frames_of_one_list_are_taken_together_and_in_order() {
        let sent = || {
            vec![
                rows(ListId::Blinded, 1),
                rows(ListId::Blinded, 2),
                rows(ListId::Blinded, 3),
                rows(ListId::Columns, 4),
                Frame::Control(Control::ReadyToClose),
                rows(ListId::Columns, 5),
            ]
        };
        let one: [&[u8]; 6] = [&[1], &[2], &[3], &[4], &[], &[5]];
        assert_eq!(taken(sent(), 1), one);
        let two: [&[u8]; 5] = [&[1, 2], &[3], &[4], &[], &[5]];
        assert_eq!(taken(sent(), 2), two);
        let many: [&[u8]; 4] = [&[1, 2, 3], &[4], &[], &[5]];
        assert_eq!(taken(sent(), 4), many);
    }

    #[test]
    fn a_frame_after_the_last_is_an_error_wherever_it_waits() {
        let queue = |sent: Vec<Frame>| {
            let (into, queue) = mpsc::channel(4);
            for frame in sent {
                into.blocking_send(frame).unwrap();
            }
            Frames {
                queue,
                next: None,
                most: 4,
            }
        };
        queue(Vec::new()).end().unwrap();
        let mut in_queue = queue(vec![rows(ListId::Blinded, 1), rows(ListId::Blinded, 2)]);
        in_queue.most = 1;
        in_queue.take(|_| Ok(())).unwrap();
        assert!(in_queue.end().is_err());
        let mut taken = queue(vec![rows(ListId::Blinded, 1), rows(ListId::Tags, 2)]);
        taken.take(|_| Ok(())).unwrap();
        assert!(taken.next.is_some());
        assert!(taken.end().is_err());
    }
}
