//! The accepted SQL subset: from text to a small typed tree, and back to canonical text.
//!
//! Spec 10 §3. [`parse`] reads the accepted grammar and refuses the rest by name, [`ast`] is what
//! remains, [`arith`] its arithmetic, [`canonical`] prints it, [`typing`] and [`predicate`] turn
//! one side's conjuncts into expressions of the data engine, comparing exactly by [`placing`] and
//! [`axis`].

pub(crate) mod arith;
pub(crate) mod ast;
pub(crate) mod axis;
pub(crate) mod canonical;
pub(crate) mod dimension;
pub(crate) mod parse;
mod placing;
pub(crate) mod predicate;
pub(crate) mod temporal;
pub(crate) mod typing;

#[cfg(test)]
mod tests;
