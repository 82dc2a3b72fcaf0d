//! How far the numbers of an output stray from the true ones, in a job with differential privacy.
//!
//! Spec 12 §7. For people: follows from the specification alone, never from what was opened, and
//! decides nothing. Called where a result is shown, and where a question is looked at before it is
//! asked.

use psi_core::dp::Uncertainty;
use psi_core::spec::{ComponentKind, JobSpec, JobUncertainty, Party, Payload};

use super::ResultValue;
use crate::plan::{Measure, OutputPlan, Shown};
use crate::sql::arith::Arith;
use crate::sql::ast::Function;

/// A kind of number that leaves the protocol with noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoisyKind {
    /// Distinct identities.
    Identities,
    /// Joined rows.
    Rows,
    /// Rows in which an expression is not NULL.
    Count,
    /// The sum of an expression.
    Sum,
}

impl NoisyKind {
    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identities => "identities",
            Self::Rows => "rows",
            Self::Count => "count",
            Self::Sum => "sum",
        }
    }
}

/// A number that leaves the protocol with noise, and how far it strays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoisyNumber {
    /// What it is.
    pub kind: NoisyKind,
    /// The decimal scale at which it was taken.
    pub decimals: u8,
    /// How far it strays, in units of that scale.
    pub uncertainty: Uncertainty,
}

impl NoisyNumber {
    /// The standard deviation, in the unit of the output.
    #[must_use]
    pub fn std_dev(&self) -> f64 {
        self.uncertainty.std_dev / self.scale()
    }

    /// Half the width of the 95 % interval, in the unit of the output.
    #[must_use]
    pub fn half_width_95(&self) -> f64 {
        self.uncertainty.half_width_95 / self.scale()
    }

    fn scale(&self) -> f64 {
        10_f64.powi(i32::from(self.decimals))
    }

    /// The ends of the 95 % interval around a released value; none around anything but a number,
    /// or if they do not fit the arithmetic.
    #[must_use]
    pub fn interval_95(&self, value: &ResultValue) -> Option<(ResultValue, ResultValue)> {
        let units = match value {
            ResultValue::Integer(whole) => whole.checked_mul(self.one()?)?,
            ResultValue::Decimal(digits) => self.units(digits)?,
            _ => return None,
        };
        let half = half_units(self.uncertainty.half_width_95)?;
        let ends = (units.checked_sub(half)?, units.checked_add(half)?);
        Some((self.value(ends.0)?, self.value(ends.1)?))
    }

    fn one(&self) -> Option<i128> {
        10_i128.checked_pow(u32::from(self.decimals))
    }

    /// Digits with at most as many decimals as the scale has, in its units.
    fn units(&self, digits: &str) -> Option<i128> {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let width = usize::from(self.decimals);
        if fraction.len() > width {
            return None;
        }
        format!("{whole}{fraction:0<width$}").parse().ok()
    }

    fn value(&self, units: i128) -> Option<ResultValue> {
        if self.decimals == 0 {
            return Some(ResultValue::Integer(units));
        }
        let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
        let one = self.one()?.unsigned_abs();
        let width = usize::from(self.decimals);
        let text = format!("{sign}{}.{:0width$}", units / one, units % one);
        Some(ResultValue::Decimal(text))
    }
}

/// Whole units, rounded upward; none beyond what a noise can be.
fn half_units(half_width: f64) -> Option<i128> {
    let whole = half_width.ceil();
    if !(0.0..9e18).contains(&whole) {
        return None;
    }
    format!("{whole:.0}").parse().ok()
}

/// How far the numbers of an output column stray.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnNoise {
    /// The column's name.
    pub column: String,
    /// The noisy numbers that the column is computed from, in the order of its text; an average
    /// from its sum and its count. None for the label of a group.
    pub numbers: Vec<NoisyNumber>,
    /// Whether the column is its one noisy number as it was released.
    pub direct: bool,
}

impl OutputPlan {
    /// How far each output column of a job strays; empty in exact mode.
    ///
    /// # Errors
    /// [`psi_core::Error::ApiMisuse`] if the specification is of another query.
    pub fn noise(&self, spec: &JobSpec) -> Result<Vec<ColumnNoise>, psi_core::Error> {
        let Some(uncertainty) = spec.uncertainty()? else {
            return Ok(Vec::new());
        };
        let noises = Noises {
            spec,
            uncertainty: &uncertainty,
        };
        let columns = self.columns.iter().zip(&self.program.outputs);
        let columns = columns.map(|(name, output)| {
            let mut column = ColumnNoise {
                column: name.clone(),
                numbers: Vec::new(),
                direct: false,
            };
            if let Shown::Formula(formula) = output {
                let mut measures = Vec::new();
                formula.leaves(&mut |measure| measures.push(*measure));
                for measure in measures {
                    noises.measure(measure, &mut column.numbers)?;
                }
                column.direct = matches!(formula, Arith::Leaf(_)) && column.numbers.len() == 1;
            }
            Ok(column)
        });
        columns.collect()
    }
}

/// The noise of each number of a job.
struct Noises<'a> {
    spec: &'a JobSpec,
    uncertainty: &'a JobUncertainty,
}

impl Noises<'_> {
    fn measure(
        &self,
        measure: Measure,
        numbers: &mut Vec<NoisyNumber>,
    ) -> Result<(), psi_core::Error> {
        match measure {
            Measure::Identities => numbers.push(self.identities()?),
            Measure::Rows => numbers.push(self.rows()?),
            Measure::Of {
                function,
                owner,
                value,
            } => {
                if function != Function::Count {
                    numbers.push(self.sum(owner, value)?);
                }
                if function != Function::Sum {
                    numbers.push(self.count(owner, value)?);
                }
            }
        }
        Ok(())
    }

    fn identities(&self) -> Result<NoisyNumber, psi_core::Error> {
        let component = self.component(ComponentKind::Identities)?;
        let uncertainty = component.unwrap_or(self.uncertainty.count);
        Ok(whole(NoisyKind::Identities, uncertainty))
    }

    /// Where neither side's rows repeat, rows are identities.
    fn rows(&self) -> Result<NoisyNumber, psi_core::Error> {
        match self.component(ComponentKind::Rows)? {
            Some(uncertainty) => Ok(whole(NoisyKind::Rows, uncertainty)),
            None => self.identities(),
        }
    }

    fn count(&self, owner: Party, value: usize) -> Result<NoisyNumber, psi_core::Error> {
        let facts = self.spec.half(owner).facts.values.get(value).ok_or(OTHER)?;
        if !facts.nullable {
            return self.rows();
        }
        let index = u32::try_from(value).map_err(|_| OTHER)?;
        let component = self.component(ComponentKind::Count(index))?;
        Ok(whole(NoisyKind::Count, component.ok_or(OTHER)?))
    }

    fn sum(&self, owner: Party, value: usize) -> Result<NoisyNumber, psi_core::Error> {
        let facts = self.spec.half(owner).facts.values.get(value).ok_or(OTHER)?;
        let index = u32::try_from(value).map_err(|_| OTHER)?;
        let component = self.component(ComponentKind::Sum(index))?;
        Ok(NoisyNumber {
            kind: NoisyKind::Sum,
            decimals: facts.decimals,
            uncertainty: component.ok_or(OTHER)?,
        })
    }

    /// A component of the payload, of which a job with noise has one.
    fn component(&self, kind: ComponentKind) -> Result<Option<Uncertainty>, psi_core::Error> {
        let payload: &Payload = &self.spec.payload;
        let Some(at) = payload.find(kind) else {
            return Ok(None);
        };
        let found = self.uncertainty.components.get(at).copied();
        found.ok_or(OTHER).map(Some)
    }
}

const fn whole(kind: NoisyKind, uncertainty: Uncertainty) -> NoisyNumber {
    NoisyNumber {
        kind,
        decimals: 0,
        uncertainty,
    }
}

const OTHER: psi_core::Error =
    psi_core::Error::ApiMisuse("noise of a number that the specification does not have");

#[cfg(test)]
mod tests {
    use psi_core::dp::Uncertainty;

    use super::{NoisyKind, NoisyNumber};
    use crate::ResultValue;

    fn noisy(decimals: u8, half_width_95: f64) -> NoisyNumber {
        NoisyNumber {
            kind: NoisyKind::Sum,
            decimals,
            uncertainty: Uncertainty {
                std_dev: 250.0,
                half_width_95,
            },
        }
    }

    #[test]
    fn an_interval_has_the_digits_of_the_number_and_goes_below_zero() {
        let ends = |decimals, half, value| noisy(decimals, half).interval_95(&value);
        let decimal = |text: &str| ResultValue::Decimal(text.into());
        assert_eq!(
            ends(0, 6.0, ResultValue::Integer(4)),
            Some((ResultValue::Integer(-2), ResultValue::Integer(10)))
        );
        assert_eq!(
            ends(2, 525.0, decimal("-1.5")),
            Some((decimal("-6.75"), decimal("3.75")))
        );
        assert_eq!(
            ends(2, 4.0, ResultValue::Integer(0)),
            Some((decimal("-0.04"), decimal("0.04")))
        );
        assert_eq!(ends(0, 6.0, ResultValue::Suppressed), None);
        assert_eq!(ends(0, 6.0, ResultValue::Null), None);
    }

    #[test]
    fn figures_for_people_are_in_the_unit_of_the_output() {
        let number = noisy(2, 525.0);
        assert!((number.std_dev() - 2.5).abs() < 1e-12);
        assert!((number.half_width_95() - 5.25).abs() < 1e-12);
    }
}
