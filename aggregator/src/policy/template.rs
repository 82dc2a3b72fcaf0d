//! Templates: queries with typed parameters, approved by digest.
//!
//! Spec 10 §5.1. Called when a configuration is checked, when a question is put to the policy, and
//! by psi-node, which fills in an analyst's values. A value is read as a constant of its
//! parameter's type and put into the tree; no value is ever part of a text that is parsed.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha512};

use crate::config::{DIGEST_PREFIX, ParameterType, TableConfigs, TemplateConfig};
use crate::error::{Mistake, Position, Problem, QueryError};
use crate::sql::ast::{LiteralValue, Query};
use crate::sql::canonical;
use crate::sql::parse::{self, Author, literal};

/// What is hashed before the canonical text.
const LABEL: &[u8] = b"psi/v1/template";

/// A template that was read.
#[derive(Clone)]
pub struct Template {
    query: Query,
    parameters: BTreeMap<String, ParameterType>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`QueryError`]: the text is outside the accepted SQL, or its parameters are not those that
    /// are declared.
    pub fn read(config: &TemplateConfig) -> Result<Self, QueryError> {
        let query = parse::read(&config.sql, Author::Template)?;
        if !query.list.is_empty() {
            return Err(QueryError::subset(
                Position::START,
                "a template of a list",
                "ask for aggregates; lists have a rule of their own",
            ));
        }
        let mut used = BTreeSet::new();
        for literal in query.literals() {
            if let LiteralValue::Parameter(name) = &literal.value {
                if !config.parameters.contains_key(name) {
                    return Err(QueryError::meaning(
                        literal.at,
                        format!("the parameter :{name} has no type"),
                        format!("add it: parameters = {{ {name} = \"DATE\" }}"),
                    ));
                }
                used.insert(name.as_str());
            }
        }
        if let Some(name) = config
            .parameters
            .keys()
            .find(|n| !used.contains(n.as_str()))
        {
            return Err(QueryError::meaning(
                Position::START,
                format!("the query does not use the parameter {name}"),
                "remove it from parameters, or write it in lower case as :name",
            ));
        }
        Ok(Self {
            query,
            parameters: config.parameters.clone(),
        })
    }

    /// The canonical text: the query, and a line for each parameter, in the order of their names.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = canonical::print_open(&self.query);
        for (name, kind) in &self.parameters {
            text.push_str("\n:");
            text.push_str(name);
            text.push(' ');
            text.push_str(kind.as_str());
        }
        text
    }

    /// The digest of the canonical text, as a configuration writes it.
    #[must_use]
    pub fn digest(&self) -> String {
        let digest = Sha512::new()
            .chain_update(LABEL)
            .chain_update(self.canonical().as_bytes())
            .finalize();
        format!("{DIGEST_PREFIX}{}", hex::encode(digest))
    }

    /// The parameters with their types.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, ParameterType> {
        &self.parameters
    }

    /// The two tables, as `member.table`.
    #[must_use]
    pub fn tables(&self) -> [(String, String); 2] {
        let [first, second] = &self.query.tables;
        [first, second].map(|table| (table.member.0.clone(), table.table.0.clone()))
    }

    /// The query with `values` in the places of the parameters.
    ///
    /// # Errors
    /// [`Mistake`] if a value is missing, unknown, or not of its parameter's type. The
    /// value itself is not repeated: it may be one that is hidden from the peer.
    pub fn bind(&self, values: &BTreeMap<String, String>) -> Result<String, Mistake> {
        if let Some(name) = values.keys().find(|n| !self.parameters.contains_key(*n)) {
            let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
            return Err(Mistake {
                what: format!("the template has no parameter {name:?}"),
                remedy: if known.is_empty() {
                    "it has none at all".to_owned()
                } else {
                    format!("its parameters are {}", known.join(", "))
                },
            });
        }
        let mut bound = BTreeMap::new();
        for (name, kind) in &self.parameters {
            let text = values.get(name).ok_or_else(|| Mistake {
                what: format!("the parameter {name} has no value"),
                remedy: format!("give one of type {}: --param {name}=…", kind.as_str()),
            })?;
            let value = literal::of_type(text, *kind).ok_or_else(|| Mistake {
                what: format!("the value of {name} is not of type {}", kind.as_str()),
                remedy: example(*kind).to_owned(),
            })?;
            bound.insert(name.as_str(), value);
        }
        let query = self.with(&mut |hole| match hole {
            LiteralValue::Parameter(name) => bound.get(name.as_str()).cloned(),
            _ => None,
        });
        Ok(canonical::print_open(&query))
    }

    /// Whether `query` is this template with values of the right types.
    ///
    /// A hidden constant fits whatever the template has in its place: it concerns the
    /// requester's own rows alone, which the requester chooses in any case.
    pub(crate) fn is_instance(&self, query: &Query) -> bool {
        let values = query.literals();
        let holes = self.query.literals();
        if values.len() != holes.len() || !query.list.is_empty() {
            return false;
        }
        let mut seen: BTreeMap<&str, &LiteralValue> = BTreeMap::new();
        for (hole, value) in holes.iter().zip(&values) {
            let fits = match (&hole.value, &value.value) {
                (_, LiteralValue::Hidden) => true,
                (LiteralValue::Parameter(name), value) => {
                    self.parameters.get(name).is_some_and(|k| is_of(value, *k))
                        && *seen.entry(name).or_insert(value) == value
                }
                (fixed, value) => fixed == value,
            };
            if !fits {
                return false;
            }
        }
        let mut values = values.into_iter();
        let filled = self.with(&mut |_| values.next().map(|value| value.value.clone()));
        canonical::print_open(&filled) == canonical::print_open(query)
    }

    /// The query with some constants replaced, which `value` chooses in the order of the text.
    fn with(&self, value: &mut dyn FnMut(&LiteralValue) -> Option<LiteralValue>) -> Query {
        let mut query = self.query.clone();
        for conjunct in &mut query.conjuncts {
            conjunct.predicate.literals_mut(&mut |literal| {
                if let Some(value) = value(&literal.value) {
                    literal.value = value;
                }
            });
        }
        query
    }
}

/// Checks that every template of a configuration can be read.
pub(super) fn check(tables: &TableConfigs) -> Result<(), Problem> {
    for (table, config) in tables {
        for (name, template) in &config.template {
            Template::read(template).map_err(|error| {
                let place = format!("table.{table}.template.{name}.sql");
                Problem::new(place, error.to_string(), error.remedy())
            })?;
        }
    }
    Ok(())
}

/// Whether a constant is of a parameter's type. NULL is of none.
fn is_of(value: &LiteralValue, kind: ParameterType) -> bool {
    match (kind, value) {
        (ParameterType::Integer, LiteralValue::Number(digits)) => !digits.contains('.'),
        (ParameterType::Number, LiteralValue::Number(_))
        | (ParameterType::Text, LiteralValue::Text(_))
        | (ParameterType::Boolean, LiteralValue::Boolean(_))
        | (ParameterType::Date, LiteralValue::Date(_))
        | (ParameterType::Timestamp, LiteralValue::Timestamp(_)) => true,
        _ => false,
    }
}

const fn example(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::Integer => "write a whole number such as 5",
        ParameterType::Number => "write a number such as 5 or 5.25",
        ParameterType::Text => "write any text",
        ParameterType::Boolean => "write true or false",
        ParameterType::Date => "write a date such as 2025-01-31",
        ParameterType::Timestamp => "write a date and time such as 2025-01-31T12:00:00",
    }
}

#[cfg(test)]
mod tests;
