//! `node.toml`: what a node is called, where it listens, what it keeps where, which tables it serves.
//!
//! Reads and checks the file alone; whether tables and data fit is the aggregator's check at load.
//! Unknown fields are errors, because a mistyped rule that is silently ignored would be a leak.

mod misplaced;
pub(crate) mod place;
mod population;
mod renewal;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aggregator::budget::Populations;
use aggregator::{Problem, SourceConfigs, TableConfigs};
use bytesize::ByteSize;
use psi_audit::name::{NAME_REMEDY, check_name};
use psi_audit::seal::Auditor;
use psi_audit::text_file::{read_text, toml_error};
use serde::{Deserialize, Deserializer, de};

use crate::durable_file;
use crate::duration_text::Span;
use crate::error::UserError;
use crate::identity::KEY_FILE;
use crate::memory;
use crate::places::Places;
use crate::policy_text;

/// Larger than any configuration made by hand.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The local API's socket in the state folder.
pub(crate) const SOCKET_FILE: &str = "api.sock";

/// A node's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The member's name, as collaborations and queries write it.
    pub name: String,
    /// Where the node waits for its peers (UDP).
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// Where durable state is kept, relative to the configuration file. See [`Self::state_dir`].
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Jobs that run at the same time, requested and served together. How peers share them:
    /// [`Places`].
    #[serde(skip)]
    pub jobs_max: usize,
    /// What the file says of [`Self::jobs_max`]; without it, 8, or as many as `memory_limit` has room
    /// for.
    #[serde(default, rename = "jobs_max")]
    jobs_max_wanted: Option<usize>,
    /// Seconds that a peer may be silent in the middle of a job.
    #[serde(default = "default_timeout_s")]
    pub peer_timeout_s: u64,
    /// Seconds to keep trying a peer that is not up yet.
    #[serde(default = "default_timeout_s")]
    pub connect_timeout_s: u64,
    /// The most identities that either side of a job may register: a peer that registers many makes
    /// this node compute and keep lists for hours. Without it, a hundred times as many as this
    /// node's largest table has, and a million at least.
    #[serde(default)]
    pub identities_max: Option<u64>,
    /// The smallest epsilon of a question under a collaboration in mode `dp`. A smaller one makes
    /// both nodes compute more for an answer that says less.
    #[serde(default = "default_epsilon_min")]
    pub epsilon_min: f64,
    /// What the whole node may hold in memory, all jobs together. See [`crate::memory`].
    #[serde(default = "default_memory_limit")]
    pub memory_limit: ByteSize,
    /// What the lists of all jobs together may hold in memory before they go to disk; without it,
    /// what the limit leaves them.
    #[serde(default)]
    pub list_memory: Option<ByteSize>,
    /// The most that the lists of all jobs together may take on disk; those of one peer may take
    /// half of it. Without it: the space that is free when the node starts, less a reserve.
    #[serde(default)]
    pub disk_limit: Option<ByteSize>,
    /// Threads that read tables; 0 takes one per processor.
    #[serde(default)]
    pub engine_threads: usize,
    /// How long a question waits for the owner's approval, and how long a decision is valid.
    #[serde(default = "default_approval_expires")]
    pub approval_expires: Span,
    /// Whom the tables are about, and how much may be learnt about each of them.
    #[serde(default)]
    pub population: Populations,
    /// For how long a record of each job is kept for the auditor, in days, such as `"90d"`; without
    /// it none is. See [`crate::audit`].
    #[serde(default)]
    pub retain_for_audit: Option<Days>,
    /// What those records may take on disk, those of one peer's questions half of it.
    #[serde(default = "default_audit_limit")]
    pub audit_limit: ByteSize,
    /// The auditor's public key, to which records are encrypted.
    #[serde(default)]
    pub auditor: Option<Auditor>,
    /// The files that the SQL of tables may name.
    #[serde(default)]
    pub source: SourceConfigs,
    /// The tables this node serves: nothing that is not listed here can be asked for.
    #[serde(default)]
    pub table: TableConfigs,
    /// The canonical policy of each table, for receipts. See [`crate::policy_text`].
    #[serde(skip)]
    pub policies: BTreeMap<String, String>,
    /// The configuration file.
    #[serde(skip)]
    pub file: PathBuf,
    /// The folder of the configuration file; relative paths start here.
    #[serde(skip)]
    pub base_dir: PathBuf,
}

/// A number of days, written `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    /// The most days that records are kept: ten years.
    const MAX: u32 = 3650;

    /// How many they are.
    #[must_use]
    pub const fn days(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        let days = days.filter(|days| (1..=Self::MAX).contains(days));
        let expected = "a number of days from 1 to 3650 with a d, such as \"90d\"";
        days.map(Self)
            .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
    }
}

/// An address to listen on. A name may have several, or another one tomorrow.
fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        let expected = "an IP address and a port, such as \"0.0.0.0:7601\", \"[::]:7601\" or, for this \
                        machine alone, \"127.0.0.1:7601\"; a name does not say on which address to listen";
        de::Error::invalid_value(de::Unexpected::Str(&text), &expected)
    })
}

fn default_state_dir() -> PathBuf {
    PathBuf::from("state")
}
/// Jobs at the same time where the owner does not say.
const JOBS_MAX_UNLESS_SAID: usize = 8;
const fn default_timeout_s() -> u64 {
    60
}
const fn default_approval_expires() -> Span {
    Span::hours(24)
}
const fn default_audit_limit() -> ByteSize {
    ByteSize::gib(64)
}
const fn default_epsilon_min() -> f64 {
    0.05
}
const fn default_memory_limit() -> ByteSize {
    ByteSize::mib(512)
}

impl NodeConfig {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`UserError`] with file, line and column.
    pub fn load(path: &Path) -> Result<Self, UserError> {
        let text = read_text(path, CONFIG_BYTES_MAX, || {
            "run `psi-node init DIR --name NAME --listen ADDRESS` to make one, or name yours with \
             --config DIR/node.toml"
                .to_owned()
        })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a configuration; `path` is where it came from.
    ///
    /// # Errors
    /// [`UserError`] with file, line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, UserError> {
        let mut config: Self = toml::from_str(text).map_err(|e| {
            misplaced::of_a_table(path, text, &e).unwrap_or_else(|| {
                toml_error(
                    path,
                    text,
                    &e,
                    "correct the file; docs/operating lists every field",
                )
            })
        })?;
        aggregator::attach_sources(&mut config.table, &config.source).map_err(|wrong| {
            let wrong = problem(wrong);
            UserError::bad_input(format!("{}: {}", path.display(), wrong.what), wrong.remedy)
        })?;
        config.policies = policy_text::of_tables(text);
        path.clone_into(&mut config.file);
        config.base_dir = durable_file::folder_of(path).to_path_buf();
        let room = |jobs: &usize| memory::limit_min(*jobs) <= config.memory_limit;
        let fits = (Places::JOBS_MIN..=JOBS_MAX_UNLESS_SAID).rev().find(room);
        config.jobs_max = config.jobs_max_wanted.or(fits).unwrap_or(Places::JOBS_MIN);
        config.validate(path)?;
        population::check(&config, text, path)?;
        Ok(config)
    }

    fn validate(&self, path: &Path) -> Result<(), UserError> {
        let place = path.display();
        check_name(&self.name)
            .map_err(|what| UserError::bad_input(format!("{place}: name: {what}"), NAME_REMEDY))?;
        let ranges = [
            (
                "jobs_max",
                self.jobs_max as u64,
                Places::JOBS_MIN as u64,
                64,
            ),
            (
                "identities_max",
                self.identities_max.unwrap_or(1),
                1,
                psi_core::limits::IDENTITIES_MAX,
            ),
            ("peer_timeout_s", self.peer_timeout_s, 1, 86_400),
            ("connect_timeout_s", self.connect_timeout_s, 1, 86_400),
            ("engine_threads", self.engine_threads as u64, 0, 1024),
        ];
        for (field, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return Err(UserError::bad_input(
                    format!("{place}: {field} is {value}"),
                    format!("choose a value from {low} to {high}"),
                ));
            }
        }
        if !(0.0..=16.0).contains(&self.epsilon_min) {
            return Err(UserError::bad_input(
                format!("{place}: epsilon_min is {}", self.epsilon_min),
                "choose a value from 0 to 16",
            ));
        }
        if self.retain_for_audit.is_some() != self.auditor.is_some() {
            return Err(UserError::bad_input(
                format!("{place}: only one of retain_for_audit and auditor is set"),
                "set both to keep records for the auditor, or neither",
            ));
        }
        let least = memory::limit_min(self.jobs_max);
        if self.memory_limit < least {
            return Err(UserError::bad_input(
                format!(
                    "{place}: memory_limit is {}, too little for {} jobs at once",
                    self.memory_limit, self.jobs_max
                ),
                format!("choose {least} or more, such as \"2GiB\", or a smaller jobs_max"),
            ));
        }
        Ok(())
    }

    /// Where durable state is kept.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.base_dir.join(&self.state_dir)
    }

    /// The node's key, beside the configuration.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.base_dir.join(KEY_FILE)
    }

    /// The local API's socket.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.state_dir().join(SOCKET_FILE)
    }

    /// See [`Self::peer_timeout_s`].
    #[must_use]
    pub const fn peer_timeout(&self) -> Duration {
        Duration::from_secs(self.peer_timeout_s)
    }

    /// See [`Self::connect_timeout_s`].
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s)
    }

    /// See [`Self::engine_threads`], with 0 replaced by the number of processors.
    #[must_use]
    pub fn engine_threads(&self) -> usize {
        match self.engine_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }
}

/// A value of the configuration that makes no sense whatever the data.
pub(crate) fn problem(problem: Problem) -> UserError {
    UserError::bad_input(
        format!("{}: {}", problem.place, problem.what),
        problem.remedy,
    )
}

#[cfg(test)]
mod tests;
