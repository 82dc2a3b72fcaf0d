//! The specifications of the jobs that are replayed.

use psi_core::facts::{Clamp, GroupFacts, LabelKind, PrivacyFacts, TableFacts, ValueFacts};
use psi_core::identifier::IdentifierKind;
use psi_core::seed::Purpose;
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Form, Half, JobSpec, LiteralCommitment, Party, Recipients,
    RevisionHash, Shape, SideShape, ValueShape,
};
use sha2::{Digest as _, Sha512};

use super::pair::{Job, LITERAL, draw, salt};

/// The upper end of every clamp, and the amount that no sum exceeds.
pub(super) const BOUND: u64 = 1000;
/// The lower end of every clamp.
pub(super) const LOW: i64 = -500;
/// The most rows of one person, where people have several.
pub(super) const ROWS: u64 = 4;
/// The most groups that one person is counted in, of the three that there are, in mode `dp`.
pub(super) const GROUPS: u32 = 2;

const IDENTITIES: u64 = 60;

/// What both sides agree on for such a job.
pub(super) fn spec(job: Job, mode: AskedMode) -> JobSpec {
    let asked = ValueShape {
        count: false,
        sum: true,
        squares: false,
    };
    let side = |own| SideShape {
        groups: u32::from(has_groups(job, own)),
        values: has_values(job, own).then_some(asked).into_iter().collect(),
    };
    let agreement = Agreement {
        collab_id: CollabId([9; 32]),
        query: "SELECT ...".into(),
        hidden: vec![LiteralCommitment(
            Sha512::digest([salt().as_bytes().as_slice(), LITERAL.as_bytes()].concat()).into(),
        )],
        shape: Shape {
            rows: [Job::Count, Job::Groups, Job::UniqueGroups].contains(&job),
            form: if job == Job::List {
                Form::List
            } else {
                Form::Join
            },
            requester: side(Party::Requester),
            responder: side(Party::Responder),
        },
        recipients: match job {
            Job::Sum | Job::List | Job::Groups | Job::UniqueGroups => Recipients::Requester,
            Job::Count | Job::TwoMatches => Recipients::Both,
        },
        mode,
        revision: RevisionHash([8; 32]),
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let half = |own, member: &str| Half {
        node_id: [u8::try_from(member.len()).unwrap(); 32].into(),
        nonce: draw(own, Purpose::Nonce).into(),
        facts: facts(job, mode, own, member),
    };
    let anna = half(Party::Requester, "anna");
    let bert = half(Party::Responder, "robert");
    JobSpec::assemble(agreement, anna, bert).unwrap()
}

fn has_groups(job: Job, own: Party) -> bool {
    own == Party::Responder && matches!(job, Job::Groups | Job::UniqueGroups)
}

fn has_values(job: Job, own: Party) -> bool {
    match job {
        Job::Count | Job::List => false,
        Job::Sum | Job::Groups | Job::UniqueGroups => own == Party::Responder,
        Job::TwoMatches => true,
    }
}

fn facts(job: Job, mode: AskedMode, own: Party, member: &str) -> TableFacts {
    let repeats = job == Job::Groups && own == Party::Responder;
    let high = i64::try_from(BOUND).unwrap();
    let value = ValueFacts {
        whole: true,
        decimals: 0,
        nullable: has_groups(job, own),
        clamp: Some(Clamp { low: LOW, high }),
        sum_bound: BOUND,
        squares_bound: 1,
    };
    let group = GroupFacts {
        labels: LabelKind::Text,
        values: vec!["north".into(), "south".into()],
        identities: if repeats {
            Vec::new()
        } else {
            vec![IDENTITIES; 3]
        },
    };
    let privacy = PrivacyFacts {
        sizes_configured: true,
        max_rows_per_identity: repeats.then_some(ROWS),
        max_groups_per_identity: if repeats { GROUPS } else { 1 },
        epsilon_max: 1_000_000,
        delta_max: u64::MAX,
    };
    TableFacts {
        member: member.into(),
        table: "customers".into(),
        key_columns: vec!["name".into()],
        key_kinds: vec![IdentifierKind::Text],
        key_unique: !repeats,
        identities: IDENTITIES,
        minimum: 5,
        prefer_receiver: false,
        owner_may_receive: true,
        result_to_both: true,
        rows_bound: if repeats { ROWS } else { 1 },
        privacy: (mode != AskedMode::Exact).then_some(privacy),
        groups: has_groups(job, own).then_some(group).into_iter().collect(),
        values: has_values(job, own).then_some(value).into_iter().collect(),
    }
}
