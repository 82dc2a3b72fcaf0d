//! Where jobs with differential privacy are allowed, one person changes only that person's rows.

use std::collections::BTreeSet;

use super::{rows, table};
use crate::testing::Folder;

const SOURCES: &str = "[source.people]\npath = \"people.csv\"\n\
                       [source.orders]\npath = \"orders.csv\"\n\
                       [source.goods]\npath = \"goods.csv\"\n";

/// A table with keys `mail` that allows jobs with differential privacy.
fn private(sql: &str) -> String {
    table(sql, "mail").replace("[[table.t.key]]", "epsilon_max = 1.0\n[[table.t.key]]")
}

fn write(folder: &Folder, with: bool) {
    let mut people = "mail,no,city\na@x,1,rome\nb@x,2,oslo\nd@x,4,rome\n".to_owned();
    let mut orders = "no,item,price\n1,p,2\n1,q,3\n2,p,5\n4,q,1\n4,q,1\n".to_owned();
    if with {
        people.push_str("c@x,3,rome\nc@x,3,bern\n");
        orders.push_str("3,p,100\n3,q,7\n3,q,7\n");
    }
    folder.write("people.csv", &people);
    folder.write("orders.csv", &orders);
    folder.write("goods.csv", "item,kind\np,toy\nq,food\n");
}

async fn rows_of(sql: &str, with: bool) -> Vec<Vec<String>> {
    let folder = Folder::new();
    write(&folder, with);
    let _catalog = folder.load(&format!("{SOURCES}{}", private(sql))).await;
    rows(&folder)
}

#[tokio::test]
async fn every_allowed_form_keeps_persons_apart() {
    for sql in [
        "SELECT mail, city FROM people",
        "SELECT DISTINCT mail FROM people WHERE city <> 'oslo'",
        "SELECT lower(mail) AS mail, city FROM people ORDER BY city",
        "SELECT p.mail, o.price FROM people AS p JOIN orders AS o ON p.no = o.no",
        "SELECT p.mail, g.kind, o.price FROM people AS p LEFT JOIN orders AS o ON p.no = o.no \
         LEFT JOIN goods AS g ON o.item = g.item",
        "SELECT p.mail, SUM(o.price) AS spend FROM people AS p JOIN orders AS o ON p.no = o.no \
         GROUP BY p.mail",
        "SELECT p.mail, o.spend FROM people AS p JOIN (SELECT no, SUM(price) AS spend FROM orders \
         GROUP BY no) AS o ON p.no = o.no",
        "SELECT mail, city FROM people UNION ALL SELECT mail, 'x' AS city FROM people",
        "WITH c AS (SELECT mail, city, COUNT(*) AS n FROM people GROUP BY mail, city) \
         SELECT mail, n FROM c WHERE n > 0",
    ] {
        let (without, with) = (rows_of(sql, false).await, rows_of(sql, true).await);
        let mut left = with.clone();
        for row in &without {
            let place = left.iter().position(|other| other == row);
            left.remove(place.unwrap_or_else(|| panic!("{sql}: {row:?} changed")));
        }
        let mails: BTreeSet<&str> = left.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(mails, BTreeSet::from(["c@x"]), "{sql}");
    }
}

#[tokio::test]
async fn what_puts_persons_together_is_refused() {
    for (sql, what) in [
        (
            "SELECT mail, SUM(no) OVER () AS s FROM people",
            "a window function",
        ),
        (
            "SELECT mail, (SELECT COUNT(*) FROM orders) AS n FROM people",
            "a subquery",
        ),
        (
            "SELECT mail FROM people WHERE no IN (SELECT no FROM orders)",
            "a subquery",
        ),
        (
            "SELECT mail FROM people WHERE EXISTS (SELECT 1 FROM orders WHERE orders.no = people.no)",
            "a subquery",
        ),
        ("SELECT mail FROM people ORDER BY mail LIMIT 2", "LIMIT"),
        (
            "SELECT MIN(mail) AS mail FROM people GROUP BY city",
            "a group may hold rows of several persons",
        ),
        (
            "SELECT p.mail, c.n FROM people AS p JOIN (SELECT MIN(no) AS no, COUNT(*) AS n FROM orders \
             GROUP BY item) AS c ON p.no = c.no",
            "a group may hold rows of several persons",
        ),
        (
            "SELECT mail FROM people EXCEPT SELECT item AS mail FROM orders",
            "EXCEPT or INTERSECT",
        ),
        (
            "SELECT p.mail, q.city FROM people AS p JOIN people AS q ON p.city = q.city",
            "a join of a source with itself",
        ),
        (
            "SELECT p.mail FROM people AS p CROSS JOIN orders AS o",
            "a join by anything but equal columns",
        ),
        (
            "SELECT p.mail FROM people AS p JOIN orders AS o ON p.no < o.no",
            "a join by anything but equal columns",
        ),
        (
            "SELECT p.mail FROM orders AS o FULL JOIN people AS p ON p.no = o.no",
            "neither inner nor left",
        ),
    ] {
        let folder = Folder::new();
        write(&folder, true);
        let text = format!("{SOURCES}{}", private(sql));
        let (_, report) = folder.try_load(&text).await.unwrap();
        let problem = report.tables[0].problems.first();
        let problem = problem.unwrap_or_else(|| panic!("{sql} was accepted"));
        assert!(problem.what.contains(what), "{sql}: {problem}");
    }
}

#[tokio::test]
async fn one_value_of_another_type_does_not_decide_whether_a_table_is_served() {
    let folder = Folder::new();
    write(&folder, true);
    let types = "[source.people.types]\nno = \"date\"\n";
    let text = format!("{SOURCES}{types}{}", private("SELECT mail, no FROM people"));
    let (_, report) = folder.try_load(&text).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    let notes = report.tables[0].notes.join("\n");
    assert!(
        notes.contains("source people: 5 values of \"no\""),
        "{notes}"
    );
}
