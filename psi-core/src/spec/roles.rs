//! Decides who is Receiver, in how many matches, and whether both sides' rules allow it.
//!
//! Spec 03 §3. A side must be Sender in three cases: it owns what is summed, because the Sender
//! holds the payload; its rows repeat where joined rows are counted; or its groups cannot be parts
//! of its list. The choice is free only if match bits show everything.

use super::{Agreement, AskedMode, Party, Recipients};
use crate::error::{Code, Error};
use crate::facts::TableFacts;

/// Both sides' facts.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) requester: &'a TableFacts,
    pub(super) responder: &'a TableFacts,
}

impl Sides<'_> {
    pub(super) const fn of(&self, party: Party) -> &TableFacts {
        match party {
            Party::Requester => self.requester,
            Party::Responder => self.responder,
        }
    }
}

const PARTIES: [Party; 2] = [Party::Requester, Party::Responder];

const fn incompatible<T>(code: Code, detail: &'static str) -> Result<T, Error> {
    Err(Error::PeerIncompatible { code, detail })
}

/// Whether an identity of `party` counts as one row of its table.
fn counts_once(agreement: &Agreement, sides: Sides<'_>, party: Party) -> bool {
    agreement.shape.counts_once(party, sides.of(party))
}

/// A joined row is counted once for each row of the other side that it meets. So if one side's
/// column is summed, the other side's key must not repeat.
pub(super) fn check_fan_out(agreement: &Agreement, sides: Sides<'_>) -> Result<(), Error> {
    for party in PARTIES {
        if !sides.of(party).values.is_empty() && !counts_once(agreement, sides, party.other()) {
            return incompatible(
                Code::KeyNotUnique,
                "an aggregate of one side's column needs the other side's key declared unique",
            );
        }
    }
    let one_unique = PARTIES
        .iter()
        .any(|party| counts_once(agreement, sides, *party));
    if agreement.shape.rows && !one_unique {
        return incompatible(
            Code::KeyNotUnique,
            "COUNT(*) over a key that repeats on both sides",
        );
    }
    Ok(())
}

/// The Receivers of the first and the second match. A job has a second match, with the roles
/// swapped, where columns of both sides are aggregated.
pub(super) fn receivers(
    agreement: &Agreement,
    sides: Sides<'_>,
) -> Result<(Party, Option<Party>), Error> {
    if agreement.shape.is_list() {
        // The side that learns which of its own identifiers match must be the one that unblinds
        // them.
        return Ok((Party::Requester, None));
    }
    let owns = |party| !sides.of(party).values.is_empty();
    if PARTIES.into_iter().all(owns) {
        // INVARIANT: both keys are unique here, so every group is constant per identity.
        return Ok((Party::Requester, Some(Party::Responder)));
    }
    let must_send = |party| {
        let facts = sides.of(party);
        let repeats = agreement.shape.rows && !counts_once(agreement, sides, party);
        owns(party) || repeats || !facts.groups_are_constant()
    };
    let receiver = match PARTIES.map(must_send) {
        [true, true] => {
            return incompatible(
                Code::GroupNotConstant,
                "the rows of one identity fall into different groups on both sides",
            );
        }
        [true, false] => Party::Responder,
        [false, true] => Party::Requester,
        [false, false] => free_choice(agreement, sides),
    };
    Ok((receiver, None))
}

/// The choice where either side could be Receiver.
fn free_choice(agreement: &Agreement, sides: Sides<'_>) -> Party {
    if !agreement.responder_may_receive {
        return Party::Requester;
    }
    let (requester, responder) = (sides.requester, sides.responder);
    // Groups of the Receiver are parts, and match bits show the count of each part.
    match (requester.groups.is_empty(), responder.groups.is_empty()) {
        (true, false) => return Party::Responder,
        (false, _) => return Party::Requester,
        (true, true) => {}
    }
    match (requester.prefer_receiver, responder.prefer_receiver) {
        (true, false) => Party::Requester,
        (false, true) => Party::Responder,
        _ if responder.identities < requester.identities => Party::Responder,
        _ => Party::Requester,
    }
}

/// A list needs exact mode, since no noise hides who is on it. It is for its Receiver alone: to the
/// other side, its identifiers would be somebody else's.
pub(super) fn check_list(agreement: &Agreement) -> Result<(), Error> {
    if !agreement.shape.is_list() {
        return Ok(());
    }
    if agreement.mode != AskedMode::Exact {
        return incompatible(
            Code::FormNotAllowed,
            "a list under a collaboration with differential privacy",
        );
    }
    if agreement.recipients != Recipients::Requester {
        return incompatible(
            Code::RecipientNotAllowed,
            "a list for another recipient than the requester",
        );
    }
    Ok(())
}

/// The Receiver's node sees counts, so it must be allowed to receive, and so must every recipient.
pub(super) fn check_permissions(
    agreement: &Agreement,
    sides: Sides<'_>,
    receivers: &[Party],
) -> Result<(), Error> {
    let may = |party| match party {
        Party::Requester => agreement.requester_may_receive,
        Party::Responder => agreement.responder_may_receive,
    };
    let learns = |party| agreement.recipients.include(party) || receivers.contains(&party);
    if PARTIES
        .into_iter()
        .any(|party| learns(party) && !may(party))
    {
        return incompatible(
            Code::RecipientNotAllowed,
            "a recipient or Receiver who may not receive",
        );
    }
    let both = PARTIES.iter().all(|party| sides.of(*party).result_to_both);
    if agreement.recipients == Recipients::Both && !both {
        return incompatible(
            Code::RecipientNotAllowed,
            "a table whose owner does not let both sides receive",
        );
    }
    Ok(())
}

/// The owner of a payload can choose it so that a sum shows who matched. So it receives sums of it
/// only with the other side's consent.
pub(super) fn check_owner(
    agreement: &Agreement,
    sides: Sides<'_>,
    sender: Party,
) -> Result<(), Error> {
    let receives = agreement.recipients.include(sender);
    if receives && !sides.of(sender.other()).owner_may_receive {
        return incompatible(
            Code::OwnerNotAllowed,
            "the answer would go to the member whose columns are aggregated, and the other \
             member's table does not say `owner_may_receive`",
        );
    }
    Ok(())
}
