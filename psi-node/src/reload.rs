//! Reads `node.toml` again while the node runs.
//!
//! At SIGHUP, and when the local API asks for it (`psi-node reload`). What begins afterwards, a job,
//! a question, a settlement, works with the new tables, rules and limits; what runs keeps those under
//! which it began (Spec 07 §10). Tables whose sections are the same are not loaded again. A file that
//! is not right changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregator::TableReport;
use serde::{Deserialize, Serialize};

use crate::api::types::NotServedInfo;
use crate::config::{self, NodeConfig};
use crate::error::UserError;
use crate::job::{Current, JobContext};
use crate::warnings;

/// What reading the configuration again has changed. The JSON of `POST /v1/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The configuration file.
    pub file: String,
    /// Tables that are new or whose sections differ, and that are served now.
    pub loaded: Vec<String>,
    /// The same of tables that are not served.
    pub not_served: Vec<String>,
    /// Those of them, and of the unchanged ones, that were served before.
    #[serde(default)]
    pub stopped: Vec<String>,
    /// Why tables of the file are not served, those included whose sections are as before.
    #[serde(default)]
    pub problems: Vec<NotServedInfo>,
    /// Tables whose sections are as before.
    pub unchanged: Vec<String>,
    /// Tables that the file does not have any more.
    pub removed: Vec<String>,
    /// Settings of which the running node keeps the values that it started with.
    pub needs_restart: Vec<String>,
}

/// Reads the configuration again and makes it that of whatever begins from now on.
///
/// # Errors
/// [`UserError`] with place and remedy if the file is not right; nothing has changed then.
pub async fn reload(node: &Current) -> Result<Reloaded, UserError> {
    let _alone = node.changing().await;
    let result = read_again(node).await;
    match &result {
        Ok(done) => tracing::info!(
            file = done.file,
            loaded = done.loaded.join(" "),
            stopped = done.stopped.join(" "),
            unchanged = done.unchanged.len(),
            removed = done.removed.join(" "),
            needs_restart = done.needs_restart.join(" "),
            "configuration read again"
        ),
        Err(error) => tracing::error!(
            %error,
            help = error.remedy,
            "the configuration was not taken over; the node goes on with the one before"
        ),
    }
    result
}

async fn read_again(node: &Current) -> Result<Reloaded, UserError> {
    let before = node.get();
    let mut config = NodeConfig::load(&before.config.file)?;
    let needs_restart = config.keep_what_needs_a_restart(&before.config);
    let same = config.same_tables(&before.config);
    let (catalog, tables, kept) = (before.catalog.clone(), config.table.clone(), same.clone());
    let loading = async move { catalog.reconfigured(&tables, &kept).await };
    let loaded = before.engine.run(loading).await;
    let (catalog, report) = loaded
        .map_err(|e| UserError::internal(format!("loading the tables stopped: {e}")))?
        .map_err(config::problem)?;
    let named = |of: fn(&TableReport) -> bool| {
        let tables = report.tables.iter().filter(|table| of(table));
        tables.map(|table| table.name.clone()).collect()
    };
    let served = before.catalog.tables().into_iter();
    let served: BTreeSet<String> = served.map(|table| table.name).collect();
    let not_served = catalog.not_served();
    let stopped = not_served.iter().map(|table| &table.name);
    let stopped = stopped.filter(|name| served.contains(*name)).cloned();
    let removed = before.config.table.keys();
    let removed = removed.filter(|name| !config.table.contains_key(*name));
    let done = Reloaded {
        file: config.file.display().to_string(),
        loaded: named(TableReport::is_served),
        not_served: named(|table| !table.is_served()),
        stopped: stopped.collect(),
        problems: not_served
            .into_iter()
            .map(|table| {
                let section = config.section_digest(&table.name).unwrap_or_default();
                NotServedInfo::new(table, section)
            })
            .collect(),
        removed: removed.cloned().collect(),
        unchanged: same.into_iter().collect(),
        needs_restart: needs_restart.into_iter().map(str::to_owned).collect(),
    };
    warnings::log(&config, &before.key.id(), &before.state)?;
    node.set(Arc::new(JobContext {
        config: Arc::new(config),
        catalog,
        ..(*before).clone()
    }));
    Ok(done)
}
