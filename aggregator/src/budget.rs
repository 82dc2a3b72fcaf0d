//! The privacy budget: what was spent, what is left, and whether one more job fits (Spec 13).
//!
//! An *odometer* measures what a population has lost so far, a *filter* refuses what would exceed
//! its limit. Both are integers: millionths of epsilon, and delta in units of 2^-64, added up
//! (basic composition). Beside them are limits on how often a table is used with one peer.
//!
//! Called by psi-node, which keeps the debits durable, calls [`admit`] in the transaction that
//! reserves, and shows the account. Never reads a clock or a file: times and sums are arguments.

mod amount;
mod limits;
mod period;

use psi_core::Code;
pub use psi_core::dp::Amount;

pub use amount::{delta_of, delta_text, epsilon_of, epsilon_text};
pub(crate) use amount::{some_delta_units, some_micro_epsilon};
pub use limits::{PeerLimit, PeerShare, PopulationConfig, Populations, RunLimits};
pub use period::{Period, advance};

use crate::calendar::day_text;
use crate::error::Refusal;

/// What became of the epsilon and the delta of a debit. Whether its job counts as a run is another
/// question: see [`RunState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DebitState {
    /// The job was accepted and runs; it is not opened yet.
    Reserved,
    /// The job was opened.
    Committed,
    /// The node went down before the job was opened here. What it had handed over by then is not
    /// known any more, so it stays charged.
    Kept,
    /// The job ended, and the process that ran it had handed over nothing that is paid for.
    Returned,
}

impl DebitState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reserved, Self::Committed, Self::Kept, Self::Returned];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::Kept => "kept",
            Self::Returned => "returned",
        }
    }
}

/// Whether the job of a debit counts as a run of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It was accepted, and holds a place until it begins to freeze its input or ends.
    Held,
    /// It has begun to freeze its input. For good, whatever became of it.
    Counted,
    /// It ended before that.
    Free,
}

impl RunState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Held, Self::Counted, Self::Free];

    /// The stable text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Counted => "counted",
            Self::Free => "free",
        }
    }
}

/// Measures the loss in one period of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odometer {
    /// By jobs that were opened or whose end is not known, less what was given back.
    pub spent: Amount,
    /// By jobs that were accepted and not opened yet.
    pub reserved: Amount,
}

impl Odometer {
    /// Counts one debit.
    pub fn count(&mut self, state: DebitState, amount: Amount) {
        match state {
            DebitState::Committed | DebitState::Kept => {
                self.spent = self.spent.saturating_add(amount);
            }
            DebitState::Reserved => self.reserved = self.reserved.saturating_add(amount),
            DebitState::Returned => {}
        }
    }

    /// What is gone or spoken for.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.spent.saturating_add(self.reserved)
    }

    /// What a limit leaves; zero if entries that were taken back have exceeded it.
    #[must_use]
    pub const fn left(&self, limit: Amount) -> Amount {
        limit.saturating_sub(self.total())
    }
}

/// How often a table was used with one peer, in the four periods of [`Period::ALL`]. A job counts
/// from the moment that its freezing begins, whatever becomes of it; one that is accepted and not
/// frozen yet holds its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts(pub [u64; Period::ALL.len()]);

impl RunCounts {
    /// Counts one job of time `unix`, if it falls into the periods that `now` is in.
    pub fn count(&mut self, unix: i64, now: i64) {
        for (count, period) in self.0.iter_mut().zip(Period::ALL) {
            if period.begin(now).is_none_or(|begin| unix >= begin) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// What limits the jobs of one table of this node.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The table.
    pub table: &'a str,
    /// The other member, by its name in the collaboration.
    pub peer: &'a str,
    /// How often the table may be used with one peer.
    pub runs: RunLimits,
    /// The population that the table's rows belong to, and its budget.
    pub population: Option<(&'a str, &'a PopulationConfig)>,
}

impl Limits<'_> {
    /// Whether the owner has set anything that an account must be right for. The limit of runs that
    /// holds unless the owner sets one does not count: what its account can have lost is the jobs
    /// of one day, for which it would be too much to serve nothing until the owner has looked.
    #[must_use]
    pub fn any(&self) -> bool {
        self.population.is_some() || self.runs.are_set()
    }
}

/// What the account says, in the periods that the present time is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the population, all peers together.
    pub population: Odometer,
    /// Of the population, with this peer.
    pub peer: Odometer,
    /// Of that, by jobs that are accepted or opened and have not ended.
    pub held: Amount,
    /// Of the table, with this peer.
    pub runs: RunCounts,
    /// Whether this node has joined several collaborations, all of which can use the population.
    pub shared: bool,
}

/// Whether one more job that costs `amount` fits at the time `now`, which [`advance`] gave.
///
/// Depends on the configuration and on which jobs there were before, never on any row.
///
/// # Errors
/// [`Refusal`] with the deciding rule: [`Code::RunsExhausted`] or [`Code::BudgetExhausted`].
pub fn admit(limits: &Limits<'_>, usage: &Usage, amount: Amount, now: i64) -> Result<(), Refusal> {
    admit_run(limits, usage, now)?;
    if amount == Amount::ZERO {
        return Ok(());
    }
    let Some((name, population)) = limits.population else {
        let table = limits.table;
        return Err(Refusal {
            code: Code::BudgetExhausted,
            rule: format!("table.{table}.population"),
            sentence: format!("table `{table}` names no population, so it has no budget to charge"),
            remedy: format!("set `population` in [table.{table}], and say its budget"),
        });
    };
    admit_peer(name, population, limits.peer, usage, amount, now)?;
    fits(&population.limit, &usage.population, amount).map_err(|what| {
        let rule = format!("population.{name}");
        over(name, "", rule, &what, population.refresh, now)
    })
}

/// The part of a population's budget that one peer has: what the owner says under `per_peer`, or,
/// where several collaborations share it, half.
fn admit_peer(
    name: &str,
    population: &PopulationConfig,
    peer: &str,
    usage: &Usage,
    amount: Amount,
    now: i64,
) -> Result<(), Refusal> {
    let PeerShare { limit, at_once } = population.of_peer(peer, usage.shared);
    let rule = format!("population.{name}.per_peer.{peer}");
    if population.per_peer.contains_key(peer) {
        let whose = format!(" with `{peer}`");
        return fits(&limit, &usage.peer, amount)
            .map_err(|what| over(name, &whose, rule, &what, population.refresh, now));
    }
    if !usage.shared {
        return Ok(());
    }
    let whose = format!(" with `{peer}`, a member without `per_peer`, which has half of it,");
    fits(&limit, &usage.peer, amount)
        .map_err(|what| over(name, &whose, rule.clone(), &what, population.refresh, now))?;
    let held = Odometer {
        reserved: usage.held,
        ..Odometer::default()
    };
    fits(&at_once, &held, amount).map_err(|what| Refusal {
        code: Code::BudgetExhausted,
        sentence: format!(
            "the budget of population `{name}` with `{peer}`, a member without `per_peer`, of \
             which jobs that have not ended hold a quarter at most, does not allow it: {what}"
        ),
        remedy: format!("ask with a smaller epsilon, wait for its running jobs, or set `{rule}`"),
        rule,
    })
}

fn admit_run(limits: &Limits<'_>, usage: &Usage, now: i64) -> Result<(), Refusal> {
    let (table, peer) = (limits.table, limits.peer);
    for (period, used) in Period::ALL.into_iter().zip(usage.runs.0) {
        let Some(limit) = limits.runs.of(period) else {
            continue;
        };
        if used >= limit {
            let rule = format!("table.{table}.runs.{}", period.run_field());
            return Err(Refusal {
                code: Code::RunsExhausted,
                sentence: format!(
                    "table `{table}` was used for {used} of {limit} jobs with `{peer}` {}{}",
                    period.in_words(),
                    next_in_words(period, now)
                ),
                remedy: format!("wait until then, or raise `{rule}` in node.toml"),
                rule,
            });
        }
    }
    Ok(())
}

/// The filter: says what does not fit.
fn fits(limit: &Amount, odometer: &Odometer, amount: Amount) -> Result<(), String> {
    let total = odometer.total();
    let short = |needed: u64, gone: u64, limit: u64| {
        needed > 0 && gone.checked_add(needed).is_none_or(|sum| sum > limit)
    };
    let left = odometer.left(*limit);
    if short(
        amount.micro_epsilon,
        total.micro_epsilon,
        limit.micro_epsilon,
    ) {
        return Err(format!(
            "the job costs epsilon {}, and {} of {} is left",
            epsilon_text(amount.micro_epsilon),
            epsilon_text(left.micro_epsilon),
            epsilon_text(limit.micro_epsilon)
        ));
    }
    if short(amount.delta_units, total.delta_units, limit.delta_units) {
        return Err(format!(
            "the job costs delta {}, and {} of {} is left",
            delta_text(amount.delta_units),
            delta_text(left.delta_units),
            delta_text(limit.delta_units)
        ));
    }
    Ok(())
}

fn over(name: &str, whose: &str, rule: String, what: &str, refresh: Period, now: i64) -> Refusal {
    Refusal {
        code: Code::BudgetExhausted,
        sentence: format!(
            "the budget of population `{name}`{whose} does not allow it: {what}{}",
            next_in_words(refresh, now)
        ),
        remedy: format!("wait until then, ask with a smaller epsilon, or raise `{rule}`"),
        rule,
    }
}

fn next_in_words(period: Period, now: i64) -> String {
    match period.next(now) {
        Some(next) => format!(
            "; the next {} begins {} (UTC)",
            period.as_str(),
            day_text(next)
        ),
        None => "; this limit is never renewed".to_owned(),
    }
}

#[cfg(test)]
mod tests;
