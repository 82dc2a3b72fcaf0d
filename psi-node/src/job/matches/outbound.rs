//! What the arithmetic hands out, on its way to the stream.
//!
//! Spec 08 §4. A queue of two bounds: whole lists are handles, of which a job has as many as parts;
//! frames of a transfer are bytes, of which a few may wait. The thread that computes waits where a
//! bound is reached, and goes on as the peer takes what was sent.

use psi_core::session::Outgoing;
use psi_core::{Error, limits};
use tokio::sync::mpsc;

use crate::job::failure::Failure;
use crate::job::link::{Meter, send_list};
use crate::job::matches::handed::Handed;
use crate::net::FrameSender;

/// Messages and lists that wait to be sent: one list for each part of a match, and the messages
/// around them. More would come from the next match, which does not begin before these are sent.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the bound on parts is a small constant"
)]
const OUTGOING_MAX: usize = limits::PARTS_MAX as usize + 16;

/// Frames of a transfer that wait to be sent, 256 KiB each at most.
const ROWS_WAITING_MAX: usize = 4;

/// The end of the queue at the arithmetic.
pub(in crate::job) struct Outlet {
    queue: mpsc::Sender<Outgoing>,
    /// One token for each frame of a transfer that waits.
    rows: mpsc::Sender<()>,
    handed: Handed,
}

/// The end of the queue at the stream.
pub(in crate::job) struct Outbox {
    queue: mpsc::Receiver<Outgoing>,
    rows: mpsc::Receiver<()>,
}

/// An empty queue, which notes what is paid for.
pub(in crate::job) fn channel(handed: Handed) -> (Outlet, Outbox) {
    let (queue, queued) = mpsc::channel(OUTGOING_MAX);
    let (rows, waiting) = mpsc::channel(ROWS_WAITING_MAX);
    let outlet = Outlet {
        queue,
        rows,
        handed,
    };
    let outbox = Outbox {
        queue: queued,
        rows: waiting,
    };
    (outlet, outbox)
}

impl Outlet {
    /// Puts something into the queue; blocks while it is full.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the job ended, and with it the other end.
    pub(in crate::job) fn put(&self, outgoing: Outgoing) -> Result<(), Error> {
        // INVARIANT: before it can be sent, so a job without a note has sent nothing of the kind.
        self.handed.note_if_paid(&outgoing);
        if matches!(outgoing, Outgoing::Rows { .. }) {
            self.rows.blocking_send(()).map_err(|_| Error::Cancelled)?;
        }
        let queued = self.queue.blocking_send(outgoing);
        queued.map_err(|_| Error::Cancelled)
    }
}

impl Outbox {
    /// Sends all that comes, in order, until the other end is dropped. Says `Working` meanwhile.
    pub(in crate::job) async fn send_all(
        mut self,
        sender: &mut FrameSender,
        mut meter: Meter,
    ) -> Result<(), Failure> {
        while let Some(outgoing) = sender.working_while(self.queue.recv()).await? {
            match outgoing {
                Outgoing::Control(message) => sender.control(&message).await?,
                Outgoing::List { header, records } => {
                    send_list(sender, header, records, &mut meter).await?;
                }
                Outgoing::Rows { header, bytes } => {
                    sender.rows(header, &bytes).await?;
                    // Each waiting frame has put one token there.
                    let _ = self.rows.try_recv();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use psi_core::messages::Control;
    use psi_core::messages::frame::{ListId, RowsHeader};

    use super::*;

    fn rows() -> Outgoing {
        Outgoing::Rows {
            header: RowsHeader {
                list: ListId::Columns,
                match_index: 0,
                part: 0,
            },
            bytes: vec![1; 8],
        }
    }

    #[test]
    fn frames_of_a_transfer_wait_for_room_and_messages_do_not() {
        let (outlet, mut outbox) = channel(Handed::default());
        for _ in 0..ROWS_WAITING_MAX {
            outlet.put(rows()).unwrap();
        }
        outlet
            .put(Outgoing::Control(Control::ReadyToClose))
            .unwrap();
        let (done, first) = std::sync::mpsc::channel();
        let worker = std::thread::spawn(move || {
            outlet.put(rows()).unwrap();
            done.send(()).unwrap();
            outlet.put(rows())
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!worker.is_finished(), "there was room for more frames");
        assert!(outbox.queue.try_recv().is_ok());
        outbox.rows.try_recv().unwrap();
        // One more has room; the next one learns that nobody sends any more.
        first.recv().unwrap();
        drop(outbox);
        assert!(matches!(worker.join().unwrap(), Err(Error::Cancelled)));
    }
}
