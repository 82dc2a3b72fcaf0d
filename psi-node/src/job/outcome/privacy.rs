//! Differential privacy of a job, as this node's analyst asks for it and is told about it.
//!
//! Spec 12 §3 and §7. Turns what an analyst wants to spend into what is proposed, checks what a
//! peer proposes against the collaboration and the own table, and describes costs and noise for the
//! result document. Draws no noise and keeps no account.

use aggregator::budget::{delta_text, epsilon_text};
use aggregator::{ColumnNoise, OutputPlan, Refusal, ResultTable, ResultValue, TableConfig};
use psi_core::Code;
use psi_core::dp::{Amount, Delta, Epsilon};
use psi_core::facts::TableFacts;
use psi_core::spec::{AskedMode, JobSpec, Loss, Party};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::collab::{Collaboration, Mode};
use crate::job::failure::Failure;
use crate::job::link::violation;
use crate::job::outcome::document::value;

/// The epsilon of a question that names none, in millionths, unless its table allows less: small,
/// because what is spent does not come back.
pub const EPSILON_DEFAULT: u64 = 100_000;

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
    /// What is proposed under `collab`; `facts` are those of the own table.
    ///
    /// # Errors
    /// [`Failure::Input`] if an exact job is to spend something, or if there is no such epsilon.
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

/// A peer's proposal has the mode of the collaboration; it is no matter of policy.
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

/// Refuses what the own table does not allow, before anything is signed: more epsilon or delta than
/// its maxima, and persons without an account.
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

/// What a job with differential privacy costs, and how far its numbers stray.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrivacyDocument {
    /// What was asked for, in all.
    pub epsilon: String,
    /// The same of delta.
    pub delta: String,
    /// What each side's population is charged.
    pub charged: Charged,
    /// The noise of each output column.
    pub noise: Vec<Noise>,
    /// For each row and column, the ends of the 95 % interval; null where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals_95: Vec<Vec<Option<[Value; 2]>>>,
}

/// What a job costs the populations of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    /// This node's.
    pub own: Cost,
    /// The peer's.
    pub peer: Cost,
}

/// A privacy loss in decimal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Epsilon, exactly.
    pub epsilon: String,
    /// Delta, to seven digits.
    pub delta: String,
}

impl From<Amount> for Cost {
    fn from(amount: Amount) -> Self {
        Self {
            epsilon: epsilon_text(amount.micro_epsilon),
            delta: delta_text(amount.delta_units),
        }
    }
}

/// The noise of an output column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// The column's name.
    pub column: String,
    /// Whether the column is one noisy number as it was released. Otherwise it is computed from the
    /// numbers that follow.
    pub direct: bool,
    /// The noisy numbers in it.
    pub numbers: Vec<NoiseOf>,
}

/// The noise of one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseOf {
    /// `identities`, `rows`, `count` or `sum`.
    pub of: String,
    /// The standard deviation.
    pub std_dev: f64,
    /// The true number is within this distance in 95 of 100 jobs or more.
    pub half_width_95: f64,
}

impl From<&ColumnNoise> for Noise {
    fn from(noise: &ColumnNoise) -> Self {
        let numbers = noise.numbers.iter().map(|number| NoiseOf {
            of: number.kind.as_str().into(),
            std_dev: number.std_dev(),
            half_width_95: number.half_width_95(),
        });
        Self {
            column: noise.column.clone(),
            direct: noise.direct,
            numbers: numbers.collect(),
        }
    }
}

impl PrivacyDocument {
    /// Of a job of which this node is `own`; none of an exact one.
    ///
    /// # Errors
    /// [`psi_core::Error::ApiMisuse`] if `output` is that of another query.
    pub(in crate::job) fn of(
        spec: &JobSpec,
        own: Party,
        output: &OutputPlan,
    ) -> Result<Option<Self>, psi_core::Error> {
        let AskedMode::Dp(asked) = spec.mode.asked() else {
            return Ok(None);
        };
        let cost = |party| Cost::from(spec.debit(party).unwrap_or_default());
        Ok(Some(Self {
            epsilon: epsilon_text(asked.epsilon.micros()),
            delta: delta_text(asked.delta.0),
            charged: Charged {
                own: cost(own),
                peer: cost(own.other()),
            },
            noise: output.noise(spec)?.iter().map(Noise::from).collect(),
            intervals_95: Vec::new(),
        }))
    }
}

/// The ends of the 95 % intervals of a table, as they stand in the document.
pub(in crate::job) fn intervals(
    noise: &[ColumnNoise],
    table: &ResultTable,
) -> Vec<Vec<Option<[Value; 2]>>> {
    let interval = |(noise, shown): (&ColumnNoise, &ResultValue)| {
        let number = noise.numbers.first().filter(|_| noise.direct)?;
        let (low, high) = number.interval_95(shown)?;
        Some([value(&low), value(&high)])
    };
    let rows = table.rows.iter();
    rows.map(|row| noise.iter().zip(&row.values).map(interval).collect())
        .collect()
}

#[cfg(test)]
mod tests;
