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

/// A job, what became of its amount, and whether it counts as a run.
type Job = (Debit, DebitState, RunState);

/// Counters by scope and period; what a job adds, giving it back takes away.
#[derive(Default)]
pub(super) struct Model {
    pub(super) clock: i64,
    pub(super) jobs: HashMap<u64, Job>,
    sums: HashMap<(String, &'static str, i64), (u64, u64, u64)>,
}

pub(super) fn runs_of(table: &str) -> RunLimits {
    match table {
        "customers" => RunLimits {
            day: NonZeroU64::new(5),
            week: NonZeroU64::new(12),
            lifetime: NonZeroU64::new(150),
            ..RunLimits::NONE
        },
        "public" => RunLimits {
            month: NonZeroU64::new(9),
            ..RunLimits::NONE
        },
        _ => RunLimits::NONE,
    }
}

impl Model {
    /// The counters of the amount of a debit.
    fn accounts(debit: &Debit) -> Vec<String> {
        if debit.population.is_some() || debit.amount != Amount::ZERO {
            vec!["people".to_owned(), format!("people/{}", debit.peer)]
        } else {
            Vec::new()
        }
    }

    fn add(&mut self, scope: &str, debit: &Debit, work: impl Fn(&mut (u64, u64, u64))) {
        for period in Period::ALL {
            let number = period_number(period, debit.unix);
            let key = (scope.to_owned(), period.as_str(), number);
            work(self.sums.entry(key).or_default());
        }
    }

    fn charge(&mut self, debit: &Debit, back: bool) {
        for scope in Self::accounts(debit) {
            self.add(&scope, debit, |sum| {
                let apply = |a: u64, b: u64| if back { a - b } else { a + b };
                sum.0 = apply(sum.0, debit.amount.micro_epsilon);
                sum.1 = apply(sum.1, debit.amount.delta_units);
            });
        }
    }

    fn run(&mut self, debit: &Debit, back: bool) {
        let scope = format!("{}/{}", debit.table, debit.peer);
        self.add(&scope, debit, |sum| {
            sum.2 = if back { sum.2 - 1 } else { sum.2 + 1 };
        });
    }

    /// A job that is not known yet.
    pub(super) fn begin(&mut self, number: u64, job: Job) {
        self.charge(&job.0, false);
        self.run(&job.0, false);
        self.jobs.insert(number, job);
    }

    pub(super) fn freeze(&mut self, number: u64) {
        self.jobs.get_mut(&number).unwrap().2 = RunState::Counted;
    }

    /// The opened entry of a job is on the log.
    pub(super) fn open(&mut self, number: u64, mut debit: Debit) {
        let Some((known, state, run)) = self.jobs.get(&number).cloned() else {
            debit.unix = self.clock;
            return self.begin(number, (debit, DebitState::Committed, RunState::Counted));
        };
        if run == RunState::Free {
            self.run(&known, false);
        }
        let state = match state {
            DebitState::Returned => DebitState::Returned,
            _ => DebitState::Committed,
        };
        self.jobs.insert(number, (known, state, RunState::Counted));
    }

    pub(super) fn give_back(&mut self, number: u64) {
        let (debit, state, run) = self.jobs.get(&number).cloned().unwrap();
        if matches!(state, DebitState::Reserved | DebitState::Committed) {
            self.charge(&debit, true);
            if run == RunState::Held {
                // Nothing is left of a job that read no row.
                self.run(&debit, true);
                self.jobs.remove(&number);
            } else {
                self.jobs.insert(number, (debit, DebitState::Returned, run));
            }
        }
    }

    /// A place that was held and not used is free again.
    fn leave(&mut self, debit: &Debit, run: RunState) -> RunState {
        if run == RunState::Held {
            self.run(debit, true);
            return RunState::Free;
        }
        run
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

    /// What was reserved stays charged.
    pub(super) fn crash(&mut self) {
        let jobs = self.jobs.clone();
        for (number, (debit, state, run)) in jobs {
            if state == DebitState::Reserved {
                let run = self.leave(&debit, run);
                self.jobs.insert(number, (debit, DebitState::Kept, run));
            }
        }
    }
}
