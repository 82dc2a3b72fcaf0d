//! Decides which entries a follower accepts in a settlement although it never signed them.
//!
//! Spec 06 §4, "Align". Only one entry can be such: the one that the sequencer stored and whose
//! sending failed. An entry about a job must be the one that this node would have signed in the job
//! itself. What it would have signed is durable ([`AwaitedJob`](super::AwaitedJob)), so that holds
//! after a crash as well. Pure: reads the view, changes nothing.

use super::{LogView, Member, OwnClosing, OwnOpening};
use crate::receipt::{Body, ClosedStatus, agreement_text, signature_holds};
use crate::spec::{JobSpec, NodeId, Party};

/// Whether an honest sequencer can hold an entry that says `body`. `statement` is what this
/// member's owner wants recorded. An owner who wants one has restored its node's state from an
/// older copy, so what this node would have signed may be lost with the rest.
pub(super) fn takes<V: LogView>(
    member: &Member<'_, V>,
    statement: Option<&str>,
    body: &Body,
) -> Result<bool, V::Error> {
    let restored = statement.is_some();
    match body {
        Body::Opened { .. } => takes_opening(member, restored, body),
        Body::Closed {
            job_id,
            status,
            output_commitment,
            transcripts,
            ..
        } => {
            let open = member.view.open_jobs()?.contains(job_id);
            if *status == ClosedStatus::Aborted || restored {
                return Ok(open);
            }
            let found = member.view.awaited_job(job_id)?.and_then(|job| job.closing);
            Ok(open
                && found.is_some_and(|found| {
                    let OwnClosing {
                        output_commitment: output,
                        transcripts: both,
                    } = found;
                    *output_commitment == Some(output) && *transcripts == Some(both)
                }))
        }
        Body::Statement { node_id, text } if *node_id == member.own => {
            Ok(statement == Some(text.as_str()))
        }
        Body::Statement { node_id, .. } => Ok(*node_id == member.peer),
        Body::Refused {
            requester,
            responder,
            query,
            code,
        } => Ok(are_members(member, [*requester, *responder])
            && (restored || member.view.awaits_refusal(requester, query, *code)?)),
    }
}

fn takes_opening<V: LogView>(
    member: &Member<'_, V>,
    restored: bool,
    body: &Body,
) -> Result<bool, V::Error> {
    let Body::Opened {
        spec,
        agreements,
        commitments,
        policies,
        charges,
    } = body
    else {
        return Ok(false);
    };
    let Ok(spec) = JobSpec::decode(spec) else {
        return Ok(false);
    };
    let nodes = [spec.requester.node_id, spec.responder.node_id];
    let job_id = spec.job_id();
    let text = agreement_text(&job_id);
    let mut signed = nodes.iter().zip(agreements);
    let follows = are_members(member, nodes)
        && signed.all(|(node, signature)| signature_holds(node, &text, signature))
        && *charges
            == [Party::Requester, Party::Responder].map(|of| spec.debit(of).unwrap_or_default());
    if !follows || restored {
        return Ok(follows);
    }
    let ([commitment, of_responder], [policy, policy_of_responder]) = (*commitments, *policies);
    let opening = if spec.responder.node_id == member.own {
        OwnOpening {
            commitment: of_responder,
            policy: policy_of_responder,
        }
    } else {
        OwnOpening { commitment, policy }
    };
    let sent = member.view.awaited_job(&job_id)?.map(|job| job.opening) == Some(opening);
    // Not once it is on the log, nor once the sequencer has said that it will not come.
    let awaited = member.view.awaited_openings()?;
    Ok(sent && awaited.contains(&job_id))
}

fn are_members<V: LogView>(member: &Member<'_, V>, nodes: [NodeId; 2]) -> bool {
    nodes == [member.own, member.peer] || nodes == [member.peer, member.own]
}

#[cfg(test)]
mod tests;
