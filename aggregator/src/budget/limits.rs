//! What an owner allows, as `node.toml` has it: budgets of populations, and runs of tables
//! (Spec 13 §2).
//!
//! Called by psi-node, which parses the file; errors then carry line and column.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use psi_core::dp::Amount;
use psi_core::limits::RUNS_PER_DAY_UNLESS_SAID;
use serde::Deserialize;

use super::amount::{
    delta_text, delta_units, epsilon_text, micro_epsilon, some_delta_units, some_micro_epsilon,
};
use super::period::Period;

/// All populations of one node, by name.
pub type Populations = BTreeMap<String, PopulationConfig>;

/// One `[population.NAME]` section: the persons that one or more tables are about, and how much
/// may be learnt about each of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Section")]
pub struct PopulationConfig {
    /// What may be lost in one period, over all tables, files and peers.
    pub limit: Amount,
    /// When the budget is renewed.
    pub refresh: Period,
    /// Stricter limits for single peers, by their name in a collaboration.
    pub per_peer: BTreeMap<String, PeerLimit>,
}

/// A limit for one peer; what it leaves out is that of the population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerLimit {
    /// Epsilon, in millionths.
    #[serde(default, rename = "epsilon", deserialize_with = "some_micro_epsilon")]
    pub micro_epsilon: Option<u64>,
    /// Delta, in units of 2^-64.
    #[serde(default, rename = "delta", deserialize_with = "some_delta_units")]
    pub delta_units: Option<u64>,
}

impl PeerLimit {
    /// The limit that holds for the peer, where `population` is that of all peers together.
    #[must_use]
    pub fn within(&self, population: Amount) -> Amount {
        let stricter = |own: Option<u64>, all: u64| own.unwrap_or(all).min(all);
        Amount {
            micro_epsilon: stricter(self.micro_epsilon, population.micro_epsilon),
            delta_units: stricter(self.delta_units, population.delta_units),
        }
    }
}

/// What one peer may cost a population in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerShare {
    /// In all.
    pub limit: Amount,
    /// The part of it that its jobs may hold which are not opened yet.
    pub at_once: Amount,
}

impl PopulationConfig {
    /// What one peer may cost in a period. `shared` says that several collaborations can use the population: then a peer that
    /// the owner has not given a limit has half of it, and its reservations half of that, so no
    /// such peer keeps the others or the owner from asking.
    #[must_use]
    pub fn of_peer(&self, peer: &str, shared: bool) -> PeerShare {
        let (limit, at_once) = match self.per_peer.get(peer) {
            Some(own) => (own.within(self.limit), own.within(self.limit)),
            None if shared => (self.limit.half(), self.limit.half().half()),
            None => (self.limit, self.limit),
        };
        PeerShare { limit, at_once }
    }
}

/// How many jobs a table may take part in with one peer; what is left out is not limited. There is
/// no `Default`, because a table that says nothing and one that says `{}` differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunLimits {
    /// In one day.
    #[serde(default)]
    pub day: Option<NonZeroU64>,
    /// In one week.
    #[serde(default)]
    pub week: Option<NonZeroU64>,
    /// In one month.
    #[serde(default)]
    pub month: Option<NonZeroU64>,
    /// Ever.
    #[serde(default)]
    pub lifetime: Option<NonZeroU64>,
}

impl RunLimits {
    /// No limit: what `runs = {}` says.
    pub const NONE: Self = Self {
        day: None,
        week: None,
        month: None,
        lifetime: None,
    };

    /// The limits of a table whose owner does not say any.
    #[must_use]
    pub fn unless_said() -> Self {
        Self {
            day: NonZeroU64::new(RUNS_PER_DAY_UNLESS_SAID),
            ..Self::NONE
        }
    }

    /// Whether the owner has set a limit. What the default has counted is gone the next day, so a
    /// table that has nothing else needs no account that goes back further.
    #[must_use]
    pub fn are_set(&self) -> bool {
        *self != Self::NONE && *self != Self::unless_said()
    }

    /// The limits that are set, by the name of their period.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let all = [
            ("day", self.day),
            ("week", self.week),
            ("month", self.month),
            ("lifetime", self.lifetime),
        ];
        all.into_iter()
            .filter_map(|(period, limit)| Some((period, limit?.get())))
    }

    /// The limit for a period.
    #[must_use]
    pub fn of(&self, period: Period) -> Option<u64> {
        let limit = match period {
            Period::Day => self.day,
            Period::Week => self.week,
            Period::Month => self.month,
            Period::Never => self.lifetime,
        };
        limit.map(NonZeroU64::get)
    }
}

/// The section as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(deserialize_with = "micro_epsilon")]
    epsilon: u64,
    #[serde(deserialize_with = "delta_units")]
    delta: u64,
    #[serde(default)]
    refresh: Period,
    #[serde(default)]
    per_peer: BTreeMap<String, PeerLimit>,
}

impl TryFrom<Section> for PopulationConfig {
    type Error = String;

    fn try_from(section: Section) -> Result<Self, String> {
        let limit = Amount {
            micro_epsilon: section.epsilon,
            delta_units: section.delta,
        };
        for (peer, own) in &section.per_peer {
            let (epsilon, delta) = (limit.micro_epsilon, limit.delta_units);
            if own.micro_epsilon.is_some_and(|own| own > epsilon) {
                return Err(format!(
                    "per_peer.{peer}.epsilon is more than the population's own, {}",
                    epsilon_text(epsilon)
                ));
            }
            if own.delta_units.is_some_and(|own| own > delta) {
                return Err(format!(
                    "per_peer.{peer}.delta is more than the population's own, {}",
                    delta_text(delta)
                ));
            }
        }
        Ok(Self {
            limit,
            refresh: section.refresh,
            per_peer: section.per_peer,
        })
    }
}
