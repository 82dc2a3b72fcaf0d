use super::{ValueColumn, ValueProgram};
use crate::error::QueryError;
use crate::sql::arith::Arith;
use crate::sql::ast::{Aggregate, ColumnRef, OutputValue};
use crate::sql::parse::{self, Author};

/// The expression inside `SUM(…)`.
fn expr(text: &str) -> Arith<ColumnRef> {
    let sql = format!("SELECT SUM({text}) FROM a.t AS a JOIN b.t AS b ON a.k = b.k");
    let query = parse::read(&sql, Author::Own).unwrap();
    match &query.outputs[0].value {
        OutputValue::Formula(Arith::Leaf(Aggregate::Of(_, value))) => value.expr.clone(),
        other => panic!("{other:?}"),
    }
}

/// Columns called `w…` are whole numbers, `d2` has two decimals.
fn compile(text: &str) -> Result<ValueProgram, QueryError> {
    ValueProgram::compile(&expr(text), &mut |column| {
        let name = column.name.0.clone();
        let decimals = name.strip_prefix('d').map_or(0, |d| d.parse().unwrap());
        Ok(ValueColumn {
            whole: name.starts_with('w'),
            decimals,
            name,
        })
    })
}

#[test]
fn scales_follow_from_the_operands_and_results_are_exact() {
    for (text, row, decimals, whole, result) in [
        ("b.w", &[7][..], 0, true, 7),
        ("b.w * b.w", &[7], 0, true, 49),
        ("b.w - 10", &[7], 0, true, -3),
        ("b.w - 10.0", &[7], 1, false, -30),
        ("b.d2 * b.w", &[150, 3], 2, false, 450),
        ("b.d2 * b.d3", &[150, 2000], 5, false, 300_000),
        ("b.d2 + b.d3", &[150, 2000], 3, false, 3500),
        ("b.d3 - b.d2", &[2000, 150], 3, false, 500),
        ("(b.w + 1) * (b.w - 1)", &[5], 0, true, 24),
        ("2 - b.d1 * -0.5", &[30], 2, false, 350),
    ] {
        let program = compile(text).unwrap();
        assert_eq!(
            (program.decimals, program.whole),
            (decimals, whole),
            "{text}"
        );
        assert_eq!(program.evaluate(row), result, "{text}");
    }
}

#[test]
fn ranges_hold_every_result() {
    for text in [
        "b.w1 * b.w2 - b.w1",
        "b.w1 - b.w2",
        "(b.w1 + 2) * (3 - b.w2)",
        "b.w1 * b.w1",
    ] {
        let program = compile(text).unwrap();
        let columns: Vec<(i128, i128)> = [(-3, 2), (-1, 4)][..program.columns.len()].to_vec();
        let (low, high) = program.range(&columns).unwrap();
        for x in -3..=2 {
            for y in -1..=4 {
                let result = program.evaluate(&[x, y]);
                assert!((low..=high).contains(&result), "{text}: {x}, {y}");
            }
        }
    }
}

#[test]
fn what_could_wrap_has_no_range_and_so_no_job() {
    let program = compile("b.w * b.w * b.w").unwrap();
    let large = i128::from(i64::MAX);
    assert_eq!(program.range(&[(-large, large)]), None);
    // A step in between that does not fit is found as well, whatever the result.
    let program = compile("b.w * b.w * b.w * 0").unwrap();
    assert_eq!(program.range(&[(-large, large)]), None);
    // Whoever evaluates it nevertheless gets a number and no panic.
    program.evaluate(&[large]);
    let text = ["b.d18"; 3].join(" * ");
    let err = compile(&text).unwrap_err();
    assert!(err.to_string().contains("decimals"), "{err}");
}
