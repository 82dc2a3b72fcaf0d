//! A connection with a peer whose key is proven: its streams, its window, what it carried.
//!
//! Spec 08 §2 and §3. Made by [`super::endpoint`] in either direction; the job runner opens and
//! accepts streams on it.

use std::net::SocketAddr;
use std::sync::Arc;

use psi_core::Code;
use quinn::VarInt;

use super::shares::Admission;
use super::{FramedStream, NetError, NetLimits, var_int};
use crate::collab::Address;
use crate::identity::NodeId;

/// A connection with a peer whose key is proven. Clones share it; it ends when the last is dropped.
#[derive(Clone)]
pub struct PeerConnection {
    /// The peer's node id.
    pub peer: NodeId,
    /// Where this node dialled it, if it did.
    pub(super) dialled: Option<Address>,
    pub(super) quic: quinn::Connection,
    pub(super) limits: Arc<NetLimits>,
    /// Of a connection that the peer opened.
    pub(super) admission: Option<Arc<Admission>>,
    /// What [`Self::udp_bytes`] does not count: bytes of earlier jobs.
    pub(super) udp_before: (u64, u64),
}

impl PeerConnection {
    /// Opens a stream. The peer learns of it with the first frame.
    ///
    /// # Errors
    /// [`NetError::TimedOut`] if the peer allows no more streams; [`NetError::Lost`] or
    /// [`NetError::Reset`] if the connection is gone.
    pub async fn open_stream(&self) -> Result<FramedStream, NetError> {
        let limit = self.limits.peer_timeout;
        let (send, recv) = tokio::time::timeout(limit, self.quic.open_bi())
            .await
            .map_err(|_elapsed| NetError::TimedOut(limit))??;
        Ok(FramedStream::new(send, recv, &self.limits))
    }

    /// The next stream that the peer opens, or `None` when the connection has ended.
    pub async fn accept_stream(&self) -> Option<FramedStream> {
        let (send, recv) = self.quic.accept_bi().await.ok()?;
        Some(FramedStream::new(send, recv, &self.limits))
    }

    /// Makes room for a job: a wide window for the rest of the connection, unless the peer has too
    /// many already. What this node opened itself always gets one.
    pub fn widen(&self) {
        let admission = self.admission.as_ref();
        if admission.is_none_or(|admission| admission.widen(&self.limits)) {
            let window = VarInt::from_u32(self.limits.connection_window);
            self.quic.set_receive_window(window);
        }
    }

    /// Whether neither side has ended it, as far as this node knows.
    pub(super) fn is_open(&self) -> bool {
        self.quic.close_reason().is_none()
    }

    /// What tells this connection from others of the endpoint.
    pub(super) fn stable_id(&self) -> usize {
        self.quic.stable_id()
    }

    /// The same connection, for another job. Jobs that run over one at the same time count each
    /// other's bytes.
    pub(crate) fn taken_again(mut self) -> Self {
        let stats = self.quic.stats();
        self.udp_before = (stats.udp_tx.bytes, stats.udp_rx.bytes);
        self
    }

    /// The peer's address, for the owner's log.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.quic.remote_address()
    }

    /// UDP payload bytes sent and received for this job so far: what QUIC adds and what it sent again
    /// included, headers of UDP and IP not.
    #[must_use]
    pub fn udp_bytes(&self) -> (u64, u64) {
        let (stats, before) = (self.quic.stats(), self.udp_before);
        (
            stats.udp_tx.bytes.saturating_sub(before.0),
            stats.udp_rx.bytes.saturating_sub(before.1),
        )
    }

    /// Waits until the connection has ended, and says why.
    pub async fn closed(&self) -> NetError {
        self.quic.closed().await.into()
    }

    /// Ends the connection and every stream of it; what was sent last may not arrive.
    pub fn close(&self, code: Code) {
        self.quic.close(var_int(code), b"");
    }
}
