//! Receipt logs: what a verifier accepts, and which entry it names when it does not.

use ed25519_dalek::{Signer as _, SigningKey};

use super::{
    Body, ChainError, ChainSummary, ChainVerifier, Entry, EntryHash, Signature, signing_text,
};
use crate::error::Code;
use crate::log_fixture::bodies::{
    COLLAB, aborted, completed, job, keys, member, node_id, opened, opened_by, refused_by,
    spec_between, statement,
};

type Signatures = [Option<Signature>; 2];

/// A log: the bytes of each entry and its signatures.
type Log = Vec<(Vec<u8>, Signatures)>;

fn sign(entry: &Entry) -> (Vec<u8>, Signatures) {
    let keys = keys();
    sign_with(entry, &keys.first, &keys.second)
}

fn sign_with(entry: &Entry, first: &SigningKey, second: &SigningKey) -> (Vec<u8>, Signatures) {
    let text = signing_text(&entry.hash());
    let sign = |key: &SigningKey| Some(key.sign(&text).to_bytes().into());
    (entry.encode(), [sign(first), sign(second)])
}

/// A log of these bodies, chained and signed by both members.
fn log(bodies: impl IntoIterator<Item = Body>) -> Log {
    let mut previous = EntryHash::ZERO;
    let mut log = Vec::new();
    for (seq, body) in (0..).zip(bodies) {
        let entry = Entry {
            collab_id: COLLAB,
            seq,
            previous,
            body,
        };
        previous = entry.hash();
        log.push(sign(&entry));
    }
    log
}

/// Two jobs that overlap, an aborted one, a statement, a refusal.
fn honest_log() -> Log {
    let keys = keys();
    let member = node_id(&keys.first);
    log([
        opened(1),
        opened(2),
        completed(1),
        completed(2),
        statement(member),
        opened(3),
        aborted(3),
        refused_by(&keys.first, &keys.second),
    ])
}

fn verifier() -> ChainVerifier {
    let keys = keys();
    // In the wrong order, which the verifier corrects.
    let members = [member(&keys.second, "second"), member(&keys.first, "first")];
    ChainVerifier::new(COLLAB, members)
}

/// The number of the entry at which the check ends, and why.
fn verify(log: &Log) -> Result<ChainSummary, (usize, ChainError)> {
    let mut verifier = verifier();
    for (number, (bytes, signatures)) in log.iter().enumerate() {
        verifier
            .check(bytes, signatures)
            .map_err(|why| (number, why))?;
    }
    Ok(verifier.finish())
}

macro_rules! assert_wrong {
    ($log:expr, $number:expr, $why:pat $(if $guard:expr)?) => {
        match verify(&$log) {
            Err((number, $why)) $(if $guard)? => assert_eq!(number, $number),
            Err((number, other)) => panic!("entry {number}: {other}"),
            Ok(_) => panic!("the log was accepted"),
        }
    };
}

mod bytes;
mod jobs;

/// The log with entry `number` changed and signed again by both; the entries after it are
/// unchanged.
fn resigned(mut log: Log, number: usize, change: impl FnOnce(&mut Entry)) -> Log {
    let mut entry = Entry::decode(&log[number].0).unwrap();
    change(&mut entry);
    log[number] = sign(&entry);
    log
}

#[test]
fn an_honest_log_is_accepted_and_summed_up() {
    let summary = verify(&honest_log()).unwrap();
    let expected = ChainSummary {
        entries: 8,
        opened: 3,
        completed: 2,
        aborted: 1,
        refused: 1,
        unsigned: Vec::new(),
    };
    assert_eq!(summary, expected);
    assert_eq!(verify(&Vec::new()).unwrap(), ChainSummary::default());
}

#[test]
fn a_refused_entry_names_a_reason_to_refuse_and_nothing_else() {
    let keys = keys();
    for code in Code::ALL.iter().copied() {
        let mut body = refused_by(&keys.first, &keys.second);
        if let Body::Refused { code: why, .. } = &mut body {
            *why = code;
        }
        let [(bytes, _)] = log([body]).try_into().unwrap();
        let refusal = matches!(code.number(), 1..=31 | 64..=95);
        assert_eq!(Entry::decode(&bytes).is_ok(), refusal, "{code}");
    }
}

#[test]
fn an_edited_entry_breaks_its_own_signatures() {
    for number in 0..8 {
        let mut log = honest_log();
        let mut entry = Entry::decode(&log[number].0).unwrap();
        match &mut entry.body {
            Body::Opened { commitments, .. } => commitments[1].0[0] ^= 1,
            Body::Closed {
                code: Some(code), ..
            } => *code = Code::Cancelled,
            Body::Closed { transcripts, .. } => transcripts.as_mut().unwrap().to_sender.0[0] ^= 1,
            Body::Statement { text, .. } => text.push('!'),
            Body::Refused { query, .. } => query.0[0] ^= 1,
        }
        log[number].0 = entry.encode();
        assert_wrong!(log, number, ChainError::Signature(name) if name == "first");
    }
}

#[test]
fn an_entry_edited_and_signed_anew_by_both_breaks_the_next() {
    let log = resigned(honest_log(), 4, |entry| {
        entry.body = statement(node_id(&keys().second));
    });
    assert_wrong!(log, 5, ChainError::Previous);
}

#[test]
fn one_flipped_bit_anywhere_is_noticed_at_its_entry() {
    let log = honest_log();
    for number in [2, 6, 7] {
        for place in 0..log[number].0.len() {
            let mut log = log.clone();
            log[number].0[place] ^= 1;
            let Err((found, _)) = verify(&log) else {
                panic!("entry {number}, byte {place}");
            };
            assert_eq!(found, number, "byte {place}");
        }
    }
}

#[test]
fn a_log_without_its_first_entries_is_refused_at_its_start() {
    let log = honest_log()[2..].to_vec();
    assert_wrong!(
        log,
        0,
        ChainError::Sequence {
            expected: 0,
            found: 2
        }
    );
}

#[test]
fn a_log_cut_off_at_its_end_is_accepted_because_one_log_alone_cannot_show_it() {
    let log = honest_log()[..6].to_vec();
    let summary = verify(&log).unwrap();
    assert_eq!(
        (summary.entries, summary.opened, summary.aborted),
        (6, 3, 0)
    );
}

#[test]
fn an_entry_left_out_is_named_by_the_next() {
    let mut log = honest_log();
    log.remove(4);
    assert_wrong!(
        log,
        4,
        ChainError::Sequence {
            expected: 4,
            found: 5
        }
    );
}

#[test]
fn entries_out_of_order_or_repeated_are_refused() {
    let mut log = honest_log();
    log.swap(2, 3);
    assert_wrong!(
        log,
        2,
        ChainError::Sequence {
            expected: 2,
            found: 3
        }
    );
    let mut log = honest_log();
    log.insert(3, log[2].clone());
    assert_wrong!(
        log,
        3,
        ChainError::Sequence {
            expected: 3,
            found: 2
        }
    );
}

#[test]
fn entries_renumbered_to_hide_a_gap_are_refused() {
    let mut log = honest_log();
    log.remove(4);
    let log = resigned(log, 4, |entry| entry.seq = 4);
    assert_wrong!(log, 4, ChainError::Previous);
}

#[test]
fn a_first_entry_that_continues_another_is_refused() {
    let log = resigned(honest_log(), 0, |entry| entry.previous = [1; 64].into());
    assert_wrong!(log, 0, ChainError::Previous);
}

#[test]
fn a_signature_by_another_key_is_refused_and_names_the_member() {
    let keys = keys();
    let entry = Entry::decode(&honest_log()[3].0).unwrap();
    let mut log = honest_log();
    log[3] = sign_with(&entry, &keys.first, &keys.stranger);
    assert_wrong!(log, 3, ChainError::Signature(name) if name == "second");
    log[3] = sign_with(&entry, &keys.stranger, &keys.second);
    assert_wrong!(log, 3, ChainError::Signature(name) if name == "first");
    // Both members' own signatures, in the wrong order.
    log[3] = sign_with(&entry, &keys.second, &keys.first);
    assert_wrong!(log, 3, ChainError::Signature(name) if name == "first");
}

#[test]
fn a_signature_of_another_entry_is_refused() {
    let mut log = honest_log();
    log[3].1 = log[2].1;
    assert_wrong!(log, 3, ChainError::Signature(_));
}

#[test]
fn a_signature_missing_at_the_end_is_reported() {
    for missing in 0..2 {
        let mut log = honest_log();
        log[7].1[missing] = None;
        let summary = verify(&log).unwrap();
        assert_eq!(summary.unsigned, [["first", "second"][missing]]);
        assert_eq!(summary.entries, 8);
    }
    let mut log = honest_log();
    log[7].1 = [None, None];
    assert_eq!(verify(&log).unwrap().unsigned, ["first", "second"]);
}

#[test]
fn a_signature_missing_before_the_end_is_refused_where_the_log_goes_on() {
    let mut log = honest_log();
    log[3].1[1] = None;
    assert_wrong!(log, 4, ChainError::Unsigned(name) if name == "second");
    let (_, why) = verify(&log).unwrap_err();
    assert!(why.to_string().contains("the entry before it"), "{why}");
}

#[test]
fn two_logs_that_fork_are_each_accepted_and_cannot_be_joined() {
    let member = node_id(&keys().first);
    let one = log([opened(1), completed(1), opened(2), aborted(2)]);
    let other = log([opened(1), completed(1), statement(member), opened(3)]);
    assert_eq!(one[..2], other[..2]);
    assert!(verify(&one).is_ok());
    assert!(verify(&other).is_ok());
    let joined = [&one[..3], &other[3..]].concat();
    assert_wrong!(joined, 3, ChainError::Previous);
}
