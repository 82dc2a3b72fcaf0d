//! Names for what is outside the subset.
//!
//! Spec 10 §3.2. The names are for the analyst: what they wrote, and what to write instead.

use super::token::Token;

/// The remedy for conditions.
pub(super) const CONDITION: &str =
    "compare columns with literals, using =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL";

/// The remedy for the SELECT list.
pub(super) const AGGREGATES: &str = "write COUNT, SUM, AVG, VAR or STDDEV of one side's columns, \
                                     COUNT(DISTINCT key), or columns of GROUP BY";

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
    const ORDER: &str = "the order is WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, each at most once";
    const ONE_SELECT: &str = "write one SELECT over the two tables";
    const OUT: &str = "leave it out";
    const TWO: &str = "a query joins exactly two tables, one of each member";
    Some(match keyword {
        "WHERE" => ("WHERE in this place", ORDER),
        "GROUP" => ("GROUP BY in this place", ORDER),
        "HAVING" => ("HAVING in this place", ORDER),
        "ORDER" => ("ORDER BY in this place", ORDER),
        "LIMIT" => ("LIMIT in this place", ORDER),
        "OFFSET" => ("OFFSET", "leave it out; LIMIT gives the first rows"),
        "FETCH" => ("FETCH", "write LIMIT"),
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
        "OVER" => ("a window function (OVER)", AGGREGATES),
        "WITHIN" => ("WITHIN GROUP", AGGREGATES),
        "CASE" => ("CASE", CONDITION),
        _ => return None,
    })
}

/// What a sign means that no accepted condition has.
pub(super) fn operator(token: &Token) -> Option<String> {
    Some(match token {
        Token::Other('[') => "an array".to_owned(),
        Token::Operator(sign) if sign == "::" => "CAST".to_owned(),
        Token::Comma => "a comma in this place".to_owned(),
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq
        | Token::Operator(_) => format!("the operator {token} in this place"),
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
        "ROW_NUMBER" | "RANK" | "DENSE_RANK" | "PERCENT_RANK" | "CUME_DIST" | "NTILE" | "LAG"
        | "LEAD" | "FIRST_VALUE" | "LAST_VALUE" | "NTH_VALUE" => {
            format!("the window function {name}")
        }
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
