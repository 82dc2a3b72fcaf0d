use super::*;

fn inferred(values: &[&str]) -> Inferred {
    let mut seen = Seen::default();
    for value in values {
        seen.value(value);
    }
    seen.inferred()
}

#[test]
fn a_column_gets_the_first_type_that_all_its_values_have() {
    use Inferred::Form as Of;
    for (values, expected) in [
        (&["1", "-20", "0", "0800"][..], Of(Form::Whole)),
        (&[" 1", "2", " "], Of(Form::Whole)),
        (&["1", "2.5", "1e3"], Of(Form::Double)),
        (
            &["0.30000000000000004", "9007199254740992"],
            Of(Form::Double),
        ),
        (&["true", "FALSE"], Of(Form::Boolean)),
        (&["2025-01-01"], Of(Form::Date)),
        (&["2025-01-01", "2025-01-01 10:00"], Of(Form::Instant)),
        (&["2025-01-01T10:00:00Z"], Inferred::InstantInUtc),
        (&[], Inferred::Empty),
        (&[" ", "  "], Inferred::Empty),
    ] {
        assert_eq!(inferred(values), expected, "{values:?}");
    }
}

#[test]
fn long_whole_numbers_are_never_doubles() {
    use Inferred::Form as Of;
    for (values, expected) in [
        (&["100155000000000003", "0.5"][..], Of(Form::Decimal(1))),
        (&["100155000000000003", "1.00155E+17"], Of(Form::Decimal(0))),
        (&["12345678901234567890"], Of(Form::Decimal(0))),
        (&["9007199254740993", "1e-300"], Of(Form::Text)),
        (
            &["1234567890123456789012345678901234567890"],
            Of(Form::Text),
        ),
    ] {
        assert_eq!(inferred(values), expected, "{values:?}");
    }
}

#[test]
fn a_column_stays_text_if_reading_it_otherwise_would_lose_something() {
    for values in [
        &["1", "x"][..],
        &["nan"],
        &["inf"],
        &["+5"],
        &["1."],
        &["2025-01-01 10:00:00Z", "2025-01-01"],
        &["1", "2025-01-01"],
    ] {
        let form = inferred(values);
        // `1.` is a number with no digit behind its point.
        let expected = if values == ["1."] {
            Form::Double
        } else {
            Form::Text
        };
        assert_eq!(form, Inferred::Form(expected), "{values:?}");
    }
}

#[test]
fn decimals_are_read_exactly_however_they_are_spelled() {
    for (text, scale, units) in [
        ("1.00155E+17", 0, Some(100_155_000_000_000_000)),
        ("-0.5", 1, Some(-5)),
        ("0005.50", 1, Some(55)),
        ("0e99", 0, Some(0)),
        ("5e-3", 3, Some(5)),
        ("5e-3", 2, None),
        ("-0", 2, Some(0)),
    ] {
        assert_eq!(Digits::of(text).unwrap().units(scale), units, "{text}");
    }
    for text in ["", "-", ".5", "1e", "1e+", "1e99999", "0x10", "1_0"] {
        assert!(Digits::of(text).is_none(), "{text}");
    }
}

#[test]
fn words_for_null_and_only_they_are_null() {
    let text = StringArray::from(vec![None, Some("NA"), Some("a")]);
    let read = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let values = with_null_words(&text, &words);
        values
            .iter()
            .map(|v| v.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let of = |text: &str| Some(text.to_owned());
    assert_eq!(read(&[""]), [None, of("NA"), of("a")]);
    assert_eq!(read(&["NA"]), [of(""), None, of("a")]);
}
