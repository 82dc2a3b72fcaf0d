//! The accepted SQL subset: from text to a small typed tree, and back to canonical text.
//!
//! Spec 10 §3. [`parse`] reads the accepted grammar and refuses the rest by name, [`ast`] is what
//! remains, [`arith`] its arithmetic, [`asked`] what it asks of
//! one table, [`canonical`] prints it, [`typing`] says what
//! a column can be compared with, [`exact_compare`] and [`temporal`] put literals beside its values, [`zone`]
//! knows local times, [`meant_date`] says what a date in another form means.

pub(crate) mod arith;
pub(crate) mod asked;
pub(crate) mod ast;
pub(crate) mod canonical;
pub(crate) mod dimension;
pub(crate) mod exact_compare;
pub(crate) mod meant_date;
pub(crate) mod parameter;
pub(crate) mod parse;
pub(crate) mod temporal;
pub(crate) mod typing;
pub(crate) mod zone;

#[cfg(test)]
mod tests;
