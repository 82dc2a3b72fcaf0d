//! Every setting of a table, in words: the source of the policy reference in `docs/operating`.
//!
//! Compiled for tests alone: they compare the page with this list, and this list with what the types
//! accept.

use std::fmt::Write as _;

/// A setting of one section of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name.
    pub(super) name: &'static str,
    /// What holds where it is left out, as Markdown.
    pub(super) default: &'static str,
    /// What it means, as Markdown.
    pub(super) meaning: &'static str,
}

/// A kind of section and its settings, in the order in which they are explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// How its heading is written in the configuration.
    pub(super) heading: &'static str,
    /// Its settings.
    pub(super) settings: &'static [Setting],
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}

/// All sections of a table.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        heading: "[table.NAME]",
        settings: &[
            setting(
                "source",
                "required",
                "a `.csv`, `.csv.gz`, `.csv.zst` or `.parquet` file, or a folder of \
                 them, with the folders inside it; folders `key=value` are columns (Spec 10 §2.1)",
            ),
            setting(
                "rule",
                "`\"aggregation\"`",
                "which form of query the table answers: `aggregation`, aggregates over the listed \
                 columns; `custom`, approved templates only; `list`, lists of the identifiers that \
                 match, only",
            ),
            setting(
                "allowed_requesters",
                "everybody",
                "members that may ask, this one included; without it, whoever the collaboration \
                 lets query",
            ),
            setting(
                "allowed_recipients",
                "everybody",
                "members that may get a result, this one included; without it, whoever the \
                 collaboration lets receive. The member that asks always receives, so it has to be \
                 listed too",
            ),
            setting(
                "filter",
                "`[]`",
                "columns that a WHERE clause may use, the owner's own queries included: a list, or \
                 a section for each column. Not with `rule = \"custom\"`, where the template says \
                 what is filtered",
            ),
            setting(
                "scalar_functions",
                "those of the dimensions",
                "functions of single values that a query may use: `year`, `quarter`, `month`, \
                 `day`. A dimension such as `month(day)` is needed besides",
            ),
            setting(
                "disallowed_outputs",
                "`[]`",
                "columns whose values are never shown, as a group or in a list, whatever else \
                 allows it; they may still be filtered by and aggregated",
            ),
            setting(
                "join_required",
                "`true`",
                "every query joins two members' tables, so it can only be true; `false` is an error",
            ),
            setting(
                "row_filter",
                "none",
                "a condition of the owner, as in WHERE and with plain column names: \
                 `consent = TRUE AND country IN ('AT', 'DE')`. Rows for which it is not true take \
                 part in no job. It may use columns that `filter` does not list, and is never shown \
                 to the peer. Functions and calculations are not in it: write their result into a \
                 column of its own",
            ),
            setting(
                "minimum",
                "10",
                "fewest distinct identities an answer may rest on; the larger of both sides' holds",
            ),
            setting(
                "null",
                "`[\"\"]`",
                "CSV, and columns of folders `key=value`: values that mean NULL, as written in \
                 the file. An empty value that is not listed is an empty text in a column of text and in a key, where it equals other \
                 empty ones, and NULL in every other column",
            ),
            setting(
                "types",
                "that of all values",
                "CSV, and columns of folders `key=value`: the types of columns, such as \
                 `{ zip = \"text\", since = \"date\" }`: \
                 `text`, `integer`, `number`, `boolean`, `date`, `timestamp` (without offset), \
                 `timestamptz` (with one). A value of another form is named by `check` and keeps the \
                 table from being served; with `epsilon_max` it is NULL instead. A column without a \
                 declared type has the type that all its values have, so one odd value can change it",
            ),
            setting(
                "prefer_receiver",
                "`false`",
                "ask for the Receiver role, which sends blinded points and computes the count, \
                 where the choice is free",
            ),
            setting(
                "key",
                "none",
                "the join keys, one `[[table.NAME.key]]` section each",
            ),
            setting(
                "dimension",
                "`{}`",
                "what GROUP BY may use: a column, or `year(c)`, `quarter(c)`, `month(c)`, `day(c)` \
                 of a date or timestamp, each with the list of values that are groups of their own. \
                 The list is *public*: the other member sees it",
            ),
            setting(
                "group_identities",
                "derived",
                "registered, *public* sizes of groups, by dimension and value, and `other`. Left \
                 out: the group's number of identities in the whole table, rounded up to two \
                 significant digits",
            ),
            setting(
                "aggregate",
                "none",
                "the columns that may be aggregated, one section each",
            ),
            setting(
                "owner_may_receive",
                "`false`",
                "the other member may receive sums of columns that it owns itself. A member that \
                 lies about its values can then test whether a person is in this table",
            ),
            setting(
                "result",
                "`\"requester\"`",
                "who may get a result: the member that asks, or `\"both\"` if it wants so \
                 (`query --recipients both`)",
            ),
            setting(
                "runs",
                "`{ day = 50 }`",
                "how many jobs about the table may run with one peer: `{ day = 10, week = 30, month = 100, \
                 lifetime = 500 }`, each optional; `{}` sets no limit. A job counts from the moment \
                 that this node begins to read its rows",
            ),
            setting(
                "population",
                "none",
                "the name of the `[population.NAME]` whose privacy budget jobs about the table \
                 use; tables about the same people share one",
            ),
            setting(
                "epsilon_max",
                "none",
                "with differential privacy: the largest epsilon that one job may ask for, such as \
                 `0.5`. Without it and `delta_max` the table takes part in no such job",
            ),
            setting(
                "delta_max",
                "none",
                "with differential privacy: the largest delta that one job may ask for, such as \
                 `1e-9`",
            ),
            setting(
                "max_rows_per_identity",
                "none",
                "with differential privacy: rows of one identity that are used at most; needed \
                 where rows are counted and the key is not `unique`. Which ones are used of an \
                 identity that has more is drawn anew in each job",
            ),
            setting(
                "max_groups_per_identity",
                "1",
                "with differential privacy: groups that one identity's rows are counted in at \
                 most, 1 to 256. More of them need more noise",
            ),
            setting(
                "approval",
                "`\"auto\"`",
                "`auto`: what the rules allow runs; `manual`: it waits until the owner approves it",
            ),
            setting(
                "template",
                "none",
                "queries with parameters, by name, one section each",
            ),
            setting(
                "approved_templates",
                "`[]`",
                "with `rule = \"custom\"`: the digests of the templates that are answered, as \
                 `psi-node policy template-digest` prints them",
            ),
        ],
    },
    Section {
        heading: "[[table.NAME.key]]",
        settings: &[
            setting(
                "columns",
                "required",
                "one to eight columns; several make a composite key",
            ),
            setting("kinds", "required", "the identifier kind of each column"),
            setting(
                "unique",
                "`false`",
                "no key value repeats, checked on the whole table at load. `COUNT(*)` needs it on \
                 one side, an aggregate of a column on the *other* side",
            ),
            setting(
                "identities",
                "derived",
                "the registered, *public* number of distinct identities, to which lists are \
                 padded. More identities than this is an error at load. Left out: the distinct \
                 count of the whole table, rounded up to two significant digits, printed at start",
            ),
        ],
    },
    Section {
        heading: "[table.NAME.filter.COLUMN]",
        settings: &[
            setting(
                "operators",
                "all",
                "comparisons that are allowed, of `=`, `<>`, `<`, `<=`, `>`, `>=`, `between`, \
                 `in`, `like`, `is null`. `NOT` does not count: who may ask for a condition may \
                 ask for its opposite",
            ),
            setting(
                "compare",
                "`\"any\"`",
                "what the column is compared with: `literals`, constants only; `columns`, other \
                 columns of the table only; `any`, both. For a comparison of two columns both have \
                 to allow it",
            ),
        ],
    },
    Section {
        heading: "[table.NAME.aggregate.COLUMN]",
        settings: &[
            setting(
                "functions",
                "required",
                "what may be computed of the column: `count`, `sum`, `avg`, `var`, `stddev`. An \
                 arithmetic expression needs its function listed for each of its columns",
            ),
            setting(
                "expressions",
                "`true`",
                "whether the column may stand in an arithmetic expression inside an aggregate; \
                 `false`: alone only",
            ),
            setting(
                "decimals",
                "that of the type",
                "the decimal scale at which values become integers, 0 to 18. Required for doubles, \
                 which are rounded to it; a decimal must be exact at it; whole numbers have none. \
                 Numbers with a point in a CSV file are doubles, unless whole numbers beyond 2^53 \
                 stand in the same column, which is then exact decimals; a CSV column for which \
                 decimals are declared keeps them on a day when all its numbers are whole",
            ),
            setting(
                "clamp",
                "none",
                "two numbers in the column's unit: bounds on one identity's sum within one group. \
                 Variances of a clamped column, and sums of expressions with it, are refused",
            ),
        ],
    },
    Section {
        heading: "[table.NAME.template.TEMPLATE]",
        settings: &[
            setting(
                "sql",
                "required",
                "the query; `:name` stands where a constant of WHERE may stand",
            ),
            setting(
                "parameters",
                "`{}`",
                "the type of each parameter: `INTEGER`, `NUMBER`, `TEXT`, `BOOLEAN`, `DATE` or \
                 `TIMESTAMP`",
            ),
        ],
    },
];

/// The sections as Markdown, one heading and one table each.
#[must_use]
pub(super) fn markdown() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        text.push_str("### `");
        text.push_str(section.heading);
        text.push_str("`\n\n| setting | default | meaning |\n|---|---|---|\n");
        for Setting {
            name,
            default,
            meaning,
        } in section.settings
        {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "| `{name}` | {default} | {meaning} |");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde::de::DeserializeOwned;

    use super::{SECTIONS, markdown};
    use crate::config::{AggregateConfig, FilterConfig, KeyConfig, TableConfig, TemplateConfig};

    const BEGIN: &str =
        "<!-- settings: made from the types, see aggregator/src/config/reference.rs -->\n";
    const END: &str = "<!-- end of settings -->";

    /// The names that a section's type accepts, which its error about an unknown one lists.
    fn accepted<T: DeserializeOwned>() -> BTreeSet<String> {
        let error = toml::from_str::<T>("no_such_setting = 1").err().unwrap();
        let message = error.message().to_owned();
        let (_, expected) = message.split_once("expected").unwrap();
        let names = expected.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_list_has_every_setting_that_the_types_accept_and_no_other() {
        let types = [
            accepted::<TableConfig>(),
            accepted::<KeyConfig>(),
            accepted::<FilterConfig>(),
            accepted::<AggregateConfig>(),
            accepted::<TemplateConfig>(),
        ];
        assert_eq!(types.len(), SECTIONS.len());
        for (section, accepted) in SECTIONS.iter().zip(types) {
            let listed = section.settings.iter().map(|s| s.name.to_owned());
            assert_eq!(
                listed.collect::<BTreeSet<_>>(),
                accepted,
                "{}",
                section.heading
            );
        }
    }

    #[test]
    fn the_page_of_the_policy_reference_is_made_from_the_list() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating/policy.md");
        let text = std::fs::read_to_string(&page).unwrap();
        let begin = text.find(BEGIN).unwrap() + BEGIN.len();
        let end = text.find(END).unwrap();
        let wanted = format!("\n{}", markdown());
        if std::env::var_os("BLESS").is_some() {
            let text = format!("{}{wanted}{}", &text[..begin], &text[end..]);
            std::fs::write(&page, text).unwrap();
            return;
        }
        assert_eq!(
            &text[begin..end],
            wanted,
            "run this test once with BLESS=1 and look at the difference"
        );
    }
}
