//! What of a changed configuration a running node takes over, and what needs a restart.
//!
//! Called when the daemon reads `node.toml` again. Tables and everything about them are taken over;
//! what was handed out when the node started is not: its name and places, memory, threads and time
//! limits of the network.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::NodeConfig;

/// A setting that is taken from the file at start alone.
struct AtStart {
    name: &'static str,
    differs: fn(&NodeConfig, &NodeConfig) -> bool,
    keep: fn(&mut NodeConfig, &NodeConfig),
}

/// Keeps a field of the running configuration.
macro_rules! at_start {
    ($($field:ident),*) => {
        [$(AtStart {
            name: stringify!($field),
            differs: |new, old| new.$field != old.$field,
            keep: |new, old| new.$field.clone_from(&old.$field),
        }),*]
    };
}

const AT_START: [AtStart; 9] = at_start!(
    name,
    listen,
    state_dir,
    jobs_max,
    peer_timeout_s,
    memory_limit,
    list_memory,
    disk_limit,
    engine_threads
);

impl NodeConfig {
    /// Gives the settings that are taken at start the values that they have in `running`, and says
    /// which ones would be others.
    pub(crate) fn keep_what_needs_a_restart(&mut self, running: &Self) -> Vec<&'static str> {
        let differing = AT_START
            .iter()
            .filter(|setting| (setting.differs)(self, running));
        let names: Vec<_> = differing.map(|setting| setting.name).collect();
        for setting in &AT_START {
            (setting.keep)(self, running);
        }
        names
    }

    /// The tables whose sections are the same in both, and the files and SQL that they name.
    pub(crate) fn same_tables(&self, other: &Self) -> BTreeSet<String> {
        let tables = self.table.iter();
        let same = tables.filter(|(name, section)| {
            let before = other.table.get(*name);
            before.is_some_and(|before| before.rows_text() == section.rows_text())
                && self.policies.get(*name) == other.policies.get(*name)
        });
        same.map(|(name, _)| name.clone()).collect()
    }

    /// A digest of the section of a table, by which another program on this machine can tell whether it
    /// has read the same one; none for a table that is not configured.
    pub(crate) fn section_digest(&self, table: &str) -> Option<String> {
        let (section, rules) = (self.table.get(table)?, self.policies.get(table)?);
        let digest = Sha256::new()
            .chain_update(rules.as_bytes())
            .chain_update([0])
            .chain_update(section.rows_text().as_bytes())
            .finalize();
        Some(hex::encode(digest))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BEFORE: &str = "name = \"anna\"\nlisten = \"127.0.0.1:7601\"\n\
                          [table.a]\nsource = \"a.csv\"\nminimum = 5\n\
                          [table.b]\nsource = \"b.csv\"\nminimum = 5\n\
                          [table.c]\nsource = \"c.csv\"\nminimum = 5\n";

    fn parsed(text: &str) -> NodeConfig {
        NodeConfig::parse(text, Path::new("node.toml")).unwrap()
    }

    #[test]
    fn what_needs_a_restart_stays_and_is_named_and_the_rest_is_taken_over() {
        let running = parsed(BEFORE);
        let mut new = parsed(&BEFORE.replace("7601", "7602").replace(
            "[table.a]",
            "jobs_max = 3\nconnect_timeout_s = 7\n[table.a]",
        ));
        let restart = new.keep_what_needs_a_restart(&running);
        assert_eq!(restart, ["listen", "jobs_max"]);
        assert_eq!(new.listen, running.listen);
        assert_eq!(new.jobs_max, running.jobs_max);
        assert_eq!(new.connect_timeout_s, 7);
        assert!(
            parsed(BEFORE)
                .keep_what_needs_a_restart(&running)
                .is_empty()
        );
    }

    #[test]
    fn a_table_is_the_same_if_its_section_says_the_same() {
        let running = parsed(BEFORE);
        let new = parsed(
            &BEFORE
                .replace("a.csv\"\nminimum = 5", "a.csv\"\nminimum = 6")
                .replace("b.csv", "other.csv"),
        );
        let same: Vec<_> = new.same_tables(&running).into_iter().collect();
        assert_eq!(same, ["c"]);
    }

    #[test]
    fn a_table_of_sql_is_the_same_if_its_text_and_its_sources_are() {
        let text = "name = \"anna\"\nlisten = \"127.0.0.1:7601\"\n\
                    [source.orders]\npath = \"orders\"\n[source.other]\npath = \"other\"\n\
                    [table.a]\nsql = \"SELECT id FROM orders\"\n";
        let running = parsed(text);
        let same = |text: &str| parsed(text).same_tables(&running).contains("a");
        assert!(same(&text.replace("\"other\"", "\"elsewhere\"")));
        for (now, then) in [("\"orders\"", "\"new\""), ("SELECT id", "SELECT id, n")] {
            let changed = text.replace(now, then);
            assert!(!same(&changed), "{changed}");
            assert_ne!(
                parsed(&changed).section_digest("a"),
                running.section_digest("a")
            );
        }
    }
}
