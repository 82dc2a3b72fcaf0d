use psi_core::facts::{GroupFacts, LabelKind, TableFacts, ValueFacts};
use psi_core::spec::{
    Agreement, CollabId, Form, Half, JobSpec, LiteralCommitment, Party, Shape, SideShape,
    ValueShape,
};

use super::counts::{cells, numbers};
use super::{learns, match_outline};
use crate::facts_fixture::{agreement, facts};

fn half(node: u8, member: &str, identities: u64) -> Half {
    Half {
        node_id: [node; 32].into(),
        nonce: [0; 32].into(),
        facts: TableFacts {
            result_to_both: false,
            ..facts(member, identities, 10)
        },
    }
}

fn assemble(shape: Shape, requester: Half, responder: Half) -> JobSpec {
    let agreement = Agreement {
        hidden: vec![LiteralCommitment([0; 64])],
        responder_may_receive: false,
        ..agreement(CollabId([1; 32]), "SELECT …", shape)
    };
    JobSpec::assemble(agreement, requester, responder).unwrap()
}

#[test]
fn a_count_tells_the_receivers_node_one_number_and_the_other_side_none() {
    let spec = assemble(
        Shape::count_rows(),
        half(1, "anna", 5000),
        half(2, "bert", 7000),
    );
    let anna = learns::of(&spec, Party::Requester);
    let text = anna.node.join("; ");
    assert!(text.contains("7000 anonymous positions"), "{text}");
    assert!(text.contains("1 exact count,"), "{text}");
    assert!(text.contains("below the minimum of 10"), "{text}");
    assert!(
        anna.analyst[0].starts_with("1 row of the answer"),
        "{anna:?}"
    );
    let bert = learns::of(&spec, Party::Responder);
    let text = bert.node.join("; ");
    assert!(text.contains("1 literals are hidden"), "{text}");
    assert!(text.contains("nothing of what matches"), "{text}");
    assert!(
        bert.analyst[0].starts_with("nothing of the answer"),
        "{bert:?}"
    );
}

#[test]
fn sums_by_groups_are_counted_in_parts_cells_and_numbers() {
    let mut requester = half(1, "anna", 5000);
    requester.facts.groups = vec![GroupFacts {
        labels: LabelKind::Text,
        values: vec!["north".into(), "south".into()],
        identities: vec![3000, 2000, 100],
    }];
    let mut responder = half(2, "bert", 7000);
    responder.facts.values = vec![ValueFacts {
        whole: true,
        decimals: 0,
        nullable: true,
        clamp: None,
        sum_bound: 1024,
        squares_bound: 1,
    }];
    let shape = Shape {
        rows: false,
        form: Form::Join,
        requester: SideShape {
            groups: 1,
            values: Vec::new(),
        },
        responder: SideShape {
            groups: 0,
            values: vec![ValueShape {
                count: false,
                sum: true,
                squares: false,
            }],
        },
    };
    let spec = assemble(shape, requester, responder);
    let one = &spec.matches()[0];
    let outline = match_outline(&spec, one);
    assert_eq!((outline.receiver.as_str(), outline.parts), ("anna", 3));
    assert_eq!(outline.receiver_size, spec.receiver_size());
    assert_eq!(cells(&spec), 3);
    let text = learns::of(&spec, Party::Requester).node.join("; ");
    let sums = format!("{} sums", numbers(one) * 3);
    assert!(
        text.contains("3 exact counts") && text.contains(&sums),
        "{text}"
    );
}
