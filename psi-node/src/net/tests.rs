//! Two endpoints on loopback: who gets in, and what a stream refuses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use psi_core::Code;
use psi_core::limits::ROWS_BYTES_MAX;
use psi_core::messages::Control;
use psi_core::messages::frame::{ListId, RowsHeader};

use super::{
    ConnectError, Endpoint, Frame, FrameReceiver, FrameSender, Known, NetError, NetLimits,
    PeerConnection, tls,
};
use crate::identity::{NodeId, NodeKey};

mod dialling;
mod kept;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn key() -> Arc<NodeKey> {
    Arc::new(NodeKey::generate().unwrap())
}

/// Limits that no test waits for unless it means to.
fn limits() -> NetLimits {
    NetLimits::default()
}

/// Members with these keys, at an address from which nobody dials.
fn known(pinned: &[NodeId]) -> Known {
    let nowhere = std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    Known::of(pinned.iter().map(|id| (*id, (nowhere, 7401).into())))
}

fn bind(key: &Arc<NodeKey>, pinned: &[NodeId], limits: NetLimits) -> Endpoint {
    Endpoint::bind(LOOPBACK, key, known(pinned), limits).unwrap()
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.local_addr().unwrap()
}

fn soon() -> Duration {
    Duration::from_secs(30)
}

/// Two endpoints that pin each other, and one connection between them: the dialer's and the
/// listener's end. The endpoints must outlive the connection.
async fn pair(limits: NetLimits) -> (Endpoint, Endpoint, PeerConnection, PeerConnection) {
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits.clone());
    let listener = bind(&b, &[a.id()], limits);
    let there = address(&listener);
    let (out, inbound) = tokio::join!(dialer.connect(there, b.id(), soon()), listener.accept());
    let (out, inbound) = (out.unwrap(), inbound.unwrap());
    assert_eq!(out.peer, b.id());
    assert_eq!(inbound.peer, a.id());
    (dialer, listener, out, inbound)
}

/// The dialer's sending half and the listener's receiving half of one stream, and the others.
async fn stream(
    out: &PeerConnection,
    inbound: &PeerConnection,
) -> ((FrameSender, FrameReceiver), (FrameSender, FrameReceiver)) {
    let (mut send, recv) = out.open_stream().await.unwrap().split();
    send.control(&Control::ReadyToClose).await.unwrap();
    let (other_send, mut other_recv) = inbound.accept_stream().await.unwrap().split();
    assert!(matches!(
        other_recv.next().await,
        Ok(Frame::Control(Control::ReadyToClose))
    ));
    ((send, recv), (other_send, other_recv))
}

#[tokio::test]
async fn two_nodes_that_pin_each_other_exchange_frames_and_count_the_same_bytes() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((mut send, _), (_answer, mut recv)) = stream(&out, &inbound).await;
    inbound.widen();
    let header = RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    };
    let records = vec![7u8; ROWS_BYTES_MAX];
    for _ in 0..3 {
        send.rows(header, &records).await.unwrap();
    }
    send.control(&Control::Abort(Code::Cancelled))
        .await
        .unwrap();
    send.finish();
    for _ in 0..3 {
        let Ok(Frame::Rows(got, bytes)) = recv.next().await else {
            panic!("no rows")
        };
        assert_eq!(got, header);
        assert_eq!(bytes, records);
    }
    assert!(matches!(
        recv.next().await,
        Ok(Frame::Control(Control::Abort(Code::Cancelled)))
    ));
    assert!(matches!(recv.next().await, Err(NetError::Ended)));
    assert_eq!(send.bytes_sent(), recv.bytes_received());
}

#[tokio::test]
async fn a_dialer_whose_key_is_not_pinned_is_refused_and_told_so() {
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits());
    let listener = bind(&b, &[key().id()], limits());
    let error = dialer
        .connect(address(&listener), b.id(), soon())
        .await
        .err();
    assert!(
        matches!(error, Some(ConnectError::KeyRefused { .. })),
        "{error:?}"
    );
    let admitted = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(
        admitted.is_err(),
        "the listener handed out a connection of an unpinned key"
    );
}

#[tokio::test]
async fn a_listener_with_another_key_than_the_expected_one_is_refused() {
    let (a, b, expected) = (key(), key(), key());
    let dialer = bind(&a, &[b.id(), expected.id()], limits());
    let listener = bind(&b, &[a.id()], limits());
    let error = dialer
        .connect(address(&listener), expected.id(), soon())
        .await
        .err();
    assert!(
        matches!(error, Some(ConnectError::WrongPeer { .. })),
        "{error:?}"
    );
}

/// How a listener ends a handshake in which a thief presents `shown`, whose secret it lacks.
async fn refusal_of_thief(listener: &Endpoint, shown: NodeId, expected: NodeId) -> u64 {
    let crypto = tls::client_config_presenting(shown, &key(), expected).unwrap();
    let mut quic = quinn::Endpoint::client(LOOPBACK).unwrap();
    quic.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let connection = quic
        .connect(listener.local_addr().unwrap(), "psi-node")
        .unwrap()
        .await;
    let closed = match connection {
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    };
    let quinn::ConnectionError::ConnectionClosed(close) = closed else {
        panic!("{closed:?}")
    };
    close.error_code.into()
}

#[tokio::test]
async fn a_key_that_is_presented_without_its_secret_is_refused_the_same_whether_known_or_not() {
    let (member, own) = (key(), key());
    let known = known(&[member.id()]);
    let listener = Endpoint::bind(LOOPBACK, &own, known.clone(), limits()).unwrap();
    let stranger = key().id();
    let of_member = refusal_of_thief(&listener, member.id(), own.id()).await;
    let of_stranger = refusal_of_thief(&listener, stranger, own.id()).await;
    assert_eq!(of_member, of_stranger, "who is a partner here is no oracle");
    let (news, _) = known.take_strangers();
    assert!(news.is_empty(), "nobody has shown to hold these: {news:?}");
    // One that is held and not known is news for the operator, and refused in the same way.
    let (held, id) = (key(), own.id());
    let dialer = bind(&held, &[id], limits());
    let there = address(&listener);
    let refused = dialer.connect(there, id, soon()).await.err();
    assert!(matches!(refused, Some(ConnectError::KeyRefused { .. })));
    assert_eq!(known.take_strangers().0, [held.id()]);
    let admitted = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(admitted.is_err());
}

#[tokio::test]
async fn a_peer_that_starts_late_is_reached() {
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits());
    // Reserve a port, free it, and listen on it only after the dialer has begun.
    let reserved = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let there = reserved.local_addr().unwrap();
    drop(reserved);
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Endpoint::bind(there, &b, known(&[a.id()]), limits()).unwrap()
    };
    let (connection, listener) = tokio::join!(dialer.connect(there, b.id(), soon()), late);
    assert_eq!(connection.unwrap().peer, b.id());
    drop(listener);
}

#[tokio::test]
async fn nobody_listening_ends_as_unreachable_at_the_deadline() {
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits());
    let silent = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let there = silent.local_addr().unwrap();
    let patience = Duration::from_millis(300);
    let error = dialer.connect(there, b.id(), patience).await.err();
    assert!(
        matches!(error, Some(ConnectError::Unreachable { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_silent_peer_times_out_and_a_working_one_does_not() {
    let patience = Duration::from_millis(300);
    let (_a, _b, out, inbound) = pair(NetLimits::with_peer_timeout(patience)).await;
    let ((mut send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    let busy = async {
        // Several times the patience of the other side.
        send.working_while(tokio::time::sleep(patience * 4))
            .await
            .unwrap();
        send.control(&Control::ReadyToClose).await.unwrap();
    };
    let (frame, ()) = tokio::join!(recv.next(), busy);
    assert!(
        matches!(frame, Ok(Frame::Control(Control::ReadyToClose))),
        "{frame:?}"
    );
    let silence = recv.next().await;
    assert!(matches!(silence, Err(NetError::TimedOut(_))), "{silence:?}");
}

#[tokio::test]
async fn a_dropped_sender_reads_as_interrupted_not_as_the_end() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    drop(send);
    assert!(matches!(
        recv.next().await,
        Err(NetError::Reset(Code::Interrupted))
    ));
}

#[tokio::test]
async fn a_frame_longer_than_its_kind_allows_is_refused_at_both_ends() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((mut send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    let header = RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    };
    let too_long = vec![0u8; ROWS_BYTES_MAX + 1];
    assert!(matches!(
        send.rows(header, &too_long).await,
        Err(NetError::Frame(_))
    ));
    // The same from a peer that does not check: the header alone is enough to be refused.
    send.raw(&[2, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
    let refused = recv.next().await;
    assert_eq!(
        refused.err().map(|e| e.code()),
        Some(Code::MalformedMessage)
    );
}

#[tokio::test]
async fn a_frame_that_is_cut_off_is_malformed() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((mut send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    send.raw(&[1, 0, 0, 0, 9, 0, 0]).await.unwrap();
    send.finish();
    let refused = recv.next().await;
    assert_eq!(
        refused.err().map(|e| e.code()),
        Some(Code::MalformedMessage)
    );
}

#[tokio::test]
async fn a_receiver_that_is_dropped_in_the_middle_of_a_frame_loses_nothing() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((mut send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    let header = RowsHeader {
        list: ListId::Tags,
        match_index: 0,
        part: 0,
    };
    let records: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let body_bytes = u32::try_from(records.len() + 4).unwrap().to_be_bytes();
    let mut bytes = vec![2];
    bytes.extend_from_slice(&body_bytes);
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(&records);
    for piece in bytes.chunks(300) {
        send.raw(piece).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(30), recv.next()).await;
        if let Ok(frame) = early {
            let Ok(Frame::Rows(_, got)) = frame else {
                panic!("{frame:?}")
            };
            assert_eq!(got, records);
            return;
        }
    }
    let Ok(Frame::Rows(_, got)) = recv.next().await else {
        panic!("no rows")
    };
    assert_eq!(got, records);
}

#[tokio::test]
async fn closing_a_connection_tells_the_peer_why() {
    let (_a, _b, out, inbound) = pair(limits()).await;
    let ((_send, _r), (_s, mut recv)) = stream(&out, &inbound).await;
    out.close(Code::Cancelled);
    assert!(matches!(
        recv.next().await,
        Err(NetError::Reset(Code::Cancelled))
    ));
    assert!(inbound.accept_stream().await.is_none());
}

#[tokio::test]
async fn a_peer_has_no_more_connections_than_its_share() {
    let few = NetLimits {
        connections_per_peer: 2,
        ..limits()
    };
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits());
    let listener = bind(&b, &[a.id()], few);
    let there = address(&listener);
    let mut open = Vec::new();
    for _ in 0..2 {
        let pair = tokio::join!(dialer.connect(there, b.id(), soon()), listener.accept());
        let (out, inbound) = (pair.0.unwrap(), pair.1.unwrap());
        assert_eq!(listener.is_only_connection(&inbound), open.is_empty());
        open.push((out, inbound));
    }
    let patience = Duration::from_millis(500);
    let third = dialer.connect(there, b.id(), patience).await;
    assert!(matches!(third, Err(ConnectError::Unreachable { .. })));
    // A place becomes free when both ends of a connection are dropped.
    drop(open.pop());
    let pair = tokio::join!(dialer.connect(there, b.id(), soon()), listener.accept());
    assert!(pair.0.is_ok() && pair.1.is_some());
}

#[tokio::test]
async fn a_member_at_a_named_address_has_a_share_where_strangers_have_none_left() {
    // Everybody here dials from loopback.
    let (a, b) = (key(), key());
    let none_left = NetLimits {
        strangers_per_second: 0,
        ..limits()
    };
    let member = bind(&a, &[b.id()], limits());
    let listener = bind(&b, &[a.id()], none_left.clone());
    let short = Duration::from_millis(300);
    let refused = member.connect(address(&listener), b.id(), short).await;
    // Nobody hears even whether a key is known.
    assert!(matches!(refused, Err(ConnectError::Unreachable { .. })));
    let [strangers, named, _] = listener.turned_away();
    assert!(strangers > 0 && named == 0, "{strangers}, {named}");
    // Where a collaboration names the address, its member has a share.
    let named = Known::of([(a.id(), LOOPBACK.into())]);
    let other = Endpoint::bind(LOOPBACK, &b, named, none_left).unwrap();
    let there = address(&other);
    for _ in 0..10 {
        let pair = tokio::join!(member.connect(there, b.id(), soon()), other.accept());
        assert!(pair.0.is_ok());
    }
}

#[tokio::test]
async fn a_peer_sends_a_narrow_window_ahead_until_a_job_is_agreed_to() {
    let few = NetLimits {
        wide_per_peer: 1,
        ..limits()
    };
    let (a, b) = (key(), key());
    let dialer = bind(&a, &[b.id()], limits());
    let listener = bind(&b, &[a.id()], few.clone());
    let there = address(&listener);
    let header = RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    };
    let mut sent_ahead = Vec::new();
    let mut open = Vec::new();
    for widens in [false, true, true] {
        let pair = tokio::join!(dialer.connect(there, b.id(), soon()), listener.accept());
        let (out, inbound) = (pair.0.unwrap(), pair.1.unwrap());
        let ((mut send, rest), unread) = stream(&out, &inbound).await;
        if widens {
            inbound.widen();
        }
        let mut bytes = 0;
        let frame = vec![7; 64 << 10];
        while let Ok(done) =
            tokio::time::timeout(Duration::from_millis(300), send.rows(header, &frame)).await
        {
            done.unwrap();
            bytes += frame.len();
        }
        sent_ahead.push(bytes);
        open.push((out, inbound, send, rest, unread));
    }
    // The sender's own buffer takes some too, in all three.
    let [narrow, wide, second] = sent_ahead[..] else {
        unreachable!("three connections")
    };
    let gained = (few.connection_window - few.narrow_window) as usize;
    assert!(wide >= narrow + gained - (256 << 10), "{sent_ahead:?}");
    assert!(second < narrow + gained / 2, "{sent_ahead:?}");
}

#[test]
fn only_the_one_encoding_of_an_ed25519_key_is_a_node_id() {
    let id = key().id();
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend_from_slice(&id.0);
    assert_eq!(tls::node_id_of(&der), Some(id));
    assert_eq!(tls::node_id_of(&der[..43]), None);
    let mut longer = der.clone();
    longer.push(0);
    assert_eq!(tls::node_id_of(&longer), None);
    let mut x25519 = der;
    x25519[8] = 0x6e;
    assert_eq!(tls::node_id_of(&x25519), None);
}
