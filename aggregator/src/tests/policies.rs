//! Rules of a loaded table, from both nodes' points of view.

use psi_core::Code;
use psi_core::spec::Recipients;

use crate::QueryError;
use crate::policy::template::Template;
use crate::testing::{Folder, MEMBERS};

const KEY: &str = "[[table.t.key]]\ncolumns = ['ID']\nkinds = ['int']\nunique = true\n";

async fn catalog(rules: &str) -> crate::Catalog {
    let folder = Folder::new();
    folder.write("t.csv", "ID,x,region\n1,1,n\n2,2,s\n");
    folder
        .load(&format!("[table.t]\nsource = 't.csv'\n{rules}\n{KEY}"))
        .await
}

const FROM: &str = "FROM snowy.p JOIN brand.t ON snowy.p.id = brand.t.id";

#[tokio::test]
async fn a_list_is_of_the_askers_own_identifiers_where_the_rule_is_list() {
    let own = format!("SELECT brand.t.id {FROM}");
    let peers = format!("SELECT snowy.p.id {FROM}");
    let lists = catalog("rule = 'list'").await;
    let refused = |sql: &str| match lists.plan_request(sql, MEMBERS) {
        Err(QueryError::NotInSubset(told)) => told.what,
        Err(other) => panic!("{sql}: {other}"),
        Ok(_) => panic!("{sql}: accepted"),
    };
    assert_eq!(refused(&peers), "a list of the other member's identifiers");
    let plan = lists.plan_request(&own, MEMBERS).unwrap();
    assert!(plan.output.shape.is_list());
    assert_eq!(plan.output.columns, ["id"]);
    // The peer asks for a list of its own identifiers, or of this side's.
    let plan = lists.plan_response(&peers, MEMBERS, 0).unwrap();
    assert!(plan.output.shape.is_list());
    let refusal = lists.plan_response(&own, MEMBERS, 0).err().unwrap();
    assert_eq!(refusal.code, Code::QueryNotAccepted);
    // Another rule is what decides where there is one.
    let counts = catalog("").await;
    let refusal = counts.plan_response(&peers, MEMBERS, 0).err().unwrap();
    assert_eq!(
        (refusal.code, refusal.rule.as_str()),
        (Code::FormNotAllowed, "table.t.rule")
    );
    let count = format!("SELECT COUNT(*) {FROM}");
    let refusal = lists.plan_response(&count, MEMBERS, 0).err().unwrap();
    assert_eq!(refusal.code, Code::FormNotAllowed);
}

#[tokio::test]
async fn a_result_for_both_needs_the_consent_of_each_sides_own_table() {
    let count = format!("SELECT COUNT(*) {FROM}");
    let own = |catalog: &crate::Catalog, recipients| match catalog
        .plan_request_for(&count, MEMBERS, recipients)
    {
        Ok(_) => None,
        Err(QueryError::Refused(refusal)) => Some(refusal.rule),
        Err(other) => panic!("{other}"),
    };
    let peers = |catalog: &crate::Catalog, recipients| {
        let plan = catalog.plan_response_for(&count, MEMBERS, recipients, 0);
        plan.err().map(|refusal| refusal.rule)
    };
    let (one, both) = (Recipients::Requester, Recipients::Both);
    let closed = catalog("").await;
    assert_eq!((own(&closed, one), peers(&closed, one)), (None, None));
    let result = Some("table.t.result".to_owned());
    assert_eq!(own(&closed, both), result);
    assert_eq!(peers(&closed, both), result);
    let open = catalog("result = 'both'").await;
    assert_eq!((own(&open, both), peers(&open, both)), (None, None));
    // This side may receive, the peer may not: neither alone nor together.
    let narrow = catalog("result = 'both'\nallowed_recipients = ['brand']").await;
    let recipients = Some("table.t.allowed_recipients".to_owned());
    assert_eq!(own(&narrow, one), None);
    assert_eq!(own(&narrow, both), recipients);
    assert_eq!(peers(&narrow, one), recipients);
    let asks = catalog("allowed_requesters = ['brand']").await;
    let requesters = Some("table.t.allowed_requesters".to_owned());
    assert_eq!((own(&asks, one), peers(&asks, one)), (None, requesters));
}

#[tokio::test]
async fn a_custom_table_answers_an_instance_and_says_of_which_template() {
    let text = format!("sql = 'SELECT COUNT(*) {FROM} WHERE brand.t.x >= :least'\n");
    let text = text + "parameters = { least = 'INTEGER' }\n";
    let digest = Template::read(&toml::from_str(&text).unwrap())
        .unwrap()
        .digest();
    let rules = format!(
        "rule = 'custom'\napproved_templates = ['{digest}']\n[table.t.template.least]\n{text}"
    );
    let custom = catalog(&rules).await;
    let instance = format!("SELECT COUNT(*) {FROM} WHERE brand.t.x >= 2");
    let plan = custom.plan_response(&instance, MEMBERS, 0).unwrap();
    assert_eq!(plan.side.template(), Some(digest.as_str()));
    assert_eq!(
        plan.side.rules(),
        [
            "table.t.rule",
            "table.t.key[1]",
            "table.t.approved_templates"
        ]
    );
    // As requester, this side's constant is hidden from the peer and judged here.
    let plan = custom.plan_request(&instance, MEMBERS).unwrap();
    assert_eq!(plan.side.template(), Some(digest.as_str()));
    assert!(plan.canonical.ends_with("brand.t.x >= $1"));
    for text in [
        instance.replace(">=", ">"),
        instance.replace(">= 2", ">= 2.5"),
        format!("{instance} AND brand.t.region = 'n'"),
    ] {
        let refusal = custom.plan_response(&text, MEMBERS, 0).err().unwrap();
        assert_eq!(refusal.code, Code::TemplateNotApproved, "{text}");
    }
    // The type of the column counts as well as that of the parameter.
    let words = rules.replace("brand.t.x", "brand.t.region");
    let digest = Template::read(&toml::from_str(&text.replace("t.x", "t.region")).unwrap())
        .unwrap()
        .digest();
    let old = rules.split('\'').nth(3).unwrap();
    let custom = catalog(&words.replace(old, &digest)).await;
    let instance = instance.replace("brand.t.x", "brand.t.region");
    let refusal = custom.plan_response(&instance, MEMBERS, 0).err().unwrap();
    assert_eq!(refusal.code, Code::QueryNotAccepted);
}

#[tokio::test]
async fn a_misspelled_column_that_is_never_to_be_shown_keeps_the_table_from_being_served() {
    let folder = Folder::new();
    folder.write("t.csv", "ID,region\n1,n\n");
    let load = |rules: &str| {
        folder_load(
            &folder,
            format!("[table.t]\nsource = 't.csv'\n{rules}\n{KEY}"),
        )
    };
    assert!(load("disallowed_outputs = ['Region']").await.is_clean());
    let report = load("disallowed_outputs = ['regoin']").await;
    assert_eq!(
        report.tables[0].problems[0].place,
        "table.t.disallowed_outputs"
    );
}

async fn folder_load(folder: &Folder, toml: String) -> crate::LoadReport {
    folder.try_load(&toml).await.unwrap().1
}
