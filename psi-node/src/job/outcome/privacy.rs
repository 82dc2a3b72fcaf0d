//! What a result document says of differential privacy: costs, noise, intervals.
//!
//! Spec 12 §7. Described from the specification of a job and the plan of its output; draws no noise
//! and keeps no account. Called by both sides of a job, and by explanations.

use aggregator::budget::{delta_text, epsilon_text};
use aggregator::{ColumnNoise, OutputPlan, ResultTable, ResultValue};
use psi_core::dp::Amount;
use psi_core::spec::{AskedMode, JobSpec, Party};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value::shown as value;

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
    /// For each row and column, the ends of the 95 % interval; null where a cell has no interval.
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
    /// The document of a job in which this node is `own`; `None` for an exact job.
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

/// The ends of the 95 % intervals of a table, as the document has them.
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
