//! What the member that is played by hand sends: lists that are well-formed, and the first entry.

use psi_core::kernel::Kernel as _;
use psi_core::kernel::portable::Portable;
use psi_core::list::{RecordCodec as _, Rice};
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::messages::{Control, EntryMessage};
use psi_core::receipt::{Body, Entry, entry_hash, signing_text};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::spec::{CollabId, JobSpec};
use psi_node::identity::{NodeId, NodeKey};
use psi_node::net::{FrameReceiver, FrameSender};

use super::control;

pub(crate) const fn blinded() -> RowsHeader {
    RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    }
}

/// The code of ascending records.
pub(crate) fn code(width: usize, records: &[u8]) -> Vec<u8> {
    let count = (records.len() / width) as u64;
    let mut encoder = Rice.encoder(width, count).unwrap();
    let mut bytes = Vec::new();
    encoder.encode(records, &mut bytes).unwrap();
    encoder.finish(&mut bytes).unwrap();
    bytes
}

/// A valid key, ascending tags, and as many valid points as the reply has: no canary is among
/// them.
pub(crate) fn own_lists(spec: &JobSpec) -> ([u8; 32], Vec<u8>, Vec<u8>) {
    let mut stream = JobSeed::new([6; 32]).stream(Purpose::Filler, 0, 0);
    let scalars: Vec<_> = (0..=spec.receiver_size())
        .map(|_| stream.scalar())
        .collect();
    let mut points = vec![[0; 32]; scalars.len()];
    Portable.base_mul_encode(&scalars, &mut points);
    let key = points.pop().unwrap();
    points.sort_unstable();
    let width = usize::from(spec.tag_bytes);
    let tags = (0..u32::try_from(spec.sender_size).unwrap()).flat_map(|n| {
        let mut tag = vec![0; width];
        tag[width - 4..].copy_from_slice(&n.to_be_bytes());
        tag
    });
    (key, tags.collect(), points.as_flattened().to_vec())
}

/// Puts the first entry on both logs, whichever side sequences.
pub(crate) async fn first_entry(
    (send, receive): (&mut FrameSender, &mut FrameReceiver),
    key: &NodeKey,
    peer: NodeId,
    collab_id: CollabId,
    body: Body,
) {
    let sign = |entry: &[u8]| key.sign(&signing_text(&entry_hash(entry)));
    if key.id() < peer {
        let entry = Entry {
            collab_id,
            seq: 0,
            previous: [0; 64].into(),
            body,
        }
        .encode();
        let signatures = [Some(sign(&entry)), None];
        send.control(&Control::Entry(EntryMessage { entry, signatures }))
            .await
            .unwrap();
        let answer = control(receive).await.unwrap();
        assert!(matches!(answer, Control::Countersign { .. }), "{answer:?}");
    } else {
        let Control::Entry(message) = control(receive).await.unwrap() else {
            panic!("no entry")
        };
        let signature = sign(&message.entry);
        send.control(&Control::Countersign { signature })
            .await
            .unwrap();
    }
}
