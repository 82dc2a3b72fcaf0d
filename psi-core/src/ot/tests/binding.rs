//! Everything depends on everything before it: another job, match, message or bit gives other
//! seeds, another challenge, other pads.

use std::collections::BTreeSet;

use super::{JOB, Pair};
use crate::error::Code;
use crate::ot::consistency::Challenge;
use crate::ot::sender::ExpectColumns;
use crate::ot::setup::Place;
use crate::ot::{BASE_KEYS_BYTES, TransferSetup, base, pads};
use crate::seed::{JobSeed, Purpose};
use crate::spec::JobId;
use crate::transcript::ListHash;
use aes::Block;

fn stream(seed: u8) -> crate::seed::SeedStream {
    JobSeed::new([seed; 32]).stream(Purpose::Transfer, 0, 0)
}

fn setup(job_id: JobId, match_index: u8) -> TransferSetup {
    TransferSetup::new(job_id, match_index, 1, 10, 1).unwrap()
}

#[test]
fn base_messages_have_their_length_and_say_nothing_of_delta_by_repeating() {
    let (setup, keys) = (setup(JOB, 0), BASE_KEYS_BYTES);
    let a = base::choose(&setup, 0, &mut stream(1)).message().to_vec();
    let b = base::choose(&setup, u128::MAX, &mut stream(1))
        .message()
        .to_vec();
    assert_eq!(a.len(), 2 * keys);
    // The same random points, in the branches that were not chosen: the second and the first.
    let (a, b) = (a.as_chunks::<64>().0, b.as_chunks::<64>().0);
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a[32..], b[..32]);
        assert_ne!(a[..32], b[32..]);
    }
}

#[test]
fn a_key_of_the_base_transfers_is_bound_to_job_match_transfer_and_messages() {
    let seeds_of = |setup: &TransferSetup, points: &[u8]| {
        base::answer(setup, points, &mut stream(2)).unwrap().seeds
    };
    let here = setup(JOB, 0);
    let choosing = base::choose(&here, 5, &mut stream(1));
    let honest = choosing.message();
    let mut seen = BTreeSet::new();
    let mut other_job = JOB;
    other_job.0[63] ^= 1;
    for setup in [here, setup(JOB, 1), setup(other_job, 0)] {
        for seeds in seeds_of(&setup, honest) {
            for seed in seeds {
                assert!(seen.insert(*seed), "a key came twice");
            }
        }
    }
    // Transfer 3 with the points of transfer 4: its own two keys change, no others do.
    let mut moved = honest.to_vec();
    moved.copy_within(4 * 64..5 * 64, 3 * 64);
    let [before, after] = [seeds_of(&here, honest), seeds_of(&here, &moved)];
    for branch in 0..2 {
        for i in 0..128 {
            assert_eq!(before[branch][i] == after[branch][i], i != 3);
        }
        assert_ne!(after[branch][3], after[branch][4]);
    }
    // Exchanged branches do not exchange the keys: each branch has an oracle of its own.
    let mut exchanged = honest.to_vec();
    exchanged[..64].rotate_left(32);
    let after = seeds_of(&here, &exchanged);
    assert_ne!(after[0][0], before[1][0]);
    assert_ne!(after[1][0], before[0][0]);
    // On the choosing side the answer is bound as well.
    let answered = base::answer(&here, honest, &mut stream(2)).unwrap();
    let mut keys = answered.message.clone();
    let chosen = choosing.finish(&here, &keys).unwrap();
    keys.copy_within(32..64, 0);
    let moved = choosing.finish(&here, &keys).unwrap();
    for i in 0..128 {
        assert_eq!(chosen[i] == moved[i], i != 0);
    }
}

#[test]
fn the_challenge_depends_on_the_transfer_and_on_every_message_so_far() {
    let list = |byte| ListHash([byte; 64]);
    let mut other_job = JOB;
    other_job.0[0] ^= 1;
    let mut seen = BTreeSet::new();
    let make = |job, match_index, parts, positions, components| {
        TransferSetup::new(job, match_index, parts, positions, components).unwrap()
    };
    for setup in [
        make(JOB, 0, 1, 10, 1),
        make(JOB, 1, 1, 10, 1),
        make(other_job, 0, 1, 10, 1),
        make(JOB, 0, 2, 10, 1),
        make(JOB, 0, 1, 11, 1),
        make(JOB, 0, 1, 10, 2),
    ] {
        for lists in [[1, 2, 3], [0, 2, 3], [1, 0, 3], [1, 2, 0], [2, 1, 3]] {
            let [a, b, c] = lists.map(list);
            let challenge = Challenge::new(&setup, [&a, &b, &c]);
            assert!(seen.insert(*challenge.bytes()), "a challenge came twice");
        }
    }
}

#[test]
fn every_part_position_and_component_has_a_pad_of_its_own() {
    let mut seen = BTreeSet::new();
    for challenge in [[1; 64], [2; 64]] {
        let pads = pads::Pads::new(&challenge);
        // The same row of the correlation everywhere.
        let mut row = [Block::from([7; 16])];
        pads.permute(&mut row);
        for part in [0, 1, 256, u16::MAX] {
            for position in [0, 1, 256, 1 << 32] {
                let tweak = pads::Tweak::new(Place { part, position });
                for pair in [0, 1, 127] {
                    let mut out = [Block::default()];
                    pads.pads(&row, &[tweak], pair, &mut out);
                    for pad in pads::halves(&out[0]) {
                        assert!(seen.insert(pad), "a pad came twice");
                    }
                }
            }
        }
    }
}

#[test]
fn the_answer_to_the_check_of_another_job_does_not_hold() {
    let pair = Pair::of(1, 10, 1, 1);
    let mut other = pair.clone();
    other.setup = setup(JobId([8; 64]), 0);
    let check = other.run(1, 1).check;
    let chosen = pair.choose();
    let answered = pair.prepare().handle(&chosen.message).unwrap();
    let expect = chosen.state.handle(&answered.message).unwrap();
    let (extended, columns) = super::collect(|sink| answered.state.send(sink));
    extended.unwrap();
    let expect = super::feed(expect, &columns, 2048, ExpectColumns::handle).unwrap();
    let error = expect.handle(&check).err().unwrap();
    assert_eq!(error.code(), Code::TransferInconsistent);
}
