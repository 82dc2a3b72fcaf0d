//! Tables in memory: their columns with all values, and values that engines get wrong.
//!
//! [`super::parquet`] and [`super::csv`] make and write them.

use super::Random;
use super::values::{Form, Key, Value};

/// A column of every table besides the key `id`, which is the number of the row.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) values: Vec<Value>,
    pub(super) keys: Vec<Key>,
}

impl Column {
    pub(super) fn new(name: &str, form: Form, values: Vec<Value>) -> Self {
        let keys = values.iter().map(Key::of).collect();
        Self {
            name: name.to_owned(),
            form,
            values,
            keys,
        }
    }
}

pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) columns: Vec<Column>,
}

impl Table {
    /// The configuration of a table `t` over the file.
    pub(super) fn toml(&self, source: &str, settings: &str) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("'{}'", column.name))
            .collect();
        format!(
            "[table.t]\nsource = '{source}'\nfilter = [{}]\n{settings}\n\
             [[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\nunique = true\n",
            names.join(", ")
        )
    }
}

/// Texts that differ in case, in blanks, in order by bytes or by UTF-16, or look like something.
pub(super) const TEXTS: [&str; 30] = [
    "",
    " ",
    "a",
    "A",
    "a ",
    " a",
    "ab",
    "aB",
    "abc",
    "abcabc",
    "a%c",
    "a_c",
    "a\\c",
    "%",
    "_",
    "\\",
    "a\nb",
    "a\r\nb",
    "\u{e9}t\u{e9}",
    "e\u{301}te\u{301}",
    "\u{c9}T\u{c9}",
    "\u{65e5}\u{672c}",
    "\u{1f980}",
    "\u{ffff}",
    "\u{10ffff}",
    "it's",
    "10",
    "9",
    "true",
    "2025-01-31",
];

/// Numbers at the ends of the types, and whole numbers that doubles do not keep apart.
pub(super) const WHOLE: [i128; 22] = [
    0,
    1,
    -1,
    2,
    5,
    7,
    100_155_000_000_000_003,
    100_155_000_000_000_004,
    100_155_000_000_000_000,
    9_007_199_254_740_991,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    -9_007_199_254_740_993,
    127,
    -128,
    255,
    32_767,
    -32_768,
    65_535,
    2_147_483_647,
    4_294_967_295,
    16_777_217,
];

/// `rows` values, one in five of them NULL.
pub(super) fn some<T>(
    random: &mut Random,
    rows: usize,
    value: impl Fn(&mut Random) -> T,
) -> Vec<Option<T>> {
    (0..rows)
        .map(|_| (!random.one_in(5)).then(|| value(random)))
        .collect()
}

pub(super) fn plain<T: Clone>(values: &[Option<T>], value: impl Fn(T) -> Value) -> Vec<Value> {
    let value = |cell: &Option<T>| cell.clone().map_or(Value::Null, &value);
    values.iter().map(value).collect()
}
