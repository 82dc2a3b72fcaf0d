//! Two members, and the exchanges between them.
//!
//! [`Pair`] runs one exchange at a time. A [`Fuse`] ends a member at any of its actions (a change, a
//! sent message), as a crash would. Whatever is sent is checked: no signature leaves a member before
//! the entry that it signs is on its disk.

use std::convert::Infallible;

use psi_core::messages::Control;
use psi_core::receipt::log::{Append, LogError, Machine, Member, Next, Settlement, StepResult};
use psi_core::receipt::{Body, ChainVerifier};
use psi_core::{Code, Error};

use super::bodies::{self, COLLAB, keys, node_id};
use super::node::Node;

/// The member that orders the entries, and the other.
pub(crate) const SEQUENCER: usize = 0;
pub(crate) const FOLLOWER: usize = 1;

/// How an exchange ended for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// This member ended it with this code, because of what the other sent.
    Refused(Code),
    /// The other member ended it.
    Told(Code),
    /// The logs do not agree.
    Disagree(String),
    Unfinished,
    /// The process ended.
    Dead,
    /// The other process ended.
    Cut,
}

impl End {
    /// What the other member is told.
    pub(crate) fn news(&self) -> Option<Code> {
        match self {
            Self::Refused(code) => Some(*code),
            Self::Disagree(_) => Some(Code::ReceiptsDisagree),
            Self::Unfinished => Some(Code::Unavailable),
            Self::Done | Self::Told(_) | Self::Dead | Self::Cut => None,
        }
    }
}

impl From<LogError<Infallible>> for End {
    fn from(error: LogError<Infallible>) -> Self {
        match error {
            LogError::Protocol(Error::ApiMisuse(what)) => panic!("the driver is at fault: {what}"),
            LogError::Protocol(error) => Self::Refused(error.code()),
            LogError::PeerAborted(code) => Self::Told(code),
            LogError::Unfinished => Self::Unfinished,
            LogError::Disagree(why) => Self::Disagree(why.into_owned()),
        }
    }
}

/// Counts a member's actions, and ends it before one of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fuse {
    ends_before: Option<usize>,
    actions: usize,
}

impl Fuse {
    fn burn(&mut self) -> Result<(), End> {
        if self.ends_before == Some(self.actions) {
            return Err(End::Dead);
        }
        self.actions += 1;
        Ok(())
    }
}

/// How an exchange ended for each member, and how many actions each took.
pub(crate) type Outcome = ([End; 2], [usize; 2]);

/// Which member's process ends, before which of its actions, and whether what it had sent arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) member: usize,
    pub(crate) before: usize,
    pub(crate) lost: bool,
}

/// Carries out a step, and all that follow without a message. Returns the state that awaits one.
pub(crate) fn carry_out<M: Machine>(
    node: &mut Node,
    fuse: &mut Fuse,
    step: StepResult<M, Node>,
    sent: &mut Vec<Control>,
) -> Result<M, End> {
    let mut step = step?;
    loop {
        for change in step.store {
            fuse.burn()?;
            node.apply(change);
        }
        if let Some(message) = step.send {
            fuse.burn()?;
            node.assert_stored(&message);
            sent.push(message);
        }
        step = match step.next {
            Next::Expect(state) => return Ok(state),
            Next::Go(state) => node.member(|member| state.go_on(member))?,
            Next::Done => return Err(End::Done),
            Next::Broken(why) => return Err(End::Disagree(why.into())),
        };
    }
}

/// One member in an exchange.
enum Side<M> {
    /// Has not heard of it yet.
    Asleep,
    Awaits(M),
    Ended(End),
}

/// Two members and their disks.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) nodes: [Node; 2],
}

impl Pair {
    pub(crate) fn new() -> Self {
        let keys = keys();
        let ids = [node_id(&keys.first), node_id(&keys.second)];
        Self {
            nodes: [
                Node::new(keys.first, ids[1]),
                Node::new(keys.second, ids[0]),
            ],
        }
    }

    /// Runs an exchange in which the members in `awake` begin with `start`, and the others answer the
    /// first message with `answer`. Returns how it ended for each, and how many actions each took.
    fn exchange<M: Machine>(
        &mut self,
        awake: [bool; 2],
        crash: Option<Crash>,
        start: impl Fn(&Member<'_, Node>) -> StepResult<M, Node>,
        answer: impl Fn(&Member<'_, Node>, Control) -> StepResult<M, Node>,
    ) -> Outcome {
        let mut fuses = [Fuse::default(); 2];
        if let Some(crash) = crash {
            fuses[crash.member].ends_before = Some(crash.before);
        }
        let mut sides = [Side::Asleep, Side::Asleep];
        let mut inboxes = [Vec::new(), Vec::new()];
        for at in [SEQUENCER, FOLLOWER] {
            if awake[at] {
                let step = self.nodes[at].member(&start);
                self.carry(at, step, (&mut fuses, &mut sides, &mut inboxes), crash);
            }
        }
        while let Some(at) =
            (0..2).find(|at| !inboxes[*at].is_empty() && !matches!(sides[*at], Side::Ended(_)))
        {
            let message = inboxes[at].remove(0);
            let step = match std::mem::replace(&mut sides[at], Side::Asleep) {
                Side::Asleep => self.nodes[at].member(|member| answer(member, message)),
                Side::Awaits(state) => {
                    self.nodes[at].member(|member| state.handle(member, message))
                }
                Side::Ended(_) => unreachable!(),
            };
            self.carry(at, step, (&mut fuses, &mut sides, &mut inboxes), crash);
        }
        let ends = sides.map(|side| match side {
            Side::Ended(end) => end,
            Side::Asleep | Side::Awaits(_) => End::Cut,
        });
        (ends, fuses.map(|fuse| fuse.actions))
    }

    fn carry<M: Machine>(
        &mut self,
        at: usize,
        step: StepResult<M, Node>,
        (fuses, sides, inboxes): (&mut [Fuse; 2], &mut [Side<M>; 2], &mut [Vec<Control>; 2]),
        crash: Option<Crash>,
    ) {
        let mut sent = Vec::new();
        let result = carry_out(&mut self.nodes[at], &mut fuses[at], step, &mut sent);
        sides[at] = match result {
            Ok(state) => Side::Awaits(state),
            Err(end) => {
                sent.extend(end.news().map(Control::Abort));
                if end == End::Dead && crash.is_some_and(|crash| crash.lost) {
                    sent.clear();
                    inboxes[1 - at].clear();
                }
                Side::Ended(end)
            }
        };
        inboxes[1 - at].extend(sent);
    }

    /// Puts one entry on both logs, as in a job.
    pub(crate) fn append(&mut self, body: &Body, crash: Option<Crash>) -> Outcome {
        self.exchange(
            [true; 2],
            crash,
            |member| Append::start(member, body.clone()),
            |_, _| unreachable!("both are awake"),
        )
    }

    /// Settles; `starter` begins.
    pub(crate) fn settle_with(&mut self, starter: usize, crash: Option<Crash>) -> Outcome {
        let mut awake = [false; 2];
        awake[starter] = true;
        self.exchange(awake, crash, Settlement::start, Settlement::answer)
    }

    pub(crate) fn settle(&mut self, starter: usize) -> [End; 2] {
        self.settle_with(starter, None).0
    }

    /// Both run the job `nonce`, and the follower has sent its commitment.
    pub(crate) fn agree(&mut self, nonce: u8) {
        let job_id = bodies::job(nonce).job_id();
        for node in &mut self.nodes {
            node.running.push(job_id);
        }
        self.nodes[FOLLOWER].await_opening(nonce);
    }

    pub(crate) fn open(&mut self, nonce: u8) {
        self.agree(nonce);
        let (ends, _) = self.append(&bodies::opened(nonce), None);
        assert_eq!(ends, [End::Done, End::Done]);
    }

    /// Completes a job.
    pub(crate) fn close(&mut self, nonce: u8) {
        self.nodes[FOLLOWER].await_closing(&bodies::job(nonce).job_id());
        let (ends, _) = self.append(&bodies::completed(nonce), None);
        assert_eq!(ends, [End::Done, End::Done]);
        self.restart();
    }

    /// The sequencer's question, which the follower is about to refuse.
    pub(crate) fn question(&mut self) -> Body {
        let body = bodies::refused_by(&self.nodes[SEQUENCER].key, &self.nodes[FOLLOWER].key);
        self.nodes[FOLLOWER].await_refusal(&body);
        body
    }

    pub(crate) fn refuse(&mut self) {
        let body = self.question();
        assert_eq!(self.append(&body, None).0, [End::Done, End::Done]);
    }

    /// No job runs any more on either side.
    pub(crate) fn restart(&mut self) {
        for node in &mut self.nodes {
            node.running.clear();
            node.ended.clear();
        }
    }

    pub(crate) fn bodies(&self) -> Vec<Body> {
        self.nodes[SEQUENCER].disk.bodies()
    }

    /// Both logs are the same, verify, and lack nothing; no job that does not run is open.
    #[track_caller]
    pub(crate) fn assert_agree(&self) {
        let [first, second] = &self.nodes;
        assert!(first.disk.entries == second.disk.entries, "the logs differ");
        let names = [first, second].map(|node| bodies::member(&node.key, "member"));
        let mut verifier = ChainVerifier::new(COLLAB, names);
        for stored in &first.disk.entries {
            verifier.check(&stored.entry, &stored.signatures).unwrap();
        }
        assert!(verifier.finish().unsigned.is_empty());
        for node in &self.nodes {
            assert_eq!(node.disk.broken, None);
            assert_eq!(node.disk.statement, None);
            let open = node.disk.open_jobs();
            assert!(open.iter().all(|job_id| node.running.contains(job_id)));
            assert_eq!(node.disk.charged, node.disk.opened_jobs());
        }
    }
}
