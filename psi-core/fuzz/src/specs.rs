//! Bytes as a job specification (Spec 03 §4), as an auditor or the other side reads them.
//!
//! Whatever they are, nothing panics; what decodes has one encoding, and its sizes can be computed
//! with.

use psi_core::session::{MatchSetup, records_to_send};
use psi_core::spec::{JobSpec, Party};

/// Decodes a specification and sets up its matches; `true` if it was one.
///
/// # Panics
/// If one of the promises above is broken.
pub fn specs(data: &[u8]) -> bool {
    let Ok(spec) = JobSpec::decode(data) else {
        return false;
    };
    assert_eq!(spec.encode(), data);
    let matches = u8::try_from(spec.matches().len()).expect("one match or two");
    for index in 0..matches {
        let setup = MatchSetup::new(&spec, index).expect("a specification that was assembled");
        assert!(setup.points() > 0);
    }
    assert!(MatchSetup::new(&spec, matches).is_err());
    for own in [Party::Requester, Party::Responder] {
        assert!(records_to_send(&spec, own) > 0);
    }
    true
}
