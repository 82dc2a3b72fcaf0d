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
        (
            "runs",
            "allowed_recipients = ['brand']\nruns",
            "allowed_recipients",
            Weight::NoEffect,
        ),
        ("runs = { day = 5 }\n", "", "runs", Weight::Wide),
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
