//! The ledger against a simple model: random operations on two handles, with a clock that goes back
//! and forth and crashes between any two steps and in the middle of one.
//!
//! A hundred thousand operations by default. `PSI_LEDGER_ROUNDS=5000 cargo test -p psi-node model`
//! runs fifty times as many.

mod oracle;

use std::sync::{Arc, Mutex};

use super::*;
use crate::identity::NodeKey;
use crate::state::place::private_tempdir;
use crate::state::{BUSY_TIMEOUT, Levels, STATE_FILE};
use oracle::{Model, runs_of};

const OPERATIONS_PER_ROUND: u64 = 1000;
const ROUNDS: u64 = 100;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn signed_below(&mut self, end: i64) -> i64 {
        i64::try_from(self.below(end.unsigned_abs())).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let place = self.below(from.len() as u64);
        from[usize::try_from(place).unwrap()]
    }
}

const TABLES: [(&str, Option<&str>); 3] = [
    ("customers", Some("people")),
    ("orders", Some("people")),
    ("public", None),
];
const PEERS: [(&str, NodeId); 2] = [("brand", NodeId([1; 32])), ("shop", NodeId([2; 32]))];

struct Round {
    folder: tempfile::TempDir,
    handles: [State; 2],
    key: NodeKey,
    model: Model,
    population: PopulationConfig,
    random: Random,
    unix: i64,
    jobs: u64,
}

/// A further handle on a state that exists. Crashes here end processes, not the machine: what was
/// written is there without waiting for a disk.
fn open(folder: &tempfile::TempDir) -> State {
    let connection = Connection::open(folder.path().join(STATE_FILE)).unwrap();
    connection.busy_timeout(BUSY_TIMEOUT).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    State {
        connection: Arc::new(Mutex::new(connection)),
        // A crash here is one of the program: what it wrote is there without a sync.
        levels: Levels {
            synced: "OFF",
            behind: "OFF",
        },
        verified: Arc::default(),
    }
}

impl Round {
    fn new(seed: u64, refresh: Period) -> Self {
        let folder = private_tempdir();
        drop(State::open(folder.path()).unwrap());
        Self {
            handles: [open(&folder), open(&folder)],
            folder,
            key: NodeKey::generate().unwrap(),
            model: Model::default(),
            population: population(refresh),
            random: Random(seed),
            unix: NOW,
            jobs: 0,
        }
    }

    fn handle(&mut self) -> State {
        let place = usize::from(self.random.below(2) == 1);
        self.handles[place].clone()
    }

    fn new_debit(&mut self) -> Debit {
        self.jobs += 1;
        let (table, population) = self.random.pick(&TABLES);
        let (peer, peer_id) = self.random.pick(&PEERS);
        let mut debit = debit(self.jobs, 0, self.unix);
        if self.random.below(3) > 0 {
            debit.amount.micro_epsilon = self.random.below(120);
            debit.amount.delta_units = self.random.below(60);
        }
        debit.peer = peer.into();
        debit.peer_id = peer_id;
        debit.table = table.into();
        debit.population = population.map(str::to_owned);
        debit
    }

    /// A job in this state, if there is one.
    fn job(&mut self, wanted: DebitState) -> Option<Debit> {
        let number = self.random.below(self.jobs.max(1)) + 1;
        (number..=self.jobs).chain(1..number).find_map(|job| {
            let (debit, state, _) = self.model.jobs.get(&job)?;
            (*state == wanted).then(|| debit.clone())
        })
    }

    fn number_of(debit: &Debit) -> u64 {
        u64::from_be_bytes(debit.job_id.0[..8].try_into().unwrap())
    }

    fn move_clock(&mut self) {
        let span = self.random.pick(&[DAY / 4, DAY / 4, 3 * DAY, 40 * DAY]);
        let by = self.random.signed_below(span);
        self.unix += if self.random.below(3) == 0 { -by } else { by };
        self.unix = self.unix.max(0);
    }

    fn reserve(&mut self, crash: bool) {
        let mut debit = self.new_debit();
        let state = self.handle();
        let table = debit.table.clone();
        let limits = Limits {
            table: &table,
            peer: &debit.peer.clone(),
            runs: runs_of(&table),
            population: debit
                .population
                .is_some()
                .then_some(("people", &self.population)),
        };
        if crash {
            let lost = state.write(|transaction| -> Result<(), StateError> {
                super::reserve(transaction, &COLLAB, &debit, &limits)?.ok();
                Err(StateError::Machine("crash".into()))
            });
            assert!(lost.is_err());
            return;
        }
        self.model.clock = self.model.clock.max(self.unix);
        let verdict = state.budget_reserve(&COLLAB, &debit, &limits).unwrap();
        assert_eq!(
            verdict.map_err(|refusal| refusal.code),
            self.model.verdict(&debit, &self.population)
        );
        if self.model.verdict(&debit, &self.population).is_ok() {
            debit.unix = self.model.clock;
            self.model.begin(
                Self::number_of(&debit),
                (debit, DebitState::Reserved, RunState::Held),
            );
        }
    }

    fn freeze(&mut self, debit: &Debit, crash: bool) {
        let state = self.handle();
        if crash {
            let lost = state.write(|transaction| -> Result<(), StateError> {
                let sql = "UPDATE debits SET run = 'counted' WHERE job_id = ?1";
                transaction.execute(sql, [debit.job_id.as_bytes()])?;
                Err(StateError::Machine("crash".into()))
            });
            assert!(lost.is_err());
            return;
        }
        let freezing = state.budget_freezing(&debit.job_id, &self.key, "begins");
        freezing.unwrap();
        self.model.freeze(Self::number_of(debit));
    }

    fn commit(&mut self, debit: Debit, crash: bool) {
        let state = self.handle();
        let charged = Debit {
            unix: self.unix,
            ..debit.clone()
        };
        let done = state.write(|transaction| {
            super::commit(transaction, &COLLAB, &charged)?;
            if crash {
                return Err(StateError::Machine("crash".into()));
            }
            Ok(())
        });
        assert_eq!(done.is_err(), crash);
        if crash {
            return;
        }
        self.model.clock = self.model.clock.max(self.unix);
        self.model.open(Self::number_of(&debit), debit);
    }

    /// The job ends here, and nothing was handed over.
    fn give_back(&mut self, debit: &Debit) {
        let state = self.handle();
        state.budget_return(&debit.job_id, None).unwrap();
        self.model.give_back(Self::number_of(debit));
    }

    fn crash(&mut self) {
        self.handles = [open(&self.folder), open(&self.folder)];
        self.handles[0].budget_keep().unwrap();
        self.model.crash();
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..45 => self.reserve(false),
            45..48 => self.reserve(true),
            48..58 => {
                if let Some(debit) = self.job(DebitState::Reserved) {
                    let crash = self.random.below(8) == 0;
                    self.freeze(&debit, crash);
                }
            }
            58..70 => {
                if let Some(debit) = self.job(DebitState::Reserved) {
                    let crash = self.random.below(8) == 0;
                    self.commit(debit, crash);
                }
            }
            70..76 => {
                let wanted = self.random.pick(&DebitState::ALL);
                if let Some(debit) = self.job(wanted) {
                    self.give_back(&debit);
                }
            }
            // An entry comes back: of a job unknown here, or one that had ended or was cut off.
            76..78 => {
                let lost = self.new_debit();
                self.commit(lost, false);
            }
            78..80 => {
                let wanted = self.random.pick(&[DebitState::Returned, DebitState::Kept]);
                if let Some(debit) = self.job(wanted) {
                    self.commit(debit, false);
                }
            }
            80 => self.crash(),
            _ => self.move_clock(),
        }
    }

    /// All that can be read says what the model says.
    fn compare(&mut self) {
        let state = self.handle();
        let now = state.budget_now(0).unwrap();
        assert_eq!(now, self.model.clock);
        let refresh = self.population.refresh;
        let (all, peers) = state.budget_of("people", refresh, now).unwrap();
        let sum = self.model.sum("people", refresh);
        assert_eq!(
            (all.total().micro_epsilon, all.total().delta_units),
            (sum.0, sum.1)
        );
        for (peer, odometer) in peers {
            let sum = self.model.sum(&format!("people/{peer}"), refresh);
            assert_eq!(odometer.total().micro_epsilon, sum.0, "{peer}");
        }
        for (table, _) in TABLES {
            for (peer, counts) in state.budget_runs(table, now).unwrap() {
                let scope = format!("{table}/{peer}");
                let expected = Period::ALL.map(|period| self.model.sum(&scope, period).2);
                assert_eq!(counts, RunCounts(expected), "{scope}");
            }
        }
    }
}

#[test]
fn the_ledger_agrees_with_its_model_over_crashes_and_clocks() {
    let rounds = std::env::var("PSI_LEDGER_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().unwrap());
    for seed in 0..rounds {
        let refresh = Period::ALL[usize::try_from(seed % 4).unwrap()];
        // Printed if the test fails.
        println!("seed {seed}, refresh {refresh:?}");
        let mut round = Round::new(seed, refresh);
        for operation in 0..OPERATIONS_PER_ROUND {
            round.step();
            if operation % 50 == 49 {
                round.compare();
            }
        }
    }
}
