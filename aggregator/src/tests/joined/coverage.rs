//! Which parts of the subset the random queries of [`super`] reach: a generator that lost one of
//! them would go on passing.

use std::collections::BTreeMap;
use std::fmt;

use psi_core::spec::Party;

use super::query::Query;
use super::tables::Table;
use crate::result::{ResultTable, ResultValue};
use crate::tests::pipeline::Job;

/// In how many queries a feature has to occur.
const OFTEN: usize = 2;

/// How many answered queries had each feature, and what became of all.
#[derive(Clone, Default)]
pub(super) struct Coverage {
    pub(super) answered: usize,
    pub(super) refused: usize,
    seen: BTreeMap<&'static str, usize>,
}

impl Coverage {
    pub(super) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        for (feature, count) in &other.seen {
            *self.seen.entry(feature).or_default() += count;
        }
    }

    /// The features that occur too seldom, and how often they do.
    pub(super) fn lost(&self) -> Vec<(&'static str, usize)> {
        let seen = self.seen.iter().map(|(feature, count)| (*feature, *count));
        seen.filter(|(_, count)| *count < OFTEN).collect()
    }

    /// Notes an answered query: every feature, with whether a released row shows it.
    pub(super) fn note(
        &mut self,
        query: &Query,
        job: &Job,
        rows: &ResultTable,
        a: &Table,
        b: &Table,
    ) {
        self.answered += 1;
        let released: Vec<_> = rows.rows.iter().filter(|row| !row.suppressed).collect();
        if released.is_empty() {
            return;
        }
        let formulas = query.formulas.join(", ");
        let sides = ["a.", "b."].map(|side| {
            let groups = query.groups.iter();
            groups.filter(|group| group.asked.contains(side)).count()
        });
        let matches = job.spec.matches();
        let requester = |of: &psi_core::spec::MatchSpec| of.receiver == Party::Requester;
        let single = matches.len() == 1;
        let sender = if requester(&matches[0]) {
            (1, b)
        } else {
            (0, a)
        };
        let clamped = rows.columns.iter().any(|column| column.clamped);
        let any = |wanted: ResultValue| released.iter().any(|row| row.values.contains(&wanted));
        let group = |text: &str| query.groups.iter().any(|g| g.asked.contains(text));
        let where_ = |side: &str| query.conditions.iter().any(|c| c.starts_with(side));
        let aggregates = ["COUNT(", "SUM(", "AVG(", "_SAMP(", "_POP("];
        let aggregates = aggregates.map(|function| formulas.matches(function).count());
        let columns = |column: &str| ["a", "b"].map(|s| format!("{s}.{column}"));
        let sums = |column: &str| {
            columns(column)
                .iter()
                .any(|c| formulas.contains(c.as_str()))
        };
        let coarse = [("a.f", a), ("b.f", b)];
        let coarse = coarse.iter().any(|(c, t)| t.coarse && formulas.contains(c));
        let having = query.having.as_deref().unwrap_or_default();
        let counts = ["COUNT(a.", "COUNT(b.", "COUNT((a.", "COUNT((b."];
        let arithmetic = ["(a.x *", "(b.x *", "(a.y *", "(b.y *", "((a.", "((b."];
        let found = [
            ("COUNT(*)", formulas.contains("COUNT(*)")),
            ("COUNT(DISTINCT key)", formulas.contains("COUNT(DISTINCT")),
            (
                "COUNT(column)",
                counts.iter().any(|text| formulas.contains(text)),
            ),
            ("SUM", formulas.contains("SUM(")),
            ("AVG", formulas.contains("AVG(")),
            ("VAR_SAMP", formulas.contains("VAR_SAMP(")),
            ("VAR_POP", formulas.contains("VAR_POP(")),
            ("STDDEV_SAMP", formulas.contains("STDDEV_SAMP(")),
            ("STDDEV_POP", formulas.contains("STDDEV_POP(")),
            ("several aggregates", aggregates.iter().sum::<usize>() > 1),
            (
                "arithmetic inside an aggregate",
                arithmetic.iter().any(|text| formulas.contains(text)),
            ),
            (
                "arithmetic on outputs",
                [") + ", ") - ", ") / ", ") * "]
                    .iter()
                    .any(|text| formulas.contains(text)),
            ),
            ("a quotient of outputs", formulas.contains(" / ")),
            ("a whole-number column", sums("x") || sums("y")),
            ("a decimal column", sums("m")),
            ("a double column", sums("f")),
            ("a double that is rounded", coarse),
            ("no group", query.groups.is_empty()),
            ("a group of a", sides[0] > 0),
            ("a group of b", sides[1] > 0),
            ("groups of both", sides[0] > 0 && sides[1] > 0),
            ("two groups of one side", sides[0] > 1 || sides[1] > 1),
            ("a group of the Sender", single && sides[sender.0] > 0),
            ("a group of the Receiver", single && sides[1 - sender.0] > 0),
            ("a text group", group(".r")),
            ("a whole-number group", group(".n")),
            ("a boolean group", group(".p")),
            ("a month group", group("MONTH")),
            ("WHERE on a", where_("a.")),
            ("WHERE on b", where_("b.")),
            ("HAVING", query.having.is_some()),
            (
                "HAVING with AND, OR, NOT",
                having.contains(" OR NOT ")
                    || having.contains(" AND COUNT")
                    || having.contains(") AND "),
            ),
            ("ORDER BY", !query.order.is_empty()),
            ("LIMIT", query.limit.is_some()),
            ("a NULL in a released row", any(ResultValue::Null)),
            ("a label `other` in a released row", any(ResultValue::Other)),
            (
                "a suppressed row beside a released one",
                rows.rows.iter().any(|row| row.suppressed),
            ),
            (
                "the requester is Receiver",
                requester(&matches[0]) && single,
            ),
            (
                "the responder is Receiver",
                !requester(&matches[0]) && single,
            ),
            (
                "a key that repeats at the Sender",
                single && sender.1.repeats(),
            ),
            ("a semi-join", query.outer.is_some()),
            (
                "a semi-join whose outer key repeats",
                query.outer.is_some() && single && sender.1.repeats(),
            ),
            (
                "a semi-join over keys that both repeat",
                query.outer.is_some() && a.repeats() && b.repeats(),
            ),
            (
                "a semi-join whose outer table is the Receiver's",
                query
                    .outer
                    .is_some_and(|outer| (outer == "a") == requester(&matches[0])),
            ),
            ("two matches", !single),
            (
                "two matches with groups",
                !single && !query.groups.is_empty(),
            ),
            ("a clamped sum", clamped),
            (
                "a clamped sum of a key that repeats",
                clamped && sender.1.repeats(),
            ),
        ];
        for (feature, found) in found {
            *self.seen.entry(feature).or_default() += usize::from(found);
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (feature, count) in &self.seen {
            writeln!(f, "{count:>6}  {feature}")?;
        }
        Ok(())
    }
}
