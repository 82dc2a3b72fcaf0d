//! The fuzz targets on a stable compiler: each runs on its seeds, on every shorter copy of a small
//! one, and on changed copies whose numbers a failure prints.
//!
//! `GLOVEBOX_FUZZ=100000 cargo test -p psi-core --test fuzz` sets how many changed copies.

#![expect(clippy::unwrap_used, reason = "a test, its helpers included")]
#![expect(clippy::disallowed_macros, reason = "a failure prints its seed")]
#![expect(
    clippy::disallowed_methods,
    reason = "seeds are files, and the environment says how many copies"
)]

#[path = "../fuzz/src/lib.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a library for cargo-fuzz, which calls targets by name"
)]
mod targets;

/// Changed copies for each target, as many as take about a second for all of them.
const COPIES: u64 = 300;

/// splitmix64.
fn word(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A number below `bound`.
fn below(state: &mut u64, bound: usize) -> usize {
    usize::try_from(word(state) % bound.max(1) as u64).unwrap()
}

/// The bytes of all seeds of a target, by name.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no seed");
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// A copy of a seed with a few changes: a byte, a bit, a piece removed, repeated or taken from
/// another seed.
fn changed(seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut state = number;
    let mut bytes = seeds[below(&mut state, seeds.len())].clone();
    for _ in 0..=below(&mut state, 4) {
        let at = below(&mut state, bytes.len());
        let end = at + below(&mut state, bytes.len() - at + 1).min(40);
        match word(&mut state) % 6 {
            0 if !bytes.is_empty() => bytes[at] = word(&mut state).to_le_bytes()[0],
            1 if !bytes.is_empty() => bytes[at] ^= 1 << below(&mut state, 8),
            2 if !bytes.is_empty() => bytes[at] = [0, 0xff, 0x7f, 0x80][below(&mut state, 4)],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &seeds[below(&mut state, seeds.len())];
                let from = below(&mut state, other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes
}

#[test]
fn every_target_holds_on_its_seeds_and_on_changed_copies() {
    let copies = std::env::var("GLOVEBOX_FUZZ").map_or(COPIES, |text| text.parse().unwrap());
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        let mut accepted = 0;
        for (number, seed) in seeds.iter().enumerate() {
            println!("{name}: seed {number}");
            accepted += usize::from(target(seed));
        }
        assert!(
            accepted > 1,
            "{name}: seeds that end before anything is checked"
        );
        for number in 0..copies {
            println!("{name}: changed copy {number}");
            target(&changed(&seeds, number));
        }
    }
}

#[test]
fn every_target_holds_on_a_seed_that_is_cut_off() {
    for (name, target) in targets::TARGETS {
        let shortest = seeds(name).into_iter().min_by_key(Vec::len).unwrap();
        for length in 0..shortest.len().min(200) {
            println!("{name}: {length} bytes");
            target(&shortest[..length]);
        }
    }
}
