//! First contact: what two members exchange before their nodes know each other, and what each tells
//! the other about itself once they do.
//!
//! Spec 14. [`invite`] is the invite that one person sends to another and the reply that comes back;
//! together they become the collaboration that both sign. [`offer`] is what a member's tables offer
//! the other one. How the bytes become a text that can be pasted, what a person is shown, and who
//! signs is the node's business; nothing here reads a clock or holds a key.

pub mod invite;
pub mod offer;

#[cfg(test)]
mod tests;

pub use invite::{Contact, Invite, Reply, Terms};
pub use offer::{Offer, OfferHash};

use crate::error::{Code, Error};
use crate::limits;

const fn malformed(detail: &'static str) -> Error {
    Error::PeerMisbehaved {
        code: Code::MalformedMessage,
        detail,
    }
}

/// Checks a text that somebody else chose: not empty, not long.
const fn check_text(text: &str) -> Result<(), Error> {
    if text.is_empty() || text.len() > limits::OFFER_TEXT_BYTES_MAX {
        return Err(malformed("a text that is empty or too long"));
    }
    Ok(())
}
