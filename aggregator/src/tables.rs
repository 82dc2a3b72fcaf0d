//! The tables of this node: loaded, checked and measured, and looked up by name.
//!
//! Spec 10 §2. Called by [`crate::Catalog`], which loads them, and by planning and freezing, which
//! read what a load found. A table that fails a check is not served, and only its owner learns why.

pub(crate) mod columns;
mod count;
pub(crate) mod groups;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod row_filter;
pub(crate) mod table;
