//! How the places for running jobs are shared out.
//!
//! Spec 09 §5. One place is the owner's, whatever peers do; of the others one peer has half at most,
//! so that a second peer's job and the owner's go on beside it. Asked by the registry of jobs, by
//! the network for the connections that go with them, and by the shares of disk and arithmetic.

use crate::identity::NodeId;

/// Whose question a job answers, and so whose share it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// This node's owner asked.
    Owner,
    /// A peer did.
    Peer(NodeId),
}

/// The places of a node that runs a fixed number of jobs at once, at least two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    jobs_max: usize,
}

impl Places {
    /// The fewest: one for the owner, one for peers.
    pub const JOBS_MIN: usize = 2;

    /// `jobs_max` places in all.
    #[must_use]
    pub const fn new(jobs_max: usize) -> Self {
        Self { jobs_max }
    }

    /// All places.
    #[must_use]
    pub const fn all(self) -> usize {
        self.jobs_max
    }

    /// Those that the jobs of all peers may take together.
    #[must_use]
    pub const fn of_peers(self) -> usize {
        match self.jobs_max {
            0 | 1 => 1,
            more => more - 1,
        }
    }

    /// Those that the jobs of one peer may take.
    #[must_use]
    pub const fn of_one_peer(self) -> usize {
        match self.of_peers() / 2 {
            0 => 1,
            half => half,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn the_owner_keeps_a_place_and_a_second_peer_finds_one_as_soon_as_there_are_three() {
        for (jobs_max, of_peers, of_one) in
            [(2, 1, 1), (3, 2, 1), (4, 3, 1), (8, 7, 3), (64, 63, 31)]
        {
            let places = Places::new(jobs_max);
            assert_eq!(
                (places.of_peers(), places.of_one_peer()),
                (of_peers, of_one)
            );
            assert!(places.of_peers() < places.all());
        }
    }
}
