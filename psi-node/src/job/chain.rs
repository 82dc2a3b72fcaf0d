//! Appending to a collaboration's receipt log, one entry at a time, by both members.
//!
//! Spec 07 §2. The member with the smaller node id is the *sequencer*: it alone decides which entry
//! comes next, and holds a lock from choosing an entry until the other member's signature is
//! stored. The other is the *follower*. Both store an entry durably before their signature leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aggregator::Refusal;
use psi_core::messages::{Control, EntryMessage};
use psi_core::receipt::{Body, Entry, EntryHash, entry_hash, signature_holds, signing_text};
use psi_core::{Code, limits};
use tokio::sync::OwnedMutexGuard;

use super::deadlines::Deadlines;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::live::LiveJobs;
use super::own_stop::OwnStop;
use super::{JobContext, charge};
use crate::collab::Collaboration;
use crate::config::NodeConfig;
use crate::identity::{NodeId, NodeKey};
use crate::state::{Debit, State, StoredEntry};

/// Refused entries after the last opened one that a follower signs: what an honest sequencer can
/// come to if all of its jobs are refused at the same time.
const REFUSALS_SIGNED_MAX: u64 = limits::REFUSALS_RECORDED_MAX + limits::LIVE_JOBS_MAX as u64;

/// What one job adds to a log at most: its opened entry and its closed one.
const JOB_BYTES: u64 = 2 * limits::ENTRY_BYTES_MAX as u64;

/// One lock per collaboration, held while an entry is being appended.
#[derive(Default)]
pub struct ChainLocks(Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>);

impl ChainLocks {
    pub(super) async fn lock(&self, collab_id: [u8; 32]) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(collab_id).or_default())
        };
        lock.lock_owned().await
    }
}

/// The receipt log of one collaboration, as this member sees it.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) state: State,
    pub(super) key: Arc<NodeKey>,
    pub(super) collab_id: [u8; 32],
    pub(super) peer: NodeId,
    config: Arc<NodeConfig>,
    locks: Arc<ChainLocks>,
}

impl Chain {
    pub(super) fn new(ctx: &JobContext, collab: &Collaboration, peer: NodeId) -> Self {
        Self {
            state: ctx.state.clone(),
            key: Arc::clone(&ctx.key),
            collab_id: collab.id(),
            peer,
            config: Arc::clone(&ctx.config),
            locks: Arc::clone(&ctx.chains),
        }
    }

    /// Whether this member is the sequencer.
    pub(super) fn is_sequencer(&self) -> bool {
        self.key.id().0 < self.peer.0
    }

    /// Where this member's signature stands in an entry.
    pub(super) fn own_index(&self) -> usize {
        usize::from(!self.is_sequencer())
    }

    pub(super) fn peer_index(&self) -> usize {
        usize::from(self.is_sequencer())
    }

    pub(super) async fn lock(&self) -> OwnedMutexGuard<()> {
        self.locks.lock(self.collab_id).await
    }

    /// Refuses to go on with a log that is known not to agree with the peer's.
    pub(super) fn check_sound(&self) -> Result<(), Failure> {
        match self.state.chain_broken(&self.collab_id)? {
            Some(why) => Err(Failure::Receipts(why)),
            None => Ok(()),
        }
    }

    /// Refuses a new question if today's share of the log is used up, with what running jobs and this
    /// one may still add to it. An entry of a job that was agreed to is always taken.
    pub(super) fn check_room(&self, live: &LiveJobs) -> Result<(), Failure> {
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
    pub(super) fn deadlines(&self) -> Deadlines {
        Deadlines::new(self.config.peer_timeout())
    }

    /// The number of entries, and the hash of the last.
    pub(super) fn place(&self) -> Result<(u64, EntryHash), Failure> {
        Ok(match self.state.chain_head(&self.collab_id)? {
            Some(head) => (head.seq + 1, head.hash),
            None => (0, [0; 64]),
        })
    }

    /// Puts `body` on the log of both members, inside a job's stream. Both call it at the same
    /// step with the same body.
    pub(super) async fn record(&self, link: &mut Link, body: Body) -> Result<(), Failure> {
        if self.is_sequencer() {
            let _guard = link.working_while(self.lock()).await?;
            self.propose(link, body).await
        } else {
            let Control::Entry(message) = link.control().await? else {
                return Err(unexpected("something else than a receipt entry"));
            };
            let _guard = link.working_while(self.lock()).await?;
            let signature = self.accept(&message, |entry| entry.body == body)?;
            link.send(&Control::Countersign { signature }).await
        }
    }

    /// Sequencer, lock held: stores and sends the next entry and awaits the other signature.
    pub(super) async fn propose(&self, link: &mut Link, body: Body) -> Result<(), Failure> {
        if let Some(head) = self.state.chain_head(&self.collab_id)?
            && head.signatures.iter().any(Option::is_none)
        {
            // The next settlement completes it; until then nothing may follow.
            return Err(Failure::OwnStop(OwnStop::LogUnfinished));
        }
        let (seq, previous) = self.place()?;
        let debit = self.debit_of(&body)?;
        let entry = Entry {
            collab_id: self.collab_id,
            seq,
            previous,
            body,
        }
        .encode();
        let hash = entry_hash(&entry);
        let mut signatures = [None, None];
        signatures[self.own_index()] = Some(self.key.sign(&signing_text(&hash)));
        let stored = StoredEntry {
            seq,
            entry,
            hash,
            signatures,
        };
        self.append(&stored, debit.as_ref())?;
        self.send_entry(link, &stored).await
    }

    /// Sequencer: sends a stored entry and stores the signature that comes back.
    pub(super) async fn send_entry(
        &self,
        link: &mut Link,
        stored: &StoredEntry,
    ) -> Result<(), Failure> {
        link.send(&Control::Entry(message_of(stored))).await?;
        let Control::Countersign { signature } = link.control().await? else {
            return Err(unexpected("something else than a countersignature"));
        };
        self.complete(stored, &signature)
    }

    /// Stores the peer's signature over an entry that lacks it.
    pub(super) fn complete(
        &self,
        stored: &StoredEntry,
        signature: &[u8; 64],
    ) -> Result<(), Failure> {
        if !signature_holds(&self.peer.0, &signing_text(&stored.hash), signature) {
            return Err(violation(Code::SignatureInvalid, "a countersignature"));
        }
        let index = self.peer_index();
        Ok(self
            .state
            .entry_countersign(&self.collab_id, stored.seq, index, signature)?)
    }

    /// Follower, lock held: checks that the entry is the next and the awaited one, stores it with
    /// both signatures and returns the own.
    pub(super) fn accept(
        &self,
        message: &EntryMessage,
        awaited: impl FnOnce(&Entry) -> bool,
    ) -> Result<[u8; 64], Failure> {
        let mismatch = |detail| Err(violation(Code::EntryMismatch, detail));
        let entry = Entry::decode(&message.entry)?;
        let (seq, previous) = self.place()?;
        if entry.collab_id != self.collab_id || entry.seq != seq || entry.previous != previous {
            return mismatch("a receipt entry that does not continue this log");
        }
        if !awaited(&entry) {
            return mismatch("a receipt entry that records something else");
        }
        if matches!(entry.body, Body::Refused { .. })
            && self.state.refusals_in_a_row(&self.collab_id)? >= REFUSALS_SIGNED_MAX
        {
            return mismatch("more refusals than a log has room for");
        }
        let hash = entry_hash(&message.entry);
        let text = signing_text(&hash);
        let mut signatures = message.signatures;
        match signatures[self.peer_index()] {
            Some(signature) if signature_holds(&self.peer.0, &text, &signature) => {}
            _ => {
                return Err(violation(
                    Code::SignatureInvalid,
                    "the signature of a new entry",
                ));
            }
        }
        let own = self.key.sign(&text);
        signatures[self.own_index()] = Some(own);
        let debit = self.debit_of(&entry.body)?;
        let stored = StoredEntry {
            seq,
            entry: message.entry.clone(),
            hash,
            signatures,
        };
        self.append(&stored, debit.as_ref())?;
        Ok(own)
    }

    /// What an entry costs this node.
    pub(super) fn debit_of(&self, body: &Body) -> Result<Option<Debit>, Failure> {
        charge::debit_of(body, &self.key.id(), &self.config)
    }

    fn append(&self, stored: &StoredEntry, debit: Option<&Debit>) -> Result<(), Failure> {
        Ok(self.state.entry_append(&self.collab_id, stored, debit)?)
    }
}

pub(super) fn message_of(stored: &StoredEntry) -> EntryMessage {
    EntryMessage {
        entry: stored.entry.clone(),
        signatures: stored.signatures,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::receipts::tests::{Fixture, completed, refused};

    #[test]
    fn a_follower_signs_refusals_up_to_a_bound_and_again_after_a_job() {
        let fixture = Fixture::new();
        let (body, job) = (refused(&fixture), fixture.opened(&fixture.job(1)));
        let refusal = |fixture: &Fixture| message(fixture, &body);
        let chain = follower(&fixture);
        assert!(!chain.is_sequencer());
        for _ in 0..REFUSALS_SIGNED_MAX {
            chain.accept(&refusal(&fixture), |_| true).unwrap();
        }
        let failure = chain.accept(&refusal(&fixture), |_| true).unwrap_err();
        assert_eq!(failure.code(), Code::EntryMismatch);
        fixture.append(job);
        chain.accept(&refusal(&fixture), |_| true).unwrap();
    }

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
        // Opened and closed all the same: both had signed the job before.
        for body in [fixture.opened(&job), completed(&job)] {
            chain.accept(&message(&fixture, &body), |_| true).unwrap();
        }
        // Room that running jobs may still take counts beforehand.
        fixture
            .state
            .fill_log_day(limits::LOG_BYTES_PER_DAY_MAX - 2 * JOB_BYTES);
        chain.check_room(&live).unwrap();
        let _running = live.begin(fixture.collab.id(), [8; 64]);
        let _another = live.begin(fixture.collab.id(), [9; 64]);
        assert!(chain.check_room(&live).is_err());
    }

    /// The next entry, signed by the member that orders them.
    fn message(fixture: &Fixture, body: &Body) -> EntryMessage {
        let next = fixture.next(body.clone());
        EntryMessage {
            signatures: [next.signatures[0], None],
            entry: next.entry,
        }
    }

    /// The log as its follower sees it.
    fn follower(fixture: &Fixture) -> Chain {
        let first = fixture.keys[0].id();
        let file = fixture.folder.path().join("node.key");
        fixture.keys[1].create(&file).unwrap();
        let key = Arc::new(NodeKey::load(&file).unwrap());
        let text = "name = \"snowy\"\nlisten = \"127.0.0.1:1\"\n";
        Chain {
            state: fixture.state.clone(),
            key,
            collab_id: fixture.collab.id(),
            peer: first,
            config: Arc::new(NodeConfig::parse(text, Path::new("node.toml")).unwrap()),
            locks: Arc::default(),
        }
    }
}
