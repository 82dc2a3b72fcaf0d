//! A query as the peer's node sends it: see `aggregator::fuzzing`, which cargo-fuzz compiles in.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    aggregator::fuzzing::query_of_a_peer(data);
});
