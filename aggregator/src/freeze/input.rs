//! Freezing the input of a job with groups and payload, for every role that a side has in it.
//!
//! Spec 10 §4.1. Called by [`crate::Catalog::freeze_job`]. Steps:
//!
//! 1. the files are those that were checked at load;
//! 2. one pass evaluates the conditions and keeps, of each selected row, digest, groups and values;
//! 3. the store sorts these records, so that one identity's rows lie beside each other;
//! 4. as Receiver: one pass over them finds the part of each identity, and, if there are several, a
//!    sort by part and a second pass write the parts one after the other; the small-part rule
//!    empties some;
//! 5. as Sender: one pass over them sums each identity's rows per group and writes its payload;
//! 6. the files are still the same.
//!
//! Cost: one pass over the files, one sort of records of fixed width, one or two passes over them.
//! Memory: that of the store, one payload, and one batch.

use std::sync::Arc;

use psi_core::progress::{Progress, Stage};
use psi_core::spec::{JobSpec, MatchSpec, PartSize, Party, Payload};
use psi_core::store::{RecordList, RecordStore};

use super::parts::{self, PartLists};
use super::payload::Accumulator;
use super::{SelectedRows, select_rows};
use crate::catalog::table::LoadedTable;
use crate::config::EngineOptions;
use crate::error::FreezeError;
use crate::fold::for_each_record;
use crate::plan::{SidePlan, SideValueKind};
use crate::rows::{DIGEST_BYTES, Extras, RowLayout, RowValue};

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
    /// Rows of the table.
    pub rows_scanned: u64,
    /// Rows that the row filter and the conditions select.
    pub rows_selected: u64,
    /// Selected rows without identity, because the key is NULL or does not normalise.
    pub nulls: u64,
}

/// Freezes the input of the side `own` of a job.
pub(crate) async fn freeze(
    table: &LoadedTable,
    side: &SidePlan,
    (spec, own): (&JobSpec, Party),
    options: &EngineOptions,
    store: Arc<dyn RecordStore>,
    progress: Arc<dyn Progress>,
) -> Result<JobInput, FreezeError> {
    let extras = extras(table, side)?;
    let roles = Roles::new(spec, own, side, extras.layout())?;
    let SelectedRows {
        writer,
        scanned,
        selected,
        nulls,
    } = select_rows(
        table,
        side,
        options,
        extras,
        store.as_ref(),
        progress.as_ref(),
    )
    .await?;
    let work = move || {
        let rows = writer.finish()?;
        roles.split(rows.as_ref(), store.as_ref(), progress.as_ref())
    };
    let (parts, payload) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| FreezeError::Engine("sorting stopped unexpectedly".to_owned()))??;
    Ok(JobInput {
        parts,
        payload,
        rows_scanned: scanned,
        rows_selected: selected,
        nulls,
    })
}

/// What is kept of each row: the own groups and values.
fn extras(table: &LoadedTable, side: &SidePlan) -> Result<Extras, FreezeError> {
    let view = |name: &String| {
        let column = table.source.column(name);
        column
            .map(crate::source::SourceColumn::view_expr)
            .map_err(|_| FreezeError::Engine(format!("the column {name:?} is gone")))
    };
    let groups = side.groups.iter().map(|group| {
        let expr = view(&group.column)?;
        Ok((expr, Arc::clone(&group.domain)))
    });
    let values = side.values.iter().map(|value| match &value.kind {
        SideValueKind::Presence(columns) => {
            let columns = columns.iter().map(view);
            Ok(RowValue::Presence(
                columns.collect::<Result<_, FreezeError>>()?,
            ))
        }
        SideValueKind::Number(program) => {
            let columns = program.columns.iter().map(|column| view(&column.name));
            Ok(RowValue::Number {
                program: program.clone(),
                columns: columns.collect::<Result<_, FreezeError>>()?,
            })
        }
    });
    Ok(Extras {
        groups: groups.collect::<Result<_, FreezeError>>()?,
        values: values.collect::<Result<_, FreezeError>>()?,
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
    /// Fewest identities of a part, or of a whole list.
    minimum: u64,
    rows: Rows,
}

/// How records are read.
struct Rows {
    layout: RowLayout,
    /// The sizes of the own groups' domains, `other` included.
    domains: Vec<usize>,
}

impl Rows {
    /// The number of the record's combination of groups, the last one counting fastest.
    fn combination(&self, record: &[u8]) -> usize {
        let groups = self.domains.iter().enumerate();
        groups.fold(0, |index, (number, size)| {
            index * size + RowLayout::group(record, number)
        })
    }
}

/// The lists of a Receiver and of a Sender.
type Split = (
    Option<Vec<Box<dyn RecordList>>>,
    Option<Box<dyn RecordList>>,
);

impl Roles {
    fn new(
        spec: &JobSpec,
        own: Party,
        side: &SidePlan,
        layout: RowLayout,
    ) -> Result<Self, FreezeError> {
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
            return Err(FreezeError::Engine("the table's groups changed".to_owned()));
        }
        Ok(Self {
            parts,
            payload,
            clamps: side.values.iter().map(|value| value.clamp).collect(),
            minimum: spec.minimum,
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
        let parts = match &self.parts {
            None => None,
            Some(sizes) => Some(self.cut(sizes, rows, store, progress)?),
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
                Some(self.attach(payload, replaced, rows, store, progress)?)
            }
        };
        Ok((parts, payload))
    }

    /// As Receiver: one list for each part, written one after the other, so that however many there
    /// are, the memory of one is taken at a time.
    fn cut(
        &self,
        sizes: &[PartSize],
        rows: &dyn RecordList,
        store: &dyn RecordStore,
        progress: &dyn Progress,
    ) -> Result<Vec<Box<dyn RecordList>>, FreezeError> {
        let mut parts = PartLists::new(sizes, self.minimum, store)?;
        if sizes.len() == 1 {
            let mut only = |part, digest: &[u8]| parts.push(part, digest);
            self.for_each_identity(rows, progress, &mut only)?;
            return parts.finish();
        }
        let mut by_part = store.unsorted(parts::RECORD_BYTES)?;
        self.for_each_identity(rows, progress, &mut |part, digest| {
            Ok(by_part.push(&parts::record(part, digest)?)?)
        })?;
        let by_part = by_part.finish()?;
        for_each_record(by_part.as_ref(), &mut |record| {
            let (part, digest) = parts::part_and_digest(record);
            parts.push(part, digest)
        })?;
        parts.finish()
    }

    /// Calls `visit` with the part and the digest of each identity, in ascending order of digests.
    fn for_each_identity<F>(
        &self,
        rows: &dyn RecordList,
        progress: &dyn Progress,
        visit: &mut F,
    ) -> Result<(), FreezeError>
    where
        F: FnMut(usize, &[u8]) -> Result<(), FreezeError>,
    {
        let mut last: Option<([u8; DIGEST_BYTES], usize)> = None;
        let mut stop = Stop::new(rows, progress);
        for_each_record(rows, &mut |record| {
            stop.look()?;
            let part = self.rows.combination(record);
            let digest = digest(record);
            match last {
                Some((known, group)) if known == digest && group == part => return Ok(()),
                Some((known, _)) if known == digest => {
                    let what = "an identity is in two groups, which the load had excluded";
                    return Err(FreezeError::Engine(what.to_owned()));
                }
                _ => last = Some((digest, part)),
            }
            visit(part, &digest)
        })
    }

    /// As Sender: every identity with its payload, but those whose part was `replaced`.
    fn attach(
        &self,
        payload: &Payload,
        replaced: Option<&[bool]>,
        rows: &dyn RecordList,
        store: &dyn RecordStore,
        progress: &dyn Progress,
    ) -> Result<Box<dyn RecordList>, FreezeError> {
        let mut identity = Accumulator::new(payload, &self.clamps);
        let width = identity.record_bytes();
        let mut writer = store.in_order(width)?;
        let mut last: Option<[u8; DIGEST_BYTES]> = None;
        let mut stop = Stop::new(rows, progress);
        let is_gone = |group: usize| {
            replaced.is_some_and(|replaced| replaced.get(group).copied().unwrap_or(true))
        };
        for_each_record(rows, &mut |record| {
            stop.look()?;
            let group = self.rows.combination(record);
            if is_gone(group) {
                return Ok(());
            }
            let digest = digest(record);
            if last != Some(digest) {
                if last.replace(digest).is_some() {
                    writer.push(identity.finish()?)?;
                }
                identity.begin(&digest);
            }
            let layout = self.rows.layout;
            identity.add(group, |value| layout.value(record, value))
        })?;
        if last.is_some() {
            writer.push(identity.finish()?)?;
        }
        let identities = writer.finish()?;
        if is_replaced(identities.len(), self.minimum) {
            return Ok(store.in_order(width)?.finish()?);
        }
        Ok(identities)
    }
}

/// The small-part rule of exact mode: whether a part, or a whole list, of this many identities is
/// replaced by filler (Spec 05 §7). One identity alone would tell whether the other side has it.
pub(super) const fn is_replaced(identities: u64, minimum: u64) -> bool {
    identities < minimum
}

fn digest(record: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&record[..DIGEST_BYTES]);
    digest
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
