//! Advice about tables that answer with lists.
//!
//! A list tells the member that asks which of its own identifiers are in the table (Spec 04 §7).
//! What an owner may not expect of it: the minimum protects nobody in a list that is long enough,
//! a condition tells values person by person, and identifiers that can be counted through can all
//! be tried.

use psi_core::identifier::IdentifierKind;

use super::{Linter, Weight};
use crate::config::{Approval, KeyConfig, RuleKind};
use crate::policy::same_name;

impl Linter<'_> {
    pub(super) fn answers_lists(&self) -> bool {
        self.table.rule == RuleKind::List
    }

    pub(super) fn lists(&mut self) {
        if !self.answers_lists() {
            return;
        }
        self.say(
            Weight::Wide,
            "rule",
            "each answer names to the member that asks which of its identifiers are in this table, \
             person by person; the minimum holds back short lists alone, and not from that \
             member's node",
            "choose \"aggregation\" unless the members have agreed on exchanging lists",
        );
        if self.table.approval == Approval::Auto {
            self.say(
                Weight::Note,
                "approval",
                "lists are given without anybody here having read the question",
                "set approval = \"manual\" to decide on each",
            );
        }
        for (number, key) in self.table.key.iter().enumerate() {
            if can_be_counted_through(key) {
                self.say(
                    Weight::Wide,
                    &format!("key[{}].kinds", number + 1),
                    "all identifiers of this kind can be put into the other member's table, whose \
                     list then is the whole of this one",
                    "join on a column whose values cannot be counted through, or set approval = \
                     \"manual\" and look at the registered size of the other table",
                );
            }
        }
        for (column, _) in self.table.filter.iter() {
            let mut keys = self.table.key.iter().flat_map(|key| &key.columns);
            if !keys.any(|key| same_name(key, column)) {
                self.say(
                    Weight::Wide,
                    &format!("filter.{column}"),
                    "lists under two conditions on the column tell its value for each person in \
                     them",
                    "take it off the list unless its values may be known person by person",
                );
            }
        }
    }
}

/// Whether every column of a key takes values from a range that one can go through.
fn can_be_counted_through(key: &KeyConfig) -> bool {
    let counted = [
        IdentifierKind::Int,
        IdentifierKind::Phone,
        IdentifierKind::Sha256Phone,
    ];
    key.kinds.iter().all(|kind| counted.contains(kind))
}
