use std::path::Path;

use psi_core::dp::Amount;
use psi_core::dp::{Delta, Epsilon};
use psi_core::facts::PrivacyFacts;
use psi_core::receipt::Body;
use psi_core::spec::{Agreement, AskedMode, Half, JobSpec, Loss, Party, Recipients};

use super::{amount, debit, debit_of, limits, recover};
use crate::config::NodeConfig;
use crate::identity::NodeKey;
use crate::receipts::tests::Fixture;
use crate::state::StateError;

/// A configuration with one table, under this name.
fn config(table: &str) -> NodeConfig {
    let text = format!(
        "name = \"n\"\nlisten = \"127.0.0.1:1\"\n\
         [table.{table}]\nsource = \"t.csv\"\npopulation = \"people\"\nruns = {{ day = 3 }}\n\
         [population.people]\nepsilon = 1\ndelta = 1e-6\n"
    );
    NodeConfig::parse(&text, Path::new("node.toml")).unwrap()
}

#[test]
fn a_table_has_its_limits_in_whatever_case_a_query_writes_it() {
    let config = config("Customers");
    for name in ["Customers", "customers", "CUSTOMERS"] {
        assert!(limits(&config, name, "shop").any(), "{name}");
    }
    assert!(!limits(&config, "orders", "shop").any());
}

#[test]
fn each_side_is_charged_for_its_own_table_and_a_stranger_for_none() {
    let fixture = Fixture::new();
    let job = fixture.job(1);
    let body = fixture.opened(&job);
    let halves = [&job.requester, &job.responder];
    for (own, peer) in [(halves[0], halves[1]), (halves[1], halves[0])] {
        let config = config(&own.facts.table.to_uppercase());
        let id = own.node_id;
        let debit = debit_of(&body, &id, &config).unwrap().unwrap();
        assert_eq!(debit.job_id, job.job_id());
        assert_eq!(
            (&debit.table, &debit.peer),
            (&own.facts.table, &peer.facts.member)
        );
        assert_eq!(debit.peer_id, peer.node_id);
        assert_eq!(debit.population.as_deref(), Some("people"));
    }
    let stranger = NodeKey::generate().unwrap().id();
    assert!(debit_of(&body, &stranger, &config("t")).is_err());
    let node_id = stranger;
    let text = "text".into();
    let statement = Body::Statement { node_id, text };
    assert_eq!(debit_of(&statement, &stranger, &config("t")).unwrap(), None);
}

#[test]
fn opened_jobs_without_a_debit_are_charged_at_start_and_only_once() {
    let fixture = Fixture::with_entries();
    let state = &fixture.state;
    let own = fixture.keys[0].id();
    let before = state.budget_history(9).unwrap();
    state.forget_debits();
    assert!(state.budget_history(9).unwrap().is_empty());
    for _ in 0..2 {
        recover(state, &own, &config("t")).unwrap();
        let ids = |debits: &[crate::state::StoredDebit]| {
            let mut ids: Vec<_> = debits.iter().map(|stored| stored.debit.job_id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(&state.budget_history(9).unwrap()), ids(&before));
    }
}

/// The fixture's job with epsilon 0.5, for both sides.
fn private_job(fixture: &Fixture) -> JobSpec {
    let exact = fixture.job(1);
    let private = |half: &Half| {
        let mut half = half.clone();
        half.facts.result_to_both = true;
        half.facts.privacy = Some(PrivacyFacts {
            sizes_configured: true,
            max_rows_per_identity: None,
            max_groups_per_identity: 1,
            epsilon_max: 500_000,
            delta_max: u64::MAX,
        });
        half
    };
    let agreement = Agreement {
        collab_id: exact.collab_id,
        revision: exact.revision,
        query: exact.query.clone(),
        hidden: exact.hidden.clone(),
        shape: exact.shape.clone(),
        recipients: Recipients::Both,
        mode: AskedMode::Dp(Loss {
            epsilon: Epsilon::from_micros(500_000).unwrap(),
            delta: Delta::one_in(1_000_000_000),
        }),
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let halves = (private(&exact.requester), private(&exact.responder));
    JobSpec::assemble(agreement, halves.0, halves.1).unwrap()
}

#[test]
fn a_job_with_noise_is_charged_for_what_the_other_node_sees() {
    let fixture = Fixture::new();
    let spec = private_job(&fixture);
    for party in [Party::Requester, Party::Responder] {
        let half = spec.half(party);
        let debit = debit(&spec, &half.node_id, &config(&half.facts.table)).unwrap();
        let of_spec = spec.debit(party).unwrap();
        assert_eq!(of_spec.micro_epsilon, 500_000, "{party:?}");
        assert_eq!(debit.amount, of_spec);
        assert_eq!(amount(&spec, party), of_spec);
        assert_eq!(amount(&fixture.job(1), party), Amount::ZERO);
    }
}

#[test]
fn a_job_is_reserved_once_and_its_budget_debited_once() {
    let fixture = Fixture::new();
    let (state, spec) = (&fixture.state, private_job(&fixture));
    let half = &spec.requester;
    let config = config(&half.facts.table);
    let debit = debit(&spec, &half.node_id, &config).unwrap();
    let limits = limits(&config, &debit.table, &debit.peer);
    let collab = fixture.collab.id();
    let reserve = || state.budget_reserve(&collab, &debit, &limits);
    reserve().unwrap().unwrap();
    let twice = reserve().unwrap_err();
    assert!(matches!(twice, StateError::JobReused), "{twice}");
    let held = state.budget_history(9).unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].debit.amount, debit.amount);
}
