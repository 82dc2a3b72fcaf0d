use super::{TableConfigs, validate};

#[derive(serde::Deserialize)]
struct File {
    table: TableConfigs,
}

fn parse(text: &str) -> Result<TableConfigs, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.table)
}

const SAMPLE: &str = r#"
[table.customers]
source = "customers.parquet"   # .csv, .parquet, or a folder of them; relative to this file
filter = ["last_purchase"]
row_filter = "consent = true"  # optional, the owner's own SQL predicate
minimum = 10

[[table.customers.key]]        # an allowed join key; several columns make a composite one
columns = ["email_hash"]
kinds = ["hex"]                # identifier kind of each column
unique = true                  # checked on the whole table when it is loaded; default false
identities = 5000              # registered public number of distinct identities
"#;

#[test]
fn the_documented_sample_parses() {
    let tables = parse(SAMPLE).unwrap();
    validate(&tables).unwrap();
    let customers = &tables["customers"];
    assert_eq!(customers.minimum, 10);
    assert_eq!(customers.null, vec![String::new()]);
    assert_eq!(customers.key[0].identities, Some(5000));
    assert!(customers.key[0].unique);
}

#[test]
fn everything_that_may_be_left_out_has_its_documented_default() {
    let tables =
        parse("[table.t]\nsource = 't.csv'\n[[table.t.key]]\ncolumns = ['a']\nkinds = ['int']\n")
            .unwrap();
    validate(&tables).unwrap();
    let table = &tables["t"];
    assert!(table.filter.is_empty() && table.row_filter.is_none() && !table.prefer_receiver);
    assert_eq!(
        (table.minimum, table.key[0].unique, table.key[0].identities),
        (10, false, None)
    );
}

#[test]
fn an_unknown_setting_or_kind_is_an_error() {
    assert!(parse("[table.t]\nsource = 't.csv'\nfilters = ['a']\n").is_err());
    let err =
        parse("[table.t]\nsource = 't.csv'\n[[table.t.key]]\ncolumns = ['a']\nkinds = ['mail']")
            .unwrap_err();
    assert!(err.to_string().contains("email"), "{err}");
}

#[test]
fn values_that_make_no_sense_are_named_with_their_place() {
    let key = "[[table.t.key]]\ncolumns = ['a']\nkinds = ['int']\n";
    let two = "[[table.t.key]]\ncolumns = ['a', 'b']\nkinds = ['int']\n";
    let twice = "[[table.t.key]]\ncolumns = ['a', 'A']\nkinds = ['int', 'int']\n";
    for (text, place) in [
        (format!("minimum = 0\n{key}"), "table.t.minimum"),
        (two.to_owned(), "table.t.key[1].kinds"),
        (twice.to_owned(), "table.t.key[1].columns"),
        (
            format!("{key}identities = 0\n"),
            "table.t.key[1].identities",
        ),
        (format!("{key}{key}"), "table.t.key[2]"),
    ] {
        let tables = parse(&format!("[table.t]\nsource = 't.csv'\n{text}")).unwrap();
        let err = validate(&tables).unwrap_err();
        assert_eq!(err.place, place, "{err}");
    }
}
