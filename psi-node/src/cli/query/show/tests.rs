//! How results are written: tables, CSV and notes.

use super::{ColumnNote, QueryFormat, ResultDocument, render, rounded, say};

fn document(status: &str, rows: Vec<Vec<serde_json::Value>>) -> ResultDocument {
    let mut document = ResultDocument::new("exact");
    document.status = status.into();
    document.columns = vec!["COUNT(*)".into()];
    document.rows = rows;
    document
}

#[test]
fn a_released_count_is_a_table_or_a_csv_of_one_row() {
    let released = document("released", vec![vec![318.into()]]);
    assert_eq!(render(&released, QueryFormat::Table), "COUNT(*)\n318\n");
    assert_eq!(render(&released, QueryFormat::Csv), "COUNT(*)\n318\n");
}

#[test]
fn a_suppressed_result_is_shown_as_suppressed() {
    let suppressed = document("suppressed", Vec::new());
    assert_eq!(
        render(&suppressed, QueryFormat::Table),
        "COUNT(*)\nsuppressed\n"
    );
    assert_eq!(
        render(&suppressed, QueryFormat::Csv),
        "COUNT(*)\nsuppressed\n"
    );
}

#[test]
fn suppressed_rows_show_their_labels_and_numbers_stand_under_each_other() {
    let mut document = document(
        "released",
        vec![
            vec!["north".into(), 318.into(), "1200.50".into()],
            vec![
                "other".into(),
                serde_json::Value::Null,
                serde_json::Value::Null,
            ],
            vec!["south".into(), 7.into(), serde_json::Value::Null],
        ],
    );
    document.columns = vec!["region".into(), "count(*)".into(), "sum(amount)".into()];
    document.row_status = ["released", "suppressed", "released"]
        .map(Into::into)
        .into();
    assert_eq!(
        render(&document, QueryFormat::Table),
        "region    count(*)  sum(amount)\n\
         north          318      1200.50\n\
         other   suppressed   suppressed\n\
         south            7         NULL\n"
    );
    assert_eq!(
        render(&document, QueryFormat::Csv),
        "region,count(*),sum(amount)\nnorth,318,1200.50\nother,suppressed,suppressed\n\
         south,7,\n"
    );
}

#[test]
fn a_terminal_shows_what_a_person_reads_of_a_quotient_and_all_else_as_it_is() {
    for (text, decimals, shown) in [
        ("12.3456789012345678", Some(4), "12.3457"),
        ("-0.0000499999999999", Some(4), "-0.0000"),
        ("99.9999999999999999", Some(4), "100.0000"),
        ("-9.9999999999999999", Some(4), "-10.0000"),
        ("1234.5678", Some(4), "1234.5678"),
        ("0.12345678", Some(4), "0.12345678"),
        ("12.3456789012345678", None, "12.3456789012345678"),
        ("v1.2345678901234", Some(4), "v1.2345678901234"),
    ] {
        assert_eq!(rounded(text, decimals), shown, "{text}");
    }
    let mut cents = document("released", vec![vec!["12.3333333333333333".into()]]);
    cents.columns = vec!["mean".into()];
    cents.notes = vec![ColumnNote {
        column: "mean".into(),
        decimals: Some(2),
        clamped: false,
    }];
    assert_eq!(render(&cents, QueryFormat::Table), "mean\n12.3333\n");
    assert_eq!(
        render(&cents, QueryFormat::Csv),
        "mean\n12.3333333333333333\n"
    );
    // Of whole numbers, whatever the column is called; a label stays as it is.
    let label = "2.7182818284590452";
    let mut whole = document(
        "released",
        vec![vec![label.into(), "0.6666666666666667".into()]],
    );
    whole.columns = vec!["version".into(), "m".into()];
    whole.groups = vec![0];
    let shown = render(&whole, QueryFormat::Table);
    assert!(
        shown.contains(label) && shown.contains("0.6667\n"),
        "{shown}"
    );
}

#[test]
fn a_note_says_scale_and_clamp() {
    let note = ColumnNote {
        column: "avg(amount)".into(),
        decimals: Some(2),
        clamped: true,
    };
    let text = say(&note);
    assert!(
        text.contains("2 decimals") && text.contains("clamped"),
        "{text}"
    );
}

#[test]
fn csv_labels_that_a_spreadsheet_would_compute_get_an_apostrophe_and_numbers_stay() {
    for (value, field) in [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("+5", "'+5"),
        ("-north", "'-north"),
        ("-", "'-"),
        ("-2+3", "'-2+3"),
        ("-1.5.0", "'-1.5.0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\r=1", "\"'\r=1\""),
        ("\n=1", "\"'\n=1\""),
        ("＝1", "'＝1"),
        ("=\"a\",b", "\"'=\"\"a\"\",b\""),
        ("-12.50", "-12.50"),
        ("-7", "-7"),
        ("12", "12"),
        ("a=b", "a=b"),
        ("'=1", "'=1"),
    ] {
        let mut document = document("released", vec![vec![value.into()]]);
        document.columns = vec![value.into()];
        let lines = format!("{field}\n{field}\n");
        assert_eq!(render(&document, QueryFormat::Csv), lines);
        let table = render(&document, QueryFormat::Table);
        assert!(!table.contains("'=1") || value == "'=1", "{table}");
    }
    let negative = document("released", vec![vec![(-7).into()]]);
    assert_eq!(render(&negative, QueryFormat::Csv), "COUNT(*)\n-7\n");
}

#[test]
fn csv_fields_are_quoted_where_they_must_be() {
    let odd = document("released", vec![vec!["a,\"b\"".into()]]);
    assert_eq!(
        render(&odd, QueryFormat::Csv),
        "COUNT(*)\n\"a,\"\"b\"\"\"\n"
    );
}

#[test]
fn groups_of_both_members_are_a_square_for_each_figure_and_rows_in_a_csv() {
    let mut answer = document(
        "released",
        vec![
            vec!["gold".into(), "north".into(), 31.into(), "1.5".into()],
            vec![
                "gold".into(),
                "other".into(),
                serde_json::Value::Null,
                serde_json::Value::Null,
            ],
        ],
    );
    answer.columns = ["tier", "region", "count", "mean"]
        .map(str::to_owned)
        .into();
    answer.groups = vec![0, 1];
    answer.row_status = ["released", "suppressed"].map(Into::into).into();
    let csv = render(&answer, QueryFormat::Csv);
    answer.matrix = serde_json::from_value(serde_json::json!({
        "down": {"column": "tier", "labels": ["gold"]},
        "across": {"column": "region", "labels": ["north", "other"]},
        "status": [["released", "suppressed"]],
        "figures": [
            {"column": "count", "values": [[31, null]]},
            {"column": "mean", "values": [["1.5", null]]},
        ],
    }))
    .unwrap();
    assert_eq!(
        render(&answer, QueryFormat::Table),
        "count by tier and region\n\
         tier  north       other\n\
         gold     31  suppressed\n\
         \n\
         mean by tier and region\n\
         tier  north       other\n\
         gold    1.5  suppressed\n"
    );
    assert_eq!(render(&answer, QueryFormat::Csv), csv);

    // A square that no terminal has room for is a list.
    let labels: Vec<serde_json::Value> = (0..17).map(Into::into).collect();
    answer.matrix.as_mut().unwrap().across.labels = labels;
    assert!(render(&answer, QueryFormat::Table).starts_with("tier"));
}
