//! The noise that a side adds in mode `dp` to what it sends: to counts that it reports, and to its
//! share of sums.
//!
//! Spec 12 §6. The opening and [`super::held`] call this. The noise of dummies is not drawn here,
//! but where the Sender's positions are made.

use zeroize::Zeroizing;

use super::MatchSetup;
use crate::error::Error;
use crate::messages::PartCount;
use crate::ot::share::Share;
use crate::seed::{JobSeed, Purpose};
use crate::spec::DpTerms;

/// What recipients may know of each part, where `counts` are the matched positions. It is the count
/// less the mean of the marked dummies, with this side's own noise if it is reported to the Sender.
///
/// The noisy count alone decides what is released. Where the payload counts identities, the blocks
/// of a part are judged one by one, and its count is nobody's output.
pub(super) fn part_counts(
    setup: &MatchSetup,
    terms: &DpTerms,
    counts: &[u64],
    seed: &JobSeed,
) -> Result<Vec<PartCount>, Error> {
    if setup.counts_identities {
        let unseen = PartCount {
            released: true,
            count: 0,
        };
        return Ok(vec![unseen; counts.len()]);
    }
    let own = terms.report_noise()?;
    let centre = i128::from(terms.centre());
    let shown = |(part, count): (u16, &u64)| {
        let mut noisy = i128::from(*count) - centre;
        if setup.sender_is_recipient {
            let mut stream = seed.stream(Purpose::CountNoise, setup.match_index, part);
            noisy += i128::from(own.sample(&mut stream).expose());
        }
        let count = u64::try_from(noisy).ok();
        let count = count.filter(|count| *count >= setup.minimum);
        PartCount {
            released: count.is_some(),
            count: count.unwrap_or(0),
        }
    };
    Ok((0..).zip(counts).map(shown).collect())
}

/// Adds this side's noise to its share of the sums, in mode `dp`.
///
/// # Errors
/// [`Error::ApiMisuse`] if no specification has such terms of noise.
pub(super) fn add_to(share: &mut Share, setup: &MatchSetup, seed: &JobSeed) -> Result<(), Error> {
    let Some(terms) = &setup.dp else {
        return Ok(());
    };
    let block = terms.component_noise()?;
    let numbers = usize::from(setup.components);
    let mut noise = Zeroizing::new(Vec::with_capacity(setup.parts.len() * numbers));
    for (part, _) in (0..).zip(&setup.parts) {
        let mut stream = seed.stream(Purpose::ShareNoise, setup.match_index, part);
        for of in block.iter().cycle().take(numbers) {
            noise.push(of.sample(&mut stream).expose());
        }
    }
    share.add_noise(&noise)
}
