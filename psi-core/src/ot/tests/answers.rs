//! Shares add up, whatever the shape, and every layer of the correlation is what it should be.

use proptest::prelude::*;

use super::{Pair, Wire, collect, feed, sums, tools};
use crate::error::Error;
use crate::limits;
use crate::ot::choices::Choices;
use crate::ot::columns::{self, COLUMNS, Expander, Word};
use crate::ot::consistency::column_mask;
use crate::ot::correlation::OwnColumns;
use crate::ot::transpose::transpose;
use crate::ot::{BASE_KEYS_BYTES, BASE_POINTS_BYTES, CHECK_BYTES, TransferSetup};
use crate::ot::{base, receiver, sender};
use crate::progress::{Progress, Stage};
use crate::seed::{JobSeed, Purpose};
use crate::session::Tools;
use crate::spec::JobId;
use crate::store::{MemoryStore, RecordStore as _};

fn same(a: &Wire, b: &Wire) {
    assert_eq!(a.columns, b.columns);
    assert_eq!(a.check, b.check);
    assert_eq!(a.corrections, b.corrections);
    assert_eq!(*a.receiver.share.values, *b.receiver.share.values);
    assert_eq!(*a.sender.share.values, *b.sender.share.values);
    assert_eq!(a.receiver.transcripts, b.receiver.transcripts);
}

#[test]
fn shares_add_up_for_every_kind_of_shape() {
    // Rows below, at and above a word, a block, a task and a batch; parts that end within words.
    for (parts, positions, components) in [
        (1, 1, 1),
        (1, 127, 2),
        (1, 128, 3),
        (1, 129, 1),
        (3, 100, 4),
        (200, 1, 2),
        (2, 2_048, 5),
        (1, 4_096, 1),
        (1, 4_097, 1),
        (7, 1_000, 16),
        (1, 300, 256),
        (1, 65_536, 1),
        (2, 40_000, 1),
    ] {
        let pair = Pair::of(parts, positions, components, 1);
        let wire = pair.run(128, 1_000);
        assert_eq!(sums(&wire), pair.expected(), "{:?}", pair.setup);
        assert_eq!(wire.receiver.transcripts, wire.sender.transcripts);
        // Spec 11 §10.
        let rows = usize::try_from(pair.setup.rows()).unwrap();
        assert_eq!(wire.points.len(), BASE_POINTS_BYTES);
        assert_eq!(wire.keys.len(), BASE_KEYS_BYTES);
        assert_eq!(wire.check.len(), CHECK_BYTES);
        assert_eq!(wire.columns.len(), 2048 * (1 + rows.div_ceil(128)));
        assert_eq!(wire.corrections.len(), 8 * usize::from(components) * rows);
    }
}

#[test]
fn nobody_and_everybody_may_match() {
    for (matched, expected) in [(vec![], 0), ((0..300).collect(), 300 * -7)] {
        let mut pair = Pair::of(2, 300, 1, 1);
        pair.payload = vec![vec![-7]; 300];
        pair.matched = vec![matched.clone(), matched];
        assert_eq!(sums(&pair.run(1, 1)), [expected, expected]);
    }
}

#[test]
fn the_pieces_in_which_lists_come_change_nothing() {
    let pair = Pair::of(3, 200, 3, 2);
    let whole = pair.run(usize::MAX / 2048, usize::MAX / 24);
    for (records, rows) in [(1, 1), (2, 7), (3, 127), (4, 128), (5, 129)] {
        same(&pair.run(records, rows), &whole);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let pair = Pair::of(3, 5_000, 2, 3);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| pair.run(128, 1_000))
    };
    same(&on(1), &on(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn shares_add_up_for_random_vectors(
        parts in 1_u16..5,
        positions in 1_u64..200,
        components in 1_u16..9,
        bits in any::<u64>(),
        values in prop::collection::vec(any::<i64>(), 1..50),
    ) {
        let mut pair = Pair::of(parts, positions, components, bits);
        let mut values = values.iter().cycle();
        for value in pair.payload.iter_mut().flatten() {
            *value = *values.next().unwrap();
        }
        prop_assert_eq!(sums(&pair.run(1, 50)), pair.expected());
    }
}

/// The seeds that the base transfers of a pair give, and Delta.
fn base_seeds(
    pair: &Pair,
) -> (
    [Vec<columns::ColumnSeed>; 2],
    Vec<columns::ColumnSeed>,
    u128,
) {
    let delta = 0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978;
    let stream = |seed| JobSeed::new([seed; 32]).stream(Purpose::Transfer, 0, 0);
    let choosing = base::choose(&pair.setup, delta, &mut stream(1));
    let answered = base::answer(&pair.setup, choosing.message(), &mut stream(2)).unwrap();
    let chosen = choosing.finish(&pair.setup, &answered.message).unwrap();
    (answered.seeds, chosen, delta)
}

#[test]
fn the_sender_holds_the_key_that_delta_chooses_and_not_the_other() {
    let (pairs, chosen, delta) = base_seeds(&Pair::of(1, 1, 1, 1));
    for i in 0..COLUMNS {
        let bit = usize::from(delta >> i & 1 == 1);
        assert_eq!(*chosen[i], *pairs[bit][i], "transfer {i}");
        assert_ne!(*chosen[i], *pairs[1 - bit][i], "transfer {i}");
    }
}

#[test]
fn rows_of_the_two_sides_differ_by_delta_exactly_where_the_bit_is_set() {
    let pair = Pair::of(2, 150, 1, 4);
    let (seeds, chosen, delta) = base_seeds(&pair);
    let bits = pair.choices().words().to_vec();
    let expand = |seeds: &[columns::ColumnSeed]| {
        let mut words: Vec<Word> = vec![[0; COLUMNS]; bits.len()];
        Expander::new(seeds).add(1, &mut words);
        words
    };
    let [t, other] = [expand(&seeds[0]), expand(&seeds[1])];
    let mut sent = vec![[0; COLUMNS]; bits.len()];
    for (w, word) in sent.iter_mut().enumerate() {
        for i in 0..COLUMNS {
            word[i] = t[w][i] ^ other[w][i] ^ bits[w];
        }
    }
    let mut records = vec![0; sent.len() * 2048];
    columns::encode(&sent, &mut records);
    assert_eq!(*columns::decode(&records), sent);
    let own = OwnColumns {
        delta: zeroize::Zeroizing::new(delta),
        expander: Expander::new(&chosen),
    };
    let q = own.words(1, &records);
    for w in 0..bits.len() {
        for i in 0..COLUMNS {
            let expected = t[w][i] ^ (bits[w] & column_mask(delta, i));
            assert_eq!(q[w][i], expected, "word {w}, column {i}");
        }
        let (mut q, mut t) = (q[w], t[w]);
        transpose(&mut q);
        transpose(&mut t);
        for row in 0..128 {
            let bit = bits[w] >> row & 1;
            assert_eq!(q[row], t[row] ^ (bit * delta), "word {w}, row {row}");
        }
    }
}

#[test]
fn setups_and_marks_out_of_bounds_are_refused() {
    let setup = |parts, positions, components| {
        TransferSetup::new(JobId([0; 64]), 0, parts, positions, components).map(|_| ())
    };
    assert!(setup(1, limits::TRANSFER_ROWS_MAX, 256).is_ok());
    assert!(setup(256, 1 << 24, 256).is_ok());
    let limit = |found: Result<(), Error>| match found {
        Err(Error::Limit { value, limit, .. }) => (value, limit),
        _ => panic!("not refused"),
    };
    assert_eq!(limit(setup(1, 1, 257)), (257, 256));
    assert_eq!(limit(setup(1, (1 << 32) + 1, 1)), ((1 << 32) + 1, 1 << 32));
    assert_eq!(limit(setup(2, u64::MAX, 1)), (u64::MAX, 1 << 32));
    assert_eq!(limit(setup(257, 1, 256)), (65_792, 65_536));
    for (parts, positions, components) in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
        let found = setup(parts, positions, components);
        assert!(matches!(found, Err(Error::ApiMisuse(_))));
    }
    let mut choices = Choices::new(&Pair::of(2, 3, 1, 0).setup).unwrap();
    assert!(choices.mark(1, 2).is_ok());
    assert!(choices.mark(2, 0).is_err());
    assert!(choices.mark(0, 3).is_err());
}

#[test]
fn a_payload_of_another_shape_is_refused_before_any_correction() {
    let pair = Pair::of(1, 4, 2, 1);
    for (width, count) in [(8, 4), (24, 4), (16, 3), (16, 5)] {
        let chosen = pair.choose();
        let answered = pair.prepare().handle(&chosen.message).unwrap();
        let expect = chosen.state.handle(&answered.message).unwrap();
        let (extended, columns) = collect(|sink| answered.state.send(sink));
        let expect = feed(expect, &columns, 2048, sender::ExpectColumns::handle).unwrap();
        let correlated = expect.handle(&extended.unwrap().message).unwrap();
        let mut writer = MemoryStore.in_order(width).unwrap();
        writer.push(&vec![0; width * count]).unwrap();
        let payload = writer.finish().unwrap();
        let (result, sent) = collect(|sink| correlated.correct(payload.as_ref(), sink));
        assert!(matches!(result, Err(Error::ApiMisuse(_))));
        assert!(sent.is_empty());
    }
}

/// Asks for a stop after a number of reports.
struct StopAfter(std::sync::atomic::AtomicUsize);

impl Progress for StopAfter {
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), Error> {
        assert_eq!(stage, Stage::Transfer);
        assert!(done <= total);
        let left = self
            .0
            .fetch_update(
                std::sync::atomic::Ordering::Relaxed,
                std::sync::atomic::Ordering::Relaxed,
                |left| left.checked_sub(1),
            )
            .is_err();
        if left { Err(Error::Cancelled) } else { Ok(()) }
    }
}

#[test]
fn both_sides_stop_when_asked() {
    let pair = Pair::of(1, 70_000, 1, 1);
    let impatient = |reports: usize| Tools {
        progress: std::sync::Arc::new(StopAfter(reports.into())),
        ..tools()
    };
    let points = pair.choose().message;
    for reports in 0..4 {
        // Two batches of columns, two of the check.
        let state = receiver::prepare(pair.choices(), &JobSeed::new([11; 32]), impatient(reports));
        let answered = state.handle(&points).unwrap();
        let (result, _) = collect(|sink| answered.state.send(sink));
        assert!(matches!(result, Err(Error::Cancelled)), "{reports}");
    }
    let wire = pair.run(usize::MAX / 2048, usize::MAX / 8);
    for reports in 0..5 {
        // One piece of columns, two batches of the check, two of corrections.
        let chosen = sender::choose(pair.setup, &JobSeed::new([22; 32]), impatient(reports));
        let run = || -> Result<_, Error> {
            let expect = chosen.state.handle(&wire.keys)?;
            let whole = wire.columns.len();
            let expect = feed(expect, &wire.columns, whole, sender::ExpectColumns::handle)?;
            let correlated = expect.handle(&wire.check)?;
            correlated.correct(pair.payload().as_ref(), &mut |_| Ok(()))
        };
        assert!(matches!(run(), Err(Error::Cancelled)), "{reports}");
    }
}
