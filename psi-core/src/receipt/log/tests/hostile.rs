//! A partner that sends the wrong message, or says what it may not. The member ends the settlement
//! with the code of the defect, and its log does not change.

use super::bodies::job;
use super::*;
use crate::limits::{LIVE_JOBS_MAX, STATEMENT_BYTES_MAX};
use crate::messages::SettleState;
use crate::receipt::log::StepResult;
use crate::spec::{CollabId, JobId};

/// A member to which the test sends every message.
pub(super) struct Victim {
    pub(super) node: Node,
    awaits: Option<Settlement>,
    /// What it answered to the last message.
    pub(super) sent: Vec<Control>,
}

impl Victim {
    /// Answers a settlement that begins with `first`.
    pub(super) fn answer(node: Node, first: Control) -> Result<Self, End> {
        let step = node.member(|member| Settlement::answer(member, first));
        let mut victim = Self {
            node,
            awaits: None,
            sent: Vec::new(),
        };
        victim.carry(step)?;
        Ok(victim)
    }

    pub(super) fn hear(&mut self, message: Control) -> Result<(), End> {
        let state = self.awaits.take().unwrap();
        let step = self.node.member(|member| state.handle(member, message));
        self.carry(step)
    }

    fn carry(&mut self, step: StepResult<Settlement, Node>) -> Result<(), End> {
        self.sent.clear();
        let mut fuse = Fuse::default();
        let state = carry_out(&mut self.node, &mut fuse, step, &mut self.sent)?;
        self.awaits = Some(state);
        Ok(())
    }
}

/// The state that `node` would send of its log.
pub(super) fn state_of(node: &Node) -> SettleState {
    SettleState {
        collab_id: COLLAB,
        entries: node.disk.entries.len() as u64,
        head: node
            .disk
            .entries
            .last()
            .map_or([0; 64].into(), |last| last.hash),
        signature: None,
        live: Vec::new(),
        statement: None,
    }
}

const REQUEST: Control = Control::SettleRequest { collab_id: COLLAB };

fn settle_of(node: &Node) -> Control {
    Control::Settle(state_of(node))
}

#[test]
fn the_member_that_may_not_lead_begins_nothing() {
    let pair = Pair::new();
    let [sequencer, follower] = pair.nodes;
    let wrong = |node: &Node, first: Control| Victim::answer(node.clone(), first).err();
    let refused = Some(End::Refused(Code::UnexpectedMessage));
    assert_eq!(wrong(&sequencer, settle_of(&follower)), refused);
    assert_eq!(wrong(&follower, REQUEST), refused);
    for node in [&sequencer, &follower] {
        assert_eq!(wrong(node, Control::ReadyToClose), refused);
        assert_eq!(
            wrong(
                node,
                Control::Countersign {
                    signature: [0; 64].into()
                }
            ),
            refused
        );
    }
}

#[test]
fn a_state_beyond_its_bounds_is_malformed_for_both() {
    let pair = Pair::new();
    let [sequencer, follower] = &pair.nodes;
    let honest = state_of(sequencer);
    let long = "x".repeat(STATEMENT_BYTES_MAX);
    let said = |text: &str| Some(text.to_owned());
    let other_collab = SettleState {
        collab_id: CollabId([9; 32]),
        ..honest.clone()
    };
    let with = |live: usize, statement| SettleState {
        live: vec![JobId([1; 64]); live],
        statement,
        ..honest.clone()
    };
    let wrong = [
        other_collab,
        with(LIVE_JOBS_MAX + 1, None),
        with(0, said("")),
        with(0, said(&(long.clone() + "x"))),
    ];
    let malformed = Err(End::Refused(Code::MalformedMessage));
    for state in wrong {
        let message = Control::Settle(state);
        let ended = Victim::answer(follower.clone(), message.clone()).map(|_| ());
        assert_eq!(ended, malformed);
        let mut lead = Victim::answer(sequencer.clone(), REQUEST).unwrap();
        assert_eq!(lead.hear(message), malformed);
    }
    let most = Control::Settle(with(LIVE_JOBS_MAX, said(&long)));
    Victim::answer(follower.clone(), most.clone()).unwrap();
    let mut lead = Victim::answer(sequencer.clone(), REQUEST).unwrap();
    lead.hear(most).unwrap();
}

/// Members in each state of a settlement that awaits a message.
fn waiting() -> Vec<Victim> {
    let mut pair = Pair::new();
    pair.open(1);
    pair.restart();
    let [sequencer, follower] = pair.nodes;
    let empty = |node: &Node| Node::new(node.key.clone(), node.peer);
    let lead = |node: &Node| Victim::answer(node.clone(), REQUEST).unwrap();
    let lead_with = |node: &Node, theirs: &Node| {
        let mut victim = lead(node);
        victim.hear(settle_of(theirs)).unwrap();
        victim
    };
    let follow_with =
        |node: &Node, theirs: &Node| Victim::answer(node.clone(), settle_of(theirs)).unwrap();
    vec![
        // The state of the other log.
        lead(&sequencer),
        // A signature on an entry that the other lacks.
        lead_with(&sequencer, &empty(&follower)),
        follow_with(&follower, &empty(&sequencer)),
        // An entry that it lacks.
        lead_with(&empty(&sequencer), &follower),
        follow_with(&empty(&follower), &sequencer),
        // A signature on an entry of the settlement; such an entry.
        lead_with(&sequencer, &follower),
        follow_with(&follower, &sequencer),
    ]
}

#[test]
fn a_message_that_the_state_does_not_await_ends_it() {
    assert!(waiting().iter().all(|victim| victim.awaits.is_some()));
    for mut victim in waiting() {
        let before = victim.node.disk.clone();
        let ended = victim.hear(Control::ReadyToClose);
        assert_eq!(ended, Err(End::Refused(Code::UnexpectedMessage)));
        assert_eq!(victim.node.disk, before);
    }
    // A message that another state awaits is wrong too.
    for (at, mut victim) in waiting().into_iter().enumerate() {
        let ended = match at {
            1 | 2 | 5 => victim.hear(settle_of(&Pair::new().nodes[FOLLOWER])),
            _ => victim.hear(Control::Countersign {
                signature: [0; 64].into(),
            }),
        };
        assert_eq!(ended, Err(End::Refused(Code::UnexpectedMessage)), "{at}");
    }
}

#[test]
fn a_partner_that_ends_it_is_not_told_why_in_return() {
    for mut victim in waiting() {
        let before = victim.node.disk.clone();
        let ended = victim.hear(Control::Abort(Code::TimedOut)).unwrap_err();
        assert_eq!(ended, End::Told(Code::TimedOut));
        assert_eq!(ended.news(), None);
        assert_eq!(victim.node.disk, before);
    }
}

#[test]
fn the_end_of_a_settlement_names_no_more_jobs_than_its_beginning() {
    let mut pair = Pair::new();
    pair.agree(1);
    pair.restart();
    let [sequencer, follower] = pair.nodes;
    let settled = |live: usize| {
        let mut victim = Victim::answer(follower.clone(), settle_of(&sequencer)).unwrap();
        let live = vec![JobId([1; 64]); live];
        let ended = victim.hear(Control::Settled { live }).unwrap_err();
        let awaited = victim.node.disk.awaited.contains_key(&job(1).job_id());
        (ended, awaited)
    };
    let malformed = End::Refused(Code::MalformedMessage);
    assert_eq!(settled(LIVE_JOBS_MAX + 1), (malformed, true));
    assert_eq!(settled(LIVE_JOBS_MAX), (End::Done, false));
}

#[test]
fn a_driver_that_mixes_up_messages_and_turns_gets_an_error_and_no_entry() {
    let node = &Pair::new().nodes[FOLLOWER];
    let first = settle_of(&Pair::new().nodes[SEQUENCER]);
    let begin = || {
        node.member(|member| Settlement::answer(member, first.clone()))
            .unwrap()
    };
    let Next::Go(turn) = begin().next else {
        panic!("a turn")
    };
    let wrong = node.member(|member| turn.handle(member, Control::Working));
    assert!(matches!(
        wrong,
        Err(LogError::Protocol(crate::Error::ApiMisuse(_)))
    ));
    let start = node.member(Settlement::start).unwrap();
    let Next::Expect(waits) = start.next else {
        panic!("a wait")
    };
    let wrong = node.member(|member| waits.go_on(member));
    assert!(matches!(
        wrong,
        Err(LogError::Protocol(crate::Error::ApiMisuse(_)))
    ));
}
