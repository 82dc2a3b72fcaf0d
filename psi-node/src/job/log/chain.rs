//! The receipt log of a collaboration, as one of this node's tasks holds it: whose it is, its lock,
//! and whether it takes a new question.
//!
//! Spec 07 §2. How entries come on it is in [`psi_core::receipt::log`]; [`super::driver`] drives that.
//! Made for each job, refusal and settlement.

use std::sync::Arc;

use aggregator::Refusal;
use psi_core::spec::CollabId;
use psi_core::{Code, limits};
use tokio::sync::OwnedMutexGuard;

use super::locks::{ChainLocks, Waiting};
use super::open_jobs::LiveJobs;
use crate::collab::Collaboration;
use crate::config::NodeConfig;
use crate::identity::{NodeId, NodeKey};
use crate::job::context::JobContext;
use crate::job::deadlines::Deadlines;
use crate::job::failure::Failure;
use crate::net::LastHeard;
use crate::state::State;

/// What one job adds to a log at most: its opened entry and its closed one.
const JOB_BYTES: u64 = 2 * limits::ENTRY_BYTES_MAX as u64;

/// The receipt log of one collaboration, as this member sees it.
#[derive(Clone)]
pub(in crate::job) struct Chain {
    pub(in crate::job) state: State,
    pub(in crate::job) key: Arc<NodeKey>,
    pub(in crate::job) collab_id: CollabId,
    pub(in crate::job) peer: NodeId,
    pub(in crate::job) config: Arc<NodeConfig>,
    /// The jobs that run here.
    pub(in crate::job) live: LiveJobs,
    locks: Arc<ChainLocks>,
}

impl Chain {
    pub(in crate::job) fn new(ctx: &JobContext, collab: &Collaboration, peer: NodeId) -> Self {
        Self {
            state: ctx.state.clone(),
            key: Arc::clone(&ctx.key),
            collab_id: collab.id(),
            peer,
            config: Arc::clone(&ctx.config),
            live: ctx.live.clone(),
            locks: Arc::clone(&ctx.chains),
        }
    }

    /// Whether this member is the sequencer.
    pub(in crate::job) fn is_sequencer(&self) -> bool {
        self.key.id() < self.peer
    }

    pub(in crate::job) async fn lock(&self) -> OwnedMutexGuard<()> {
        let _waiting = self.waits();
        self.locks.lock(self.collab_id).await
    }

    /// Notes, until it is dropped, that something waits for a log with the peer.
    pub(in crate::job) fn waits(&self) -> Waiting {
        self.locks.wait_for(self.peer)
    }

    /// Waits until the peer has been silent for too long, and something else wants a log with it.
    pub(in crate::job) async fn gives_way(&self, heard: &LastHeard) {
        loop {
            self.locks.wanted(self.peer).await;
            let left = heard.left_of(self.deadlines().giving_way());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Refuses to go on with a log that is known not to agree with the peer's.
    pub(in crate::job) fn check_sound(&self) -> Result<(), Failure> {
        match self.state.chain_broken(&self.collab_id)? {
            Some(why) => Err(Failure::Receipts(why)),
            None => Ok(()),
        }
    }

    /// Refuses a new question if today's share of the log is used up, with what running jobs and this
    /// one may still add to it. An entry of a job that was agreed to is always taken.
    pub(in crate::job) fn check_room(&self, live: &LiveJobs) -> Result<(), Failure> {
        let jobs = live.of(&self.collab_id).len() as u64;
        let reserved = jobs.saturating_add(1).saturating_mul(JOB_BYTES);
        let day = self.state.log_day(&self.collab_id)?;
        if day.bytes.saturating_add(reserved) <= limits::LOG_BYTES_PER_DAY_MAX {
            return Ok(());
        }
        Err(Failure::OwnRefusal(Refusal {
            code: Code::TooManyJobs,
            rule: "receipt log".into(),
            sentence: format!(
                "the receipt log took {} bytes today, and with the jobs that run it could take more \
                 than the {} of a day",
                day.bytes,
                limits::LOG_BYTES_PER_DAY_MAX
            ),
            remedy: "ask again tomorrow (UTC)".into(),
        }))
    }

    /// How long the steps of a job or a settlement may take.
    pub(in crate::job) fn deadlines(&self) -> Deadlines {
        Deadlines::new(self.config.peer_timeout())
    }
}

#[cfg(test)]
pub(in crate::job) mod tests {
    use std::path::Path;

    use psi_core::messages::Control;
    use psi_core::receipt::Body;
    use psi_core::receipt::log::{Append, Machine, Next};
    use psi_core::spec::JobId;

    use super::*;
    use crate::receipts::tests::{Fixture, completed, refused};

    #[test]
    fn a_log_whose_day_is_full_takes_no_new_question_and_every_entry_of_a_job_that_was_agreed_to() {
        let fixture = Fixture::new();
        let (chain, live) = (follower(&fixture), LiveJobs::default());
        let job = fixture.job(1);
        chain.check_room(&live).unwrap();
        fixture
            .state
            .fill_log_day(limits::LOG_BYTES_PER_DAY_MAX - JOB_BYTES);
        fixture.append(refused(&fixture));
        let failure = chain.check_room(&live).unwrap_err();
        assert_eq!(failure.code(), Code::TooManyJobs);
        // Opened and closed nevertheless: both had signed the job before.
        for body in [fixture.opened(&job), completed(&job)] {
            take(&chain, &fixture, &body);
        }
        // Room that running jobs may still take counts beforehand.
        fixture
            .state
            .fill_log_day(limits::LOG_BYTES_PER_DAY_MAX - 2 * JOB_BYTES);
        chain.check_room(&live).unwrap();
        let _running = live.begin(fixture.collab.id(), JobId([8; 64]));
        let _another = live.begin(fixture.collab.id(), JobId([9; 64]));
        assert!(chain.check_room(&live).is_err());
    }

    /// Takes the next entry, signed by the member that orders them.
    #[track_caller]
    fn take(chain: &Chain, fixture: &Fixture, body: &Body) {
        let mut next = fixture.next(body.clone());
        next.signatures[1] = None;
        chain
            .with_member(|member| {
                let awaits = Append::start(member, body.clone())?.next;
                let Next::Expect(awaits) = awaits else {
                    panic!("{awaits:?}")
                };
                awaits.handle(member, Control::Entry(next.message()))
            })
            .map_err(Failure::from)
            .and_then(|step| chain.store(step.store))
            .unwrap();
    }

    /// The log as its follower sees it.
    pub(in crate::job) fn follower(fixture: &Fixture) -> Chain {
        let [first, second] = &fixture.keys;
        seen_by(second, first.id(), fixture)
    }

    /// The log as the member sees it that orders its entries.
    pub(in crate::job) fn sequencer(fixture: &Fixture) -> Chain {
        let [first, second] = &fixture.keys;
        seen_by(first, second.id(), fixture)
    }

    fn seen_by(own: &NodeKey, peer: NodeId, fixture: &Fixture) -> Chain {
        let file = fixture.folder.path().join(own.id().to_string());
        own.create(&file).unwrap();
        let key = Arc::new(NodeKey::load(&file).unwrap());
        let text = "name = \"snowy\"\nlisten = \"127.0.0.1:1\"\n";
        Chain {
            state: fixture.state.clone(),
            key,
            collab_id: fixture.collab.id(),
            peer,
            config: Arc::new(NodeConfig::parse(text, Path::new("node.toml")).unwrap()),
            live: LiveJobs::default(),
            locks: Arc::default(),
        }
    }
}
