//! The Sender of a transfer: it holds the payload and learns nothing of the match bits.
//!
//! Spec 11 §2 to §7. [`crate::session::Exchange`] calls this when R has been sent. It never sends a
//! correction before the consistency check has held.
//!
//! Cost per row, for L components: `4 + L` AES blocks (two of columns, two hashes of `1 + L/2`),
//! one multiplication in GF(2^128), `16 + 8 L` bytes of SHA-512; 16 bytes kept in the store.

use aes::Block;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::base::{self, Choosing};
use super::columns::{Blocks, COLUMN_RECORD_BYTES, COLUMNS, Expander, WORD_ROWS};
use super::consistency::Challenge;
use super::correlation::{Correlation, OwnColumns};
use super::pads::{self, Pads, Tweak};
use super::payload::Payload;
use super::setup::TransferSetup;
use super::share::{PartialShare, Role, Share};
use super::work::{TASK_WORDS, batch_words, read_exact, rows_of_words};
use super::{TransferTranscripts, Transferred, transpose};
use crate::error::{Code, Error};
use crate::limits;
use crate::messages::frame::ListId;
use crate::progress::Stage;
use crate::seed::{JobSeed, Purpose};
use crate::session::{Awaiting, Tools};
use crate::store::{RecordList, RecordWriter};
use crate::transcript::{ListHash, ListTranscript};

/// The Sender's first step.
pub struct Chosen {
    /// Kept: the next state.
    pub state: ExpectBaseKeys,
    /// Sent: [`super::BASE_POINTS_BYTES`] of points for the base transfers.
    pub message: Vec<u8>,
}

/// Draws Delta and chooses its bits in the base transfers (Spec 11 §3).
#[must_use]
pub fn choose(setup: TransferSetup, seed: &JobSeed, tools: Tools) -> Chosen {
    let mut stream = seed.stream(Purpose::Transfer, setup.match_index, 0);
    let delta = super::draw(&mut stream);
    let choosing = base::choose(&setup, *delta, &mut stream);
    let message = choosing.message().to_vec();
    Chosen {
        state: ExpectBaseKeys {
            setup,
            tools,
            delta,
            choosing,
        },
        message,
    }
}

/// Awaits the Receiver's keys for the base transfers.
pub struct ExpectBaseKeys {
    setup: TransferSetup,
    tools: Tools,
    delta: Zeroizing<u128>,
    choosing: Choosing,
}

impl ExpectBaseKeys {
    /// Takes the keys and computes one seed per column (Spec 11 §3).
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::NonCanonicalElement`], [`Code::IdentityElement`]; errors
    /// of the store.
    pub fn handle(self, message: &[u8]) -> Result<ExpectColumns, Error> {
        let setup = self.setup;
        let seeds = self.choosing.finish(&setup, message)?;
        let points = setup.transcript_of_one(ListId::BasePoints, self.choosing.message());
        let keys = setup.transcript_of_one(ListId::BaseKeys, message);
        let own = OwnColumns {
            delta: self.delta,
            expander: Expander::new(&seeds),
        };
        ExpectColumns::new(setup, self.tools, own, points, keys)
    }
}

/// Awaits the Receiver's columns.
pub struct ExpectColumns {
    setup: TransferSetup,
    tools: Tools,
    own: OwnColumns,
    points: ListHash,
    keys: ListHash,
    transcript: ListTranscript,
    writer: Box<dyn RecordWriter>,
    records: u64,
}

impl ExpectColumns {
    pub(super) fn new(
        setup: TransferSetup,
        tools: Tools,
        own: OwnColumns,
        points: ListHash,
        keys: ListHash,
    ) -> Result<Self, Error> {
        let count = setup.column_records();
        Ok(Self {
            transcript: setup.transcript(ListId::Columns, COLUMN_RECORD_BYTES, count),
            writer: tools.store.in_order(COLUMN_RECORD_BYTES)?,
            setup,
            tools,
            own,
            points,
            keys,
            records: 0,
        })
    }

    /// Takes the next whole records of columns and keeps them, because the challenge depends on
    /// all.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes are not whole records; [`Code::WrongCount`] if they
    /// are more than the transfer has; errors of the store; [`Error::Cancelled`].
    pub fn handle(mut self, records: &[u8]) -> Result<Awaiting<Self, ExpectCheck>, Error> {
        if !records.len().is_multiple_of(COLUMN_RECORD_BYTES) {
            let detail = "a part of a record of columns";
            return Err(Error::misbehaved(Code::MalformedMessage, detail));
        }
        let total = self.setup.column_records();
        let added = (records.len() / COLUMN_RECORD_BYTES) as u64;
        if added > total - self.records {
            let detail = "more columns than the transfer has";
            return Err(Error::misbehaved(Code::WrongCount, detail));
        }
        // INVARIANT: records <= total, by the check above.
        self.records += added;
        self.transcript.update(records);
        self.writer.push(records)?;
        let (words, progress) = (self.setup.words(), &self.tools.progress);
        progress.report(Stage::Transfer, self.records.min(words), 3 * words)?;
        if self.records < total {
            return Ok(Awaiting::More(self));
        }
        let columns = self.transcript.finish();
        let challenge = Challenge::new(&self.setup, [&self.points, &self.keys, &columns]);
        Ok(Awaiting::Done(ExpectCheck {
            correlation: Correlation {
                setup: self.setup,
                tools: self.tools,
                own: self.own,
                columns: self.writer.finish()?,
            },
            challenge,
            points: self.points,
            received: [self.keys, columns],
        }))
    }
}

/// Awaits the Receiver's answer to the consistency check.
pub struct ExpectCheck {
    correlation: Correlation,
    challenge: Challenge,
    points: ListHash,
    /// Transcripts of the base keys and of the columns.
    received: [ListHash; 2],
}

impl ExpectCheck {
    /// Checks that all columns hold the same bits (Spec 11 §5).
    ///
    /// # Errors
    /// [`Code::TransferInconsistent`]; [`Code::MalformedMessage`]; errors of the store;
    /// [`Error::Cancelled`].
    ///
    /// # Security
    /// The verdict tells a Receiver whose columns differ in k bits of Delta that it guessed all of
    /// them, which has probability 2^-k. It then knows no others.
    pub fn handle(self, message: &[u8]) -> Result<Correlated, Error> {
        let Self {
            correlation,
            challenge,
            points,
            received: [keys, columns],
        } = self;
        let tally = correlation.tally(&challenge)?;
        tally.verify(*correlation.own.delta, message)?;
        let setup = &correlation.setup;
        let check = setup.transcript_of_one(ListId::ColumnCheck, message);
        Ok(Correlated {
            pads: Pads::new(challenge.bytes()),
            correlation,
            points,
            received: [keys, columns, check],
        })
    }
}

/// The state after the check has held: corrections can be made only from it.
pub struct Correlated {
    correlation: Correlation,
    pads: Pads,
    points: ListHash,
    /// Transcripts of the base keys, the columns and the answer to the check.
    received: [ListHash; 3],
}

impl Correlated {
    /// Hands the correction of every row to `sink`, in pieces of whole rows, and returns this
    /// side's share (Spec 11 §6 and §7).
    ///
    /// `payload` holds one record per position, in the order of positions: for each component eight
    /// bytes, a signed big-endian number. Positions without an identity hold zeros.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if the payload has another shape; errors of the store and of `sink`;
    /// [`Error::Cancelled`].
    pub fn correct(
        self,
        payload: &dyn RecordList,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Transferred, Error> {
        let setup = self.correlation.setup;
        if payload.width() != setup.row_bytes() || payload.len() != setup.positions() {
            return Err(Error::ApiMisuse("a payload of another shape"));
        }
        let mut share = Share::zero(&setup, Role::Sender);
        let mut transcript = setup.corrections_transcript();
        let (mut reader, _) = self.correlation.reader()?;
        let mut payload = Payload::new(payload, setup)?;
        let (mut records, mut corrections) = (Vec::new(), Vec::new());
        let (words, mut done) = (setup.words(), 0);
        while done < words {
            let count = batch_words(&setup).min(words - done);
            read_exact(reader.as_mut(), COLUMN_RECORD_BYTES, count, &mut records)?;
            let rows = rows_of_words(&setup, done, count);
            let values = payload.next_rows(rows)?;
            corrections.clear();
            corrections.resize(values.len(), 0);
            let bytes_per_task = TASK_WORDS * COLUMNS * setup.row_bytes();
            let runs: Vec<PartialShare> = (
                records.par_chunks(TASK_WORDS * COLUMN_RECORD_BYTES),
                values.par_chunks(bytes_per_task),
                corrections.par_chunks_mut(bytes_per_task),
            )
                .into_par_iter()
                .enumerate()
                .map(|(task, (records, values, out))| {
                    self.correct_words(done + (task * TASK_WORDS) as u64, records, values, out)
                })
                .collect();
            for run in &runs {
                share.add_partial(run);
            }
            transcript.update(&corrections);
            let piece = limits::ROWS_BYTES_MAX / setup.row_bytes() * setup.row_bytes();
            corrections.chunks(piece).try_for_each(&mut *sink)?;
            done += count;
            let progress = &self.correlation.tools.progress;
            progress.report(Stage::Transfer, 2 * words + done, 3 * words)?;
        }
        Ok(Transferred {
            share,
            transcripts: TransferTranscripts {
                to_sender: self.received,
                to_receiver: [self.points, transcript.finish()],
            },
        })
    }

    /// The corrections of the rows of the words from `first` on: for each row and component
    /// `d = H(q) - H(q + Delta) + v`. The Sender keeps the sum of `-H(q)`.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: a word has COLUMNS rows, the length of every array here; a row has one number for each component; a pad has two halves, and a pair at most two components"
    )]
    fn correct_words(
        &self,
        first: u64,
        records: &[u8],
        values: &[u8],
        out: &mut [u8],
    ) -> PartialShare {
        let setup = &self.correlation.setup;
        let delta = *self.correlation.own.delta;
        let width = setup.row_bytes();
        let mut words = self.correlation.own.words(1 + first, records);
        let row = first * WORD_ROWS;
        let mut place = setup.place(row);
        let last = setup.place(row + (values.len() / width) as u64 - 1);
        let mut run = PartialShare::new(setup, place.part, last.part);
        let mut permuted = [Blocks::<COLUMNS>::default(), Blocks::default()];
        let mut pads = [Blocks::<COLUMNS>::default(), Blocks::default()];
        let mut tweaks = [Tweak::default(); COLUMNS];
        let mut parts = [0; COLUMNS];
        let per_word = width * COLUMNS;
        let pieces = values.chunks(per_word).zip(out.chunks_mut(per_word));
        for (word, (values, out)) in words.iter_mut().zip(pieces) {
            transpose::transpose(word);
            for (row, q) in word.iter().enumerate() {
                tweaks[row] = Tweak::new(place);
                parts[row] = place.part;
                place = place.next(setup);
                permuted[0][row] = Block::from(q.to_le_bytes());
                permuted[1][row] = Block::from((q ^ delta).to_le_bytes());
            }
            for permuted in &mut permuted {
                self.pads.permute(permuted);
            }
            for pair in 0..setup.pairs() {
                for (pads, permuted) in pads.iter_mut().zip(&permuted) {
                    self.pads.pads(permuted, &tweaks, pair, pads);
                }
                let rows = values.chunks_exact(width).zip(out.chunks_exact_mut(width));
                for (row, (values, out)) in rows.enumerate() {
                    let unmatched = pads::halves(&pads[0][row]);
                    let matched = pads::halves(&pads[1][row]);
                    let sums = run.part(parts[row]);
                    let (values, _) = values.as_chunks::<8>();
                    let (out, _) = out.as_chunks_mut::<8>();
                    let components = setup.components_of(pair);
                    for (half, component) in components.enumerate() {
                        let value = u64::from_be_bytes(values[component]);
                        let correction = unmatched[half]
                            .wrapping_sub(matched[half])
                            .wrapping_add(value);
                        out[component] = correction.to_be_bytes();
                        sums[component] = sums[component].wrapping_sub(unmatched[half]);
                    }
                }
            }
        }
        run
    }
}
