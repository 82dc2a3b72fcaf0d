//! A member that computes honestly and changes one frame of what it sends, over real QUIC: as
//! Receiver, as Sender, and in the opening of sums. Every change ends in its documented code, and
//! the node lives.
//!
//! The test plays bert, who asks; his half of the matches is the machine that nodes drive. Single
//! frames of all states are files in `psi-core/testdata/hostile`.

use std::fmt::Write as _;
use std::sync::Arc;

use psi_core::Code;
use psi_core::facts::ValueFacts;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::portable::Portable;
use psi_core::list::{Rice, encode_list};
use psi_core::messages::Control;
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::progress::Silent;
use psi_core::seed::JobSeed;
use psi_core::session::{Exchange, JobLists, Outgoing, SharedList, Step, Tools};
use psi_core::spec::{Form, JobSpec, Party, Recipients, Shape, SideShape, ValueShape};
use psi_core::store::{MemoryStore, RecordStore as _};
use psi_node::net::Frame;

use crate::harness::people_table;
use crate::stage::{Asking, PEOPLE, Stage, Wire};

const ANNAS_SUM: &str = "SELECT SUM(anna.people.age) FROM bert.people JOIN anna.people \
                         ON bert.people.name = anna.people.name";
const BERTS_SUM: &str = "SELECT SUM(bert.people.age) FROM bert.people JOIN anna.people \
                         ON bert.people.name = anna.people.name";
const BOTH_SUMS: &str = "SELECT SUM(anna.people.age), SUM(bert.people.age) FROM bert.people \
                         JOIN anna.people ON bert.people.name = anna.people.name";

const fn age(n: u64) -> u64 {
    20 + n % 60
}

/// Which side owns what is summed; it is Sender.
#[derive(Clone, Copy)]
enum Owner {
    Anna,
    Bert,
    /// Two matches.
    Both,
}

impl Owner {
    fn asking(self) -> Asking {
        let sum = |own: bool| SideShape {
            groups: 0,
            values: own
                .then_some(ValueShape {
                    count: false,
                    sum: true,
                    squares: false,
                })
                .into_iter()
                .collect(),
        };
        let (query, berts, annas) = match self {
            Self::Anna => (ANNAS_SUM, false, true),
            Self::Bert => (BERTS_SUM, true, false),
            Self::Both => (BOTH_SUMS, true, true),
        };
        let shape = Shape {
            form: Form::Join,
            rows: false,
            requester: sum(berts),
            responder: sum(annas),
        };
        let mut asking = Asking::new(query, shape);
        asking.recipients = Recipients::Both;
        if berts {
            asking.values.push(ValueFacts {
                whole: true,
                decimals: 0,
                nullable: false,
                clamp: None,
                sum_bound: 128,
                squares_bound: 1,
            });
        }
        asking
    }
}

fn stage() -> Stage {
    let more = "result = \"both\"\nowner_may_receive = true\n";
    let aggregate = "[table.people.aggregate.age]\nfunctions = [\"sum\"]\n";
    let table = people_table("text", PEOPLE, 1, more);
    let mut csv = String::from("name,age\n");
    for n in 0..PEOPLE {
        writeln!(csv, "person-{n},{}", age(n)).unwrap();
    }
    Stage::with(&format!("{table}{aggregate}"), &csv)
}

/// The same people at bert's, in the roles that he has.
fn lists(spec: &JobSpec) -> JobLists {
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Text]);
    let mut people: Vec<([u8; 32], u64)> = (0..PEOPLE)
        .map(|n| {
            let name = format!("person-{n}");
            (hasher.digest([Some(name.as_str())]).unwrap(), age(n))
        })
        .collect();
    people.sort_unstable();
    let list = |with_age: bool| -> SharedList {
        let width = if with_age { 40 } else { 32 };
        let mut writer = MemoryStore.in_order(width).unwrap();
        for (digest, age) in &people {
            let record = [&digest[..], &age.to_be_bytes()].concat();
            writer.push(&record[..width]).unwrap();
        }
        Arc::from(writer.finish().unwrap())
    };
    let mut lists = JobLists::default();
    for of in spec.matches() {
        assert_eq!(of.payload.width(), 1);
        if of.receiver == Party::Requester {
            lists.parts = Some(vec![list(false)]);
        } else {
            lists.positions = Some(list(true));
        }
    }
    lists
}

/// A frame as bert is about to send it.
#[expect(clippy::large_enum_variant, reason = "few are held at a time")]
enum Sent {
    Control(Control),
    Rows(RowsHeader, Vec<u8>),
}

impl Sent {
    fn is(&self, wanted: ListId) -> bool {
        matches!(self, Self::Rows(header, _) if header.list == wanted)
    }
}

/// A whole list as one frame, and everything else as it is.
fn framed(outgoing: Outgoing) -> Sent {
    match outgoing {
        Outgoing::Control(message) => Sent::Control(message),
        Outgoing::Rows { header, bytes } => Sent::Rows(header, bytes),
        Outgoing::List { header, records } => {
            let mut bytes = Vec::new();
            encode_list(&Rice, records.as_ref(), 1 << 15, &mut |piece| {
                bytes.extend_from_slice(&piece.bytes);
                Ok(())
            })
            .unwrap();
            Sent::Rows(header, bytes)
        }
    }
}

/// Runs bert's half; every frame goes through `deviate`. Returns the code with which anna ends.
async fn run(
    wire: &mut Wire,
    spec: &JobSpec,
    deviate: &mut dyn FnMut(Sent) -> Vec<Sent>,
) -> (Code, bool) {
    let tools = Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(MemoryStore),
        progress: Arc::new(Silent),
    };
    let mut queue = Vec::new();
    let mut put = |outgoing| {
        queue.push(framed(outgoing));
        Ok(())
    };
    let seed = Arc::new(JobSeed::new([5; 32]));
    let start = Exchange::start(
        spec.clone(),
        Party::Requester,
        seed,
        lists(spec),
        tools,
        &mut put,
    );
    let mut exchange = Some(start.unwrap());
    let mut corrected = false;
    loop {
        for sent in queue.drain(..).flat_map(&mut *deviate) {
            // Anna may end the stream in the middle; what she says is read below.
            let _ = match sent {
                Sent::Control(message) => wire.0.control(&message).await,
                Sent::Rows(header, bytes) => wire.0.rows(header, &bytes).await,
            };
        }
        let frame = match wire.1.next().await {
            Ok(Frame::Control(Control::Abort(code) | Control::Refuse { code, .. })) => {
                return (code, corrected);
            }
            Ok(frame) => frame,
            Err(error) => return (error.code(), corrected),
        };
        let mut put = |outgoing| {
            queue.push(framed(outgoing));
            Ok(())
        };
        let step = exchange.take().map(|exchange| match frame {
            Frame::Control(message) => exchange.handle_control(message, &mut put),
            Frame::Rows(header, bytes) => {
                corrected |= header.list == ListId::Corrections;
                exchange.handle_rows(header, &bytes, &mut put)
            }
        });
        match step {
            Some(Ok(Step::More(next))) => exchange = Some(next),
            Some(Ok(Step::Done(ended))) => {
                queue.extend(ended.last.into_iter().map(Sent::Control));
            }
            // What anna sends after a change need not make sense to an honest machine.
            Some(Err(_)) | None => {}
        }
    }
}

/// Opens a job honestly and expects that a change of what follows ends in `expected`; returns
/// whether anna sent corrections.
#[track_caller]
fn ends_in(expected: Code, owner: Owner, mut deviate: impl FnMut(Sent) -> Vec<Sent>) -> bool {
    let mut stage = stage();
    let bert = stage.bert_asking(owner.asking());
    let (code, corrected) = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        let spec = bert.open_job(&mut wire).await;
        run(&mut wire, &spec, &mut deviate).await
    });
    assert_eq!(code, expected);
    stage.anna_is_well();
    corrected
}

/// Changes the bytes of one list, and nothing else.
fn in_list(list: ListId, change: impl Fn(&mut Vec<u8>)) -> impl FnMut(Sent) -> Vec<Sent> {
    move |mut sent| {
        if sent.is(list)
            && let Sent::Rows(_, bytes) = &mut sent
        {
            change(bytes);
        }
        vec![sent]
    }
}

/// Changes control messages.
fn in_control(change: impl Fn(&mut Control)) -> impl FnMut(Sent) -> Vec<Sent> {
    move |mut sent| {
        if let Sent::Control(message) = &mut sent {
            change(message);
        }
        vec![sent]
    }
}

#[test]
fn a_receiver_whose_columns_or_answer_to_the_check_are_changed_gets_no_correction() {
    for list in [ListId::Columns, ListId::ColumnCheck] {
        let flip = in_list(list, |bytes| bytes[40] ^= 1);
        assert!(!ends_in(Code::TransferInconsistent, Owner::Anna, flip));
    }
}

#[test]
fn a_receiver_that_counts_more_parts_or_matches_than_there_are_is_found_out() {
    let two_parts = in_control(|message| {
        if let Control::PartCounts { parts, .. } = message {
            parts.push(parts[0]);
        }
    });
    ends_in(Code::MalformedMessage, Owner::Anna, two_parts);
    let too_many = in_control(|message| {
        if let Control::PartCounts { parts, .. } = message {
            parts[0].count = PEOPLE + 1;
        }
    });
    ends_in(Code::MalformedMessage, Owner::Anna, too_many);
}

#[test]
fn a_receiver_that_opens_another_share_than_it_committed_to_is_found_out() {
    let other = in_control(|message| {
        if let Control::Share { share, .. } = message {
            *share.last_mut().unwrap() ^= 1;
        }
    });
    ends_in(Code::MalformedMessage, Owner::Anna, other);
}

#[test]
fn an_output_commitment_that_does_not_fit_the_cells_is_found_out() {
    let other = in_control(|message| {
        if let Control::Output {
            output_commitment, ..
        } = message
        {
            output_commitment.0[0] ^= 1;
        }
    });
    ends_in(Code::MalformedMessage, Owner::Anna, other);
}

#[test]
fn a_sender_that_corrects_before_the_columns_came_is_refused() {
    let early = |sent: Sent| {
        if !sent.is(ListId::BasePoints) {
            return vec![sent];
        }
        let header = RowsHeader {
            list: ListId::Corrections,
            match_index: 0,
            part: 0,
        };
        vec![Sent::Rows(header, vec![1; 8]), sent]
    };
    ends_in(Code::UnexpectedMessage, Owner::Bert, early);
}

#[test]
fn a_sender_whose_corrections_are_too_many_or_too_few_is_found_out() {
    let more = in_list(ListId::Corrections, |bytes| bytes.extend([0; 8]));
    ends_in(Code::WrongCount, Owner::Bert, more);
    // The commitment to the share comes where the last corrections are due.
    let fewer = |mut sent: Sent| {
        if !sent.is(ListId::Corrections) {
            return vec![sent];
        }
        if let Sent::Rows(_, bytes) = &mut sent {
            bytes.truncate(bytes.len() - 8);
        }
        let commitment = Control::ShareCommitment {
            match_index: 0,
            commitment: [1; 64],
        };
        vec![sent, Sent::Control(commitment)]
    };
    ends_in(Code::UnexpectedMessage, Owner::Bert, fewer);
}

#[test]
fn a_sender_whose_share_is_short_or_another_than_committed_is_found_out() {
    let short = in_control(|message| {
        if let Control::Share { share, .. } = message {
            share.truncate(share.len() - 8);
        }
    });
    ends_in(Code::MalformedMessage, Owner::Bert, short);
    let commitment = in_control(|message| {
        if let Control::ShareCommitment { commitment, .. } = message {
            commitment[0] ^= 1;
        }
    });
    ends_in(Code::MalformedMessage, Owner::Bert, commitment);
}

#[test]
fn totals_of_two_matches_that_differ_end_the_job_before_anything_is_opened() {
    let total = in_control(|message| {
        if let Control::MatchTotal { count, .. } = message {
            *count -= 1;
        }
    });
    ends_in(Code::TotalsDiffer, Owner::Both, total);
    let share = in_control(|message| {
        if let Control::ShareCommitment { match_index, .. } = message {
            *match_index = 1 - *match_index;
        }
    });
    ends_in(Code::UnexpectedMessage, Owner::Both, share);
}
