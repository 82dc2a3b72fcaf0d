//! The tree of losers: finds the smallest of many sources with one comparison per level.
//!
//! Knuth, The Art of Computer Programming, volume 3, section 5.4.1. Each inner node remembers who
//! lost the comparison there. When the winner's source moves on, only the nodes on its path to the
//! root are compared again. The tree knows only the sources' numbers; the caller compares what they
//! hold.

pub(super) struct LoserTree {
    /// Inner nodes from 1 on. Node `n` has the children `2n` and `2n + 1`; children from `sources`
    /// on are leaves. Node 0 is unused.
    losers: Vec<usize>,
    winner: usize,
    sources: usize,
}

impl LoserTree {
    /// A tree over the sources `0..sources`, at least one. `less` compares two of them.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: nodes are numbered below `sources`, and their children below twice that"
    )]
    pub(super) fn new(sources: usize, mut less: impl FnMut(usize, usize) -> bool) -> Self {
        let mut winners = vec![0; 2 * sources];
        for (source, leaf) in winners[sources..].iter_mut().enumerate() {
            *leaf = source;
        }
        let mut losers = vec![0; sources];
        for node in (1..sources).rev() {
            let (a, b) = (winners[2 * node], winners[2 * node + 1]);
            (winners[node], losers[node]) = if less(b, a) { (b, a) } else { (a, b) };
        }
        Self {
            losers,
            // A single source has no inner node; slot 1 is its leaf.
            winner: winners[1],
            sources,
        }
    }

    /// The source that is smallest.
    pub(super) const fn winner(&self) -> usize {
        self.winner
    }

    /// Finds the smallest again after the winner's source has changed.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: half of a leaf is below `sources`"
    )]
    pub(super) fn replay(&mut self, mut less: impl FnMut(usize, usize) -> bool) {
        // From the winner's leaf up to the root.
        let mut node = self.sources + self.winner;
        while node > 1 {
            node /= 2;
            if less(self.losers[node], self.winner) {
                std::mem::swap(&mut self.losers[node], &mut self.winner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::LoserTree;

    proptest! {
        #[test]
        fn any_number_of_sources_comes_out_in_order(
            mut sources in prop::collection::vec(prop::collection::vec(0_u8..50, 0..20), 1..20),
        ) {
            let mut expected = sources.concat();
            expected.sort_unstable();
            for source in &mut sources {
                // Read from the end; what has ended is greater than any number.
                source.sort_unstable_by(|a, b| b.cmp(a));
            }
            let key = |source: &Vec<u8>| source.last().map_or(u16::MAX, |&byte| byte.into());
            let mut tree = LoserTree::new(sources.len(), |a, b| key(&sources[a]) < key(&sources[b]));
            let mut merged = Vec::new();
            while let Some(byte) = sources[tree.winner()].pop() {
                merged.push(byte);
                tree.replay(|a, b| key(&sources[a]) < key(&sources[b]));
            }
            prop_assert_eq!(merged, expected);
        }
    }
}
