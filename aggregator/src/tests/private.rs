//! Jobs with differential privacy: facts without anything that was measured, and what is used of an
//! identity.

use std::fmt::Write as _;
use std::sync::Arc;

use psi_core::Code;
use psi_core::dp::{Delta, Epsilon};
use psi_core::facts::TableFacts;
use psi_core::progress::Silent;
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Half, JobSpec, Loss, Party, Recipients, RevisionHash, Shape,
};
use psi_core::store::MemoryStore;

use super::pipeline::records;
use crate::testing::{Folder, MEMBERS, MEMBERS_OF_PEER};
use crate::{Catalog, RequestPlan, ResponsePlan, RowKey};

/// `brand.t`: two people, fewer than the minimum.
const CUSTOMERS: &str = "
    [table.t]
    source = 't.csv'
    minimum = 5
    epsilon_max = 2
    delta_max = 1e-6
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    unique = true
    identities = 10
";

/// `snowy.t`: orders of customers in three months; the key repeats.
const ORDERS: &str = "
    [table.t]
    source = 't.csv'
    owner_may_receive = true
    dimension = { 'month(day)' = [1, 2, 3] }
    epsilon_max = 0.5
    delta_max = 1e-6
    max_rows_per_identity = 4
    max_groups_per_identity = 2
    [[table.t.key]]
    columns = ['id']
    kinds = ['int']
    identities = 20
    [table.t.aggregate.items]
    functions = ['count', 'sum', 'avg']
    clamp = [1, 5]
    [table.t.aggregate.weight]
    functions = ['count', 'sum']
";

const BY_MONTH: &str = "SELECT MONTH(o.day), COUNT(*), SUM(o.items) FROM brand.t AS c \
                        JOIN snowy.t AS o ON c.id = o.id GROUP BY MONTH(o.day)";

async fn world(orders: &str) -> (Catalog, Catalog, [Folder; 2]) {
    let folders = [Folder::new(), Folder::new()];
    folders[0].write("t.csv", "id\n1\n2\n");
    let mut rows = String::from("id,day,items,weight\n");
    for (id, month, count) in [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 2, 2), (3, 1, 7)] {
        for day in 1..=count {
            writeln!(rows, "{id},2025-0{month}-0{day},1,{day}").unwrap();
        }
    }
    folders[1].write("t.csv", &rows);
    let catalogs = (
        folders[0].load(CUSTOMERS).await,
        folders[1].load(orders).await,
    );
    (catalogs.0, catalogs.1, folders)
}

fn plans(customers: &Catalog, orders: &Catalog, sql: &str) -> (RequestPlan, ResponsePlan) {
    let request = customers.plan_request(sql, MEMBERS).unwrap();
    let response = orders
        .plan_response(&request.canonical, MEMBERS_OF_PEER, 0)
        .unwrap();
    (request, response)
}

fn assemble(shape: Shape, requester: TableFacts, responder: TableFacts) -> JobSpec {
    let agreement = Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([1; 32]),
        query: "q".to_owned(),
        hidden: Vec::new(),
        shape,
        recipients: Recipients::Requester,
        mode: AskedMode::Dp(Loss {
            epsilon: Epsilon::from_micros(500_000).unwrap(),
            delta: Delta::one_in(1_000_000_000),
        }),
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let half = |node: u8, facts| Half {
        node_id: [node; 32].into(),
        nonce: [node; 32].into(),
        facts,
    };
    JobSpec::assemble(agreement, half(1, requester), half(2, responder)).unwrap()
}

/// Three words for each month and for `other`, of each identity: identities, rows, sum of items.
async fn frozen(key: [u8; 32]) -> Vec<Vec<i64>> {
    let (customers, orders, _folders) = world(ORDERS).await;
    let (request, response) = plans(&customers, &orders, BY_MONTH);
    let facts = (
        request.private_facts.unwrap(),
        response.private_facts.unwrap(),
    );
    let spec = assemble(request.output.shape.clone(), facts.0, facts.1);
    assert_eq!(spec.receiver, Party::Requester);
    let freeze = |catalog: Catalog, side, own| {
        let spec = spec.clone();
        async move {
            let (store, progress) = (Arc::new(MemoryStore), Arc::new(Silent));
            let key = Some(RowKey::new(key));
            let input = catalog.freeze_job(&side, &spec, own, key, store, progress);
            input.await.unwrap()
        }
    };
    let receiver = freeze(customers, request.side, Party::Requester).await;
    // Two people, and a minimum of five: nothing is replaced.
    assert_eq!(receiver.parts.unwrap()[0].len(), 2);
    let sender = freeze(orders, response.side, Party::Responder).await;
    let payload = sender.payload.unwrap();
    assert_eq!(payload.len(), 3);
    let words = |record: &Vec<u8>| -> Vec<i64> {
        let words = record[32..].chunks(8);
        words
            .map(|word| i64::from_be_bytes(word.try_into().unwrap()))
            .collect()
    };
    records(payload.as_ref()).iter().map(words).collect()
}

#[tokio::test]
async fn no_identity_is_used_with_more_groups_or_rows_than_declared_and_a_key_draws_which() {
    let mut seen = std::collections::BTreeSet::new();
    for key in 0..12 {
        let payload = frozen([key; 32]).await;
        assert_eq!(payload, frozen([key; 32]).await, "key {key}");
        for words in &payload {
            // Identities, rows, non-null rows and sum for each of four groups.
            let of = |component: usize| words.iter().skip(component).step_by(4);
            assert!(of(0).sum::<i64>() <= 2, "{words:?}");
            assert!(of(1).sum::<i64>() <= 4, "{words:?}");
            assert!(
                of(1)
                    .zip(of(0))
                    .all(|(rows, has)| (*rows > 0) == (*has > 0) || *has == 1)
            );
        }
        let mut rows: Vec<i64> = payload
            .iter()
            .map(|words| words.iter().skip(1).step_by(4).sum())
            .collect();
        rows.sort_unstable();
        // Nine rows in three months, seven in one, and two, which are all used.
        assert_eq!(rows, [2, 4, 4]);
        seen.insert(payload);
    }
    assert!(seen.len() > 3, "{} choices of rows", seen.len());
}

#[tokio::test]
async fn facts_come_from_configuration_alone() {
    let (customers, orders, _folders) = world(ORDERS).await;
    let (request, response) = plans(&customers, &orders, BY_MONTH);
    assert_eq!(request.facts.privacy, None);
    let facts = response.private_facts.unwrap();
    facts.validate().unwrap();
    assert!(facts.values[0].nullable && !response.facts.values[0].nullable);
    assert_eq!((facts.rows_bound, response.facts.rows_bound), (4, 16));
    assert!(facts.groups[0].identities.is_empty());
    let privacy = facts.privacy.unwrap();
    assert_eq!(
        (privacy.epsilon_max, privacy.delta_max),
        (500_000, 18_446_744_073_709)
    );
    assert_eq!(privacy.max_groups_per_identity, 2);
}

#[tokio::test]
async fn what_is_not_declared_is_refused_to_its_owner_with_the_setting() {
    let expressions = BY_MONTH.replace("SUM(o.items)", "SUM(o.weight)");
    for (sql, gone, code, rule) in [
        (
            BY_MONTH,
            "epsilon_max = 0.5",
            Code::EpsilonNotAllowed,
            "table.t.epsilon_max",
        ),
        (
            BY_MONTH,
            "identities = 20",
            Code::SizeNotConfigured,
            "table.t.identities",
        ),
        (
            BY_MONTH,
            "max_rows_per_identity = 4",
            Code::ClampRequired,
            "table.t.max_rows_per_identity",
        ),
        (&expressions, "", Code::ClampRequired, "table.t.aggregate"),
    ] {
        let (customers, orders, _folders) = world(&ORDERS.replace(gone, "")).await;
        let (_, response) = plans(&customers, &orders, sql);
        let refusal = response.private_facts.unwrap_err();
        assert_eq!((refusal.code, refusal.rule.as_str()), (code, rule));
    }
}
