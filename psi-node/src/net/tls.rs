//! Who may connect: TLS 1.3 with pinned ed25519 keys in both directions.
//!
//! Spec 08 §1. No certificates are used: both sides present their node key as a raw public key (RFC
//! 7250), and a node id *is* that key. The listener accepts any key that is a member of a joined
//! collaboration; the dialer accepts exactly the one it dialled. Both verify the handshake
//! signature, so presenting somebody's public key is not enough. Only [`super::endpoint`] calls
//! this.
//!
//! # Security
//! No session is ever resumed: no tickets are issued, none are kept, and early data (0-RTT) is off
//! on both sides, because early data can be replayed and would come before the peer's key is
//! proven afresh.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureAlgorithm, SignatureScheme,
};

use super::{ALPN, Known};
use crate::identity::{NodeId, NodeKey};

/// The DER of a `SubjectPublicKeyInfo` with algorithm id-Ed25519 (RFC 8410 §4), up to the key.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The only signature scheme either side offers or accepts.
const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// The listener's side: presents `key`, admits the members that are `known`.
///
/// # Errors
/// Only if the cryptographic provider lacks what QUIC needs, which is a defect of the build.
pub fn server_config(key: &Arc<NodeKey>, known: Known) -> Result<QuicServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(PinnedClients { known }))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(presented(
            key,
        ))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption and no early data; see the head of this file.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    QuicServerConfig::try_from(config)
        .map_err(|_| Error::General("the provider lacks AES-128-GCM, which QUIC needs".into()))
}

/// The dialer's side: presents `key`, accepts no key but `expected`.
///
/// # Errors
/// Only if the cryptographic provider lacks what QUIC needs, which is a defect of the build.
pub fn client_config(key: &Arc<NodeKey>, expected: NodeId) -> Result<QuicClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous() // The name of rustls for "own verifier"; ours is stricter than the web's.
        .with_custom_certificate_verifier(Arc::new(PinnedServer { expected }))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(presented(
            key,
        ))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption and no early data; see the head of this file.
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Peers are known by key; the name in the clear part of the handshake would say nothing.
    config.enable_sni = false;
    QuicClientConfig::try_from(config)
        .map_err(|_| Error::General("the provider lacks AES-128-GCM, which QUIC needs".into()))
}

/// A dialer that presents one key and signs with another, as a thief of a public key would.
#[cfg(test)]
pub(super) fn client_config_presenting(
    presented_id: NodeId,
    signing: &Arc<NodeKey>,
    expected: NodeId,
) -> Result<QuicClientConfig, Error> {
    let certificate = CertificateDer::from(spki_of(&presented_id).as_ref().to_vec());
    let key = CertifiedKey::new(
        vec![certificate],
        Arc::new(HandshakeKey(Arc::clone(signing))),
    );
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedServer { expected }))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(
            key,
        ))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    QuicClientConfig::try_from(config).map_err(|_| Error::General("no initial suite".into()))
}

/// The node id in a raw public key, or `None` if it is anything but an Ed25519 key in its one
/// encoding.
#[must_use]
pub fn node_id_of(spki: &[u8]) -> Option<NodeId> {
    let key = spki.strip_prefix(&SPKI_PREFIX)?;
    Some(NodeId(key.try_into().ok()?))
}

/// The raw public key of a node id.
fn spki_of(id: &NodeId) -> SubjectPublicKeyInfoDer<'static> {
    let mut der = Vec::with_capacity(SPKI_PREFIX.len() + id.as_bytes().len());
    der.extend_from_slice(&SPKI_PREFIX);
    der.extend_from_slice(id.as_bytes());
    SubjectPublicKeyInfoDer::from(der)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// This node's key in rustls's terms: what to present, and who signs.
fn presented(key: &Arc<NodeKey>) -> Arc<CertifiedKey> {
    let certificate = CertificateDer::from(spki_of(&key.id()).as_ref().to_vec());
    Arc::new(CertifiedKey::new(
        vec![certificate],
        Arc::new(HandshakeKey(Arc::clone(key))),
    ))
}

/// Signs handshakes with the node key, which thereby never leaves its type.
struct HandshakeKey(Arc<NodeKey>);

impl fmt::Debug for HandshakeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeKey")
    }
}

impl SigningKey for HandshakeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer: Box<dyn Signer> = Box::new(Self(Arc::clone(&self.0)));
        offered.contains(&SCHEME).then_some(signer)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(spki_of(&self.0.id()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for HandshakeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }
}

/// Admits the members of joined collaborations. In TLS 1.3 a dialer that presents a key signs with it,
/// and is asked for a key always, so that the second of the two checks below is made for each.
struct PinnedClients {
    known: Known,
}

impl fmt::Debug for PinnedClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinnedClients")
    }
}

impl ClientCertVerifier for PinnedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Whose key it may be is not asked before its holder has signed; see below.
        presented_id(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let id = presented_id(cert, &[])?;
        // The same answer to whoever presents a key that is another's and to whoever has one that is
        // not known: nobody learns by trying keys who this node's partners are.
        let held = verify_signature(message, cert, signature).map_err(|_| not_pinned())?;
        if self.known.is_member(&id) {
            return Ok(held);
        }
        self.known.turned_away(id);
        Err(not_pinned())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Accepts the one node that was dialled.
#[derive(Debug)]
struct PinnedServer {
    expected: NodeId,
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if presented_id(end_entity, intermediates)? == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(not_pinned())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// The node id that a peer presents; it must be one raw key and nothing beside it.
fn presented_id(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<NodeId, Error> {
    if !intermediates.is_empty() {
        return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
    }
    node_id_of(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn not_pinned() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// Verifies that the holder of the presented key signed this handshake.
fn verify_signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    if signature.scheme != SCHEME {
        return Err(bad());
    }
    let id = presented_id(cert, &[])?;
    let key = VerifyingKey::from_bytes(id.as_bytes()).map_err(|_| bad())?;
    let bytes = Signature::from_slice(signature.signature()).map_err(|_| bad())?;
    // Strict: also refuses keys of small order, for which one signature fits many messages.
    key.verify_strict(message, &bytes).map_err(|_| bad())?;
    Ok(HandshakeSignatureValid::assertion())
}
