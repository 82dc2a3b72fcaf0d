//! Tests of the whole crate, over files that they write themselves.

mod columns;
mod conditions;
mod formats;
mod jobs;
mod joined;
mod lists;
mod loading;
mod pipeline;
mod planning;
mod policies;
mod private;
mod reloading;
mod work;
