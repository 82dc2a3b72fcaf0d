//! The numbers of one match, read off the job specification, and the own list made ready for it.

use super::{BATCH_RECORDS, Tools};
use crate::error::Error;
use crate::filler::Padded;
use crate::group::SecretScalar;
use crate::identifier::domain_tag;
use crate::kernel::batch;
use crate::progress::Stage;
use crate::seed::SeedStream;
use crate::spec::{JobId, JobSpec, PartSize, Party};
use crate::store::RecordList;

use zeroize::Zeroizing;

/// What both roles need to know about one match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchSetup {
    /// The job.
    pub job_id: JobId,
    /// Which match of the job, 0 or 1; enters every label and every hash.
    pub match_index: u8,
    /// The Receiver's list.
    pub part: PartSize,
    /// Tags that the Sender sends.
    pub sender_size: u64,
    /// Bytes of one tag.
    pub tag_bytes: usize,
    /// Fewest distinct identities on which a result, or a list, may rest.
    pub minimum: u64,
    /// Whether the Sender's side receives the result.
    pub sender_is_recipient: bool,
    /// The domain-separation tag of the hash to the group.
    pub(super) domain_tag: Vec<u8>,
}

impl MatchSetup {
    /// The first match of the job.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the specification was not made by [`JobSpec::assemble`].
    pub fn new(spec: &JobSpec) -> Result<Self, Error> {
        let [part] = spec.parts.as_slice() else {
            return Err(Error::ApiMisuse("a count has one part"));
        };
        let sender: Party = spec.receiver.other();
        Ok(Self {
            job_id: spec.job_id(),
            match_index: 0,
            part: *part,
            sender_size: spec.sender_size,
            tag_bytes: usize::from(spec.tag_bytes),
            minimum: spec.minimum,
            sender_is_recipient: spec.recipients.include(sender),
            domain_tag: domain_tag(&spec.requester.facts.key_kinds),
        })
    }

    /// Feeds `encode(k * H(x))` to `sink` for every identity and for as much filler as makes
    /// `total`, in one sequence that does not tell them apart.
    ///
    /// A list with fewer real identities than the minimum is replaced by filler as a whole (Spec
    /// 05 §7).
    ///
    /// # Errors
    /// [`Error::Limit`] if there are more identities than `total`; errors of the store and of
    /// `sink`; [`Error::Cancelled`].
    pub(super) fn multiply_own_list(
        &self,
        identities: &dyn RecordList,
        total: u64,
        filler: &mut SeedStream,
        k: &SecretScalar,
        tools: &Tools,
        mut sink: impl FnMut(&[[u8; 32]]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if identities.len() > total {
            return Err(Error::Limit {
                what: "the number of distinct identities",
                value: identities.len(),
                limit: total,
            });
        }
        let real = (identities.len() >= self.minimum).then_some(identities);
        let padded = Padded::new(real, total, filler, tools.store.as_ref())?;
        let mut reader = padded.reader()?;
        let mut digests = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS));
        let mut following = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS));
        reader.next_batch(&mut digests, BATCH_RECORDS)?;
        let mut done = 0;
        while !digests.is_empty() {
            // While these are multiplied, one thread reads what comes next.
            let (points, ready) = rayon::join(
                || self.multiply(&digests, k, tools),
                || reader.next_batch(&mut following, BATCH_RECORDS),
            );
            ready?;
            sink(&points)?;
            done += points.len() as u64;
            tools.progress.report(Stage::Blind, done, total)?;
            std::mem::swap(&mut digests, &mut following);
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
        let mut points = vec![[0; 32]; digests.len()];
        let kernel = tools.kernel.as_ref();
        batch::hash_mul_encode(kernel, &self.domain_tag, digests, k, &mut points);
        points
    }
}
