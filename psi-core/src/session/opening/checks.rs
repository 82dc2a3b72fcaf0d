//! Checks what the other side opens: against the specification, never against this side's data.
//!
//! Spec 05 §6 and §6.2. Only [`super`] calls this.

use super::super::MatchSetup;
use super::super::opened::{Opened, OpenedMatch};
use crate::error::{Code, Error};
use crate::messages::{Outcome, PartCount};
use crate::receipt::output_commitment;
use crate::spec::JobSpec;

/// Checks that a message is about the match that is being opened.
pub(super) fn expect_match(match_index: u8, expected: u8) -> Result<(), Error> {
    if match_index == expected {
        return Ok(());
    }
    let detail = "an opening of another match";
    Err(Error::misbehaved(Code::UnexpectedMessage, detail))
}

/// Checks that the specification allows these counts.
pub(super) fn check_counts(setup: &MatchSetup, parts: &[PartCount]) -> Result<(), Error> {
    if parts.len() != setup.parts.len() {
        return Err(malformed("counts of another number of parts"));
    }
    let noise = match &setup.dp {
        Some(terms) => terms.count_reach(setup.sender_is_recipient),
        None => 0,
    };
    for (size, part) in setup.parts.iter().zip(parts) {
        let most = size.identities.min(setup.sender_identities);
        let most = most.saturating_add(noise);
        let possible = match (&setup.dp, setup.counts_identities, part.released) {
            (_, false, true) => (setup.minimum..=most).contains(&part.count),
            // A part with fewer identities than the minimum cannot be released either.
            (None, true, true) => part.count == 0 && most >= setup.minimum,
            // With noise, blocks are judged one by one.
            (Some(_), true, released) => part.count == 0 && released,
            (_, _, false) => part.count == 0,
        };
        if !possible {
            return Err(malformed("a count that the specification does not allow"));
        }
    }
    Ok(())
}

/// Checks the outcome of a single count.
pub(super) fn check_outcome(
    spec: &JobSpec,
    setup: &MatchSetup,
    outcome: &Outcome,
) -> Result<Option<Opened>, Error> {
    if outcome.opening.is_some() != setup.sender_is_recipient {
        return Err(malformed("an opening for the wrong side"));
    }
    let Some(opening) = outcome.opening else {
        return Ok(None);
    };
    let counts = [PartCount {
        released: opening.released,
        count: opening.count,
    }];
    check_counts(setup, &counts)?;
    let matches = vec![OpenedMatch::new(&counts, 0, None)];
    let opened = Opened::new(spec, matches, opening.salt);
    if output_commitment(&opening.salt, &opened.cells) != outcome.output_commitment {
        return Err(malformed(
            "an output commitment that does not fit the opening",
        ));
    }
    Ok(Some(opened))
}

pub(super) const fn malformed(detail: &'static str) -> Error {
    Error::misbehaved(Code::MalformedMessage, detail)
}
