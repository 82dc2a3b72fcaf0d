//! Limits how much memory the lists of a node take, all jobs together.
//!
//! Spec 04 §6. It is a count and nothing else: the holder of a [`Grant`] allocates the memory
//! itself, and gives the grant back by dropping it, after the memory. Every list of every job uses
//! the same one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes shared by everyone who holds a clone of it.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    total: usize,
    taken: AtomicUsize,
    peak: AtomicUsize,
}

impl MemoryBudget {
    /// A budget of `total` bytes.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self {
            counts: Arc::new(Counts {
                total,
                taken: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
            }),
        }
    }

    /// Takes `bytes` if they are free.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<Grant> {
        // Relaxed: the counters order no other memory; grants own nothing but numbers.
        let counts = &self.counts;
        let before = counts
            .taken
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken
                    .checked_add(bytes)
                    .filter(|&after| after <= counts.total)
            });
        let before = before.ok()?;
        Some(self.granted(before, bytes))
    }

    /// Takes `bytes` whether they are free or not, for small amounts that work needs to go on. They
    /// count too, so that others are refused sooner.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Grant {
        let before = self.counts.taken.fetch_add(bytes, Ordering::Relaxed);
        self.granted(before, bytes)
    }

    fn granted(&self, before: usize, bytes: usize) -> Grant {
        let after = before.saturating_add(bytes);
        self.counts.peak.fetch_max(after, Ordering::Relaxed);
        Grant {
            budget: self.clone(),
            bytes,
        }
    }

    /// The size of the budget in bytes.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.total
    }

    /// Bytes taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.counts.taken.load(Ordering::Relaxed)
    }

    /// Whether more is taken than the budget has, because [`Self::take`] does not ask.
    #[must_use]
    pub fn is_overdrawn(&self) -> bool {
        self.taken() > self.total()
    }

    /// The most bytes that were ever taken at once.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.counts.peak.load(Ordering::Relaxed)
    }
}

/// Bytes taken from a [`MemoryBudget`], given back when dropped.
#[derive(Debug)]
pub struct Grant {
    budget: MemoryBudget,
    bytes: usize,
}

impl Grant {
    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let counts = &self.budget.counts;
        counts.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryBudget;

    #[test]
    fn what_is_taken_is_refused_to_others_until_it_is_given_back() {
        let budget = MemoryBudget::new(100);
        let first = budget.try_take(60).unwrap();
        assert!(budget.try_take(41).is_none());
        assert!(budget.try_take(usize::MAX).is_none());
        let second = budget.clone().try_take(40).unwrap();
        assert_eq!((budget.taken(), second.bytes()), (100, 40));
        drop(first);
        assert_eq!(budget.taken(), 40);
        assert!(budget.try_take(60).is_some());
    }

    #[test]
    fn what_is_taken_without_asking_counts_like_the_rest() {
        let budget = MemoryBudget::new(100);
        let over = budget.take(150);
        assert!(budget.try_take(1).is_none());
        assert_eq!((budget.taken(), budget.peak()), (150, 150));
        assert!(budget.is_overdrawn());
        drop(over);
        assert!(!budget.is_overdrawn());
        assert_eq!((budget.taken(), budget.peak()), (0, 150));
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let budget = MemoryBudget::new(1_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for bytes in (1..400).cycle().take(20_000) {
                        drop(budget.try_take(bytes));
                    }
                });
            }
        });
        assert_eq!(budget.taken(), 0);
        assert!(budget.peak() <= 1_000, "{}", budget.peak());
    }
}
