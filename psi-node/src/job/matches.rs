//! The matches of a job over a stream: drives [`psi_core::session::Exchange`], in either role.
//!
//! Spec 04 §1, Spec 06 §3 and Spec 08 §4. Three things go on at the same time: the arithmetic, on a
//! thread that may block; sending what it hands out; and receiving what it awaits. Both directions
//! are used at once, because both sides send a list that does not depend on the other's: a side
//! that only sent first could wait for ever for room in a peer that does the same. While there is
//! nothing to send, this side says `Working`.

pub(in crate::job) mod handed;
mod inbound;
mod outbound;
mod slow;
mod together;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psi_core::Error;
use psi_core::progress::{Progress, Stage};
use psi_core::seed::JobSeed;
use psi_core::session::{Ended, Exchange, JobLists, Step, Tools, records_to_send};
use psi_core::spec::{JobSpec, Party};
use tokio::sync::{mpsc, watch};

use self::handed::Handed;
use self::inbound::{FRAMES_WAITING_MAX, Feed, Handled};
use self::outbound::Outlet;
use self::slow::Pace;
use self::together::{Frames, Led};
use super::context::JobContext;
use super::failure::Failure;
use super::link::{Link, Meter};
use super::shares::turns::{Turn, Turns};
use crate::audit::keep::Recording;
use crate::net::Frame;
use crate::places::Whose;
use crate::state::State;

/// What the matches of an opened job start from.
pub(in crate::job) struct Opened<'a> {
    /// Whose question it is, for the turns of the arithmetic.
    pub(in crate::job) whose: Whose,
    pub(in crate::job) spec: &'a JobSpec,
    /// This side of the job.
    pub(in crate::job) own: Party,
    pub(in crate::job) seed: Arc<JobSeed>,
    pub(in crate::job) lists: JobLists,
    pub(in crate::job) tools: Tools,
    /// Where it is noted that something left that epsilon pays for.
    pub(in crate::job) handed: &'a Handed,
    pub(in crate::job) record: Option<Record>,
}

/// Runs all matches of an opened job, to the last message before the closing entry.
pub(in crate::job) async fn run(
    ctx: &JobContext,
    link: &mut Link,
    opened: Opened<'_>,
) -> Result<Ended, Failure> {
    let Opened {
        whose,
        spec,
        own,
        seed,
        lists,
        tools,
        handed,
        record,
    } = opened;
    let total = records_to_send(spec, own);
    let meter = Meter::new(&tools.progress, Stage::Send, total);
    let computing = Computing::new(ctx.turns.clone(), whose, tools.progress);
    let tools = Tools {
        progress: Arc::clone(&computing) as Arc<dyn Progress>,
        ..tools
    };
    let job = Job {
        computing,
        spec: spec.clone(),
        own,
        seed,
        lists,
        tools,
        record,
    };
    let (outlet, outbox) = outbound::channel(handed.clone());
    let (frames, waiting) = mpsc::channel(FRAMES_WAITING_MAX);
    let (progress, handled) = watch::channel(Handled::default());
    let work = tokio::task::spawn_blocking(move || job.work(waiting, &outlet, &progress));
    let pace = Pace::new(ctx.deadlines(), spec);
    let feed = Feed {
        frames,
        handled,
        pace,
        work,
    };
    let sending = outbox.send_all(&mut link.sender, meter);
    let receiving = feed.receive(&mut link.receiver);
    let ((), ended) = tokio::try_join!(sending, receiving)?;
    // The end of the opening; what came before it has been noted on its way.
    handed.note();
    for message in &ended.last {
        link.send(message).await?;
    }
    Ok(ended)
}

/// What the arithmetic starts from.
struct Job {
    computing: Arc<Computing>,
    spec: JobSpec,
    own: Party,
    seed: Arc<JobSeed>,
    lists: JobLists,
    tools: Tools,
    record: Option<Record>,
}

/// The record for the auditor, and where its end is noted.
pub(in crate::job) struct Record {
    pub(in crate::job) recording: Recording,
    pub(in crate::job) state: State,
}

impl Job {
    /// [`Self::exchange`], with the record ended whatever comes of it.
    fn work(
        mut self,
        frames: mpsc::Receiver<Frame>,
        outlet: &Outlet,
        handled: &watch::Sender<Handled>,
    ) -> Result<Ended, Error> {
        let mut record = self.record.take();
        let recording = record.as_mut().map(|record| &mut record.recording);
        let ended = self.exchange(frames, outlet, handled, recording);
        if let Some(Record { recording, state }) = record {
            let kept = recording.finish(&state, ended.as_ref().ok());
            // The first error is the one to report.
            return ended.and_then(|ended| kept.map(|()| ended));
        }
        ended
    }

    /// All arithmetic of the job. `handled` counts the start and the frames that were handled, except
    /// the last: frames after it are not ours to read.
    fn exchange(
        self,
        frames: mpsc::Receiver<Frame>,
        outlet: &Outlet,
        handled: &watch::Sender<Handled>,
        mut recording: Option<&mut Recording>,
    ) -> Result<Ended, Error> {
        let Self {
            computing,
            spec,
            own,
            seed,
            lists,
            tools,
            record: _,
        } = self;
        // Whoever waits for the peer leaves its turn to others.
        let mut out = |outgoing| computing.paused(|| outlet.put(outgoing));
        let mut frames = Frames::new(frames);
        computing.begin();
        let mut exchange = Exchange::start(spec, own, seed, lists, tools, &mut out)?;
        let mut more = Handled {
            frames: 1,
            amid_list: false,
        };
        loop {
            handled.send_modify(|handled| {
                handled.frames += more.frames;
                handled.amid_list = more.amid_list;
            });
            computing.end();
            let taken = frames.take(|frame| match recording.as_deref_mut() {
                Some(recording) => recording.received(frame),
                None => Ok(()),
            })?;
            computing.begin();
            let Led {
                step,
                frames: count,
                amid_list,
            } = together::handle(exchange, taken, &mut out)?;
            match step {
                Step::More(same) => {
                    exchange = same;
                    more = Handled {
                        frames: count,
                        amid_list,
                    };
                }
                Step::Done(ended) => {
                    computing.end();
                    return frames.end().map(|()| ended);
                }
            }
        }
    }
}

/// The turn of one job, and what hears of its progress. Between two batches the turn is passed on if
/// somebody else is due.
struct Computing {
    turns: Turns,
    whose: Whose,
    /// `None` while the job waits for its peer.
    turn: Mutex<Option<Turn>>,
    progress: Arc<dyn Progress>,
}

impl Computing {
    fn new(turns: Turns, whose: Whose, progress: Arc<dyn Progress>) -> Arc<Self> {
        Arc::new(Self {
            turns,
            whose,
            turn: Mutex::default(),
            progress,
        })
    }

    fn begin(&self) {
        let turn = self.turns.take(self.whose);
        *self.turn() = Some(turn);
    }

    fn end(&self) {
        *self.turn() = None;
    }

    /// Does what may wait for the peer.
    fn paused<T>(&self, work: impl FnOnce() -> T) -> T {
        self.end();
        let done = work();
        self.begin();
        done
    }

    fn turn(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Computing {
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), Error> {
        self.progress.report(stage, done, total)?;
        // A thread of the pool waits for nobody: others need it to end their batch.
        if rayon::current_thread_index().is_none() {
            let turn = self.turn().take();
            let turn = turn.map(Turn::pass);
            *self.turn() = turn;
        }
        Ok(())
    }
}
