//! Tests of the whole crate, over files that they write themselves.

mod columns;
mod conditions;
mod dialects;
mod folders;
mod formats;
mod jobs;
mod joined;
pub(crate) mod kept_types;
mod keys;
mod lists;
mod loading;
mod packed;
mod parts;
mod pipeline;
mod planning;
mod policies;
mod private;
mod reloading;
mod settings_page;
mod work;
