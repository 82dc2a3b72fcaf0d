//! The engine that runs SQL: `DataFusion`, with this node's sources as its only tables.
//!
//! Spec 10 §2.9. Nothing of the engine's own ways to files, addresses or settings is there to be called:
//! no file formats, no table functions, no catalogue of its state. Joins are made by sorting, because
//! sorting is what goes to disk when memory ends.

use std::path::Path;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{SessionStateDefaults, config::SessionConfig};

use super::memory::RunMemory;
use crate::config::SqlOptions;

/// Memory that one thread needs to sort without writing tiny pieces.
const THREAD_BYTES: u64 = 24 << 20;

/// With one thread the engine joins in memory, whatever it is told.
const THREADS_MIN: u64 = 2;

/// Rows of a batch. A merge holds a batch of everything that it merges.
pub(super) const BATCH_ROWS: usize = 512;

/// Pieces on disk that a sort merges at once. With more it would ask for its whole share before it
/// begins.
const MERGED_AT_ONCE: usize = 8;

/// The part of its memory that a sort keeps for merging what it wrote to disk.
const MERGE_PART: u64 = 8;

/// A session that knows no table yet.
pub(super) fn session(
    options: &SqlOptions,
    spill: &Path,
    threads: usize,
) -> Result<SessionState, DataFusionError> {
    let memory = options.memory_bytes;
    let threads = (memory / THREAD_BYTES).clamp(THREADS_MIN, threads.max(2) as u64);
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut config = SessionConfig::new()
        .with_target_partitions(bytes(threads))
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false);
    let settings = config.options_mut();
    // Names are those of the files, letter by letter.
    settings.sql_parser.enable_ident_normalization = false;
    settings.sql_parser.parse_float_as_decimal = true;
    settings.sql_parser.map_string_types_to_utf8view = false;
    settings.sql_parser.collect_spans = true;
    settings.optimizer.prefer_hash_join = false;
    settings.execution.sort_spill_reservation_bytes = bytes(memory / MERGE_PART / threads);
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill.to_owned()]))
        .with_max_temp_directory_size(options.disk_bytes)
        .with_max_spill_merge_fan_in(MERGED_AT_ONCE);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(RunMemory::new(bytes(memory))))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(SessionStateDefaults::default_scalar_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build())
}
