//! What a member's tables offer the other member: what its policy allows the other to ask for.
//!
//! Spec 14 §4. A node makes it of its configuration, as far as its owner chooses, and never of rows.
//! It travels in an invite, in a reply, and as the answer to a member that asks. What is decoded is
//! bounded and ordered; every text in it was chosen by the other side.

use bincode::{Decode, Encode};
use sha2::{Digest as _, Sha512_256};

use super::{check_text, malformed};
use crate::error::Error;
use crate::limits;
use crate::messages::codec;
use crate::named_bytes::named_bytes;

named_bytes!(
    /// What the terms of an invite say of an offer: [`Offer::hash`].
    OfferHash, 32
);

/// The tables that a member offers the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// In ascending order of their names, each once.
    pub tables: Vec<OfferedTable>,
    /// Tables that are offered and have no room here.
    pub left_out: u32,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedTable {
    /// Its name, as queries write it behind the member's.
    pub name: String,
    /// Which form of query it answers: `aggregation`, `custom` or `list`.
    pub rule: String,
    /// How its queries of aggregates may be written: `join`, `semi`; empty for a list.
    pub forms: Vec<String>,
    /// The join keys.
    pub keys: Vec<OfferedKey>,
    /// The columns that a WHERE clause may use.
    pub filters: Vec<OfferedFilter>,
    /// What a GROUP BY may use.
    pub dimensions: Vec<OfferedDimension>,
    /// The columns that may be aggregated.
    pub aggregates: Vec<OfferedAggregate>,
    /// The names of its templates.
    pub templates: Vec<String>,
    /// What else bounds a question, if the owner tells it.
    pub rules: Option<OfferedRules>,
}

/// One join key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedKey {
    /// Its columns, in their order.
    pub columns: Vec<OfferedKeyColumn>,
    /// What is registered of it, if the owner tells it.
    pub size: Option<OfferedSize>,
}

/// One column of a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedKeyColumn {
    /// Its name.
    pub name: String,
    /// Its identifier kind (Spec 02 §1).
    pub kind: String,
}

/// What is registered of a key, and so public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedSize {
    /// Whether no value repeats.
    pub unique: bool,
    /// Distinct identities, as registered.
    pub identities: u64,
}

/// A column that a WHERE clause may use.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedFilter {
    /// Its name.
    pub column: String,
    /// The allowed comparisons, in the words of the configuration.
    pub operators: Vec<String>,
    /// What it may be compared with: `any`, `literals` or `columns`.
    pub compare: String,
}

/// What a GROUP BY may use.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedDimension {
    /// A column, or a part of a date such as `month(day)`.
    pub name: String,
    /// The labels of its groups without `other`, if the owner tells them.
    pub values: Option<Vec<String>>,
}

/// A column that may be aggregated.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedAggregate {
    /// Its name.
    pub column: String,
    /// The allowed functions, in the words of the configuration.
    pub functions: Vec<String>,
    /// Whether it may be part of an arithmetic expression.
    pub expressions: bool,
}

/// What else bounds a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OfferedRules {
    /// The fewest identities of an answer.
    pub minimum: u64,
    /// Whether the owner approves each run.
    pub approval: bool,
    /// Whether both members may receive a result.
    pub both_may_receive: bool,
    /// Whether the other member may receive aggregates of its own columns.
    pub owner_may_receive: bool,
    /// Jobs with one member per day, week, month, and in all.
    pub runs: [Option<u64>; 4],
    /// The largest epsilon of one job, in millionths.
    pub micro_epsilon_max: Option<u64>,
}

impl Offer {
    /// Adds a table if there is room for it, and counts it otherwise. Tables are added in ascending
    /// order of their names.
    pub fn add(&mut self, table: OfferedTable) {
        self.tables.push(table);
        if self.check().is_err() {
            self.tables.pop();
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Checks what encoding alone does not: bounds and order.
    ///
    /// # Errors
    /// [`crate::Code::MalformedMessage`].
    pub fn check(&self) -> Result<(), Error> {
        if self.tables.len() > limits::OFFER_TABLES_MAX {
            return Err(malformed("an offer of too many tables"));
        }
        let mut pairs = self.tables.iter().zip(self.tables.iter().skip(1));
        if !pairs.all(|(a, b)| a.name < b.name) {
            return Err(malformed("the tables of an offer are not in order"));
        }
        self.tables.iter().try_for_each(OfferedTable::check)?;
        if codec::encode(self).len() > limits::OFFER_BYTES_MAX {
            return Err(malformed("an offer that is too long"));
        }
        Ok(())
    }

    /// `SHA-512/256("psi/v1/offer" || canonical bytes)`, or of no bytes where nothing is offered.
    #[must_use]
    pub fn hash(offer: Option<&Self>) -> OfferHash {
        let bytes = offer.map(codec::encode).unwrap_or_default();
        let hash = Sha512_256::new().chain_update(b"psi/v1/offer");
        OfferHash(hash.chain_update(bytes).finalize().into())
    }
}

impl OfferedTable {
    fn check(&self) -> Result<(), Error> {
        check_text(&self.name)?;
        check_text(&self.rule)?;
        check_texts(&self.forms)?;
        for count in [
            self.keys.len(),
            self.filters.len(),
            self.dimensions.len(),
            self.aggregates.len(),
            self.templates.len(),
        ] {
            check_count(count)?;
        }
        for key in &self.keys {
            if key.columns.is_empty() || key.columns.len() > limits::KEY_COLUMNS_MAX {
                return Err(malformed("a key without columns, or of too many"));
            }
            for column in &key.columns {
                check_text(&column.name)?;
                check_text(&column.kind)?;
            }
        }
        for filter in &self.filters {
            check_text(&filter.column)?;
            check_text(&filter.compare)?;
            check_texts(&filter.operators)?;
        }
        for dimension in &self.dimensions {
            check_text(&dimension.name)?;
            if let Some(values) = &dimension.values {
                check_count(values.len())?;
                // A label may be empty.
                let long = |value: &String| value.len() > limits::OFFER_TEXT_BYTES_MAX;
                if values.iter().any(long) {
                    return Err(malformed("a text that is too long"));
                }
            }
        }
        for aggregate in &self.aggregates {
            check_text(&aggregate.column)?;
            check_texts(&aggregate.functions)?;
        }
        check_texts(&self.templates)
    }
}

const fn check_count(count: usize) -> Result<(), Error> {
    if count > limits::OFFER_ITEMS_MAX {
        return Err(malformed("a list of an offer is too long"));
    }
    Ok(())
}

fn check_texts(texts: &[String]) -> Result<(), Error> {
    check_count(texts.len())?;
    texts.iter().try_for_each(|text| check_text(text))
}
