//! The Receiver of a transfer: it holds the match bits and learns nothing of the payload.
//!
//! Spec 11 §2 to §7. [`crate::session::Exchange`] calls this when the match bits are known.
//!
//! Cost per row, for L components: `5 + L/2` AES blocks (four of columns, one hash of `1 + L/2`),
//! one multiplication in GF(2^128), `16 + 8 L` bytes of SHA-512. Columns are made again from their
//! seeds wherever they are needed, so none of them is kept.

use aes::Block;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::base;
use super::choices::Choices;
use super::columns::{
    self, BLOCK_RECORDS, Blocks, COLUMN_RECORD_BYTES, COLUMNS, Expander, WORD_ROWS, Word,
};
use super::consistency::{Challenge, Tally};
use super::pads::{self, Pads, Tweak};
use super::setup::TransferSetup;
use super::share::{PartialShare, Role, Share};
use super::work::{BATCH_WORDS, TASK_WORDS, rows_of_words};
use super::{TransferTranscripts, Transferred, transpose};
use crate::error::{Code, Error};
use crate::limits;
use crate::messages::frame::ListId;
use crate::progress::Stage;
use crate::seed::{JobSeed, Purpose, SeedStream};
use crate::session::{Awaiting, Tools};
use crate::transcript::{ListHash, ListTranscript};

/// Draws the sacrificed bits and awaits the Sender's points for the base transfers (Spec 11 §3).
#[must_use]
pub fn prepare(choices: Choices, seed: &JobSeed, tools: Tools) -> ExpectBasePoints {
    let setup = *choices.setup();
    let mut stream = seed.stream(Purpose::Transfer, setup.match_index, 0);
    ExpectBasePoints {
        sacrificed: super::draw(&mut stream),
        setup,
        tools,
        choices,
        stream,
    }
}

/// Awaits the Sender's points for the base transfers.
pub struct ExpectBasePoints {
    setup: TransferSetup,
    tools: Tools,
    choices: Choices,
    sacrificed: Zeroizing<u128>,
    stream: SeedStream,
}

/// The Receiver's first step.
pub struct Answered {
    /// Kept: the next state, which waits for no message.
    pub state: SendColumns,
    /// Sent: [`super::BASE_KEYS_BYTES`] of keys for the base transfers.
    pub message: Vec<u8>,
}

impl ExpectBasePoints {
    /// Takes the points and computes two seeds per column (Spec 11 §3).
    ///
    /// # Errors
    /// [`Code::MalformedMessage`], [`Code::NonCanonicalElement`], [`Code::IdentityElement`].
    pub fn handle(mut self, message: &[u8]) -> Result<Answered, Error> {
        let setup = self.setup;
        let base = base::answer(&setup, message, &mut self.stream)?;
        let points = setup.transcript_of_one(ListId::BasePoints, message);
        let keys = setup.transcript_of_one(ListId::BaseKeys, &base.message);
        let columns = base.seeds.map(|seeds| Expander::new(&seeds));
        Ok(Answered {
            state: SendColumns {
                setup,
                tools: self.tools,
                choices: self.choices,
                sacrificed: self.sacrificed,
                columns,
                points,
                keys,
            },
            message: base.message,
        })
    }
}

/// Awaits nothing: it sends the columns, then the answer to the check.
pub struct SendColumns {
    pub(super) setup: TransferSetup,
    pub(super) tools: Tools,
    pub(super) choices: Choices,
    pub(super) sacrificed: Zeroizing<u128>,
    /// The columns of branch 0 and of branch 1.
    pub(super) columns: [Expander; 2],
    pub(super) points: ListHash,
    pub(super) keys: ListHash,
}

/// The Receiver's second step.
pub struct Extended {
    /// Kept: the next state.
    pub state: ExpectCorrections,
    /// Sent after the columns: [`super::CHECK_BYTES`], the answer to the consistency check.
    pub message: Vec<u8>,
}

impl SendColumns {
    /// Hands all columns to `sink`, in pieces of whole records, and answers the check that follows
    /// from them (Spec 11 §4 and §5).
    ///
    /// # Errors
    /// Those of `sink`; [`Error::Cancelled`].
    pub fn send(self, sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Extended, Error> {
        let setup = self.setup;
        let count = setup.column_records();
        let mut transcript = setup.transcript(ListId::Columns, COLUMN_RECORD_BYTES, count);
        let mut sacrificed = [0; COLUMN_RECORD_BYTES];
        self.make(0, &[*self.sacrificed], &mut sacrificed);
        transcript.update(&sacrificed);
        sink(&sacrificed)?;
        let mut records = Vec::new();
        for (batch, bits) in self.batches() {
            records.resize(bits.len() * COLUMN_RECORD_BYTES, 0);
            records
                .par_chunks_mut(BLOCK_RECORDS * COLUMN_RECORD_BYTES)
                .zip(bits.par_chunks(BLOCK_RECORDS))
                .enumerate()
                .for_each(|(chunk, (records, bits))| {
                    let first = batch + (chunk * BLOCK_RECORDS) as u64;
                    self.make(1 + first, bits, records);
                });
            transcript.update(&records);
            let piece = limits::ROWS_BYTES_MAX / COLUMN_RECORD_BYTES * COLUMN_RECORD_BYTES;
            records.chunks(piece).try_for_each(&mut *sink)?;
            self.report(0, batch + bits.len() as u64)?;
        }
        let columns = transcript.finish();
        let challenge = Challenge::new(&setup, [&self.points, &self.keys, &columns]);
        let message = self.answer(&challenge)?;
        let check = setup.transcript_of_one(ListId::ColumnCheck, &message);
        let [first, _] = self.columns;
        Ok(Extended {
            state: ExpectCorrections {
                own: first,
                pads: Pads::new(challenge.bytes()),
                share: Share::zero(&setup, Role::Receiver),
                transcript: setup.corrections_transcript(),
                points: self.points,
                sent: [self.keys, columns, check],
                begun: Vec::new(),
                done: 0,
                setup,
                tools: self.tools,
                choices: self.choices,
            },
            message,
        })
    }

    /// The choice bits by batches, each with the number of its first word.
    fn batches(&self) -> impl Iterator<Item = (u64, &[u128])> {
        let firsts = (0..).step_by(BATCH_WORDS);
        firsts.zip(self.choices.words().chunks(BATCH_WORDS))
    }

    fn report(&self, pass: u64, done: u64) -> Result<(), Error> {
        let total = self.setup.words();
        let progress = &self.tools.progress;
        progress.report(Stage::Transfer, pass * total + done, 3 * total)
    }

    /// The bytes to send from counter `first` on: `u_i = G(k_i^0) + G(k_i^1) + bits`.
    fn make(&self, first: u64, bits: &[u128], out: &mut [u8]) {
        let mut words: Zeroizing<Vec<Word>> =
            Zeroizing::new(bits.iter().map(|bits| [*bits; COLUMNS]).collect());
        for columns in &self.columns {
            columns.add(first, &mut words);
        }
        columns::encode(&words, out);
    }

    /// The hashes of the bits and of the columns `t_i = G(k_i^0)`.
    #[expect(clippy::indexing_slicing, reason = "INVARIANT: one word was asked for")]
    fn answer(&self, challenge: &Challenge) -> Result<Vec<u8>, Error> {
        let [own, _] = &self.columns;
        let mut tally = Tally::of_sacrificed(&own_words(own, 0, 1)[0]);
        let mut hashed_bits = Zeroizing::new(*self.sacrificed);
        for (batch, bits) in self.batches() {
            let tallies: Vec<(Tally, u128)> = bits
                .par_chunks(BLOCK_RECORDS)
                .enumerate()
                .map(|(chunk, bits)| {
                    let first = batch + (chunk * BLOCK_RECORDS) as u64;
                    let block = first / BLOCK_RECORDS as u64;
                    let words = own_words(own, 1 + first, bits.len());
                    (
                        challenge.columns(block, &words),
                        challenge.column(block, bits),
                    )
                })
                .collect();
            for (columns, bits) in &tallies {
                tally.add(columns);
                *hashed_bits ^= bits;
            }
            self.report(1, batch + bits.len() as u64)?;
        }
        Ok(tally.answer(*hashed_bits))
    }
}

/// `count` words of the columns of branch 0 from counter `first` on.
pub(super) fn own_words(columns: &Expander, first: u64, count: usize) -> Zeroizing<Vec<Word>> {
    let mut words = Zeroizing::new(vec![[0; COLUMNS]; count]);
    columns.add(first, &mut words);
    words
}

/// Awaits the Sender's corrections.
pub struct ExpectCorrections {
    setup: TransferSetup,
    tools: Tools,
    choices: Choices,
    own: Expander,
    pads: Pads,
    share: Share,
    transcript: ListTranscript,
    points: ListHash,
    /// Transcripts of the base keys, the columns and the answer to the check.
    sent: [ListHash; 3],
    /// Corrections of a word whose rows have not all come.
    begun: Vec<u8>,
    /// Words whose corrections were used.
    done: u64,
}

impl ExpectCorrections {
    /// Takes the next whole corrections (Spec 11 §6).
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the bytes are not whole rows; [`Code::WrongCount`] if they are
    /// more than the transfer has; [`Error::Cancelled`].
    pub fn handle(mut self, records: &[u8]) -> Result<Awaiting<Self, Transferred>, Error> {
        let setup = self.setup;
        let width = setup.row_bytes();
        if !records.len().is_multiple_of(width) {
            let detail = "a part of a correction";
            return Err(Error::misbehaved(Code::MalformedMessage, detail));
        }
        let left = setup.rows() - self.done * WORD_ROWS - (self.begun.len() / width) as u64;
        if (records.len() / width) as u64 > left {
            let detail = "more corrections than the transfer has rows";
            return Err(Error::misbehaved(Code::WrongCount, detail));
        }
        self.transcript.update(records);
        // Whole words are used where they lie; a word that was begun waits for its rest.
        let per_word = width * COLUMNS;
        let mut rest = records;
        if !self.begun.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(per_word - self.begun.len()));
            self.begun.extend_from_slice(now);
            rest = later;
            if self.begun.len() == per_word {
                let begun = std::mem::take(&mut self.begun);
                self.use_words(&begun);
            }
        }
        let (whole, begun) = rest.split_at(rest.len() / per_word * per_word);
        self.use_words(whole);
        self.begun.extend_from_slice(begun);
        let begun_rows = (self.begun.len() / width) as u64;
        let complete = self.done * WORD_ROWS + begun_rows == setup.rows();
        if complete {
            let begun = std::mem::take(&mut self.begun);
            self.use_words(&begun);
        }
        let words = setup.words();
        let progress = &self.tools.progress;
        progress.report(Stage::Transfer, 2 * words + self.done, 3 * words)?;
        if !complete {
            return Ok(Awaiting::More(self));
        }
        Ok(Awaiting::Done(Transferred {
            share: self.share,
            transcripts: TransferTranscripts {
                to_sender: self.sent,
                to_receiver: [self.points, self.transcript.finish()],
            },
        }))
    }

    /// Uses the corrections of whole words, or of the last one.
    fn use_words(&mut self, corrections: &[u8]) {
        let bytes_per_task = TASK_WORDS * COLUMNS * self.setup.row_bytes();
        let runs: Vec<PartialShare> = corrections
            .par_chunks(bytes_per_task)
            .enumerate()
            .map(|(task, corrections)| {
                self.use_task(self.done + (task * TASK_WORDS) as u64, corrections)
            })
            .collect();
        for run in &runs {
            self.share.add_partial(run);
        }
        let per_word = COLUMNS * self.setup.row_bytes();
        self.done += corrections.len().div_ceil(per_word) as u64;
    }

    /// Sums `H(t) + c * d` for each row and component. That is `H(q)`, and where the bit `c` is set
    /// `H(q) + v`.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: a word has COLUMNS rows, the length of every array here; a row, which `decode` cut to its width, has one number for each component; a pad has two halves, and a pair at most two components"
    )]
    fn use_task(&self, first: u64, corrections: &[u8]) -> PartialShare {
        let setup = &self.setup;
        let width = setup.row_bytes();
        let per_word = width * COLUMNS;
        let count = corrections.len().div_ceil(per_word);
        let mut words = own_words(&self.own, 1 + first, count);
        let bits = usize::try_from(first)
            .ok()
            .and_then(|first| self.choices.words().get(first..first + count))
            .unwrap_or_default();
        let row = first * WORD_ROWS;
        let rows = rows_of_words(setup, first, count as u64);
        let mut place = setup.place(row);
        let mut run = PartialShare::new(setup, place.part, setup.place(row + rows - 1).part);
        let mut permuted = Blocks::<COLUMNS>::default();
        let mut pads = Blocks::<COLUMNS>::default();
        let mut tweaks = [Tweak::default(); COLUMNS];
        let mut parts = [0; COLUMNS];
        let pieces = corrections.chunks(per_word).zip(bits);
        for (word, (corrections, bits)) in words.iter_mut().zip(pieces) {
            transpose::transpose(word);
            for (row, t) in word.iter().enumerate() {
                tweaks[row] = Tweak::new(place);
                parts[row] = place.part;
                place = place.next(setup);
                permuted[row] = Block::from(t.to_le_bytes());
            }
            self.pads.permute(&mut permuted);
            for pair in 0..setup.pairs() {
                self.pads.pads(&permuted, &tweaks, pair, &mut pads);
                for (row, corrections) in corrections.chunks_exact(width).enumerate() {
                    let mask = row_mask(*bits, row);
                    let own = pads::halves(&pads[row]);
                    let sums = run.part(parts[row]);
                    let (corrections, _) = corrections.as_chunks::<8>();
                    for (half, component) in setup.components_of(pair).enumerate() {
                        let correction = u64::from_be_bytes(corrections[component]);
                        sums[component] = sums[component]
                            .wrapping_add(own[half])
                            .wrapping_add(mask & correction);
                    }
                }
            }
        }
        run
    }
}

/// All ones if the bit of this row is set, otherwise zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "one bit is what is asked for"
)]
const fn row_mask(bits: u128, row: usize) -> u64 {
    0_u64.wrapping_sub((bits >> row) as u64 & 1)
}
