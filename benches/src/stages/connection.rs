//! What the connection costs at each end: one stream over loopback, each end on one thread.
//!
//! As in a node, rows travel in frames over QUIC and TLS. Each end has a runtime of one thread, whose
//! processor time is that end's cost.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use psi_core::limits::ROWS_BYTES_MAX;
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_node::identity::{NodeId, NodeKey};
use psi_node::net::{Endpoint, Frame, Known, NetLimits};
use rustix::time::ClockId;
use tokio::runtime::{Builder, Runtime};

use crate::clock;

/// Frames of a measurement: 64 MiB.
const FRAMES: usize = 256;
/// Frames before it, for as long as the connection looks for its pace.
const FIRST_FRAMES: usize = 32;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Nanoseconds of processor time for each byte, at the sending and at the receiving end.
pub(crate) fn nanos_a_byte() -> (f64, f64) {
    let key = || Arc::new(NodeKey::generate().expect("the system gives randomness"));
    let (sending_key, receiving_key) = (key(), key());
    let (there, address) = channel();
    let peer = sending_key.id();
    let receiving = {
        let key = Arc::clone(&receiving_key);
        std::thread::spawn(move || runtime().block_on(receive(&key, peer, &there)))
    };
    let peer = receiving_key.id();
    let sending =
        std::thread::spawn(move || runtime().block_on(send(&sending_key, peer, &address)));
    let sent = sending.join().expect("the sending end did not panic");
    let received = receiving.join().expect("the receiving end did not panic");
    (sent, received)
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives what a runtime needs")
}

fn endpoint(key: &Arc<NodeKey>, peer: NodeId) -> Endpoint {
    let nowhere = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 7401));
    let known = Known::of([(peer, nowhere.into())]);
    Endpoint::bind(LOOPBACK, key, known, NetLimits::default()).expect("loopback has a free port")
}

async fn send(key: &Arc<NodeKey>, peer: NodeId, address: &Receiver<SocketAddr>) -> f64 {
    let endpoint = endpoint(key, peer);
    let there = address.recv().expect("the other end listens");
    let connection = endpoint.connect(there, peer, Duration::from_secs(10));
    let connection = connection.await.expect("the other end answers");
    let stream = connection.open_stream().await.expect("a stream opens");
    let (mut sender, mut receiver) = stream.split();
    let header = RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    };
    let bytes = vec![7; ROWS_BYTES_MAX];
    let mut start = Duration::ZERO;
    for number in 0..FIRST_FRAMES + FRAMES {
        if number == FIRST_FRAMES {
            start = clock(ClockId::ThreadCPUTime);
        }
        sender.rows(header, &bytes).await.expect("a frame is sent");
    }
    sender.finish();
    // The other end answers when it has all.
    receiver.next().await.expect("the other end answers");
    per_byte(start)
}

async fn receive(key: &Arc<NodeKey>, peer: NodeId, address: &Sender<SocketAddr>) -> f64 {
    let endpoint = endpoint(key, peer);
    let here = endpoint.local_addr().expect("it is bound");
    address.send(here).expect("the other end waits");
    let connection = endpoint.accept().await.expect("the other end connects");
    let stream = connection.accept_stream().await.expect("a stream comes");
    connection.widen();
    let (mut sender, mut receiver) = stream.split();
    let mut start = Duration::ZERO;
    for number in 0..FIRST_FRAMES + FRAMES {
        if number == FIRST_FRAMES {
            start = clock(ClockId::ThreadCPUTime);
        }
        let frame = receiver.next().await.expect("a frame comes");
        assert!(matches!(frame, Frame::Rows(..)));
    }
    let nanos = per_byte(start);
    let done = psi_core::messages::Control::ReadyToClose;
    sender.control(&done).await.expect("the answer is sent");
    sender.finish();
    sender.delivered().await;
    nanos
}

fn per_byte(start: Duration) -> f64 {
    let spent = clock(ClockId::ThreadCPUTime).saturating_sub(start);
    let bytes = u32::try_from(FRAMES * ROWS_BYTES_MAX).unwrap_or(u32::MAX);
    spent.as_secs_f64() * 1e9 / f64::from(bytes)
}
