//! What the ledger should say, kept as one counter for each scope and period of the calendar.

use std::collections::HashMap;

use super::*;

/// A number for the period that a time is in, by counting days one after the other.
fn period_number(period: Period, unix: i64) -> i64 {
    let day = unix / DAY;
    match period {
        Period::Day => day,
        Period::Week => (day + 3) / 7,
        Period::Month => {
            let (mut left, mut year) = (day, 1970);
            let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            while left >= 365 + i64::from(leap(year)) {
                left -= 365 + i64::from(leap(year));
                year += 1;
            }
            let february = 28 + i64::from(leap(year));
            let mut month = 0;
            for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
                if left < length {
                    break;
                }
                left -= length;
                month += 1;
            }
            year * 12 + month
        }
        Period::Never => 0,
    }
}

/// Counters by scope and period; what a job adds, its release takes away.
#[derive(Default)]
pub(super) struct Model {
    pub(super) clock: i64,
    pub(super) jobs: HashMap<u64, (Debit, DebitState)>,
    sums: HashMap<(String, &'static str, i64), (u64, u64, u64)>,
}

pub(super) fn runs_of(table: &str) -> RunLimits {
    match table {
        "customers" => RunLimits {
            day: NonZeroU64::new(5),
            week: NonZeroU64::new(12),
            lifetime: NonZeroU64::new(150),
            ..RunLimits::default()
        },
        "public" => RunLimits {
            month: NonZeroU64::new(9),
            ..RunLimits::default()
        },
        _ => RunLimits::default(),
    }
}

impl Model {
    fn keys(debit: &Debit, unix: i64) -> Vec<(String, &'static str, i64)> {
        let mut scopes = vec![format!("{}/{}", debit.table, debit.peer)];
        if debit.population.is_some() || debit.amount != Amount::ZERO {
            scopes.push("people".to_owned());
            scopes.push(format!("people/{}", debit.peer));
        }
        let periods = Period::ALL.map(|period| (period.as_str(), period_number(period, unix)));
        let all = scopes
            .into_iter()
            .flat_map(|scope| periods.map(|(name, number)| (scope.clone(), name, number)));
        all.collect()
    }

    pub(super) fn count(&mut self, debit: &Debit, add: bool) {
        for key in Self::keys(debit, debit.unix) {
            let sum = self.sums.entry(key).or_default();
            let apply = |a: &mut u64, b: u64| *a = if add { *a + b } else { *a - b };
            apply(&mut sum.0, debit.amount.micro_epsilon);
            apply(&mut sum.1, debit.amount.delta_units);
            apply(&mut sum.2, 1);
        }
    }

    pub(super) fn sum(&self, scope: &str, period: Period) -> (u64, u64, u64) {
        let key = (
            scope.to_owned(),
            period.as_str(),
            period_number(period, self.clock),
        );
        self.sums.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn verdict(&self, debit: &Debit, population: &PopulationConfig) -> Result<(), Code> {
        let runs = runs_of(&debit.table);
        let scope = format!("{}/{}", debit.table, debit.peer);
        for (period, limit) in [
            (Period::Day, runs.day),
            (Period::Week, runs.week),
            (Period::Month, runs.month),
            (Period::Never, runs.lifetime),
        ] {
            if limit.is_some_and(|limit| self.sum(&scope, period).2 + 1 > limit.get()) {
                return Err(Code::RunsExhausted);
            }
        }
        let Amount {
            micro_epsilon,
            delta_units,
        } = debit.amount;
        let within = |scope: &str, epsilon: u64| {
            let sum = self.sum(scope, population.refresh);
            (micro_epsilon == 0 || sum.0 + micro_epsilon <= epsilon)
                && (delta_units == 0 || sum.1 + delta_units <= 500)
        };
        let fits = debit.amount == Amount::ZERO
            || debit.population.is_some()
                && within("people", 1000)
                && (debit.peer != "brand" || within("people/brand", 400));
        if fits {
            Ok(())
        } else {
            Err(Code::BudgetExhausted)
        }
    }

    pub(super) fn crash(&mut self) {
        let mut released = Vec::new();
        for (debit, state) in self.jobs.values_mut() {
            if *state == DebitState::Reserved {
                *state = DebitState::Released;
                released.push(debit.clone());
            }
        }
        for debit in released {
            self.count(&debit, false);
        }
    }
}
