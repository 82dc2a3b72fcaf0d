//! The Sender's list: a tag for each position, in ascending order, and the payload of the position.
//!
//! Spec 04 §1 step 2, Spec 05 §3, Spec 11 §1, Spec 12 §5. [`super::sender`] calls this. Tag and
//! payload go through one sort side by side; only the tags are sent.
//!
//! Cost: N2 multiplications, one sort of N2 records, and with payload one pass that writes tags and
//! payload again.

use zeroize::Zeroizing;

use super::setup::{MatchSetup, OwnList};
use super::{BATCH_RECORDS, Tools};
use crate::error::Error;
use crate::filler;
use crate::group::SecretScalar;
use crate::kernel::Kernel;
use crate::progress::Stage;
use crate::seed::{JobSeed, Purpose};
use crate::store::{Cursor, RecordList, RecordWriter};
use crate::tag;

/// How often filler is drawn again because its tag equals another. Tags are long enough that even
/// one collision has probability below 2^-40, so a second in a row means a broken store.
const REDRAWS_MAX: usize = 4;

/// The Sender's positions, in ascending order of their tags.
pub(super) struct Positions {
    /// The tags, all different.
    pub(super) tags: Box<dyn RecordList>,
    /// The payload of each position; `None` without components.
    pub(super) payload: Option<Box<dyn RecordList>>,
}

/// Makes a position for each of this side's identities, fills up to the registered number, and adds
/// as many positions for each part as it has dummies. A secret number of these are marked dummies;
/// padding replaces the others.
///
/// `identities` are digests with their payload, ascending.
///
/// # Errors
/// [`Error::Limit`] if there are more identities than registered; [`Error::ApiMisuse`] if the list
/// has another width; errors of the store; [`Error::Cancelled`].
pub(super) fn make(
    setup: &MatchSetup,
    identities: &dyn RecordList,
    seed: &JobSeed,
    scalar: &SecretScalar,
    tools: &Tools,
) -> Result<Positions, Error> {
    let mut filler = seed.stream(Purpose::Filler, setup.match_index, 0);
    let payload_bytes = setup.payload_bytes();
    let width = setup.tag_bytes + payload_bytes;
    let mut joined = Joined::new(setup, tools.kernel.as_ref());
    let mut writer = tools.store.unsorted(width)?;
    let list = OwnList {
        records: identities,
        payload_bytes,
        size: setup.sender_identities,
        progress: (0, setup.sender_size),
    };
    setup.multiply_own_list(&list, &mut filler, scalar, tools, |points, batch| {
        Ok(writer.push(joined.records(points, &batch.payload))?)
    })?;
    tag_dummies(setup, seed, scalar, tools, |points| {
        let zeros = vec![0; points.len() * payload_bytes];
        Ok(writer.push(joined.records(points, &zeros))?)
    })?;
    let mut positions = finish(setup, writer, tools)?;
    let zeros = vec![0; payload_bytes];
    for _ in 0..REDRAWS_MAX {
        let missing = setup.sender_size - positions.tags.len();
        if missing == 0 {
            break;
        }
        let mut again = tools.store.unsorted(width)?;
        copy(&positions, again.as_mut())?;
        for _ in 0..missing {
            let digests = filler::redraw(&mut filler, 1);
            let points = setup.multiply(&digests, scalar, tools);
            again.push(joined.records(&points, &zeros))?;
        }
        positions = finish(setup, again, tools)?;
    }
    if positions.tags.len() == setup.sender_size {
        Ok(positions)
    } else {
        Err(Error::ApiMisuse("tags keep colliding"))
    }
}

/// Feeds the points of marked dummies and of padding to `sink`: for each part, as many as it has
/// dummies.
fn tag_dummies(
    setup: &MatchSetup,
    seed: &JobSeed,
    scalar: &SecretScalar,
    tools: &Tools,
    mut sink: impl FnMut(&[[u8; 32]]) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(terms) = &setup.dp else {
        return Ok(());
    };
    let noise = terms.count_noise()?;
    let (index, mut done) = (setup.match_index, setup.sender_identities);
    for (part, _) in (0..).zip(&setup.parts) {
        let marked = noise.sample(&mut seed.stream(Purpose::DummyCount, index, part));
        let mut padding = seed.stream(Purpose::DummyPadding, index, part);
        setup.multiply_dummies(
            part,
            scalar,
            tools,
            |dummies, numbers| dummies.marked(numbers, &marked, &mut padding),
            |points| {
                sink(points)?;
                done += points.len() as u64;
                tools.progress.report(Stage::Blind, done, setup.sender_size)
            },
        )?;
    }
    Ok(())
}

/// Puts tag and payload beside each other, so that they are sorted together.
struct Joined<'a> {
    setup: &'a MatchSetup,
    kernel: &'a dyn Kernel,
    tags: Vec<u8>,
    records: Zeroizing<Vec<u8>>,
}

impl<'a> Joined<'a> {
    fn new(setup: &'a MatchSetup, kernel: &'a dyn Kernel) -> Self {
        // A buffer that grows would leave copies that nobody erases.
        let room = match setup.payload_bytes() {
            0 => 0,
            payload => BATCH_RECORDS * (setup.tag_bytes + payload),
        };
        Self {
            setup,
            kernel,
            tags: Vec::new(),
            records: Zeroizing::new(Vec::with_capacity(room)),
        }
    }

    /// The tag of each point, followed by its payload.
    fn records(&mut self, points: &[[u8; 32]], payload: &[u8]) -> &[u8] {
        let setup = self.setup;
        let (job_id, width) = (&setup.job_id, setup.tag_bytes);
        let (index, tags) = (setup.match_index, &mut self.tags);
        tag::tags(self.kernel, job_id, index, points, width, tags);
        if setup.components == 0 {
            return &self.tags;
        }
        self.records.clear();
        let payloads = payload.chunks_exact(setup.payload_bytes());
        for (tag, payload) in self.tags.chunks_exact(width).zip(payloads) {
            self.records.extend_from_slice(tag);
            self.records.extend_from_slice(payload);
        }
        &self.records
    }
}

/// Ends the list and keeps one position for each tag.
fn finish(
    setup: &MatchSetup,
    writer: Box<dyn RecordWriter>,
    tools: &Tools,
) -> Result<Positions, Error> {
    if setup.components == 0 {
        return Ok(Positions {
            tags: writer.finish_distinct()?,
            payload: None,
        });
    }
    let width = setup.tag_bytes;
    let joined = writer.finish()?;
    let mut tags = tools.store.in_order(width)?;
    let mut payload = tools.store.in_order(setup.payload_bytes())?;
    let mut reader = joined.reader()?;
    let mut batch = Zeroizing::new(Vec::new());
    let (mut some_tags, mut some_payload) = (Vec::new(), Zeroizing::new(Vec::new()));
    some_payload.reserve_exact(BATCH_RECORDS * setup.payload_bytes());
    let mut last: Option<Vec<u8>> = None;
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            break;
        }
        some_tags.clear();
        some_payload.clear();
        for record in batch.chunks_exact(joined.width()) {
            let (tag, rest) = record.split_at(width);
            let before = some_tags.rchunks(width).next().or(last.as_deref());
            if before != Some(tag) {
                some_tags.extend_from_slice(tag);
                some_payload.extend_from_slice(rest);
            }
        }
        tags.push(&some_tags)?;
        payload.push(&some_payload)?;
        last = some_tags.rchunks(width).next().map(<[u8]>::to_vec).or(last);
    }
    Ok(Positions {
        tags: tags.finish()?,
        payload: Some(payload.finish()?),
    })
}

/// Writes all positions as records of tag and payload.
fn copy(positions: &Positions, to: &mut dyn RecordWriter) -> Result<(), Error> {
    let mut tags = Cursor::new(positions.tags.as_ref(), BATCH_RECORDS)?;
    let mut payload = match &positions.payload {
        Some(list) => Some(Cursor::new(list.as_ref(), BATCH_RECORDS)?),
        None => None,
    };
    while let Some(tag) = tags.current() {
        let beside = payload.as_ref().and_then(Cursor::current);
        to.push(&Zeroizing::new([tag, beside.unwrap_or_default()].concat()))?;
        tags.advance()?;
        if let Some(payload) = &mut payload {
            payload.advance()?;
        }
    }
    Ok(())
}
