//! From text to the tree of an accepted query; everything else is refused by name and place.
//!
//! Spec 10 §3.1 and §3.2. Called with the analyst's text and with text from a peer. The tokenizer
//! is in `token`; the grammar is here and in the modules beside it, by recursive descent.
//!
//! Cost: one pass, linear in the text; recursion is bounded by [`NESTING_MAX`].
//!
//! # Discussion
//! A general SQL parser knows all of SQL, but tries alternatives by going back: twelve times
//! `NOT (` without the closing parentheses took one 15 seconds, and each more triples that. A peer
//! could stop a node with a line of text. A small grammar that never goes back cannot be stopped,
//! and knows the place of everything that it refuses. See `docs/decisions`.

mod aggregate;
mod arith;
mod condition;
mod from;
mod group_order_limit;
mod having;
pub(crate) mod literal;
mod names;
mod outputs;
mod slips;
mod subquery;
pub(crate) mod token;

use psi_core::limits;

use self::aggregate::Known;
use self::subquery::Joined;
use self::token::{Placed, Token, Word};
use super::ast::{Form, Name, Predicate, Query};
use crate::error::{Position, QueryError};

/// Nested parentheses and NOTs.
const NESTING_MAX: usize = 48;

/// Arithmetic operators of one query; expressions are never deeper, so they can be walked.
pub(crate) const OPERATORS_MAX: usize = 256;

/// Items of one SELECT list.
const OUTPUTS_MAX: usize = 64;

/// Expressions of one GROUP BY.
const GROUPS_MAX: usize = 8;

/// Who wrote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The analyst of this node: placeholders are refused.
    Own,
    /// The peer's node: placeholders replace hidden literals.
    Peer,
    /// The owner, of a template: `:name` is a parameter.
    Template,
}

/// Parses `text` into the tree of an accepted query.
///
/// # Errors
/// [`QueryError`] with line and column, and what to write instead.
pub(crate) fn read(text: &str, author: Author) -> Result<Query, QueryError> {
    Reader::new(text, author)?.statement()
}

/// Parses a condition of the owner over one table, whose columns it names alone; its parts are
/// joined by AND.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_condition(text: &str) -> Result<Vec<Predicate>, QueryError> {
    let mut reader = Reader::new(text, Author::Own)?;
    let conjuncts = reader.conjuncts(&from::Scope::Alone)?;
    if reader.peek().is_some() {
        return Err(reader.unexpected("the end of the condition"));
    }
    let predicates = conjuncts.into_iter().map(|conjunct| conjunct.predicate);
    Ok(predicates.collect())
}

/// Reads tokens from front to back and never goes back.
struct Reader {
    tokens: Vec<Placed>,
    next: usize,
    author: Author,
    nesting: usize,
    operators: usize,
}

impl Reader {
    fn new(text: &str, author: Author) -> Result<Self, QueryError> {
        Ok(Self {
            tokens: token::tokenize(text)?,
            next: 0,
            author,
            nesting: 0,
            operators: 0,
        })
    }

    fn statement(mut self) -> Result<Query, QueryError> {
        let start = self.at();
        if self.peek().is_none() {
            return Err(QueryError::syntax(
                start,
                "the query is empty",
                "write a query",
            ));
        }
        if !self.take_word("SELECT") {
            return Err(self.not_a_select(start));
        }
        let select = self.outputs()?;
        let (scope, on) = self.from()?;
        let Joined {
            form,
            scope,
            on,
            conjuncts,
        } = self.where_clause(scope, on)?;
        let groups = self.groups(&scope, &select)?;
        if groups.is_empty()
            && let Some(list) = outputs::listed_key(&select, &scope, &on)?
        {
            if form != Form::Join {
                return Err(QueryError::subset(
                    start,
                    "a list with a subquery",
                    "write a JOIN to get a list of your identifiers that match",
                ));
            }
            self.end()?;
            return Ok(Query {
                form,
                outputs: Vec::new(),
                list,
                tables: scope.into_tables()?,
                on,
                conjuncts,
                groups,
                having: None,
                order: Vec::new(),
                limit: None,
            });
        }
        let known = Known {
            scope: &scope,
            on: &on,
        };
        let outputs = outputs::resolve(select, known, &groups)?;
        let having = if self.take_word("HAVING") {
            Some(self.having(known)?)
        } else {
            None
        };
        let order = self.order(known, &groups, &outputs)?;
        let limit = self.limit()?;
        self.end()?;
        Ok(Query {
            form,
            outputs,
            list: Vec::new(),
            tables: scope.into_tables()?,
            on,
            conjuncts,
            groups,
            having,
            order,
            limit,
        })
    }

    fn not_a_select(&self, start: Position) -> QueryError {
        match self.peek() {
            Some(Token::LParen) => QueryError::subset(
                start,
                "a query in parentheses",
                "write the SELECT statement alone",
            ),
            Some(Token::Word(word)) if names::is_statement(&word.value) => {
                QueryError::subset(start, word.value.to_uppercase(), "write a SELECT statement")
            }
            _ => QueryError::syntax(
                start,
                format!("found {} where SELECT was expected", self.describe()),
                "write a SELECT statement",
            ),
        }
    }

    /// The end of the statement.
    fn end(&mut self) -> Result<(), QueryError> {
        let semicolon = self.take(&Token::SemiColon);
        while self.take(&Token::SemiColon) {}
        if self.peek().is_none() {
            return Ok(());
        }
        if semicolon {
            return Err(QueryError::subset(
                self.at(),
                "more than one statement",
                "send one SELECT statement at a time",
            ));
        }
        Err(self.unexpected("the end of the query"))
    }

    // Tokens.

    fn peek(&self) -> Option<&Token> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens
            .get(self.next + ahead)
            .map(|placed| &placed.token)
    }

    /// Where the next token is; at the end of the text, where the last one is.
    fn at(&self) -> Position {
        let placed = self.tokens.get(self.next).or_else(|| self.tokens.last());
        placed.map_or(Position::START, |placed| placed.at)
    }

    fn advance(&mut self) {
        self.next += 1;
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), QueryError> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("{token}")))
        }
    }

    /// The next token as a keyword: a word without quotes that no period follows.
    fn keyword(&self) -> Option<String> {
        self.keyword_at(0)
    }

    fn keyword_at(&self, ahead: usize) -> Option<String> {
        match self.peek_at(ahead) {
            Some(Token::Word(Word {
                value,
                quoted: false,
            })) if self.peek_at(ahead + 1) != Some(&Token::Period) => {
                Some(value.to_ascii_uppercase())
            }
            _ => None,
        }
    }

    fn is_word(&self, word: &str) -> bool {
        self.keyword().is_some_and(|keyword| keyword == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// A name, quoted or not, keyword or not.
    fn name(&mut self) -> Result<Name, QueryError> {
        let at = self.at();
        let name = match self.peek() {
            Some(Token::Word(Word {
                value,
                quoted: false,
            })) => value.to_lowercase(),
            Some(Token::Word(Word {
                value,
                quoted: true,
            })) => value.clone(),
            _ => return Err(self.unexpected("a name")),
        };
        self.advance();
        let fits = !name.is_empty()
            && name.len() <= limits::NAME_BYTES_MAX
            && !name.chars().any(char::is_control);
        if fits {
            return Ok(Name(name));
        }
        Err(QueryError::subset(
            at,
            "a name that is empty, too long or holds control characters",
            format!("use names of 1 to {} bytes", limits::NAME_BYTES_MAX),
        ))
    }

    /// Names joined by periods. A star at the end is left to the caller.
    fn path(&mut self) -> Result<Vec<Name>, QueryError> {
        let mut path = vec![self.name()?];
        while self.peek() == Some(&Token::Period) && self.peek_at(1) != Some(&Token::Mul) {
            self.advance();
            if let Some(slip) = self.name_in_single_quotes() {
                return Err(slip);
            }
            path.push(self.name()?);
        }
        Ok(path)
    }

    /// One level deeper, for what contains itself.
    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        if self.nesting == NESTING_MAX {
            return Err(QueryError::subset(
                self.at(),
                "deep nesting",
                format!("nest at most {NESTING_MAX} levels"),
            ));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    // Messages.

    /// The next token, as the analyst wrote it.
    fn describe(&self) -> String {
        self.peek().map_or_else(
            || "the end".to_owned(),
            |token| format!("{token:?}", token = token.to_string()),
        )
    }

    /// The next token is not what the grammar needs; says by name what it is, if it has one.
    fn unexpected(&self, wanted: &str) -> QueryError {
        let clause = self.keyword().and_then(|keyword| names::clause(&keyword));
        if let Some((what, remedy)) = clause {
            return QueryError::subset(self.at(), what, remedy);
        }
        if let Some(what) = self.peek().and_then(names::operator) {
            return QueryError::subset(self.at(), what, names::CONDITION);
        }
        QueryError::syntax(
            self.at(),
            format!("found {} where {wanted} was expected", self.describe()),
            "see docs/sql for what a query may look like",
        )
    }
}

/// The names before a column's own, and the column's.
fn written(path: &[Name]) -> String {
    path.iter()
        .map(|name| name.0.as_str())
        .collect::<Vec<_>>()
        .join(".")
}
