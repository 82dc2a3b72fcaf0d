//! Frames in place of messages and rows: for callers that hold whole frames, such as a replay.
//!
//! Spec 06 §1 and §5. A node sends while it encodes, and calls [`Exchange::handle_control`] and
//! [`Exchange::handle_rows`] itself.

use super::{Exchange, Outgoing, Outlet, Step};
use crate::error::Error;
use crate::list::{Rice, encode_list};
use crate::messages::frame::Frame;

impl Outgoing {
    /// Hands over the frames of the message, those of a list with at most `frame_bytes` of its code.
    ///
    /// # Errors
    /// Those of the list and of `take`.
    pub fn into_frames(
        self,
        frame_bytes: usize,
        take: &mut dyn FnMut(Frame) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Control(message) => take(Frame::Control(message)),
            Self::Rows { header, bytes } => take(Frame::Rows(header, bytes)),
            Self::List { header, records } => {
                encode_list(&Rice, records.as_ref(), frame_bytes, &mut |piece| {
                    take(Frame::Rows(header, piece.bytes))
                })
            }
        }
    }
}

impl Exchange {
    /// Takes a frame of either kind.
    ///
    /// # Errors
    /// Those of [`Self::handle_control`] and [`Self::handle_rows`].
    pub fn handle(self, frame: Frame, out: Outlet<'_>) -> Result<Step, Error> {
        match frame {
            Frame::Control(message) => self.handle_control(message, out),
            Frame::Rows(header, bytes) => self.handle_rows(header, &bytes, out),
        }
    }
}
