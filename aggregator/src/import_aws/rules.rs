//! The three forms of an analysis rule, control by control.
//!
//! What each control means is taken from the public API reference of the service; the page
//! "Coming from AWS Clean Rooms" in `docs/operating` says the same in words.

use super::json::Object;
use super::{ImportNote, Section, list};
use crate::error::Problem;

/// Reads one form into the section.
pub(super) type Import =
    fn(&mut Object, &mut Section<'_>, &mut Vec<ImportNote>) -> Result<(), Problem>;

/// The least `minimum` where the rule has none.
const MINIMUM: u64 = 10;

fn note(notes: &mut Vec<ImportNote>, place: String, why: impl Into<String>) {
    notes.push(ImportNote {
        place,
        why: why.into(),
    });
}

/// `aggregation`.
pub(super) fn aggregation(
    rule: &mut Object,
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    section.keys = join_columns(rule, notes)?;
    let keys = section.keys.clone();
    join_operators(rule, notes)?;
    match rule.string("joinRequired")?.as_deref() {
        Some("QUERY_RUNNER") => {}
        None => note(
            notes,
            rule.place("joinRequired"),
            "not required there; here every query joins both members' tables",
        ),
        Some(_) => return Err(rule.error("joinRequired", "it is not QUERY_RUNNER")),
    }
    aggregate_columns(rule, &keys, section, notes)?;
    dimension_columns(rule, section, notes)?;
    scalar_functions(rule, section, notes)?;
    output_constraints(rule, &keys, section, notes)?;
    additional_analyses(rule, notes)
}

/// `list`.
pub(super) fn list_form(
    rule: &mut Object,
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    section.rule = "list";
    section.keys = join_columns(rule, notes)?;
    join_operators(rule, notes)?;
    for (i, column) in rule.strings("listColumns")?.into_iter().enumerate() {
        if !section.keys.contains(&column) {
            let place = rule.place(&format!("listColumns[{i}]"));
            let why = format!(
                "{column}: a list shows which of the asking member's own identifiers match, and no \
                 column of this table"
            );
            note(notes, place, why);
        }
    }
    additional_analyses(rule, notes)
}

/// `custom`.
pub(super) fn custom(
    rule: &mut Object,
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    section.rule = "custom";
    section
        .settings
        .push(("approved_templates", "[]".to_owned()));
    for (i, analysis) in rule.strings("allowedAnalyses")?.into_iter().enumerate() {
        let place = rule.place(&format!("allowedAnalyses[{i}]"));
        let why = if analysis == "ANY_QUERY" {
            "any query: here a custom table answers approved templates only; rule = \
             \"aggregation\" answers free questions over listed columns"
                .to_owned()
        } else {
            format!(
                "{analysis}: the rule names the analysis without its text; write it as a template \
                 and approve its digest"
            )
        };
        note(notes, place, why);
    }
    let providers = rule.strings("allowedAnalysisProviders")?;
    for (i, provider) in providers.into_iter().enumerate() {
        let why = format!(
            "{provider}: it does not matter here who wrote a template: you approve each by its \
             digest; who may ask is a list of member names, allowed_requesters"
        );
        note(
            notes,
            rule.place(&format!("allowedAnalysisProviders[{i}]")),
            why,
        );
    }
    let never = rule.strings("disallowedOutputColumns")?;
    if !never.is_empty() {
        section.settings.push(("disallowed_outputs", list(&never)));
    }
    if let Some(mut privacy) = rule.object("differentialPrivacy")? {
        for mut column in privacy.objects("columns")? {
            let name = column.needed_string("name")?;
            let why = format!(
                "{name}: became a join key, and its identities are what is protected; budgets are \
                 set in [population.NAME] sections, and the collaboration says whether answers \
                 get noise"
            );
            note(notes, column.place("name"), why);
            if !section.keys.contains(&name) {
                section.keys.push(name);
            }
            column.leftovers(notes);
        }
        privacy.leftovers(notes);
    }
    if section.keys.is_empty() {
        note(
            notes,
            rule.place(""),
            "a custom rule names no join columns; add a key section, or nothing can be asked",
        );
    }
    note(
        notes,
        rule.place(""),
        "the columns of a template that are grouped or aggregated need dimension and aggregate \
         sections",
    );
    additional_analyses(rule, notes)
}

fn join_columns(rule: &mut Object, notes: &mut Vec<ImportNote>) -> Result<Vec<String>, Problem> {
    let mut columns = rule.strings("joinColumns")?;
    let mut seen = Vec::new();
    columns.retain(|column| {
        let new = !seen.contains(column);
        seen.push(column.clone());
        new
    });
    if columns.len() > 1 {
        note(
            notes,
            rule.place("joinColumns"),
            "each became a key of its own; joins on several at once need a key section with these \
             columns",
        );
    }
    Ok(columns)
}

fn join_operators(rule: &mut Object, notes: &mut Vec<ImportNote>) -> Result<(), Problem> {
    let operators = rule.strings("allowedJoinOperators")?;
    for (i, operator) in operators.into_iter().enumerate() {
        let key = format!("allowedJoinOperators[{i}]");
        match operator.as_str() {
            // Several columns joined by AND are a composite key.
            "AND" => {}
            "OR" => note(
                notes,
                rule.place(&key),
                "a join on one column or another is not in the accepted SQL",
            ),
            _ => return Err(rule.error(&key, "it is neither AND nor OR")),
        }
    }
    Ok(())
}

fn aggregate_columns(
    rule: &mut Object,
    keys: &[String],
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    let mut counts_keys = false;
    for mut entry in rule.objects("aggregateColumns")? {
        let function = entry.needed_string("function")?;
        for (i, column) in entry.strings("columnNames")?.into_iter().enumerate() {
            let word = match function.as_str() {
                "SUM" => "sum",
                "AVG" => "avg",
                "COUNT" => "count",
                // COUNT(DISTINCT key) needs no permission.
                "COUNT_DISTINCT" if keys.contains(&column) => {
                    counts_keys = true;
                    continue;
                }
                "COUNT_DISTINCT" | "SUM_DISTINCT" => {
                    let why = format!(
                        "{column}: {function} counts values across identities, which no query here \
                         can; COUNT(DISTINCT key) is always allowed"
                    );
                    note(notes, entry.place(&format!("columnNames[{i}]")), why);
                    continue;
                }
                _ => {
                    return Err(entry.error(
                        "function",
                        "it must be SUM, SUM_DISTINCT, COUNT, COUNT_DISTINCT or AVG",
                    ));
                }
            };
            let functions = section.aggregates.entry(column).or_default();
            if !functions.contains(&word) {
                functions.push(word);
            }
        }
        entry.leftovers(notes);
    }
    if !counts_keys {
        note(
            notes,
            rule.place("aggregateColumns"),
            "COUNT(*) and COUNT(DISTINCT key) are not listed there, and are always allowed here, \
             from the minimum upward",
        );
    }
    Ok(())
}

fn dimension_columns(
    rule: &mut Object,
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    let columns = rule.strings("dimensionColumns")?;
    if columns.is_empty() {
        return Ok(());
    }
    section.settings.push(("filter", list(&columns)));
    note(
        notes,
        rule.place("dimensionColumns"),
        "they may be filtered by; to group by one, list its public values in the dimension \
         section, which names it in a comment",
    );
    section.dimensions = columns;
    Ok(())
}

fn scalar_functions(
    rule: &mut Object,
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    let mut allowed = "[]".to_owned();
    for (i, function) in rule.strings("scalarFunctions")?.into_iter().enumerate() {
        let place = rule.place(&format!("scalarFunctions[{i}]"));
        if function == "EXTRACT" {
            "[\"year\", \"quarter\", \"month\", \"day\"]".clone_into(&mut allowed);
            let why = "of its parts: year, quarter, month and day, each as a dimension such as \
                       month(column)";
            note(notes, place, why);
        } else {
            let why = format!(
                "{function}: not in the accepted SQL; `+ - * /` on results need no permission"
            );
            note(notes, place, why);
        }
    }
    section.settings.push(("scalar_functions", allowed));
    Ok(())
}

fn output_constraints(
    rule: &mut Object,
    keys: &[String],
    section: &mut Section<'_>,
    notes: &mut Vec<ImportNote>,
) -> Result<(), Problem> {
    let mut minimum = None;
    for mut constraint in rule.objects("outputConstraints")? {
        let column = constraint.needed_string("columnName")?;
        let least = constraint.needed_count("minimum")?;
        if constraint.string("type")?.as_deref() != Some("COUNT_DISTINCT") {
            return Err(constraint.error("type", "it is not COUNT_DISTINCT"));
        }
        if keys != [column.as_str()] {
            let why = format!(
                "{column}: the minimum counts distinct identities of the key that a query joins \
                 on, whichever it is"
            );
            note(notes, constraint.place("columnName"), why);
        }
        minimum = minimum.max(Some(least));
        constraint.leftovers(notes);
    }
    if minimum.is_none() {
        let why = format!("none is set; minimum = {MINIMUM} is the default here");
        note(notes, rule.place("outputConstraints"), why);
    }
    let minimum = minimum.unwrap_or(MINIMUM).to_string();
    section.settings.push(("minimum", minimum));
    Ok(())
}

fn additional_analyses(rule: &mut Object, notes: &mut Vec<ImportNote>) -> Result<(), Problem> {
    match rule.string("additionalAnalyses")?.as_deref() {
        None | Some("NOT_ALLOWED") => Ok(()),
        Some(value @ ("ALLOWED" | "REQUIRED")) => {
            let why = format!("{value}: nothing is trained or computed on results here");
            note(notes, rule.place("additionalAnalyses"), why);
            Ok(())
        }
        Some(_) => Err(rule.error(
            "additionalAnalyses",
            "it must be ALLOWED, REQUIRED or NOT_ALLOWED",
        )),
    }
}
