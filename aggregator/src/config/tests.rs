use super::{AggregateFunction, DomainValue, ResultTo, TableConfigs};
use crate::policy::validate;

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

const AGGREGATES: &str = r#"
[table.orders]
source = "orders.csv"
owner_may_receive = true
result = "both"
dimension = { region = ["north", "south"], "month(order_date)" = [1, 2], paid = [true] }
group_identities = { region = { north = 3000, other = 100 } }

[table.orders.aggregate.amount]
functions = ["sum", "avg"]
decimals = 2
clamp = [0, 500.5]
"#;

#[test]
fn the_documented_sections_for_groups_and_aggregates_parse() {
    let tables = parse(AGGREGATES).unwrap();
    validate(&tables).unwrap();
    let orders = &tables["orders"];
    assert!(orders.owner_may_receive);
    assert_eq!(orders.result, ResultTo::Both);
    assert_eq!(
        orders.dimension["month(order_date)"],
        [DomainValue::Integer(1), DomainValue::Integer(2)]
    );
    assert_eq!(orders.group_identities["region"]["other"], 100);
    let amount = &orders.aggregate["amount"];
    assert_eq!(
        amount.functions,
        [AggregateFunction::Sum, AggregateFunction::Avg]
    );
    assert_eq!(amount.decimals, Some(2));
    assert_eq!(amount.clamp, Some(["0".to_owned(), "500.5".to_owned()]));
}

#[test]
fn groups_and_aggregates_that_make_no_sense_are_named_with_their_place() {
    let many: Vec<String> = (0..256).map(|n| n.to_string()).collect();
    let many = format!("dimension = {{ n = [{}] }}", many.join(", "));
    for (text, place, says) in [
        (
            "dimension = { 'week(d)' = [1] }",
            "dimension.\"week(d)\"",
            "not a part of a date",
        ),
        ("dimension = { r = [] }", "dimension.\"r\"", "0 values"),
        (&many, "dimension.\"n\"", "256 values"),
        ("dimension = { r = ['a', 'a'] }", "dimension.\"r\"", "twice"),
        (
            "dimension = { r = ['a', 1] }",
            "dimension.\"r\"",
            "another type",
        ),
        (
            "dimension = { r = ['other'] }",
            "dimension.\"r\"",
            "not listed",
        ),
        (
            "dimension = { r = [\"a\\nb\"] }",
            "dimension.\"r\"",
            "not a valid label",
        ),
        (
            "dimension = { 'month(d)' = [1], 'EXTRACT(MONTH FROM D)' = [1] }",
            "dimension.\"month(d)\"",
            "the same",
        ),
        (
            "group_identities = { r = { a = 1 } }",
            "group_identities.\"r\"",
            "no such dimension",
        ),
        (
            "dimension = { r = ['a'] }\ngroup_identities = { r = { b = 1 } }",
            "group_identities.\"r\"",
            "not in the dimension's domain",
        ),
        (
            "dimension = { r = ['a'] }\ngroup_identities = { R = { a = 0 } }",
            "group_identities.\"R\"",
            "is 0",
        ),
        (
            "dimension = { r = ['a'] }\n\
             group_identities = { R = { a = 1 }, r = { a = 2 } }",
            "group_identities.\"r\"",
            "same dimension",
        ),
        (
            "dimension = { r = [\"a\\u202eb\"] }",
            "dimension.\"r\"",
            "not a valid label",
        ),
        (
            "[table.t.aggregate.x]\nfunctions = []",
            "aggregate.x.functions",
            "no function",
        ),
        (
            "[table.t.aggregate.x]\nfunctions = ['sum']\ndecimals = 19",
            "aggregate.x.decimals",
            "19",
        ),
        (
            "[table.t.aggregate.x]\nfunctions = ['sum']\n[table.t.aggregate.X]\nfunctions = ['sum']",
            "aggregate.x",
            "another section",
        ),
    ] {
        let tables = parse(&format!("[table.t]\nsource = 't.csv'\n{text}")).unwrap();
        let err = validate(&tables).unwrap_err();
        assert_eq!(err.place, format!("table.t.{place}"), "{err}");
        assert!(err.what.contains(says), "{err}");
        assert!(!err.remedy.is_empty());
    }
    let key = |text: &str| parse(&format!("[table.t]\nsource = 't.csv'\n{text}")).is_err();
    assert!(key("result = 'nobody'"));
    assert!(key("[table.t.aggregate.x]\nfunctions = ['max']"));
    assert!(key(
        "[table.t.aggregate.x]\nfunctions = ['sum']\nclamps = [1, 2]"
    ));
}

#[test]
fn filter_columns_are_a_list_or_a_table_of_comparisons() {
    let table = |filter: &str| parse(&format!("[table.t]\nsource = 't.csv'\n{filter}"));
    let list = table("filter = ['a', 'b']").unwrap();
    let names = |tables: &TableConfigs| -> Vec<String> {
        let filters = tables["t"].filter.iter();
        filters.map(|(column, _)| column.to_owned()).collect()
    };
    assert_eq!(names(&list), ["a", "b"]);
    assert!(list["t"].filter.iter().all(|(_, filter)| filter.is_free()));
    let sections = "[table.t.filter.a]\noperators = ['=', 'is null']\ncompare = 'columns'\n\
                    [table.t.filter.b]\n";
    let sections = table(sections).unwrap();
    validate(&sections).unwrap();
    assert_eq!(names(&sections), ["a", "b"]);
    let inline = "filter = { a = { operators = ['=', 'is null'], compare = 'columns' }, b = {} }";
    assert_eq!(table(inline).unwrap(), sections);
    for bad in [
        "filter = 'a'",
        "filter = [5]",
        "filter = { a = { operators = ['like', '~'] } }",
        "filter = { a = { operator = ['='] } }",
        "filter = { a = 5 }",
    ] {
        let error = table(bad).unwrap_err();
        assert!(
            error.span().is_some_and(|span| span.start > 20),
            "{bad}: {error}"
        );
    }
    for bad in ["filter = ['a', 'A']", "filter = { a = { operators = [] } }"] {
        assert!(validate(&table(bad).unwrap()).is_err(), "{bad}");
    }
}

#[test]
fn settings_that_the_rule_would_ignore_and_values_that_mean_nothing_are_errors() {
    let sql = "SELECT COUNT(*) FROM brand.t AS b JOIN snowy.p AS s ON b.k = s.k";
    for (rules, place) in [
        ("rule = 'custom'\nfilter = ['a']".to_owned(), "filter"),
        (
            format!("approved_templates = ['sha512:{}']", "0".repeat(128)),
            "approved_templates",
        ),
        (
            "rule = 'list'\ndimension = { a = [1] }".to_owned(),
            "dimension",
        ),
        (
            "rule = 'list'\naggregate = { a = { functions = ['sum'] } }".to_owned(),
            "aggregate",
        ),
        (
            format!(
                "rule = 'custom'\napproved_templates = ['sha512:{}']",
                "A".repeat(128)
            ),
            "approved_templates",
        ),
        (
            format!(
                "rule = 'custom'\napproved_templates = ['{}']",
                "0".repeat(128)
            ),
            "approved_templates",
        ),
        ("population = ''".to_owned(), "population"),
        (
            format!("template = {{ x = {{ sql = '{sql} WHERE b.a = :a' }} }}"),
            "template.x.sql",
        ),
        (
            format!("template = {{ x = {{ sql = '{sql}', parameters = {{ a = 'DATE' }} }} }}"),
            "template.x.sql",
        ),
    ] {
        let text = format!("[table.t]\nsource = 't.csv'\n{rules}\n");
        let error = validate(&parse(&text).unwrap()).unwrap_err();
        assert_eq!(error.place, format!("table.t.{place}"), "{error}");
        assert!(!error.remedy.is_empty());
    }
    let sound = format!(
        "[table.t]\nsource = 't.csv'\njoin_required = true\nruns = {{ day = 1 }}\n\
         approval = 'manual'\npopulation = 'p'\ntemplate = {{ x = {{ sql = '{sql}' }} }}\n"
    );
    validate(&parse(&sound).unwrap()).unwrap();
    for bad in [
        "join_required = false",
        "runs = { year = 1 }",
        "runs = { week = 0 }",
        "approval = 'no'",
    ] {
        assert!(parse(&format!("[table.t]\nsource = 't.csv'\n{bad}\n")).is_err());
    }
}
