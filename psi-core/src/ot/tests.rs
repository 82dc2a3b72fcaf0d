//! Two parties in memory: [`Pair::run`] runs a whole transfer and keeps all that crossed the wire.

mod answers;
mod binding;
mod cheating;
mod hostile;
mod openings;
mod reference;
mod stores;

use std::sync::Arc;

use super::choices::Choices;
use super::setup::TransferSetup;
use super::{Transferred, receiver, sender};
use crate::error::Error;
use crate::kernel::portable::Portable;
use crate::progress::Silent;
use crate::seed::JobSeed;
use crate::session::{Awaiting, Tools};
use crate::spec::JobId;
use crate::store::{MemoryStore, RecordList, RecordStore as _};

const JOB: JobId = JobId([9; 64]);

fn tools() -> Tools {
    Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(MemoryStore),
        progress: Arc::new(Silent),
    }
}

/// What two sides bring.
#[derive(Clone, Debug)]
struct Pair {
    setup: TransferSetup,
    /// One list of matched positions per part.
    matched: Vec<Vec<u64>>,
    /// One vector per position.
    payload: Vec<Vec<i64>>,
    seeds: [u8; 2],
}

/// All that crossed the wire, and what the sides keep.
struct Wire {
    points: Vec<u8>,
    keys: Vec<u8>,
    columns: Vec<u8>,
    check: Vec<u8>,
    corrections: Vec<u8>,
    receiver: Transferred,
    sender: Transferred,
}

impl Pair {
    /// A pair with numbers and matches that follow from `salt`.
    fn of(parts: u16, positions: u64, components: u16, salt: u64) -> Self {
        let setup = TransferSetup::new(JOB, 0, parts, positions, components).unwrap();
        let mix = |a: u64, b: u64| {
            let mixed = (a ^ salt.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b;
            (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 3
        };
        let matched = (0..u64::from(parts))
            .map(|part| (0..positions).filter(|p| mix(*p, part) & 1 == 1).collect())
            .collect();
        let payload = (0..positions)
            .map(|p| {
                (0..u64::from(components))
                    .map(|c| mix(p, 1000 + c).cast_signed() - (1 << 60))
                    .collect()
            })
            .collect();
        Self {
            setup,
            matched,
            payload,
            seeds: [11, 22],
        }
    }

    fn seed(side: u8) -> JobSeed {
        JobSeed::new([side; 32])
    }

    fn choices(&self) -> Choices {
        let mut choices = Choices::new(&self.setup).unwrap();
        for (part, positions) in (0..).zip(&self.matched) {
            for position in positions {
                choices.mark(part, *position).unwrap();
            }
        }
        choices
    }

    fn payload(&self) -> Box<dyn RecordList> {
        let mut writer = MemoryStore.in_order(self.setup.row_bytes()).unwrap();
        for values in &self.payload {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            writer.push(&bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    /// What the sums must be, part by part.
    fn expected(&self) -> Vec<i64> {
        let sum = |positions: &Vec<u64>, component: usize| {
            positions
                .iter()
                .map(|p| self.payload[usize::try_from(*p).unwrap()][component])
                .fold(0_i64, i64::wrapping_add)
        };
        self.matched
            .iter()
            .flat_map(|positions| (0..self.setup.components()).map(|c| sum(positions, c)))
            .collect()
    }

    fn choose(&self) -> sender::Chosen {
        sender::choose(self.setup, &Self::seed(self.seeds[1]), tools())
    }

    fn prepare(&self) -> receiver::ExpectBasePoints {
        receiver::prepare(self.choices(), &Self::seed(self.seeds[0]), tools())
    }

    /// Runs the transfer with lists in pieces of `records` columns and `rows` corrections.
    fn run(&self, records: usize, rows: usize) -> Wire {
        let chosen = self.choose();
        let answered = self.prepare().handle(&chosen.message).unwrap();
        let expect_columns = chosen.state.handle(&answered.message).unwrap();
        let (extended, columns) = collect(|sink| answered.state.send(sink));
        let extended = extended.unwrap();
        let piece = 2048 * records;
        let handle = sender::ExpectColumns::handle;
        let expect_check = feed(expect_columns, &columns, piece, handle).unwrap();
        let correlated = expect_check.handle(&extended.message).unwrap();
        let payload = self.payload();
        let (sent, corrections) = collect(|sink| correlated.correct(payload.as_ref(), sink));
        let width = self.setup.row_bytes();
        let received = feed(
            extended.state,
            &corrections,
            width * rows,
            receiver::ExpectCorrections::handle,
        );
        Wire {
            points: chosen.message,
            keys: answered.message,
            columns,
            check: extended.message,
            corrections,
            receiver: received.unwrap(),
            sender: sent.unwrap(),
        }
    }
}

/// Calls `send` with a sink that keeps everything.
fn collect<T>(send: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Error>) -> T) -> (T, Vec<u8>) {
    let mut all = Vec::new();
    let result = send(&mut |piece| {
        assert!(piece.len() <= crate::limits::ROWS_BYTES_MAX);
        all.extend_from_slice(piece);
        Ok(())
    });
    (result, all)
}

/// Feeds `bytes` in pieces to a state that takes a list.
fn feed<S, T>(
    state: S,
    bytes: &[u8],
    piece: usize,
    handle: impl Fn(S, &[u8]) -> Result<Awaiting<S, T>, Error>,
) -> Result<T, Error> {
    let mut state = state;
    let mut pieces = bytes.chunks(piece);
    while let Some(piece) = pieces.next() {
        match handle(state, piece)? {
            Awaiting::More(same) => state = same,
            Awaiting::Done(next) => {
                assert!(pieces.next().is_none(), "the list ended early");
                return Ok(next);
            }
        }
    }
    panic!("the list did not end");
}

/// The sum of two shares.
fn sums(wire: &Wire) -> Vec<i64> {
    let [own, other] = [&wire.receiver.share, &wire.sender.share];
    let pairs = own.values.iter().zip(other.values.iter());
    pairs
        .map(|(a, b)| a.wrapping_add(*b).cast_signed())
        .collect()
}
