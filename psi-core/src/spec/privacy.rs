//! Differential privacy of a job: what it may cost, how that is split, and all parameters of noise.
//!
//! Spec 12. Both sides derive it from the two halves and from what the requester asks to spend. The
//! specification holds the result, and a reader derives it again. Called when a specification is
//! made, by the session, which draws the noise, and by code that keeps a budget. Draws nothing
//! itself.

use bincode::{Decode, Encode};

use super::payload::{Component, ComponentKind, Payload};
use super::roles::Sides;
use super::{Agreement, JobSpec, Party, Recipients};
use crate::dp::{self, Amount, CountNoise, Delta, Epsilon, NoiseError, ShareNoise, Uncertainty};
use crate::error::{Code, Error};
use crate::facts::TableFacts;

/// What one identity of either side may lose through a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Loss {
    /// Epsilon, in millionths.
    pub epsilon: Epsilon,
    /// Delta, in units of 2^-64.
    pub delta: Delta,
}

/// What a requester asks for, under the mode of the collaboration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AskedMode {
    /// Exact numbers, suppressed below the minimum.
    Exact,
    /// Numbers with noise, for this loss in total.
    Dp(Loss),
}

/// The mode of a job, with all parameters of noise.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Mode {
    /// Exact numbers, suppressed below the minimum.
    Exact,
    /// Numbers with noise.
    Dp(DpTerms),
}

impl Mode {
    /// What the requester asked for.
    #[must_use]
    pub const fn asked(&self) -> AskedMode {
        match self {
            Self::Exact => AskedMode::Exact,
            Self::Dp(terms) => AskedMode::Dp(terms.asked),
        }
    }
}

/// The parameters of a job with differential privacy (Spec 12 §4).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DpTerms {
    /// What the requester asked to spend in total.
    pub asked: Loss,
    /// What the match count, and each component, may cost: an even split.
    pub share: Loss,
    /// Dummies of each part, T.
    pub dummies: u64,
    /// The Receiver's noise on a match count that it reports.
    pub report: NoiseTerms,
    /// The noise of each side on each component of the payload, in their order; the same in every
    /// part and block.
    pub components: Vec<NoiseTerms>,
}

/// The noise on one number. Its scale is the sensitivity, divided by the epsilon of the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NoiseTerms {
    /// The most by which one identity can change all numbers of this kind, added up.
    pub sensitivity: u64,
    /// What truncation and rounding of the noise cost.
    pub delta: Delta,
    /// The largest noise of one side, of either sign.
    pub bound: u64,
}

/// How far the released numbers of a job stray, for display.
#[derive(Clone, Debug, PartialEq)]
pub struct JobUncertainty {
    /// Of a number of identities that is read from match bits.
    pub count: Uncertainty,
    /// Of each component of the payload, in their order.
    pub components: Vec<Uncertainty>,
}

impl DpTerms {
    /// The terms of a job whose payload is `payload`, over the table of its Sender.
    pub(super) fn derive(
        asked: Loss,
        payload: &Payload,
        sender: &TableFacts,
    ) -> Result<Self, Error> {
        let count = u16::try_from(payload.components.len())
            .map_err(|_| Error::ApiMisuse("more components than are served"))?;
        let split = dp::split(asked.epsilon, asked.delta, count).map_err(refused)?;
        let share = Loss {
            epsilon: split.epsilon,
            delta: split.delta,
        };
        let groups = groups_of_one(payload, sender);
        let components = payload.components.iter();
        let components = components.map(|component| {
            NoiseTerms::derive(sensitivity(component, groups, sender)?, groups, share)
        });
        let components = components.collect::<Result<_, _>>()?;
        Ok(Self {
            asked,
            share,
            dummies: dp::dummies(share.epsilon, share.delta).map_err(refused)?,
            report: NoiseTerms::derive(1, 1, share)?,
            components,
        })
    }

    /// The noise of a part's dummies.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if these terms were not made by [`JobSpec::assemble`].
    pub fn count_noise(&self) -> Result<CountNoise, Error> {
        CountNoise::new(self.share.epsilon, self.dummies).map_err(not_derived)
    }

    /// The Receiver's noise on a count that it reports.
    ///
    /// # Errors
    /// Those of [`Self::count_noise`].
    pub fn report_noise(&self) -> Result<ShareNoise, Error> {
        self.noise(&self.report)
    }

    /// The noise of one side on each component.
    ///
    /// # Errors
    /// Those of [`Self::count_noise`].
    pub fn component_noise(&self) -> Result<Vec<ShareNoise>, Error> {
        let components = self.components.iter();
        components.map(|terms| self.noise(terms)).collect()
    }

    fn noise(&self, terms: &NoiseTerms) -> Result<ShareNoise, Error> {
        ShareNoise::new(terms.sensitivity, self.share.epsilon).map_err(not_derived)
    }

    /// The mean of the noise of dummies, which is subtracted from a count of match bits.
    #[must_use]
    pub const fn centre(&self) -> u64 {
        self.dummies / 2
    }

    /// How far a count that is read from match bits can be from the true one.
    #[must_use]
    pub const fn count_reach(&self, sender_is_recipient: bool) -> u64 {
        let own = if sender_is_recipient {
            self.report.bound
        } else {
            0
        };
        self.centre().saturating_add(own)
    }
}

impl NoiseTerms {
    fn derive(sensitivity: u64, groups: u64, share: Loss) -> Result<Self, Error> {
        let noise = ShareNoise::new(sensitivity, share.epsilon).map_err(refused)?;
        let delta = noise.delta().times(groups);
        if delta > share.delta {
            return Err(refused_loss("a delta that is too small for the noise"));
        }
        Ok(Self {
            sensitivity,
            delta,
            bound: noise.bound(),
        })
    }

    /// The largest sum of the noises that the sides add: each recipient's share comes with the
    /// other side's.
    #[must_use]
    pub const fn bound_of_all(&self, recipients: Recipients) -> u64 {
        match recipients {
            Recipients::Requester => self.bound,
            Recipients::Both => self.bound.saturating_mul(2),
        }
    }
}

impl JobSpec {
    /// The parameters of noise; `None` in exact mode.
    #[must_use]
    pub const fn dp(&self) -> Option<&DpTerms> {
        match &self.mode {
            Mode::Exact => None,
            Mode::Dp(terms) => Some(terms),
        }
    }

    /// The charge of `party`'s node to its own population, for what the other node sees (Spec 12
    /// §7). `None` in exact mode.
    #[must_use]
    pub fn debit(&self, party: Party) -> Option<Amount> {
        let terms = self.dp()?;
        let other_receives = self.recipients.include(party.other());
        let epsilon = terms.share.epsilon.micros();
        let mut debit = Amount::ZERO;
        let mut charge = |Delta(delta_units)| {
            debit = debit.saturating_add(Amount {
                micro_epsilon: epsilon,
                delta_units,
            });
        };
        if self.receiver != party {
            // The Receiver's node sees how many positions match, recipient or not.
            charge(terms.share.delta);
        } else if other_receives && self.payload.find(ComponentKind::Identities).is_none() {
            charge(terms.report.delta);
        }
        if other_receives {
            terms.components.iter().for_each(|of| charge(of.delta));
        }
        Some(debit)
    }

    /// How far released numbers are from the true ones, for display. `None` in exact mode.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the specification was not made by [`JobSpec::assemble`].
    pub fn uncertainty(&self) -> Result<Option<JobUncertainty>, Error> {
        let Some(terms) = self.dp() else {
            return Ok(None);
        };
        let mut count = vec![terms.count_noise()?.spread()];
        if self.recipients.include(self.receiver.other()) {
            count.push(terms.report_noise()?.spread());
        }
        let sides = match self.recipients {
            Recipients::Requester => 1,
            Recipients::Both => 2,
        };
        let components = terms.component_noise()?;
        let components = components.iter();
        Ok(Some(JobUncertainty {
            count: Uncertainty::of(&count),
            components: components
                .map(|noise| Uncertainty::of(&vec![noise.spread(); sides]))
                .collect(),
        }))
    }
}

/// Checks what differential privacy demands of both sides, in the order of Spec 12 §3.
pub(super) fn check(
    agreement: &Agreement,
    sides: Sides<'_>,
    two_matches: bool,
) -> Result<(), Error> {
    let both = [sides.requester, sides.responder];
    let AskedMode::Dp(asked) = agreement.mode else {
        if both.iter().any(|facts| facts.privacy.is_some()) {
            return Err(Error::misbehaved(
                Code::SpecMismatch,
                "facts about privacy in an exact job",
            ));
        }
        return Ok(());
    };
    for facts in both {
        let Some(privacy) = &facts.privacy else {
            return Err(Error::misbehaved(
                Code::SpecMismatch,
                "a half without facts about privacy",
            ));
        };
        if asked.epsilon.micros() > privacy.epsilon_max || asked.delta.0 > privacy.delta_max {
            return Err(refused_loss(
                "an epsilon or delta beyond what a side allows",
            ));
        }
        if !privacy.sizes_configured {
            return incompatible(
                Code::SizeNotConfigured,
                "a size that is counted from a table",
            );
        }
    }
    if two_matches {
        return incompatible(
            Code::BothSidesNotPrivate,
            "aggregates of both sides' columns in one query",
        );
    }
    Ok(())
}

/// The most of the Sender's groups that one identity can be in.
fn groups_of_one(payload: &Payload, sender: &TableFacts) -> u64 {
    let most = match sender.privacy {
        Some(privacy) if !sender.groups_are_constant() => privacy.max_groups_per_identity.into(),
        _ => 1,
    };
    payload.groups.min(most)
}

/// The most by which one identity can change the numbers of a component, in all blocks together.
fn sensitivity(component: &Component, groups: u64, sender: &TableFacts) -> Result<u64, Error> {
    match component.kind {
        ComponentKind::Identities => Ok(groups),
        // This bound covers all rows of an identity, whichever groups they are in.
        ComponentKind::Rows | ComponentKind::Count(_) => {
            let limit = sender.privacy.and_then(|p| p.max_rows_per_identity);
            if sender.key_unique || limit.is_some() {
                Ok(component.bound)
            } else {
                incompatible(
                    Code::ClampRequired,
                    "rows that are counted without a most per identity",
                )
            }
        }
        ComponentKind::Sum(value) => {
            let value = usize::try_from(value).ok();
            let value = value.and_then(|value| sender.values.get(value));
            match value.and_then(|value| value.clamp.as_ref()) {
                Some(clamp) => clamp.amount().checked_mul(groups).ok_or(TOO_LARGE),
                None => incompatible(Code::ClampRequired, "a sum of a column without a clamp"),
            }
        }
        ComponentKind::Squares(_) => incompatible(Code::VarianceNotPrivate, "a variance"),
    }
}

/// Why the budget that a requester asks to spend gives no noise.
fn refused(error: NoiseError) -> Error {
    match error {
        NoiseError::SensitivityNotServed { .. } | NoiseError::NoiseTooWide { .. } => TOO_LARGE,
        NoiseError::TooManyDummies { .. } => {
            refused_loss("an epsilon and delta that need more dummies than are served")
        }
        _ => refused_loss("an epsilon or delta for which no noise is made"),
    }
}

const TOO_LARGE: Error = Error::PeerIncompatible {
    code: Code::SumTooLarge,
    detail: "one identity's contribution is too large for noise",
};

const fn refused_loss(detail: &'static str) -> Error {
    Error::PeerIncompatible {
        code: Code::EpsilonNotAllowed,
        detail,
    }
}

const fn incompatible<T>(code: Code, detail: &'static str) -> Result<T, Error> {
    Err(Error::PeerIncompatible { code, detail })
}

const fn not_derived(_: NoiseError) -> Error {
    Error::ApiMisuse("terms of noise that no specification has")
}
