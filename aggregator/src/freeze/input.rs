//! Freezing the input of a job with groups and payload, for every role that a side has in it.
//!
//! Spec 10 §4.1. Called by [`crate::Catalog::freeze_job`]. Steps:
//!
//! 1. one pass over the files keeps, of each row with an identity, digest, groups, values, and
//!    whether it is selected ([`super`]);
//! 2. the store sorts these records, so that one identity's rows lie beside each other;
//! 3. one pass over them checks what the load has checked ([`super::check`]);
//! 4. as Receiver: one pass over them finds the part of each identity, and, if there are several, a
//!    sort by part and a second pass write the parts one after the other; the small-part rule
//!    empties some;
//! 5. as Sender: one pass over them sums each identity's selected rows per group and writes its
//!    payload; with differential privacy, those rows that `limits` lets it use.
//!
//! Identities without a selected row go the same way, to lists of others, which are kept as long as
//! the input. So code that reads, hashes or keeps all of them does the same work whatever is
//! selected.
//!
//! Cost: one pass over the files, one sort of records of fixed width, two or three passes over them.
//! Memory: that of the store, one payload, and one batch.

use std::sync::Arc;

use psi_core::progress::{Progress, Stage};
use psi_core::spec::{JobSpec, MatchSpec, PartSize, Party, Payload};
use psi_core::store::{RecordList, RecordStore, RecordWriter, Reserved};

use super::limits::{Chooser, IdentityLimits, RowKey};
use super::parts::{self, Cut, Lists, PartLists, PartRecord};
use super::payload::{self, Accumulator};
use super::records::{Rows, is_replaced};
use super::{Reading, RecordedRows, check, record_rows};
use crate::condition::Tally;
use crate::config::ReadOptions;
use crate::error::FreezeError;
use crate::plan::SidePlan;
use crate::rows::for_each_record;
use crate::rows::{DIGEST_BYTES, RowLayout};
use crate::tables::table::LoadedTable;

/// Takes the part and the digest of an identity, and whether it is selected.
type Visit<'a> = &'a mut dyn FnMut(usize, &[u8; DIGEST_BYTES], bool) -> Result<(), FreezeError>;

/// Records between two looks at whether the job is to stop.
const STOP_EVERY: u64 = 1 << 16;

/// The frozen input of one side of a job.
///
/// # Security
/// The counts are true sizes: for the owner's log only.
pub struct JobInput {
    /// As Receiver: the identities of each part, in the order of the specification's parts;
    /// records are digests, ascending and distinct. A part that the small-part rule replaces by
    /// filler is empty.
    pub parts: Option<Vec<Box<dyn RecordList>>>,
    /// As Sender: the identities with their payload, ascending by digest and distinct. A record is
    /// a digest (32 bytes) and then one signed 64-bit number, big-endian two's complement, for each
    /// component of each block, in the order of [`Payload`]. Empty if the small-part rule replaces
    /// the list.
    pub payload: Option<Box<dyn RecordList>>,
    /// The identities that are in none of these lists, in lists of the same widths: parts first, then
    /// the payload. They say nothing and go nowhere, but make the whole as large whatever is selected.
    pub others: Vec<Box<dyn RecordList>>,
    /// Rows of the table.
    pub rows_scanned: u64,
    /// Rows that the row filter and the conditions select.
    pub rows_selected: u64,
    /// Selected rows without identity, because the key is NULL or does not normalise.
    pub nulls: u64,
    /// The room on disk that the lists have, to be kept as long as they are.
    pub room: Reserved,
    /// What the conditions cost, for tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests compare the work of two tables")
    )]
    pub(crate) tally: Tally,
}

/// A job, and which side of it is this one.
pub(crate) struct OwnJob<'a> {
    pub(crate) spec: &'a JobSpec,
    pub(crate) own: Party,
    /// With differential privacy, what draws the rows that are used.
    pub(crate) key: Option<RowKey>,
}

/// Freezes the input of this side of a job.
pub(crate) async fn freeze(
    table: &LoadedTable,
    side: &SidePlan,
    job: OwnJob<'_>,
    options: &ReadOptions,
    store: Arc<dyn RecordStore>,
    progress: Arc<dyn Progress>,
) -> Result<JobInput, FreezeError> {
    let reading = Reading::for_job(table, side)?;
    let layout = reading.extras.layout();
    let bounds = check::Bounds::new(job.spec, job.own, side, layout);
    let roles = Roles::new(job, side, layout)?;
    let room = roles.room(layout);
    let reading = record_rows(
        table,
        side,
        reading,
        room,
        options,
        store.as_ref(),
        progress.as_ref(),
    );
    let RecordedRows {
        writer,
        room,
        scanned,
        selected,
        nulls,
        tally,
    } = reading.await?;
    let named = side.clone();
    // With the room: this goes on for a while if nobody waits any more.
    let work = move || {
        let rows = writer.finish()?;
        bounds.check(&named, rows.as_ref())?;
        let split = roles.split(rows.as_ref(), store.as_ref(), progress.as_ref())?;
        Ok::<_, FreezeError>((split, room))
    };
    let (split, room) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| FreezeError::stopped())??;
    let Split {
        parts,
        payload,
        others,
    } = split;
    Ok(JobInput {
        parts,
        payload,
        others,
        rows_scanned: scanned,
        rows_selected: selected,
        nulls,
        room,
        tally,
    })
}

/// What this side is in the matches of a job.
struct Roles {
    /// As Receiver: the sizes of the parts.
    parts: Option<Vec<PartSize>>,
    /// As Sender: what to attach to each identity, and bounds on its sums.
    payload: Option<Payload>,
    /// For each value, bounds on one identity's sum within one group.
    clamps: Vec<Option<(i64, i64)>>,
    /// Fewest identities of a part, or of a whole list; 0 where nothing is replaced.
    minimum: u64,
    /// With differential privacy, what is used of one identity as Sender.
    limits: Option<IdentityLimits>,
    rows: Rows,
}

/// The lists of a Receiver and of a Sender, and of the identities that are in neither.
struct Split {
    parts: Option<Lists>,
    payload: Option<Box<dyn RecordList>>,
    others: Lists,
}

impl Roles {
    fn new(job: OwnJob<'_>, side: &SidePlan, layout: RowLayout) -> Result<Self, FreezeError> {
        let OwnJob { spec, own, key } = job;
        let limits = match (&spec.half(own).facts.privacy, key) {
            (None, _) => None,
            (Some(facts), Some(key)) => Some(IdentityLimits::new(facts, key)),
            (Some(_), None) => {
                let what = "a job with differential privacy without a key to draw rows by";
                return Err(FreezeError::Internal(what));
            }
        };
        let matches = spec.matches();
        let role = |receiver: Party| matches.iter().find(|m| m.receiver == receiver);
        let domains: Vec<usize> = side.groups.iter().map(|group| group.domain.len()).collect();
        let combinations = domains.iter().product::<usize>() as u64;
        let parts = role(own).map(|m: &MatchSpec| m.parts.clone());
        let payload = role(own.other()).map(|m| m.payload.clone());
        let fits = parts
            .as_ref()
            .is_none_or(|p| p.len() as u64 == combinations)
            && payload
                .as_ref()
                .is_none_or(|p| p.components.is_empty() || p.groups == combinations);
        if !fits {
            // The table was loaded again, with other groups, after the job was agreed.
            return Err(FreezeError::Internal("the table's groups changed"));
        }
        Ok(Self {
            parts,
            payload,
            clamps: side.values.iter().map(|value| value.clamp).collect(),
            // The small-part rule is one of exact mode (Spec 12 §6).
            minimum: if spec.dp().is_some() { 0 } else { spec.minimum },
            limits,
            rows: Rows { layout, domains },
        })
    }

    /// Makes the lists of this side's roles from its sorted row records.
    fn split(
        &self,
        rows: &dyn RecordList,
        store: &dyn RecordStore,
        progress: &dyn Progress,
    ) -> Result<Split, FreezeError> {
        let mut others = Lists::new();
        let parts = match &self.parts {
            None => None,
            Some(sizes) => {
                let cut = self.cut(sizes, rows, store, progress)?;
                others.extend(cut.others);
                Some(cut.parts)
            }
        };
        // What the rule replaces is the same in both matches, whichever role the list has.
        let replaced = parts.as_ref().map(|parts| {
            let empty = parts.iter().map(|part| part.is_empty());
            empty.collect::<Vec<bool>>()
        });
        let payload = match &self.payload {
            None => None,
            Some(payload) => {
                let replaced = replaced.as_deref();
                let (payload, of_payload) =
                    self.attach(payload, replaced, rows, store, progress)?;
                others.extend(of_payload);
                Some(payload)
            }
        };
        Ok(Split {
            parts,
            payload,
            others,
        })
    }

    /// Bytes on disk that each row of the table can take: twice its record, since a sort may write
    /// it again, and the records of the lists.
    fn room(&self, layout: RowLayout) -> usize {
        let parts = self
            .parts
            .as_ref()
            .map_or(0, |_| parts::RECORD_BYTES * 2 + DIGEST_BYTES);
        let payload = self.payload.as_ref().map_or(0, payload::record_bytes);
        layout.width() * 2 + parts + payload
    }

    /// As Receiver: one list for each part, written one after the other, so that however many there
    /// are, the memory of one is taken at a time.
    fn cut(
        &self,
        sizes: &[PartSize],
        rows: &dyn RecordList,
        store: &dyn RecordStore,
        progress: &dyn Progress,
    ) -> Result<Cut, FreezeError> {
        let mut parts = PartLists::new(sizes, self.minimum, store)?;
        if sizes.len() == 1 {
            let mut only = |part, digest: &[u8; DIGEST_BYTES], is_selected| {
                parts.push(part, digest, is_selected)
            };
            self.for_each_identity(rows, progress, &mut only)?;
            return parts.finish();
        }
        let mut by_part = store.unsorted(parts::RECORD_BYTES)?;
        self.for_each_identity(rows, progress, &mut |part, digest, is_selected| {
            Ok(by_part.push(&parts::record(part, digest, is_selected)?)?)
        })?;
        let by_part = by_part.finish()?;
        for_each_record(by_part.as_ref(), &mut |record| {
            let PartRecord {
                part,
                digest,
                is_selected,
            } = parts::fields(record);
            parts.push(part, digest, is_selected)
        })?;
        parts.finish()
    }

    /// Calls `visit` with each identity, in ascending order of digests. The check has found that all
    /// rows of one are in the same part.
    fn for_each_identity(
        &self,
        rows: &dyn RecordList,
        progress: &dyn Progress,
        visit: Visit<'_>,
    ) -> Result<(), FreezeError> {
        let mut last: Option<([u8; DIGEST_BYTES], usize, bool)> = None;
        let mut stop = Stop::new(rows, progress);
        for_each_record(rows, &mut |record| {
            stop.look()?;
            let (digest, is_selected) =
                (*RowLayout::digest(record), RowLayout::is_selected(record));
            match &mut last {
                Some((known, _, selected)) if *known == digest => *selected |= is_selected,
                last => {
                    let next = (digest, self.rows.combination(record), is_selected);
                    if let Some((digest, part, is_selected)) = last.replace(next) {
                        visit(part, &digest, is_selected)?;
                    }
                }
            }
            Ok(())
        })?;
        match last {
            Some((digest, part, is_selected)) => visit(part, &digest, is_selected),
            None => Ok(()),
        }
    }

    /// As Sender: every selected identity with its payload, but those whose part was `replaced`; then
    /// the others.
    fn attach(
        &self,
        payload: &Payload,
        replaced: Option<&[bool]>,
        rows: &dyn RecordList,
        store: &dyn RecordStore,
        progress: &dyn Progress,
    ) -> Result<(Box<dyn RecordList>, Lists), FreezeError> {
        let mut identity = Accumulator::new(payload, &self.clamps);
        let width = identity.record_bytes();
        let mut lists = [store.in_order(width)?, store.in_order(width)?];
        let mut last: Option<[u8; DIGEST_BYTES]> = None;
        let mut stop = Stop::new(rows, progress);
        let mut chooser = match &self.limits {
            Some(limits) => Some(Chooser::new(limits, &self.rows, rows)?),
            None => None,
        };
        let is_gone = |group: usize| {
            replaced.is_some_and(|replaced| replaced.get(group).copied().unwrap_or(true))
        };
        // To the list, or, without a row that is used, to that of the others.
        let mut end = |identity: &mut Accumulator<'_>| {
            let (is_used, record) = identity.finish()?;
            let [used, unused] = &mut lists;
            let writer = if is_used { used } else { unused };
            writer.push(record).map_err(FreezeError::from)
        };
        for_each_record(rows, &mut |record| {
            stop.look()?;
            let group = self.rows.combination(record);
            let digest = *RowLayout::digest(record);
            if last != Some(digest) {
                if last.replace(digest).is_some() {
                    end(&mut identity)?;
                }
                identity.begin(&digest);
                if let Some(chooser) = &mut chooser {
                    chooser.next_identity(&digest)?;
                }
            }
            let mut is_used = RowLayout::is_selected(record) && !is_gone(group);
            if let Some(chooser) = &mut chooser {
                is_used = chooser.uses(&digest, group, is_used);
            }
            let layout = self.rows.layout;
            identity.add(group, is_used, |value| layout.value(record, value))
        })?;
        if last.is_some() {
            end(&mut identity)?;
        }
        let [identities, others] = lists.map(RecordWriter::finish);
        let (identities, mut others) = (identities?, vec![others?]);
        if is_replaced(identities.len(), self.minimum) {
            others.push(identities);
            return Ok((store.in_order(width)?.finish()?, others));
        }
        Ok((identities, others))
    }
}

/// Looks now and then whether the job is to stop.
struct Stop<'a> {
    progress: &'a dyn Progress,
    records: u64,
    total: u64,
}

impl<'a> Stop<'a> {
    fn new(rows: &dyn RecordList, progress: &'a dyn Progress) -> Self {
        Self {
            progress,
            records: 0,
            total: rows.len(),
        }
    }

    fn look(&mut self) -> Result<(), FreezeError> {
        if self.records.is_multiple_of(STOP_EVERY) {
            self.progress
                .report(Stage::Freeze, self.total, self.total)?;
        }
        self.records += 1;
        Ok(())
    }
}
