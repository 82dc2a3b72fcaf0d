//! What the rows of a table are made of: one file or folder, or what its SQL names.
//!
//! Spec 10 §2.1 and §2.9. The watcher, a proposal and a job compare what is there now with what was
//! there at load. Reads no row.

use std::path::{Path, PathBuf};

use super::SourceError;
use super::files::FileSet;
use crate::config::TableConfig;

/// The files and folders that a table is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inputs(Vec<PathBuf>);

/// Their files as they were seen at one moment. Two are equal if nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenInputs(pub(crate) Vec<FileSet>);

impl Inputs {
    /// Those of a configured table.
    pub(crate) fn of(base_dir: &Path, config: &TableConfig) -> Self {
        if config.sql.is_none() {
            return Self(vec![base_dir.join(&config.source)]);
        }
        let named = config.named_sources();
        Self(
            named
                .map(|(_, source)| base_dir.join(&source.path))
                .collect(),
        )
    }

    /// The same, and the file that was made of them.
    pub(crate) fn with_result(mut self, result: PathBuf) -> Self {
        self.0.push(result);
        self
    }

    /// Looks at them.
    ///
    /// # Errors
    /// Those of [`FileSet::observe`], of the first that has one.
    pub(crate) fn observe(&self) -> Result<SeenInputs, SourceError> {
        let seen = self.0.iter().map(|path| FileSet::observe(path));
        seen.collect::<Result<_, _>>().map(SeenInputs)
    }
}
