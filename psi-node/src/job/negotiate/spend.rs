//! What a question with differential privacy may spend.
//!
//! Spec 12 §3. Turns what an analyst wants to spend into what is proposed, and checks what is asked
//! for against the collaboration and this node's own table. Keeps no account.

use aggregator::budget::{delta_text, epsilon_text};
use aggregator::{Refusal, TableConfig};
use psi_core::Code;
use psi_core::dp::{Delta, Epsilon};
use psi_core::facts::TableFacts;
use psi_core::spec::{AskedMode, Loss};

use crate::collab::{Collaboration, Mode};
use crate::job::failure::Failure;
use crate::job::link::violation;

/// The epsilon of a question that names none, in millionths, unless its table allows less: small,
/// because what is spent does not come back.
const EPSILON_DEFAULT: u64 = 100_000;

/// The delta of a question that names none, unless its table allows less: 10^-9.
pub const DELTA_DEFAULT: u64 = 18_446_744_073;

/// What an analyst wants to spend on a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Epsilon, in millionths.
    pub epsilon: Option<u64>,
    /// Delta, in units of 2^-64.
    pub delta: Option<u64>,
}

impl Spend {
    /// What is proposed under `collab`; `facts` are those of this node's table.
    ///
    /// # Errors
    /// [`Failure::Input`] if an exact job is to spend something, or if the epsilon is not valid.
    pub(in crate::job) fn asked(
        self,
        collab: &Collaboration,
        facts: &TableFacts,
    ) -> Result<AskedMode, Failure> {
        self.check(collab)?;
        if collab.mode() == Mode::Exact {
            return Ok(AskedMode::Exact);
        }
        let (epsilon_max, delta_max) = facts.privacy.map_or((u64::MAX, u64::MAX), |privacy| {
            (privacy.epsilon_max, privacy.delta_max)
        });
        let epsilon = self.epsilon.unwrap_or(EPSILON_DEFAULT.min(epsilon_max));
        let epsilon = Epsilon::from_micros(epsilon).map_err(|error| Failure::Input {
            what: error.to_string(),
            remedy: "ask with an --epsilon such as 0.5".into(),
        })?;
        let delta = Delta(self.delta.unwrap_or(DELTA_DEFAULT.min(delta_max)));
        Ok(AskedMode::Dp(Loss { epsilon, delta }))
    }

    /// Refuses to spend something where answers are exact.
    ///
    /// # Errors
    /// [`Failure::Input`].
    pub(in crate::job) fn check(self, collab: &Collaboration) -> Result<(), Failure> {
        if collab.mode() == Mode::Dp || self == Self::default() {
            return Ok(());
        }
        Err(Failure::Input {
            what: format!(
                "`{}` is in mode `exact`: its answers carry no noise and spend no epsilon or delta",
                collab.name()
            ),
            remedy: "ask without --epsilon and --delta, or let both members sign a revision that \
                     says `mode = \"dp\"`"
                .into(),
        })
    }
}

/// A peer's proposal has the mode of the collaboration; policy does not decide about it.
pub(in crate::job) fn check_mode(collab: &Collaboration, asked: AskedMode) -> Result<(), Failure> {
    let fits = match collab.mode() {
        Mode::Exact => asked == AskedMode::Exact,
        Mode::Dp => matches!(asked, AskedMode::Dp(_)),
    };
    if fits {
        return Ok(());
    }
    Err(violation(
        Code::SpecMismatch,
        "a mode that the collaboration does not have",
    ))
}

/// An epsilon in millionths as a number; the largest has eight digits.
#[expect(clippy::cast_precision_loss, reason = "an epsilon is at most 16")]
fn micros(epsilon: u64) -> f64 {
    epsilon as f64 / 1e6
}

/// Refuses what this node's table does not allow, before anything is signed: more epsilon or delta
/// than its maxima, and persons without an account.
pub(in crate::job) fn check_own(
    asked: AskedMode,
    facts: &TableFacts,
    section: Option<&TableConfig>,
    epsilon_min: f64,
) -> Result<(), Failure> {
    let AskedMode::Dp(asked) = asked else {
        return Ok(());
    };
    let table = &facts.table;
    let refuse = |code, setting: &str, sentence: String, remedy: String| {
        Err(Failure::OwnRefusal(Refusal {
            code,
            rule: format!("table.{table}.{setting}"),
            sentence,
            remedy,
        }))
    };
    let epsilon = asked.epsilon.micros();
    if micros(epsilon) < epsilon_min {
        return Err(Failure::OwnRefusal(Refusal {
            code: Code::EpsilonNotAllowed,
            rule: "epsilon_min".into(),
            sentence: format!(
                "the job asks for epsilon {}, and this node serves {epsilon_min} at least",
                epsilon_text(epsilon)
            ),
            remedy: "ask with a larger epsilon, or lower `epsilon_min` in node.toml".into(),
        }));
    }
    if let Some(privacy) = facts.privacy {
        let (epsilon, most) = (asked.epsilon.micros(), privacy.epsilon_max);
        if epsilon > most {
            return refuse(
                Code::EpsilonNotAllowed,
                "epsilon_max",
                format!(
                    "the job asks for epsilon {}, and table `{table}` allows {} at most",
                    epsilon_text(epsilon),
                    epsilon_text(most)
                ),
                format!("ask with a smaller epsilon, or raise `epsilon_max` in [table.{table}]"),
            );
        }
        let (delta, most) = (asked.delta.0, privacy.delta_max);
        if delta > most {
            return refuse(
                Code::EpsilonNotAllowed,
                "delta_max",
                format!(
                    "the job asks for delta {}, and table `{table}` allows {} at most",
                    delta_text(delta),
                    delta_text(most)
                ),
                format!("ask with a smaller delta, or raise `delta_max` in [table.{table}]"),
            );
        }
    }
    if section.is_none_or(|section| section.population.is_none()) {
        return refuse(
            Code::BudgetExhausted,
            "population",
            format!("table `{table}` names no population, so it has no budget to charge"),
            format!("set `population` in [table.{table}], and say its budget"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
