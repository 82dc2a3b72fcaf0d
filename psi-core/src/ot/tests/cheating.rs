//! A Receiver whose columns do not hold the same bits.
//!
//! The base transfers are left out: seeds are given, so that thousands of runs are cheap.

use zeroize::Zeroizing;

use super::{JOB, collect, feed, tools};
use crate::Error;
use crate::error::Code;
use crate::messages::frame::ListId;
use crate::ot::TransferSetup;
use crate::ot::choices::Choices;
use crate::ot::columns::{COLUMN_RECORD_BYTES, COLUMNS, ColumnSeed, Expander};
use crate::ot::consistency::Challenge;
use crate::ot::correlation::OwnColumns;
use crate::ot::receiver::{SendColumns, own_words};
use crate::ot::sender::{Correlated, ExpectColumns};
use crate::ot::transpose::transpose;
use crate::seed::{JobSeed, Purpose, SeedStream};
use crate::transcript::ListHash;

const POINTS: ListHash = ListHash([1; 64]);
const KEYS: ListHash = ListHash([2; 64]);

/// One run: the Receiver adds `errors[i]` to the first 128 rows of column `i` and answers the check
/// as if the bits of Delta in those columns were those of `guess`.
struct Run {
    setup: TransferSetup,
    delta: u128,
    seeds: [Vec<ColumnSeed>; 2],
    sacrificed: u128,
}

impl Run {
    fn new(number: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let mut stream = JobSeed::new(seed).stream(Purpose::Transfer, 0, 0);
        let number = |stream: &mut SeedStream| {
            let mut bytes = Zeroizing::new([0; 16]);
            stream.fill(bytes.as_mut());
            bytes
        };
        Self {
            setup: TransferSetup::new(JOB, 0, 1, 200, 1).unwrap(),
            delta: u128::from_le_bytes(*number(&mut stream)),
            sacrificed: u128::from_le_bytes(*number(&mut stream)),
            seeds: [0, 1].map(|_| (0..COLUMNS).map(|_| number(&mut stream)).collect()),
        }
    }

    fn own_columns(&self) -> OwnColumns {
        let chosen: Vec<ColumnSeed> = (0..COLUMNS)
            .map(|i| self.seeds[usize::from(self.delta >> i & 1 == 1)][i].clone())
            .collect();
        OwnColumns {
            delta: Zeroizing::new(self.delta),
            expander: Expander::new(&chosen),
        }
    }

    /// What the cheating Receiver sends: columns, and the answer to the check.
    fn messages(&self, errors: &[u128; COLUMNS], guess: u128) -> (Vec<u8>, Vec<u8>) {
        let setup = self.setup;
        let mut choices = Choices::new(&setup).unwrap();
        for position in (0..200).step_by(3) {
            choices.mark(0, position).unwrap();
        }
        let bits = choices.words().to_vec();
        let honest = SendColumns {
            setup,
            tools: tools(),
            choices,
            sacrificed: Zeroizing::new(self.sacrificed),
            columns: [Expander::new(&self.seeds[0]), Expander::new(&self.seeds[1])],
            points: POINTS,
            keys: KEYS,
        };
        let (extended, mut columns) = collect(|sink| honest.send(sink));
        extended.unwrap();
        for (i, error) in errors.iter().enumerate() {
            let place = COLUMN_RECORD_BYTES + 16 * i;
            for (byte, error) in columns[place..place + 16]
                .iter_mut()
                .zip(error.to_le_bytes())
            {
                *byte ^= error;
            }
        }
        let count = setup.column_records();
        let mut transcript = setup.transcript(ListId::Columns, COLUMN_RECORD_BYTES, count);
        transcript.update(&columns);
        let challenge = Challenge::new(&setup, [&POINTS, &KEYS, &transcript.finish()]);
        let own = Expander::new(&self.seeds[0]);
        let mut tally = crate::ot::consistency::Tally::of_sacrificed(&own_words(&own, 0, 1)[0]);
        tally.add(&challenge.columns(0, &own_words(&own, 1, bits.len())));
        let mut answer = tally.answer(self.sacrificed ^ challenge.column(0, &bits));
        for (i, error) in errors.iter().enumerate() {
            // Its bits and those of the honest columns hash apart by the hash of the error.
            let differ = challenge.column(0, &[*error, 0]) * (guess >> i & 1);
            let place = 16 * (1 + i);
            for (byte, differ) in answer[place..place + 16]
                .iter_mut()
                .zip(differ.to_le_bytes())
            {
                *byte ^= differ;
            }
        }
        (columns, answer)
    }

    /// The Sender's side, as far as it gets. Only a [`Correlated`] can make corrections.
    fn sender(&self, columns: &[u8], answer: &[u8]) -> Result<Correlated, Error> {
        let expect = ExpectColumns::new(self.setup, tools(), self.own_columns(), POINTS, KEYS)?;
        feed(expect, columns, 2048, ExpectColumns::handle)?.handle(answer)
    }

    fn passes(&self, errors: &[u128; COLUMNS], guess: u128) -> bool {
        let (columns, answer) = self.messages(errors, guess);
        match self.sender(&columns, &answer) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), Code::TransferInconsistent);
                false
            }
        }
    }
}

#[test]
fn honest_columns_always_pass() {
    for number in 0..200 {
        assert!(Run::new(number).passes(&[0; COLUMNS], 0), "run {number}");
    }
}

/// The pattern that gives all of Delta away if nobody checks: column `i` lies in row `i` alone.
const DIAGONAL: [u128; COLUMNS] = {
    let mut errors = [0; COLUMNS];
    let mut i = 0;
    while i < COLUMNS {
        errors[i] = 1 << i;
        i += 1;
    }
    errors
};

#[test]
fn without_the_check_each_row_of_the_pattern_would_hold_one_bit_of_delta() {
    let run = Run::new(1);
    let [honest, cheating] = [[0; COLUMNS], DIAGONAL].map(|errors| {
        let (columns, _) = run.messages(&errors, 0);
        let mut word = run.own_columns().words(1, &columns[2048..4096])[0];
        transpose(&mut word);
        word
    });
    for row in 0..COLUMNS {
        assert_eq!(honest[row] ^ cheating[row], run.delta & 1 << row);
    }
}

#[test]
fn the_pattern_that_extracts_delta_ends_before_any_correction() {
    for number in 0..200 {
        let run = Run::new(number);
        for guess in [0, u128::MAX, run.delta ^ 1, run.delta ^ 1 << 127] {
            assert!(!run.passes(&DIAGONAL, guess), "run {number}");
        }
        // With all of Delta known beforehand there would be nothing left to guard.
        assert!(run.passes(&DIAGONAL, run.delta), "run {number}");
    }
}

#[test]
fn who_probes_k_bits_of_delta_passes_with_probability_two_to_minus_k() {
    const RUNS: u32 = 2_000;
    for probed in [1_u32, 2, 3, 6] {
        let mut errors = [0; COLUMNS];
        for i in 0..probed {
            errors[usize::try_from(i * 17).unwrap()] = 1 << (i * 5);
        }
        let passed: u32 = (0..RUNS)
            .map(|number| {
                let run = Run::new(u64::from(number));
                let passes = run.passes(&errors, 0);
                let guessed = (0..probed).all(|i| run.delta >> (i * 17) & 1 == 0);
                assert_eq!(passes, guessed, "run {number}: only by guessing right");
                u32::from(passes)
            })
            .sum();
        let expected = f64::from(RUNS) / f64::from(1 << probed);
        let deviation = (f64::from(passed) - expected).abs() / expected.sqrt();
        assert!(
            deviation < 5.0,
            "{passed} of {RUNS} passed with {probed} bits probed"
        );
    }
}

#[test]
fn an_error_in_the_sacrificed_rows_is_noticed_too() {
    let run = Run::new(3);
    let (mut columns, answer) = run.messages(&[0; COLUMNS], 0);
    let set = usize::try_from(run.delta.trailing_zeros()).unwrap();
    columns[16 * set] ^= 1;
    assert!(run.sender(&columns, &answer).is_err());
}

#[test]
fn one_flipped_bit_of_the_answer_is_noticed_wherever_it_stands() {
    let run = Run::new(4);
    let (columns, answer) = run.messages(&[0; COLUMNS], 0);
    assert!(run.sender(&columns, &answer).is_ok());
    for byte in (0..answer.len()).step_by(7) {
        let mut answer = answer.clone();
        answer[byte] ^= 0x10;
        assert!(run.sender(&columns, &answer).is_err(), "byte {byte}");
    }
}
