//! The Receiver's first step: its own list, blinded part by part.
//!
//! Spec 04 §1 step 1, Spec 12 §5. [`super::super::Exchange`] calls this; [`super`] has the next
//! steps. It never looks at how many records of a part are real.
//!
//! Cost: `N1` multiplications, one sort of `N1` points.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::own_hashes::OwnHashes;
use super::super::setup::OwnList;
use super::super::{MatchSetup, SharedList, Tools};
use super::listing::{self, LAID_OUT_BYTES, NO_DIGEST};
use super::{ExpectSenderKey, Keep};
use crate::canary::Canaries;
use crate::error::Error;
use crate::group::SecretScalar;
use crate::messages::frame::ListId;
use crate::progress::Stage;
use crate::seed::{JobSeed, Purpose};
use crate::spec::PartSize;
use crate::store::RecordList;

/// The Receiver's first step.
pub struct Blinded {
    /// Kept: the next state.
    pub state: ExpectSenderKey,
    /// Sent: the lists `A_g`, one for each part, `N1_g` points in ascending order.
    pub messages: Vec<SharedList>,
}

/// Blinds this side's lists: `A_g = sort(a_g*H(x) u filler u dummies u canaries r_i*G)`, each part
/// under a scalar of its own.
///
/// `parts` are the distinct digests of this side's rows that pass the filter, ascending, one list
/// for each part of the specification.
///
/// # Errors
/// [`Error::Limit`] if there are more identities than registered; [`Error::ApiMisuse`] if there are
/// more or fewer lists than parts; errors of the store; [`Error::Cancelled`].
pub fn blind(
    setup: MatchSetup,
    seed: &JobSeed,
    parts: &[SharedList],
    tools: Tools,
) -> Result<Blinded, Error> {
    if parts.len() != setup.parts.len() {
        return Err(Error::ApiMisuse("one list for each part"));
    }
    let index = setup.match_index;
    let mut blinding = Blinding {
        setup: &setup,
        seed,
        tools: &tools,
        done: 0,
    };
    let (mut scalars, mut canaries) = (Vec::new(), Vec::new());
    let mut own_digests = None;
    let (mut messages, mut sent) = (Vec::<SharedList>::new(), OwnHashes::default());
    for ((part, size), list) in (0..).zip(&setup.parts).zip(parts) {
        sent.settle()?;
        let scalar = seed.stream(Purpose::BlindingScalar, index, part).scalar();
        let mut mixed_in = Canaries::draw(
            &mut seed.stream(Purpose::Canaries, index, part),
            size.canaries,
            tools.kernel.as_ref(),
        );
        let message = blinding.part(part, *size, list.as_ref(), &scalar, &mixed_in)?;
        let message = if blinding.setup.list {
            let laid_out = listing::lay_out(message.as_ref(), blinding.tools.store.as_ref())?;
            own_digests = Some(message);
            mixed_in = mixed_in.at(laid_out.canaries);
            laid_out.points
        } else {
            message
        };
        let message: SharedList = Arc::from(message);
        sent.add(setup.header(ListId::Blinded, part), &message)?;
        scalars.push(scalar);
        canaries.push(mixed_in);
        messages.push(message);
    }
    let keep = Keep {
        setup,
        scalars,
        own_digests,
        tools,
        sent,
    };
    Ok(Blinded {
        state: ExpectSenderKey { keep, canaries },
        messages,
    })
}

/// Blinds one part after the other.
struct Blinding<'a> {
    setup: &'a MatchSetup,
    seed: &'a JobSeed,
    tools: &'a Tools,
    /// Identities, filler and dummies of the parts before.
    done: u64,
}

impl Blinding<'_> {
    fn part(
        &mut self,
        part: u16,
        size: PartSize,
        identities: &dyn RecordList,
        scalar: &SecretScalar,
        canaries: &Canaries,
    ) -> Result<Box<dyn RecordList>, Error> {
        let (setup, tools) = (self.setup, self.tools);
        let width = if setup.list { LAID_OUT_BYTES } else { 32 };
        let mut writer = tools.store.unsorted(width)?;
        if setup.list {
            for point in canaries.points() {
                writer.push(&[*point, NO_DIGEST].concat())?;
            }
        } else {
            writer.push(canaries.points().as_flattened())?;
        }
        let mut filler = self.seed.stream(Purpose::Filler, setup.match_index, part);
        let sizes = setup.parts.iter();
        let total = sizes.map(|size| size.identities + size.dummies).sum();
        let list = OwnList {
            records: identities,
            payload_bytes: 0,
            size: size.identities,
            progress: (self.done, total),
        };
        setup.multiply_own_list(&list, &mut filler, scalar, tools, |points, batch| {
            if !setup.list {
                return Ok(writer.push(points.as_flattened())?);
            }
            let records = points.iter().zip(batch.digests.iter());
            let records = records.flat_map(|(point, digest)| [point, digest]);
            let mut laid_out = Zeroizing::new(Vec::with_capacity(points.len() * width));
            records.for_each(|half| laid_out.extend_from_slice(half));
            Ok(writer.push(&laid_out)?)
        })?;
        self.done += size.identities;
        setup.multiply_dummies(
            part,
            scalar,
            tools,
            |dummies, numbers| Zeroizing::new(dummies.all(numbers)),
            |points| {
                writer.push(points.as_flattened())?;
                self.done += points.len() as u64;
                tools.progress.report(Stage::Blind, self.done, total)
            },
        )?;
        Ok(writer.finish()?)
    }
}
