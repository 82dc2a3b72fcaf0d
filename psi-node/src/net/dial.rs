//! Dialling a peer: the addresses of its name in turn, again and again until a deadline.
//!
//! Spec 08 §2. A peer that is not up yet is dialled again, so that start order does not matter.
//! What the greeting is, [`super::endpoint`] says. The job runner calls [`Endpoint::connect`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::ConnectionError;

use super::{Endpoint, PeerConnection, lost, resolve, tls};
use crate::collab::Address;
use crate::identity::NodeId;

/// First and longest pause between two attempts to reach a peer.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often the addresses of a name are asked for again while it is dialled.
const RESOLVED_EVERY: Duration = Duration::from_secs(5);
/// The name that QUIC wants in a handshake. Peers are known by key; it is not sent.
const SERVER_NAME: &str = "psi-node";
/// TLS alerts travel as QUIC transport errors 0x100 + alert (RFC 9001 §4.8).
const TLS_ALERTS: std::ops::Range<u64> = 0x100..0x200;
/// The alert of a peer that shares no application protocol (RFC 7301 §3.2).
const ALERT_NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// Why a peer could not be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing answered before the deadline. Trying again later may help.
    #[error("nobody answered at {address} ({last})")]
    Unreachable {
        /// The address that was dialled.
        address: Address,
        /// What the last attempt ran into.
        last: String,
    },
    /// Somebody answered there with another key. Trying again does not help.
    #[error("the node at {address} is not {expected}")]
    WrongPeer {
        /// The address that was dialled.
        address: Address,
        /// The node that the collaboration names.
        expected: NodeId,
    },
    /// The peer does not accept this node's key. Trying again helps after the peer has joined.
    #[error("the node at {address} refused this node's key")]
    KeyRefused {
        /// The address that was dialled.
        address: Address,
    },
    /// The peer speaks another protocol, or another version of this one.
    #[error("the node at {address} does not speak this version of the protocol")]
    OtherProtocol {
        /// The address that was dialled.
        address: Address,
    },
    /// The name has no address. Trying again helps once its owner or the network corrects that.
    #[error("the name {host} cannot be found ({why})")]
    NoSuchName {
        /// The name.
        host: String,
        /// What the system says.
        why: String,
    },
    /// This machine has no way there.
    #[error("this machine has no route to {address} ({why})")]
    NoRoute {
        /// The address that was to be dialled.
        address: Address,
        /// What the system says.
        why: String,
    },
    /// The other node dials and is never dialled.
    #[error("the other node cannot be dialled: the collaboration says that it only dials")]
    NoAddress,
    /// This node could not even try.
    #[error("cannot dial: {0}")]
    Local(String),
}

impl Endpoint {
    /// Connects to the node `expected` at `address`, again and again for as long as `patience`. The
    /// addresses of a name are asked for again while nobody answers.
    ///
    /// # Errors
    /// [`ConnectError`]; everything but [`ConnectError::Unreachable`] ends the attempts once each
    /// address was tried.
    pub async fn connect(
        &self,
        address: impl Into<Address>,
        expected: NodeId,
        patience: Duration,
    ) -> Result<PeerConnection, ConnectError> {
        let address: Address = address.into();
        let deadline = Instant::now() + patience;
        let mut targets = self.targets(&address).await?;
        let mut resolved = Instant::now();
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            let round = self.try_each(&targets, &address, expected, deadline);
            let last = match round.await {
                Ok(connection) => return Ok(connection),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(last)) => last,
            };
            if Instant::now() + pause >= deadline {
                return Err(ConnectError::Unreachable { address, last });
            }
            tracing::debug!(%address, %last, "peer not reached yet");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
            if resolved.elapsed() >= RESOLVED_EVERY {
                resolved = Instant::now();
                // What was found before is as good as nothing.
                targets = self.targets(&address).await.unwrap_or(targets);
            }
        }
    }

    /// Tries the addresses that `address` has, one after the other, until one is `expected`'s. Whoever
    /// answers at another of them says nothing about the rest: each gets its part of the time that is
    /// left.
    pub(super) async fn try_each(
        &self,
        targets: &[SocketAddr],
        address: &Address,
        expected: NodeId,
        deadline: Instant,
    ) -> Result<PeerConnection, Attempt> {
        let crypto = tls::client_config(&self.key, expected)
            .map_err(|error| Attempt::Final(ConnectError::Local(error.to_string())))?;
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::clone(&self.transport));
        let mut worst = Attempt::Again(String::new());
        let mut to_try = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        for target in targets {
            let left = deadline.saturating_duration_since(Instant::now());
            let longest = self.limits.handshake_timeout.min(left / to_try.max(1));
            to_try = to_try.saturating_sub(1);
            let attempt = self.attempt(&config, *target, address, expected);
            let failed = match tokio::time::timeout(longest, attempt).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(failed)) => failed,
                Err(_elapsed) => Attempt::Again("no answer".to_owned()),
            };
            if failed.weight() >= worst.weight() {
                worst = failed;
            }
        }
        Err(worst)
    }

    /// Where `address` is now.
    async fn targets(&self, address: &Address) -> Result<Vec<SocketAddr>, ConnectError> {
        let own = self.quic.local_addr();
        let own = own.map_err(|error| ConnectError::Local(error.to_string()))?;
        let targets = resolve::targets(address, own).await?;
        if let Address::Name { host, .. } = address {
            self.known.found(host, &targets);
        }
        Ok(targets)
    }

    async fn attempt(
        &self,
        config: &quinn::ClientConfig,
        target: SocketAddr,
        address: &Address,
        expected: NodeId,
    ) -> Result<PeerConnection, Attempt> {
        let connecting = self
            .quic
            .connect_with(config.clone(), target, SERVER_NAME)
            .map_err(|error| Attempt::Final(ConnectError::Local(error.to_string())))?;
        let failed = |error: &ConnectionError| Attempt::of(error, address, expected);
        let quic = connecting.await.map_err(|error| failed(&error))?;
        // The greeting; see the head of `endpoint`. It must be empty.
        let mut greeting = quic.accept_uni().await.map_err(|error| failed(&error))?;
        if let Err(error) = greeting.read_to_end(0).await {
            return Err(match error {
                quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(error)) => {
                    failed(&error)
                }
                _ => Attempt::Final(ConnectError::OtherProtocol {
                    address: address.clone(),
                }),
            });
        }
        Ok(PeerConnection {
            peer: expected,
            dialled: Some(address.clone()),
            quic,
            limits: Arc::clone(&self.limits),
            admission: None,
            udp_before: (0, 0),
        })
    }
}

/// What a failed attempt means for the next one at the same address.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It may succeed.
    Again(String),
    /// It would end in the same way.
    Final(ConnectError),
}

impl Attempt {
    /// Which of several attempts is the one to report: the node itself, which refuses this one's key,
    /// before somebody else at one of its addresses, and anybody before nobody.
    const fn weight(&self) -> u8 {
        match self {
            Self::Again(_) => 0,
            Self::Final(ConnectError::KeyRefused { .. }) => 3,
            Self::Final(ConnectError::WrongPeer { .. }) => 2,
            Self::Final(_) => 1,
        }
    }

    fn of(error: &ConnectionError, address: &Address, expected: NodeId) -> Self {
        let address = address.clone();
        match error {
            // This side's verifier refused the listener's key.
            ConnectionError::TransportError(own)
                if TLS_ALERTS.contains(&u64::from(own.code))
                    && u64::from(own.code) != ALERT_NO_APPLICATION_PROTOCOL =>
            {
                Self::Final(ConnectError::WrongPeer { address, expected })
            }
            ConnectionError::TransportError(own)
                if u64::from(own.code) == ALERT_NO_APPLICATION_PROTOCOL =>
            {
                Self::Final(ConnectError::OtherProtocol { address })
            }
            ConnectionError::ConnectionClosed(close)
                if u64::from(close.error_code) == ALERT_NO_APPLICATION_PROTOCOL =>
            {
                Self::Final(ConnectError::OtherProtocol { address })
            }
            // The listener's verifier refused this node's key.
            ConnectionError::ConnectionClosed(close)
                if TLS_ALERTS.contains(&u64::from(close.error_code)) =>
            {
                Self::Final(ConnectError::KeyRefused { address })
            }
            ConnectionError::VersionMismatch => {
                Self::Final(ConnectError::OtherProtocol { address })
            }
            other => Self::Again(lost(other)),
        }
    }
}
