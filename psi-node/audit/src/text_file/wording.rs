//! What the reader of TOML says, in the words of the documentation.
//!
//! The reader's messages speak of Rust: fields, variants, sequences, `u64`. Called where an error of
//! it is shown, for `node.toml`, collaborations and templates. A message that is not known here
//! passes as it is.

use std::borrow::Cow;
use std::ops::Range;

/// What the reader says of a value that begins as none of the others.
const NOT_QUOTED: &str = "string values must be quoted";

/// How its messages begin about values that begin as a number or a truth value and go on otherwise, such
/// as `127.0.0.1:7402`.
const NOT_A_VALUE: &str = "invalid ";

/// The text that somebody wrote without quotes, if that is what `message` is about; `span` is where in
/// `text`.
pub(super) fn unquoted<'a>(message: &str, text: &'a str, span: &Range<usize>) -> Option<&'a str> {
    if message.starts_with(NOT_QUOTED) {
        let line = text.get(span.clone())?.lines().next()?;
        return quotable(line.split('#').next()?.trim());
    }
    let of = message.strip_prefix(NOT_A_VALUE)?;
    let kinds = ["boolean", "integer", "float", "date", "infinity", "nan"];
    if !kinds.iter().any(|kind| of.starts_with(kind)) {
        return None;
    }
    // The place may be within the value.
    let ends = |c: char| c.is_whitespace() || ",[]{}=#".contains(c);
    let (before, behind) = text.split_at_checked(span.start)?;
    let start = before.rfind(ends).map_or(0, |place| place + 1);
    let end = span.start + behind.find(ends).unwrap_or(behind.len());
    quotable(text.get(start..end)?)
}

/// A text that can be put between double quotes as it is.
fn quotable(text: &str) -> Option<&str> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\' | '\'');
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

/// The message for a person who never saw Rust.
pub(super) fn plain(message: &str) -> Cow<'_, str> {
    said(message).map_or(Cow::Borrowed(message), Cow::Owned)
}

fn said(message: &str) -> Option<String> {
    if let Some(name) = message.strip_prefix("missing field ") {
        return Some(format!("the setting {name} is missing"));
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return Some(format!("the setting {name} is here twice"));
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return Some(unknown("setting", rest));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return Some(unknown("word", rest));
    }
    if message.starts_with("data did not match any variant") {
        return Some("a value of another kind belongs here".to_owned());
    }
    let kinds = ["invalid type: ", "invalid value: "];
    let rest = kinds.iter().find_map(|kind| message.strip_prefix(kind))?;
    let (found, wanted) = rest.rsplit_once(", expected ")?;
    Some(format!(
        "{} belongs here, not {}{}",
        wanted_in_words(wanted),
        found_in_words(found),
        quotes_too_many(found, wanted)
    ))
}

/// What to do about `"10"` where a number belongs, and about `"true"`.
fn quotes_too_many(found: &str, wanted: &str) -> String {
    let text = found.strip_prefix("string \"");
    let Some(text) = text.and_then(|text| text.strip_suffix('"')) else {
        return String::new();
    };
    let wanted = wanted_in_words(wanted);
    let is_number = wanted.contains("number") && text.parse::<f64>().is_ok();
    let is_truth = wanted.contains("`true`") && matches!(text, "true" | "false");
    if is_number || is_truth {
        format!(": write {text} without quotes")
    } else {
        String::new()
    }
}

/// Of `` `name`, expected one of `a`, `b` `` and its shorter forms.
fn unknown(what: &str, rest: &str) -> String {
    let Some((name, known)) = rest.split_once("`, expected ") else {
        let name = rest.split_once("`, ").map_or(rest, |(name, _)| name);
        return format!("unknown {what} {}`", name.trim_end_matches('`'));
    };
    let known = known.strip_prefix("one of ").unwrap_or(known);
    let known = known.replace(" or ", " and ");
    let is = if known.matches('`').count() > 2 {
        "are"
    } else {
        "is"
    };
    let meant = meant(name.trim_start_matches('`'), &known);
    format!("unknown {what} {name}`; {meant}known here {is} {known}")
}

/// Which of the known names, each in back quotes, differs least from the one that is not known.
fn meant(name: &str, known: &str) -> String {
    let known = known.split('`').skip(1).step_by(2);
    let distances = known.map(|known| (strsim::osa_distance(name, known), known));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    // One letter of three may be wrong, as in most slips.
    let most = (name.chars().count() / 3).clamp(1, 3);
    match nearest.filter(|(distance, _)| *distance <= most) {
        Some((_, known)) => format!("did you mean `{known}`? "),
        None => String::new(),
    }
}

fn wanted_in_words(wanted: &str) -> Cow<'_, str> {
    Cow::Borrowed(match wanted {
        "a sequence" => "a list in square brackets",
        "a map" => "a section",
        "a string" | "string" | "path string" | "a borrowed string" => "text in double quotes",
        "a boolean" => "`true` or `false`",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" | "an integer" => "a whole number",
        "f32" | "f64" | "a floating point number" => "a number",
        other if other.starts_with("struct ") => "a section",
        other if other.starts_with("enum ") || other.contains("variant") => "a word in quotes",
        other => match other.strip_prefix("an array of length ") {
            Some(length) => return Cow::Owned(format!("a list of {length} values")),
            None => other,
        },
    })
}

fn found_in_words(found: &str) -> Cow<'_, str> {
    if let Some(text) = found.strip_prefix("string ") {
        return Cow::Owned(format!("the text {text}"));
    }
    for number in ["integer ", "floating point "] {
        if let Some(number) = found.strip_prefix(number) {
            return Cow::Owned(format!("the number {}", number.trim_matches('`')));
        }
    }
    Cow::Borrowed(match found {
        "map" => "a section",
        "sequence" => "a list",
        other => other.strip_prefix("boolean ").unwrap_or(other),
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn other_forms_of_the_reader_are_known_and_the_rest_passes() {
        for (message, expected) in [
            ("duplicate field `a`", "the setting `a` is here twice"),
            (
                "unknown field `a`, there are no fields",
                "unknown setting `a`",
            ),
            (
                "unknown field `cat`, expected `dog`",
                "unknown setting `cat`; known here is `dog`",
            ),
            (
                "unknown variant `emial`, expected `email` or `phone`",
                "unknown word `emial`; did you mean `email`? known here are `email` and `phone`",
            ),
            (
                "data did not match any variant of untagged enum DomainValue",
                "a value of another kind belongs here",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "a whole number from 0 to 255 belongs here, not the number 300",
            ),
            (
                "invalid type: map, expected an array of length 2",
                "a list of 2 values belongs here, not a section",
            ),
            (
                "invalid socket address syntax",
                "invalid socket address syntax",
            ),
        ] {
            assert_eq!(plain(message), expected);
        }
    }
}
