//! Hostile peers as files: `testdata/hostile/*.hex`, each the frames that a peer sends, with one
//! defect that its name states.
//!
//! The victims are machines between two small fixed sides, of a single count and of jobs with
//! parts and sums; `victim` makes and feeds them. `to_receiver`, `to_sender`, `framing`, `sums`
//! and `transfer` make the files.

mod framing;
mod sums;
mod to_receiver;
mod to_sender;
mod transfer;
mod victim;

use std::sync::{Arc, OnceLock};

use super::pair::{Frame, REQUESTER_SEED, RESPONDER_SEED};
use super::{ListId, MatchSetup, Portable, Side, run_count, spec_of};
use crate::canary::Canaries;
use crate::error::Code;
use crate::fixture::{self, Fixture};
use crate::group::{Element, SecretScalar};
use crate::list::{RecordCodec as _, Rice, reference};
use crate::messages::{Control, Outcome, codec};
use crate::seed::{JobSeed, Purpose};
use crate::spec::Recipients;
use victim::Victim;

// The requester is Receiver of the count.
const RECEIVER_SEED: [u8; 32] = REQUESTER_SEED;
const SENDER_SEED: [u8; 32] = RESPONDER_SEED;

fn receiver_side() -> Side {
    Side::of(0..4, 4, 2)
}

fn sender_side() -> Side {
    Side::of(1..5, 4, 2)
}

fn setup(recipients: Recipients) -> MatchSetup {
    let spec = spec_of(&receiver_side(), &sender_side(), recipients);
    MatchSetup::new(&spec, 0).unwrap()
}

/// What two honest sides send each other: three of four people are shared.
struct Honest {
    blinded: Vec<[u8; 32]>,
    key: [u8; 32],
    tags: Vec<Vec<u8>>,
    reply: Vec<[u8; 32]>,
    outcome: Outcome,
    /// What the canaries of `blinded` are in `reply`.
    canaries: Vec<[u8; 32]>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let setup = setup(Recipients::Both);
        let spec = spec_of(&receiver_side(), &sender_side(), Recipients::Both);
        let kernel: Arc<dyn crate::kernel::Kernel> = Arc::new(Portable);
        let sides = [&receiver_side(), &sender_side()];
        let ends = run_count(&spec, sides, &kernel, 1 << 18).unwrap();
        let (mut blinded, mut key, mut tags, mut reply) = Default::default();
        let mut outcome = None;
        for (_, bytes) in &ends.wire {
            match Frame::split(bytes).unwrap().0 {
                Frame::Rows(header, code) => {
                    let (list, width) = match header.list {
                        ListId::Blinded => (&mut blinded, 32),
                        ListId::Tags => (&mut tags, setup.tag_bytes),
                        _ => (&mut reply, 32),
                    };
                    *list = decode(width, &code);
                }
                Frame::Control(Control::SenderKey { point, .. }) => key = point,
                Frame::Control(Control::Outcome(message)) => outcome = Some(message),
                Frame::Control(_) => {}
            }
        }
        let mut stream = JobSeed::new(RECEIVER_SEED).stream(Purpose::Canaries, 0, 0);
        let canaries = Canaries::draw(&mut stream, setup.parts[0].canaries, &Portable);
        let b = JobSeed::new(SENDER_SEED)
            .stream(Purpose::SenderScalar, 0, 0)
            .scalar();
        let points = |list: Vec<Vec<u8>>| -> Vec<[u8; 32]> {
            let points = list.into_iter().map(|point| point.try_into().unwrap());
            points.collect()
        };
        Honest {
            blinded: points(blinded),
            key,
            tags,
            reply: points(reply),
            outcome: outcome.unwrap(),
            canaries: times(canaries.points(), &b),
        }
    })
}

/// The records of a whole list's code.
fn decode(width: usize, code: &[u8]) -> Vec<Vec<u8>> {
    let honest = setup(Recipients::Both);
    let count = match width {
        32 => honest.points(),
        _ => honest.sender_size,
    };
    let mut records = Vec::new();
    let mut decoder = Rice.decoder(width, count).unwrap();
    decoder.decode(code, &mut records).unwrap();
    records.chunks(width).map(<[u8]>::to_vec).collect()
}

/// The bits of points as those of a blinded list or a reply, whatever their number and order.
fn point_bits(points: &[[u8; 32]]) -> Vec<bool> {
    reference::bits(32, honest().blinded.len() as u64, points)
}

fn point_code(points: &[[u8; 32]]) -> Vec<u8> {
    reference::pack(&point_bits(points))
}

fn tag_bits(tags: &[Vec<u8>]) -> Vec<bool> {
    let honest = &honest().tags;
    reference::bits(honest[0].len(), honest.len() as u64, tags)
}

fn tag_code(tags: &[Vec<u8>]) -> Vec<u8> {
    reference::pack(&tag_bits(tags))
}

/// The whole bytes of bits that others should follow.
fn unended(bits: &[bool]) -> Vec<u8> {
    reference::pack(&bits[..bits.len() - bits.len() % 8])
}

fn times(points: &[[u8; 32]], k: &SecretScalar) -> Vec<[u8; 32]> {
    let times = |point| Element::decode(point).unwrap().mul(k).encode();
    points.iter().map(times).collect()
}

/// A point that no side of the match ever makes.
fn stranger(number: u64) -> [u8; 32] {
    let mut wide = [0x5a; 64];
    wide[..8].copy_from_slice(&number.to_be_bytes());
    Element::from_uniform_bytes(&wide).encode()
}

/// `points` with the one at `place` replaced by `point`, in order again.
fn with(points: &[[u8; 32]], place: usize, point: [u8; 32]) -> Vec<[u8; 32]> {
    let mut points = points.to_vec();
    points[place] = point;
    points.sort_unstable();
    points
}

/// One file.
struct Case {
    name: &'static str,
    what: &'static str,
    victim: Victim,
    /// How many frames of an honest peer come before.
    after: usize,
    /// The state in which the victim notices.
    state: &'static str,
    expected: Code,
    frames: Vec<(String, Vec<u8>)>,
}

impl Case {
    fn new(
        victim: Victim,
        state: &'static str,
        expected: Code,
        name: &'static str,
        what: &'static str,
    ) -> Self {
        let frames = Vec::new();
        Self {
            name,
            what,
            victim,
            after: 0,
            state,
            expected,
            frames,
        }
    }

    /// Lets `frames` frames of an honest peer come before.
    fn after(mut self, frames: usize) -> Self {
        self.after = frames;
        self
    }

    /// Bytes as they are, whether or not they are a frame.
    fn raw(mut self, label: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.frames.push((label.into(), bytes.as_ref().to_vec()));
        self
    }

    fn frame(self, kind: u8, label: &str, body: &[u8]) -> Self {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let header = [&[kind], length.as_slice()].concat();
        let kind = if kind == 1 { "control" } else { "rows" };
        self.raw(&format!("frame: {kind}, {} bytes", body.len()), header)
            .raw(label, body)
    }

    fn control(self, message: &Control) -> Self {
        let text = format!("{message:?}");
        let name: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
        self.frame(1, &name, &codec::encode(message))
    }

    /// A rows frame with any header: list, match, part.
    fn rows(self, header: [u8; 4], bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let length = u32::try_from(4 + bytes.len()).unwrap().to_be_bytes();
        let [list, match_index, high, low] = header;
        let part = u16::from_be_bytes([high, low]);
        self.raw(
            &format!("frame: rows, {} bytes", 4 + bytes.len()),
            [&[2], length.as_slice()].concat(),
        )
        .raw(
            &format!("list {list}, match {match_index}, part {part}"),
            header,
        )
        .raw("code of records", bytes)
    }

    fn blinded(self, points: &[[u8; 32]]) -> Self {
        self.rows([1, 0, 0, 0], point_code(points))
    }

    fn key(self, point: [u8; 32]) -> Self {
        self.control(&Control::SenderKey {
            match_index: 0,
            point,
        })
    }

    fn tags(self, tags: &[Vec<u8>]) -> Self {
        self.rows([2, 0, 0, 0], tag_code(tags))
    }

    fn reply(self, points: &[[u8; 32]]) -> Self {
        self.rows([3, 0, 0, 0], point_code(points))
    }

    fn render(&self) -> String {
        let mut head = vec![
            format!("{}.", self.what),
            format!("victim: {}", self.victim.name()),
        ];
        if self.after > 0 {
            head.push(format!("honest frames before: {}", self.after));
        }
        head.push(format!("state: {}", self.state));
        head.push(format!("expected: {}", self.expected));
        let mut fixture = Fixture::new(head);
        for (label, bytes) in &self.frames {
            fixture.piece(label, bytes);
        }
        fixture.render()
    }
}

#[test]
fn every_hostile_file_ends_in_the_code_it_names() {
    let files = fixture::read_all("hostile");
    assert!(files.len() > 130, "only {} files", files.len());
    for (name, text) in files {
        let field =
            |field| fixture::field(&text, field).unwrap_or_else(|| panic!("{name}: {field}"));
        let victim = Victim::from_name(field("victim"));
        let before = fixture::field(&text, "honest frames before");
        let before = before.map_or(0, |number| number.parse().unwrap());
        let node = victim.start_after(before);
        let Err((state, error)) = victim::feed(node, &fixture::parse(&text)) else {
            panic!("{name}: the defect went unnoticed");
        };
        assert_eq!(error.code().as_str(), field("expected"), "{name}");
        assert_eq!(state, field("state"), "{name}");
        assert!(error.code().is_violation(), "{name}");
        assert!(
            matches!(error, crate::Error::PeerMisbehaved { .. }),
            "{name}"
        );
    }
}

#[test]
fn the_hostile_files_are_what_the_generator_makes() {
    let cases = [
        to_sender::cases(),
        to_receiver::cases(),
        framing::cases(),
        sums::cases(),
        transfer::cases(),
    ];
    let files = cases.iter().flatten();
    let files = files.map(|case| (case.name.to_owned(), case.render()));
    fixture::check_folder("hostile", files.collect());
}

#[test]
fn the_same_victims_accept_honest_peers() {
    let honest = honest();
    let (blinded, tags) = (point_code(&honest.blinded), tag_code(&honest.tags));
    let case = Case::new(Victim::Sender, "", Code::WrongCount, "", "")
        .blinded(&honest.blinded)
        .control(&Control::Outcome(honest.outcome));
    assert_eq!(case.end(), "ExpectEntry");
    let case = Case::new(Victim::SenderWithoutResult, "", Code::WrongCount, "", "")
        .rows([1, 0, 0, 0], &blinded[..1])
        .rows([1, 0, 0, 0], &blinded[1..])
        .control(&Control::Outcome(Outcome {
            opening: None,
            ..honest.outcome
        }));
    assert_eq!(case.end(), "ExpectEntry");
    let case = Case::new(Victim::Receiver, "", Code::WrongCount, "", "")
        .key(honest.key)
        .control(&Control::Working)
        .rows([2, 0, 0, 0], &tags[..2])
        .rows([2, 0, 0, 0], &tags[2..])
        .reply(&honest.reply);
    assert_eq!(case.end(), "ExpectEntry");
    let shown = honest.outcome.opening.unwrap();
    assert_eq!((shown.released, shown.count), (true, 3));
}

impl Case {
    /// The state in which an honest case leaves its victim.
    fn end(&self) -> &'static str {
        let bytes = fixture::parse(&self.render());
        let node = victim::feed(self.victim.start(), &bytes);
        node.map_err(|(_, error)| error).unwrap().awaits()
    }
}
