//! The files that SQL made, in a folder of this node's state.
//!
//! Spec 10 §2.9. A file is named by a digest of everything that it was made of, so a restart finds it and
//! a change never does. It is a copy of rows in the clear: nobody but this node's user may read it, and
//! it is removed as soon as no table needs it.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use crate::config::SqlOptions;

/// What a file is called that is complete.
const ENDING: &str = "parquet";
/// What it is called while it is written.
const UNFINISHED: &str = "part";
/// The folder inside for what does not fit into memory.
#[cfg(feature = "sql")]
const SPILL: &str = "spill";

/// The files of all tables of one node that SQL makes.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) options: SqlOptions,
    #[cfg(feature = "sql")]
    /// One at a time, so that they share neither memory nor disk.
    pub(crate) running: tokio::sync::Mutex<()>,
    /// How many tables need each file, by its name without ending.
    needed: StdMutex<HashMap<String, usize>>,
}

/// A file that a table needs for as long as this exists.
#[derive(Debug)]
pub(crate) struct ResultFile {
    results: Arc<Results>,
    name: String,
}

impl Results {
    pub(crate) fn new(options: SqlOptions) -> Self {
        Self {
            options,
            #[cfg(feature = "sql")]
            running: tokio::sync::Mutex::default(),
            needed: StdMutex::default(),
        }
    }

    /// The file of this name, which may not exist yet.
    #[cfg(feature = "sql")]
    pub(crate) fn file(self: &Arc<Self>, name: String) -> ResultFile {
        *self.needed().entry(name.clone()).or_default() += 1;
        ResultFile {
            results: Arc::clone(self),
            name,
        }
    }

    /// The folder for what does not fit into memory, made empty.
    #[cfg(feature = "sql")]
    pub(crate) fn spill_folder(&self) -> std::io::Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.options.folder)?;
        let spill = self.options.folder.join(SPILL);
        match fs::remove_dir_all(&spill) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        builder.create(&spill)?;
        Ok(spill)
    }

    /// Removes the files that no table needs. What cannot be removed now is tried again the next time.
    pub(crate) fn sweep(&self) {
        // Held to the end: a file that is asked for meanwhile is asked for before or after.
        let needed = self.needed();
        let Ok(entries) = fs::read_dir(&self.options.folder) else {
            return;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let ending = path.extension().and_then(|ending| ending.to_str());
            let name = path.file_stem().and_then(|name| name.to_str());
            let is_made = ending == Some(ENDING) || ending == Some(UNFINISHED);
            if is_made
                && !name.is_some_and(|name| needed.contains_key(name))
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "a file that no table needs stays");
            }
        }
    }

    fn needed(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // Each change is one entry, so a poisoned lock is as good as any.
        self.needed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResultFile {
    pub(crate) fn path(&self) -> PathBuf {
        self.named(ENDING)
    }

    /// Where it is written.
    #[cfg(feature = "sql")]
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.named(UNFINISHED)
    }

    /// Makes what was written the file.
    #[cfg(feature = "sql")]
    pub(crate) fn finish(&self) -> std::io::Result<()> {
        fs::rename(self.unfinished(), self.path())?;
        fs::File::open(&self.results.options.folder)?.sync_all()
    }

    fn named(&self, ending: &str) -> PathBuf {
        let name = format!("{}.{ending}", self.name);
        self.results.options.folder.join(name)
    }
}

impl Drop for ResultFile {
    fn drop(&mut self) {
        let mut needed = self.results.needed();
        if let Some(tables) = needed.get_mut(&self.name) {
            *tables -= 1;
            if *tables == 0 {
                needed.remove(&self.name);
            }
        }
    }
}

#[cfg(feature = "sql")]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::Results;
    use crate::config::SqlOptions;

    #[test]
    fn a_file_stays_while_a_table_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let results = Arc::new(Results::new(SqlOptions {
            folder: folder.path().join("made"),
            memory_bytes: 1,
            disk_bytes: 1,
        }));
        // Without a folder there is nothing to do.
        results.sweep();
        let spill = results.spill_folder().unwrap();
        let other = spill.parent().unwrap().join("notes.txt");
        for path in [&spill.join("left"), &other] {
            fs::write(path, "x").unwrap();
        }
        let (first, second) = (results.file("a".into()), results.file("a".into()));
        let unfinished = results.file("b".into());
        for path in [first.path(), unfinished.unfinished()] {
            fs::write(path, "x").unwrap();
        }
        drop(second);
        results.sweep();
        assert!(first.path().exists() && unfinished.unfinished().exists());
        unfinished.finish().unwrap();
        assert!(unfinished.path().exists() && !unfinished.unfinished().exists());
        let (gone, stays) = (first.path(), unfinished.path());
        drop(first);
        results.sweep();
        assert!(!gone.exists() && stays.exists() && other.exists());
        assert!(!results.spill_folder().unwrap().join("left").exists());
    }
}
