//! Fields that occur twice in one object of a JSON text.
//!
//! Called by [`super::import_aws`] before the text becomes a tree, which keeps the last of them
//! alone. Reads the text with the parser that makes the tree, and keeps the names of the objects
//! that are open.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::Problem;

/// Refuses a text in which any object, at any depth, has a field twice.
///
/// # Errors
/// [`Problem`] with line and column of the second one.
pub(super) fn refuse(text: &str) -> Result<(), Problem> {
    let mut repeated = None;
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = Fields(&mut repeated).deserialize(&mut parser);
    match (read, repeated) {
        (Err(error), Some(name)) => Err(Problem {
            place: format!("line {}, column {}", error.line(), error.column()),
            what: format!("the field {name:?} occurs twice in one object"),
            remedy: "remove the one that does not hold: of two, programs read one or the other"
                .to_owned(),
        }),
        // A text that is not JSON is refused when the tree is made.
        _ => Ok(()),
    }
}

/// A value; all of it is read, the first repeated name is kept. The parser bounds how deep values
/// go.
struct Fields<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if let Some(name) = names.replace(name) {
                *self.0 = Some(name);
                // The parser adds the place.
                return Err(A::Error::custom("a repeated field"));
            }
            fields.next_value_seed(Fields(self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Fields(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
