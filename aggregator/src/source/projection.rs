//! Which columns a reading asks for, and in which form.
//!
//! Spec 10 §2.4 and §2.5. Made by the load and by freezing; [`super::read`] delivers what it says. It
//! names columns and nothing else: no condition and no limit.

use psi_core::identifier::IdentifierKind;

/// The columns that a reading asks for, each once. A column is known by its place here in every
/// batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projection(pub(super) Vec<Wanted>);

/// A column that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its number in the source.
    pub(super) column: usize,
    pub(super) reading: Reading,
}

/// How the values of a column are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As conditions, groups and sums see them.
    Value,
    /// Those of a text file as the text that they are.
    Stored,
    /// Like [`Self::Stored`], with bytes as hexadecimal digits.
    Hex,
}

impl Projection {
    /// The place of a column as conditions, groups and sums see it.
    pub(crate) fn value(&mut self, column: usize) -> usize {
        self.place(column, Reading::Value)
    }

    /// The place of a column as a key of this kind and lists see it.
    pub(crate) fn key(&mut self, column: usize, kind: IdentifierKind) -> usize {
        let reading = match kind {
            IdentifierKind::Hex => Reading::Hex,
            // A hash may be stored as bytes.
            kind if kind.hashed().is_some() => Reading::Hex,
            _ => Reading::Stored,
        };
        self.place(column, reading)
    }

    fn place(&mut self, column: usize, reading: Reading) -> usize {
        let wanted = Wanted { column, reading };
        let known = self.0.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            self.0.push(wanted);
            self.0.len() - 1
        })
    }

    /// The columns that are seen as conditions, groups and sums see them.
    pub(crate) fn values(&self) -> impl Iterator<Item = usize> + '_ {
        let values = self.0.iter();
        let values = values.filter(|wanted| wanted.reading == Reading::Value);
        values.map(|wanted| wanted.column)
    }

    /// For each place, the number of its column in the source.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|wanted| wanted.column)
    }
}
