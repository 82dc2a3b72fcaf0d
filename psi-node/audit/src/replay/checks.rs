//! The single checks of a replay: which lists differ.
//!
//! Spec 07 §12. Arithmetic alone; called by [`super`]. The frozen input is [`super::input`]'s.

use psi_core::messages::frame::ListId;
use psi_core::session::Ended;
use psi_core::spec::{JobSpec, Party};
use psi_core::transcript::{Direction, ListHashes, NamedList, Transcripts, lists_of};

/// What differs between a replayed half and the receipt: what the side itself sent, and what it
/// received. `bound` are the hashes of single lists, if the record has those that the receipt
/// combines; without them only directions can be named.
pub(super) fn differences(
    spec: &JobSpec,
    own: Party,
    ended: &Ended,
    transcripts: &Transcripts,
    bound: Option<&ListHashes>,
) -> [Vec<String>; 2] {
    let [mut sent, mut received] = [Vec::new(), Vec::new()];
    let matches = spec.matches();
    for direction in [Direction::ToSender, Direction::ToReceiver] {
        let (replayed, on_receipt) = match direction {
            Direction::ToSender => (&ended.transcripts.to_sender, &transcripts.to_sender),
            Direction::ToReceiver => (&ended.transcripts.to_receiver, &transcripts.to_receiver),
        };
        if replayed == on_receipt {
            continue;
        }
        let Some(bound) = bound else {
            let place = if matches.len() > 1 {
                "a transcript that holds lists of both sides"
            } else {
                "the transcript of its direction"
            };
            if sender_of(spec.receiver, direction) == own {
                sent.push(place.to_owned());
            } else {
                received.push(place.to_owned());
            }
            continue;
        };
        let (replayed, known) = match direction {
            Direction::ToSender => (&ended.lists.to_sender, &bound.to_sender),
            Direction::ToReceiver => (&ended.lists.to_receiver, &bound.to_receiver),
        };
        let names = lists_of(spec, direction);
        if replayed.len() != known.len() || names.len() != known.len() {
            sent.push("the number of lists".into());
        }
        for (named, (replayed, known)) in names.iter().zip(replayed.iter().zip(known)) {
            if replayed == known {
                continue;
            }
            let role = match named {
                NamedList::Opening => Some(spec.receiver),
                NamedList::List { match_index, .. } => {
                    let of = matches.get(usize::from(*match_index));
                    of.map(|of| of.receiver)
                }
            };
            let by = role.map(|receiver| sender_of(receiver, direction));
            let place = describe(*named);
            if by == Some(own) {
                sent.push(place);
            } else {
                received.push(place);
            }
        }
    }
    [sent, received]
}

const fn sender_of(receiver: Party, direction: Direction) -> Party {
    match direction {
        Direction::ToSender => receiver,
        Direction::ToReceiver => receiver.other(),
    }
}

fn describe(list: NamedList) -> String {
    let NamedList::List {
        list,
        match_index,
        part,
    } = list
    else {
        return "the opening".into();
    };
    let (name, in_parts) = match list {
        ListId::Blinded => ("the blinded list", true),
        ListId::Evaluated => ("the reply", true),
        ListId::Tags => ("the tags", false),
        ListId::SenderKey => ("the Sender's key", false),
        ListId::BasePoints => ("the base points of the transfer", false),
        ListId::BaseKeys => ("the base keys of the transfer", false),
        ListId::Columns => ("the columns of the transfer", false),
        ListId::ColumnCheck => ("the consistency check of the transfer", false),
        ListId::Corrections => ("the corrections of the transfer", false),
    };
    if in_parts {
        format!("{name}, match {match_index}, part {part}")
    } else {
        format!("{name}, match {match_index}")
    }
}
