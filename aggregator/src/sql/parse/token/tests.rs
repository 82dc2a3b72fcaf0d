//! What texts are taken apart into, and that no text of a peer stops or breaks it.

use proptest::prelude::*;

use super::*;
use crate::error::Told;

/// One line for each token: its place, its kind and what it prints.
fn listed(text: &str) -> Vec<String> {
    let tokens = tokenize(text).unwrap_or_else(|err| panic!("{text:?}: {err}"));
    tokens
        .iter()
        .map(|Placed { token, at }| {
            let kind = match token {
                Token::Word(Word { quoted: false, .. }) => "word",
                Token::Word(Word { quoted: true, .. }) => "name",
                Token::Number(_) => "number",
                Token::Text(_) => "text",
                Token::Placeholder(_) => "placeholder",
                Token::Literal(_) => "literal",
                Token::Operator(_) => "operator",
                Token::Other(_) => "other",
                _ => "sign",
            };
            format!("{}:{} {kind} {token}", at.line, at.column)
        })
        .collect()
}

/// Only kinds and what they print, for texts in one line.
fn kinds(text: &str) -> String {
    let without_place = |line: String| line.split_once(' ').map(|(_, rest)| rest.to_owned());
    let tokens: Vec<String> = listed(text).into_iter().filter_map(without_place).collect();
    tokens.join(", ")
}

/// The message and the place of a syntax error.
fn unterminated(text: &str) -> (String, (u64, u64)) {
    match tokenize(text) {
        Err(QueryError::Syntax(Told { at, what, remedy })) => {
            assert!(remedy.starts_with("close it with "), "{remedy}");
            (what, (at.line, at.column))
        }
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn signs_of_other_programs_are_refused_by_name_at_their_place() {
    for (text, column, says) in [
        ("a = ‘x’", 5, "the typographic quote ‘"),
        ("a = 'x’", 5, "Unterminated"),
        ("a“b", 2, "the typographic quote “"),
        ("„x“", 1, "the typographic quote „"),
        ("a\u{a0}= 1", 2, "a no-break blank (U+00A0)"),
        ("\u{feff}a", 1, "a byte order mark (U+FEFF)"),
        ("a \u{3000}b", 3, "a blank beyond ASCII (U+3000)"),
        ("a\u{200b}b", 2, "a character without width (U+200B)"),
        ("`a`", 1, "a name in backticks"),
        ("a.`b`", 3, "a name in backticks"),
        ("[a]", 1, "a name in brackets"),
        ("a.[b c]", 3, "a name in brackets"),
    ] {
        match tokenize(text) {
            Err(QueryError::NotInSubset(Told { at, what, .. })) => {
                assert_eq!(
                    (at.line, at.column, what.as_str()),
                    (1, column, says),
                    "{text}"
                );
            }
            Err(QueryError::Syntax(told)) => {
                assert!(told.what.starts_with(says), "{text}: {}", told.what);
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    // In quotes and comments they are what they are, and a subscript is not a name.
    for fine in [
        "'‘\u{a0}`[a]’'",
        "\"“a\u{a0}”\"",
        "-- ‘`[a]\u{a0}",
        "/* “ */ a",
        "b.x[a]",
        "x[1]",
    ] {
        assert!(tokenize(fine).is_ok(), "{fine}");
    }
}

#[test]
fn each_kind_of_token_is_read_with_its_kind() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("", ""),
        (" \t\n\r\u{b}\u{c}", ""),
        ("select _a$1 ärger", "word select, word _a$1, word ärger"),
        ("変数x 🙂", "word 変数x, word 🙂"),
        ("\"A \"\"b\"\"\" \"\"", "name \"A \"\"b\"\"\", name \"\""),
        ("'it''s' '' ''''", "text 'it''s', text '', text ''''"),
        (r"'a\' b", r"text 'a\', word b"),
        ("0 12.50 007", "number 0, number 12.50, number 007"),
        (".5 7.", "number .5, number 7."),
        ("1.2.3 1..2", "number 1.2, number .3, number 1., number .2"),
        (
            "1AND 2e 3x",
            "number 1, word AND, number 2, word e, number 3, word x",
        ),
        (
            "1e5 1E+5 2.5e-07",
            "number 1e5, number 1E+5, number 2.5e-07",
        ),
        ("1e+ 1e", "number 1, word e, sign +, number 1, word e"),
        (
            "0x1F 0Xg 0b10 0o17",
            "number 0x1F, number 0Xg, number 0b10, number 0o17",
        ),
        ("0BETWEEN 0or", "number 0, word BETWEEN, number 0, word or"),
        ("1_000 1.5_0", "number 1_000, number 1.5_0"),
        (
            "$1 $ $a_2",
            "placeholder $1, placeholder $, placeholder $a_2",
        ),
        (":name : n", "sign :, word name, sign :, word n"),
        (":: :::a", "operator ::, operator ::, sign :, word a"),
        ("a.\"b\".*", "word a, sign ., name \"b\", sign ., sign *"),
        ("a._b a.1", "word a, sign ., word _b, word a, number .1"),
        ("(),;", "sign (, sign ), sign ,, sign ;"),
        ("+ - * /", "sign +, sign -, sign *, sign /"),
        ("= <> != <", "sign =, sign <>, sign <>, sign <"),
        ("<= > >=", "sign <=, sign >, sign >="),
        ("x<-1", "word x, sign <, sign -, number 1"),
        (
            ">=-1!=+2",
            "sign >=, sign -, number 1, sign <>, sign +, number 2",
        ),
        ("x*-1", "word x, sign *, sign -, number 1"),
        ("|| -> ->>", "operator ||, operator ->, operator ->>"),
        (
            "<=> == => !",
            "operator <=>, operator ==, operator =>, operator !",
        ),
        (
            "@> # ? ^ &",
            "operator @>, operator #, operator ?, operator ^, operator &",
        ),
        (
            "| ~* % */",
            "operator |, operator ~*, operator %, operator */",
        ),
        ("[]{}", "other [, other ], other {, other }"),
        ("\\ \0 \u{1b}", "other \\, other \0, other \u{1b}"),
        ("a -- b 'c\n d", "word a, word d"),
        ("a--b\rd--", "word a, word d"),
        ("a/**/b/* '/*\"*/-- */c", "word a, word b, word c"),
        (
            "a=/*c*/1</*c*/2",
            "word a, sign =, number 1, sign <, number 2",
        ),
        ("a>--c\n1", "word a, sign >, number 1"),
    ] {
        let found = kinds(text);
        if found != expected {
            wrong.push(format!("{text:?}\n  is {found}\n not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn places_count_lines_from_one_and_columns_in_characters() {
    assert_eq!(
        listed("a\r\n  \"ä\nö\" 'x\n\n' b\n\tc\rd /* \n */ e"),
        [
            "1:1 word a",
            "2:3 name \"ä\nö\"",
            "3:4 text 'x\n\n'",
            "5:3 word b",
            "6:2 word c",
            "6:4 word d",
            "7:5 word e",
        ]
    );
    assert_eq!(listed("ärger🙂 ,"), ["1:1 word ärger🙂", "1:8 sign ,"]);
}

#[test]
fn reading_ends_at_a_literal_of_another_kind() {
    for (text, literal) in [
        ("a E'it\\'s' b", "E'…'"),
        ("a e'open", "E'…'"),
        ("a U&'d\\0061t' b", "U&'…'"),
        ("a n'b' c", "N'…'"),
        ("a X'1F' b", "X'…'"),
        ("a b'01' c", "B'…'"),
        ("a $$b 'c$$ d", "$$…$$"),
        ("a $tag$b$tag$ d", "$$…$$"),
        ("a $1$", "$$…$$"),
    ] {
        assert_eq!(kinds(text), format!("word a, literal {literal}"), "{text}");
    }
    assert_eq!(
        kinds("e u& x y"),
        "word e, word u, operator &, word x, word y"
    );
    assert_eq!(
        kinds("e 'a' date'b'"),
        "word e, text 'a', word date, text 'b'"
    );
}

#[test]
fn what_does_not_end_is_refused_where_it_begins() {
    for (text, what, column) in [
        ("a 'b", "text in single quotes", 3),
        ("a 'b''", "text in single quotes", 3),
        ("'", "text in single quotes", 1),
        ("'a' \"b'\n", "name in double quotes", 5),
        ("a /* b", "comment", 3),
        ("a /* /* b */", "comment", 3),
        ("a /*/", "comment", 3),
    ] {
        let (message, place) = unterminated(text);
        assert_eq!(message, format!("Unterminated {what}"), "{text}");
        assert_eq!(place, (1, column), "{text}");
    }
    assert_eq!(unterminated("a\n  'b\nc").1, (2, 3));
}

#[test]
fn a_text_of_the_greatest_length_is_read_whatever_it_holds() {
    let bytes = limits::QUERY_BYTES_MAX;
    let full = |part: &str| part.repeat(bytes / part.len());
    // An even number of quotes encloses quotes; one more opens what does not end.
    assert_eq!(tokenize(&full("'")).unwrap().len(), 1);
    assert_eq!(tokenize(&full("\"")).unwrap().len(), 1);
    assert!(tokenize(&full("'")[1..]).is_err());
    assert!(tokenize(&full("\"")[1..]).is_err());
    assert!(tokenize(&full("/*")).is_err());
    let nested = format!("{}{}", "/*".repeat(bytes / 4), "*/".repeat(bytes / 4));
    assert!(tokenize(&nested).unwrap().is_empty());
    assert!(tokenize(&nested[2..]).is_ok());
    for part in [
        "-- \n", "--", " ", "\r\n", "a", "ä", "0", "$a", "<", "/", "1e",
    ] {
        let text = full(part);
        let tokens = tokenize(&text);
        assert!(
            tokens.is_err() || tokens.unwrap().len() <= TOKENS_MAX,
            "{part}"
        );
    }
    assert!(tokenize(&format!("{} ", full("a"))).is_err());
}

#[test]
fn one_token_too_many_is_refused_at_its_place() {
    assert_eq!(tokenize(&"+".repeat(TOKENS_MAX)).unwrap().len(), TOKENS_MAX);
    for sign in ["+", "-/", "(", "\0", ".", "1 "] {
        let text = sign.repeat(limits::QUERY_BYTES_MAX / sign.len());
        let err = tokenize(&text).unwrap_err();
        assert!(err.to_string().contains("words and signs"), "{sign}: {err}");
    }
    let err = tokenize(&"+".repeat(TOKENS_MAX + 1)).unwrap_err();
    assert_eq!(
        err.told().map(|told| told.at.column),
        Some(TOKENS_MAX as u64 + 1)
    );
}

/// Pieces that meet each other in all kinds of ways.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Zäéß_$0-9]{1,4}",
        "[0-9]{1,3}[.eExX_+-]{0,2}[0-9]{0,2}",
        "[-+*/<>=~!@#%^&|?:.,;()\\[\\]{}`\\\\$]{1,4}",
        "'[a-z'\" \n]{0,3}'",
        "\"[a-z\"' \n]{0,3}\"",
        "[ \t\r\n\u{0}\u{a0}\u{1b}]{1,2}",
        prop::sample::select(vec!["--", "/*", "*/", "$$", "E'", "u&'", "::", "<>", "!="])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_tokens_print_is_read_as_the_same_tokens(text in pieces()) {
        let Ok(placed) = tokenize(&text) else { return Ok(()) };
        let printed: Vec<String> = placed.iter().map(|placed| placed.token.to_string()).collect();
        let printed = printed.join(" ");
        let again = tokenize(&printed)
            .map_err(|err| TestCaseError::fail(format!("{printed}\n{err}")))?;
        let tokens = |placed: Vec<Placed>| -> Vec<Token> {
            placed.into_iter().map(|placed| placed.token).collect()
        };
        prop_assert_eq!(tokens(placed), tokens(again));
    }

    #[test]
    fn each_token_of_any_text_begins_where_its_place_says(text in any::<String>()) {
        check_places(&text)?;
    }

    #[test]
    fn each_token_of_any_pieces_begins_where_its_place_says(text in pieces()) {
        check_places(&text)?;
    }
}

/// Places rise, and the character at each is the first of its token.
fn check_places(text: &str) -> Result<(), TestCaseError> {
    let Ok(tokens) = tokenize(text) else {
        return Ok(());
    };
    prop_assert!(tokens.windows(2).all(|two| two[0].at < two[1].at));
    let lines: Vec<Vec<char>> = text
        .split('\n')
        .map(|line| line.chars().collect())
        .collect();
    for Placed { token, at } in tokens {
        let line = usize::try_from(at.line - 1).ok().and_then(|i| lines.get(i));
        let column = usize::try_from(at.column - 1).unwrap();
        let first = line.and_then(|line| line.get(column)).copied();
        let printed = token.to_string().chars().next();
        let same = match token {
            Token::Neq => matches!(first, Some('<' | '!')),
            Token::Literal(_) => first.map(|c| c.to_ascii_uppercase()) == printed,
            _ => first == printed,
        };
        prop_assert!(same, "{token:?} at {at}");
    }
    Ok(())
}
