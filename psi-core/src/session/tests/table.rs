//! Tables with groups and values: the job that a query over two of them makes, its lists, and the
//! answer by plain arithmetic.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{JobLists, MemoryStore, SharedList};
use crate::facts::{Clamp, GroupFacts, LabelKind, PrivacyFacts, TableFacts, ValueFacts};
use crate::facts_fixture::facts;
use crate::identifier::{IdentifierKind, IdentityHasher};
use crate::session::opened::{OpenedMatch, OpenedPart};
use crate::spec::{
    Agreement, AskedMode, CollabId, ComponentKind, Form, Half, JobSpec, MatchSpec, Party,
    Recipients, RevisionHash, Shape, SideShape, ValueShape,
};
use crate::store::RecordStore as _;

/// One row; keys are unique.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The group, `groups - 1` for `other`.
    pub(super) group: usize,
    /// One for each aggregated column.
    pub(super) values: Vec<Option<i64>>,
}

/// One side: its table, and what it declared.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<u32, Row>,
    pub(super) identities: u64,
    /// The registered size of each group; empty if the query has no group of this table.
    pub(super) groups: Vec<u64>,
    /// What is asked of each column, and whether it is nullable.
    pub(super) columns: Vec<(ValueShape, bool)>,
    pub(super) minimum: u64,
}

/// No value of a test is larger.
pub(super) const VALUE_MAX: i64 = 1000;

impl Table {
    fn shape(&self) -> SideShape {
        SideShape {
            groups: u32::from(!self.groups.is_empty()),
            values: self.columns.iter().map(|(asked, _)| *asked).collect(),
        }
    }

    fn half(&self, member: &str, mode: AskedMode) -> Half {
        let is_private = mode != AskedMode::Exact;
        let clamp = Clamp {
            low: -VALUE_MAX,
            high: VALUE_MAX,
        };
        let value = |(_, nullable): &(ValueShape, bool)| ValueFacts {
            whole: true,
            decimals: 0,
            nullable: *nullable,
            clamp: is_private.then_some(clamp),
            sum_bound: VALUE_MAX.unsigned_abs(),
            squares_bound: VALUE_MAX.unsigned_abs().pow(2),
        };
        let group = (!self.groups.is_empty()).then(|| GroupFacts {
            labels: LabelKind::Integer,
            values: (1..self.groups.len()).map(|n| n.to_string()).collect(),
            identities: self.groups.clone(),
        });
        Half {
            node_id: [u8::try_from(member.len()).unwrap(); 32].into(),
            nonce: [7; 32].into(),
            facts: TableFacts {
                owner_may_receive: true,
                groups: group.into_iter().collect(),
                values: self.columns.iter().map(value).collect(),
                privacy: is_private.then_some(PRIVACY),
                ..facts(member, self.identities, self.minimum)
            },
        }
    }

    /// The number of this side's groups, 1 without any.
    fn group_count(&self) -> usize {
        self.groups.len().max(1)
    }

    fn group_of(&self, row: &Row) -> usize {
        if self.groups.is_empty() { 0 } else { row.group }
    }

    fn digest(person: u32) -> [u8; 32] {
        let mut hasher = IdentityHasher::new(&[IdentifierKind::Text]);
        let name = format!("person-{person}");
        hasher.digest([Some(name.as_str())]).unwrap()
    }

    /// The people of each part as Receiver, after the small-part rule of exact mode.
    fn parts(&self, minimum: u64) -> Vec<Vec<u32>> {
        let mut parts = vec![Vec::new(); self.group_count()];
        for (person, row) in &self.rows {
            parts[self.group_of(row)].push(*person);
        }
        for part in &mut parts {
            if (part.len() as u64) < minimum {
                part.clear();
            }
        }
        parts
    }

    /// The people that take part as Sender of a match, after the small-part rule, which is decided
    /// once if this side is Receiver of the other match.
    fn senders(&self, minimum: u64, also_receiver: bool) -> Vec<u32> {
        let people: Vec<u32> = if also_receiver {
            self.parts(minimum).concat()
        } else {
            self.rows.keys().copied().collect()
        };
        if (people.len() as u64) < minimum {
            return Vec::new();
        }
        people
    }

    /// The payload of a person: one block for each of this side's groups.
    fn payload(&self, of: &MatchSpec, person: u32) -> Vec<i64> {
        let row = &self.rows[&person];
        let mut payload = Vec::new();
        for group in 0..usize::try_from(of.payload.groups).unwrap() {
            let here = group == self.group_of(row);
            let value = |index: u32| row.values[index as usize].filter(|_| here);
            for component in &of.payload.components {
                payload.push(match component.kind {
                    ComponentKind::Identities | ComponentKind::Rows => i64::from(here),
                    ComponentKind::Count(index) => i64::from(value(index).is_some()),
                    ComponentKind::Sum(index) => value(index).unwrap_or(0),
                    ComponentKind::Squares(index) => value(index).unwrap_or(0).pow(2),
                });
            }
        }
        payload
    }
}

/// The specification of a question over two tables, in exact mode.
pub(super) fn spec_of(
    requester: &Table,
    responder: &Table,
    recipients: Recipients,
) -> Result<JobSpec, crate::Error> {
    spec_in(AskedMode::Exact, requester, responder, recipients)
}

/// What both tables of a test declare for jobs with noise.
const PRIVACY: PrivacyFacts = PrivacyFacts {
    sizes_configured: true,
    max_rows_per_identity: None,
    max_groups_per_identity: 1,
    epsilon_max: 10_000_000,
    delta_max: 1 << 50,
};

/// [`spec_of`] in any mode.
pub(super) fn spec_in(
    mode: AskedMode,
    requester: &Table,
    responder: &Table,
    recipients: Recipients,
) -> Result<JobSpec, crate::Error> {
    let agreement = Agreement {
        collab_id: CollabId([1; 32]),
        revision: RevisionHash([5; 32]),
        query: "SELECT SUM(x)".into(),
        hidden: Vec::new(),
        shape: Shape {
            form: Form::Join,
            rows: true,
            requester: requester.shape(),
            responder: responder.shape(),
        },
        recipients,
        mode,
        requester_may_receive: true,
        responder_may_receive: true,
    };
    let (requester, responder) = (requester.half("one", mode), responder.half("other", mode));
    JobSpec::assemble(agreement, requester, responder)
}

/// The lists of one side, for each of its roles.
pub(super) fn lists(spec: &JobSpec, own: Party, table: &Table) -> JobLists {
    let mut lists = JobLists::default();
    let matches = spec.matches();
    let receives = matches.iter().any(|of| of.receiver == own);
    // With noise no part is replaced.
    let minimum = if spec.dp().is_some() { 0 } else { spec.minimum };
    for of in &matches {
        if of.receiver == own {
            let parts = table.parts(minimum);
            lists.parts = Some(
                parts
                    .iter()
                    .map(|part| list(part, 0, |_| Vec::new()))
                    .collect(),
            );
        } else {
            let people = table.senders(minimum, receives);
            let width = usize::try_from(of.payload.width()).unwrap();
            lists.positions = Some(list(&people, width, |person| table.payload(of, person)));
        }
    }
    lists
}

fn list(people: &[u32], width: usize, payload: impl Fn(u32) -> Vec<i64>) -> SharedList {
    let mut writer = MemoryStore.unsorted(32 + 8 * width).unwrap();
    for person in people {
        let payload = payload(*person);
        let numbers = payload.iter().flat_map(|number| number.to_be_bytes());
        let record: Vec<u8> = Table::digest(*person).into_iter().chain(numbers).collect();
        writer.push(&record).unwrap();
    }
    Arc::from(writer.finish().unwrap())
}

/// What a plain join says is released of each match.
pub(super) fn plain(spec: &JobSpec, requester: &Table, responder: &Table) -> Vec<OpenedMatch> {
    let of_party = |party| match party {
        Party::Requester => requester,
        Party::Responder => responder,
    };
    let matches = spec.matches();
    let both_send = matches.len() == 2;
    let of_match = |of: &MatchSpec| {
        let (receiver, sender) = (of_party(of.receiver), of_party(of.receiver.other()));
        let sending = sender.senders(spec.minimum, both_send);
        let part = |people: Vec<u32>| {
            let joined: Vec<u32> = sending
                .iter()
                .copied()
                .filter(|person| people.contains(person))
                .collect();
            if (joined.len() as u64) < spec.minimum {
                return None;
            }
            Some(plain_part(spec, of, sender, &joined))
        };
        OpenedMatch {
            parts: receiver.parts(spec.minimum).into_iter().map(part).collect(),
        }
    };
    matches.iter().map(of_match).collect()
}

fn plain_part(spec: &JobSpec, of: &MatchSpec, sender: &Table, joined: &[u32]) -> OpenedPart {
    let kinds = &of.payload.components;
    let width = kinds.len();
    let mut sums = vec![0; usize::try_from(of.payload.width()).unwrap()];
    for person in joined {
        for (sum, number) in sums.iter_mut().zip(sender.payload(of, *person)) {
            *sum += number;
        }
    }
    let identities = of.payload.find(ComponentKind::Identities);
    let Some(identities) = identities else {
        return OpenedPart {
            count: joined.len() as u64,
            components: sums,
        };
    };
    for block in sums.chunks_mut(width) {
        if block[identities] < spec.minimum.cast_signed() {
            block.fill(0);
        }
    }
    OpenedPart {
        count: 0,
        components: sums,
    }
}
