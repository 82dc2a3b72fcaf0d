//! Hostile messages as files: `testdata/hostile-transfer/*.hex`, each one message with one defect
//! that its name states.

use crate::error::Code;
use crate::fixture::{self, Fixture};
use crate::ot::opening::{ExpectCommitment, ExpectOpening, ExpectShare};
use crate::ot::{receiver, sender};
use crate::session::Awaiting;

use super::{Pair, Wire, collect, feed};

fn pair() -> Pair {
    Pair::of(2, 3, 2, 1)
}

/// A victim that an honest peer has brought to the state that takes the message.
enum State {
    BasePoints(receiver::ExpectBasePoints),
    Corrections(Box<receiver::ExpectCorrections>),
    BaseKeys(sender::ExpectBaseKeys),
    Columns(sender::ExpectColumns),
    Check(sender::ExpectCheck),
    Share(ExpectShare),
    Commitment(ExpectCommitment),
    Opening(ExpectOpening),
}

const STATES: [&str; 8] = [
    "ExpectBasePoints",
    "ExpectCorrections",
    "ExpectBaseKeys",
    "ExpectColumns",
    "ExpectCheck",
    "ExpectShare",
    "ExpectCommitment",
    "ExpectOpening",
];

impl State {
    fn named(name: &str) -> Self {
        let pair = pair();
        let wire = pair.run(1, 1);
        let base_keys = || pair.choose().state;
        let columns = || base_keys().handle(&wire.keys).unwrap();
        let check = || {
            feed(
                columns(),
                &wire.columns,
                2048,
                sender::ExpectColumns::handle,
            )
            .unwrap()
        };
        let corrections = || {
            let answered = pair.prepare().handle(&wire.points).unwrap();
            collect(|sink| answered.state.send(sink)).0.unwrap().state
        };
        match name {
            "ExpectBasePoints" => Self::BasePoints(pair.prepare()),
            "ExpectCorrections" => Self::Corrections(Box::new(corrections())),
            "ExpectBaseKeys" => Self::BaseKeys(base_keys()),
            "ExpectColumns" => Self::Columns(columns()),
            "ExpectCheck" => Self::Check(check()),
            "ExpectShare" => Self::Share(wire.receiver.share.await_other()),
            "ExpectCommitment" => {
                Self::Commitment(wire.receiver.share.commit(&Pair::seed(11)).state)
            }
            "ExpectOpening" => {
                let (commitment, _) = sender_opening();
                let committed = wire.receiver.share.commit(&Pair::seed(11));
                Self::Opening(committed.state.handle(&commitment).unwrap().state)
            }
            other => panic!("no state {other}"),
        }
    }

    /// The victim's answer to the message: no objection, or a code.
    fn take(self, message: &[u8]) -> Result<(), crate::Error> {
        match self {
            Self::BasePoints(state) => state.handle(message).map(|_| ()),
            Self::Corrections(state) => state.handle(message).map(|_| ()),
            Self::BaseKeys(state) => state.handle(message).map(|_| ()),
            Self::Columns(state) => state.handle(message).map(|_| ()),
            Self::Check(state) => state.handle(message).map(|_| ()),
            Self::Share(state) => state.handle(message).map(|_| ()),
            Self::Commitment(state) => state.handle(message).map(|_| ()),
            Self::Opening(state) => state.handle(message).map(|_| ()),
        }
    }
}

/// The honest Sender's commitment and opening.
fn sender_opening() -> ([u8; 64], Vec<u8>) {
    let committed = pair().run(1, 1).sender.share.commit(&Pair::seed(22));
    let opened = committed.state.handle(&[0; 64]).unwrap();
    (committed.message, opened.message)
}

struct Case {
    name: String,
    what: &'static str,
    state: &'static str,
    expected: Code,
    message: Vec<u8>,
}

fn case(
    state: &'static str,
    expected: Code,
    name: &str,
    what: &'static str,
    message: Vec<u8>,
) -> Case {
    let name = name.to_owned();
    Case {
        name,
        what,
        state,
        expected,
        message,
    }
}

/// `message` with other bytes from `place` on.
fn with(message: &[u8], place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[place..place + bytes.len()].copy_from_slice(bytes);
    message
}

/// A message of a fixed length: cut, longer, missing.
fn lengths(state: &'static str, stem: &str, honest: &[u8]) -> Vec<Case> {
    let bad = Code::MalformedMessage;
    let short = honest[..honest.len() - 1].to_vec();
    let long = [honest, &[0]].concat();
    vec![
        case(
            state,
            bad,
            &format!("{stem}_one_byte_short"),
            "One byte is missing",
            short,
        ),
        case(
            state,
            bad,
            &format!("{stem}_one_byte_long"),
            "One byte is left over",
            long,
        ),
        case(
            state,
            bad,
            &format!("{stem}_empty"),
            "There is nothing",
            vec![],
        ),
    ]
}

/// Points in a message of the base transfers.
fn points(state: &'static str, stem: &str, honest: &[u8], places: [usize; 2]) -> Vec<Case> {
    let [first, last] = places.map(|place| 32 * place);
    // The prime 2^255 - 19, another encoding of zero; one, which is negative; all ones.
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xed, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    let bad = Code::NonCanonicalElement;
    vec![
        case(
            state,
            Code::IdentityElement,
            &format!("{stem}_identity"),
            "The first point is the identity, whose multiples everyone knows",
            with(honest, first, &[0; 32]),
        ),
        case(
            state,
            Code::IdentityElement,
            &format!("{stem}_identity_last"),
            "The last point is the identity",
            with(honest, last, &[0; 32]),
        ),
        case(
            state,
            bad,
            &format!("{stem}_non_canonical"),
            "A point is encoded with a field element that is not reduced",
            with(honest, first, &unreduced),
        ),
        case(
            state,
            bad,
            &format!("{stem}_negative"),
            "A point is encoded with a negative field element",
            with(honest, last, &negative),
        ),
        case(
            state,
            bad,
            &format!("{stem}_all_ones"),
            "The last point is not an encoding at all",
            with(honest, last, &[0xff; 32]),
        ),
    ]
}

fn lists(wire: &Wire) -> Vec<Case> {
    let columns = &wire.columns;
    let corrections = &wire.corrections;
    vec![
        case(
            "ExpectColumns",
            Code::MalformedMessage,
            "columns_part_of_a_record",
            "The second record is cut off",
            columns[..2048 + 16].to_vec(),
        ),
        case(
            "ExpectColumns",
            Code::WrongCount,
            "columns_one_record_too_many",
            "A record more than the transfer has rows for",
            [columns, &columns[..2048]].concat(),
        ),
        case(
            "ExpectCorrections",
            Code::MalformedMessage,
            "corrections_part_of_a_row",
            "The last row has one component of two",
            corrections[..corrections.len() - 8].to_vec(),
        ),
        case(
            "ExpectCorrections",
            Code::WrongCount,
            "corrections_one_row_too_many",
            "A row more than parts times positions",
            [corrections, &corrections[..16]].concat(),
        ),
    ]
}

fn checks(wire: &Wire) -> Vec<Case> {
    let check = &wire.check;
    let flipped = |place: usize| with(check, place, &[check[place] ^ 1]);
    let bad = Code::TransferInconsistent;
    let last = check.len() - 1;
    vec![
        case(
            "ExpectCheck",
            bad,
            "check_bits_wrong",
            "The hash of the bits is off by one bit",
            flipped(0),
        ),
        case(
            "ExpectCheck",
            bad,
            "check_first_column_wrong",
            "The hash of column 0 is off by one bit",
            flipped(16),
        ),
        case(
            "ExpectCheck",
            bad,
            "check_last_column_wrong",
            "The hash of column 127 is off by one bit",
            flipped(last),
        ),
        case(
            "ExpectCheck",
            bad,
            "check_zero",
            "All hashes are zero",
            vec![0; check.len()],
        ),
    ]
}

fn openings() -> Vec<Case> {
    let (_, opening) = sender_opening();
    let flipped = |place: usize| with(&opening, place, &[opening[place] ^ 1]);
    let bad = Code::MalformedMessage;
    vec![
        case(
            "ExpectOpening",
            bad,
            "opening_of_another_salt",
            "The salt is not the one committed to",
            flipped(0),
        ),
        case(
            "ExpectOpening",
            bad,
            "opening_of_another_share",
            "A share is larger by one than the one committed to",
            flipped(opening.len() - 1),
        ),
        case(
            "ExpectOpening",
            bad,
            "opening_without_share",
            "There is a salt and nothing else",
            opening[..32].to_vec(),
        ),
        case(
            "ExpectOpening",
            bad,
            "opening_within_salt",
            "The salt is cut off",
            opening[..31].to_vec(),
        ),
    ]
}

/// Honest messages by the state that takes them.
fn honest(wire: Wire) -> [(&'static str, Vec<u8>); 8] {
    let share = wire.sender.share.disclose();
    let (commitment, opening) = sender_opening();
    let messages = [
        wire.points,
        wire.corrections,
        wire.keys,
        wire.columns,
        wire.check,
        share,
        commitment.to_vec(),
        opening,
    ];
    let mut states = STATES.into_iter();
    messages.map(|message| (states.next().unwrap(), message))
}

fn cases() -> Vec<Case> {
    let wire = pair().run(1, 1);
    let mut cases = [lists(&wire), checks(&wire), openings()].concat_all();
    cases.extend(points(
        "ExpectBasePoints",
        "base_points",
        &wire.points,
        [0, 255],
    ));
    cases.extend(points("ExpectBaseKeys", "base_keys", &wire.keys, [0, 127]));
    let stems = [
        "base_points",
        "base_keys",
        "check",
        "share",
        "commitment",
        "opening",
    ];
    for (state, message) in honest(wire) {
        let stem = stems
            .into_iter()
            .find(|stem| state.to_lowercase().ends_with(&stem.replace('_', "")));
        if let Some(stem) = stem {
            cases.extend(lengths(state, stem, &message));
        }
    }
    cases
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Case>;
}

impl<const N: usize> ConcatAll for [Vec<Case>; N] {
    fn concat_all(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn the_same_victims_accept_honest_messages() {
    for (state, message) in honest(pair().run(1, 1)) {
        assert!(State::named(state).take(&message).is_ok(), "{state}");
    }
}

#[test]
fn every_hostile_file_ends_in_the_code_it_names() {
    let files = fixture::read_all("hostile-transfer");
    assert!(files.len() > 35, "only {} files", files.len());
    for (name, text) in files {
        let field =
            |field| fixture::field(&text, field).unwrap_or_else(|| panic!("{name}: {field}"));
        let error = State::named(field("state"))
            .take(&fixture::parse(&text))
            .expect_err(&name);
        assert_eq!(error.code().as_str(), field("expected"), "{name}");
        assert!(
            matches!(error, crate::Error::PeerMisbehaved { .. }),
            "{name}"
        );
    }
}

#[test]
fn the_hostile_files_are_what_the_generator_makes() {
    let files = cases().into_iter().map(|case| {
        let mut fixture = Fixture::new([
            format!("{}.", case.what),
            format!("state: {}", case.state),
            format!("expected: {}", case.expected),
        ]);
        fixture.piece("the message", &case.message);
        (case.name, fixture.render())
    });
    fixture::check_folder("hostile-transfer", files.collect());
}

#[test]
fn an_empty_piece_of_a_list_changes_nothing() {
    let wire = pair().run(1, 1);
    let State::Columns(state) = State::named("ExpectColumns") else {
        panic!("another state");
    };
    let Ok(Awaiting::More(state)) = state.handle(&[]) else {
        panic!("nothing was sent");
    };
    assert!(matches!(state.handle(&wire.columns), Ok(Awaiting::Done(_))));
    let State::Corrections(state) = State::named("ExpectCorrections") else {
        panic!("another state");
    };
    let Ok(Awaiting::More(state)) = state.handle(&[]) else {
        panic!("nothing was sent");
    };
    assert!(matches!(
        state.handle(&wire.corrections),
        Ok(Awaiting::Done(_))
    ));
}
