//! Dummies: points that belong to nobody and that both sides can compute. They add noise to a match
//! count before anybody sees it.
//!
//! Spec 12 §5. The Receiver puts all T dummies of a part into its list, and the Sender tags some of
//! them. Each tagged dummy adds one to the positions that match. Which digests are dummies is
//! public; how many are tagged is the Sender's secret. The sessions call this.
//!
//! Cost: T multiplications for each part, on either side.

use sha2::{Digest as _, Sha512_256};
use subtle::{ConditionallySelectable as _, ConstantTimeLess as _};
use zeroize::Zeroizing;

use crate::digest::Digest;
use crate::dp::Drawn;
use crate::seed::SeedStream;
use crate::spec::JobId;

/// The domain-separation tag under which dummies are hashed to the group, and the label of their
/// digests. No identifier has this tag, since no kind has that name.
pub const DUMMY_TAG: &[u8] = b"psi/v1/dummy";

/// The digests of the dummies of one part.
#[derive(Clone, Copy)]
pub(crate) struct Dummies<'a> {
    pub(crate) job_id: &'a JobId,
    pub(crate) match_index: u8,
    pub(crate) part: u16,
}

impl Dummies<'_> {
    /// `SHA-512/256("psi/v1/dummy" || job_id || match (u8) || part (u16) || i (u64))`.
    pub(crate) fn digest(&self, i: u64) -> Digest {
        Sha512_256::new()
            .chain_update(DUMMY_TAG)
            .chain_update(self.job_id)
            .chain_update([self.match_index])
            .chain_update(self.part.to_be_bytes())
            .chain_update(i.to_be_bytes())
            .finalize()
            .into()
    }

    /// The dummies with these numbers, as the Receiver puts them into its list.
    pub(crate) fn all(&self, numbers: std::ops::Range<u64>) -> Vec<Digest> {
        numbers.map(|i| self.digest(i)).collect()
    }

    /// The same dummies as the Sender tags them: the first `marked` are marked, and `padding`
    /// replaces each of the others.
    ///
    /// # Security
    /// Time and memory access do not depend on `marked`, and padding is multiplied like a dummy.
    ///
    /// # Discussion
    /// Which dummies are marked makes no difference. A Receiver that follows the protocol cannot
    /// tell its points apart, because the reply is shuffled. One that leaves dummies out removes
    /// noise, whichever they are.
    pub(crate) fn marked(
        &self,
        numbers: std::ops::Range<u64>,
        marked: &Drawn<u64>,
        padding: &mut SeedStream,
    ) -> Zeroizing<Vec<Digest>> {
        let length = usize::try_from(numbers.end - numbers.start).unwrap_or(0);
        let mut digests = Zeroizing::new(vec![[0; 32]; length]);
        padding.fill(digests.as_flattened_mut());
        for (i, digest) in numbers.zip(digests.iter_mut()) {
            let is_marked = i.ct_lt(&marked.expose());
            let dummy = self.digest(i);
            for (byte, of_dummy) in digest.iter_mut().zip(dummy) {
                byte.conditional_assign(&of_dummy, is_marked);
            }
        }
        digests
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{DUMMY_TAG, Dummies};
    use crate::dp::{CountNoise, Epsilon};
    use crate::identifier::{IdentifierKind, domain_tag};
    use crate::seed::{JobSeed, Purpose};
    use crate::spec::JobId;

    const OF_PART: Dummies<'static> = Dummies {
        job_id: &JobId([7; 64]),
        match_index: 1,
        part: 0x0203,
    };

    #[test]
    fn a_digest_is_the_labelled_hash_of_job_match_part_and_number() {
        use sha2::{Digest as _, Sha512_256};
        let text = [
            b"psi/v1/dummy".as_slice(),
            &[7; 64],
            &[1, 2, 3],
            &[0, 0, 0, 0, 0, 0, 1, 4],
        ]
        .concat();
        assert_eq!(
            OF_PART.digest(260).as_slice(),
            Sha512_256::digest(text).as_slice()
        );
    }

    #[test]
    fn all_dummies_of_all_parts_and_matches_are_different() {
        let mut seen = BTreeSet::new();
        for (match_index, part) in [(0, 0), (0, 1), (1, 0), (1, 256)] {
            let dummies = Dummies {
                match_index,
                part,
                ..OF_PART
            };
            seen.extend(dummies.all(0..50));
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn no_join_key_has_the_tag_of_dummies() {
        use IdentifierKind as Kind;
        let kinds = [
            Kind::Text,
            Kind::Trim,
            Kind::Lower,
            Kind::Email,
            Kind::Phone,
            Kind::Hex,
            Kind::Int,
        ];
        for first in kinds {
            assert_ne!(domain_tag(&[first]), DUMMY_TAG);
            for second in kinds {
                assert_ne!(domain_tag(&[first, second]), DUMMY_TAG);
            }
        }
    }

    #[test]
    fn the_first_dummies_are_marked_and_padding_stands_for_the_rest() {
        let noise = CountNoise::new(Epsilon::from_micros(500_000).unwrap(), 40).unwrap();
        for seed in 0..20 {
            let seed = JobSeed::new([seed; 32]);
            let marked = noise.sample(&mut seed.stream(Purpose::DummyCount, 1, 0x0203));
            let count = usize::try_from(marked.expose()).unwrap();
            let mut padding = seed.stream(Purpose::DummyPadding, 1, 0x0203);
            // Cut anywhere, the same digests.
            let mut digests = OF_PART.marked(0..13, &marked, &mut padding).to_vec();
            digests.extend_from_slice(&OF_PART.marked(13..40, &marked, &mut padding));
            let mut expected = vec![[0; 32]; 40];
            seed.stream(Purpose::DummyPadding, 1, 0x0203)
                .fill(expected.as_flattened_mut());
            expected[..count].copy_from_slice(&OF_PART.all(0..marked.expose()));
            assert_eq!(digests, expected);
        }
    }
}
