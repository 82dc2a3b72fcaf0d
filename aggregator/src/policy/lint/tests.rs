use super::{Weight, lint};
use crate::config::TableConfigs;

fn advice(text: &str) -> Vec<(String, Weight)> {
    #[derive(serde::Deserialize)]
    struct Config {
        table: TableConfigs,
    }
    let config: Config = toml::from_str(text).unwrap();
    let advice = lint("brand", &config.table).unwrap();
    for advice in &advice {
        assert!(!advice.what.is_empty() && !advice.remedy.is_empty());
    }
    advice.into_iter().map(|a| (a.place, a.weight)).collect()
}

const CAREFUL: &str = "
[table.t]
source = 't.csv'
filter = ['age']
allowed_requesters = ['snowy']
runs = { day = 5 }
dimension = { region = ['n'] }
group_identities = { region = { n = 100, other = 100 } }
[[table.t.key]]
columns = ['email']
kinds = ['email']
identities = 1000
[table.t.aggregate.amount]
functions = ['sum']
clamp = [0, 100]
expressions = false
";

#[test]
fn a_careful_policy_needs_no_advice_and_each_change_to_it_does() {
    assert_eq!(advice(CAREFUL), []);
    for (from, to, place, weight) in [
        ("filter", "minimum = 3\nfilter", "minimum", Weight::Wide),
        (
            "allowed_requesters = ['snowy']\n",
            "",
            "allowed_requesters",
            Weight::Note,
        ),
        ("['snowy']", "[]", "allowed_requesters", Weight::NoEffect),
        ("['snowy']", "['Brand']", "allowed_requesters", Weight::Note),
        (
            "runs",
            "allowed_recipients = ['brand']\nruns",
            "allowed_recipients",
            Weight::NoEffect,
        ),
        ("runs = { day = 5 }", "runs = {}", "runs", Weight::Wide),
        ("['age']", "['Email']", "filter.Email", Weight::Wide),
        ("identities = 1000\n", "", "key[1].identities", Weight::Wide),
        (
            "clamp = [0, 100]\n",
            "",
            "aggregate.amount.clamp",
            Weight::Wide,
        ),
        (
            "expressions = false\n",
            "",
            "aggregate.amount.expressions",
            Weight::Note,
        ),
        (
            "runs",
            "owner_may_receive = true\nruns",
            "owner_may_receive",
            Weight::Wide,
        ),
        (
            "runs",
            "disallowed_outputs = ['Region']\nruns",
            "dimension.\"region\"",
            Weight::NoEffect,
        ),
        (
            "group_identities = { region = { n = 100, other = 100 } }\n",
            "",
            "group_identities.\"region\"",
            Weight::Note,
        ),
        (
            "filter = ['age']",
            "filter = { age = { operators = ['in'], compare = 'columns' } }",
            "filter.age",
            Weight::NoEffect,
        ),
    ] {
        let changed = CAREFUL.replacen(from, to, 1);
        assert_ne!(changed, CAREFUL);
        let wanted = (format!("table.t.{place}"), weight);
        assert_eq!(advice(&changed), [wanted], "{to}");
    }
}

#[test]
fn a_part_of_a_date_that_is_not_allowed_and_templates_without_use_are_told() {
    let parts = CAREFUL
        .replace("region", "\"month(day)\"")
        .replace("{ n =", "{ 'n' =")
        .replace("runs", "scalar_functions = ['year']\nruns");
    assert_eq!(
        advice(&parts),
        [(
            "table.t.dimension.\"month(day)\"".to_owned(),
            Weight::NoEffect
        )]
    );
    let custom = format!(
        "{}[table.t.template.x]\nsql = 'SELECT COUNT(*) FROM brand.u AS b JOIN snowy.p AS s \
         ON b.k = s.k'\n",
        CAREFUL.replace(
            "filter = ['age']",
            &format!(
                "rule = 'custom'\napproved_templates = ['sha512:{}']",
                "0".repeat(128)
            )
        )
    );
    let places: Vec<String> = advice(&custom)
        .into_iter()
        .map(|(place, _)| place)
        .collect();
    assert_eq!(
        places,
        [
            "table.t.template.x",
            "table.t.approved_templates",
            "table.t.rule"
        ]
    );
}

/// As careful as a table of lists can be.
const LISTS: &str = "
[table.t]
source = 't.csv'
rule = 'list'
allowed_requesters = ['snowy']
runs = { day = 5 }
approval = 'manual'
[[table.t.key]]
columns = ['email']
kinds = ['email']
identities = 1000
";

#[test]
fn a_list_is_always_remarked_on_and_more_so_where_it_tells_more() {
    let rule = ("table.t.rule".to_owned(), Weight::Wide);
    assert_eq!(advice(LISTS), std::slice::from_ref(&rule));
    for (from, to, place, weight) in [
        (
            "allowed_requesters = ['snowy']\n",
            "",
            "allowed_requesters",
            Weight::Wide,
        ),
        ("runs", "minimum = 9\nruns", "minimum", Weight::Wide),
        ("identities = 1000\n", "", "key[1].identities", Weight::Wide),
        ("approval = 'manual'\n", "", "approval", Weight::Note),
        (
            "['email']\nid",
            "['phone']\nid",
            "key[1].kinds",
            Weight::Wide,
        ),
        ("['email']\nid", "['int']\nid", "key[1].kinds", Weight::Wide),
        ("runs", "filter = ['age']\nruns", "filter.age", Weight::Wide),
        // A column of a key is remarked on as for every rule, and not twice.
        (
            "runs",
            "filter = ['EMAIL']\nruns",
            "filter.EMAIL",
            Weight::Wide,
        ),
    ] {
        let changed = LISTS.replacen(from, to, 1);
        assert_ne!(changed, LISTS);
        let mut found = advice(&changed);
        found.retain(|advice| *advice != rule);
        assert_eq!(found, [(format!("table.t.{place}"), weight)], "{to}");
    }
    // Without a limit and without approval both are said.
    let open = LISTS
        .replace("runs = { day = 5 }", "runs = {}")
        .replace("approval = 'manual'\n", "");
    let places = advice(&open).into_iter().map(|(place, _)| place);
    let places: Vec<String> = places.collect();
    assert_eq!(places, ["table.t.runs", "table.t.rule", "table.t.approval"]);
    // One column that cannot be counted through is enough.
    let composite = LISTS
        .replace("['email']\nk", "['email', 'number']\nk")
        .replace("['email']\nid", "['text', 'int']\nid");
    assert_eq!(advice(&composite), [rule]);
}
