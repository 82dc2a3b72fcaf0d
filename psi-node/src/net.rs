//! How two nodes talk: one QUIC endpoint, pinned keys on both sides, frames on streams.
//!
//! Spec 08. [`tls`] decides who may connect, out of those that [`Known`] names; [`endpoint`] accepts
//! connections within fixed limits, which `gate` and `shares` keep; `dial` makes them, at the addresses
//! that `resolve` finds, and `kept` has those that wait for the next job; [`frame`] turns a stream into
//! the frames of [`psi_core::messages`]. The daemon binds the endpoint, the job runner uses
//! connections. Nothing here knows what a message means; the one exception is
//! [`Control::Working`](psi_core::messages::Control::Working), which only says that the peer is not
//! silent.

mod connection;
mod dial;
pub mod endpoint;
pub mod frame;
mod gate;
mod kept;
mod known;
mod resolve;
mod runtime;
mod shares;
pub mod tls;

use std::time::Duration;

use psi_core::Code;

use crate::places::Places;

pub use connection::PeerConnection;
pub use dial::ConnectError;
pub use endpoint::Endpoint;
pub use frame::{Frame, FrameReceiver, FrameSender, FramedStream, LastHeard};
pub use known::Known;

/// The protocol and its version, as both sides must name it in the handshake.
pub const ALPN: &[u8] = b"psi/1";

/// Every bound on what the network can make this node hold, or wait for.
#[derive(Clone, Debug)]
pub struct NetLimits {
    /// Longest wait for the next frame. A peer that computes says so with `Working`.
    pub peer_timeout: Duration,
    /// Longest wait for room to write while nothing is heard. Longer than [`Self::peer_timeout`],
    /// because a peer that computes may leave its receive window full; its `Working` arrives on the
    /// other half, and then the wait goes on.
    pub write_timeout: Duration,
    /// Longest wait for a handshake, in either direction.
    pub handshake_timeout: Duration,
    /// Longest silence of a connection on the level of packets, after which it is dead.
    pub idle_timeout: Duration,
    /// Time between packets that only keep a connection alive; well below the idle timeout. The
    /// runtime's threads send them, so work that keeps the cores busy must not run on those.
    pub keep_alive: Duration,
    /// Inbound handshakes in progress.
    pub handshakes_max: usize,
    /// Those of them with dialers whose address no collaboration names, or whose members' shares are
    /// used up.
    pub stranger_handshakes_max: usize,
    /// Those of them from the addresses of one member, whatever its name resolves to. The first of
    /// these is always there.
    pub member_handshakes_max: usize,
    /// Handshakes that strangers who proved their address may begin, per second.
    pub strangers_per_second: u32,
    /// The same of one network of strangers: a /24 or a /48.
    pub network_per_second: u32,
    /// The same from the addresses of one member.
    pub member_per_second: u32,
    /// Open inbound connections of one peer. It needs one per running job, one to ask and one to
    /// settle.
    pub connections_per_peer: usize,
    /// Open inbound connections of one peer that have a wide window: one per running job.
    pub wide_per_peer: usize,
    /// Open inbound connections of all peers that have a wide window.
    pub wide_max: usize,
    /// Open streams of one connection that the peer started.
    pub streams_max: u32,
    /// Bytes of one stream that the peer may send ahead of what was read.
    pub stream_window: u32,
    /// Bytes of one connection that the peer may send ahead of what was read, before a job is agreed
    /// to.
    pub narrow_window: u32,
    /// The same once a job is agreed to.
    pub connection_window: u32,
    /// Bytes that may be sent and not yet acknowledged.
    pub send_window: u64,
    /// Consecutive `Working` frames. At one in fifteen seconds this is half a week.
    pub working_max: u32,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self::with_peer_timeout(Duration::from_mins(1))
    }
}

impl NetLimits {
    /// The limits of a node with these places for jobs.
    #[must_use]
    pub fn of(peer_timeout: Duration, places: Places) -> Self {
        let of_one_peer = places.of_one_peer();
        Self {
            connections_per_peer: of_one_peer + CONNECTIONS_BESIDE_JOBS,
            wide_per_peer: of_one_peer,
            wide_max: places.of_peers(),
            ..Self::with_peer_timeout(peer_timeout)
        }
    }

    /// The default limits with another patience for a silent peer.
    #[must_use]
    pub fn with_peer_timeout(peer_timeout: Duration) -> Self {
        Self {
            peer_timeout,
            write_timeout: peer_timeout.saturating_mul(10),
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(5),
            handshakes_max: 64,
            stranger_handshakes_max: 8,
            member_handshakes_max: 4,
            strangers_per_second: 20,
            network_per_second: 5,
            member_per_second: 20,
            connections_per_peer: 5,
            wide_per_peer: 3,
            wide_max: 7,
            streams_max: 4,
            stream_window: 4 << 20,
            narrow_window: 256 << 10,
            connection_window: 4 << 20,
            send_window: 8 << 20,
            working_max: 20_000,
        }
    }

    /// The time between two `Working` frames of a node that computes: a third of the peer's
    /// patience, if the peer has the same.
    #[must_use]
    pub fn working_interval(&self) -> Duration {
        (self.peer_timeout / 3).min(Duration::from_secs(15))
    }
}

/// Connections of a peer beside those of its jobs: one to ask, one to settle.
const CONNECTIONS_BESIDE_JOBS: usize = 2;

/// Why a connection or a stream no longer serves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The peer sent bytes that are not a frame of the protocol, or this node's message is too
    /// long.
    #[error(transparent)]
    Frame(#[from] psi_core::Error),
    /// The peer sent nothing, or read nothing, for longer than its time limit.
    #[error("the peer was silent for {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// The peer was heard, and took longer for one step than that may take.
    #[error("the peer took more than {} seconds for one step", .0.as_secs_f32())]
    TooSlow(Duration),
    /// The peer ended the stream where another frame was due.
    #[error("the peer ended the stream")]
    Ended,
    /// The peer gave up the stream or the connection and named the reason.
    #[error("the peer gave up: {0}")]
    Reset(Code),
    /// The connection is gone.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

impl NetError {
    /// The code that is in receipts and that a peer may see.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Frame(error) => error.code(),
            Self::TimedOut(_) | Self::TooSlow(_) => Code::TimedOut,
            Self::Reset(code) => *code,
            Self::Ended | Self::Lost(_) => Code::Interrupted,
        }
    }
}

/// The QUIC application error code for a reason; every code fits.
fn var_int(code: Code) -> quinn::VarInt {
    quinn::VarInt::from_u32(u32::from(code.number()))
}

/// The reason that a peer gave with a QUIC application error code. An unknown number says only that
/// the peer is gone.
fn code_of(error_code: quinn::VarInt) -> Code {
    u16::try_from(error_code.into_inner())
        .ok()
        .and_then(Code::from_number)
        .unwrap_or(Code::Interrupted)
}

impl From<quinn::ConnectionError> for NetError {
    fn from(error: quinn::ConnectionError) -> Self {
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => {
                Self::Reset(code_of(close.error_code))
            }
            other => Self::Lost(lost(&other)),
        }
    }
}

/// Why a connection is gone, in this program's words: the reason that the other end gives with its
/// code is a text of its choice, and whoever answers at an address has proved nothing by it.
fn lost(error: &quinn::ConnectionError) -> String {
    match error {
        quinn::ConnectionError::ConnectionClosed(close) => {
            format!("the other end closed it: {}", close.error_code)
        }
        quinn::ConnectionError::ApplicationClosed(close) => {
            format!("the other end closed it: {}", code_of(close.error_code))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
