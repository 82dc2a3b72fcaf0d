//! A Receiver that breaks the protocol of the transfer, over real QUIC: frames out of turn, of
//! wrong sizes, and columns that do not hold the same bits. No correction leaves before the check
//! has held.
//!
//! Anna is Sender, because she owns what is summed; the test plays bert, who asks.

use std::fmt::Write as _;

use psi_core::Code;
use psi_core::messages::Control;
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::ot::{BASE_KEYS_BYTES, CHECK_BYTES, COLUMN_RECORD_BYTES};
use psi_core::spec::{Form, JobSpec, Shape, SideShape, ValueShape};
use psi_node::net::{Frame, FrameReceiver};

use crate::harness::people_table;
use crate::stage::{Asking, PEOPLE, Stage, Wire, blinded, code, own_lists};

const QUERY: &str = "SELECT SUM(anna.people.age) FROM bert.people JOIN anna.people \
                     ON bert.people.name = anna.people.name";

fn shape() -> Shape {
    let asked = ValueShape {
        count: false,
        sum: true,
        squares: false,
    };
    Shape {
        form: Form::Join,
        rows: false,
        requester: SideShape::default(),
        responder: SideShape {
            groups: 0,
            values: vec![asked],
        },
    }
}

fn stage() -> Stage {
    let aggregate = "[table.people.aggregate.age]\nfunctions = [\"sum\"]\n";
    let table = format!("{}{aggregate}", people_table("text", PEOPLE, 1, ""));
    let mut csv = String::from("name,age\n");
    for n in 0..PEOPLE {
        writeln!(csv, "person-{n},{}", 20 + n % 60).unwrap();
    }
    Stage::with(&table, &csv)
}

const fn header(list: ListId) -> RowsHeader {
    RowsHeader {
        list,
        match_index: 0,
        part: 0,
    }
}

/// Everything anna sends until she ends the stream: the lists of her rows, and her code.
async fn all_that_comes(receive: &mut FrameReceiver) -> (Vec<ListId>, Code) {
    let mut lists = Vec::new();
    loop {
        match receive.next().await {
            Ok(Frame::Rows(header, _)) => lists.push(header.list),
            Ok(Frame::Control(Control::Abort(code) | Control::Refuse { code, .. })) => {
                return (lists, code);
            }
            Ok(Frame::Control(_)) => {}
            Err(error) => return (lists, error.code()),
        }
    }
}

/// Valid points that ascend, as many as the list has: a Sender cannot tell them from an honest
/// list.
async fn send_points((send, _): &mut Wire, spec: &JobSpec) {
    let (_, _, points) = own_lists(spec);
    send.rows(blinded(), &code(32, &points)).await.unwrap();
}

/// Valid base keys: the encodings of points.
fn base_keys(spec: &JobSpec) -> Vec<u8> {
    let (_, _, points) = own_lists(spec);
    points.into_iter().cycle().take(BASE_KEYS_BYTES).collect()
}

/// What bert sends in the place of an honest transfer, frame by frame.
type Frames = Vec<(ListId, Vec<u8>)>;

/// Opens a job honestly, sends A if `after_points`, then `frames`, and expects `expected`.
#[track_caller]
fn transfer_ends_in(expected: Code, after_points: bool, frames: impl FnOnce(&JobSpec) -> Frames) {
    let mut stage = stage();
    let bert = stage.bert_asking(Asking::new(QUERY, shape()));
    let (lists, ended) = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        let spec = bert.open_job(&mut wire).await;
        assert_eq!(spec.payload.components.len(), 1);
        if after_points {
            send_points(&mut wire, &spec).await;
        }
        for (list, bytes) in frames(&spec) {
            // Anna may end the stream in the middle.
            if wire.0.rows(header(list), &bytes).await.is_err() {
                break;
            }
        }
        all_that_comes(&mut wire.1).await
    });
    assert_eq!(ended, expected);
    assert!(!lists.contains(&ListId::Corrections), "{lists:?}");
    stage.anna_is_well();
}

/// Columns of a transfer of `PEOPLE` rows: the sacrificed rows and one word.
const COLUMN_BYTES: usize = 2 * COLUMN_RECORD_BYTES;

#[test]
fn columns_before_the_blinded_list_end_the_job() {
    transfer_ends_in(Code::UnexpectedMessage, false, |_| {
        vec![(ListId::Columns, vec![1; COLUMN_BYTES])]
    });
}

#[test]
fn columns_before_the_base_keys_end_the_job() {
    transfer_ends_in(Code::UnexpectedMessage, true, |_| {
        vec![(ListId::Columns, vec![1; COLUMN_BYTES])]
    });
}

#[test]
fn a_list_that_only_a_sender_sends_ends_the_job() {
    transfer_ends_in(Code::UnexpectedMessage, true, |_| {
        vec![(ListId::Corrections, vec![1; 8])]
    });
}

#[test]
fn base_keys_that_are_short_or_no_elements_end_the_job() {
    transfer_ends_in(Code::MalformedMessage, true, |spec| {
        let mut keys = base_keys(spec);
        keys.pop();
        vec![(ListId::BaseKeys, keys)]
    });
    transfer_ends_in(Code::NonCanonicalElement, true, |_| {
        vec![(ListId::BaseKeys, vec![0xff; BASE_KEYS_BYTES])]
    });
}

#[test]
fn a_check_before_the_last_column_ends_the_job() {
    transfer_ends_in(Code::UnexpectedMessage, true, |spec| {
        vec![
            (ListId::BaseKeys, base_keys(spec)),
            (ListId::Columns, vec![1; COLUMN_RECORD_BYTES]),
            (ListId::ColumnCheck, vec![1; CHECK_BYTES]),
        ]
    });
}

#[test]
fn more_columns_than_the_transfer_has_end_the_job() {
    transfer_ends_in(Code::WrongCount, true, |spec| {
        vec![
            (ListId::BaseKeys, base_keys(spec)),
            (ListId::Columns, vec![1; 2 * COLUMN_BYTES]),
        ]
    });
}

#[test]
fn columns_that_do_not_hold_the_same_bits_end_the_job_before_any_correction() {
    transfer_ends_in(Code::TransferInconsistent, true, |spec| {
        vec![
            (ListId::BaseKeys, base_keys(spec)),
            (ListId::Columns, vec![1; COLUMN_BYTES]),
            (ListId::ColumnCheck, vec![1; CHECK_BYTES]),
        ]
    });
}
