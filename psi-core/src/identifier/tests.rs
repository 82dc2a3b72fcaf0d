use proptest::prelude::*;

use super::{IdentifierKind, IdentityHasher, domain_tag};
use crate::digest::{Digest, Messages};
use crate::kernel::portable::Portable;
use crate::kernel::{Kernel as _, available};
use crate::limits::IDENTIFIER_BYTES_MAX;

fn normal(kind: IdentifierKind, raw: &str) -> Option<String> {
    let mut out = b"left over from the row before".to_vec();
    kind.normalise(raw, &mut out)
        .then(|| String::from_utf8(out).expect("normalising text gives text"))
}

#[track_caller]
fn gives(kind: IdentifierKind, raw: &str, expected: &str) {
    assert_eq!(
        normal(kind, raw).as_deref(),
        Some(expected),
        "{kind} of {raw:?}"
    );
}

#[track_caller]
fn is_null(kind: IdentifierKind, raw: &str) {
    assert_eq!(normal(kind, raw), None, "{kind} of {raw:?}");
}

#[test]
fn names_parse_back_to_their_kind_and_nothing_else_parses() {
    for kind in IdentifierKind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(*kind));
    }
    for wrong in ["", "Email", " email", "emails", "integer"] {
        assert!(wrong.parse::<IdentifierKind>().is_err(), "{wrong:?}");
    }
}

#[test]
fn text_trim_and_lower_each_do_one_thing_and_take_empty_values() {
    gives(IdentifierKind::Text, " Ab\u{a0}", " Ab\u{a0}");
    gives(IdentifierKind::Trim, "\u{a0}\t Ab c\u{2003}\n", "Ab c");
    gives(IdentifierKind::Lower, " ÀB ", " àb ");
    for kind in [
        IdentifierKind::Text,
        IdentifierKind::Trim,
        IdentifierKind::Lower,
    ] {
        gives(kind, "", "");
    }
    gives(IdentifierKind::Trim, " \t", "");
}

#[test]
fn email_is_trimmed_and_lowercased_and_keeps_dots_and_tags() {
    gives(
        IdentifierKind::Email,
        " Jo.Doe+News@Example.COM ",
        "jo.doe+news@example.com",
    );
    gives(IdentifierKind::Email, "GRÜSSE@Ö.de", "grüsse@ö.de");
}

#[test]
fn an_email_has_one_at_sign_with_something_around_it_and_no_white_space() {
    gives(IdentifierKind::Email, "a@b", "a@b");
    gives(IdentifierKind::Email, "\u{a0}İ@x\n", "i\u{307}@x");
    for wrong in [
        "",
        "\u{a0} ",
        "@",
        "jo@@example.com",
        "jo@exam\u{2003}ple.com",
        "a@b.c, d@e.f",
    ] {
        is_null(IdentifierKind::Email, wrong);
    }
}

#[test]
fn phone_needs_a_plus_and_7_to_15_digits() {
    gives(IdentifierKind::Phone, " +41446681800\n", "+41446681800");
    gives(IdentifierKind::Phone, "+1234567", "+1234567");
    gives(
        IdentifierKind::Phone,
        "+123456789012345",
        "+123456789012345",
    );
    for wrong in [
        "",
        "+",
        "41446681800",
        "0041446681800",
        "+123456",
        "+0041446681800",
        "+1234567890123456",
        "+41 44 668",
    ] {
        is_null(IdentifierKind::Phone, wrong);
    }
    // Digits of other scripts are not E.164.
    is_null(IdentifierKind::Phone, "+٤١٤٤٦٦٨١٨٠٠");
}

#[test]
fn hex_is_lowercased_without_what_stands_around_its_digits() {
    gives(IdentifierKind::Hex, "00DEADbeef", "00deadbeef");
    for around in [" ab", "ab ", "\u{a0}AB\r\n", "0xab", "0XAB", " 0xAb "] {
        gives(IdentifierKind::Hex, around, "ab");
    }
    let uuid = "550e8400e29b41d4a716446655440000";
    for spelled in [
        "550e8400-e29b-41d4-a716-446655440000",
        " 550E8400-E29B-41D4-A716-446655440000\t",
    ] {
        gives(IdentifierKind::Hex, spelled, uuid);
    }
    for wrong in [
        "",
        " ",
        "abc",
        "0x",
        "0xabc",
        "0x0x12",
        "x12",
        "a b",
        "gg",
        "é",
        "ab-cd",
        "0x550e8400-e29b-41d4-a716-446655440000",
        "{550e8400-e29b-41d4-a716-446655440000}",
        "550e8400-e29b-41d4-a716-44665544000g",
        "550e8400e29b-41d4-a716-446655440000-",
    ] {
        is_null(IdentifierKind::Hex, wrong);
    }
}

#[test]
fn int_is_canonical_whatever_its_width_sign_and_zeros() {
    gives(IdentifierKind::Int, " 42\t", "42");
    gives(IdentifierKind::Int, "+0042", "42");
    gives(IdentifierKind::Int, "-0042", "-42");
    gives(IdentifierKind::Int, "-0", "0");
    gives(IdentifierKind::Int, "000", "0");
    gives(IdentifierKind::Int, "123.0", "123");
    gives(IdentifierKind::Int, " -0123.000 ", "-123");
    gives(IdentifierKind::Int, "-0.0", "0");
    gives(
        IdentifierKind::Int,
        "18446744073709551616",
        "18446744073709551616",
    );
    for wrong in [
        "", " ", "-", "+", "+-1", "1.5", "1.", ".0", "1.0.0", "1.0e3", "1e3", "1_000", "1,000",
        "\u{a0}1", "٤",
    ] {
        is_null(IdentifierKind::Int, wrong);
    }
}

#[test]
fn a_value_longer_than_the_limit_is_null_and_one_at_the_limit_is_not() {
    let longest = "7".repeat(IDENTIFIER_BYTES_MAX);
    let longer = "7".repeat(IDENTIFIER_BYTES_MAX + 1);
    let other = [
        IdentifierKind::Text,
        IdentifierKind::Trim,
        IdentifierKind::Lower,
    ];
    for kind in other.into_iter().chain([IdentifierKind::Int]) {
        gives(kind, &longest, &longest);
        is_null(kind, &longer);
    }
    let address = format!("{}@x", "7".repeat(IDENTIFIER_BYTES_MAX - 2));
    gives(IdentifierKind::Email, &address, &address);
    is_null(IdentifierKind::Email, &format!("7{address}"));
    is_null(IdentifierKind::Int, &format!("-{longest}"));
    gives(IdentifierKind::Int, &format!("00{longest}"), &longest);
    gives(IdentifierKind::Trim, &format!("  {longest} "), &longest);
    is_null(IdentifierKind::Hex, &"ab".repeat(IDENTIFIER_BYTES_MAX));
}

#[test]
fn the_domain_tag_joins_kinds_by_plus() {
    assert_eq!(domain_tag(&[IdentifierKind::Hex]), b"psi/v1/hex");
    assert_eq!(
        domain_tag(&[IdentifierKind::Email, IdentifierKind::Int]),
        b"psi/v1/email+int"
    );
}

fn expected(fields: &[&str]) -> Digest {
    let mut messages = Messages::new();
    for field in fields {
        assert!(messages.field(field.as_bytes()));
    }
    messages.end();
    let mut out = [[0; 32]];
    Portable.digest(&messages, &mut out);
    out[0]
}

#[test]
fn an_identity_is_null_if_any_column_is_and_the_next_row_is_unharmed() {
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Email, IdentifierKind::Int]);
    let good = expected(&["a@b.c", "7"]);
    assert_eq!(hasher.digest([Some(" A@B.C"), Some("007")]), Some(good));
    assert_eq!(hasher.digest([Some("a@b.c"), Some("x")]), None);
    assert_eq!(hasher.digest([Some("a@b.c"), None]), None);
    assert_eq!(hasher.digest([None, Some("7")]), None);
    assert_eq!(hasher.digest([Some("a@b.c")]), None);
    assert_eq!(hasher.digest([Some("a@b.c"), Some("7"), Some("7")]), None);
    assert_eq!(hasher.digest([Some("a@b.c"), Some("7")]), Some(good));
    assert_eq!(IdentityHasher::new(&[]).digest([]), None);
}

#[test]
fn many_rows_have_the_digests_of_single_ones_by_every_kernel() {
    let kinds = [IdentifierKind::Text, IdentifierKind::Int];
    let mut one = IdentityHasher::new(&kinds);
    let lengths = (0..149).map(|i| 7 * i).chain([IDENTIFIER_BYTES_MAX + 1]);
    let texts: Vec<String> = lengths.map(|length| "x".repeat(length)).collect();
    let rows: Vec<[Option<&str>; 2]> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| {
            [
                (i % 11 != 3).then_some(text.as_str()),
                Some(if i % 13 == 4 { "seven" } else { "7" }),
            ]
        })
        .collect();
    let expected: Vec<Option<Digest>> = rows.iter().map(|row| one.digest(*row)).collect();
    // Too long, NULL, and not normal.
    assert!(expected[149].is_none() && expected[3].is_none() && expected[4].is_none());
    assert_eq!(expected.iter().flatten().count(), 124);
    for kernel in available() {
        let mut many = IdentityHasher::new(&kinds);
        for rows in [&rows[..], &rows[..1], &[], &rows[7..], &rows[..]] {
            let digests: Vec<_> = many
                .digests(kernel.as_ref(), rows.iter().copied())
                .collect();
            let expected: Vec<_> = rows.iter().map(|row| one.digest(*row)).collect();
            assert_eq!(digests, expected, "{}", kernel.name());
        }
    }
}

#[test]
fn the_digest_of_a_known_identity_never_changes() {
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Email]);
    let digest = hasher.digest([Some("Alice@Example.com")]).unwrap();
    assert_eq!(hex::encode(digest), KNOWN_DIGEST);
}

/// SHA-512/256 of `00000011` and `alice@example.com`, computed with another implementation.
const KNOWN_DIGEST: &str = "2dd5e42cf0732676e679ff9ef76f07d2edce95eec0d6362cdb7344fdf1a4538d";

fn any_kind() -> impl Strategy<Value = IdentifierKind> {
    prop::sample::select(IdentifierKind::ALL)
}

/// Kinds `hex` and `int` as version 1 of this specification had them first.
fn first_rule(kind: IdentifierKind, raw: &str) -> Option<String> {
    if kind == IdentifierKind::Hex {
        let digits = raw.bytes().all(|byte| byte.is_ascii_hexdigit());
        let formed = digits && !raw.is_empty() && raw.len().is_multiple_of(2);
        return formed.then(|| raw.to_ascii_lowercase());
    }
    let raw = raw.trim_matches(|c: char| c.is_ascii_whitespace());
    let digits = raw.strip_prefix(['+', '-']).unwrap_or(raw);
    let formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = digits.trim_start_matches('0');
    let value = if value.is_empty() { "0" } else { value };
    let negative = raw.starts_with('-') && value != "0";
    formed.then(|| format!("{}{value}", if negative { "-" } else { "" }))
}

proptest! {
    #[test]
    fn what_normalised_before_spellings_were_added_is_the_same_identity(
        hex in "[0-9a-fA-F]{0,9}|[ 0xXaF-]{0,6}",
        int in "[ \t]?[+-]?[0-9]{0,20}[.]?0{0,2}[ ]?",
    ) {
        for (kind, raw) in [(IdentifierKind::Hex, &hex), (IdentifierKind::Int, &int)] {
            if let Some(first) = first_rule(kind, raw) {
                prop_assert_eq!(normal(kind, raw), Some(first));
            }
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(kind in any_kind(), raw in any::<String>()) {
        if let Some(once) = normal(kind, &raw) {
            prop_assert_eq!(normal(kind, &once), Some(once));
        }
    }

    #[test]
    fn integers_normalise_to_what_rust_prints(value in any::<i64>(), zeros in 0_usize..4) {
        let sign = if value < 0 { "-" } else { "" };
        let raw = format!(" {sign}{}{} ", "0".repeat(zeros), value.unsigned_abs());
        prop_assert_eq!(normal(IdentifierKind::Int, &raw), Some(value.to_string()));
    }

    #[test]
    fn hex_of_bytes_normalises_to_lowercase(bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        let lower = hex::encode(&bytes);
        prop_assert_eq!(normal(IdentifierKind::Hex, &lower.to_uppercase()), Some(lower));
    }
}

const SPECIFICATION: &str = include_str!("../../../docs/spec/02-identifiers.md");

/// Rows of kind, values in back quotes, and bytes in back quotes or NULL.
#[test]
fn every_vector_of_the_specification_holds() {
    let (_, table) = SPECIFICATION
        .split_once("| kind | value | bytes |\n|---|---|---|\n")
        .unwrap();
    let mut held = 0;
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        // Between the quotes are a kind, its values, and bytes.
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let (kind, values) = quoted.split_first().unwrap();
        let (expected, values) = if line.ends_with("| NULL |") {
            (None, values)
        } else {
            let (bytes, values) = values.split_last().unwrap();
            (Some((*bytes).to_owned()), values)
        };
        assert!(!values.is_empty(), "{line}");
        for value in values {
            let kind = kind.parse().unwrap();
            assert_eq!(normal(kind, value), expected, "{line}: {value:?}");
            held += 1;
        }
    }
    assert!(held > 50, "{held} vectors");
}
