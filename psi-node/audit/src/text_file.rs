//! Text files that a person named: reading one within bounds, and errors of TOML with their place.
//!
//! Called for collaboration documents here, and for configurations and templates by the node.

mod wording;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::error::UserError;

/// Reads a text file of at most `bytes_max` bytes that a user named.
///
/// # Errors
/// [`UserError`]; `missing` is the remedy if the file does not exist.
pub fn read_text(
    path: &Path,
    bytes_max: u64,
    missing: impl FnOnce() -> String,
) -> Result<String, UserError> {
    let place = path.display();
    let unreadable = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => {
            UserError::bad_input(format!("there is no file {place}"), missing())
        }
        io::ErrorKind::InvalidData => UserError::bad_input(
            format!("{place} is not text (UTF-8)"),
            "check that this is the right file",
        ),
        _ => UserError::bad_input(
            format!("cannot read {place}: {e}"),
            "check the path and its permissions",
        ),
    };
    let mut text = String::new();
    // One byte more than there may be: what a file says of its length need not hold.
    File::open(path)
        .and_then(|file| {
            file.take(bytes_max.saturating_add(1))
                .read_to_string(&mut text)
        })
        .map_err(unreadable)?;
    if text.len() as u64 > bytes_max {
        return Err(UserError::bad_input(
            format!("{place} has more than {bytes_max} bytes"),
            "check that this is the right file",
        ));
    }
    Ok(text)
}

/// An error of the TOML reader, with file, line and column.
#[must_use]
pub fn toml_error(
    path: &Path,
    text: &str,
    error: &toml::de::Error,
    remedy: impl Into<String>,
) -> UserError {
    // The message is one line; the rest repeats the source text.
    let message = error.message().trim().replace('\n', " ");
    let Some(span) = error.span() else {
        let message = wording::plain(&message);
        return UserError::bad_input(format!("{}: {message}", path.display()), remedy);
    };
    let place = place_of(path, text, span.start);
    if let Some(value) = wording::unquoted(&message, text, &span) {
        return UserError::bad_input(
            format!(
                "{place}: {value} is not a number, a date or a truth value, and text must be in double \
                 quotes"
            ),
            format!("write \"{value}\""),
        );
    }
    UserError::bad_input(format!("{place}: {}", wording::plain(&message)), remedy)
}

/// File, line and column of a byte of a text.
#[must_use]
pub fn place_of(path: &Path, text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("{}:{line}:{column}", path.display())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read_text;

    #[test]
    fn a_file_that_does_not_say_its_length_is_read_up_to_the_bound() {
        let error = read_text(Path::new("/dev/zero"), 10, String::new).unwrap_err();
        assert!(error.what.contains("more than 10 bytes"), "{}", error.what);
    }
}
