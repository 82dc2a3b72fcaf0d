//! Fills this side's list of digests up to its registered size, so that nobody outside can tell how
//! many rows passed a filter.
//!
//! Spec 04 §3. Filler is random digests. They go through the same hash, multiplication and encoding
//! as real ones, and are sorted among them by digest. So neither the number of kernel calls nor the
//! pace of a list depends on the filter. As many digests are drawn and sorted as the registered
//! size says; those that are not needed are skipped. The sessions call this.
//!
//! Cost: one sort of the registered number of digests, one pass over both lists. Memory: that of
//! the store, and a batch of either list.

use zeroize::Zeroizing;

use crate::digest::{DIGEST_BYTES, Digest};
use crate::error::Error;
use crate::seed::SeedStream;
use crate::store::{Cursor, RecordList, RecordStore};

/// Digests drawn, or read from either list, at a time.
const FILL_BATCH: usize = 1024;

/// A drawn digest, and 1 if it is needed as filler.
const DRAWN_BYTES: usize = DIGEST_BYTES + 1;

/// The real digests of a list, and the filler that belongs among them.
///
/// # Security
/// Only this value knows which digests are real, and how many. Readers give one sequence that does
/// not tell them apart.
pub struct Padded<'a> {
    real: Option<&'a dyn RecordList>,
    /// [`DRAWN_BYTES`] each; their number is the registered size.
    drawn: Box<dyn RecordList>,
    /// Bytes of payload beside each digest.
    beside_bytes: usize,
}

impl<'a> Padded<'a> {
    /// `total` digests: those of `real`, ascending, and filler drawn from `stream`. With `None`,
    /// all of them are filler.
    ///
    /// `total` digests are taken from the stream; the first of them are the filler. [`redraw`]
    /// continues behind them.
    ///
    /// # Errors
    /// [`Error::Limit`] if there are more real digests than `total`; [`Error::ApiMisuse`] if they
    /// are not digests; errors of the store.
    ///
    /// # Security
    /// A filler digest equals another or a real one with probability below 2^-180 at the largest
    /// sizes; nothing looks for it.
    pub fn new(
        real: Option<&'a dyn RecordList>,
        total: u64,
        stream: &mut SeedStream,
        store: &dyn RecordStore,
    ) -> Result<Self, Error> {
        Self::with_payload(real, 0, total, stream, store)
    }

    /// [`Self::new`] for records in which `beside_bytes` bytes of payload follow the digest; those
    /// of filler are zero.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn with_payload(
        real: Option<&'a dyn RecordList>,
        beside_bytes: usize,
        total: u64,
        stream: &mut SeedStream,
        store: &dyn RecordStore,
    ) -> Result<Self, Error> {
        let real_count = real.map_or(0, RecordList::len);
        if real.is_some_and(|list| list.width() != DIGEST_BYTES + beside_bytes) {
            return Err(Error::ApiMisuse(
                "a list to be filled up does not hold digests and payload",
            ));
        }
        let Some(missing) = total.checked_sub(real_count) else {
            return Err(Error::Limit {
                what: "the number of distinct identities",
                value: real_count,
                limit: total,
            });
        };
        Ok(Self {
            real,
            drawn: sorted_draws(total, missing, stream, store)?,
            beside_bytes,
        })
    }

    /// The number of digests, real and filler.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.drawn.len()
    }

    /// Whether the list holds no digest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads all digests in ascending order.
    ///
    /// # Errors
    /// Those of the store.
    pub fn reader(&self) -> Result<PaddedReader<'_>, Error> {
        let real = match self.real {
            Some(list) => Some(Cursor::new(list, FILL_BATCH)?),
            None => None,
        };
        let mut drawn = Cursor::new(self.drawn.as_ref(), FILL_BATCH)?;
        pass_over_unneeded(&mut drawn)?;
        Ok(PaddedReader {
            real,
            drawn,
            zeros: vec![0; self.beside_bytes],
        })
    }
}

/// Draws `total` digests, of which the first `needed` are filler, and sorts them.
fn sorted_draws(
    total: u64,
    needed: u64,
    stream: &mut SeedStream,
    store: &dyn RecordStore,
) -> Result<Box<dyn RecordList>, Error> {
    let mut writer = store.unsorted(DRAWN_BYTES)?;
    let mut digests = Zeroizing::new(vec![[0; DIGEST_BYTES]; FILL_BATCH]);
    let mut records = Zeroizing::new(Vec::with_capacity(FILL_BATCH * DRAWN_BYTES));
    let mut drawn = 0;
    while drawn < total {
        let now = usize::try_from(total - drawn)
            .unwrap_or(FILL_BATCH)
            .min(FILL_BATCH);
        // INVARIANT: `now` is at most FILL_BATCH, the length of `digests`.
        let (batch, _) = digests.split_at_mut(now);
        stream.fill(batch.as_flattened_mut());
        records.clear();
        for digest in &*batch {
            records.extend_from_slice(digest);
            records.push((drawn < needed).into());
            drawn += 1;
        }
        writer.push(&records)?;
    }
    Ok(writer.finish()?)
}

/// Moves on to the next digest that is needed.
fn pass_over_unneeded(drawn: &mut Cursor<'_>) -> Result<(), Error> {
    while drawn
        .current()
        .is_some_and(|record| record.last() != Some(&1))
    {
        drawn.advance()?;
    }
    Ok(())
}

/// Draws `count` more filler digests, for those whose tags equal others.
#[must_use]
pub fn redraw(stream: &mut SeedStream, count: usize) -> Vec<Digest> {
    let mut digests = vec![[0; DIGEST_BYTES]; count];
    stream.fill(digests.as_flattened_mut());
    digests
}

/// Reads a [`Padded`] list from front to back.
pub struct PaddedReader<'a> {
    real: Option<Cursor<'a>>,
    /// At a digest that is needed, or at the end.
    drawn: Cursor<'a>,
    /// The payload of filler.
    zeros: Vec<u8>,
}

impl PaddedReader<'_> {
    /// Replaces the contents of `out` by the next digests, at most `digests_max` of them, and those
    /// of `beside` by their payload. Leaves both empty at the end. Every batch is full except the
    /// last.
    ///
    /// # Errors
    /// Those of the store.
    pub fn next_batch(
        &mut self,
        out: &mut Vec<Digest>,
        beside: &mut Vec<u8>,
        digests_max: usize,
    ) -> Result<(), Error> {
        out.clear();
        beside.clear();
        while out.len() < digests_max {
            let Some(digest) = self.next(beside)? else {
                break;
            };
            out.push(digest);
        }
        Ok(())
    }

    fn next(&mut self, beside: &mut Vec<u8>) -> Result<Option<Digest>, Error> {
        let real = self.real.as_ref().and_then(Cursor::current);
        let real = real.and_then(<[u8]>::split_first_chunk::<DIGEST_BYTES>);
        let filler = self.drawn.current();
        let filler = filler.and_then(<[u8]>::split_first_chunk::<DIGEST_BYTES>);
        let real_is_next = match (real, filler) {
            (Some((real, _)), Some((filler, _))) => real < filler,
            (real, _) => real.is_some(),
        };
        if let (true, Some((digest, payload))) = (real_is_next, real) {
            let digest = *digest;
            beside.extend_from_slice(payload);
            self.real.as_mut().map_or(Ok(()), Cursor::advance)?;
            return Ok(Some(digest));
        }
        let Some((digest, _)) = filler else {
            return Ok(None);
        };
        let digest = *digest;
        beside.extend_from_slice(&self.zeros);
        self.drawn.advance()?;
        pass_over_unneeded(&mut self.drawn)?;
        Ok(Some(digest))
    }
}

#[cfg(test)]
mod tests;
