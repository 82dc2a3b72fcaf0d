//! Errors that say who is at fault, and the one table of codes that a peer may see.
//!
//! Spec 09. Every refusal and every abort crosses the wire as a [`Code`] and nothing else. A
//! sentence, a position or a count could depend on data, so none is sent.

use crate::codes;
use crate::store::StoreError;

/// Why a protocol step did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent something that the specification forbids.
    #[error("the peer broke the protocol: {detail} ({code})")]
    PeerMisbehaved {
        /// What the peer is told.
        code: Code,
        /// What this node's log says. Never holds bytes the peer sent, nor secrets.
        detail: &'static str,
    },
    /// The peer is honest but asks for something that this side does not do.
    #[error("the two sides do not fit together: {detail} ({code})")]
    PeerIncompatible {
        /// What the peer is told.
        code: Code,
        /// What this node's log says.
        detail: &'static str,
    },
    /// The two sides together ask for more than is served. The figures are public: they follow from
    /// the query and from both sides' facts.
    #[error("{what}: {value}, and at most {limit} are served ({code})")]
    Beyond {
        /// What the peer is told.
        code: Code,
        /// The quantity, in words.
        what: &'static str,
        /// Its value; saturates.
        value: u64,
        /// The bound.
        limit: u64,
    },
    /// The caller used the crate against its documentation.
    #[error("internal error, please report it: {0}")]
    ApiMisuse(&'static str),
    /// A named bound of [`crate::limits`] would be exceeded by this side's own input.
    #[error("{what} is {value}, more than the limit of {limit}")]
    Limit {
        /// The quantity, in words.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The bound.
        limit: u64,
    },
    /// The store that keeps lists failed (disk full, for example).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The owner or the operator asked to stop.
    #[error("the job was cancelled")]
    Cancelled,
}

impl Error {
    /// Shorthand for a protocol violation.
    pub(crate) const fn misbehaved(code: Code, detail: &'static str) -> Self {
        Self::PeerMisbehaved { code, detail }
    }

    /// The code a peer may see for this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::PeerMisbehaved { code, .. }
            | Self::PeerIncompatible { code, .. }
            | Self::Beyond { code, .. } => *code,
            Self::Cancelled => Code::Cancelled,
            Self::ApiMisuse(_) | Self::Limit { .. } | Self::Store(_) => Code::Unavailable,
        }
    }
}

codes! {
    /// What one node tells the other when it refuses or aborts (Spec 09 §1).
    ///
    /// The number crosses the wire; JSON output and receipts show the text. Both are stable.
    #[non_exhaustive]
    pub enum Code: u16;

    /// The peer does not know this collaboration, or has not joined it.
    UnknownCollaboration = 1, "unknown_collaboration";
    /// The peer speaks another version of the protocol.
    VersionUnsupported = 2, "version_unsupported";
    /// The query is outside the accepted SQL subset, not in canonical form, or compares a column with what is not of its type.
    QueryNotAccepted = 3, "query_not_accepted";
    /// The peer offers no such table in this collaboration.
    TableNotOffered = 4, "table_not_offered";
    /// The peer does not allow a join on this key.
    KeyNotAllowed = 5, "key_not_allowed";
    /// The peer does not allow a filter on this column.
    FilterNotAllowed = 6, "filter_not_allowed";
    /// The two sides declare different identifier kinds for the join key.
    KindsDiffer = 7, "kinds_differ";
    /// The collaboration does not let the member that asks query, or the table does not list it.
    RequesterNotAllowed = 8, "requester_not_allowed";
    /// A member that would receive the result may not receive it.
    RecipientNotAllowed = 9, "recipient_not_allowed";
    /// A key repeats: `COUNT(*)` needs one side's key declared unique, an aggregate the other side's.
    KeyNotUnique = 10, "key_not_unique";
    /// The peer cannot serve this now; the reason is in its own log.
    Unavailable = 11, "unavailable";
    /// The peer already runs as many jobs as it allows, or has noted as many inquiries as an hour allows.
    TooManyJobs = 12, "too_many_jobs";
    /// A rule of the peer needs a literal that the requester hid.
    OpenRequired = 13, "open_required";
    /// A registered size is beyond what this version or this node serves.
    SizeNotServed = 14, "size_not_served";
    /// The two receipt logs do not agree; new jobs wait until the owner repairs this.
    ReceiptsDisagree = 15, "receipts_disagree";
    /// A recipient owns an aggregated column, which the other side's table does not allow.
    OwnerNotAllowed = 16, "owner_not_allowed";
    /// The peer does not allow this function on this column.
    FunctionNotAllowed = 17, "function_not_allowed";
    /// A variance or an expression of a column whose contributions are clamped.
    ColumnClamped = 18, "column_clamped";
    /// The peer does not allow groups by this column.
    GroupNotAllowed = 19, "group_not_allowed";
    /// Both sides' group columns differ between rows of one identity, so neither can be Receiver.
    GroupNotConstant = 20, "group_not_constant";
    /// The query has more groups or numbers to open than are served.
    TooManyCells = 21, "too_many_cells";
    /// A sum over the whole list could exceed 63 bits.
    SumTooLarge = 22, "sum_too_large";
    /// The table does not answer this form of query: aggregates, templates or lists, by a join or by EXISTS.
    FormNotAllowed = 23, "form_not_allowed";
    /// The table answers approved templates only, and the query is not one of them.
    TemplateNotApproved = 24, "template_not_approved";
    /// The peer does not allow this comparison of a filter column.
    ComparisonNotAllowed = 25, "comparison_not_allowed";
    /// The peer allows this column in an aggregate alone, not in arithmetic.
    ExpressionNotAllowed = 26, "expression_not_allowed";
    /// The peer never lets values of this column be shown.
    OutputNotAllowed = 27, "output_not_allowed";
    /// The two members have joined different revisions of the collaboration.
    RevisionDiffers = 28, "revision_differs";
    /// The peer's owner approves each run of this question and has not decided yet.
    ApprovalPending = 29, "approval_pending";
    /// The peer's owner did not approve this question.
    NotApproved = 30, "not_approved";
    /// A table of the peer was used as often as its owner allows for now.
    RunsExhausted = 31, "runs_exhausted";
    /// A message did not decode, was too long, or had bytes left over.
    MalformedMessage = 32, "malformed_message";
    /// A message came that the state of the job does not allow.
    UnexpectedMessage = 33, "unexpected_message";
    /// A list had more or fewer records than the job specification says.
    WrongCount = 34, "wrong_count";
    /// The records of a sorted list were not strictly increasing.
    NotIncreasing = 35, "not_increasing";
    /// A group element was not in canonical encoding.
    NonCanonicalElement = 36, "non_canonical_element";
    /// A group element was the identity.
    IdentityElement = 37, "identity_element";
    /// A canary point was missing or re-weighted in the reply.
    CanaryMissing = 38, "canary_missing";
    /// A signature did not verify.
    SignatureInvalid = 39, "signature_invalid";
    /// The peer's half of the job specification contradicts what was agreed.
    SpecMismatch = 40, "spec_mismatch";
    /// A receipt entry is not the one that this step calls for.
    EntryMismatch = 41, "entry_mismatch";
    /// This job was opened before; a job is opened once.
    JobReused = 42, "job_reused";
    /// The consistency check of the oblivious transfer did not hold.
    TransferInconsistent = 43, "transfer_inconsistent";
    /// The two matches of a job did not count the same number of identities.
    TotalsDiffer = 44, "totals_differ";
    /// The owner or operator of the other side cancelled the job.
    Cancelled = 48, "cancelled";
    /// The other side waited longer than its time limit.
    TimedOut = 49, "timed_out";
    /// The connection ended, or a node stopped, before the job was done.
    Interrupted = 50, "interrupted";
    /// The privacy budget of the peer's population does not allow this job for now.
    BudgetExhausted = 64, "budget_exhausted";
    /// With differential privacy: a registered size is derived from the table, not configured.
    SizeNotConfigured = 65, "size_not_configured";
    /// With differential privacy: a summed column has no clamp, or rows have no most per identity.
    ClampRequired = 66, "clamp_required";
    /// With differential privacy: a variance or standard deviation is asked for.
    VarianceNotPrivate = 67, "variance_not_private";
    /// With differential privacy: columns of both sides are aggregated in one query.
    BothSidesNotPrivate = 68, "both_sides_not_private";
    /// The epsilon or delta asked for is beyond what a side allows, or too small to be served.
    EpsilonNotAllowed = 69, "epsilon_not_allowed";
}

impl Code {
    /// Whether the code is a refusal or an incompatibility: nothing was agreed on.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self as u16, 1..32 | 64..96)
    }

    /// Whether the code says that the sender of a message broke the protocol.
    #[must_use]
    pub fn is_violation(self) -> bool {
        (32..48).contains(&(self as u16))
    }
}

impl bincode::Encode for Code {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.number().encode(encoder)
    }
}

impl<Context> bincode::Decode<Context> for Code {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        Self::from_number(u16::decode(decoder)?)
            .ok_or(bincode::error::DecodeError::Other("unknown code"))
    }
}

bincode::impl_borrow_decode!(Code);

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_and_texts_are_unique_and_round_trip() {
        for (i, a) in Code::ALL.iter().enumerate() {
            assert_eq!(Code::from_number(a.number()), Some(*a));
            for b in &Code::ALL[i + 1..] {
                assert!(a.number() < b.number(), "{a} and {b} are out of order");
                assert_ne!(a.as_str(), b.as_str());
            }
        }
        assert_eq!(Code::from_number(0), None);
    }
}
