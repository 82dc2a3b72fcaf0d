//! A match is the same, byte for byte, however many threads each side has and however many frames
//! it takes at once; and a defect of a peer's list has the same code.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::super::sender;
use super::pair::{Ends, Pair};
use super::{
    Awaiting, ListId, MatchSetup, MemoryStore, Portable, Side, Silent, Tools, code, lists, records,
    rows, spec_of,
};
use crate::error::{Code, Error};
use crate::list::reference;
use crate::seed::JobSeed;
use crate::session::{held::Held, receiver};
use crate::spec::{JobSpec, Party, Recipients};
use crate::store::{
    BackgroundStore, ExternalStore, ListThreads, MemoryBudget, MemoryRuns, RecordStore, Tuning,
};

/// The numbers of threads that are compared. With sixteen, two batches are multiplied at once.
const THREADS: [usize; 5] = [1, 2, 3, 8, 16];

fn pool(threads: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap()
}

/// A store whose lists are runs of some hundred records.
fn spilling(threads: usize) -> Arc<dyn RecordStore> {
    let budget = MemoryBudget::new(0);
    let tuning = Tuning {
        guaranteed_bytes: 4096,
        small_list_bytes: 64,
        list_bytes_max: 4096,
        merge_runs_max: 4,
        list_runs_max: 8,
        read_buffer_min: 64,
        read_buffer_max: 512,
    };
    let lists = ExternalStore::with_tuning(Arc::new(MemoryRuns::new()), budget.clone(), tuning);
    let lists = lists.with_threads(ListThreads::of(pool(threads)));
    Arc::new(BackgroundStore::new(lists, budget))
}

fn run(spec: &JobSpec, sides: [&Side; 2], threads: usize) -> Ends {
    let tools = Tools {
        kernel: Arc::new(Portable),
        store: spilling(threads),
        progress: Arc::new(Silent),
    };
    let [requester, responder] = sides;
    let lists = [
        lists(spec, Party::Requester, requester),
        lists(spec, Party::Responder, responder),
    ];
    let pair = || Pair::start(spec, lists, &tools, 3_000).unwrap().run();
    pool(threads).install(pair).unwrap()
}

#[test]
fn every_number_of_threads_gives_the_same_frames_outcome_and_transcripts() {
    let a = Side::of(0..700, 700, 10);
    let b = Side::of(600..1000, 900, 20);
    let spec = spec_of(&a, &b, Recipients::Both);
    let runs: Vec<_> = THREADS.map(|threads| run(&spec, [&a, &b], threads)).into();
    for run in &runs {
        assert_eq!(run.wire, runs[0].wire);
        assert_eq!(run.requester.transcripts, runs[0].requester.transcripts);
        assert_eq!(run.requester.lists, runs[0].responder.lists);
        assert_eq!(run.requester.opened, runs[0].requester.opened);
        assert_eq!(run.responder.opened, runs[0].responder.opened);
    }
}

/// A Sender that awaits A, and the points of an honest Receiver.
fn sender_and_points(side: &Side) -> (sender::ExpectBlinded, Vec<u8>) {
    let spec = spec_of(side, side, Recipients::Both);
    let setup = MatchSetup::new(&spec, 0).unwrap();
    let tools = Tools {
        kernel: Arc::new(Portable),
        store: Arc::new(MemoryStore),
        progress: Arc::new(Silent),
    };
    let list = side.list();
    let parts = std::slice::from_ref(&list);
    let seed = JobSeed::new([1; 32]);
    let blinded = receiver::blind(setup.clone(), &seed, parts, tools.clone()).unwrap();
    let points = records(&blinded.messages[0]);
    let encrypted = sender::encrypt(setup, &JobSeed::new([2; 32]), list.as_ref(), tools);
    (encrypted.unwrap().state, points)
}

/// What the Sender answers to the code of A in frames of `frame_bytes`, `together` of them at once:
/// R and its hash, or the code of an error.
fn answer(side: &Side, bytes: &[u8], frame_bytes: usize, together: usize) -> Result<Vec<u8>, Code> {
    let (mut state, _) = sender_and_points(side);
    let frames: Vec<&[u8]> = bytes.chunks(frame_bytes).collect();
    let mut next = 0;
    while next < frames.len() {
        let frames_now = &frames[next..frames.len().min(next + together)];
        match state.handle_some(rows(ListId::Blinded), frames_now) {
            Ok((Awaiting::More(same), taken)) => {
                assert_eq!(
                    taken,
                    frames_now.len(),
                    "a list that goes on leaves no frame"
                );
                (state, next) = (same, next + taken);
            }
            Ok((Awaiting::Done(evaluated), taken)) => {
                assert_eq!(next + taken, frames.len(), "the end of the list");
                let mut held: Held = evaluated.state.held;
                let mut reply = records(&evaluated.messages[0]);
                for hash in held.take_lists().unwrap().to_receiver {
                    reply.extend_from_slice(hash.as_bytes());
                }
                return Ok(reply);
            }
            Err(Error::PeerMisbehaved { code, .. }) => return Err(code),
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the list never ended");
}

fn answers_alike(side: &Side, bytes: &[u8], what: &str) -> Result<Vec<u8>, Code> {
    let first = answer(side, bytes, 1_500, 1);
    for (threads, together) in [(1, 2), (2, 3), (3, 8), (8, 1), (16, 2)] {
        let again = pool(threads).install(|| answer(side, bytes, 1_500, together));
        assert_eq!(again, first, "{what}: {threads} threads, {together} frames");
    }
    first
}

#[test]
fn the_reply_does_not_depend_on_how_many_frames_are_taken_at_once() {
    let side = Side::of(0..300, 300, 1);
    let (_, points) = sender_and_points(&side);
    assert!(answers_alike(&side, &code(32, &points), "honest").is_ok());
}

#[test]
fn the_first_defect_of_a_list_is_the_one_that_is_told() {
    let side = Side::of(0..300, 300, 1);
    let (_, points) = sender_and_points(&side);
    let (points, _) = points.as_chunks::<32>();
    let count = points.len();
    // The order is that of the first bytes; the last one makes it an encoding of no point.
    let spoil = |points: &mut [[u8; 32]], place: usize| points[place][31] |= 0x80;
    let coded = |points: &[[u8; 32]]| code(32, points.as_flattened());
    for place in [0, 200, 400, count - 1] {
        let mut spoiled = points.to_vec();
        spoil(&mut spoiled, place);
        let told = answers_alike(&side, &coded(&spoiled), "no point");
        assert_eq!(told, Err(Code::NonCanonicalElement));
    }
    // No point, and long after it the code breaks.
    let mut both = points.to_vec();
    spoil(&mut both, 100);
    let mut bytes = coded(&both);
    let end = bytes.len() * 3 / 4;
    bytes[end..].fill(0);
    let told = answers_alike(&side, &bytes, "no point, then no code");
    assert_eq!(told, Err(Code::NonCanonicalElement));
    // The other way round.
    let mut both = points.to_vec();
    spoil(&mut both, count - 10);
    let mut bytes = coded(&both);
    let quarter = bytes.len() / 4;
    bytes[quarter..quarter + 600].fill(0);
    let told = answers_alike(&side, &bytes, "no code, then no point");
    assert_eq!(told, Err(Code::MalformedMessage));
    // More than the list.
    let mut bytes = coded(points);
    bytes.extend([0; 4]);
    assert_eq!(
        answers_alike(&side, &bytes, "too long"),
        Err(Code::WrongCount)
    );
}

#[test]
fn a_list_that_repeats_or_goes_back_has_the_same_code_on_every_number_of_threads() {
    let side = Side::of(0..300, 300, 1);
    let (_, points) = sender_and_points(&side);
    let (points, _) = points.as_chunks::<32>();
    let count = points.len() as u64;
    // All points with one leading byte: as close as the code allows.
    let close: Vec<[u8; 32]> = (0..count)
        .map(|number| {
            let mut point = points[points.len() / 2];
            point[24..].copy_from_slice(&(2 * number).to_be_bytes());
            point
        })
        .collect();
    let told = answers_alike(&side, &code(32, close.as_flattened()), "close");
    assert_eq!(told, Err(Code::NonCanonicalElement));
    for (what, at) in [("a repeated point", 300), ("the first again", 450)] {
        let mut repeated = points.to_vec();
        repeated[at] = if at == 300 {
            repeated[at - 1]
        } else {
            repeated[0]
        };
        // Bits as an encoder would write them if it did not look.
        let bits = reference::bits(32, count, &repeated);
        let told = answers_alike(&side, &reference::pack(&bits), what);
        assert_eq!(told, Err(Code::MalformedMessage), "{what}");
    }
}
