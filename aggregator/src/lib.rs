//! SQL, data sources and rules of a Glovebox node: what may be asked, and which rows answer it.
//!
//! The crate turns a query over two members' tables into this side's half of a job (a canonical
//! text, a plan, public facts), asks the owner's policy, and freezes the rows that the plan
//! selects into a sorted list of identity digests. The `parquet` and `arrow-csv` crates decode
//! files, `condition` evaluates what queries say, and `psi_core::store` sorts (see Spec 10).
//!
//! It never speaks to a peer, never blinds anything, and opens no file for writing. A peer's text
//! becomes a small typed tree first, and nothing in it can fail, end early or cost more by what a row
//! holds.

#![forbid(unsafe_code)]
// `clippy.toml` beside `src` says what never happens here; tests may do all of it.
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests read settings of their own, print their seeds and start other programs"
    )
)]

pub mod budget;
pub mod calendar;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod import_aws;
pub mod policy;

mod agreed_types;
mod catalog;
mod column;
mod condition;
mod config;
mod domain;
mod error;
mod freeze;
mod key_text;
mod matched_rows;
mod phone;
mod plan;
mod report;
mod result;
mod rows;
mod scan;
mod similar;
mod sketch;
mod source;
mod sql;
mod survey;
mod tables;
mod value;
mod view;

pub use agreed_types::{AgreedTypes, ColumnTypes, NoTypes};
pub use catalog::{Catalog, Look};
pub use config::{
    AggregateConfig, AggregateFunction, Approval, CatalogueLevel, ColumnType, Compare, CsvConfig,
    DomainValue, FilterConfig, FilterConfigs, KeyConfig, Operator, ParameterType, PhoneConfig,
    QueryForm, ReadOptions, ResultTo, RuleKind, ScalarFunction, SourceConfig, SourceConfigs,
    SqlOptions, TableConfig, TableConfigs, TemplateConfig, attach_sources,
};
pub use error::{FreezeError, Mistake, Position, Problem, QueryError, Refusal, Told, Unavailable};
pub use freeze::input::JobInput;
pub use freeze::limits::RowKey;
pub use matched_rows::{ListError, ListFormat};
pub use plan::{HiddenLiteral, MemberNames, OutputPlan, RequestPlan, ResponsePlan, SidePlan};
pub use report::{
    AggregateReport, ClassCount, ColumnReport, DimensionReport, KeyColumnReport, KeyReport,
    LoadReport, NotServed, ServedKey, ServedTable, SharedValues, TableReport, ValueClass,
};
pub use result::{
    ColumnNoise, NoisyKind, NoisyNumber, ResultColumn, ResultError, ResultRow, ResultTable,
    ResultValue,
};

pub use sketch::{Sketched, hints::hints, sketch};
pub use sql::parse::token::statements::{Statement, statements};

#[cfg(test)]
#[path = "../../psi-node/src/golden.rs"]
#[allow(
    clippy::disallowed_methods,
    reason = "a variable says whether to write"
)]
mod golden;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
