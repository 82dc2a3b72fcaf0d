//! Where a member's node is reached: an IP address or a DNS name with a port, or nowhere.
//!
//! Spec 01 §6. Read from collaboration documents, from invites and from the command line. A name is
//! kept as a name: the node asks for its addresses each time it dials (Spec 08 §2). Nothing here
//! asks the network.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Bytes of a DNS name (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Bytes of one label of it.
const LABEL_BYTES_MAX: usize = 63;

/// The word for a member that nobody can reach, where an address is due on a command line.
pub const ONLY_DIALS: &str = "only_dials";

/// Where a member's node is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a UDP port.
    Ip(SocketAddr),
    /// A DNS name, in lower case, and a UDP port.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// Nowhere: its node dials and is never dialled.
    OnlyDials,
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is an IP address or a DNS name, a colon, and a port from 1 to 65535")]
pub struct AddressError;

impl Address {
    /// Whether a node can dial it.
    #[must_use]
    pub const fn is_dialled(&self) -> bool {
        !matches!(self, Self::OnlyDials)
    }

    /// The text that is signed: empty for a member that nobody can reach.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::OnlyDials => String::new(),
            dialled => dialled.to_string(),
        }
    }

    /// The address of a canonical text.
    ///
    /// # Errors
    /// [`AddressError`] if the text is not what [`Self::canonical`] gives for some address.
    pub fn from_canonical(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Ok(Self::OnlyDials);
        }
        let address: Self = text.parse()?;
        if address.is_dialled() && address.to_string() == text {
            return Ok(address);
        }
        Err(AddressError)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == ONLY_DIALS {
            return Ok(Self::OnlyDials);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0);
        let host = host.to_ascii_lowercase();
        match port {
            Some(port) if is_host(&host) => Ok(Self::Name { host, port }),
            _ => Err(AddressError),
        }
    }
}

/// Whether a text is a DNS name of letters, digits and hyphens (RFC 1123 §2.1) that cannot be taken
/// for an IP address.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
        let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        label.len() <= LABEL_BYTES_MAX
            && edge(label.bytes().next())
            && edge(label.bytes().next_back())
            && label.bytes().all(inside)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    host.len() <= HOST_BYTES_MAX && host.split('.').all(label) && !number
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::OnlyDials => f.write_str(ONLY_DIALS),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from(address: (IpAddr, u16)) -> Self {
        Self::Ip(address.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn addresses_are_ip_addresses_names_or_none_and_each_has_one_canonical_text() {
        for (text, canonical) in [
            ("198.51.100.7:7401", "198.51.100.7:7401"),
            ("[2001:DB8::7]:7401", "[2001:db8::7]:7401"),
            ("Node.Example.org:7401", "node.example.org:7401"),
            ("glovebox-1:7401", "glovebox-1:7401"),
            ("only_dials", ""),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.canonical(), canonical);
            assert_eq!(Address::from_canonical(canonical), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_or_not_its_canonical_text_is_refused() {
        let long = format!("{}:1", "a.".repeat(127) + "ab");
        let label = format!("{}.org:1", "a".repeat(64));
        for bad in [
            "",
            ":7401",
            "node",
            "node:",
            "node:0",
            "node:65536",
            "node:+1",
            "-a.org:1",
            "a-.org:1",
            "a..org:1",
            "a.org.:1",
            "a_b.org:1",
            "1.2.3:1",
            "1.2.3.999:1",
            "a.0x7f:1",
            "é.org:1",
            "a b.org:1",
            "2001:db8::7:7401",
            "https://a.org:1",
            &long,
            &label,
        ] {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
        for other in ["Node.org:1", "[2001:DB8::7]:1", "node.org:01", "only_dials"] {
            assert_eq!(Address::from_canonical(other), Err(AddressError), "{other}");
        }
    }
}
