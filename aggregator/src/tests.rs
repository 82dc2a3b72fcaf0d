//! Tests of the whole crate, over files that they write themselves.

mod formats;
mod loading;
mod oracle;
mod planning;
