use aggregator::{ColumnNoise, NoisyKind, NoisyNumber, ResultRow, ResultTable, ResultValue};
use psi_core::dp::Uncertainty;
use serde_json::json;

use super::intervals;

#[test]
fn only_a_number_that_stands_as_it_was_released_has_an_interval() {
    let number = NoisyNumber {
        kind: NoisyKind::Identities,
        decimals: 0,
        uncertainty: Uncertainty {
            std_dev: 2.8,
            half_width_95: 6.0,
        },
    };
    let column = |direct, numbers| ColumnNoise {
        column: "x".into(),
        numbers,
        direct,
    };
    let noise = [
        column(false, Vec::new()),
        column(true, vec![number]),
        column(false, vec![number, number]),
    ];
    let row = |suppressed, values: [ResultValue; 3]| ResultRow {
        suppressed,
        values: values.into(),
    };
    let table = ResultTable {
        columns: Vec::new(),
        rows: vec![
            row(
                false,
                [
                    ResultValue::Text("north".into()),
                    ResultValue::Integer(31),
                    ResultValue::Decimal("1.5".into()),
                ],
            ),
            row(
                true,
                [
                    ResultValue::Other,
                    ResultValue::Suppressed,
                    ResultValue::Suppressed,
                ],
            ),
        ],
    };
    assert_eq!(
        json!(intervals(&noise, &table)),
        json!([[null, [25, 37], null], [null, null, null]])
    );
}
