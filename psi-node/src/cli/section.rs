//! A section of `node.toml` for a file that a person names: `--table NAME=FILE`.
//!
//! Called by `init` and by `tables add`. The section is the aggregator's work; here are the words of the
//! command line and the path that the section gets.

use std::fs;
use std::path::Path;

use aggregator::{Sketched, sketch};
use psi_audit::name::{NAME_REMEDY, check_name};

use crate::error::UserError;
use crate::threads::block_on;

/// A table that a command names, and the file or folder that holds it.
#[derive(Debug)]
pub(super) struct Named<'a> {
    /// The table's name.
    pub(super) name: &'a str,
    file: &'a str,
    /// The argument, as help calls it.
    argument: &'static str,
}

impl<'a> Named<'a> {
    /// Reads `NAME=FILE`, which was given as `argument`.
    ///
    /// # Errors
    /// [`UserError`] if it has another form, or the name is not valid.
    pub(super) fn read(text: &'a str, argument: &'static str) -> Result<Self, UserError> {
        let (name, file) = text.split_once('=').ok_or_else(|| {
            let remedy =
                format!("write a name and a file, such as {argument} customers=customers.csv");
            UserError::bad_input(format!("{argument}: `{text}` has no `=`"), remedy)
        })?;
        check_name(name)
            .map_err(|what| UserError::bad_input(format!("{argument}: {what}"), NAME_REMEDY))?;
        Ok(Self {
            name,
            file,
            argument,
        })
    }

    /// The section for the file, in a configuration whose folder is `folder`.
    ///
    /// # Errors
    /// [`UserError`] if the file is not there, or cannot be read as a table.
    pub(super) fn section(&self, folder: &Path) -> Result<Sketched, UserError> {
        let (argument, name, file) = (self.argument, self.name, self.file);
        let path = fs::canonicalize(file).map_err(|e| {
            UserError::bad_input(
                format!("{argument} {name}: cannot find {file}: {}", e.kind()),
                format!("write a name and a file, such as {argument} customers=customers.csv"),
            )
        })?;
        let source = source(&path, folder).to_str().ok_or_else(|| {
            UserError::bad_input(
                format!("{argument} {name}: the path of {file} is not UTF-8"),
                "give the file another name",
            )
        })?;
        block_on(async {
            let section = sketch(name, &path, source).await;
            section.map_err(|e| {
                UserError::bad_input(format!("{argument} {name}: {}", e.what), e.remedy)
            })
        })
    }

    /// What the person has to know of the section beside its text.
    pub(super) fn remark(&self, section: &Sketched) -> Option<String> {
        let name = self.name;
        (!section.has_key).then(|| {
            format!(
                "no column of {name} looks like an identifier that another member may have too: until \
                 you add a [[table.{name}.key]] section, the table is not served"
            )
        })
    }
}

/// A file as the configuration is to call it: from the configuration's folder on if it is below it, so
/// that both can move together; else by its whole path. `path` is a canonical path.
fn source<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    let folder = fs::canonicalize(folder).ok();
    let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
    below
        .filter(|below| below.components().next().is_some())
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_below_the_configuration_is_called_from_there_and_another_one_by_its_whole_path() {
        let folder = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(folder.path()).unwrap();
        let below = here.join("data").join("t.csv");
        assert_eq!(source(&below, &here), Path::new("data/t.csv"));
        let beside = Path::new("/srv/t.csv");
        assert_eq!(source(beside, &here), beside);
        assert_eq!(source(&below, &here.join("not made yet")), below);
        assert_eq!(source(&here, &here), here);
    }
}
