//! Chooses the kernel that a program uses.
//!
//! Spec 02 §4. Called once, when a program starts. It reads no environment: a program that lets its
//! user choose reads a [`Choice`] from wherever it likes.

use std::str::FromStr;
use std::sync::Arc;

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::ifma::Ifma;
use super::portable::Portable;

/// The kernel that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The last of [`available`]: in general the fastest one that this machine can run.
    #[default]
    Auto,
    /// The one that runs everywhere.
    Portable,
    /// The one for x86-64 with AVX2 and FMA.
    Avx2,
    /// The one for x86-64 with AVX-512 F, DQ and IFMA.
    Ifma,
}

/// The words that [`Choice`] is read from.
const WORDS: [(&str, Choice); 4] = [
    ("auto", Choice::Auto),
    ("portable", Choice::Portable),
    ("avx2", Choice::Avx2),
    ("ifma", Choice::Ifma),
];

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        WORDS
            .into_iter()
            .find_map(|(word, choice)| (word == text).then_some(choice))
            .ok_or(UnknownChoice)
    }
}

/// A word that names no [`Choice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernels are `auto`, `portable`, `avx2` and `ifma`")]
pub struct UnknownChoice;

/// A kernel that this machine cannot run was asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// [`Choice::Avx2`].
    #[error("the kernel `avx2` needs an x86-64 processor with AVX2 and FMA")]
    Avx2,
    /// [`Choice::Ifma`].
    #[error("the kernel `ifma` needs an x86-64 processor with AVX-512 F, DQ and IFMA")]
    Ifma,
}

/// The kernel that was asked for.
///
/// # Errors
/// [`Unavailable`] if [`Choice::Avx2`] or [`Choice::Ifma`] cannot run here; the other choices never
/// fail.
pub fn select(choice: Choice) -> Result<Arc<dyn Kernel>, Unavailable> {
    match choice {
        Choice::Auto => Ok(ifma().or_else(avx2).unwrap_or_else(|| Arc::new(Portable))),
        Choice::Portable => Ok(Arc::new(Portable)),
        Choice::Avx2 => avx2().ok_or(Unavailable::Avx2),
        Choice::Ifma => ifma().ok_or(Unavailable::Ifma),
    }
}

/// Every kernel that this machine can run, the portable one first; for comparisons.
#[must_use]
pub fn available() -> Vec<Arc<dyn Kernel>> {
    let portable: Arc<dyn Kernel> = Arc::new(Portable);
    std::iter::once(portable)
        .chain(avx2())
        .chain(ifma())
        .collect()
}

#[cfg(target_arch = "x86_64")]
fn avx2() -> Option<Arc<dyn Kernel>> {
    Avx2::detect().map(|kernel| Arc::new(kernel) as Arc<dyn Kernel>)
}

#[cfg(target_arch = "x86_64")]
fn ifma() -> Option<Arc<dyn Kernel>> {
    Ifma::detect().map(|kernel| Arc::new(kernel) as Arc<dyn Kernel>)
}

#[cfg(not(target_arch = "x86_64"))]
fn avx2() -> Option<Arc<dyn Kernel>> {
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn ifma() -> Option<Arc<dyn Kernel>> {
    None
}

#[cfg(test)]
mod tests {
    use super::{Choice, Unavailable, UnknownChoice, available, select};

    #[test]
    fn every_choice_is_read_from_its_word_and_no_other_word_is_one() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("portable".parse(), Ok(Choice::Portable));
        assert_eq!("avx2".parse(), Ok(Choice::Avx2));
        assert_eq!("ifma".parse(), Ok(Choice::Ifma));
        for word in ["", "AVX2", "avx512", "portable ", "dalek"] {
            assert_eq!(word.parse::<Choice>(), Err(UnknownChoice), "{word:?}");
        }
    }

    #[test]
    fn a_kernel_asked_for_by_name_is_that_kernel_or_an_error() {
        assert_eq!(select(Choice::Portable).unwrap().name(), "portable");
        for (choice, name, missing) in [
            (Choice::Avx2, "avx2", Unavailable::Avx2),
            (Choice::Ifma, "ifma", Unavailable::Ifma),
        ] {
            let is_available = available().iter().any(|kernel| kernel.name() == name);
            match select(choice) {
                Ok(kernel) => assert_eq!(kernel.name(), name),
                Err(error) => assert_eq!((error, is_available), (missing, false)),
            }
        }
    }

    #[test]
    fn the_automatic_choice_is_the_last_of_those_available() {
        let names: Vec<_> = available().iter().map(|kernel| kernel.name()).collect();
        assert_eq!(names[0], "portable");
        assert_eq!(select(Choice::Auto).unwrap().name(), names[names.len() - 1]);
    }
}
