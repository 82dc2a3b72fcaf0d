//! `testdata/wire/*.hex`: every control message as bytes with a comment per field.
//!
//! The files' bytes are put together here field by field, without the encoder, so that they show
//! what the format is and not what the code makes of it.

mod contact;
mod opening;

use crate::dp::Amount;
use crate::error::Code;
use crate::facts::{Clamp, GroupFacts, LabelKind, TableFacts, ValueFacts};
use crate::facts_fixture::facts;
use crate::fixture::{self, Fixture};
use crate::identifier::IdentifierKind;
use crate::list::{RecordCodec as _, Rice, reference};
use crate::messages::frame::{FRAME_HEADER_BYTES, FrameKind, ListId, RowsHeader, decode_header};
use crate::messages::{Control, EntryMessage, Opening, Outcome, Proposal, SettleState, codec};
use crate::receipt::OutputCommitment;
use crate::spec::{
    AskedMode, CollabId, Half, JobId, LiteralCommitment, Nonce, Recipients, RevisionHash,
};

/// Labels and bytes of the fields of a message.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    fn add(mut self, label: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push((label.into(), bytes.as_ref().to_vec()));
        self
    }

    fn message(number: u32, name: &str) -> Self {
        Self::default().add(&format!("message {number}: {name}"), number.to_be_bytes())
    }

    fn u16(self, label: &str, value: u16) -> Self {
        self.add(&format!("{label}: u16 = {value}"), value.to_be_bytes())
    }

    fn u32(self, label: &str, value: u32, meaning: &str) -> Self {
        let label = format!("{label}: u32 = {value}, {meaning}");
        self.add(&label, value.to_be_bytes())
    }

    fn u64(self, label: &str, value: u64) -> Self {
        self.add(&format!("{label}: u64 = {value}"), value.to_be_bytes())
    }

    fn i64(self, label: &str, value: i64) -> Self {
        self.add(&format!("{label}: i64 = {value}"), value.to_be_bytes())
    }

    fn bool(self, label: &str, value: bool) -> Self {
        self.add(&format!("{label}: bool = {value}"), [u8::from(value)])
    }

    fn bytes<const N: usize>(self, label: &str, value: [u8; N]) -> Self {
        self.add(&format!("{label}: [{N}]"), value)
    }

    fn some(self, label: &str) -> Self {
        self.add(&format!("{label}: present"), [1])
    }

    fn none(self, label: &str) -> Self {
        self.add(&format!("{label}: absent"), [0])
    }

    fn text(self, label: &str, value: &str) -> Self {
        self.u64(&format!("{label}: bytes"), value.len() as u64)
            .add(&format!("{label}: {value:?}"), value)
    }

    fn code(self, code: Code) -> Self {
        let number = code.number();
        self.add(&format!("code: {code}"), number.to_be_bytes())
    }

    fn half(self, node: u8, kinds: &[(&str, u32, &str)]) -> Self {
        self.bytes("half.node_id", [node; 32])
            .bytes("half.nonce", [node + 1; 32])
            .facts(kinds)
    }

    /// Facts up to the columns that a query uses.
    fn facts(self, kinds: &[(&str, u32, &str)]) -> Self {
        let mut fields = self
            .text("half.facts.member", "snowy")
            .text("half.facts.table", "customers")
            .u64("half.facts.key_columns: count", kinds.len() as u64);
        for (column, ..) in kinds {
            fields = fields.text("half.facts.key_columns", column);
        }
        fields = fields.u64("half.facts.key_kinds: count", kinds.len() as u64);
        for (_, number, kind) in kinds {
            fields = fields.u32("half.facts.key_kinds", *number, kind);
        }
        fields
            .bool("half.facts.key_unique", true)
            .u64("half.facts.identities", 5000)
            .u64("half.facts.minimum", 10)
            .bool("half.facts.prefer_receiver", false)
            .bool("half.facts.owner_may_receive", false)
            .bool("half.facts.result_to_both", true)
            .u64("half.facts.rows_bound", 1)
    }

    /// No groups and no aggregated expressions.
    fn no_columns(self) -> Self {
        self.u64("half.facts.groups: count", 0)
            .u64("half.facts.values: count", 0)
            .none("half.facts.privacy")
    }

    /// The facts of [`columns`].
    fn columns(self) -> Self {
        self.u64("half.facts.groups: count", 1)
            .u32("half.facts.groups.labels", 0, "Text")
            .u64("half.facts.groups.values: count", 2)
            .text("half.facts.groups.values", "north")
            .text("half.facts.groups.values", "south")
            .u64("half.facts.groups.identities: count", 3)
            .u64("half.facts.groups.identities", 3000)
            .u64("half.facts.groups.identities", 1900)
            .u64("half.facts.groups.identities, of other", 100)
            .u64("half.facts.values: count", 1)
            .bool("half.facts.values.whole", false)
            .add("half.facts.values.decimals: u8 = 2", [2])
            .bool("half.facts.values.nullable", true)
            .some("half.facts.values.clamp")
            .i64("half.facts.values.clamp.low", -65_536)
            .i64("half.facts.values.clamp.high", 1000)
            .u64("half.facts.values.sum_bound", 65_536)
            .u64("half.facts.values.squares_bound", 1)
            .none("half.facts.privacy")
    }
}

/// A group expression and an aggregated one.
fn columns(mut half: Half) -> Half {
    half.facts.groups = vec![GroupFacts {
        labels: LabelKind::Text,
        values: vec!["north".into(), "south".into()],
        identities: vec![3000, 1900, 100],
    }];
    half.facts.values = vec![ValueFacts {
        whole: false,
        decimals: 2,
        nullable: true,
        clamp: Some(Clamp {
            low: -65_536,
            high: 1000,
        }),
        sum_bound: 65_536,
        squares_bound: 1,
    }];
    half
}

fn half(node: u8, kinds: &[(&str, IdentifierKind)]) -> Half {
    let columns = kinds.iter().map(|(column, _)| (*column).to_owned());
    Half {
        node_id: [node; 32].into(),
        nonce: [node + 1; 32].into(),
        facts: TableFacts {
            key_columns: columns.collect(),
            key_kinds: kinds.iter().map(|(_, kind)| *kind).collect(),
            ..facts("snowy", 5000, 10)
        },
    }
}

/// Name of the file, value, fields.
pub(super) fn messages() -> Vec<(&'static str, Control, Fields)> {
    let mut messages = agreeing();
    messages.extend(matching());
    messages.extend(settling());
    messages.extend(opening::messages());
    messages.extend(inquiring());
    messages.extend(contact::messages());
    messages
}

fn inquiring() -> Vec<(&'static str, Control, Fields)> {
    let query = "SELECT COUNT(*) FROM brand.customers WHERE brand.customers.age > $1";
    let mut asked = half(0xa0, &[("email", IdentifierKind::Email)]);
    asked.nonce = Nonce::ZERO;
    vec![
        (
            "inquire",
            Control::Inquire(Proposal {
                version: 1,
                collab_id: CollabId([0xc0; 32]),
                revision: RevisionHash([0xc1; 32]),
                query: query.into(),
                hidden: vec![LiteralCommitment([0; 64])],
                recipients: Recipients::Requester,
                mode: AskedMode::Exact,
                half: asked,
            }),
            Fields::message(19, "Inquire")
                .u16("version", 1)
                .bytes("collab_id", [0xc0; 32])
                .bytes("revision", [0xc1; 32])
                .text("query", query)
                .u64("hidden: count", 1)
                .bytes("hidden", [0; 64])
                .u32("recipients", 0, "Requester")
                .u32("mode", 0, "Exact")
                .bytes("half.node_id", [0xa0; 32])
                .bytes("half.nonce", [0; 32])
                .facts(&[("email", 3, "email")])
                .no_columns(),
        ),
        (
            "facts",
            Control::Facts {
                facts: half(0xb0, &[("email", IdentifierKind::Email)]).facts,
                approval: true,
            },
            Fields::message(20, "Facts")
                .facts(&[("email", 3, "email")])
                .no_columns()
                .bool("approval", true),
        ),
    ]
}

fn agreeing() -> Vec<(&'static str, Control, Fields)> {
    let query = "SELECT COUNT(*) FROM brand.customers WHERE brand.customers.age > $1";
    vec![
        (
            "propose",
            Control::Propose(Proposal {
                version: 1,
                collab_id: CollabId([0xc0; 32]),
                revision: RevisionHash([0xc1; 32]),
                query: query.into(),
                hidden: vec![LiteralCommitment([0x41; 64])],
                recipients: Recipients::Both,
                mode: AskedMode::Exact,
                half: half(0xa0, &[("email", IdentifierKind::Email)]),
            }),
            Fields::message(0, "Propose")
                .u16("version", 1)
                .bytes("collab_id", [0xc0; 32])
                .bytes("revision", [0xc1; 32])
                .text("query", query)
                .u64("hidden: count", 1)
                .bytes("hidden", [0x41; 64])
                .u32("recipients", 1, "Both")
                .u32("mode", 0, "Exact")
                .half(0xa0, &[("email", 3, "email")])
                .no_columns(),
        ),
        (
            "accept",
            Control::Accept {
                half: half(
                    0xb0,
                    &[("mail", IdentifierKind::Email), ("nr", IdentifierKind::Int)],
                ),
                signature: [0x51; 64].into(),
            },
            Fields::message(1, "Accept")
                .half(0xb0, &[("mail", 3, "email"), ("nr", 6, "int")])
                .no_columns()
                .bytes("signature", [0x51; 64]),
        ),
        (
            "accept_groups_and_sums",
            Control::Accept {
                half: columns(half(0xb0, &[("mail", IdentifierKind::Email)])),
                signature: [0x51; 64].into(),
            },
            Fields::message(1, "Accept")
                .half(0xb0, &[("mail", 3, "email")])
                .columns()
                .bytes("signature", [0x51; 64]),
        ),
        (
            "refuse",
            Control::Refuse {
                code: Code::FilterNotAllowed,
                recorded: true,
            },
            Fields::message(2, "Refuse")
                .code(Code::FilterNotAllowed)
                .bool("recorded", true),
        ),
        (
            "agree",
            Control::Agree {
                signature: [0x52; 64].into(),
            },
            Fields::message(3, "Agree").bytes("signature", [0x52; 64]),
        ),
        (
            "commitment",
            Control::Commitment {
                commitment: [0x61; 64].into(),
                policy: [0x64; 64].into(),
                charge: Amount {
                    micro_epsilon: 500_000,
                    delta_units: 18_446_744_074,
                },
            },
            Fields::message(4, "Commitment")
                .bytes("commitment", [0x61; 64])
                .bytes("policy", [0x64; 64])
                .u64("charge: epsilon in millionths", 500_000)
                .u64("charge: delta in units of 2^-64", 18_446_744_074),
        ),
        (
            "entry",
            Control::Entry(EntryMessage {
                entry: vec![1, 2, 3],
                signatures: [Some([0x53; 64].into()), None],
            }),
            Fields::message(5, "Entry")
                .u64("entry: bytes", 3)
                .add(
                    "entry: an encoded entry, here three bytes in its place",
                    [1, 2, 3],
                )
                .some("signature of the smaller node id")
                .bytes("signature", [0x53; 64])
                .none("signature of the larger node id"),
        ),
        (
            "countersign",
            Control::Countersign {
                signature: [0x54; 64].into(),
            },
            Fields::message(6, "Countersign").bytes("signature", [0x54; 64]),
        ),
    ]
}

fn matching() -> Vec<(&'static str, Control, Fields)> {
    let outcome = |released, count| {
        let opening = Some(Opening {
            released,
            count,
            salt: [0x71; 32].into(),
        });
        Control::Outcome(Outcome {
            opening,
            output_commitment: OutputCommitment([0x62; 64]),
        })
    };
    let outcome_fields = |released, count| {
        Fields::message(8, "Outcome")
            .some("opening")
            .bool("opening.released", released)
            .u64("opening.count", count)
            .bytes("opening.salt", [0x71; 32])
            .bytes("output_commitment", [0x62; 64])
    };
    vec![
        (
            "sender_key",
            Control::SenderKey {
                match_index: 0,
                point: [0x11; 32],
            },
            Fields::message(7, "SenderKey")
                .add("match_index: u8 = 0", [0])
                .bytes("point", [0x11; 32]),
        ),
        (
            "outcome_released",
            outcome(true, 318),
            outcome_fields(true, 318),
        ),
        (
            "outcome_suppressed",
            outcome(false, 0),
            outcome_fields(false, 0),
        ),
        (
            "outcome_without_opening",
            Control::Outcome(Outcome {
                opening: None,
                output_commitment: OutputCommitment([0x62; 64]),
            }),
            Fields::message(8, "Outcome")
                .none("opening")
                .bytes("output_commitment", [0x62; 64]),
        ),
        ("working", Control::Working, Fields::message(9, "Working")),
        (
            "abort",
            Control::Abort(Code::CanaryMissing),
            Fields::message(10, "Abort").code(Code::CanaryMissing),
        ),
    ]
}

fn settling() -> Vec<(&'static str, Control, Fields)> {
    vec![
        (
            "settle_request",
            Control::SettleRequest {
                collab_id: CollabId([0xc0; 32]),
            },
            Fields::message(11, "SettleRequest").bytes("collab_id", [0xc0; 32]),
        ),
        (
            "settle",
            Control::Settle(SettleState {
                collab_id: CollabId([0xc0; 32]),
                entries: 7,
                head: [0x81; 64].into(),
                signature: Some([0x55; 64].into()),
                live: vec![JobId([0x91; 64]), JobId([0x92; 64])],
                statement: Some("restored from Monday's backup".into()),
            }),
            Fields::message(12, "Settle")
                .bytes("collab_id", [0xc0; 32])
                .u64("entries", 7)
                .bytes("head", [0x81; 64])
                .some("signature")
                .bytes("signature", [0x55; 64])
                .u64("live: count", 2)
                .bytes("live", [0x91; 64])
                .bytes("live", [0x92; 64])
                .some("statement")
                .text("statement", "restored from Monday's backup"),
        ),
        (
            "settle_empty_log",
            Control::Settle(SettleState {
                collab_id: CollabId([0xc0; 32]),
                entries: 0,
                head: [0; 64].into(),
                signature: None,
                live: Vec::new(),
                statement: None,
            }),
            Fields::message(12, "Settle")
                .bytes("collab_id", [0xc0; 32])
                .u64("entries", 0)
                .bytes("head", [0; 64])
                .none("signature")
                .u64("live: count", 0)
                .none("statement"),
        ),
        (
            "settled",
            Control::Settled {
                live: vec![JobId([0x91; 64])],
            },
            Fields::message(13, "Settled")
                .u64("live: count", 1)
                .bytes("live", [0x91; 64]),
        ),
        (
            "ready_to_close",
            Control::ReadyToClose,
            Fields::message(21, "ReadyToClose"),
        ),
    ]
}

/// A rows frame: the whole code of a list of two tags of seven bytes.
fn rows() -> (&'static str, Fields) {
    let fields = Fields::default()
        .add("list: u8 = 2, Tags", [2])
        .add("match: u8 = 0", [0])
        .u16("part", 0)
        .add(
            "code of two records of 7 bytes, 01 and 02 seven times, k = 54",
            reference::pack(&reference::bits(7, 2, &[[1; 7], [2; 7]])),
        );
    ("rows_of_tags", fields)
}

fn render(kind: u8, name: &str, fields: &Fields) -> String {
    let length: usize = fields.0.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut fixture = Fixture::new([format!("{name}: one frame (Spec 06).")]);
    let kind_name = if kind == 1 { "control" } else { "rows" };
    fixture.piece(format!("kind of frame: u8 = {kind}, {kind_name}"), [kind]);
    let length_bytes = u32::try_from(length).unwrap().to_be_bytes();
    fixture.piece(format!("length: u32 = {length}"), length_bytes);
    for (label, bytes) in &fields.0 {
        fixture.piece(label, bytes);
    }
    fixture.render()
}

#[test]
fn the_wire_files_are_the_fields_of_the_format() {
    let mut files: Vec<(String, String)> = messages()
        .iter()
        .map(|(name, _, fields)| ((*name).to_owned(), render(1, name, fields)))
        .collect();
    let (name, fields) = rows();
    files.push((name.to_owned(), render(2, name, &fields)));
    fixture::check_folder("wire", files);
}

fn body(text: &str, kind: FrameKind) -> Vec<u8> {
    let bytes = fixture::parse(text);
    let (header, body) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>().unwrap();
    assert_eq!(decode_header(*header).unwrap(), (kind, body.len()));
    body.to_vec()
}

#[test]
fn every_wire_file_decodes_to_its_value_and_encodes_to_the_same_bytes() {
    for (name, message, fields) in messages() {
        let body = body(&render(1, name, &fields), FrameKind::Control);
        assert_eq!(codec::decode::<Control>(&body).unwrap(), message, "{name}");
        assert_eq!(codec::encode(&message), body, "{name}");
    }
    let (name, fields) = rows();
    let body = body(&render(2, name, &fields), FrameKind::Rows);
    let (header, bytes) = RowsHeader::split(&body).unwrap();
    let expected = RowsHeader {
        list: ListId::Tags,
        match_index: 0,
        part: 0,
    };
    assert_eq!(header, expected);
    assert_eq!(header.encode(), body[..4]);
    let mut records = Vec::new();
    let mut decoder = Rice.decoder(7, 2).unwrap();
    decoder.decode(bytes, &mut records).unwrap();
    decoder.finish().unwrap();
    assert_eq!(records, [[1; 7], [2; 7]].concat());
}

#[test]
fn every_control_message_has_a_wire_file() {
    // A new message must be added here, and so to the files.
    let number = |message: &Control| match message {
        Control::Propose(_) => 0,
        Control::Accept { .. } => 1,
        Control::Refuse { .. } => 2,
        Control::Agree { .. } => 3,
        Control::Commitment { .. } => 4,
        Control::Entry(_) => 5,
        Control::Countersign { .. } => 6,
        Control::SenderKey { .. } => 7,
        Control::Outcome(_) => 8,
        Control::Working => 9,
        Control::Abort(_) => 10,
        Control::SettleRequest { .. } => 11,
        Control::Settle(_) => 12,
        Control::Settled { .. } => 13,
        Control::MatchTotal { .. } => 14,
        Control::PartCounts { .. } => 15,
        Control::ShareCommitment { .. } => 16,
        Control::Share { .. } => 17,
        Control::Output { .. } => 18,
        Control::Inquire(_) => 19,
        Control::Facts { .. } => 20,
        Control::ReadyToClose => 21,
        Control::Ping(_) => 22,
        Control::Pong(_) => 23,
        Control::AskOffer { .. } => 24,
        Control::Offered(_) => 25,
    };
    let mut seen = [false; 26];
    for (name, message, _) in messages() {
        let number: u8 = number(&message);
        seen[usize::from(number)] = true;
        assert_eq!(
            codec::encode(&message)[..4],
            u32::from(number).to_be_bytes(),
            "{name}"
        );
    }
    assert_eq!(seen, [true; 26]);
}
