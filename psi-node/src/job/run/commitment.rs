//! What each side says before the opened entry, and the entry that follows from both.
//!
//! Spec 06 §3, Spec 07 §1 and §3. Called by the run of a job after the input is frozen.

use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::messages::Control;
use psi_core::receipt::{self, Body, PolicyDigest};
use psi_core::spec::Party;

use crate::job::charge::amount;
use crate::job::context::JobContext;
use crate::job::deadlines::within;
use crate::job::failure::Failure;
use crate::job::link::{Link, unexpected, violation};
use crate::job::log::chain::Chain;
use crate::job::negotiate::agreed::Agreed;
use crate::state::OwnOpening;

/// What one side puts on the opened entry.
#[derive(Clone, Copy)]
pub(super) struct EntryShare {
    /// The commitment to its input.
    input: receipt::Commitment,
    /// The digest of its policy.
    policy: PolicyDigest,
    /// What the job costs its population.
    charge: Amount,
}

/// Exchanges what each side puts on the opened entry.
pub(super) async fn exchange(
    ctx: &JobContext,
    link: &mut Link,
    agreed: &Agreed,
    ours: EntryShare,
) -> Result<Body, Failure> {
    let left = ctx
        .deadlines()
        .commitment(&agreed.spec, agreed.since.elapsed());
    let answer = within(left, async {
        link.send(&ours.message()).await?;
        link.control().await
    })
    .await?;
    let theirs = EntryShare::of(&answer)?;
    if theirs.charge != amount(&agreed.spec, agreed.own.other()) {
        return Err(violation(
            Code::EntryMismatch,
            "a charge that does not follow from the specification",
        ));
    }
    Ok(opened(agreed, ours, theirs))
}

/// The opened entry.
fn opened(agreed: &Agreed, ours: EntryShare, theirs: EntryShare) -> Body {
    let sides = match agreed.own {
        Party::Requester => [ours, theirs],
        Party::Responder => [theirs, ours],
    };
    Body::Opened {
        spec: agreed.spec.encode(),
        agreements: agreed.agreements,
        commitments: sides.map(|side| side.input),
        policies: sides.map(|side| side.policy),
        charges: sides.map(|side| side.charge),
    }
}

impl EntryShare {
    /// This side's, with `commitment` to its input. As follower it is durable when this returns:
    /// the sequencer may open the job once it has the commitment, whatever becomes of the link.
    pub(super) fn make(
        ctx: &JobContext,
        chain: &Chain,
        agreed: &Agreed,
        commitment: receipt::Commitment,
    ) -> Result<Self, Failure> {
        // By the name that the configuration gives the table: that of the facts is in lower case.
        let table = agreed.side.table();
        let policy = ctx.config.policies.get(table).ok_or_else(|| {
            Failure::Internal(format!("no policy text is kept of the table `{table}`"))
        })?;
        let ours = Self {
            input: commitment,
            policy: ctx.state.policy_digest(policy)?,
            charge: amount(&agreed.spec, agreed.own),
        };
        if !chain.is_sequencer() {
            let opening = OwnOpening {
                commitment: ours.input,
                policy: ours.policy,
            };
            let job_id = agreed.spec.job_id();
            ctx.state
                .await_opening(&chain.collab_id, &job_id, &opening)?;
        }
        Ok(ours)
    }

    const fn message(&self) -> Control {
        Control::Commitment {
            commitment: self.input,
            policy: self.policy,
            charge: self.charge,
        }
    }

    fn of(message: &Control) -> Result<Self, Failure> {
        match *message {
            Control::Commitment {
                commitment,
                policy,
                charge,
            } => Ok(Self {
                input: commitment,
                policy,
                charge,
            }),
            _ => Err(unexpected("something else than a commitment")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_commitment_is_taken_for_one_and_it_is_read_as_it_is_sent() {
        let said = EntryShare {
            input: [1; 64].into(),
            policy: [2; 64].into(),
            charge: Amount {
                micro_epsilon: 3,
                delta_units: 4,
            },
        };
        let read = EntryShare::of(&said.message()).unwrap();
        assert_eq!(
            (read.input, read.policy, read.charge),
            (said.input, said.policy, said.charge)
        );
        let failure = EntryShare::of(&Control::ReadyToClose).err().unwrap();
        assert_eq!(failure.code(), Code::UnexpectedMessage);
    }
}
