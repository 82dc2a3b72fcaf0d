//! Hexadecimal fields of documents and lines, for `#[serde(deserialize_with)]`.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Reads exactly `N` bytes.
///
/// # Errors
/// The deserializer's, if there are more or fewer digits or other characters.
pub(crate) fn array<'de, D: Deserializer<'de>, T: From<[u8; N]>, const N: usize>(
    from: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    let mut bytes = [0; N];
    hex::decode_to_slice(&text, &mut bytes)
        .map_err(|_| D::Error::custom(format!("expected {} hexadecimal digits", 2 * N)))?;
    Ok(bytes.into())
}

/// Reads exactly `N` bytes, for a field that may be left out.
///
/// # Errors
/// As [`array()`].
pub(crate) fn optional_array<'de, D: Deserializer<'de>, T: From<[u8; N]>, const N: usize>(
    from: D,
) -> Result<Option<T>, D::Error> {
    array(from).map(Some)
}

/// Reads any number of bytes.
///
/// # Errors
/// The deserializer's, if the text is not an even number of hexadecimal digits.
pub(crate) fn vec<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(from)?)
        .map_err(|_| D::Error::custom("expected an even number of hexadecimal digits"))
}
