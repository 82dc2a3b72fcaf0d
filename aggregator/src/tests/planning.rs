//! Requests, responses, and what each side is told.

use psi_core::Code;
use psi_core::spec::Shape;

use crate::testing::{Folder, MEMBERS, MEMBERS_OF_PEER};
use crate::{Catalog, QueryError};

const TOML: &str = "
    [table.t]
    source = 't.csv'
    filter = ['x', 'since']
    minimum = 25
    prefer_receiver = true
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    unique = true
    [[table.t.key]]
    columns = ['Name', 'x']
    kinds = ['trim', 'int']
";

async fn catalog(folder: &Folder) -> Catalog {
    folder.write(
        "t.csv",
        "id,Name,x,since\n1,a,1,2025-01-01\n2,b,2,2025-01-02\n",
    );
    folder.load(TOML).await
}

#[tokio::test]
async fn both_sides_plan_the_same_text_and_only_the_own_literals_are_hidden() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let sql = "SELECT COUNT(*) AS shared FROM Snowy.Customers s JOIN brand.T b ON s.cid = b.ID \
               WHERE b.x IN (1, 5) AND s.region = 'north' AND b.since >= DATE '2025-01-01'";
    let request = catalog.plan_request(sql, MEMBERS).unwrap();
    assert_eq!(
        request.canonical,
        "SELECT COUNT(*) AS shared FROM snowy.customers JOIN brand.t \
         ON snowy.customers.cid = brand.t.id WHERE brand.t.x IN ($1, $2) \
         AND snowy.customers.region = 'north' AND brand.t.since >= $3"
    );
    let literals: Vec<&str> = request
        .hidden
        .iter()
        .map(crate::HiddenLiteral::reveal)
        .collect();
    assert_eq!(literals, ["1", "5", "DATE '2025-01-01'"]);
    assert_eq!(
        (request.peer_table.as_str(), &request.peer_key_columns[..]),
        ("customers", &["cid".to_owned()][..])
    );
    assert_eq!(request.output.columns, ["shared"]);
    assert_eq!(request.output.shape, Shape::count_rows());
    assert_eq!(request.side.table(), "t");
    assert_eq!(request.side.rules(), ["table.t.key[1]", "table.t.filter"]);
    let facts = &request.facts;
    assert_eq!(
        (facts.member.as_str(), facts.table.as_str()),
        ("brand", "t")
    );
    assert_eq!(
        (facts.minimum, facts.identities, facts.prefer_receiver),
        (25, 2, true)
    );
    facts.validate().unwrap();

    // The other node sees the text alone.
    let other = Folder::new();
    other.write("customers.csv", "cid,region\n1,north\n");
    let customers = "[table.customers]\nsource = 'customers.csv'\nfilter = ['region']\n\
                     [[table.customers.key]]\ncolumns = ['cid']\nkinds = ['int']\nunique = true\n";
    let snowy = other.load(customers).await;
    let response = snowy
        .plan_response(&request.canonical, MEMBERS_OF_PEER, 3)
        .unwrap();
    assert_eq!(response.facts.key_columns, request.peer_key_columns);
    assert_eq!(response.facts.table, request.peer_table);
    assert_eq!(response.output, request.output);
    assert_eq!(response.peer_table, facts.table);
    assert_eq!(response.peer_key_columns, facts.key_columns);
}

const FROM: &str = "SELECT COUNT(*) FROM snowy.p JOIN brand.t ON snowy.p.id = brand.t.id";

#[tokio::test]
async fn a_peers_text_has_to_be_exactly_what_this_crate_prints() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let with = |condition: &str| format!("{FROM} WHERE {condition}");
    assert!(catalog.plan_response(FROM, MEMBERS, 0).is_ok());
    assert!(
        catalog
            .plan_response(&with("snowy.p.z = $1 AND brand.t.x = 1"), MEMBERS, 1)
            .is_ok()
    );
    for (text, hidden) in [
        (FROM.to_lowercase(), 0),
        (format!("{FROM} "), 0),
        (format!("{FROM};"), 0),
        (format!("{FROM} -- x"), 0),
        (FROM.replace("COUNT(*)", "COUNT( *)"), 0),
        (
            FROM.replace("snowy.p.id = brand.t.id", "brand.t.id = snowy.p.id"),
            0,
        ),
        (FROM.replace("brand.t.id", "\"brand\".t.id"), 0),
        (with("snowy.p.z = $1"), 0),
        (with("snowy.p.z = $1"), 2),
        (with("snowy.p.z = $2"), 1),
        (with("snowy.p.z = $x"), 1),
        (with("snowy.p.z IN ($2, $1)"), 2),
        (with("snowy.p.z = 5"), 0),
        (with("brand.t.x = $1"), 1),
        (with("(brand.t.x = 1)"), 0),
        (with("brand.t.x = 01"), 0),
        (with("1 = brand.t.x"), 0),
        (with("brand.t.x != 1"), 0),
        (with("brand.t.x = 'one'"), 0),
        (with("brand.t.since = '2025-02-30'"), 0),
        (with("brand.t.x LIKE 'a%'"), 0),
        (FROM.replace("snowy", "other"), 0),
        (FROM.replace("snowy", "brand"), 0),
        ("SELECT COUNT(*) FROM brand.t".to_owned(), 0),
        ("DROP TABLE t".to_owned(), 0),
        (String::new(), 0),
        ("x".repeat(20_000), 0),
        (
            with(&format!(
                "snowy.p.z IN ({})",
                (1..=257)
                    .map(|n| format!("${n}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            257,
        ),
    ] {
        match catalog.plan_response(&text, MEMBERS, hidden) {
            Err(refusal) => assert_eq!(refusal.code, Code::QueryNotAccepted, "{text}: {refusal}"),
            Ok(_) => panic!("accepted: {text}"),
        }
    }
}

#[tokio::test]
async fn what_the_policy_does_not_list_is_refused_with_a_code_for_the_peer() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    for (text, code, rule) in [
        (
            FROM.replace("brand.t", "brand.u"),
            Code::TableNotOffered,
            "table",
        ),
        (
            FROM.replace("brand.t.id", "brand.t.x"),
            Code::KeyNotAllowed,
            "table.t.key",
        ),
        // A column that does not exist looks the same as one that is not allowed.
        (
            FROM.replace("brand.t.id", "brand.t.nothing"),
            Code::KeyNotAllowed,
            "table.t.key",
        ),
        (
            format!("{FROM} WHERE brand.t.id = 1"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
        (
            format!("{FROM} WHERE brand.t.name = 'a'"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
        (
            format!("{FROM} WHERE brand.t.nothing = 1"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
        (
            format!("{FROM} WHERE brand.t.x = 1 OR brand.t.id = 1"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
        (
            format!("{FROM} WHERE brand.t.x < brand.t.id"),
            Code::FilterNotAllowed,
            "table.t.filter",
        ),
    ] {
        let text = text.replace(
            "brand.t.x = 1 OR brand.t.id = 1",
            "(brand.t.x = 1 OR brand.t.id = 1)",
        );
        match catalog.plan_response(&text, MEMBERS, 0) {
            Err(refusal) => {
                assert_eq!(
                    (refusal.code, refusal.rule.as_str()),
                    (code, rule),
                    "{text}"
                );
                assert!(!refusal.remedy.is_empty());
            }
            Ok(_) => panic!("accepted: {text}"),
        }
    }
    // The same rules bind this node's analyst, who is told about names that do not exist.
    let own = |sql: String| catalog.plan_request(&sql, MEMBERS).err().unwrap();
    let filtered = own(format!("{FROM} WHERE brand.t.name = 'a'"));
    assert!(matches!(filtered, QueryError::Refused(r) if r.code == Code::FilterNotAllowed));
    let unknown = own(format!("{FROM} WHERE brand.t.nothing = 1"));
    assert!(
        unknown.to_string().contains("no column nothing"),
        "{unknown}"
    );
    let table = own(FROM.replace("brand.t", "brand.u"));
    assert!(matches!(table, QueryError::Refused(r) if r.code == Code::TableNotOffered));
}

#[tokio::test]
async fn literals_that_do_not_fit_their_column_are_named_with_their_place() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    for (condition, says) in [
        (
            "brand.t.x = 'one'",
            "does not fit the column x of type integer",
        ),
        (
            "brand.t.x = TRUE",
            "does not fit the column x of type integer",
        ),
        ("brand.t.x LIKE '1%'", "LIKE needs text"),
        (
            "brand.t.since > 20250101",
            "does not fit the column since of type date",
        ),
        (
            "brand.t.since > 'yesterday'",
            "does not fit the column since of type date",
        ),
        ("brand.t.since > brand.t.x", "cannot be compared"),
    ] {
        let sql = format!("{FROM}\nWHERE {condition}");
        let err = catalog.plan_request(&sql, MEMBERS).err().unwrap();
        assert!(err.to_string().contains(says), "{err}");
        assert_eq!(err.told().unwrap().at.line, 2, "{err}");
        assert!(!err.remedy().is_empty());
    }
}

#[tokio::test]
async fn a_date_in_another_form_is_refused_with_the_date_that_was_probably_meant() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    for (literal, remedy) in [
        ("'01.05.2026'", "'2026-05-01'"),
        ("'01/05/2026'", "'2026-05-01' or '2026-01-05'"),
        ("'31.02.2026'", "'2025-01-31'"),
    ] {
        let sql = format!("{FROM} WHERE brand.t.since >= {literal}");
        let err = catalog.plan_request(&sql, MEMBERS).err().unwrap();
        assert!(err.remedy().ends_with(remedy), "{}", err.remedy());
        // The other side's node says no more than that it did not accept the text.
        let theirs = catalog.plan_response(&sql, MEMBERS, 0).err().unwrap();
        assert_eq!(theirs.code, Code::QueryNotAccepted);
    }
}

#[tokio::test]
async fn names_that_belong_to_neither_member_are_refused() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let err = catalog
        .plan_request(&FROM.replace("snowy", "stranger"), MEMBERS)
        .err()
        .unwrap();
    assert!(err.to_string().contains("no member stranger"), "{err}");
    assert_eq!(err.told().unwrap().at.column, 22);
}

#[tokio::test]
async fn the_longest_query_is_bounded_in_canonical_form_too() {
    let folder = Folder::new();
    let catalog = catalog(&folder).await;
    let items = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let sql = |n: usize| format!("{FROM} WHERE brand.t.x IN ({})", items(n));
    assert_eq!(
        catalog
            .plan_request(&sql(256), MEMBERS)
            .unwrap()
            .hidden
            .len(),
        256
    );
    assert!(catalog.plan_request(&sql(257), MEMBERS).is_err());
}
