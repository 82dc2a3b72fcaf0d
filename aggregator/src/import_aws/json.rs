//! JSON objects of which every field is either understood or reported.

use serde_json::{Map, Value};

use super::{ImportNote, REMEDY};
use crate::error::Problem;

/// An object and where it is.
pub(super) struct Object {
    fields: Map<String, Value>,
    place: String,
}

impl Object {
    pub(super) fn new(value: Value, place: String) -> Result<Self, Problem> {
        match value {
            Value::Object(fields) => Ok(Self { fields, place }),
            _ => Err(Problem {
                place: if place.is_empty() {
                    "the document".to_owned()
                } else {
                    place
                },
                what: "it is not an object".to_owned(),
                remedy: REMEDY.to_owned(),
            }),
        }
    }

    /// Where a field is.
    pub(super) fn place(&self, key: &str) -> String {
        match (self.place.as_str(), key) {
            ("", key) => key.to_owned(),
            (place, "") => place.to_owned(),
            (place, key) => format!("{place}.{key}"),
        }
    }

    pub(super) fn error(&self, key: &str, what: &str) -> Problem {
        Problem {
            place: self.place(key),
            what: what.to_owned(),
            remedy: REMEDY.to_owned(),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key).filter(|value| !value.is_null())
    }

    /// An object that may be left out.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Self>, Problem> {
        let place = self.place(key);
        self.take(key)
            .map(|value| Self::new(value, place))
            .transpose()
    }

    /// An object that has to be there.
    pub(super) fn needed(&mut self, key: &str) -> Result<Self, Problem> {
        match self.object(key)? {
            Some(object) => Ok(object),
            None => Err(self.error(key, "it is missing")),
        }
    }

    /// The objects of a list, none if it is left out.
    pub(super) fn objects(&mut self, key: &str) -> Result<Vec<Self>, Problem> {
        let items = self.items(key)?.into_iter().enumerate();
        let place = self.place(key);
        items
            .map(|(i, item)| Self::new(item, format!("{place}[{i}]")))
            .collect()
    }

    /// The texts of a list, none if it is left out.
    pub(super) fn strings(&mut self, key: &str) -> Result<Vec<String>, Problem> {
        let items = self.items(key)?.into_iter().enumerate();
        items
            .map(|(i, item)| match item {
                Value::String(text) => Ok(text),
                _ => Err(self.error(&format!("{key}[{i}]"), "it is not a text")),
            })
            .collect()
    }

    fn items(&mut self, key: &str) -> Result<Vec<Value>, Problem> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.error(key, "it is not a list")),
        }
    }

    pub(super) fn string(&mut self, key: &str) -> Result<Option<String>, Problem> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "it is not a text")),
        }
    }

    /// A text that has to be there.
    pub(super) fn needed_string(&mut self, key: &str) -> Result<String, Problem> {
        self.string(key)?
            .ok_or_else(|| self.error(key, "it is missing"))
    }

    /// A whole number of at least 1 that has to be there.
    pub(super) fn needed_count(&mut self, key: &str) -> Result<u64, Problem> {
        let number = self.take(key).and_then(|value| value.as_u64());
        number
            .filter(|number| *number > 0)
            .ok_or_else(|| self.error(key, "it is not a whole number of at least 1"))
    }

    /// A text, number or truth value, as it is printed.
    pub(super) fn scalar(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// Reports the fields that nobody took.
    pub(super) fn leftovers(self, notes: &mut Vec<ImportNote>) {
        for (key, value) in &self.fields {
            if !value.is_null() {
                notes.push(ImportNote {
                    place: self.place(key),
                    why: "this field is not known here and was left out".to_owned(),
                });
            }
        }
    }
}
