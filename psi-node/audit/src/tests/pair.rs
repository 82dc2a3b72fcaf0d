//! Both halves of a job in memory, with a side that may deviate, and the record of each.

use std::collections::VecDeque;
use std::sync::Arc;

use psi_core::Error;
use psi_core::dp::{Delta, Epsilon};
use psi_core::kernel::portable::Portable;
use psi_core::messages::frame::Frame;
use psi_core::progress::Silent;
use psi_core::receipt::{input_digest, opening_commitment};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::session::{Ended, Exchange, JobLists, Outgoing, SharedList, Step, Tools};
use psi_core::spec::{AskedMode, JobSpec, LiteralSalt, Loss, Party};
use psi_core::store::{MemoryStore, RecordStore as _};
use psi_core::transcript::ListHashes;
use sha2::{Digest as _, Sha512_256};

use super::terms;
use crate::record::RecordWriter;
use crate::replay::{JobReceipt, ReplayError, Report, replay};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// A single count, the requester Receiver, both sides recipients.
    Count,
    /// A sum of the responder's column, to the requester alone.
    Sum,
    /// Sums of both sides' columns, to both.
    TwoMatches,
    /// A list of the requester's identifiers that match, to the requester alone.
    List,
    /// Rows, and a sum of the responder's column, by its own groups: people have several rows, in
    /// several groups.
    Groups,
    /// The same under a unique key.
    UniqueGroups,
}

const SEEDS: [[u8; 32]; 2] = [[11; 32], [22; 32]];
pub(super) const LITERAL: &str = "DATE '2025-01-31'";

/// A job and what each side froze for it.
pub(super) struct World {
    pub(super) spec: JobSpec,
    pub(super) tools: Tools,
    job: Job,
}

/// How one side deviates; by default nobody does.
pub(super) struct Case<'a> {
    /// Inputs with which the sides run, in place of the frozen ones.
    pub(super) inputs: [Option<JobLists>; 2],
    /// Seeds with which they run.
    pub(super) seeds: [[u8; 32]; 2],
    /// Inputs that they commit to and keep, in place of the honest ones.
    pub(super) frozen: [Option<JobLists>; 2],
    /// The side that deviates, if one does.
    pub(super) deviant: Party,
    /// What becomes of what a side sends.
    pub(super) tamper: &'a dyn Fn(Party, Outgoing) -> Outgoing,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            inputs: [None, None],
            seeds: SEEDS,
            frozen: [None, None],
            deviant: Party::Responder,
            tamper: &|_, outgoing| outgoing,
        }
    }
}

/// What both nodes are left with.
pub(super) struct Ran {
    pub(super) receipt: JobReceipt,
    /// What each side received, the requester first.
    pub(super) received: [Vec<Frame>; 2],
    /// What each side keeps as its frozen input.
    pub(super) frozen: [JobLists; 2],
    /// The hashes that the records hold.
    pub(super) lists: Option<ListHashes>,
    /// The hidden literal that the requester keeps.
    pub(super) literal: String,
}

const fn index(party: Party) -> usize {
    match party {
        Party::Requester => 0,
        Party::Responder => 1,
    }
}

/// The seed that a side has committed to.
pub(super) fn seed(own: Party) -> JobSeed {
    JobSeed::new(SEEDS[index(own)])
}

pub(super) fn draw(own: Party, purpose: Purpose) -> [u8; 32] {
    let mut bytes = [0; 32];
    seed(own).stream(purpose, 0, 0).fill(&mut bytes);
    bytes
}

/// The salt of the hidden literal.
pub(super) fn salt() -> LiteralSalt {
    draw(Party::Requester, Purpose::LiteralSalts).into()
}

fn digest(person: u32) -> [u8; 32] {
    Sha512_256::digest(person.to_be_bytes()).into()
}

/// A list of records in ascending order.
pub(super) fn list(width: usize, mut records: Vec<Vec<u8>>) -> SharedList {
    records.sort();
    let mut writer = MemoryStore.in_order(width).unwrap();
    writer.push(&records.concat()).unwrap();
    Arc::from(writer.finish().unwrap())
}

impl World {
    /// A job in exact mode.
    pub(super) fn new(job: Job) -> Self {
        Self::with(job, AskedMode::Exact)
    }

    /// A job with differential privacy.
    pub(super) fn private(job: Job) -> Self {
        let epsilon = Epsilon::from_micros(1_000_000).unwrap();
        let delta = Delta::one_in(1_000_000_000);
        Self::with(job, AskedMode::Dp(Loss { epsilon, delta }))
    }

    fn with(job: Job, mode: AskedMode) -> Self {
        let spec = terms::spec(job, mode);
        let tools = Tools {
            kernel: Arc::new(Portable),
            store: Arc::new(MemoryStore),
            progress: Arc::new(Silent),
        };
        Self { spec, tools, job }
    }

    /// The honest input of a side: people 0 to 49, or 20 to 69.
    pub(super) fn input(&self, own: Party) -> JobLists {
        let people = match own {
            Party::Requester => 0..50,
            Party::Responder => 20..70,
        };
        self.input_of(own, people, |person| i64::from(person) - 30)
    }

    /// An input of a Sender with these numbers at each position.
    pub(super) fn payload_of(
        people: std::ops::Range<u32>,
        numbers: impl Fn(u32) -> Vec<i64>,
    ) -> JobLists {
        let position = |person: u32| {
            let numbers = numbers(person).into_iter().flat_map(i64::to_be_bytes);
            digest(person).into_iter().chain(numbers).collect()
        };
        let positions: Vec<Vec<u8>> = people.map(position).collect();
        let width = positions[0].len();
        JobLists {
            parts: None,
            positions: Some(list(width, positions)),
        }
    }

    /// An input of these people with these values.
    pub(super) fn input_of(
        &self,
        own: Party,
        people: std::ops::Range<u32>,
        value: impl Fn(u32) -> i64,
    ) -> JobLists {
        let receives = own == Party::Requester || self.job == Job::TwoMatches;
        let sends = own == Party::Responder || self.job == Job::TwoMatches;
        let digests = || {
            people
                .clone()
                .map(|person| digest(person).to_vec())
                .collect()
        };
        let has_payload = matches!(self.job, Job::Sum | Job::TwoMatches);
        let width = if has_payload { 40 } else { 32 };
        let position = |person| {
            let value = value(person).to_be_bytes();
            [digest(person).as_slice(), &value[..width - 32]].concat()
        };
        JobLists {
            parts: receives.then(|| vec![list(32, digests())]),
            positions: sends.then(|| list(width, people.clone().map(position).collect())),
        }
    }

    /// Runs both halves to the end.
    pub(super) fn run(&self, case: Case<'_>) -> Ran {
        let [of_requester, of_responder] = case.frozen;
        let frozen = [
            of_requester.unwrap_or_else(|| self.input(Party::Requester)),
            of_responder.unwrap_or_else(|| self.input(Party::Responder)),
        ];
        let mut queues = [VecDeque::new(), VecDeque::new()];
        let mut received = [Vec::new(), Vec::new()];
        let mut ended: [Option<Ended>; 2] = [None, None];
        let mut running: [Option<Exchange>; 2] = [None, None];
        for own in [Party::Requester, Party::Responder] {
            let at = index(own);
            let input = case.inputs[at]
                .clone()
                .unwrap_or_else(|| frozen[at].clone());
            let seed = Arc::new(JobSeed::new(case.seeds[at]));
            let queue = &mut queues[1 - at];
            let mut out = |outgoing| send((case.tamper)(own, outgoing), queue);
            let (spec, tools) = (self.spec.clone(), self.tools.clone());
            let started = Exchange::start(spec, own, seed, input, tools, &mut out);
            running[at] = Some(started.unwrap());
        }
        while let Some(at) = (0..2).find(|at| running[*at].is_some() && !queues[*at].is_empty()) {
            let own = [Party::Requester, Party::Responder][at];
            let frame: Frame = queues[at].pop_front().unwrap();
            received[at].push(frame.clone());
            let exchange = running[at].take().unwrap();
            let queue = &mut queues[1 - at];
            let mut out = |outgoing| send((case.tamper)(own, outgoing), queue);
            match exchange.handle(frame, &mut out).unwrap() {
                Step::More(same) => running[at] = Some(same),
                Step::Done(end) => {
                    for message in &end.last {
                        out(Outgoing::Control(message.clone())).unwrap();
                    }
                    ended[at] = Some(end);
                }
            }
        }
        let [Some(requester), Some(responder)] = ended else {
            panic!("both sides await a frame");
        };
        // What crossed the wire is what the side that does not deviate has seen. A deviating one
        // signs the same, or no receipt exists.
        let honest = match case.deviant {
            Party::Requester => &responder,
            Party::Responder => &requester,
        };
        let job_id = self.spec.job_id();
        let commitments = [Party::Requester, Party::Responder].map(|own| {
            let digest = input_digest(&frozen[index(own)], &[]).unwrap();
            opening_commitment(&job_id, &seed(own), &digest)
        });
        Ran {
            receipt: JobReceipt {
                spec: self.spec.encode(),
                commitments,
                completed: Some((honest.transcripts, honest.output_commitment)),
            },
            received,
            frozen,
            lists: Some(honest.lists.clone()),
            literal: LITERAL.into(),
        }
    }

    /// The record that `own` keeps.
    pub(super) fn record(&self, ran: &Ran, own: Party) -> Vec<u8> {
        self.record_with(ran, own, &seed(own))
    }

    pub(super) fn record_with(&self, ran: &Ran, own: Party, seed: &JobSeed) -> Vec<u8> {
        let mut writer = RecordWriter::begin(Vec::new(), own, seed, &self.spec).unwrap();
        if own == Party::Requester {
            let salt = draw(own, Purpose::LiteralSalts).into();
            writer.literal(&salt, &ran.literal).unwrap();
        }
        writer.input(&ran.frozen[index(own)], &[]).unwrap();
        for frame in &ran.received[index(own)] {
            writer.received(frame).unwrap();
        }
        assert!(writer.input_bytes > 0 && writer.received_bytes > 0);
        writer.end(ran.lists.as_ref()).unwrap()
    }

    pub(super) fn replay(&self, ran: &Ran, own: Party) -> Report {
        let record = self.record(ran, own);
        self.replay_bytes(&record, &ran.receipt).unwrap()
    }

    pub(super) fn replay_bytes(
        &self,
        record: &[u8],
        receipt: &JobReceipt,
    ) -> Result<Report, ReplayError> {
        replay(record, receipt, self.tools.clone())
    }
}

fn send(outgoing: Outgoing, queue: &mut VecDeque<Frame>) -> Result<(), Error> {
    outgoing.into_frames(700, &mut |frame| {
        queue.push_back(frame);
        Ok(())
    })
}
