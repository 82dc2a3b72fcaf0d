//! What a job would cost: bytes, multiplications, time. Estimates for people, in doubles.
//!
//! Bytes are those of the lists and of the transfer (Spec 06 §5, Spec 11 §2); control messages and
//! receipts, a few kilobytes, are left out. Multiplications are those of the lists (Spec 04 §1).
//! Time supposes that the other node is as fast, and that the network does not limit it.

use psi_core::spec::{MatchSpec, PartSize, Party};
use serde::{Deserialize, Serialize};

use super::counts::{numbers, points};

/// What a job would cost this node and the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes of lists that this node sends.
    pub bytes_sent: u64,
    /// Bytes of lists that it receives.
    pub bytes_received: u64,
    /// Multiplications of points by scalars on this node.
    pub multiplications: u64,
    /// On the other node.
    pub peer_multiplications: u64,
    /// Seconds of arithmetic from beginning to end, if both nodes are as fast as this one.
    pub seconds: f64,
}

impl Cost {
    /// The cost of `matches` for the side `own`; `list` is whether a list is asked for.
    pub(super) fn of(matches: &[MatchSpec], list: bool, own: Party, per_second: f64) -> Self {
        let mut cost = Self::default();
        for one in matches {
            let (to_sender, mut to_receiver) = bytes(one);
            let points = points(one);
            if list {
                // R travels as it is, and not in the code of sorted lists.
                let code = list_bytes(points, 32);
                let plain = points.saturating_mul(32);
                to_receiver = to_receiver.saturating_add(plain.saturating_sub(code));
            }
            let by_receiver = points.saturating_mul(2);
            let by_sender = points.saturating_add(one.sender_size);
            let (sent, received, here, there) = if one.receiver == own {
                (to_sender, to_receiver, by_receiver, by_sender)
            } else {
                (to_receiver, to_sender, by_sender, by_receiver)
            };
            cost.bytes_sent = cost.bytes_sent.saturating_add(sent);
            cost.bytes_received = cost.bytes_received.saturating_add(received);
            cost.multiplications = cost.multiplications.saturating_add(here);
            cost.peer_multiplications = cost.peer_multiplications.saturating_add(there);
            // Both blind their own list at the same time; the reply and its unblinding follow.
            let in_turn = points.max(one.sender_size).saturating_add(by_receiver);
            cost.seconds += float(in_turn) / per_second.max(1e-9);
        }
        cost
    }
}

/// Bytes to the Sender and to the Receiver.
fn bytes(one: &MatchSpec) -> (u64, u64) {
    let points = one
        .parts
        .iter()
        .map(|part| list_bytes(PartSize::points(part), 32));
    let points = points.fold(0, u64::saturating_add);
    let tags = list_bytes(one.sender_size, one.tag_bytes);
    let (mut to_sender, mut to_receiver) = (points, points.saturating_add(tags));
    if numbers(one) > 0 {
        let rows = one.sender_size.saturating_mul(one.parts.len() as u64);
        let words = rows.div_ceil(128).saturating_add(1);
        to_sender = to_sender.saturating_add(4096 + 2064 + words * 2048);
        let corrections = rows.saturating_mul(8).saturating_mul(numbers(one));
        to_receiver = to_receiver.saturating_add(corrections).saturating_add(8192);
    }
    (to_sender, to_receiver)
}

/// What a sorted list of random records takes: each about `log2(count) - 1.5` bits less than its
/// width.
fn list_bytes(count: u64, width: u8) -> u64 {
    if count == 0 {
        return 0;
    }
    let bits = f64::from(width) * 8.0 - (float(count).log2() - 1.5).max(0.0);
    let bytes = (float(count) * bits / 8.0).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive estimate; the cast saturates"
    )]
    let bytes = bytes as u64;
    bytes
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate needs fewer digits than a double has"
)]
const fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use psi_core::spec::{MatchSpec, PartSize, Party, Payload};

    use super::{Cost, list_bytes};

    fn count(receiver: Party, identities: u64, sender_size: u64) -> MatchSpec {
        MatchSpec {
            receiver,
            parts: vec![PartSize::for_identities(identities)],
            sender_size,
            tag_bytes: 11,
            payload: Payload {
                groups: 1,
                components: Vec::new(),
            },
        }
    }

    #[test]
    fn what_one_side_sends_the_other_receives() {
        let matches = [count(Party::Requester, 5000, 7000)];
        let [ours, theirs] =
            [Party::Requester, Party::Responder].map(|own| Cost::of(&matches, false, own, 1000.0));
        assert_eq!(ours.bytes_sent, theirs.bytes_received);
        assert_eq!(ours.bytes_received, theirs.bytes_sent);
        assert_eq!(ours.multiplications, theirs.peer_multiplications);
        // 5,000 and 1,024 canaries, twice; the same once and 7,000 tags.
        assert_eq!(ours.multiplications, 12_048);
        assert_eq!(theirs.multiplications, 13_024);
        assert!((ours.seconds - 19.048).abs() < 1e-9, "{}", ours.seconds);
    }

    #[test]
    fn a_list_takes_less_than_its_records_and_never_more() {
        assert_eq!(list_bytes(0, 32), 0);
        assert_eq!(list_bytes(1, 32), 32);
        let million = list_bytes(1 << 20, 11);
        let bits = (1 << 20) * (88 - 20) + (3 << 19);
        assert_eq!(million, bits / 8);
    }
}
