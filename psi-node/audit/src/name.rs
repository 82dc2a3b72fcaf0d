//! Names of members and collaborations: what a query can write without quotes.
//!
//! Spec 01 §6. Called where a collaboration's document or a node's configuration is read.

/// Bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;

/// What to do about a name that [`check_name`] refuses.
pub const NAME_REMEDY: &str =
    "use a lower-case letter, then lower-case letters, digits and underscores, 64 at most";

/// Checks the name of a member or a collaboration, which appears unquoted in SQL and in file names.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let letter_first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if letter_first && rest && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let shown: String = name.chars().take(80).collect();
    Err(format!("{shown:?} is not a name"))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_must_stand_unquoted_in_sql() {
        for good in ["a", "brand", "shop_2"] {
            assert_eq!(check_name(good), Ok(()));
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "Brand",
            "2shop",
            "_x",
            "a-b",
            "a b",
            "é",
            "a.b",
            long.as_str(),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
