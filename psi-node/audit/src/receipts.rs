//! Receipt logs outside the state: the file that members give to auditors (Spec 07 §9).
//!
//! JSON Lines. The first line holds the signed revisions of the collaboration's document, each
//! further line one entry, the last one the exporting node's signature over how many entries there
//! are. Every line of an entry holds it twice: as the hexadecimal bytes that both members signed, and
//! as fields for people; verification makes the fields from the bytes again and compares. The lines
//! are made here, for the node that exports and for [`verify`], which reads them.

pub mod verify;

use psi_core::dp::Amount;
use psi_core::receipt::log::StoredEntry;
use psi_core::receipt::{Body, Entry, EntryHash, Signature};
use psi_core::spec::{
    DpTerms, Form, Half, JobSpec, Loss, MatchSpec, NodeId, NoiseTerms, PartSize, Party, Recipients,
};
use serde_json::{Value, json};

use crate::collab::{CollabId, Collaboration};
use crate::output::set_field;

/// Names the format in the first line.
pub const FORMAT: &str = "glovebox-receipts-1";

/// The first line: all revisions that the member has joined, the first one first.
#[must_use]
pub fn collaboration_line(id: &CollabId, revisions: &[Collaboration]) -> Value {
    let documents: Vec<String> = revisions.iter().map(Collaboration::to_toml).collect();
    json!({
        "type": "collaboration",
        "format": FORMAT,
        "id": hex::encode(id),
        "documents": documents,
    })
}

/// The line of one entry. Shown by `receipts show` too.
#[must_use]
pub fn entry_line(collab: &Collaboration, stored: &StoredEntry, entry: &Entry) -> Value {
    let signatures = collab.members().iter().zip(&stored.signatures);
    let signatures: serde_json::Map<String, Value> = signatures
        .map(|(member, signature)| (member.name.clone(), json!(signature.map(hex::encode))))
        .collect();
    json!({
        "type": "entry",
        "seq": entry.seq,
        "entry": hex::encode(&stored.entry),
        "hash": hex::encode(stored.hash),
        "signatures": signatures,
        "says": says(collab, entry),
    })
}

/// The last line: `member` attests that its log has this many entries and ends in this one.
#[must_use]
pub fn end_line(member: &str, entries: u64, head: &EntryHash, signature: &Signature) -> Value {
    json!({
        "type": "end",
        "entries": entries,
        "head": hex::encode(head),
        "member": member,
        "signature": hex::encode(signature),
    })
}

/// What the last line's signature covers:
/// `"psi/v1/export" || collaboration id || number of entries || hash of the last entry` (zero for
/// an empty log).
#[must_use]
pub fn end_text(collab_id: &CollabId, entries: u64, head: &EntryHash) -> Vec<u8> {
    [
        b"psi/v1/export".as_slice(),
        collab_id.as_bytes(),
        &entries.to_be_bytes(),
        head.as_bytes(),
    ]
    .concat()
}

/// What an entry says, as fields for people. Made from the signed bytes alone.
#[must_use]
pub fn says(collab: &Collaboration, entry: &Entry) -> Value {
    let previous = hex::encode(entry.previous);
    match &entry.body {
        Body::Opened {
            spec,
            agreements,
            commitments,
            policies,
            charges,
        } => json!({
            "kind": "opened",
            "previous": previous,
            // An entry that decoded holds a specification that decodes.
            "job": JobSpec::decode(spec).ok().map(|spec| job(&spec)),
            "agreements": {
                "requester": hex::encode(agreements[0]),
                "responder": hex::encode(agreements[1]),
            },
            "commitments": {
                "requester": hex::encode(commitments[0]),
                "responder": hex::encode(commitments[1]),
            },
            "policies": {
                "requester": hex::encode(policies[0]),
                "responder": hex::encode(policies[1]),
            },
            "charges": {
                "requester": charge(&charges[0]),
                "responder": charge(&charges[1]),
            },
        }),
        Body::Closed {
            job_id,
            status,
            code,
            output_commitment,
            transcripts,
        } => json!({
            "kind": "closed",
            "previous": previous,
            "job_id": hex::encode(job_id),
            "status": status.as_str(),
            "code": code.map(psi_core::Code::as_str),
            "output_commitment": output_commitment.map(hex::encode),
            "transcripts": transcripts.as_ref().map(|transcripts| json!({
                "to_sender": hex::encode(transcripts.to_sender),
                "to_receiver": hex::encode(transcripts.to_receiver),
            })),
        }),
        Body::Statement { node_id, text } => json!({
            "kind": "statement",
            "previous": previous,
            "by": name_of(collab, node_id),
            "text": text,
        }),
        Body::Refused {
            requester,
            responder,
            query,
            code,
        } => json!({
            "kind": "refused",
            "previous": previous,
            "requester": name_of(collab, requester),
            "responder": name_of(collab, responder),
            "query_digest": hex::encode(query),
            "status": "refused",
            "code": code.as_str(),
        }),
    }
}

fn name_of<'a>(collab: &'a Collaboration, node_id: &NodeId) -> Option<&'a str> {
    let mut members = collab.members().iter();
    let member = members.find(|member| member.id == *node_id);
    member.map(|member| member.name.as_str())
}

/// Epsilon in millionths, delta in units of 2^-64.
fn charge(charge: &Amount) -> Value {
    json!({"epsilon_micro": charge.micro_epsilon, "delta_2_64": charge.delta_units})
}

/// What a receipt says a list is, loudly: it is the one answer that names persons.
pub const LIST: &str = "LIST: the requester learns which of its own identifiers match";

/// What the job answers.
const fn answers(form: Form) -> &'static str {
    match form {
        Form::List => LIST,
        Form::Join => "aggregates",
        Form::Semi {
            outer: Party::Requester,
        } => "aggregates of the requester's rows that have a match (EXISTS)",
        Form::Semi {
            outer: Party::Responder,
        } => "aggregates of the responder's rows that have a match (EXISTS)",
    }
}

fn job(spec: &JobSpec) -> Value {
    let mut job = json!({
        "job_id": hex::encode(spec.job_id()),
        "revision": hex::encode(spec.revision),
        "query": spec.query,
        "hidden_literals": spec.hidden.len(),
        "counts": if spec.shape.rows { "rows" } else { "identities" },
        "answers": answers(spec.shape.form),
        "recipients": match spec.recipients {
            Recipients::Requester => "requester",
            Recipients::Both => "both",
        },
        "receiver": party(spec.receiver),
        "minimum": spec.minimum,
        "receiver_size": spec.receiver_size(),
        "sender_size": spec.sender_size,
        "requester": half(&spec.requester),
        "responder": half(&spec.responder),
    });
    if !spec.is_single_count() {
        let matches: Vec<Value> = spec.matches().iter().map(one_match).collect();
        set_field(&mut job, "matches", Value::from(matches));
    }
    if let Some(terms) = spec.dp() {
        set_field(&mut job, "privacy", privacy(terms));
    }
    job
}

/// The parameters of noise (Spec 12 §2).
fn privacy(terms: &DpTerms) -> Value {
    let loss = |loss: &Loss| {
        charge(&Amount {
            micro_epsilon: loss.epsilon.micros(),
            delta_units: loss.delta.0,
        })
    };
    let noise = |terms: &NoiseTerms| {
        json!({
            "sensitivity": terms.sensitivity,
            "delta_2_64": terms.delta.0,
            "bound": terms.bound,
        })
    };
    json!({
        "asked": loss(&terms.asked),
        "share": loss(&terms.share),
        "dummies": terms.dummies,
        "report": noise(&terms.report),
        "components": terms.components.iter().map(noise).collect::<Vec<_>>(),
    })
}

const fn party(party: Party) -> &'static str {
    match party {
        Party::Requester => "requester",
        Party::Responder => "responder",
    }
}

fn half(half: &Half) -> Value {
    let facts = &half.facts;
    let mut says = json!({
        "member": facts.member,
        "node_id": hex::encode(half.node_id),
        "table": facts.table,
        "key": facts.key_columns,
        "kinds": facts.key_kinds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "unique": facts.key_unique,
        "identities": facts.identities,
        "minimum": facts.minimum,
    });
    if !facts.groups.is_empty() {
        let groups = facts
            .groups
            .iter()
            .map(|group| json!({"values": group.values, "identities": group.identities}));
        set_field(&mut says, "groups", Value::from(groups.collect::<Vec<_>>()));
    }
    if !facts.values.is_empty() {
        let values = facts.values.iter().map(|value| {
            json!({
                "decimals": value.decimals,
                "nullable": value.nullable,
                "clamped": value.clamp.is_some(),
                "sum_bound": value.sum_bound,
            })
        });
        set_field(&mut says, "values", Value::from(values.collect::<Vec<_>>()));
        set_field(
            &mut says,
            "owner_may_receive",
            Value::from(facts.owner_may_receive),
        );
    }
    says
}

fn one_match(spec: &MatchSpec) -> Value {
    json!({
        "receiver": party(spec.receiver),
        "parts": spec.parts.iter().map(PartSize::points).collect::<Vec<_>>(),
        "sender_size": spec.sender_size,
        "groups": spec.payload.groups,
        "components": spec.payload.components.len(),
    })
}
