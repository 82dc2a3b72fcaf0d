//! Drives the machines of the receipt log (`psi_core::receipt::log`): link, machine, state.
//!
//! Of each step the changes are made durable first, in their order, then the message leaves, then
//! the peer's next one is awaited. The log's lock is held by the sequencer from the first step to the
//! last, by the follower for each step. Where the peer is silent and something else wants the log, the
//! machine is given up: the next settlement completes what it began. Decides nothing about entries. Called by both sides of a job
//! ([`Chain::record`]) and by every settlement ([`settle`], [`answer_settlement`]).

use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::log::{
    Append, AwaitedJob, Change, LogError, LogView, Machine, Member, Next, Settlement, StepResult,
    StoredEntry, is_recorded,
};
use psi_core::receipt::{Body, QueryDigest};
use psi_core::spec::{JobId, NodeId};

use super::chain::Chain;
use crate::job::charge;
use crate::job::deadlines::within;
use crate::job::failure::Failure;
use crate::job::failure::own_stop::OwnStop;
use crate::job::link::Link;
use crate::net::NetError;
use crate::state::StateError;

impl Chain {
    /// Puts `body` on the log of both members, inside a job's stream. Both call it at the same
    /// step with the same body.
    pub(in crate::job) async fn record(&self, link: &mut Link, body: Body) -> Result<(), Failure> {
        self.drive(link, |member| Append::start(member, body)).await
    }

    /// Whether a refusal with this code belongs on the shared log.
    pub(in crate::job) fn takes_refusal(&self, code: Code) -> bool {
        self.with_member(|member| is_recorded(member, code))
    }

    /// Runs a machine to its end.
    async fn drive<M: Machine>(
        &self,
        link: &mut Link,
        start: impl FnOnce(&Member<'_, Chain>) -> StepResult<M, Chain>,
    ) -> Result<(), Failure> {
        let mut lock = Some(link.working_while(self.lock()).await?);
        let mut step = self.with_member(start)?;
        loop {
            self.store(step.store)?;
            if let Some(message) = &step.send {
                link.send(message).await?;
            }
            step = match step.next {
                Next::Done => return Ok(()),
                Next::Broken(why) => return Err(Failure::Receipts(why.into())),
                Next::Go(state) => self.with_member(|member| state.go_on(member))?,
                Next::Expect(state) => {
                    if !self.is_sequencer() {
                        drop(lock.take());
                    }
                    let heard = link.receiver.heard();
                    let message = tokio::select! {
                        biased;
                        message = link.control() => message,
                        // What was begun is completed by the next settlement.
                        () = self.gives_way(&heard) => {
                            let limit = self.deadlines().giving_way();
                            return Err(NetError::TimedOut(limit).into());
                        }
                    };
                    let message = match message {
                        Err(Failure::PeerAborted(code)) => Control::Abort(code),
                        message => message?,
                    };
                    if lock.is_none() {
                        lock = Some(link.working_while(self.lock()).await?);
                    }
                    self.with_member(|member| state.handle(member, message))?
                }
            };
        }
    }

    /// Makes the changes of a step, in their order.
    pub(in crate::job) fn store(&self, changes: Vec<Change>) -> Result<(), Failure> {
        let (state, id) = (&self.state, &self.collab_id);
        for change in changes {
            match change {
                Change::Append { stored, body } => {
                    let debit = charge::debit_of(&body, &self.key.id(), &self.config)?;
                    state.entry_append(id, &stored, debit.as_ref())?;
                }
                Change::Countersign { seq, signature } => {
                    let peer = usize::from(self.is_sequencer());
                    state.entry_countersign(id, seq, peer, &signature)?;
                }
                Change::Break(why) => state.chain_set_broken(id, why)?,
                Change::DoubtLedger(why) => state.ledger_doubt(why)?,
                Change::Repaired => state.chain_repair_done(id)?,
                Change::Forget(job_id) => state.opening_forget(&job_id)?,
                Change::EndJob(job_id) => self.live.end(&job_id),
                Change::Settled => state.ledger_settled(id)?,
            }
        }
        Ok(())
    }

    /// Asks a machine, as this node.
    pub(in crate::job) fn with_member<T>(&self, ask: impl FnOnce(&Member<'_, Self>) -> T) -> T {
        ask(&Member {
            collab_id: self.collab_id,
            own: self.key.id(),
            peer: self.peer,
            sign: &|text| self.key.sign(text),
            view: self,
        })
    }
}

/// Starts a settlement on a fresh stream. What was settled before it fails stays; the next one goes
/// on from there.
///
/// # Errors
/// The [`Failure`] that ended it; the peer was told.
pub(in crate::job) async fn settle(chain: &Chain, mut link: Link) -> Result<(), Failure> {
    let work = chain.drive(&mut link, Settlement::start);
    let result = within(chain.deadlines().settlement(), work).await;
    end(link, result).await
}

/// Answers a settlement that the peer started with `first`.
///
/// # Errors
/// The [`Failure`] that ended it; the peer was told.
pub(in crate::job) async fn answer_settlement(
    chain: &Chain,
    mut link: Link,
    first: Control,
) -> Result<(), Failure> {
    let work = chain.drive(&mut link, |member| Settlement::answer(member, first));
    let result = within(chain.deadlines().settlement(), work).await;
    end(link, result).await
}

async fn end(mut link: Link, result: Result<(), Failure>) -> Result<(), Failure> {
    match &result {
        Ok(()) => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        Err(failure) if failure.is_news_for_peer() => {
            link.end(&Control::Abort(failure.code())).await;
        }
        Err(_) => {}
    }
    result
}

impl From<LogError<StateError>> for Failure {
    fn from(error: LogError<StateError>) -> Self {
        match error {
            LogError::View(error) => Self::State(error),
            LogError::Protocol(error) => Self::Protocol(error),
            LogError::PeerAborted(code) => Self::PeerAborted(code),
            LogError::Unfinished => Self::OwnStop(OwnStop::LogUnfinished),
            LogError::Disagree(why) => Self::Receipts(why.into_owned()),
        }
    }
}

impl LogView for Chain {
    type Error = StateError;

    fn head(&self) -> Result<Option<StoredEntry>, StateError> {
        self.state.chain_head(&self.collab_id)
    }

    fn entry(&self, seq: u64) -> Result<Option<StoredEntry>, StateError> {
        self.state.entry(&self.collab_id, seq)
    }

    fn open_jobs(&self) -> Result<Vec<JobId>, StateError> {
        self.state.open_jobs(&self.collab_id)
    }

    fn running_jobs(&self) -> Vec<JobId> {
        self.live.of(&self.collab_id)
    }

    fn end_of(&self, job_id: &JobId) -> Option<Code> {
        self.live.end_of(job_id)
    }

    fn awaited_job(&self, job_id: &JobId) -> Result<Option<AwaitedJob>, StateError> {
        self.state.awaited_job(job_id)
    }

    fn awaited_openings(&self) -> Result<Vec<JobId>, StateError> {
        self.state.awaited_openings(&self.collab_id)
    }

    fn awaits_refusal(
        &self,
        requester: &NodeId,
        query: &QueryDigest,
        code: Code,
    ) -> Result<bool, StateError> {
        self.state
            .awaits_refusal(&self.collab_id, requester, query, code)
    }

    fn refusals_awaited(&self) -> Result<u64, StateError> {
        self.state.refusals_awaited(&self.collab_id)
    }

    fn refusals_in_a_row(&self) -> Result<u64, StateError> {
        self.state.refusals_in_a_row(&self.collab_id)
    }

    fn refusals_today(&self) -> Result<u64, StateError> {
        Ok(self.state.log_day(&self.collab_id)?.refusals)
    }

    fn statements_today(&self, node_id: &NodeId) -> Result<u64, StateError> {
        self.state.statements_today(&self.collab_id, node_id)
    }

    fn statement(&self) -> Result<Option<String>, StateError> {
        self.state.chain_repair_requested(&self.collab_id)
    }

    fn broken(&self) -> Result<Option<String>, StateError> {
        self.state.chain_broken(&self.collab_id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::follower;
    use super::*;
    use crate::receipts::tests::{Fixture, refused};

    #[test]
    fn every_change_of_a_step_is_in_the_state_once_it_is_carried_out() {
        let fixture = Fixture::new();
        let (chain, state, id) = (follower(&fixture), &fixture.state, fixture.collab.id());
        let found = vec![Change::DoubtLedger("lost"), Change::Break("lost")];
        chain.store(found).unwrap();
        assert_eq!(chain.broken().unwrap().as_deref(), Some("lost"));
        assert_eq!(state.ledger_doubts().unwrap().unwrap().why, "lost");
        state.chain_repair(&id, "restored").unwrap();
        assert_eq!(chain.statement().unwrap().as_deref(), Some("restored"));
        assert!(state.ledger_awaits(&id).unwrap());
        let repaired = vec![Change::Repaired, Change::Settled];
        chain.store(repaired).unwrap();
        assert_eq!(
            (chain.broken().unwrap(), chain.statement().unwrap()),
            (None, None)
        );
        assert!(!state.ledger_awaits(&id).unwrap());

        let job_id = fixture.job(1).job_id();
        let _running = chain.live.begin(id, job_id);
        chain.live.note_end(job_id, Code::TimedOut);
        assert_eq!(chain.end_of(&job_id), Some(Code::TimedOut));
        chain.store(vec![Change::EndJob(job_id)]).unwrap();
        assert_eq!(chain.end_of(&job_id), None);
    }

    #[test]
    fn a_signature_comes_in_the_place_of_the_other_member() {
        let fixture = Fixture::new();
        let chain = follower(&fixture);
        let body = refused(&fixture);
        let whole = fixture.next(body.clone());
        let mut stored = whole.clone();
        let signature = stored.signatures[0].take().unwrap();
        let body = Box::new(body);
        let seq = stored.seq;
        chain
            .store(vec![
                Change::Append { stored, body },
                Change::Countersign { seq, signature },
            ])
            .unwrap();
        assert_eq!(chain.head().unwrap(), Some(whole.clone()));
        assert_eq!(chain.entry(0).unwrap(), Some(whole));
        assert_eq!(chain.refusals_today().unwrap(), 1);
    }

    #[test]
    fn nothing_is_changed_after_a_change_that_failed() {
        let fixture = Fixture::new();
        let chain = follower(&fixture);
        let failing = Change::Countersign {
            seq: 0,
            signature: [1; 64].into(),
        };
        let changes = vec![failing, Change::Break("after it")];
        assert!(matches!(chain.store(changes), Err(Failure::State(_))));
        assert_eq!(chain.broken().unwrap(), None);
    }
}
