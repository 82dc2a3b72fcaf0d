use super::{Imported, import_aws};
use crate::config::{RuleKind, TableConfig, TableConfigs};

const AGGREGATION: &str = include_str!("../../testdata/aws/aggregation.json");
const LIST: &str = include_str!("../../testdata/aws/list.json");
const CUSTOM: &str = include_str!("../../testdata/aws/custom.json");

/// The imported table, and its notes as `place: why`.
fn import(text: &str) -> (TableConfig, Vec<String>) {
    #[derive(serde::Deserialize)]
    struct Config {
        table: TableConfigs,
    }
    let Imported { toml, notes } = import_aws(text, "orders", "orders.parquet").unwrap();
    let config: Config = toml::from_str(&toml).unwrap_or_else(|err| panic!("{toml}\n{err}"));
    let notes: Vec<String> = notes
        .into_iter()
        .map(|note| format!("{}: {}", note.place, note.why))
        .collect();
    for note in &notes {
        let line = note.replace('\n', " ");
        assert!(toml.contains(&line), "no comment holds {note}");
    }
    (config.table["orders"].clone(), notes)
}

/// Every place has a note whose reason says something, and no note is left over.
fn assert_notes(notes: &[String], wanted: &[(&str, &str)]) {
    assert_eq!(notes.len(), wanted.len(), "{notes:#?}");
    for (place, says) in wanted {
        let found = notes.iter().any(|note| {
            let place = format!("analysisRule.policy.v1.{place}: ");
            note.starts_with(&place) && note.contains(says)
        });
        assert!(found, "{place}: {says}\n{notes:#?}");
    }
}

#[test]
fn an_aggregation_rule_becomes_one_with_what_has_no_counterpart_listed() {
    let (table, notes) = import(AGGREGATION);
    assert_eq!(table.rule, RuleKind::Aggregation);
    assert_eq!(table.source, "orders.parquet");
    assert_eq!(table.minimum, 25);
    let keys: Vec<&[String]> = table.key.iter().map(|k| k.columns.as_slice()).collect();
    assert_eq!(keys, [["hashed_email"], ["phone"]]);
    let filters: Vec<&str> = table.filter.iter().map(|(column, _)| column).collect();
    assert_eq!(filters, ["order_date", "region"]);
    assert_eq!(table.scalar_functions.unwrap().len(), 4);
    assert!(table.dimension.is_empty());
    let functions = |column: &str| {
        let section = &table.aggregate[column];
        assert!(!section.expressions);
        let functions = section.functions.iter().map(|f| f.as_str());
        functions.collect::<Vec<_>>()
    };
    assert_eq!(functions("amount"), ["sum", "avg"]);
    assert_eq!(functions("items"), ["sum"]);
    assert_eq!(table.aggregate.len(), 2);
    assert_notes(
        &notes,
        &[
            ("aggregation.joinColumns", "several at once"),
            (
                "aggregation.allowedJoinOperators[1]",
                "one column or another",
            ),
            ("aggregation.aggregateColumns[3].columnNames[0]", "campaign"),
            ("aggregation.dimensionColumns", "list its public values"),
            ("aggregation.scalarFunctions[0]", "month(column)"),
            ("aggregation.scalarFunctions[1]", "TRUNC"),
            (
                "aggregation.outputConstraints[0].columnName",
                "hashed_email",
            ),
            ("aggregation.outputConstraints[1].columnName", "campaign"),
            ("aggregation.additionalAnalyses", "ALLOWED"),
        ],
    );
}

#[test]
fn a_rule_that_allows_no_count_is_told_that_counts_are_allowed() {
    let without = AGGREGATION.replacen("COUNT_DISTINCT", "COUNT", 1);
    let (_, notes) = import(&without);
    let place = "analysisRule.policy.v1.aggregation.aggregateColumns: COUNT(*)";
    assert!(
        notes.iter().any(|note| note.starts_with(place)),
        "{notes:#?}"
    );
    assert!(
        !import(AGGREGATION)
            .1
            .iter()
            .any(|note| note.starts_with(place))
    );
}

#[test]
fn a_list_rule_becomes_one_without_the_columns_of_the_other_side() {
    let (table, notes) = import(LIST);
    assert_eq!(table.rule, RuleKind::List);
    assert_eq!(table.key[0].columns, ["hashed_email"]);
    assert_notes(&notes, &[("list.listColumns[0]", "segment")]);
}

#[test]
fn a_custom_rule_approves_nothing_until_its_owner_does_and_unknown_fields_are_told() {
    let (table, notes) = import(CUSTOM);
    assert_eq!(table.rule, RuleKind::Custom);
    assert!(table.approved_templates.is_empty());
    assert_eq!(table.key[0].columns, ["hashed_email"]);
    assert_eq!(table.disallowed_outputs.len(), 2);
    assert_notes(
        &notes,
        &[
            ("custom.allowedAnalyses[0]", "approve its digest"),
            ("custom.allowedAnalyses[1]", "any query"),
            ("custom.allowedAnalysisProviders[0]", "444455556666"),
            ("custom.differentialPrivacy.columns[0].name", "join key"),
            ("custom", "dimension and aggregate"),
            ("custom.additionalAnalyses", "REQUIRED"),
            ("custom.futureControl", "not known here"),
        ],
    );
}

#[test]
fn what_is_no_analysis_rule_is_refused_with_its_place() {
    for (text, place) in [
        ("", "line 1"),
        ("{\n  \"analysisRule\": ]", "line 2, column"),
        ("[]", "the document"),
        ("{}", "policy"),
        ("{\"analysisRule\": 5}", "analysisRule"),
        (
            "{\"analysisRule\": {\"policy\": {}}}",
            "analysisRule.policy.v1",
        ),
        ("{\"policy\": {\"v1\": {}}}", "policy.v1"),
        (
            "{\"policy\": {\"v1\": {\"list\": {}, \"custom\": {}}}}",
            "policy.v1",
        ),
        (
            "{\"type\": \"LIST\", \"policy\": {\"v1\": {\"custom\": {}}}}",
            "type",
        ),
        (
            "{\"policy\": {\"v1\": {\"list\": {\"joinColumns\": [1]}}}}",
            "policy.v1.list.joinColumns[0]",
        ),
        (
            "{\"policy\": {\"v1\": {\"list\": {\"joinColumns\": [\"\"]}}}}",
            "the policy made of it",
        ),
    ] {
        let error = import_aws(text, "t", "t.csv").unwrap_err();
        assert!(error.place.starts_with(place), "{text}: {error}");
        assert!(!error.remedy.is_empty());
    }
    let wrong = |from: &str, to: &str| {
        let text = AGGREGATION.replacen(from, to, 1);
        assert_ne!(text, AGGREGATION);
        import_aws(&text, "t", "t.csv").unwrap_err().place
    };
    let place = "analysisRule.policy.v1.aggregation";
    assert_eq!(
        wrong("\"AVG\"", "\"MEDIAN\""),
        format!("{place}.aggregateColumns[1].function")
    );
    assert_eq!(
        wrong("25", "0"),
        format!("{place}.outputConstraints[0].minimum")
    );
    assert_eq!(
        wrong("\"OR\"", "\"XOR\""),
        format!("{place}.allowedJoinOperators[1]")
    );
}

#[test]
fn a_field_that_stands_twice_is_refused_with_its_place_at_any_depth() {
    for (text, place, name) in [
        (
            "{\n \"policy\": {},\n \"policy\": {}}",
            "line 3, column 9",
            "policy",
        ),
        (
            "{\"policy\": {\"v1\": {\"list\": {\"joinColumns\": [],\n\"joinColumns\": []}}}}",
            "line 2, column 13",
            "joinColumns",
        ),
        // In a list, below what nobody reads, and written in another way.
        (
            "{\"unknown\": [1, {\"a\": null,\n \"\\u0061\": 2}]}",
            "line 2, column 9",
            "a",
        ),
    ] {
        let error = import_aws(text, "t", "t.csv").unwrap_err();
        assert_eq!(error.place, place);
        let what = format!("the field {name:?} occurs twice in one object");
        assert_eq!(error.what, what);
        assert!(error.remedy.starts_with("remove"), "{error}");
    }
    // The same name in another object is another field.
    import(&AGGREGATION.replacen(
        "\"outputConstraints\"",
        "\"unknown\": [{\"a\": 1}, {\"a\": {\"a\": 2}}], \"outputConstraints\"",
        1,
    ));
}

#[test]
fn texts_of_the_rule_stay_texts_in_the_policy() {
    let hostile = "a\\\"]\\nrule = \\\"list\\\"\\n#";
    let text = AGGREGATION
        .replace("\"TRUNC\"", &format!("\"{hostile}\""))
        .replace(
            "\"createTime\": \"2025",
            &format!("\"createTime\": \"{hostile} 2025"),
        );
    let (table, _) = import(&text);
    assert_eq!(table.rule, RuleKind::Aggregation);
    // A column cannot have such a name.
    assert!(import_aws(&AGGREGATION.replace("region", hostile), "t", "t.csv").is_err());
}
