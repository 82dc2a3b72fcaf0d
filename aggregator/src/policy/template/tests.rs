use std::collections::BTreeMap;

use super::Template;
use crate::config::TemplateConfig;
use crate::sql::ast::Side;
use crate::sql::canonical;
use crate::sql::parse::{self, Author};

const SQL: &str = "SELECT COUNT(*) AS n FROM snowy.p s JOIN brand.t b ON s.k = b.k \
                   WHERE b.since >= :since AND b.region = :region AND s.age > :age AND b.kind = 'x'";

fn config(sql: &str, parameters: &[(&str, &str)]) -> TemplateConfig {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, kind)| format!("{name} = '{kind}'"))
        .collect();
    let text = format!(
        "sql = \"\"\"{sql}\"\"\"\nparameters = {{ {} }}",
        parameters.join(", ")
    );
    toml::from_str(&text).unwrap()
}

fn template() -> Template {
    let parameters = [("since", "DATE"), ("region", "TEXT"), ("age", "INTEGER")];
    Template::read(&config(SQL, &parameters)).unwrap()
}

fn bind(values: &[(&str, &str)]) -> Result<String, super::Mistake> {
    let values: BTreeMap<String, String> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    template().bind(&values)
}

const VALUES: [(&str, &str); 3] = [("since", "2025-01-01"), ("region", "north"), ("age", "18")];

#[test]
fn the_canonical_text_and_the_digest_are_the_documented_ones() {
    let template = template();
    assert_eq!(
        template.canonical(),
        "SELECT COUNT(*) AS n FROM snowy.p JOIN brand.t ON snowy.p.k = brand.t.k \
         WHERE brand.t.since >= :since AND brand.t.region = :region AND snowy.p.age > :age \
         AND brand.t.kind = 'x'\n:age INTEGER\n:region TEXT\n:since DATE"
    );
    // SHA-512 of the label and the text above, computed apart from this program.
    assert_eq!(
        template.digest(),
        "sha512:776c2bfc9d0bb6b13b3c661ac503e7095169fabdbe33fc4ba3c1b8f139fd489e\
         2890f11d7db732368531124dfdf007d05fa2d0e737a3f90eecb4eca4d65fec68"
    );
    // Aliases, blanks and the case of keywords make no other template; a type does.
    let same = SQL.replace(" s ", " AS first ").replace(" s.", " first.");
    let same = same
        .replace("b.since", "b . since")
        .replace("WHERE", "where");
    let parameters = [("since", "DATE"), ("region", "TEXT"), ("age", "INTEGER")];
    let same = Template::read(&config(&same, &parameters)).unwrap();
    assert_eq!(same.digest(), template.digest());
    let parameters = [("since", "DATE"), ("region", "TEXT"), ("age", "NUMBER")];
    let other = Template::read(&config(SQL, &parameters)).unwrap();
    assert_ne!(other.digest(), template.digest());
}

#[test]
fn values_become_constants_and_never_text() {
    assert_eq!(
        bind(&VALUES).unwrap(),
        "SELECT COUNT(*) AS n FROM snowy.p JOIN brand.t ON snowy.p.k = brand.t.k \
         WHERE brand.t.since >= DATE '2025-01-01' AND brand.t.region = 'north' \
         AND snowy.p.age > 18 AND brand.t.kind = 'x'"
    );
    let hostile = "x' OR brand.t.since = :since -- $1";
    let text = bind(&[
        ("since", "2025-01-01"),
        ("region", hostile),
        ("age", "-0018"),
    ])
    .unwrap();
    assert!(text.contains("= 'x'' OR brand.t.since = :since -- $1' AND snowy.p.age > -18"));
    let query = parse::read(&text, Author::Own).unwrap();
    assert!(template().is_instance(&query), "{text}");
    assert_eq!(canonical::print_open(&query), text);
}

#[test]
fn a_value_that_is_missing_unknown_or_of_another_type_is_named() {
    for (change, what) in [
        (("age", "18.5"), "age is not of type INTEGER"),
        (("age", ""), "age is not of type INTEGER"),
        (("age", "-"), "age is not of type INTEGER"),
        (("age", "1 OR 1 = 1"), "age is not of type INTEGER"),
        (("since", "2025-02-30"), "since is not of type DATE"),
        (("since", "2025-01-01' OR '"), "since is not of type DATE"),
        (("until", "2025-01-01"), "no parameter \"until\""),
    ] {
        let values = VALUES.into_iter().filter(|(name, _)| *name != change.0);
        let values: Vec<(&str, &str)> = values.chain([change]).collect();
        let error = bind(&values).unwrap_err();
        assert!(error.what.contains(what), "{error}");
        assert!(!error.remedy.is_empty());
    }
    assert!(
        bind(&VALUES[..2])
            .unwrap_err()
            .what
            .contains("age has no value")
    );
}

#[test]
fn a_peers_text_is_an_instance_if_only_parameters_and_hidden_constants_differ() {
    let template = template();
    let peer = |text: &str| {
        let query = parse::read(text, Author::Own).unwrap();
        let (text, _) = canonical::print(&query, Side::First);
        template.is_instance(&parse::read(&text, Author::Peer).unwrap())
    };
    let text = bind(&VALUES).unwrap();
    assert!(peer(&text));
    // The requester's own constants are hidden, whatever they are.
    assert!(peer(&text.replace("> 18", "> 'a'")));
    assert!(peer(&text.replace("2025-01-01", "2024-12-31")));
    for (from, to) in [
        ("DATE '2025-01-01'", "'2025-01-01'"),
        ("DATE '2025-01-01'", "NULL"),
        ("'north'", "5"),
        ("kind = 'x'", "kind = 'y'"),
        (">=", ">"),
        ("COUNT(*) AS n", "COUNT(*)"),
        ("COUNT(*) AS n", "COUNT(*) AS n, COUNT(DISTINCT brand.t.k)"),
        (" AND brand.t.kind = 'x'", ""),
        ("kind = 'x'", "kind = 'x' LIMIT 1"),
        ("kind = 'x'", "other = 'x'"),
        (
            "brand.t.region = 'north' AND ",
            "NOT (brand.t.region = 'north') AND ",
        ),
        ("snowy.p ", "snowy.q "),
    ] {
        let changed = text.replace(from, to).replace(
            "snowy.p.",
            if to == "snowy.q " {
                "snowy.q."
            } else {
                "snowy.p."
            },
        );
        assert_ne!(changed, text);
        assert!(!peer(&changed), "{changed}");
    }
    // The requester's node sees its own constants, and judges the type of these too.
    let own = |text: &str| template.is_instance(&parse::read(text, Author::Own).unwrap());
    assert!(own(&text) && !own(&text.replace("> 18", "> 'a'")));
}

#[test]
fn a_parameter_that_stands_twice_has_one_value() {
    let sql = "SELECT COUNT(*) FROM snowy.p s JOIN brand.t b ON s.k = b.k \
               WHERE b.x BETWEEN :low AND :low";
    let template = Template::read(&config(sql, &[("low", "NUMBER")])).unwrap();
    let text = template
        .bind(&BTreeMap::from([("low".to_owned(), "1.50".to_owned())]))
        .unwrap();
    let is_instance = |text: &str| template.is_instance(&parse::read(text, Author::Own).unwrap());
    assert!(is_instance(&text));
    assert!(!is_instance(&text.replacen("1.50", "2", 1)));
}

#[test]
fn a_template_outside_the_subset_or_with_other_parameters_is_refused_with_its_place() {
    for (sql, parameters, says) in [
        (
            SQL.replace(":age", ":age_min"),
            "age = 'INTEGER'",
            ":age_min has no type",
        ),
        (
            SQL.replace(":age", "5"),
            "age = 'INTEGER'",
            "does not use the parameter age",
        ),
        (SQL.replace(":age", ":5"), "", "a colon without"),
        (
            SQL.replace("COUNT(*) AS n", "s.k"),
            "age = 'INTEGER'",
            "a template of a list",
        ),
        (
            SQL.replace("s.k = b.k", "s.k = :age"),
            "age = 'INTEGER'",
            "line 1",
        ),
        ("DELETE FROM t".to_owned(), "", "line 1"),
    ] {
        let text = format!(
            "sql = \"\"\"{sql}\"\"\"\nparameters = {{ since = 'DATE', region = 'TEXT', {parameters} }}"
        );
        let config: TemplateConfig = toml::from_str(&text.replace(", }", " }")).unwrap();
        let error = Template::read(&config).err().unwrap();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.remedy().is_empty());
    }
    // Neither an analyst's nor a peer's text has parameters.
    assert!(parse::read(SQL, Author::Own).is_err());
    assert!(parse::read(SQL, Author::Peer).is_err());
}
