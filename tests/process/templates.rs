//! Questions by template between two nodes: an owner who answers approved templates and nothing
//! else.

use crate::harness::{Ran, World, psi_node};

const KEY: &str = "[[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
                   identities = 60\n";

const TEMPLATE: &str = "[table.people.template.adults]\nsql = \"\"\"\n\
    SELECT COUNT(*) FROM anna.people a JOIN bert.people b ON a.name = b.name\n\
    WHERE a.age >= :own AND b.age >= :theirs AND b.active = TRUE\n\"\"\"\n\
    parameters = { own = \"INTEGER\", theirs = \"INTEGER\" }\n";

fn reason(ran: &Ran) -> String {
    ran.json()["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_approved_template_is_answered_and_everything_else_is_refused() {
    let table = |rules: &str| {
        format!("[table.people]\nsource = \"people.csv\"\nminimum = 1\n{rules}\n{KEY}{TEMPLATE}")
    };
    let open = table("filter = [\"age\", \"active\"]");
    let mut world = World::new(&open, &open);
    for node in [&world.a, &world.b] {
        let rows = (0..50).map(|n| format!("person-{n},{n},{}", n % 2 == 0));
        let lines: Vec<String> = std::iter::once("name,age,active".to_owned())
            .chain(rows)
            .collect();
        node.write("people.csv", &lines.join("\n"));
    }
    // Bert learns the digest from the text alone, and approves it.
    let file = world.b.dir.join("adults.toml");
    let section = TEMPLATE.split_once('\n').unwrap().1;
    std::fs::write(&file, section).unwrap();
    let path = file.to_str().unwrap();
    let digest = psi_node(&["policy", "template-digest", path]).expect(0);
    let digest = digest.stdout.lines().next().unwrap().to_owned();
    let custom = table(&format!(
        "rule = \"custom\"\napproved_templates = [\"{digest}\"]"
    ));
    world.b.configure("", &custom);
    world.serve();

    let ask = |own: &str, theirs: &str| {
        let (own, theirs) = (format!("own={own}"), format!("theirs={theirs}"));
        let arguments = [
            "query",
            "--collab",
            "test",
            "--format",
            "json",
            "--template",
            "adults",
            "--param",
            &own,
            "--param",
            &theirs,
        ];
        world.a.run(&arguments)
    };
    // Even numbers from 20 to 48; then from 30.
    assert_eq!(ask("10", "20").expect(0).json()["rows"][0][0], 15);
    assert_eq!(ask("30", "0").expect(0).json()["rows"][0][0], 10);
    // A near miss of the template, a value of another type for Bert's column, and a free question.
    let from = "SELECT COUNT(*) FROM anna.people a JOIN bert.people b ON a.name = b.name";
    for condition in [
        " WHERE a.age >= 10 AND b.age >= 20 AND b.active = FALSE",
        " WHERE a.age >= 10 AND b.age > 20 AND b.active = TRUE",
        " WHERE a.age >= 10 AND b.age >= 20.5 AND b.active = TRUE",
        "",
    ] {
        let ran = world.a.query(&format!("{from}{condition}")).expect(5);
        assert_eq!(reason(&ran), "template_not_approved", "{condition}");
    }
    // Bert's own questions about the table are held to it, too.
    let ran = world.b.query(from).expect(4);
    assert_eq!(reason(&ran), "template_not_approved");
    let list = "SELECT a.name FROM anna.people a JOIN bert.people b ON a.name = b.name";
    let ran = world.a.query(list).expect(4);
    assert_eq!(reason(&ran), "form_not_allowed");
}
