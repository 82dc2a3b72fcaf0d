//! One value of a result, as JSON shows it.

use aggregator::ResultValue;
use serde_json::Value;

/// The label of the group of all values that a dimension does not list, NULL included. No owner
/// can list a value of this name.
pub const OTHER: &str = "other";

/// Numbers with decimals are texts of their digits: a JSON number would be read as a double.
pub(in crate::job) fn shown(value: &ResultValue) -> Value {
    match value {
        ResultValue::Text(text) | ResultValue::Decimal(text) => Value::from(text.as_str()),
        ResultValue::Boolean(truth) => Value::from(*truth),
        ResultValue::Other => Value::from(OTHER),
        ResultValue::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(number.to_string()),
        },
        ResultValue::Null | ResultValue::Suppressed => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_numbers_as_long_as_json_keeps_their_digits() {
        let whole = |number: i128| shown(&ResultValue::Integer(number));
        assert_eq!(whole(-3), json!(-3));
        assert_eq!(whole(i128::from(u64::MAX)), json!(u64::MAX));
        assert_eq!(whole(1 << 64), json!("18446744073709551616"));
        assert_eq!(shown(&ResultValue::Decimal("1.50".into())), json!("1.50"));
    }

    #[test]
    fn what_is_suppressed_looks_like_null_and_the_other_group_has_its_name() {
        assert_eq!(shown(&ResultValue::Suppressed), json!(null));
        assert_eq!(shown(&ResultValue::Null), json!(null));
        assert_eq!(shown(&ResultValue::Other), json!(OTHER));
    }
}
