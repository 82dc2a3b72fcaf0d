//! Whose arithmetic is done now, where several jobs want to compute.
//!
//! Spec 08 §4. The pool for arithmetic does what it is given in the order in which it comes, so whoever
//! runs more jobs would get more of it. Instead a job computes a batch in its turn: two turns at a
//! time. After each batch a job waits again if anybody waits; the next turn goes to a job of the owner
//! or peer that has fewest, and among these to the one that waited longest. So the jobs of one peer
//! together get at most half while another's wait, or the owner's, all of the pool while nobody does,
//! and share what they get among themselves. Taken by the thread of a job around what it computes; never by
//! a thread of the pool, which would then wait for itself.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::places::Whose;

/// Batches that are computed at the same time. Two, so that the end of one batch, in which some cores
/// have nothing to do, overlaps with another job's.
const TURNS: usize = 2;

/// The turns of one node. Clones share them.
#[derive(Clone, Default)]
pub struct Turns(Arc<Shared>);

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    /// A turn has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Table {
    /// Turns that are taken, by whose they are.
    taken: HashMap<Whose, usize>,
    /// Who waits, in the order in which they came.
    waiting: Vec<(Whose, u64)>,
    next: u64,
}

impl Table {
    fn is_full(&self) -> bool {
        self.taken.values().sum::<usize>() >= TURNS
    }

    fn of(&self, whose: Whose) -> usize {
        self.taken.get(&whose).copied().unwrap_or_default()
    }

    /// Whether the next turn is this one's: nobody else who waits has fewer, or as few and came first.
    fn is_next(&self, ticket: u64) -> bool {
        let first = self
            .waiting
            .iter()
            .min_by_key(|(whose, of)| (self.of(*whose), *of));
        !self.is_full() && first.is_some_and(|(_, of)| *of == ticket)
    }

    /// Begins to wait.
    fn wait(&mut self, whose: Whose) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.push((whose, ticket));
        ticket
    }

    /// Takes the turn of one that waits.
    fn begin(&mut self, whose: Whose, ticket: u64) {
        self.waiting.retain(|(_, of)| *of != ticket);
        *self.taken.entry(whose).or_default() += 1;
    }

    /// Gives a turn back.
    fn end(&mut self, whose: Whose) {
        if let Some(taken) = self.taken.get_mut(&whose) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                self.taken.remove(&whose);
            }
        }
    }
}

impl Turns {
    /// Waits for a turn. Blocks the calling thread.
    pub(in crate::job) fn take(&self, whose: Whose) -> Turn {
        let mut table = self.lock();
        let ticket = table.wait(whose);
        while !table.is_next(ticket) {
            let woken = self.0.ended.wait(table);
            table = woken.unwrap_or_else(PoisonError::into_inner);
        }
        table.begin(whose, ticket);
        drop(table);
        // Another turn may be free for the next.
        self.0.ended.notify_all();
        Turn {
            turns: self.clone(),
            whose,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each change is one number or one entry, so a poisoned lock is as good as any.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to compute, until it is dropped.
pub(in crate::job) struct Turn {
    turns: Turns,
    whose: Whose,
}

impl Turn {
    /// Between two batches: waits for another turn if anybody waits.
    pub(in crate::job) fn pass(self) -> Self {
        if self.turns.lock().waiting.is_empty() {
            return self;
        }
        let (turns, whose) = (self.turns.clone(), self.whose);
        drop(self);
        turns.take(whose)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().end(self.whose);
        self.turns.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::identity::NodeId;

    const RUDE: Whose = Whose::Peer(NodeId([1; 32]));
    const OTHER: Whose = Whose::Peer(NodeId([2; 32]));

    #[test]
    fn one_peer_has_all_turns_while_nobody_waits_and_gives_one_up_to_whoever_does() {
        let turns = Turns::default();
        let first = turns.take(RUDE);
        let second = turns.take(RUDE).pass();
        let (waiting, at) = (turns.clone(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&at);
        let owner = thread::spawn(move || {
            let turn = waiting.take(Whose::Owner);
            seen.fetch_add(1, Ordering::SeqCst);
            turn
        });
        while turns.lock().waiting.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(at.load(Ordering::SeqCst), 0);
        drop(second);
        let own = owner.join().unwrap();
        assert_eq!(turns.lock().of(RUDE), 1);
        assert_eq!(turns.lock().of(Whose::Owner), 1);
        drop((first, own));
        assert!(turns.lock().taken.is_empty());
    }

    #[test]
    fn a_third_job_of_one_peer_gets_its_turns_while_two_others_go_on() {
        let turns = Turns::default();
        let done: Vec<_> = (0..3).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        thread::scope(|scope| {
            for count in &done {
                let (turns, all) = (turns.clone(), done.clone());
                scope.spawn(move || {
                    let mut turn = turns.take(RUDE);
                    // Until each has had a fair number.
                    while all.iter().any(|of| of.load(Ordering::SeqCst) < 20) {
                        thread::sleep(Duration::from_millis(1));
                        count.fetch_add(1, Ordering::SeqCst);
                        turn = turn.pass();
                    }
                });
            }
        });
        assert!(turns.lock().taken.is_empty());
    }

    /// Without threads, whose speed no test can choose: the batch that began first ends first.
    #[test]
    fn the_jobs_of_a_peer_get_no_more_batches_together_than_the_one_of_another() {
        let mut table = Table::default();
        for whose in [RUDE, RUDE, RUDE, OTHER, RUDE, RUDE, RUDE] {
            table.wait(whose);
        }
        let mut running = VecDeque::new();
        let mut batches = HashMap::from([(RUDE, 0), (OTHER, 0)]);
        while batches[&OTHER] < 100 {
            let waiting = table.waiting.clone();
            let next = waiting.iter().find(|(_, ticket)| table.is_next(*ticket));
            if let Some((whose, ticket)) = next {
                table.begin(*whose, *ticket);
                running.push_back(*whose);
                continue;
            }
            let whose = running.pop_front().unwrap();
            *batches.entry(whose).or_default() += 1;
            table.end(whose);
            table.wait(whose);
        }
        // Six jobs against one: in the order in which they came it would be 600.
        let rude = batches[&RUDE];
        assert!((100..=TURNS + 100).contains(&rude), "{rude}");
    }
}
