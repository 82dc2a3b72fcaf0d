//! Who would learn what of a job, in words and in numbers. What `docs/security/leakage.md` says,
//! for one query. Only of nodes that follow the protocol.

use psi_core::spec::{Form, JobSpec, MatchSpec, Party};
use serde::{Deserialize, Serialize};

use super::counts::{cells, numbers};

/// What one side would learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learns {
    /// The member.
    pub member: String,
    /// Its node, and whoever controls that machine.
    pub node: Vec<String>,
    /// Whoever reads what the node shows.
    pub analyst: Vec<String>,
}

/// What `side` would learn.
pub(super) fn of(spec: &JobSpec, side: Party) -> Learns {
    Learns {
        member: spec.half(side).facts.member.clone(),
        node: node(spec, side),
        analyst: analyst(spec, side),
    }
}

fn node(spec: &JobSpec, side: Party) -> Vec<String> {
    let other = &spec.half(side.other()).facts;
    let mut says = vec![format!(
        "{}.{} registers {} identities, asks for a minimum of {}, and declares its key {}",
        other.member,
        other.table,
        other.identities,
        other.minimum,
        if other.key_unique {
            "unique"
        } else {
            "not unique"
        },
    )];
    if !other.groups.is_empty() {
        says.push(format!(
            "the labels of the {} groups of {}, and their registered sizes where they have some",
            other.group_count(),
            other.member
        ));
    }
    if !other.values.is_empty() {
        says.push(format!(
            "scale and bound of {} aggregated expressions of {}",
            other.values.len(),
            other.member
        ));
    }
    if side == Party::Responder {
        says.push(format!(
            "the query, in which {} literals are hidden",
            spec.hidden.len()
        ));
    }
    if let Form::Semi { outer } = spec.shape.form {
        let [outer, inner] = [outer, outer.other()].map(|side| &spec.half(side).facts);
        says.push(format!(
            "that rows of {}.{} are counted which have a match in {}.{}; how many matches a row has \
             changes nothing, and nobody learns it",
            outer.member, outer.table, inner.member, inner.table
        ));
    }
    for one in &spec.matches() {
        if one.receiver == side {
            receiver(spec, one, side, &mut says);
        } else {
            sender(spec, one, side, &mut says);
        }
    }
    says
}

fn receiver(spec: &JobSpec, one: &MatchSpec, side: Party, says: &mut Vec<String>) {
    if spec.shape.is_list() {
        let other = &spec.half(side.other()).facts;
        says.push(format!(
            "as Receiver of a LIST: WHICH of its own identifiers are in {}.{}, person by person; \
             also if they are fewer than the minimum of {}",
            other.member, other.table, spec.minimum
        ));
        return;
    }
    let parts = one.parts.len();
    let (kind, noise) = match spec.dp() {
        None => ("exact", String::new()),
        Some(terms) => (
            "noisy",
            format!(
                ", with up to {} dummies of the other side among the matches of each part",
                terms.dummies
            ),
        ),
    };
    let (each, counts) = if parts == 1 {
        (String::new(), format!("1 {kind} count"))
    } else {
        (
            format!(", for each of {parts} parts of its own list"),
            format!("{parts} {kind} counts"),
        )
    };
    says.push(format!(
        "as Receiver: which of {} anonymous positions of the other side match{each}{noise}; so \
         {counts}, also below the minimum of {}",
        one.sender_size, spec.minimum
    ));
    if numbers(one) > 0 {
        shares(spec, one, side, says);
    }
}

fn sender(spec: &JobSpec, one: &MatchSpec, side: Party, says: &mut Vec<String>) {
    if !spec.recipients.include(side) {
        says.push("as Sender: nothing of what matches".into());
        if spec.shape.is_list() {
            let other = &spec.half(side.other()).facts;
            says.push(format!(
                "that {} asks for a LIST, and so learns WHICH of its identifiers this side has",
                other.member
            ));
        }
        return;
    }
    let noisy = if spec.dp().is_some() {
        "count with the other side's noise"
    } else {
        "count"
    };
    says.push(format!(
        "as Sender and recipient: of {} part{} the {noisy}, if it is at least {}",
        one.parts.len(),
        if one.parts.len() == 1 { "" } else { "s" },
        spec.minimum
    ));
    if numbers(one) > 0 {
        shares(spec, one, side, says);
    }
}

fn shares(spec: &JobSpec, one: &MatchSpec, side: Party, says: &mut Vec<String>) {
    if spec.recipients.include(side) {
        let sums = numbers(one).saturating_mul(one.parts.len() as u64);
        let noisy = if spec.dp().is_some() {
            " with the other side's noise"
        } else {
            ""
        };
        says.push(format!(
            "as recipient: {sums} sums{noisy}, {} for each cell, from which the answer is computed",
            one.payload.components.len()
        ));
    } else {
        says.push("of the sums: nothing, its shares are random".into());
    }
}

fn analyst(spec: &JobSpec, side: Party) -> Vec<String> {
    if !spec.recipients.include(side) {
        return vec![
            "nothing of the answer: that the job took place, with its query and registered sizes"
                .into(),
        ];
    }
    if spec.shape.is_list() {
        let other = &spec.half(side.other()).facts;
        return vec![format!(
            "a LIST in a file: WHICH of its own identifiers {}.{} has, and how many, if they are at \
             least {}; else that there are fewer",
            other.member, other.table, spec.minimum
        )];
    }
    let rows = cells(spec);
    let (outputs, identities) = match spec.dp() {
        None => ("outputs", "identities"),
        Some(_) => ("noisy outputs", "identities by the noisy number"),
    };
    vec![format!(
        "{rows} row{} of the answer: {outputs} where a row rests on at least {} {identities}, \
         else that it is suppressed",
        if rows == 1 { "" } else { "s" },
        spec.minimum
    )]
}
