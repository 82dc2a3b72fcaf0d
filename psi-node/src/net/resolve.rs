//! The addresses at which a node is dialled now: those of its DNS name, as far as this machine has a
//! route there.
//!
//! Spec 08 §2. A name is looked up again each time, because its owner may have moved. Nothing here
//! is sent to a node. [`super::dial`] calls this before it dials. So does the daemon, so that a
//! member with a name has a share of its own when it dials in.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::ConnectError;
use crate::collab::Address;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// How long the system may take to find the addresses of a name.
const RESOLVES_WITHIN: Duration = Duration::from_secs(10);

/// The addresses of a member, at most eight; those that this machine can send to from `own`.
///
/// # Errors
/// [`ConnectError::NoAddress`], [`ConnectError::NoSuchName`] or [`ConnectError::NoRoute`]. Trying
/// again at once does not help.
pub(super) async fn targets(
    address: &Address,
    own: SocketAddr,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = match address {
        Address::OnlyDials => return Err(ConnectError::NoAddress),
        Address::Ip(address) => vec![*address],
        Address::Name { host, port } => {
            let found = look_up(host, *port).await;
            found.map_err(|error| ConnectError::NoSuchName {
                host: host.clone(),
                why: error.to_string(),
            })?
        }
    };
    let mut reachable = Vec::new();
    let mut last = None;
    for target in found {
        match route(own.ip(), target) {
            Ok(()) => reachable.push(target),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) if reachable.is_empty() => Err(ConnectError::NoRoute {
            address: address.clone(),
            why: error.to_string(),
        }),
        _ => Ok(reachable),
    }
}

/// The addresses of a name.
pub(super) async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let asking = tokio::net::lookup_host((host, port));
    let found = tokio::time::timeout(RESOLVES_WITHIN, asking).await;
    let found: Vec<_> = found
        .map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??
        .take(ADDRESSES_MAX)
        .collect();
    if found.is_empty() {
        return Err(io::Error::other("it has no address"));
    }
    Ok(found)
}

/// Asks the system whether a datagram from `own` could leave for `to`; sends none.
fn route(own: IpAddr, to: SocketAddr) -> io::Result<()> {
    // A socket for both families sends IPv4 from an address of its own choice.
    let own = match (own, to) {
        (IpAddr::V6(own), SocketAddr::V4(_)) if own.is_unspecified() => {
            IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
        }
        _ => own,
    };
    if own.is_ipv4() != to.is_ipv4() {
        return Err(io::Error::other(
            "this node listens on an address of the other IP version",
        ));
    }
    UdpSocket::bind((own, 0))?.connect(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1:0";

    async fn tried(address: &str) -> Result<Vec<SocketAddr>, ConnectError> {
        let address: Address = address.parse().unwrap();
        targets(&address, LOOPBACK.parse().unwrap()).await
    }

    #[tokio::test]
    async fn a_name_is_dialled_at_its_addresses_of_the_ip_version_that_this_node_has() {
        let found = tried("localhost:7401").await.unwrap();
        assert_eq!(found, ["127.0.0.1:7401".parse().unwrap()]);
    }

    #[tokio::test]
    async fn what_cannot_be_dialled_fails_at_once_and_says_why() {
        let no_address = tried("only_dials").await;
        assert!(matches!(no_address, Err(ConnectError::NoAddress)));
        // RFC 6761 §6.4: there is never such a name.
        let no_name = tried("node.invalid:7401").await;
        assert!(matches!(no_name, Err(ConnectError::NoSuchName { .. })));
        // From loopback there is no way out, and none to the other IP version.
        for address in ["192.0.2.1:7401", "[2001:db8::1]:7401"] {
            let no_route = tried(address).await;
            assert!(matches!(no_route, Err(ConnectError::NoRoute { .. })));
        }
    }
}
