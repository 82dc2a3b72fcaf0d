use std::path::Path;

use psi_core::Code;
use psi_core::dp::{Delta, Epsilon};
use psi_core::facts::{PrivacyFacts, TableFacts};
use psi_core::spec::{AskedMode, Loss};

use super::{DELTA_DEFAULT, EPSILON_DEFAULT, Spend, check_mode, check_own};
use crate::collab::{Collaboration, Mode};
use crate::config::NodeConfig;
use crate::exit::Exit;
use crate::fixture::signed;
use crate::receipts::tests::Fixture;

fn collabs() -> [Collaboration; 2] {
    let (exact, _) = signed();
    let dp = exact.clone().with_mode(Mode::Dp);
    [exact, dp]
}

fn facts(epsilon_max: u64, delta_max: u64) -> TableFacts {
    let mut facts = Fixture::new().job(1).requester.facts;
    facts.privacy = Some(PrivacyFacts {
        sizes_configured: true,
        max_rows_per_identity: None,
        max_groups_per_identity: 1,
        epsilon_max,
        delta_max,
    });
    facts
}

fn loss(epsilon: u64, delta: u64) -> AskedMode {
    AskedMode::Dp(Loss {
        epsilon: Epsilon::from_micros(epsilon).unwrap(),
        delta: Delta(delta),
    })
}

fn spend(epsilon: u64) -> Spend {
    Spend {
        epsilon: Some(epsilon),
        delta: None,
    }
}

#[test]
fn a_question_that_names_no_epsilon_asks_for_little_and_never_for_more_than_is_allowed() {
    let [exact, dp] = collabs();
    let asked = |spend: Spend, facts: &TableFacts| spend.asked(&dp, facts).unwrap();
    let roomy = facts(1_000_000, 1 << 40);
    assert_eq!(
        asked(Spend::default(), &roomy),
        loss(EPSILON_DEFAULT, DELTA_DEFAULT)
    );
    assert_eq!(asked(Spend::default(), &facts(7, 9)), loss(7, 9));
    // A value that is named is proposed unchanged; other code decides whether it is allowed.
    assert_eq!(
        asked(spend(2_000_000), &roomy),
        loss(2_000_000, DELTA_DEFAULT)
    );
    let beyond = spend(17_000_000).asked(&dp, &roomy).unwrap_err();
    assert_eq!(beyond.exit(), Exit::BadInput);

    assert_eq!(
        Spend::default().asked(&exact, &roomy).unwrap(),
        AskedMode::Exact
    );
    let nothing_to_spend = spend(1).asked(&exact, &roomy).unwrap_err();
    assert_eq!(nothing_to_spend.exit(), Exit::BadInput);
    assert!(nothing_to_spend.remedy().contains("revision"));
}

#[test]
fn a_proposal_has_the_mode_of_the_collaboration() {
    let [exact, dp] = collabs();
    check_mode(&exact, AskedMode::Exact).unwrap();
    check_mode(&dp, loss(1, 1)).unwrap();
    for (collab, asked) in [(&exact, loss(1, 1)), (&dp, AskedMode::Exact)] {
        let failure = check_mode(collab, asked).unwrap_err();
        assert_eq!(failure.code(), Code::SpecMismatch);
    }
}

#[test]
fn the_own_table_decides_what_one_job_may_ask_for_and_needs_an_account() {
    let config = |population: &str| {
        let text = format!(
            "name = \"n\"\nlisten = \"127.0.0.1:1\"\n[table.t]\nsource = \"t.csv\"\n{population}\
             [population.p]\nepsilon = 1\ndelta = 1e-6\n"
        );
        NodeConfig::parse(&text, Path::new("node.toml")).unwrap()
    };
    let (with, without) = (config("population = \"p\"\n"), config(""));
    let facts = facts(100, 10);
    let judge = |asked, config: &NodeConfig| {
        let section = config.table.get("t");
        check_own(asked, &facts, section, 0.0).map_err(|failure| failure.code())
    };
    let least = check_own(loss(100, 10), &facts, with.table.get("t"), 0.0002);
    assert_eq!(least.map_err(|f| f.code()), Err(Code::EpsilonNotAllowed));
    assert_eq!(judge(loss(100, 10), &with), Ok(()));
    let refused = Err(Code::EpsilonNotAllowed);
    assert_eq!(judge(loss(101, 10), &with), refused);
    assert_eq!(judge(loss(100, 11), &with), refused);
    // Also where the job would cost this side nothing.
    assert_eq!(judge(loss(1, 1), &without), Err(Code::BudgetExhausted));
    assert_eq!(judge(AskedMode::Exact, &without), Ok(()));
}
