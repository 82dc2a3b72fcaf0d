//! The one QUIC endpoint of a node: it dials and it listens.
//!
//! Spec 08 §2. Inbound: a dialer proves its address before anything else, the `gate` says
//! whether its share has room for a handshake, and `shares` how many connections a peer may
//! have open. Outbound: a peer that is not up yet is dialled again until a deadline, so that start
//! order does not matter.
//!
//! **Greeting.** In TLS 1.3 the dialer is done before the listener has seen the dialer's key, so a
//! dialer cannot tell "accepted" from "not yet refused". The listener therefore opens one empty
//! unidirectional stream when the handshake is complete and admitted, and the dialer waits for it.
//! The daemon binds the endpoint, the job runner calls [`Endpoint::connect`].

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use psi_core::Code;
use quinn::{ConnectionError, EndpointConfig, IdleTimeout, Incoming, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::gate::{Gate, TurnedAway};
use super::kept::Kept;
use super::runtime::NetworkRuntime;
use super::shares::Shares;
use super::{Known, NetError, NetLimits, PeerConnection, resolve, tls, var_int};
use crate::collab::Address;
use crate::identity::{NodeId, NodeKey};

/// Admitted connections that wait for [`Endpoint::accept`].
const ACCEPTED_QUEUE: usize = 16;
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

/// One QUIC endpoint, listening and dialling. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    quic: quinn::Endpoint,
    key: Arc<NodeKey>,
    limits: Arc<NetLimits>,
    transport: Arc<TransportConfig>,
    known: Known,
    shares: Shares,
    pub(super) kept: Kept,
    turned_away: TurnedAway,
    accepted: Arc<tokio::sync::Mutex<mpsc::Receiver<PeerConnection>>>,
}

impl Endpoint {
    /// Listens on `listen` (port 0 takes a free one) and admits the members that are `known`. Must
    /// be called on the runtime that is to answer packets; connections may be used on others.
    ///
    /// # Errors
    /// The operating system's, if the address cannot be bound.
    pub fn bind(
        listen: SocketAddr,
        key: &Arc<NodeKey>,
        known: Known,
        limits: NetLimits,
    ) -> std::io::Result<Self> {
        let transport = Arc::new(transport(&limits)?);
        let crypto = tls::server_config(key, known.clone()).map_err(std::io::Error::other)?;
        let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        server
            .transport_config(Arc::clone(&transport))
            // A node's address is in the collaboration; nobody moves during a job.
            .migration(false)
            .max_incoming(limits.handshakes_max)
            .incoming_buffer_size(64 << 10)
            .incoming_buffer_size_total(1 << 20);
        let quic = quinn::Endpoint::new(
            EndpointConfig::default(),
            Some(server),
            UdpSocket::bind(listen)?,
            Arc::new(NetworkRuntime(Handle::current())),
        )?;
        let (sender, receiver) = mpsc::channel(ACCEPTED_QUEUE);
        let (limits, shares) = (Arc::new(limits), Shares::default());
        let turned_away = TurnedAway::default();
        let now = Instant::now();
        let gate = Gate::new(known.clone(), Arc::clone(&limits), turned_away.clone(), now);
        let door = Door {
            turned_away: turned_away.clone(),
            limits: Arc::clone(&limits),
            shares: shares.clone(),
            accepted: sender,
        };
        tokio::spawn(admit_all(quic.clone(), gate, door));
        Ok(Self {
            quic,
            key: Arc::clone(key),
            limits,
            transport,
            known,
            shares,
            kept: Kept::default(),
            turned_away,
            accepted: Arc::new(tokio::sync::Mutex::new(receiver)),
        })
    }

    /// The address that is really listened on.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.quic.local_addr()
    }

    /// The next admitted connection, or `None` after [`Endpoint::close`].
    pub async fn accept(&self) -> Option<PeerConnection> {
        self.accepted.lock().await.recv().await
    }

    /// Connects to the node `expected` at `address`, again and again for as long as `patience`. The
    /// addresses of a name are asked for again while nobody answers.
    ///
    /// # Errors
    /// [`ConnectError`]; everything but [`ConnectError::Unreachable`] ends the attempts at once.
    pub async fn connect(
        &self,
        address: impl Into<Address>,
        expected: NodeId,
        patience: Duration,
    ) -> Result<PeerConnection, ConnectError> {
        let address: Address = address.into();
        let deadline = Instant::now() + patience;
        let crypto = tls::client_config(&self.key, expected)
            .map_err(|error| ConnectError::Local(error.to_string()))?;
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::clone(&self.transport));

        let mut targets = self.targets(&address).await?;
        let mut resolved = Instant::now();
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            let mut last = String::new();
            for target in &targets {
                let left = deadline.saturating_duration_since(Instant::now());
                let longest = self.limits.handshake_timeout.min(left);
                let attempt = self.attempt(&config, *target, &address, expected);
                last = match tokio::time::timeout(longest, attempt).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(Attempt::Final(error))) => return Err(error),
                    Ok(Err(Attempt::Again(last))) => last,
                    Err(_elapsed) => "no answer".to_owned(),
                };
            }
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

    /// The connection to the node at `address` that the last job left open, if any. The node may be
    /// gone nevertheless.
    #[must_use]
    pub fn kept(&self, address: &Address, peer: &NodeId) -> Option<PeerConnection> {
        self.kept.take(peer, address)
    }

    /// Keeps a connection that this node opened, and that no stream uses any more, for its next job
    /// with that peer. Must be called on a runtime.
    pub fn keep(&self, connection: PeerConnection) {
        self.kept.keep(connection);
    }

    /// Whether the peer has connected to this node and still is.
    #[must_use]
    pub fn is_connected(&self, peer: &NodeId) -> bool {
        self.shares.is_connected(peer)
    }

    /// The dialers that were turned away since this was asked last: handshakes of strangers and of
    /// named addresses, and connections of members that had too many.
    #[must_use]
    pub fn turned_away(&self) -> [u64; 3] {
        self.turned_away.take()
    }

    /// Closes the connections that a peer has opened to this node, and one that waits for the next
    /// job with it.
    pub fn close_peer(&self, peer: &NodeId, code: Code) {
        self.kept.close(peer, code);
        self.shares.close(peer, code);
    }

    /// Closes every connection with this reason and stops listening.
    pub fn close(&self, code: Code) {
        self.quic.close(var_int(code), b"");
    }

    /// Waits until the peers have been told of [`Endpoint::close`].
    pub async fn wait_idle(&self) {
        self.quic.wait_idle().await;
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
        // The greeting; see the head of this file. It must be empty.
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

/// What a failed attempt means for the next one.
enum Attempt {
    Again(String),
    Final(ConnectError),
}

impl Attempt {
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
            other => Self::Again(other.to_string()),
        }
    }
}

/// Explicit limits for every quantity that a peer can make this node hold.
fn transport(limits: &NetLimits) -> std::io::Result<TransportConfig> {
    let idle = IdleTimeout::try_from(limits.idle_timeout).map_err(std::io::Error::other)?;
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams_max))
        // The greeting, and nothing else, travels on a unidirectional stream.
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(limits.stream_window))
        // Until a job is agreed to; see `PeerConnection::widen`.
        .receive_window(VarInt::from_u32(limits.narrow_window))
        .send_window(limits.send_window)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits.keep_alive));
    Ok(config)
}

/// Where admitted connections go.
#[derive(Clone)]
struct Door {
    limits: Arc<NetLimits>,
    shares: Shares,
    turned_away: TurnedAway,
    accepted: mpsc::Sender<PeerConnection>,
}

/// Takes in connection attempts until the endpoint closes.
async fn admit_all(quic: quinn::Endpoint, mut gate: Gate, door: Door) {
    while let Some(incoming) = quic.accept().await {
        if !incoming.remote_address_validated() {
            // Costs one packet, smaller than the one it answers, and takes no share of anybody's.
            let _ = incoming.retry();
            continue;
        }
        let from = incoming.remote_address();
        let Some(place) = gate.admit(from.ip(), Instant::now()) else {
            incoming.refuse();
            continue;
        };
        let door = door.clone();
        tokio::spawn(async move {
            let timeout = door.limits.handshake_timeout;
            match tokio::time::timeout(timeout, door.admit(incoming)).await {
                Ok(Ok(connection)) => {
                    drop(place);
                    let _ = door.accepted.send(connection).await;
                }
                // Not worth a line each: who dials is not a member, or is one that hears why.
                Ok(Err(error)) => tracing::debug!(%from, %error, "inbound connection not admitted"),
                Err(_elapsed) => tracing::debug!(%from, "inbound handshake took too long"),
            }
        });
    }
}

impl Door {
    /// Completes one inbound handshake and greets the dialer.
    async fn admit(&self, incoming: Incoming) -> Result<PeerConnection, NetError> {
        let quic = incoming.accept()?.await?;
        let peer = quic
            .peer_identity()
            .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
            .and_then(|presented| tls::node_id_of(presented.first()?))
            .ok_or_else(|| NetError::Lost("the peer presented no node key".to_owned()))?;
        let Some(admission) = self.shares.admit(peer, &quic, &self.limits) else {
            self.turned_away.count_connection();
            quic.close(var_int(Code::TooManyJobs), b"");
            return Err(NetError::Lost(format!(
                "{peer} has too many connections open"
            )));
        };
        let mut greeting = quic.open_uni().await?;
        let _ = greeting.finish();
        Ok(PeerConnection {
            peer,
            dialled: None,
            quic,
            limits: Arc::clone(&self.limits),
            admission: Some(Arc::new(admission)),
            udp_before: (0, 0),
        })
    }
}
