//! The data engine, kept small: it scans files and evaluates expressions, nothing else.
//!
//! Spec 10 §2.5. Every scan gets a context of its own, so that no cache outlives a change of the
//! files. The memory pool is bounded and spilling is off: sorting and distinct are ours.

use std::sync::Arc;

use datafusion::config::CsvOptions;
use datafusion::datasource::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::config::EngineOptions;
use crate::source::{Format, Source};

/// A fresh context under the owner's limits.
pub(crate) fn context(options: &EngineOptions) -> Result<SessionContext> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(options.memory_bytes, 1.0)
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let config = SessionConfig::new()
        .with_target_partitions(options.threads.max(1))
        .with_collect_statistics(false);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// All rows of a source, with the raw columns.
pub(crate) fn rows(context: &SessionContext, source: &Source) -> Result<DataFrame> {
    context.read_table(provider(context, source)?)
}

fn provider(context: &SessionContext, source: &Source) -> Result<Arc<dyn TableProvider>> {
    let format: Arc<dyn FileFormat> = match source.files.format {
        Format::Csv => {
            let options = CsvOptions::default()
                .with_has_header(true)
                // A quoted value may hold line ends, so a file cannot be cut in the middle.
                .with_newlines_in_values(true);
            Arc::new(CsvFormat::default().with_options(options))
        }
        Format::Parquet => {
            let options = context.copied_table_options().parquet;
            Arc::new(
                ParquetFormat::default()
                    .with_options(options)
                    .with_force_view_types(false)
                    .with_coerce_int96(Some("us".to_owned())),
            )
        }
    };
    let options = ListingOptions::new(format).with_file_extension("");
    let urls = source
        .files
        .files
        .iter()
        .map(|file| ListingTableUrl::parse(file.url()))
        .collect::<Result<Vec<_>>>()?;
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::clone(&source.raw));
    Ok(Arc::new(ListingTable::try_new(config)?))
}
