//! A receipt log as somebody hands it over (Spec 07): entries, each after its length in two bytes.
//!
//! Whatever the bytes are, nothing panics, what decodes has one encoding, and no entry passes the
//! check of a log whose members did not sign it.

use psi_core::receipt::{ChainVerifier, Entry, LogMember, entry_hash};

/// Reads entries and checks each as the first of a log; `true` if one was an entry.
///
/// # Panics
/// If one of the promises above is broken.
pub fn entries(mut data: &[u8]) -> bool {
    let mut accepted = false;
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        accepted |= entry(bytes);
        data = rest;
    }
    accepted
}

fn entry(bytes: &[u8]) -> bool {
    let Ok(entry) = Entry::decode(bytes) else {
        return false;
    };
    assert_eq!(entry.encode(), bytes);
    assert_eq!(entry.hash(), entry_hash(bytes));
    let members = [1, 2].map(|byte| LogMember {
        node_id: [byte; 32].into(),
        name: "member".to_owned(),
    });
    // No signature of zeros holds under any key.
    let forged = [Some([0; 64].into()), Some([0; 64].into())];
    let mut verifier = ChainVerifier::new(entry.collab_id, members);
    assert!(verifier.check(bytes, &forged).is_err());
    true
}
