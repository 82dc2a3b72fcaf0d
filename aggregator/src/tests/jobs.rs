//! Whole jobs over small tables: what suppression, clamps, small parts and two matches do.

use std::sync::Arc;

use psi_core::Code;
use psi_core::progress::Silent;
use psi_core::spec::{ComponentKind, Party};
use psi_core::store::MemoryStore;

use super::pipeline::{Job, agree, records};
use crate::result::ResultValue;
use crate::testing::{Folder, MEMBERS_OF_PEER};
use crate::{Catalog, FreezeError};

/// `brand.t`: customers with a region; the key is unique.
const CUSTOMERS: &str = "
    [table.t]
    source = 't.csv'
    filter = ['age']
    minimum = 2
    dimension = { region = ['north', 'south'] }
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    unique = true
    [table.t.aggregate.age]
    functions = ['avg', 'sum']
";

/// `snowy.t`: orders of customers; the key repeats.
const ORDERS: &str = "
    [table.t]
    source = 't.csv'
    filter = ['amount']
    minimum = 1
    owner_may_receive = true
    dimension = { 'month(day)' = [1, 2], kind = ['web'] }
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    [table.t.aggregate.amount]
    functions = ['count', 'sum', 'avg', 'var', 'stddev']
    decimals = 2
    [table.t.aggregate.items]
    functions = ['count', 'sum']
    clamp = [1, 5]
    [table.t.aggregate.note]
    functions = ['count']
";

struct World {
    customers: Catalog,
    orders: Catalog,
    _folders: [Folder; 2],
}

async fn world() -> World {
    world_with(CUSTOMERS, ORDERS).await
}

async fn world_with(customers: &str, orders: &str) -> World {
    let folders = [Folder::new(), Folder::new()];
    folders[0].write(
        "t.csv",
        "id,region,age\n1,north,20\n2,north,30\n3,south,41\n4,,50\n5,west,60\n6,south,70\n",
    );
    folders[1].write(
        "t.csv",
        "id,day,kind,amount,items,note\n\
         1,2025-01-05,web,10.25,1,a\n\
         1,2025-02-05,web,-2.50,9,\n\
         2,2025-01-09,shop,5.00,2,b\n\
         3,2025-01-01,web,,,c\n\
         3,2025-03-01,shop,7.10,4,\n\
         4,2025-02-02,,1.00,1,\n\
         9,2025-01-01,web,100.00,3,d\n",
    );
    World {
        customers: folders[0].load(customers).await,
        orders: folders[1].load(orders).await,
        _folders: folders,
    }
}

impl World {
    async fn job(&self, list: &str, rest: &str) -> Job {
        let sql = sql(list, rest);
        agree(&self.customers, &self.orders, &sql)
            .await
            .unwrap_or_else(|code| panic!("{sql}: {code}"))
    }

    async fn code(&self, list: &str, rest: &str) -> Code {
        let agreed = agree(&self.customers, &self.orders, &sql(list, rest)).await;
        agreed.err().unwrap()
    }

    async fn rows(&self, list: &str, rest: &str) -> Vec<String> {
        let job = self.job(list, rest).await;
        job.rows()
            .rows
            .iter()
            .map(|row| shown(&row.values))
            .collect()
    }
}

fn sql(list: &str, rest: &str) -> String {
    format!("SELECT {list} FROM brand.t AS c JOIN snowy.t AS o ON c.id = o.id {rest}")
}

fn shown(values: &[ResultValue]) -> String {
    let values = values.iter().map(|value| match value {
        ResultValue::Text(text) => text.clone(),
        ResultValue::Boolean(value) => value.to_string(),
        ResultValue::Other => "other".to_owned(),
        ResultValue::Integer(value) => value.to_string(),
        ResultValue::Decimal(digits) => digits.clone(),
        ResultValue::Null => "NULL".to_owned(),
        ResultValue::Suppressed => "-".to_owned(),
    });
    values.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn sums_and_counts_are_those_of_the_joined_rows() {
    let world = world().await;
    let list = "COUNT(*), COUNT(DISTINCT c.id), COUNT(o.amount), SUM(o.amount), AVG(o.amount), \
                COUNT(o.note), SUM(o.amount) / COUNT(*), SUM(o.amount * o.amount)";
    assert_eq!(
        world.rows(list, "").await,
        // 10.25 - 2.50 + 5.00 + 7.10 + 1.00 over five amounts and six rows.
        ["6 4 5 20.85 4.17 3 3.475 187.7225"]
    );
    let job = world.job("SUM(o.amount) AS total, COUNT(*)", "").await;
    let columns = job.rows().columns;
    assert_eq!(
        (columns[0].name.as_str(), columns[0].decimals),
        ("total", Some(2))
    );
    assert_eq!(
        (columns[1].name.as_str(), columns[1].decimals),
        ("count(*)", None)
    );
}

#[tokio::test]
async fn variances_are_exact() {
    let world = world().await;
    // Of 10.25, -2.5, 5, 7.1, 1: mean 4.17, sum of squared distances 100.778.
    let list = "VAR_POP(o.amount), VAR_SAMP(o.amount), STDDEV_POP(o.amount)";
    assert_eq!(
        world.rows(list, "").await,
        ["20.1556 25.1945 4.4894988584473434"]
    );
}

#[tokio::test]
async fn a_row_on_too_few_identities_shows_its_labels_alone() {
    let world = world().await;
    assert_eq!(
        world
            .rows(
                "c.region, COUNT(*) AS n, SUM(o.amount)",
                "GROUP BY c.region"
            )
            .await,
        // One identity of the south has orders, one of all other regions.
        ["north 3 12.75", "south - -", "other - -"]
    );
    // Suppression comes first: a suppressed row is NULL for HAVING and for the order.
    assert_eq!(
        world
            .rows(
                "c.region, COUNT(*) AS n",
                "GROUP BY c.region HAVING COUNT(*) < 9 ORDER BY n"
            )
            .await,
        ["north 3"]
    );
    assert_eq!(
        world
            .rows(
                "COUNT(*) + 1 AS n, c.region",
                "GROUP BY c.region ORDER BY n NULLS FIRST, c.region DESC"
            )
            .await,
        ["- other", "- south", "4 north"]
    );
}

#[tokio::test]
async fn an_identity_counts_in_each_group_of_the_sender_in_which_it_has_rows() {
    let world = world().await;
    assert_eq!(
        world
            .rows(
                "month(o.day) AS m, COUNT(DISTINCT c.id), COUNT(*), SUM(o.amount)",
                "GROUP BY month(o.day)"
            )
            .await,
        ["1 3 3 15.25", "2 2 2 -1.50", "other - - -"]
    );
    let cross = world
        .rows(
            "c.region, o.kind, COUNT(*), SUM(o.amount)",
            "GROUP BY c.region, o.kind",
        )
        .await;
    assert_eq!(
        cross,
        [
            "north web - -",
            "north other - -",
            "south web - -",
            "south other - -",
            "other web - -",
            "other other - -",
        ]
    );
}

#[tokio::test]
async fn a_sum_over_nulls_alone_is_null() {
    let minimum_one = CUSTOMERS.replace("minimum = 2", "minimum = 1");
    let world = world_with(&minimum_one, ORDERS).await;
    assert_eq!(
        world
            .rows(
                "c.region, SUM(o.amount), AVG(o.amount), COUNT(o.amount), VAR_SAMP(o.amount), \
                 COUNT(*)",
                "WHERE o.amount IS NULL GROUP BY c.region"
            )
            .await,
        [
            "north - - - - -",
            "south NULL NULL 0 NULL 1",
            "other - - - - -"
        ]
    );
}

#[tokio::test]
async fn a_clamp_bounds_each_identitys_sum_and_the_result_says_so() {
    let world = world().await;
    let job = world.job("SUM(o.items) AS items, COUNT(o.items)", "").await;
    // 10 becomes 5; 2, 4 and 1 stay.
    assert_eq!(shown(&job.rows().rows[0].values), "12 5");
    assert!(job.rows().columns[0].clamped && !job.rows().columns[1].clamped);
    let facts = &job.spec.responder.facts.values[0];
    assert_eq!((facts.sum_bound, facts.clamp.is_some()), (5, true));
    let clamped = world.code("SUM(o.items * 2)", "").await;
    assert_eq!(clamped, Code::ColumnClamped);
    let variances = ORDERS.replace(
        "['count', 'sum']\n    clamp",
        "['var', 'stddev']\n    clamp",
    );
    let world = world_with(CUSTOMERS, &variances).await;
    assert_eq!(
        world.code("VAR_POP(o.items)", "").await,
        Code::ColumnClamped
    );
    assert_eq!(world.code("STDDEV(o.items)", "").await, Code::ColumnClamped);
}

#[tokio::test]
async fn the_small_part_rule_empties_parts_and_lists() {
    let world = world().await;
    let job = world
        .job("COUNT(*)", "WHERE c.age < 60 GROUP BY c.region")
        .await;
    // Two customers in the north, one in the south, one elsewhere.
    let parts = job.asking.parts.as_ref().unwrap();
    let sizes: Vec<u64> = parts.iter().map(|part| part.len()).collect();
    assert_eq!(sizes, [2, 0, 0]);
    assert!(job.asking.payload.is_none() && job.asked.parts.is_none());
    let job = world.job("SUM(o.amount)", "WHERE o.amount > 50").await;
    assert!(job.asked.payload.as_ref().unwrap().is_empty());
    assert_eq!(shown(&job.rows().rows[0].values), "-");
}

#[tokio::test]
async fn columns_of_both_sides_take_two_matches_that_leave_out_the_same_identities() {
    let unique = ORDERS.replace("kinds = ['int']", "kinds = ['int']\n    unique = true");
    let folders = [Folder::new(), Folder::new()];
    let ids: Vec<String> = (1..=9)
        .map(|n| format!("{n},{},{}", ["north", "south"][usize::from(n > 8)], n * 10))
        .collect();
    folders[0].write("t.csv", &format!("id,region,age\n{}\n", ids.join("\n")));
    let orders: Vec<String> = (3..=12)
        .map(|n| format!("{n},2025-01-05,web,{n}.5,{n},a"))
        .collect();
    folders[1].write(
        "t.csv",
        &format!("id,day,kind,amount,items,note\n{}\n", orders.join("\n")),
    );
    let world = World {
        customers: folders[0].load(CUSTOMERS).await,
        orders: folders[1].load(&unique).await,
        _folders: folders,
    };
    let job = world
        .job(
            "c.region, SUM(c.age) AS age, SUM(o.amount), COUNT(*), AVG(c.age) * 2",
            "GROUP BY c.region",
        )
        .await;
    let [first, second] = <[_; 2]>::try_from(job.spec.matches()).unwrap();
    assert_eq!(first.receiver, Party::Requester);
    assert_eq!((first.parts.len(), first.payload.groups), (3, 1));
    assert_eq!((second.parts.len(), second.payload.groups), (1, 3));
    // The only customer of the south is left out in both roles.
    let parts = job.asking.parts.as_ref().unwrap();
    assert_eq!((parts[0].len(), parts[1].len()), (8, 0));
    let payload = job.asking.payload.as_ref().unwrap();
    assert_eq!(payload.len(), 8);
    let digests = |records: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        records.iter().map(|record| record[..32].to_vec()).collect()
    };
    assert_eq!(
        digests(records(payload.as_ref())),
        digests(records(parts[0].as_ref()))
    );
    let rows: Vec<String> = job
        .rows()
        .rows
        .iter()
        .map(|row| shown(&row.values))
        .collect();
    // Identities 3 to 8: ages 30 to 80, amounts 3.5 to 8.5.
    assert_eq!(
        rows,
        ["north 330 36.00 6 110", "south - - - -", "other - - - -"]
    );
    // Matches that do not agree give no result.
    let mut opened = job.opened();
    let identities = second.payload.find(ComponentKind::Identities).unwrap();
    opened[1].parts[0].as_mut().unwrap().components[identities] += 1;
    let err = job.output.rows(&job.spec, &opened).unwrap_err();
    assert!(err.to_string().contains("different counts"), "{err}");
}

#[tokio::test]
async fn opened_cells_that_no_table_can_have_are_refused() {
    let world = world().await;
    let job = world.job("month(o.day), COUNT(*)", "GROUP BY 1").await;
    let rows = |change: &dyn Fn(&mut Vec<i64>)| {
        let mut opened = job.opened();
        change(&mut opened[0].parts[0].as_mut().unwrap().components);
        job.output.rows(&job.spec, &opened)
    };
    assert!(rows(&|_| ()).is_ok());
    for change in [-1, 1_000_000] {
        assert!(rows(&|components| components[0] = change).is_err());
    }
    assert!(rows(&|components| components[1] = -5).is_err());
    assert!(rows(&|components| components.truncate(3)).is_err());
    assert!(job.output.rows(&job.spec, &[]).is_err());
}

#[tokio::test]
async fn each_rule_refuses_with_its_own_code() {
    let world = world().await;
    for (list, rest, code) in [
        ("SUM(o.id)", "", Code::FunctionNotAllowed),
        ("AVG(o.items)", "", Code::FunctionNotAllowed),
        ("SUM(o.note)", "", Code::FunctionNotAllowed),
        ("SUM(o.amount * o.id)", "", Code::FunctionNotAllowed),
        ("VAR_POP(c.age)", "", Code::FunctionNotAllowed),
        ("COUNT(*)", "GROUP BY o.day", Code::GroupNotAllowed),
        ("COUNT(*)", "GROUP BY year(o.day)", Code::GroupNotAllowed),
        ("COUNT(*)", "GROUP BY c.age", Code::GroupNotAllowed),
        // An aggregate of the customers needs a unique key of the orders.
        ("SUM(c.age)", "", Code::KeyNotUnique),
    ] {
        assert_eq!(world.code(list, rest).await, code, "{list} {rest}");
    }
    // Asked by the side that owns what is aggregated, and that the other table does not allow.
    let swapped = sql("SUM(o.amount)", "");
    let swapped = swapped
        .replace("brand.t AS c", "snowy.t AS c")
        .replace("snowy.t AS o", "brand.t AS o");
    let refused = agree(&world.orders, &world.customers, &swapped).await;
    assert_eq!(refused.err(), Some(Code::OwnerNotAllowed));
    let allowing = CUSTOMERS.replace("minimum = 2", "minimum = 2\n    owner_may_receive = true");
    let world = world_with(&allowing, ORDERS).await;
    let job = agree(&world.orders, &world.customers, &swapped)
        .await
        .unwrap();
    assert_eq!(job.spec.receiver, Party::Responder);
    assert_eq!(shown(&job.rows().rows[0].values), "20.85");
}

#[tokio::test]
async fn bounds_are_published_as_powers_of_two_of_the_whole_table() {
    let world = world().await;
    let job = world
        .job("SUM(o.amount), VAR_POP(o.amount), COUNT(o.note)", "")
        .await;
    let facts = &job.spec.responder.facts;
    assert_eq!(facts.rows_bound, 2);
    let amount = &facts.values[0];
    // 100.00 is the largest sum, 10,000² the largest square in units of the scale.
    assert_eq!(
        (amount.sum_bound, amount.squares_bound),
        (16_384, 134_217_728)
    );
    assert!(amount.nullable && !amount.whole && amount.decimals == 2);
    assert_eq!(
        (facts.values[1].sum_bound, facts.values[1].nullable),
        (1, true)
    );
    // Sizes of groups, where they are constant: of the customers, not of the orders.
    let job = world
        .job("c.region, month(o.day), COUNT(*)", "GROUP BY 1, 2")
        .await;
    assert_eq!(job.spec.requester.facts.groups[0].identities, [2, 2, 2]);
    assert!(job.spec.responder.facts.groups[0].identities.is_empty());
}

#[tokio::test]
async fn a_table_that_changed_after_the_job_was_agreed_is_unavailable() {
    let world = world().await;
    let job = world.job("o.kind, SUM(o.amount)", "GROUP BY o.kind").await;
    let plan = world
        .orders
        .plan_response(&job.spec.query, MEMBERS_OF_PEER, 0)
        .unwrap();
    // Agreed on smaller values than the table has.
    let mut smaller = job.spec.clone();
    for component in &mut smaller.payload.components {
        component.bound = 1;
    }
    let (store, progress) = (Arc::new(MemoryStore), Arc::new(Silent));
    let frozen = world
        .orders
        .freeze_job(
            &plan.side,
            &smaller,
            Party::Responder,
            None,
            store,
            progress,
        )
        .await;
    assert!(matches!(frozen, Err(FreezeError::Violated(_))));
}
