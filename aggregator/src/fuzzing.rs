//! What a fuzz target checks of the SQL reader: a query as the peer's node sends it.
//!
//! Compiled for tests, and for cargo-fuzz (`aggregator/fuzz`). The test here runs
//! it on the seeds of that target and on changed copies of them.

use crate::sql::canonical;
use crate::sql::parse::{self, Author};

/// Reads the bytes as the text of a peer, if they are text; `true` if the query is accepted.
///
/// Whatever they are, nothing panics, and a query that is accepted has one canonical text: what is
/// printed of it reads back as what prints the same.
///
/// # Panics
/// If that is broken.
pub fn query_of_a_peer(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(query) = parse::read(text, Author::Peer) else {
        return false;
    };
    let printed = canonical::print_open(&query);
    // Canonical text can be nested more deeply than what was written, and be refused for it.
    if let Ok(again) = parse::read(&printed, Author::Peer) {
        assert_eq!(canonical::print_open(&again), printed);
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::query_of_a_peer;

    /// The seeds of the fuzz target.
    fn seeds() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/sql");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{folder} holds no seed");
        let read = |file| std::fs::read(file).unwrap();
        files.into_iter().map(read).collect()
    }

    #[test]
    fn a_query_of_a_peer_that_is_cut_off_anywhere_breaks_nothing() {
        let mut accepted = 0;
        for seed in seeds() {
            for length in 0..seed.len() {
                query_of_a_peer(&seed[..length]);
            }
            accepted += usize::from(query_of_a_peer(&seed));
        }
        assert!(accepted > 1, "seeds that the reader refuses");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_query_of_a_peer_that_was_changed_breaks_nothing(
            seed in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            end in any::<prop::sample::Index>(),
            put_in in "[()'.,$0-9=<>*a-zA-Z ]{0,6}",
            from_other in any::<bool>(),
        ) {
            let seeds = seeds();
            let mut bytes = seed.get(&seeds).clone();
            let (at, end) = (at.index(bytes.len() + 1), end.index(bytes.len() + 1));
            let piece = if from_other {
                let other = other.get(&seeds);
                other[at.min(other.len())..].to_vec()
            } else {
                put_in.into_bytes()
            };
            bytes.splice(at.min(end)..at.max(end), piece);
            query_of_a_peer(&bytes);
        }
    }
}
