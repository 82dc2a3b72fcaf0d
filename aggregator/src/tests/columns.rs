//! What a load says about dimensions and aggregate columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray};

use crate::config::AggregateFunction;
use crate::testing::{Folder, MEMBERS};

const CSV: &str = "id,region,day,amount,items,note\n\
                   1,north,2025-01-05,10.5,3,a\n\
                   1,south,2025-01-06,1.255,4,b\n\
                   2,north,2025-02-05,,5,\n";

fn toml(settings: &str) -> String {
    format!(
        "[table.t]\nsource = 't.csv'\n{settings}\n\
         [[table.t.key]]\ncolumns = ['id']\nkinds = ['int']\n"
    )
}

/// The only problem of the table: its place and what it says.
async fn problem(settings: &str) -> (String, String) {
    let folder = Folder::new();
    folder.write("t.csv", CSV);
    let (catalog, report) = folder.try_load(&toml(settings)).await.unwrap();
    assert!(catalog.tables().is_empty(), "{settings}");
    let [problem] = report.tables[0].problems.as_slice() else {
        panic!("{settings}: {:?}", report.tables[0].problems);
    };
    assert!(!problem.remedy.is_empty());
    (problem.place.clone(), problem.what.clone())
}

#[tokio::test]
async fn what_does_not_fit_the_table_is_named_with_its_setting() {
    let section = |column: &str, rest: &str| format!("[table.t.aggregate.{column}]\n{rest}");
    let all = "functions = ['sum', 'avg']";
    for (settings, place, says) in [
        (
            "dimension = { nothing = ['a'] }".to_owned(),
            "dimension.\"nothing\"",
            "no column",
        ),
        (
            "dimension = { region = [1] }".to_owned(),
            "dimension.\"region\"",
            "not a value of the column",
        ),
        (
            "dimension = { amount = ['10.5'] }".to_owned(),
            "dimension.\"amount\"",
            "not a value of the column",
        ),
        (
            "dimension = { 'month(region)' = [1] }".to_owned(),
            "dimension.\"month(region)\"",
            "not a date or timestamp",
        ),
        (
            "dimension = { day = ['2025-02-30'] }".to_owned(),
            "dimension.\"day\"",
            "not a value of the column",
        ),
        (
            // Two identities are in the north, but one of them in the south as well.
            "dimension = { region = ['north'] }\ngroup_identities = { region = { north = 5 } }"
                .to_owned(),
            "group_identities.\"region\"",
            "fall into different groups",
        ),
        (
            "dimension = { items = [9] }\ngroup_identities = { items = { other = 1 } }".to_owned(),
            "group_identities.\"items\"",
            "2 identities are \"other\", but 1 are registered",
        ),
        (section("nothing", all), "aggregate.nothing", "no column"),
        (
            section("note", all),
            "aggregate.note",
            "of which only count",
        ),
        (section("day", all), "aggregate.day", "of which only count"),
        (
            section("amount", all),
            "aggregate.amount",
            "no decimal scale",
        ),
        (
            section(
                "items",
                &format!("{all}\nclamp = [-9223372036854775808, 0]"),
            ),
            "aggregate.items",
            "clamp is [-9223372036854775808, 0]",
        ),
        (
            section("amount", &format!("{all}\ndecimals = 18\n")),
            "aggregate.amount",
            "1 values are not finite",
        ),
        (
            section("amount", &format!("{all}\ndecimals = 2\nclamp = [5, 1]")),
            "aggregate.amount",
            "clamp is [5, 1]",
        ),
        (
            section(
                "amount",
                &format!("{all}\ndecimals = 2\nclamp = [0, 1.255]"),
            ),
            "aggregate.amount",
            "clamp is [0, 1.255]",
        ),
        (
            section("note", "functions = ['count']\ndecimals = 1"),
            "aggregate.note",
            "say nothing",
        ),
    ] {
        let (found, what) = problem(&settings).await;
        assert_eq!(found, format!("table.t.{place}"), "{what}");
        assert!(what.contains(says), "{settings}: {what}");
    }
}

#[tokio::test]
async fn the_report_tells_the_owner_how_columns_are_understood() {
    let folder = Folder::new();
    folder.write("t.csv", CSV);
    let settings = "dimension = { region = ['north'], items = [3] }\n\
                    [table.t.aggregate.Amount]\nfunctions = ['sum']\ndecimals = 2\nclamp = [0, 9]\n\
                    [table.t.aggregate.note]\nfunctions = ['count']";
    let (_, report) = folder.try_load(&toml(settings)).await.unwrap();
    let table = &report.tables[0];
    assert!(table.problems.is_empty(), "{:?}", table.problems);
    let dimensions: Vec<_> = table
        .dimensions
        .iter()
        .map(|d| (d.name.as_str(), d.constant))
        .collect();
    assert_eq!(dimensions, [("items", false), ("region", false)]);
    let [amount, note] = table.aggregates.as_slice() else {
        panic!("{:?}", table.aggregates);
    };
    assert_eq!(
        (amount.column.as_str(), amount.decimals, amount.clamped),
        ("amount", Some(2), true)
    );
    assert_eq!((amount.nulls, note.nulls), (1, 1));
    assert_eq!(note.functions, [AggregateFunction::Count]);
}

#[tokio::test]
async fn decimals_are_exact_at_the_scale_of_their_type_or_a_declared_one() {
    let folder = Folder::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let prices = Decimal128Array::from(vec![Some(1250), Some(-30)]);
    let prices: ArrayRef = Arc::new(prices.with_precision_and_scale(10, 3).unwrap());
    folder.parquet("t.parquet", &[("id", ids), ("price", prices)]);
    let load = |decimals: &'static str| {
        let folder = &folder;
        async move {
            let toml = toml(&format!(
                "[table.t.aggregate.price]\nfunctions = ['sum']\n{decimals}"
            ));
            let toml = toml.replace("t.csv", "t.parquet");
            let (catalog, report) = folder.try_load(&toml).await.unwrap();
            let sql = "SELECT SUM(b.price) FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id";
            let plan = catalog.plan_request(sql, MEMBERS);
            plan.map(|plan| plan.facts.values[0].decimals)
                .map_err(|_| report.tables[0].problems[0].what.clone())
        }
    };
    assert_eq!(load("").await, Ok(3));
    assert_eq!(load("decimals = 2").await, Ok(2));
    assert_eq!(load("decimals = 5").await, Ok(5));
    let inexact = load("decimals = 1").await.unwrap_err();
    assert!(inexact.contains("2 values"), "{inexact}");
}

#[tokio::test]
async fn amounts_of_a_text_file_keep_their_scale_on_days_when_all_are_whole() {
    let settings = "[table.t.aggregate.amount]\nfunctions = ['sum']\ndecimals = 2";
    let sql = "SELECT SUM(b.amount) FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id";
    for (amounts, bound) in [(["10.5", "2"], 2_048), (["10", "2"], 1_024)] {
        let folder = Folder::new();
        let [first, second] = amounts;
        folder.write("t.csv", &format!("id,amount\n1,{first}\n2,{second}\n"));
        let catalog = folder.load(&toml(settings)).await;
        let plan = catalog.plan_request(sql, MEMBERS).unwrap();
        let facts = &plan.facts.values[0];
        assert_eq!(
            (facts.decimals, facts.whole, facts.sum_bound),
            (2, false, bound),
            "{amounts:?}"
        );
    }
    // A file that says its types says that these are whole.
    let folder = Folder::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    folder.parquet("t.parquet", &[("id", ids.clone()), ("amount", ids)]);
    let toml = toml(settings).replace("t.csv", "t.parquet");
    let (_, report) = folder.try_load(&toml).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert!(
        problem.what.contains("holds whole numbers"),
        "{}",
        problem.what
    );
}

#[tokio::test]
async fn sizes_of_groups_are_found_however_their_dimension_is_spelled() {
    for (dimension, sizes, asked) in [
        (
            "region = ['n']",
            "Region = { n = 30, other = 40 }",
            "b.region",
        ),
        (
            "'month(day)' = [1]",
            "'MONTH(Day)' = { 1 = 30, other = 40 }",
            "EXTRACT(MONTH FROM b.day)",
        ),
    ] {
        let folder = Folder::new();
        folder.write("t.csv", "id,region,day\n1,n,2025-01-01\n2,s,2025-02-01\n");
        let settings = format!("dimension = {{ {dimension} }}\ngroup_identities = {{ {sizes} }}");
        let catalog = folder.load(&toml(&settings)).await;
        let sql = format!(
            "SELECT COUNT(DISTINCT b.id) FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id GROUP BY {asked}"
        );
        let plan = catalog.plan_request(&sql, MEMBERS).unwrap();
        assert_eq!(plan.facts.groups[0].identities, [30, 40], "{sizes}");
    }
}

#[tokio::test]
async fn doubles_that_are_not_finite_keep_a_table_from_being_served() {
    let folder = Folder::new();
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["1", "2"]));
    let prices: ArrayRef = Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(1.0)]));
    folder.parquet("t.parquet", &[("id", ids), ("price", prices)]);
    let toml = toml("[table.t.aggregate.price]\nfunctions = ['sum']\ndecimals = 2");
    let toml = toml.replace("t.csv", "t.parquet");
    let (_, report) = folder.try_load(&toml).await.unwrap();
    let problem = &report.tables[0].problems[0];
    assert_eq!(problem.place, "table.t.aggregate.price");
    assert!(
        problem.what.contains("1 values are not finite"),
        "{}",
        problem.what
    );
}

#[tokio::test]
async fn the_own_analyst_is_told_about_columns_that_do_not_exist() {
    let folder = Folder::new();
    folder.write("t.csv", CSV);
    let catalog = folder.load(&toml("")).await;
    for (list, rest) in [("SUM(b.nothing)", ""), ("COUNT(*)", "GROUP BY b.nothing")] {
        let sql =
            format!("SELECT {list} FROM snowy.p AS s JOIN brand.t AS b ON s.id = b.id {rest}");
        let err = catalog.plan_request(&sql, MEMBERS).err().unwrap();
        assert!(err.to_string().contains("no column nothing"), "{err}");
        // To a peer, a column that does not exist looks like one that is not listed.
        let text = sql
            .replace("snowy.p AS s", "snowy.p")
            .replace("brand.t AS b", "brand.t");
        let text = text.replace(" s.", " snowy.p.").replace("b.", "brand.t.");
        let text = text.replace("(b.", "(brand.t.");
        let refused = catalog
            .plan_response(text.trim(), MEMBERS, 0)
            .err()
            .unwrap();
        assert!(
            [
                psi_core::Code::FunctionNotAllowed,
                psi_core::Code::GroupNotAllowed
            ]
            .contains(&refused.code),
            "{text}: {refused}"
        );
    }
}
