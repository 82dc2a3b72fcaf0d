//! Connections that wait for the next job.

use super::*;

#[tokio::test]
async fn a_kept_connection_serves_the_next_job_with_the_same_member_once() {
    let (a, _b, out, inbound) = pair(limits()).await;
    let (id, peer, there) = (out.stable_id(), out.peer, out.remote_address().into());
    drop(stream(&out, &inbound).await);
    a.keep(out);
    let again = a.kept(&there, &peer).unwrap();
    assert_eq!(again.stable_id(), id);
    assert_eq!(again.udp_bytes(), (0, 0));
    drop(stream(&again, &inbound).await);
    assert!(again.udp_bytes().0 > 0);
    assert!(a.kept(&there, &peer).is_none());
}

#[tokio::test]
async fn one_that_ended_or_goes_elsewhere_is_not_taken_and_one_that_gives_way_ends() {
    let (a, b, out, inbound) = pair(limits()).await;
    let (peer, there) = (out.peer, out.remote_address());
    a.keep(out.clone());
    let elsewhere = SocketAddr::new(there.ip(), there.port() ^ 1);
    assert!(a.kept(&elsewhere.into(), &peer).is_none());
    assert!(!out.is_open());
    inbound.closed().await;

    let (first, second) = (
        connected(&a, &b, there, peer).await,
        connected(&a, &b, there, peer).await,
    );
    a.keep(first.0);
    a.keep(second.0);
    first.1.closed().await;
    second.1.close(Code::Interrupted);
    // The news is on its way.
    while a.kept.is_open(&peer) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(a.kept(&there.into(), &peer).is_none());
}

#[tokio::test]
async fn a_peer_whose_owner_suspends_loses_what_was_kept_with_it() {
    let (a, _b, out, inbound) = pair(limits()).await;
    let (peer, there) = (out.peer, out.remote_address().into());
    a.keep(out);
    a.close_peer(&peer, Code::Cancelled);
    assert!(matches!(
        inbound.closed().await,
        NetError::Reset(Code::Cancelled)
    ));
    assert!(a.kept(&there, &peer).is_none());
}

/// One more connection between the two.
async fn connected(
    dialer: &Endpoint,
    listener: &Endpoint,
    there: SocketAddr,
    peer: NodeId,
) -> (PeerConnection, PeerConnection) {
    let pair = tokio::join!(dialer.connect(there, peer, soon()), listener.accept());
    (pair.0.unwrap(), pair.1.unwrap())
}
