//! After `kill -9` in the middle of a match, no scalar is in the state folder of the killed node.
//!
//! The test is the peer, so it knows what the node sent: every 32 bytes of every file are tried as
//! the scalar behind it. That no seed is on disk is tested with the crashes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use psi_core::group::{Element, SecretScalar, hash_to_group};
use psi_core::identifier::{IdentifierKind, IdentityHasher, domain_tag};
use psi_core::list::{RecordCodec as _, Rice};
use psi_core::messages::Control;
use psi_node::identity::NodeKey;
use psi_node::net::Frame;

use crate::answering::answer_until_match;
use crate::crash::files_below;
use crate::harness::{COUNT, people};
use crate::stage::{Stage, control};

/// The file below `folder` that holds a scalar for which `is_secret` is true, if any. Windows that
/// are not a canonical scalar are skipped, and so are those that are mostly zero: a random scalar
/// never is.
fn search(folder: &Path, is_secret: impl Fn(&SecretScalar) -> bool) -> Option<PathBuf> {
    let mut tried = HashSet::new();
    for file in files_below(folder) {
        for window in fs::read(&file).unwrap_or_default().windows(32) {
            let bytes: [u8; 32] = window.try_into().unwrap();
            let zeros: u32 = bytes.iter().map(|byte| u32::from(*byte == 0)).sum();
            if zeros > 16 || !tried.insert(bytes) {
                continue;
            }
            let scalar = SecretScalar::from_canonical_bytes(bytes);
            if scalar.is_some_and(|scalar| is_secret(&scalar)) {
                return Some(file);
            }
        }
    }
    assert!(
        tried.len() > 100,
        "only {} windows: nothing was searched",
        tried.len()
    );
    None
}

#[test]
fn the_search_finds_a_scalar_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = {
        let mut bytes = [0x5a; 32];
        bytes[31] = 0x01;
        bytes
    };
    let scalar = SecretScalar::from_canonical_bytes(bytes).unwrap();
    let key = Element::base_mul(&scalar).encode();
    let file = folder.path().join("some.file");
    fs::write(&file, [&[7; 99][..], &bytes, &[9; 50]].concat()).unwrap();
    let found = search(folder.path(), |scalar| {
        Element::base_mul(scalar).encode() == key
    });
    assert_eq!(found, Some(file));
}

#[test]
fn no_sender_scalar_is_on_disk_after_a_kill() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let key = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.open_job(&mut wire).await;
        let Control::SenderKey { point, .. } = control(&mut wire.1).await.unwrap() else {
            panic!("no key");
        };
        point
    });
    stage.world.a.kill();
    let folder = stage.world.a.dir.join("state");
    assert_eq!(
        search(&folder, |scalar| Element::base_mul(scalar).encode() == key),
        None
    );
}

#[test]
fn no_blinding_scalar_is_on_disk_after_a_kill() {
    let mut stage = Stage::new();
    let key = Arc::new(NodeKey::load(&stage.world.b.dir.join("node.key")).unwrap());
    let endpoint = stage.endpoint(&key, &stage.world.b.address);
    let asking = stage.world.a.query_in_background(COUNT);
    let points: HashSet<[u8; 32]> = stage.runtime.block_on(async {
        let ((_send, mut receive), spec) = answer_until_match(&endpoint, &key).await;
        let mut decoder = Rice.decoder(32, spec.receiver_size()).unwrap();
        let mut points = Vec::new();
        while (points.len() as u64) < spec.receiver_size() * 32 {
            if let Frame::Rows(_, bytes) = receive.next().await.unwrap() {
                decoder.decode(&bytes, &mut points).unwrap();
            }
        }
        points.as_chunks::<32>().0.iter().copied().collect()
    });
    stage.world.a.kill();
    asking.wait();
    let kinds = [IdentifierKind::Text];
    let person = people(0..1).remove(0);
    let digest = IdentityHasher::new(&kinds)
        .digest([Some(person.as_str())])
        .unwrap();
    let element = hash_to_group(&domain_tag(&kinds), &digest);
    let folder = stage.world.a.dir.join("state");
    let found = search(&folder, |scalar| {
        points.contains(&element.mul(scalar).encode())
    });
    assert_eq!(found, None);
}
