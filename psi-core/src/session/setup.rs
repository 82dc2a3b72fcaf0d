//! The numbers of one match, taken from the job specification, and this side's list made ready for
//! it.

use zeroize::Zeroizing;

use super::{BATCH_RECORDS, Tools};
use crate::digest::Digest;
use crate::dummy::{DUMMY_TAG, Dummies};
use crate::error::Error;
use crate::filler::Padded;
use crate::group::SecretScalar;
use crate::identifier::domain_tag;
use crate::kernel::batch;
use crate::messages::frame::{ListId, RowsHeader};
use crate::ot::TransferSetup;
use crate::progress::Stage;
use crate::seed::SeedStream;
use crate::spec::{ComponentKind, DpTerms, JobId, JobSpec, PartSize};
use crate::store::RecordList;

/// What both roles need to know about one match.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each follows from a line of the specification of its own"
)]
pub struct MatchSetup {
    /// The job.
    pub job_id: JobId,
    /// Which match of the job, 0 or 1; enters every label and every hash.
    pub match_index: u8,
    /// The parts of the Receiver's list.
    pub parts: Vec<PartSize>,
    /// Tags that the Sender sends.
    pub sender_size: u64,
    /// Registered identities among them; the others are dummies.
    pub sender_identities: u64,
    /// Bytes of one tag.
    pub tag_bytes: usize,
    /// Payload numbers at one of the Sender's positions; 0 if match bits show everything.
    pub components: u16,
    /// Whether the payload counts the identities of the Sender's groups, so that a part's matches
    /// are nobody's output.
    pub counts_identities: bool,
    /// Fewest distinct identities on which a result, or in exact mode a list, may rest.
    pub minimum: u64,
    /// The parameters of noise; `None` in exact mode.
    pub dp: Option<DpTerms>,
    /// Whether the Receiver learns which of its own identifiers match.
    pub list: bool,
    /// Whether the Receiver's side receives the result.
    pub receiver_is_recipient: bool,
    /// Whether the Sender's side receives the result.
    pub sender_is_recipient: bool,
    /// The domain-separation tag of the hash to the group.
    pub(super) domain_tag: Vec<u8>,
}

/// A list of this side that is to be multiplied.
pub(super) struct OwnList<'a> {
    /// Digests, ascending and distinct, each with its payload.
    pub(super) records: &'a dyn RecordList,
    /// Bytes of payload.
    pub(super) payload_bytes: usize,
    /// The registered number of identities.
    pub(super) size: u64,
    /// Records of this match that were multiplied before, and their total.
    pub(super) progress: (u64, u64),
}

impl MatchSetup {
    /// The match `match_index` of the job.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the job has no such match, or if the specification was not made by
    /// [`JobSpec::assemble`].
    pub fn new(spec: &JobSpec, match_index: u8) -> Result<Self, Error> {
        let matches = spec.matches();
        let of = matches
            .get(usize::from(match_index))
            .ok_or(Error::ApiMisuse("a match that the job does not have"))?;
        let components = u16::try_from(of.payload.width());
        if of.parts.is_empty() || u16::try_from(of.parts.len()).is_err() {
            return Err(Error::ApiMisuse("parts that no specification has"));
        }
        Ok(Self {
            job_id: spec.job_id(),
            match_index,
            parts: of.parts.clone(),
            sender_size: of.sender_size,
            sender_identities: of.sender_identities(),
            tag_bytes: usize::from(of.tag_bytes),
            components: components
                .map_err(|_| Error::ApiMisuse("components that no specification has"))?,
            counts_identities: of.payload.find(ComponentKind::Identities).is_some(),
            minimum: spec.minimum,
            dp: spec.dp().cloned(),
            list: spec.shape.is_list(),
            receiver_is_recipient: spec.recipients.include(of.receiver),
            sender_is_recipient: spec.recipients.include(of.receiver.other()),
            domain_tag: domain_tag(&spec.requester.facts.key_kinds),
        })
    }

    /// Points that the Receiver sends in all parts, and gets back.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.parts.iter().map(PartSize::points).sum()
    }

    /// Bytes of the payload at one position.
    pub(super) fn payload_bytes(&self) -> usize {
        8 * usize::from(self.components)
    }

    /// The oblivious transfer that follows the match; `None` without payload.
    ///
    /// # Errors
    /// [`Error::Limit`] if the parts have more rows than one transfer takes.
    pub(super) fn transfer(&self) -> Result<Option<TransferSetup>, Error> {
        if self.components == 0 {
            return Ok(None);
        }
        let parts = u16::try_from(self.parts.len())
            .map_err(|_| Error::ApiMisuse("parts that no specification has"))?;
        let (job_id, index) = (self.job_id, self.match_index);
        TransferSetup::new(job_id, index, parts, self.sender_size, self.components).map(Some)
    }

    /// The header of a list of this match on the wire.
    pub(super) const fn header(&self, list: ListId, part: u16) -> RowsHeader {
        RowsHeader {
            list,
            match_index: self.match_index,
            part,
        }
    }

    /// Feeds `encode(k * H(x))`, with digests and payload, to `sink`: for every identity and for as
    /// much filler as the list's size needs, in one sequence that does not tell them apart.
    ///
    /// In exact mode, filler replaces the whole of a list with fewer real identities than the
    /// minimum (Spec 05 §7).
    ///
    /// # Errors
    /// [`Error::Limit`] if there are more identities than registered; errors of the store and of
    /// `sink`; [`Error::Cancelled`].
    pub(super) fn multiply_own_list(
        &self,
        list: &OwnList<'_>,
        filler: &mut SeedStream,
        k: &SecretScalar,
        tools: &Tools,
        mut sink: impl FnMut(&[[u8; 32]], &Batch) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let identities = list.records;
        if identities.len() > list.size {
            return Err(Error::Limit {
                what: "the number of distinct identities",
                value: identities.len(),
                limit: list.size,
            });
        }
        // With noise, nothing depends on the size of a list (Spec 12 §6).
        let is_small = self.dp.is_none() && identities.len() < self.minimum;
        let real = (!is_small).then_some(identities);
        let (store, bytes) = (tools.store.as_ref(), list.payload_bytes);
        let padded = Padded::with_payload(real, bytes, list.size, filler, store)?;
        let mut reader = padded.reader()?;
        let records = records_at_once(bytes);
        let mut now = Batch::new(records, bytes);
        let mut following = Batch::new(records, bytes);
        reader.next_batch(&mut now.digests, &mut now.payload, records)?;
        let (mut done, total) = list.progress;
        while !now.digests.is_empty() {
            // While these are multiplied, one thread reads the next batch.
            let Batch { digests, payload } = &mut following;
            let (points, ready) = rayon::join(
                || self.multiply(&now.digests, k, tools),
                || reader.next_batch(digests, payload, records),
            );
            ready?;
            sink(&points, &now)?;
            done += points.len() as u64;
            tools.progress.report(Stage::Blind, done, total)?;
            std::mem::swap(&mut now, &mut following);
        }
        Ok(())
    }

    /// `encode(k * H(digest))` for each digest.
    pub(super) fn multiply(
        &self,
        digests: &[[u8; 32]],
        k: &SecretScalar,
        tools: &Tools,
    ) -> Vec<[u8; 32]> {
        multiply_under(&self.domain_tag, digests, k, tools)
    }

    /// Feeds `encode(k * H(digest))` to `sink` for as many digests as a part has dummies. `digests`
    /// makes those with the given numbers.
    ///
    /// # Errors
    /// Those of `sink`; [`Error::ApiMisuse`] if the match has no such part.
    pub(super) fn multiply_dummies(
        &self,
        part: u16,
        k: &SecretScalar,
        tools: &Tools,
        mut digests: impl FnMut(&Dummies<'_>, std::ops::Range<u64>) -> Zeroizing<Vec<Digest>>,
        mut sink: impl FnMut(&[[u8; 32]]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let size = self.parts.get(usize::from(part));
        let count = size.map(|size| size.dummies);
        let count = count.ok_or(Error::ApiMisuse("a part that the match does not have"))?;
        let dummies = Dummies {
            job_id: &self.job_id,
            match_index: self.match_index,
            part,
        };
        let mut next = 0;
        while next < count {
            let end = count.min(next + BATCH_RECORDS as u64);
            sink(&multiply_under(
                DUMMY_TAG,
                &digests(&dummies, next..end),
                k,
                tools,
            ))?;
            next = end;
        }
        Ok(())
    }
}

/// `encode(k * H(digest))` for each digest, hashed under `domain_tag`.
fn multiply_under(
    domain_tag: &[u8],
    digests: &[[u8; 32]],
    k: &SecretScalar,
    tools: &Tools,
) -> Vec<[u8; 32]> {
    let mut points = vec![[0; 32]; digests.len()];
    batch::hash_mul_encode(tools.kernel.as_ref(), domain_tag, digests, k, &mut points);
    points
}

/// Records of this side's list that are multiplied at once: whole pieces of the kernel's calls, so
/// that these are the same however many threads there are. Payload may be two thousand bytes a
/// record, so beside it a batch stays one batch.
fn records_at_once(payload_bytes: usize) -> usize {
    let batches = if payload_bytes == 0 {
        batch::batches_at_once()
    } else {
        1
    };
    BATCH_RECORDS * batches
}

/// Digests of a list, and their payload.
pub(super) struct Batch {
    pub(super) digests: Zeroizing<Vec<[u8; 32]>>,
    pub(super) payload: Zeroizing<Vec<u8>>,
}

impl Batch {
    /// With room for `records`: a buffer that grows would leave copies that nobody erases.
    fn new(records: usize, payload_bytes: usize) -> Self {
        Self {
            digests: Zeroizing::new(Vec::with_capacity(records)),
            payload: Zeroizing::new(Vec::with_capacity(records * payload_bytes)),
        }
    }
}
