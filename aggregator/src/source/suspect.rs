//! What a file is that is not the CSV file its name promises: the likely cause, by name.
//!
//! Spec 10 §2.2. Called for the header of every CSV file, at load alone. Never quotes a value; the
//! first line holds names.

use encoding_rs::UTF_8;

use super::SourceError;
use super::dialect::Dialect;
use super::files::FileStamp;
use super::read_error::ReadError;
use super::text;

/// Bytes that are looked at.
const HEAD_BYTES: u64 = 4096;

/// Bytes in which every second one is zero in texts of two bytes a character.
const WIDE_BYTES: usize = 64;

/// Refuses a file whose first bytes say that it is something else.
///
/// # Errors
/// [`SourceError`] with what it looks like; [`ReadError`] as one if it cannot be read.
pub(super) fn check(
    file: &FileStamp,
    dialect: &Dialect,
    unreadable: impl Fn(&ReadError) -> SourceError,
) -> Result<(), SourceError> {
    let head = text::head(file, HEAD_BYTES).map_err(|error| unreadable(&error))?;
    let found = if dialect.encoding == UTF_8 {
        cause(&head)
    } else {
        signature(&head)
    };
    match found {
        Some((what, remedy)) => Err(SourceError::new(
            format!("{} {what}", file.path.display()),
            remedy,
        )),
        None => Ok(()),
    }
}

/// Refuses a header of one name that holds another separator than the one that is expected.
///
/// # Errors
/// [`SourceError`] with the separator.
pub(super) fn check_names(
    file: &FileStamp,
    names: &[String],
    delimiter: u8,
) -> Result<(), SourceError> {
    let [only] = names else {
        return Ok(());
    };
    let separators = [
        (',', "commas"),
        (';', "semicolons"),
        ('\t', "tabs"),
        ('|', "vertical bars"),
    ];
    let mut others = separators.iter();
    let other =
        others.find(|(other, _)| u8::try_from(*other) != Ok(delimiter) && only.contains(*other));
    let Some((other, what)) = other else {
        return Ok(());
    };
    let mut expected = separators.iter();
    let expected = expected.find(|(known, _)| u8::try_from(*known) == Ok(delimiter));
    let expected = expected.map_or("the declared delimiter", |(_, what)| what);
    Err(SourceError::new(
        format!(
            "{} separates its values by {what}, not by {expected}",
            file.path.display()
        ),
        format!(
            "declare it in the table: csv = {{ delimiter = {other:?} }}, with decimal = \",\" if \
             numbers have a comma"
        ),
    ))
}

fn cause(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const WIDE: &str = "declare it in the table, csv = { encoding = \"utf-16le\" }, or save it as UTF-8; \
                        spreadsheets call that \"CSV UTF-8\"";
    const OTHER: &str = "declare its encoding in the table, such as csv = { encoding = \
                         \"windows-1252\" }, or save it as UTF-8; spreadsheets call that \"CSV UTF-8\"";
    if is_wide(head) {
        return Some(("is UTF-16, not UTF-8", WIDE));
    }
    if let Some(found) = signature(head) {
        return Some(found);
    }
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let unquoted = line.strip_prefix(b"\"").unwrap_or(line);
    if unquoted.len() <= 6
        && unquoted
            .get(..4)
            .is_some_and(|sep| sep.eq_ignore_ascii_case(b"sep="))
    {
        return Some((
            "begins with a line `sep=`, which is for spreadsheets alone",
            "remove that line, so that the names of the columns come first, with commas between",
        ));
    }
    // A line that is longer than what was read may end within a character.
    if line.len() < head.len() && std::str::from_utf8(line).is_err() {
        return Some(("is not UTF-8: the names of its columns are not", OTHER));
    }
    None
}

/// What the first bytes of a file say that is not text.
fn signature(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const EXPORT: &str = "export it as CSV in UTF-8";
    let signatures: [(&[u8], &str, &str); 6] = [
        (
            b"PK\x03\x04",
            "is a workbook or a ZIP file, not CSV",
            EXPORT,
        ),
        (b"\xd0\xcf\x11\xe0", "is an old workbook, not CSV", EXPORT),
        (
            b"PAR1",
            "is Parquet, not CSV",
            "give it a name that ends in .parquet",
        ),
        (
            b"\x1f\x8b",
            "is packed by gzip",
            "give it a name that ends in .csv.gz",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "is packed by zstd",
            "give it a name that ends in .csv.zst",
        ),
        (
            b"BZh",
            "is packed by bzip2",
            "unpack it, or pack it by gzip or zstd",
        ),
    ];
    for (signature, what, remedy) in signatures {
        if head.starts_with(signature) {
            return Some((what, remedy));
        }
    }
    None
}

/// Whether there are two bytes for each character.
fn is_wide(head: &[u8]) -> bool {
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let head = head.get(..WIDE_BYTES).unwrap_or(head);
    let (pairs, _) = head.as_chunks::<2>();
    let has_zeros =
        pairs.iter().all(|[first, _]| *first == 0) || pairs.iter().all(|[_, second]| *second == 0);
    marked || (pairs.len() > 1 && has_zeros)
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn what_a_file_is_instead_is_named() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let cases: [(Vec<u8>, &str); 12] = [
            (wide("\u{feff}id,x\n1,2\n"), "UTF-16"),
            (big("\u{feff}id,x\n1,2\n"), "UTF-16"),
            (wide("id,x\n1,2\n"), "UTF-16"),
            (big("id,x\n1,2\n"), "UTF-16"),
            (b"PK\x03\x04\x14\0".to_vec(), "workbook"),
            (b"PAR1\x15".to_vec(), "Parquet"),
            (b"\x1f\x8b\x08".to_vec(), "gzip"),
            (b"\x28\xb5\x2f\xfd".to_vec(), "zstd"),
            (b"sep=;\nid;x\n".to_vec(), "`sep=`"),
            (b"\xef\xbb\xbfSEP=,\r\nid,x\r\n".to_vec(), "`sep=`"),
            (b"\"sep=;\"\nid;x\n".to_vec(), "`sep=`"),
            (b"stra\xdfe,x\n".to_vec(), "not UTF-8"),
        ];
        for (head, says) in cases {
            let found = cause(&head).unwrap_or_else(|| panic!("{says}: {head:?}"));
            assert!(found.0.contains(says), "{says}: {found:?}");
        }
        for fine in [
            "",
            "id",
            "id,x\n1,2",
            "\u{feff}straße,x\n",
            "separator,x\n",
            "sep,x\n",
        ] {
            assert_eq!(cause(fine.as_bytes()), None, "{fine:?}");
        }
    }
}
