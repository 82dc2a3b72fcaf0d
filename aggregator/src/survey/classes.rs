//! Classes of values that cannot match or look as if they would not.
//!
//! Spec 10 §2.7. Called by [`super`] for every value of a key while a table is loaded. A value is of
//! the first class that describes it.

use psi_core::identifier::IdentifierKind;
use psi_core::limits::IDENTIFIER_BYTES_MAX;

use crate::report::ValueClass;

/// Longer texts are not placeholders.
const PLACEHOLDER_BYTES_MAX: usize = 16;

/// Words that are written where a value is missing, in lower case.
const PLACEHOLDERS: [&str; 22] = [
    "-",
    "--",
    "---",
    "?",
    ".",
    "n/a",
    "#n/a",
    "na",
    "n.a.",
    "<na>",
    "nan",
    "null",
    "(null)",
    "\\n",
    "nil",
    "none",
    "unknown",
    "undefined",
    "missing",
    "empty",
    "not available",
    "tbd",
];

/// MD5, SHA-1, SHA-256 and SHA-512 of nothing.
const HASHES_OF_NOTHING: [&str; 4] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
     47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
];

/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// Digits of the shortest hash, of 128 bits.
const HASH_DIGITS_MIN: usize = 32;

/// What a value is that does not normalise.
pub(crate) fn refused(kind: IdentifierKind, value: &str) -> ValueClass {
    let text = value.trim();
    if text.is_empty() {
        ValueClass::Empty
    } else if is_placeholder(text) {
        ValueClass::Placeholder
    } else if text.len() > IDENTIFIER_BYTES_MAX {
        ValueClass::TooLong
    } else if is_sha256(text) {
        ValueClass::Sha256
    } else if is_base64_of_hash(text) {
        ValueClass::Base64
    } else if kind.is_email() {
        ValueClass::NoEmailAddress
    } else if text.contains('@') {
        ValueClass::EmailAddress
    } else {
        match kind.plain() {
            IdentifierKind::Phone => ValueClass::NotE164,
            IdentifierKind::Int if is_number(text) => ValueClass::NotWhole,
            _ => ValueClass::Other,
        }
    }
}

/// Why a value that normalises looks wrong, if it does.
pub(crate) fn doubtful(kind: IdentifierKind, value: &str) -> Option<ValueClass> {
    use IdentifierKind as Kind;
    let text = value.trim();
    let is_as_written = matches!(kind, Kind::Text | Kind::Trim | Kind::Lower);
    if text.is_empty() {
        return Some(ValueClass::Empty);
    }
    if is_placeholder(text) {
        return Some(ValueClass::Placeholder);
    }
    if is_hash_of_nothing(text) {
        return Some(ValueClass::HashOfNothing);
    }
    if is_as_written && kind != Kind::Trim && text.len() < value.len() {
        return Some(ValueClass::BlanksAround);
    }
    if matches!(kind, Kind::Email | Kind::Sha256Email) && has_other_spellings(text) {
        return Some(ValueClass::SeveralSpellings);
    }
    let has_upper = is_as_written
        && kind != Kind::Lower
        && text.contains(char::is_uppercase)
        && (text.contains('@') || (text.len() >= HASH_DIGITS_MIN && is_hex(text)));
    has_upper.then_some(ValueClass::UpperCase)
}

/// Whether Google's rule would make another address of an address of Gmail.
fn has_other_spellings(text: &str) -> bool {
    let Some((mailbox, domain)) = text.split_once('@') else {
        return false;
    };
    let is_googlemail = domain.eq_ignore_ascii_case("googlemail.com");
    is_googlemail || (domain.eq_ignore_ascii_case("gmail.com") && mailbox.contains(['.', '+']))
}

fn is_placeholder(text: &str) -> bool {
    let zeros = text.bytes().filter(|byte| *byte == b'0').count();
    let all_zeros = text.bytes().all(|byte| matches!(byte, b'0' | b'+' | b'-'));
    if zeros >= 4 && all_zeros {
        return true;
    }
    text.len() <= PLACEHOLDER_BYTES_MAX
        && PLACEHOLDERS
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text is a word that is written where a value is missing.
pub(crate) fn is_missing_word(text: &str) -> bool {
    PLACEHOLDERS
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

fn is_hash_of_nothing(text: &str) -> bool {
    HASHES_OF_NOTHING
        .iter()
        .any(|hash| text.eq_ignore_ascii_case(hash))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS && is_hex(text)
}

/// Whether a text is as long as base64 of a hash of 16, 20, 32 or 64 bytes, padded, and of its
/// alphabet or that of URLs.
fn is_base64_of_hash(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padded = (text.len(), text.len() - digits.len());
    matches!(padded, (24 | 88, 2) | (28 | 44, 1))
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
}

/// Whether a text is digits with a point, an exponent or separators.
fn is_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.,_eE".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdentifierKind as Kind;
    use IdentifierKind::{Email, Hex, Int, Lower, Phone, Text, Trim};

    const SHA256: &str = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    const BASE64: &str = "XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=";

    fn normalises(kind: IdentifierKind, value: &str) -> bool {
        kind.normalise(value, &mut Vec::new())
    }

    #[test]
    fn what_does_not_normalise_is_of_the_class_that_says_why() {
        for (kind, value, class) in [
            (Email, "  ", ValueClass::Empty),
            (Phone, "", ValueClass::Empty),
            (Phone, "N/A", ValueClass::Placeholder),
            (Phone, "0000000000", ValueClass::Placeholder),
            (Phone, "+0000000000", ValueClass::Placeholder),
            (Email, "n/a", ValueClass::Placeholder),
            (Email, SHA256, ValueClass::Sha256),
            (Email, BASE64, ValueClass::Base64),
            (Email, "jo", ValueClass::NoEmailAddress),
            (
                Email,
                "jo@example.com; jo@example.org",
                ValueClass::NoEmailAddress,
            ),
            (Int, "NULL", ValueClass::Placeholder),
            (Hex, "unknown", ValueClass::Placeholder),
            (Phone, SHA256, ValueClass::Sha256),
            (Hex, BASE64, ValueClass::Base64),
            (Hex, "jo@example.com", ValueClass::EmailAddress),
            (Phone, "0664 1234567", ValueClass::NotE164),
            (Phone, "+43 664 1234567", ValueClass::NotE164),
            (Int, "1.5", ValueClass::NotWhole),
            (Int, "1.5e3", ValueClass::NotWhole),
            (Int, "1,000", ValueClass::NotWhole),
            (Int, "A12", ValueClass::Other),
            (Hex, "abc", ValueClass::Other),
        ] {
            assert!(!normalises(kind, value), "{kind} {value:?}");
            assert_eq!(refused(kind, value), class, "{kind} {value:?}");
        }
        assert_eq!(refused(Text, &"x".repeat(5000)), ValueClass::TooLong);
    }

    #[test]
    fn what_normalises_and_looks_wrong_is_of_the_class_that_says_why() {
        let upper = SHA256.to_uppercase();
        for (kind, value, class) in [
            (Text, "Jo@Example.com", Some(ValueClass::UpperCase)),
            (Trim, "Jo@Example.com", Some(ValueClass::UpperCase)),
            (Lower, "Jo@Example.com", None),
            (Text, &upper, Some(ValueClass::UpperCase)),
            (Text, SHA256, None),
            (Text, "Anna", None),
            (Text, " jo@example.com", Some(ValueClass::BlanksAround)),
            (Lower, "jo ", Some(ValueClass::BlanksAround)),
            (Trim, "jo ", None),
            (Text, "", Some(ValueClass::Empty)),
            (Lower, "Unknown", Some(ValueClass::Placeholder)),
            (Email, " Jo@Example.com", None),
            (Email, "jo.doe@example.com", None),
            (Email, "jodoe@gmail.com", None),
            (
                Email,
                " Jo.Doe@Gmail.com",
                Some(ValueClass::SeveralSpellings),
            ),
            (Email, "jo+x@gmail.com", Some(ValueClass::SeveralSpellings)),
            (
                Email,
                "jo@googlemail.com",
                Some(ValueClass::SeveralSpellings),
            ),
            (Kind::EmailGoogle, "jo+x@gmail.com", None),
            (
                Kind::Sha256Email,
                "jo+x@gmail.com",
                Some(ValueClass::SeveralSpellings),
            ),
            (Phone, "+436641234567", None),
            (Hex, "0000000000000000", Some(ValueClass::Placeholder)),
            (Hex, HASHES_OF_NOTHING[2], Some(ValueClass::HashOfNothing)),
            (Text, HASHES_OF_NOTHING[3], Some(ValueClass::HashOfNothing)),
            (Hex, &upper, None),
            (Int, "0", None),
            (Int, "-5", None),
            (Int, "00000", Some(ValueClass::Placeholder)),
        ] {
            assert!(normalises(kind, value), "{kind} {value:?}");
            assert_eq!(doubtful(kind, value), class, "{kind} {value:?}");
        }
    }

    #[test]
    fn hashes_of_nothing_are_those_of_the_algorithms() {
        use sha2::Digest as _;
        assert_eq!(hex::encode(sha2::Sha256::digest(b"")), HASHES_OF_NOTHING[2]);
        assert_eq!(hex::encode(sha2::Sha512::digest(b"")), HASHES_OF_NOTHING[3]);
    }
}
