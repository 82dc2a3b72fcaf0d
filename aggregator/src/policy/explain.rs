//! A policy in words: who may ask what, and what leaves.
//!
//! Called by psi-node for `policy explain TABLE`. Says what the configuration says, in sentences;
//! judges nothing and looks at no data.

use super::template::Template;
use crate::config::{
    Approval, Compare, FilterConfig, QueryForm, ResultTo, RuleKind, ScalarFunction, TableConfig,
};

/// One subject of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// A stable word for programs, such as `filters`.
    pub name: &'static str,
    /// The heading.
    pub title: &'static str,
    /// Sentences, each of its own.
    pub says: Vec<String>,
}

/// Explains the table `name` of `member`.
#[must_use]
pub fn explain(member: &str, name: &str, table: &TableConfig) -> Vec<Topic> {
    let topic = |name, title, says| Topic { name, title, says };
    vec![
        topic("requesters", "Who may ask", requesters(table)),
        topic("form", "In which form", form(member, name, table)),
        topic("join", "Joined by", keys(table)),
        topic("filters", "Filtered by", filters(table)),
        topic("groups", "Grouped by", groups(table)),
        topic("aggregates", "What is computed", aggregates(table)),
        topic("recipients", "Who gets the result", recipients(table)),
        topic("leaves", "What leaves this node", leaves(table)),
        topic("limits", "How often", limits(table)),
    ]
}

fn requesters(table: &TableConfig) -> Vec<String> {
    let who = match &table.allowed_requesters {
        None => "Any member that the collaboration lets query, this one included.".to_owned(),
        Some(members) if members.is_empty() => "Nobody.".to_owned(),
        Some(members) => format!("Only {}.", listed(members.iter())),
    };
    let rows = match &table.row_filter {
        None => "All rows may take part.".to_owned(),
        Some(filter) => format!("Only rows take part for which this is true: {filter}"),
    };
    vec![who, rows]
}

fn form(member: &str, name: &str, table: &TableConfig) -> Vec<String> {
    match table.rule {
        RuleKind::Aggregation => {
            let form = |form: &QueryForm| match form {
                QueryForm::Join => format!(
                    "Aggregates over the join of {member}.{name} with a table of the other member."
                ),
                QueryForm::Semi => format!(
                    "Aggregates over the rows of {member}.{name} whose key the other member's \
                     table has (EXISTS), or over the other table's rows whose key this one has."
                ),
            };
            table.forms.iter().map(form).collect()
        }
        RuleKind::List => vec![
            "LISTS: the member that asks learns which of its own identifiers are in this table, \
             person by person."
                .to_owned(),
            "Its node learns so also if fewer match than the minimum; its analyst does not."
                .to_owned(),
        ],
        RuleKind::Custom => {
            let mut says = vec!["Approved templates and nothing else:".to_owned()];
            for (template, config) in &table.template {
                let Ok(read) = Template::read(config) else {
                    continue;
                };
                if table.approved_templates.contains(&read.digest()) {
                    says.push(format!(
                        "{template}: {}",
                        read.canonical().replace('\n', " ")
                    ));
                }
            }
            if says.len() == 1 {
                says.push("None is approved, so nothing is answered.".to_owned());
            }
            says
        }
    }
}

fn keys(table: &TableConfig) -> Vec<String> {
    let key = |key: &crate::config::KeyConfig| {
        let unique = if key.unique {
            "no value repeats"
        } else {
            "values may repeat"
        };
        let size = match key.identities {
            Some(size) => format!("registered as {size} identities"),
            None => "its public size derived from the data".to_owned(),
        };
        format!("{}; {unique}; {size}.", listed(key.columns.iter()))
    };
    some(
        table.key.iter().map(key).collect(),
        "No key: nothing can be asked.",
    )
}

fn filters(table: &TableConfig) -> Vec<String> {
    if table.rule == RuleKind::Custom {
        return vec!["What the templates say, and nothing else.".to_owned()];
    }
    let filters = table.filter.iter();
    let says = filters.map(|(column, config)| format!("{column}: {}.", comparisons(config)));
    some(
        says.collect(),
        "Nothing: questions are about all rows that may take part.",
    )
}

fn comparisons(config: &FilterConfig) -> String {
    let how = match &config.operators {
        None => "every comparison".to_owned(),
        Some(operators) => listed(operators.iter().map(|o| o.as_str())),
    };
    let with = match config.compare {
        Compare::Any => "constants or other columns of the table",
        Compare::Literals => "constants only",
        Compare::Columns => "other columns of the table only",
    };
    format!("{how}, with {with}")
}

fn groups(table: &TableConfig) -> Vec<String> {
    let mut says: Vec<String> = table
        .dimension
        .iter()
        .map(|(name, values)| {
            format!(
                "{name}: {} values and `other`; the list of values is public.",
                values.len()
            )
        })
        .collect();
    if says.is_empty() {
        says.push("Nothing of this table.".to_owned());
    }
    if let Some(functions) = &table.scalar_functions {
        let functions = functions.iter().map(|f: &ScalarFunction| f.as_str());
        says.push(format!("Of dates, only: {}.", none(listed(functions))));
    }
    if !table.disallowed_outputs.is_empty() {
        says.push(format!(
            "Never shown, whatever else allows it: {}.",
            listed(table.disallowed_outputs.iter())
        ));
    }
    says
}

fn aggregates(table: &TableConfig) -> Vec<String> {
    if table.rule == RuleKind::List {
        return vec!["Nothing.".to_owned()];
    }
    let mut says = vec!["COUNT(*) and COUNT(DISTINCT key).".to_owned()];
    for (column, config) in &table.aggregate {
        let functions = listed(config.functions.iter().map(|f| f.as_str()));
        let alone = if config.expressions {
            "alone or in arithmetic"
        } else {
            "alone"
        };
        let clamp = match &config.clamp {
            Some([low, high]) => {
                format!("; what one identity contributes to a sum is cut to {low}..{high}")
            }
            None => String::new(),
        };
        says.push(format!("{column}: {functions}, {alone}{clamp}."));
    }
    says
}

fn recipients(table: &TableConfig) -> Vec<String> {
    let mut says = vec![
        match table.result {
            ResultTo::Requester => "The member that asks, alone.",
            ResultTo::Both => {
                "The member that asks, or both if it wants so and the other table agrees."
            }
        }
        .to_owned(),
    ];
    if let Some(members) = &table.allowed_recipients {
        says.push(format!(
            "Of members, only: {}.",
            none(listed(members.iter()))
        ));
    }
    says.push(if table.owner_may_receive {
        "The other member may get sums of columns that it owns itself, with which it can test for \
         a person."
            .to_owned()
    } else {
        "The other member never gets sums of columns that it owns itself.".to_owned()
    });
    says
}

fn leaves(table: &TableConfig) -> Vec<String> {
    let mut says = vec![
        "To the other node: registered sizes, kinds of keys, domains of the groups asked for, and \
         blinded points or tags padded to these sizes; no identifier and no row."
            .to_owned(),
    ];
    if table.rule == RuleKind::List {
        return says;
    }
    says.push(format!(
        "To a recipient: rows that rest on at least {} distinct identities, or on more if the \
         other table says so; others are shown as suppressed.",
        table.minimum
    ));
    says.push(
        "In exact mode the operator of the Receiver's node learns the count of every group, \
         suppressed ones included."
            .to_owned(),
    );
    says
}

fn limits(table: &TableConfig) -> Vec<String> {
    let mut says: Vec<String> = table
        .runs
        .limits()
        .map(|(period, limit)| match period {
            "lifetime" => format!("At most {limit} jobs ever with one member."),
            period => format!("At most {limit} jobs in a {period} with one member."),
        })
        .collect();
    says.push(if says.is_empty() {
        "As often as is asked.".to_owned()
    } else {
        "A job counts once its rows begin to be read, whatever becomes of it.".to_owned()
    });
    if let Some(population) = &table.population {
        says.push(format!(
            "Jobs use the budget of the population {population}; what a job had reserved comes \
             back only if it ends before anything has left that epsilon pays for."
        ));
    }
    says.push(match table.approval {
        Approval::Auto => "What the rules allow runs without asking anybody.".to_owned(),
        Approval::Manual => "Each job waits until the owner approves it.".to_owned(),
    });
    says
}

fn some(says: Vec<String>, otherwise: &str) -> Vec<String> {
    if says.is_empty() {
        vec![otherwise.to_owned()]
    } else {
        says
    }
}

fn none(text: String) -> String {
    if text.is_empty() {
        "none".to_owned()
    } else {
        text
    }
}

fn listed<S: AsRef<str>>(items: impl Iterator<Item = S>) -> String {
    let items: Vec<String> = items.map(|item| item.as_ref().to_owned()).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::policy::tests::table;

    fn words(rules: &str) -> String {
        let table = table(rules);
        let topics = explain("brand", "t", &table);
        assert!(topics.iter().all(|topic| !topic.says.is_empty()));
        let says = topics.into_iter().flat_map(|topic| topic.says);
        says.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_allowed_is_said_and_what_is_not_is_not() {
        let closed = words("");
        for says in [
            "Any member",
            "No key",
            "Nothing: questions are about all rows",
            "alone",
            "at least 10 distinct",
            "At most 50 jobs in a day with one member.",
            "once its rows begin to be read",
        ] {
            assert!(closed.contains(says), "{says}\n{closed}");
        }
        assert!(words("runs = {}\n").contains("As often as is asked"));
        let open = words(
            "allowed_requesters = ['snowy']\nminimum = 25\nrow_filter = 'consent'\n\
             runs = { week = 3, lifetime = 9 }\napproval = 'manual'\npopulation = 'customers'\n\
             result = 'both'\nscalar_functions = []\ndisallowed_outputs = ['id']\n\
             filter.age = { operators = ['between'], compare = 'literals' }\n\
             aggregate.amount = { functions = ['sum'], clamp = [0, 5], expressions = false }\n",
        );
        for says in [
            "Only snowy.",
            "true: consent",
            "age: between, with constants only.",
            "Of dates, only: none.",
            "Never shown, whatever else allows it: id.",
            "amount: sum, alone; what one identity contributes to a sum is cut to 0..5.",
            "or both",
            "at least 25 distinct",
            "3 jobs in a week",
            "9 jobs ever",
            "population customers",
            "waits until the owner",
        ] {
            assert!(open.contains(says), "{says}\n{open}");
        }
    }

    #[test]
    fn lists_are_loud_and_templates_are_quoted() {
        assert!(words("rule = 'list'\n").contains("LISTS: "));
        assert!(words("rule = 'custom'\n").contains("None is approved"));
    }
}
