//! Where the state folder of a node is, as far as a configuration that does not read still says so.
//!
//! Called by commands that only put a question to a running node, or read its state: a slip in the
//! section of a table must not keep an owner from cancelling a job. Reads one setting and judges
//! nothing else.

use std::path::{Path, PathBuf};

use psi_audit::text_file::read_text;

use super::{CONFIG_BYTES_MAX, default_state_dir};
use crate::durable_file;

/// The setting that is read.
const SETTING: &str = "state_dir";

/// The state folder that the configuration file names; none if there is no such file, or what it says
/// of the folder cannot be read.
pub(crate) fn state_dir(file: &Path) -> Option<PathBuf> {
    let text = read_text(file, CONFIG_BYTES_MAX, String::new).ok()?;
    Some(durable_file::folder_of(file).join(in_text(&text)?))
}

fn in_text(text: &str) -> Option<PathBuf> {
    if let Ok(whole) = toml::from_str::<toml::Table>(text) {
        return folder(whole.get(SETTING));
    }
    // Settings of the node itself come before the first section.
    let lines = text.lines().map(str::trim_start);
    let mut own = lines.take_while(|line| !line.starts_with('['));
    let line = own.find(|line| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        name == Some(SETTING)
    });
    match line {
        None => Some(default_state_dir()),
        Some(line) => {
            let only: toml::Table = toml::from_str(line).ok()?;
            folder(only.get(SETTING))
        }
    }
}

fn folder(value: Option<&toml::Value>) -> Option<PathBuf> {
    match value {
        None => Some(default_state_dir()),
        Some(value) => value.as_str().map(PathBuf::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_found_beside_whatever_else_is_wrong() {
        for (text, folder) in [
            ("state_dir = \"there\"\nunknown = 3\n", Some("there")),
            (
                "name = brand\nstate_dir = \"there\" # ours\n",
                Some("there"),
            ),
            (
                "name = brand\n[table.t]\nstate_dir = \"no\"\n",
                Some("state"),
            ),
            ("= [\n", Some("state")),
            ("name = brand\nstate_dir = there\n", None),
            ("state_dir = 3\n", None),
        ] {
            assert_eq!(in_text(text), folder.map(PathBuf::from), "{text}");
        }
        assert_eq!(state_dir(Path::new("/no/such/node.toml")), None);
    }
}
