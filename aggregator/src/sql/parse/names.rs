//! Names for what is outside the subset.
//!
//! Spec 10 §3.2. The names are for the analyst: what they wrote, and what to write instead.

use datafusion::sql::sqlparser::tokenizer::Token;

/// The remedy for conditions.
pub(super) const CONDITION: &str =
    "compare columns with literals, using =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL";

/// The remedy for the SELECT list.
pub(super) const COUNTS: &str = "write COUNT(*) or COUNT(DISTINCT key)";

/// Whether a word begins another statement than SELECT.
pub(super) fn is_statement(word: &str) -> bool {
    const WORDS: [&str; 27] = [
        "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE",
        "EXPLAIN", "SHOW", "SET", "COPY", "VALUES", "TABLE", "BEGIN", "COMMIT", "ROLLBACK",
        "GRANT", "REVOKE", "CALL", "EXECUTE", "PREPARE", "ANALYZE", "DESCRIBE", "USE", "FROM",
    ];
    WORDS
        .iter()
        .any(|statement| word.eq_ignore_ascii_case(statement))
}

/// The clause that a keyword begins, and what to do about it.
pub(super) fn clause(keyword: &str) -> Option<(&'static str, &'static str)> {
    const ONE_ROW: &str = "the answer is a single row; leave it out";
    const ONE_SELECT: &str = "write one SELECT over the two tables";
    const OUT: &str = "leave it out";
    const TWO: &str = "a query joins exactly two tables, one of each member";
    Some(match keyword {
        "GROUP" => (
            "GROUP BY",
            "groups are not available yet; ask for each group with a WHERE clause",
        ),
        "HAVING" => ("HAVING", "HAVING is not available yet; leave it out"),
        "ORDER" => ("ORDER BY", ONE_ROW),
        "LIMIT" => ("LIMIT", ONE_ROW),
        "OFFSET" => ("OFFSET", ONE_ROW),
        "FETCH" => ("FETCH", ONE_ROW),
        "UNION" => ("UNION", ONE_SELECT),
        "INTERSECT" => ("INTERSECT", ONE_SELECT),
        "EXCEPT" => ("EXCEPT", ONE_SELECT),
        "INTO" => ("INTO", "use `query --format` and redirect it"),
        "WINDOW" => ("WINDOW", OUT),
        "QUALIFY" => ("QUALIFY", OUT),
        "FOR" => ("FOR", OUT),
        "TABLESAMPLE" => ("TABLESAMPLE", OUT),
        "JOIN" | "INNER" | "LEFT" | "RIGHT" | "FULL" | "CROSS" | "NATURAL" => {
            ("a join of more than two tables", TWO)
        }
        "OR" => (
            "OR in this place",
            "write conditions on one side each and join them with AND",
        ),
        "COLLATE" => ("COLLATE", OUT),
        "FILTER" => ("FILTER", "put the condition into WHERE"),
        "OVER" => ("a window function", COUNTS),
        "WITHIN" => ("WITHIN GROUP", COUNTS),
        "CASE" => ("CASE", CONDITION),
        _ => return None,
    })
}

/// What a sign means that no accepted condition has.
pub(super) fn operator(token: &Token) -> Option<String> {
    Some(match token {
        Token::LBracket => "an array".to_owned(),
        Token::DoubleColon => "CAST".to_owned(),
        Token::Comma => "a comma in this place".to_owned(),
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::Caret
        | Token::Ampersand
        | Token::Pipe
        | Token::Tilde
        | Token::ExclamationMark
        | Token::Arrow
        | Token::LongArrow
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::DoubleEq
        | Token::Spaceship => format!("the operator {token} in this place"),
        _ => return None,
    })
}

/// What a function-like word is.
pub(super) fn function(name: &str) -> String {
    let name = name.to_uppercase();
    match name.as_str() {
        "CAST" | "TRY_CAST" | "SAFE_CAST" | "CONVERT" => "CAST".to_owned(),
        "EXISTS" | "EXTRACT" | "ANY" | "SOME" | "ALL" | "ROW" | "ARRAY" | "UNNEST" => name,
        "SUM" | "AVG" | "MIN" | "MAX" | "VAR" | "VAR_SAMP" | "VAR_POP" | "STDDEV"
        | "STDDEV_SAMP" | "STDDEV_POP" | "MEDIAN" => format!("the aggregate {name}"),
        _ => format!("the function {name}"),
    }
}

/// What a keyword begins where a column or a literal was expected.
pub(super) fn expression(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "SELECT" | "WITH" => "a subquery",
        "VALUES" => "VALUES",
        "EXISTS" => "EXISTS",
        "CASE" => "CASE",
        "INTERVAL" => "INTERVAL",
        "ARRAY" => "an array",
        "NOT" => "NOT in this place",
        "CURRENT_DATE" | "CURRENT_TIMESTAMP" | "CURRENT_TIME" | "LOCALTIMESTAMP" => {
            "the current time"
        }
        _ => return None,
    })
}
