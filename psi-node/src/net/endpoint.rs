//! The one QUIC endpoint of a node: it dials and it listens.
//!
//! Spec 08 §2. Inbound: a dialer proves its address before anything else, the `gate` says
//! whether its share has room for a handshake, and `shares` how many connections a peer may
//! have open. Outbound: see `dial`.
//!
//! **Greeting.** In TLS 1.3 the dialer is done before the listener has seen the dialer's key, so a
//! dialer cannot tell "accepted" from "not yet refused". The listener therefore opens one empty
//! unidirectional stream when the handshake is complete and admitted, and the dialer waits for it.
//! The daemon binds the endpoint.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use psi_core::Code;
use quinn::{EndpointConfig, IdleTimeout, Incoming, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::gate::{Gate, TurnedAway};
use super::kept::Kept;
use super::runtime::NetworkRuntime;
use super::shares::Shares;
use super::{Known, NetError, NetLimits, PeerConnection, tls, var_int};
use crate::collab::Address;
use crate::identity::{NodeId, NodeKey};

/// Admitted connections that wait for [`Endpoint::accept`].
const ACCEPTED_QUEUE: usize = 16;

/// One QUIC endpoint, listening and dialling. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) quic: quinn::Endpoint,
    pub(super) key: Arc<NodeKey>,
    pub(super) limits: Arc<NetLimits>,
    pub(super) transport: Arc<TransportConfig>,
    pub(super) known: Known,
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
            known: known.clone(),
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

    /// Whether this connection, which its peer opened, is the only one that it has open here.
    #[must_use]
    pub fn is_only_connection(&self, connection: &PeerConnection) -> bool {
        self.shares.is_only(&connection.peer)
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
    known: Known,
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
        // The handshake has seen to that, unless the member was one until just now.
        if !self.known.is_member(&peer) {
            quic.close(var_int(Code::UnknownCollaboration), b"");
            return Err(NetError::Lost(format!("{peer} is no member any more")));
        }
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
