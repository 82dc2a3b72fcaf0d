//! The file of a list: where it goes, checked before anything is asked, and written at the end.
//!
//! Spec 10 §5.2. Called by the requester's side of a job. Who asked names the file; the daemon
//! writes it, because it holds the table and the list may be long. That gives nobody more than they
//! have: the socket of the local API is for this user alone, and the file is made as this user, for
//! this user alone (mode 0600), wholly or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aggregator::{Catalog, ListError, ListFormat, OutputPlan, SidePlan};
use psi_core::progress::Progress;
use psi_core::session::opened::MatchedList;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::document::{ListDocument, ResultDocument};
use crate::durable_file::{self, PRIVATE};
use crate::job::failure::Failure;
use crate::state::JobState;
use crate::threads::EngineThreads;

/// Where a list is to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    /// The absolute path; its ending, `.csv` or `.parquet`, says how it is written.
    pub path: PathBuf,
    /// Whether a file of this name is replaced.
    #[serde(default)]
    pub overwrite: bool,
}

/// A place for a list that can be written as far as one can tell before.
#[derive(Clone)]
pub(in crate::job) struct Place {
    file: ListFile,
    format: ListFormat,
}

/// Who is on a list, how this node's rows are read, and where they are written.
pub(in crate::job) struct Matched {
    pub(in crate::job) place: Place,
    pub(in crate::job) side: SidePlan,
    /// None if too few match.
    pub(in crate::job) list: Option<MatchedList>,
}

/// What a list is written with.
pub(in crate::job) struct Writer {
    pub(in crate::job) catalog: Catalog,
    pub(in crate::job) engine: EngineThreads,
    pub(in crate::job) progress: Arc<dyn Progress>,
}

/// Where the answer goes, if it is a list; checked before the peer is asked, so that a job is not
/// run for a file that cannot be.
///
/// # Errors
/// [`Failure::Input`].
pub(in crate::job) fn place(
    file: Option<&ListFile>,
    output: &OutputPlan,
) -> Result<Option<Place>, Failure> {
    let file = match (file, output.shape.is_list()) {
        (None, false) => return Ok(None),
        (Some(file), true) => file,
        (None, true) => {
            return input(
                "the answer is a list of identifiers, which is written to a file and not shown"
                    .into(),
                "name one: `psi-node query --output FILE.csv` or `--output FILE.parquet`",
            );
        }
        (Some(_), false) => {
            return input(
                "the answer is not a list, and only lists are written to a file".into(),
                "ask without --output; `--format csv` prints rows for a file",
            );
        }
    };
    place_of(file).map(Some)
}

/// The place that a file names.
fn place_of(file: &ListFile) -> Result<Place, Failure> {
    let path = &file.path;
    let shown = path.display();
    let format = match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => ListFormat::Csv,
        Some("parquet") => ListFormat::Parquet,
        _ => {
            return input(
                format!("{shown} ends in neither .csv nor .parquet"),
                "the ending says how the list is written",
            );
        }
    };
    if !path.is_absolute() {
        return input(
            format!("{shown} is not an absolute path"),
            "the daemon has a working folder of its own: give the whole path",
        );
    }
    if !durable_file::folder_of(path).is_dir() {
        return input(
            format!("the folder of {shown} does not exist"),
            "make it, or name another",
        );
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            return input(format!("{shown} is a folder"), "name a file");
        }
        Ok(_) if !file.overwrite => {
            return input(
                format!("{shown} exists already"),
                "name another file, or replace this one with --force",
            );
        }
        _ => {}
    }
    Ok(Place {
        file: file.clone(),
        format,
    })
}

fn input<T>(what: String, remedy: &str) -> Result<T, Failure> {
    Err(Failure::Input {
        what,
        remedy: remedy.into(),
    })
}

impl Matched {
    /// Writes the list of a completed job, and says so in the document.
    ///
    /// # Errors
    /// [`Failure::NotWritten`], [`Failure::OwnData`]: the job stays completed on the receipts, and
    /// no file is written.
    pub(super) async fn write(
        self,
        writer: Writer,
        document: &mut ResultDocument,
    ) -> Result<JobState, Failure> {
        let Self { place, side, list } = self;
        let Some(matched) = list else {
            document.reason = Some("below_minimum".into());
            return Ok(JobState::Suppressed);
        };
        let Writer {
            catalog,
            engine,
            progress,
        } = writer;
        let (path, format) = (place.file.path.clone(), place.format);
        let runtime = Handle::current();
        let written = tokio::task::spawn_blocking(move || {
            place.fill(|file| {
                // A second handle on the same file: the scan runs on other threads.
                let out = Box::new(BufWriter::new(file.try_clone()?));
                let scan = async move {
                    let digests = matched.digests();
                    catalog.write_list(&side, digests, format, out, progress.as_ref())
                };
                let scanned = runtime.block_on(engine.run(scan));
                Ok(scanned.map_err(|error| Failure::Internal(error.to_string()))??)
            })
        });
        let written = written.await;
        let count = written.map_err(|error| Failure::Internal(error.to_string()))??;
        document.list = Some(ListDocument {
            count,
            file: path.display().to_string(),
            format: format.as_str().into(),
        });
        Ok(JobState::Released)
    }
}

impl Place {
    /// Makes the file, with what `contents` writes, wholly or not at all.
    fn fill(&self, contents: impl FnOnce(&File) -> Result<u64, Failure>) -> Result<u64, Failure> {
        let path: &Path = &self.file.path;
        let mut count = 0;
        let fill = |file: &mut File| {
            count = contents(file)?;
            Ok::<(), Failure>(())
        };
        if self.file.overwrite {
            durable_file::replace_from(path, PRIVATE, fill)?;
        } else {
            durable_file::create_from(path, PRIVATE, fill)?;
        }
        Ok(count)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::NotWritten(error.to_string())
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Table(error) => Self::from(error),
            other => Self::NotWritten(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
