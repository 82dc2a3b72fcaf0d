//! One entry on its own: its bounds, its hash, the texts that are signed and the commitments.

use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use super::{
    COLLAB, Log, aborted, completed, honest_log, job, keys, node_id, opened, refused_by,
    spec_between,
};
use crate::error::Code;
use crate::limits;
use crate::receipt::{
    Body, ClosedStatus, Entry, EntryHash, InputDigest, OutputSalt, PolicySalt, Signature,
    agreement_text, entry_hash, opening_commitment, output_commitment, policy_digest, query_digest,
    signature_holds, signing_text,
};
use crate::seed::JobSeed;
use crate::spec::{CollabId, JobId, NodeId};

fn entry(body: Body) -> Entry {
    Entry {
        collab_id: COLLAB,
        seq: 5,
        previous: [9; 64].into(),
        body,
    }
}

fn refused(body: Body) -> Code {
    Entry::decode(&entry(body).encode()).unwrap_err().code()
}

#[test]
fn every_kind_of_entry_reads_back() {
    let text = |bytes| Body::Statement {
        node_id: [1; 32].into(),
        text: "s".repeat(bytes),
    };
    let bodies = [
        opened(1),
        completed(1),
        aborted(1),
        text(1),
        text(limits::STATEMENT_BYTES_MAX),
    ];
    for body in bodies {
        let entry = entry(body);
        assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
    }
}

#[test]
fn a_closing_entry_must_fit_its_status() {
    for change in 0..3 {
        for mut body in [completed(1), aborted(1)] {
            let (full, empty) = (completed(1), aborted(1));
            let (
                Body::Closed {
                    code,
                    output_commitment,
                    transcripts,
                    ..
                },
                Body::Closed {
                    output_commitment: some_output,
                    transcripts: some_transcripts,
                    ..
                },
                Body::Closed {
                    code: some_code, ..
                },
            ) = (&mut body, full, empty)
            else {
                panic!("both are closing entries");
            };
            match change {
                0 => *code = code.xor(some_code),
                1 => *output_commitment = output_commitment.xor(some_output),
                _ => *transcripts = transcripts.xor(some_transcripts),
            }
            assert_eq!(refused(body), Code::EntryMismatch, "change {change}");
        }
    }
    let Body::Closed {
        code,
        output_commitment,
        transcripts,
        ..
    } = completed(1)
    else {
        panic!("a closing entry");
    };
    let job_id = job(1).job_id();
    let status = ClosedStatus::Aborted;
    let body = Body::Closed {
        job_id,
        status,
        code,
        output_commitment,
        transcripts,
    };
    assert_eq!(refused(body), Code::EntryMismatch);
}

#[test]
fn a_statement_has_words_and_not_too_many() {
    for text in [String::new(), "s".repeat(limits::STATEMENT_BYTES_MAX + 1)] {
        let node_id = NodeId([1; 32]);
        assert_eq!(
            refused(Body::Statement { node_id, text }),
            Code::MalformedMessage
        );
    }
}

#[test]
fn a_refused_entry_names_two_sides_and_a_reason_to_refuse() {
    let keys = keys();
    let mut body = refused_by(&keys.first, &keys.second);
    let decoded = Entry::decode(&entry(body.clone()).encode());
    assert_eq!(decoded.unwrap().body, body);
    for wrong in [Code::MalformedMessage, Code::Cancelled] {
        if let Body::Refused { code, .. } = &mut body {
            *code = wrong;
        }
        assert_eq!(refused(body.clone()), Code::EntryMismatch);
    }
    let body = refused_by(&keys.first, &keys.first);
    assert_eq!(refused(body), Code::EntryMismatch);
}

#[test]
fn digests_of_queries_and_policies_are_labelled_and_the_latter_salted() {
    let text = b"psi/v1/querySELECT COUNT(*)";
    assert_eq!(
        query_digest("SELECT COUNT(*)").as_bytes().as_slice(),
        Sha512::digest(text).as_slice()
    );
    let text = [b"psi/v1/policy".as_slice(), &[7; 32], b"{}"].concat();
    assert_eq!(
        policy_digest(&PolicySalt([7; 32]), "{}")
            .as_bytes()
            .as_slice(),
        Sha512::digest(text).as_slice()
    );
    assert_ne!(
        policy_digest(&PolicySalt([8; 32]), "{}"),
        policy_digest(&PolicySalt([7; 32]), "{}")
    );
}

#[test]
fn an_opened_entry_holds_a_specification_that_a_node_could_have_agreed_to() {
    let Body::Opened {
        agreements,
        commitments,
        policies,
        charges,
        ..
    } = opened(1)
    else {
        panic!("an opening entry");
    };
    let with = |spec| Body::Opened {
        spec,
        agreements,
        commitments,
        policies,
        charges,
    };
    let mut changed = job(1);
    changed.tag_bytes = 1;
    assert_eq!(refused(with(changed.encode())), Code::SpecMismatch);
    let mut trailing = job(1).encode();
    trailing.push(0);
    assert_eq!(refused(with(trailing)), Code::MalformedMessage);
    assert_eq!(refused(with(Vec::new())), Code::MalformedMessage);
}

#[test]
fn a_job_of_another_collaboration_is_refused() {
    let keys = keys();
    let spec = spec_between(1, CollabId([0xee; 32]), &keys.first, &keys.second);
    let body = super::opened_by(&spec, &keys.first, &keys.second);
    assert_eq!(refused(body), Code::EntryMismatch);
}

#[test]
fn an_entry_beyond_the_limit_is_refused_unread() {
    let bytes = vec![0; limits::ENTRY_BYTES_MAX + 1];
    assert_eq!(
        Entry::decode(&bytes).unwrap_err().code(),
        Code::MalformedMessage
    );
}

#[test]
fn hashes_and_signed_texts_are_labelled() {
    let bytes = entry(completed(1)).encode();
    let hash = entry(completed(1)).hash();
    assert_eq!(hash, entry_hash(&bytes));
    let labelled = [b"psi/v1/entry".as_slice(), &bytes].concat();
    assert_eq!(hash.0.as_slice(), Sha512::digest(labelled).as_slice());
    assert_eq!(signing_text(&hash)[..14], *b"psi/v1/receipt");
    assert_eq!(signing_text(&hash)[14..], hash.0);
    assert_eq!(agreement_text(&JobId(hash.0))[..12], *b"psi/v1/agree");
    assert_eq!(agreement_text(&JobId(hash.0))[12..], hash.0);
}

#[test]
fn a_key_of_small_order_signs_nothing() {
    // The identity point as key, and a signature that holds for any text without the strict rules.
    let mut key = [0; 32];
    key[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!signature_holds(
        &key.into(),
        b"any text",
        &signature.into()
    ));
}

#[test]
fn an_agreement_is_no_receipt() {
    use ed25519_dalek::Signer as _;
    let key = keys().first;
    let name = JobId([7; 64]);
    let signature = Signature(key.sign(&agreement_text(&name)).to_bytes());
    assert!(signature_holds(
        &node_id(&key),
        &agreement_text(&name),
        &signature
    ));
    assert!(!signature_holds(
        &node_id(&key),
        &signing_text(&EntryHash(name.0)),
        &signature
    ));
}

#[test]
fn an_opening_commitment_binds_job_seed_and_input() {
    let commit = |job, seed, input| {
        opening_commitment(
            &JobId([job; 64]),
            &JobSeed::new([seed; 32]),
            &InputDigest([input; 64]),
        )
    };
    let text = [b"psi/v1/open".as_slice(), &[1; 64], &[2; 32], &[3; 64]].concat();
    assert_eq!(
        commit(1, 2, 3).as_bytes().as_slice(),
        Sha512::digest(text).as_slice()
    );
    for other in [commit(0, 2, 3), commit(1, 0, 3), commit(1, 2, 0)] {
        assert_ne!(commit(1, 2, 3), other);
    }
}

#[test]
fn an_output_commitment_binds_salt_cells_and_their_flags() {
    let salt = OutputSalt([4; 32]);
    let text = [
        b"psi/v1/output".as_slice(),
        salt.as_bytes(),
        &2_u64.to_be_bytes(),
        &[1],
        &318_u64.to_be_bytes(),
        &[0],
        &[0; 8],
    ]
    .concat();
    let made = output_commitment(&salt, &[Some(318), None]);
    assert_eq!(made.as_bytes().as_slice(), Sha512::digest(text).as_slice());
    let others = [
        output_commitment(&OutputSalt([5; 32]), &[Some(318), None]),
        output_commitment(&salt, &[Some(319), None]),
        output_commitment(&salt, &[Some(318), Some(0)]),
        output_commitment(&salt, &[Some(318)]),
        output_commitment(&salt, &[None, Some(318)]),
        output_commitment(&salt, &[]),
    ];
    for other in others {
        assert_ne!(made, other);
    }
}

proptest! {
    #[test]
    fn a_changed_entry_is_refused_or_has_another_hash(
        which in 0..8_usize,
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let log: Log = honest_log();
        let mut bytes = log[which].0.clone();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(&entry.encode(), &bytes);
            prop_assert_ne!(entry.hash(), entry_hash(&log[which].0));
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_entry(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(Entry::decode(&bytes).is_err());
    }
}
