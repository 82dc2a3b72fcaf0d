//! Bytes as an invite, as a reply to one, and as what tables offer (Spec 14).
//!
//! Whatever they are, nothing panics; what decodes has one encoding and keeps its bounds. A
//! signature that does not hold ends most inputs, so the parts are read without one too.

use psi_core::contact::{Contact, Invite, Offer, Reply, Terms};
use psi_core::limits;
use psi_core::messages::codec;

/// Reads the bytes as each of the five; `true` if they were one.
///
/// # Panics
/// If one of the promises above is broken.
pub fn contact(data: &[u8]) -> bool {
    let invite = Invite::decode(data).is_ok_and(|invite| {
        assert_eq!(invite.encode(), data);
        assert!(invite.terms.is_signed(&invite.signature));
        true
    });
    let reply = Reply::decode(data).is_ok_and(|reply| {
        assert_eq!(reply.encode(), data);
        assert!(reply.terms.is_signed(&reply.invite_signature));
        true
    });
    let offer = codec::decode::<Offer>(data).is_ok_and(|offer| {
        if offer.check().is_ok() {
            assert!(offer.tables.len() <= limits::OFFER_TABLES_MAX);
            assert!(data.len() <= limits::OFFER_BYTES_MAX);
        }
        true
    });
    let terms = codec::decode::<Terms>(data).is_ok_and(|terms| {
        assert!(terms.signing_text().ends_with(data));
        true
    });
    let member = codec::decode::<Contact>(data).is_ok();
    invite || reply || offer || terms || member
}
