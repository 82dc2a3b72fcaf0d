//! Settlement: both members bring their receipt logs to the same, complete last entry.
//!
//! Spec 06 §4 and Spec 07 §2. Runs whenever two nodes connect, and after a job that was aborted:
//! completes the entry that a crash left half signed, finds out whether one log was rolled back,
//! and closes jobs that at least one side no longer runs.
//!
//! The sequencer leads, with its chain lock held throughout, so at most one settlement or append
//! is under way per collaboration.

use psi_core::Code;
use psi_core::limits::{self, STATEMENTS_PER_DAY_MAX};
use psi_core::messages::{Control, EntryMessage, SettleState};
use psi_core::receipt::{Body, ClosedStatus, Entry, entry_hash, signature_holds, signing_text};
use psi_core::spec::JobId;

use super::chain::{Chain, message_of};
use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::live::LiveJobs;
use super::missing::Follower;
use crate::identity::NodeId;
use crate::state::StoredEntry;

const ROLLED_BACK: &str = "the other member holds entries signed by this node that this node does \
                           not hold: its state was restored from an older copy";
const PEER_ROLLED_BACK: &str = "the other member lacks entries that it signed: its state was \
                                restored from an older copy";
const FORKED: &str = "the two members hold different entries under the same number";

/// One member's part in a settlement.
pub(super) struct Settlement<'a> {
    pub(super) chain: &'a Chain,
    pub(super) live: &'a LiveJobs,
}

impl Settlement<'_> {
    /// Starts a settlement on a fresh stream.
    pub(super) async fn start(&self, mut link: Link) -> Result<(), Failure> {
        let work = async {
            if self.chain.is_sequencer() {
                return self.lead(&mut link).await;
            }
            let collab_id = self.chain.collab_id;
            link.send(&Control::SettleRequest { collab_id }).await?;
            self.follow(&mut link, None).await
        };
        // What was settled by then stays; the next settlement goes on from there.
        let result = within(self.chain.deadlines().settlement(), work).await;
        self.end(link, result).await
    }

    /// Answers one that the peer started with `first`.
    pub(super) async fn answer(&self, mut link: Link, first: Control) -> Result<(), Failure> {
        let work = async {
            match first {
                Control::SettleRequest { .. } if self.chain.is_sequencer() => {
                    self.lead(&mut link).await
                }
                Control::Settle(state) if !self.chain.is_sequencer() => {
                    self.follow(&mut link, Some(state)).await
                }
                _ => Err(unexpected("a settlement started by the wrong member")),
            }
        };
        let result = within(self.chain.deadlines().settlement(), work).await;
        self.end(link, result).await
    }

    async fn end(&self, mut link: Link, result: Result<(), Failure>) -> Result<(), Failure> {
        match result {
            Ok(()) => {
                self.chain.state.ledger_settled(&self.chain.collab_id)?;
                link.sender.finish();
                link.sender.delivered().await;
                Ok(())
            }
            Err(failure) => {
                if failure.is_news_for_peer() {
                    link.end(&Control::Abort(failure.code())).await;
                }
                Err(failure)
            }
        }
    }

    fn own_state(&self) -> Result<SettleState, Failure> {
        let chain = self.chain;
        let head = chain.state.chain_head(&chain.collab_id)?;
        Ok(SettleState {
            collab_id: chain.collab_id,
            entries: head.as_ref().map_or(0, |head| head.seq + 1),
            head: head.as_ref().map_or([0; 64], |head| head.hash),
            signature: head
                .as_ref()
                .and_then(|head| head.signatures[chain.own_index()]),
            live: self.live_jobs(),
            statement: self.own_statement()?,
        })
    }

    /// The owner's statement that is not on the log yet, if the day has room for one more. One that
    /// finds none waits, and the log stays as it was found.
    fn own_statement(&self) -> Result<Option<String>, Failure> {
        let chain = self.chain;
        let requested = chain.state.chain_repair_requested(&chain.collab_id)?;
        Ok(
            if self.statements_today(&chain.key.id())? < STATEMENTS_PER_DAY_MAX {
                requested
            } else {
                None
            },
        )
    }

    fn statements_today(&self, of: &NodeId) -> Result<u64, Failure> {
        let chain = self.chain;
        Ok(chain.state.statements_today(&chain.collab_id, &of.0)?)
    }

    /// No more than a message holds: `jobs_max` is at most that.
    fn live_jobs(&self) -> Vec<JobId> {
        let mut live = self.live.of(&self.chain.collab_id);
        live.truncate(limits::LIVE_JOBS_MAX);
        live
    }

    /// Jobs whose opening is awaited and that do not run here any more.
    fn given_up(&self) -> Result<Vec<JobId>, Failure> {
        let chain = self.chain;
        let mut awaited = chain.state.awaited_openings(&chain.collab_id)?;
        let live = self.live.of(&chain.collab_id);
        awaited.retain(|job_id| !live.contains(job_id));
        Ok(awaited)
    }

    /// Follower, at the end: the opening of jobs that neither side runs any more and that are not on
    /// the log, which is now complete, is not awaited any longer.
    async fn forget(&self, given_up: &[JobId], theirs: &[JobId]) -> Result<(), Failure> {
        if theirs.len() > limits::LIVE_JOBS_MAX {
            let detail = "too many running jobs at the end of a settlement";
            return Err(violation(Code::MalformedMessage, detail));
        }
        // No entry is being judged meanwhile by what is awaited.
        let _guard = self.chain.lock().await;
        for job_id in given_up.iter().filter(|job_id| !theirs.contains(job_id)) {
            self.chain.state.opening_forget(job_id)?;
        }
        Ok(())
    }

    fn check_state(&self, state: &SettleState) -> Result<(), Failure> {
        let malformed = |detail| Err(violation(Code::MalformedMessage, detail));
        if state.collab_id != self.chain.collab_id {
            return malformed("a settlement of another collaboration");
        }
        if state.live.len() > limits::LIVE_JOBS_MAX {
            return malformed("too many running jobs in a settlement");
        }
        let statement = state.statement.as_ref();
        if statement.is_some_and(|text| text.is_empty() || text.len() > limits::STATEMENT_BYTES_MAX)
        {
            return malformed("the length of a statement");
        }
        Ok(())
    }

    /// A log that was found broken stays so until its owner's statement is about to be recorded.
    fn check_sound(&self, own: &SettleState) -> Result<(), Failure> {
        if own.statement.is_some() {
            Ok(())
        } else {
            self.chain.check_sound()
        }
    }

    /// The sequencer's half.
    async fn lead(&self, link: &mut Link) -> Result<(), Failure> {
        let _guard = link.working_while(self.chain.lock()).await?;
        let own = self.own_state()?;
        link.send(&Control::Settle(own.clone())).await?;
        let Control::Settle(theirs) = link.control().await? else {
            return Err(unexpected("something else than the state of a log"));
        };
        self.check_state(&theirs)?;
        let own_statement = own.statement.clone();
        self.align(link, &own, &theirs).await?;
        self.check_sound(&own)?;
        if let Some(text) = own_statement {
            let node_id = self.chain.key.id().0;
            self.chain
                .propose(link, Body::Statement { node_id, text })
                .await?;
            self.chain.state.chain_repair_done(&self.chain.collab_id)?;
        }
        // One that the day has no room for comes again with the next settlement.
        if let Some(text) = theirs.statement.clone()
            && self.statements_today(&self.chain.peer)? < STATEMENTS_PER_DAY_MAX
        {
            let node_id = self.chain.peer.0;
            self.chain
                .propose(link, Body::Statement { node_id, text })
                .await?;
        }
        for job_id in self.chain.state.open_jobs(&self.chain.collab_id)? {
            // Asked anew: a job may have ended here since the settlement began.
            let here = self.live.of(&self.chain.collab_id).contains(&job_id);
            if here && theirs.live.contains(&job_id) {
                continue;
            }
            self.live.interrupt(&job_id);
            let body = Body::Closed {
                job_id,
                status: ClosedStatus::Aborted,
                code: Some(self.live.take_end(&job_id)),
                output_commitment: None,
                transcripts: None,
            };
            self.chain.propose(link, body).await?;
        }
        // Under the lock: what is not here now will not be opened by an earlier signature.
        let live = self.live_jobs();
        link.send(&Control::Settled { live }).await
    }

    /// The follower's half.
    async fn follow(&self, link: &mut Link, first: Option<SettleState>) -> Result<(), Failure> {
        let theirs = match first {
            Some(state) => state,
            None => match link.control().await? {
                Control::Settle(state) => state,
                _ => return Err(unexpected("something else than the state of a log")),
            },
        };
        self.check_state(&theirs)?;
        let given_up = self.given_up()?;
        let own = self.own_state()?;
        link.send(&Control::Settle(own.clone())).await?;
        self.align(link, &own, &theirs).await?;
        self.check_sound(&own)?;
        loop {
            match link.control().await? {
                Control::Settled { live } => return self.forget(&given_up, &live).await,
                Control::Entry(message) => {
                    let _guard = self.chain.lock().await;
                    let signature = self.accept_settling(&message, &own, &theirs)?;
                    link.send(&Control::Countersign { signature }).await?;
                }
                _ => return Err(unexpected("something else than an entry of a settlement")),
            }
        }
    }

    /// Brings both logs to the same number of entries, or finds that they contradict each other.
    async fn align(
        &self,
        link: &mut Link,
        own: &SettleState,
        theirs: &SettleState,
    ) -> Result<(), Failure> {
        if own.entries == theirs.entries {
            return self.compare_heads(own, theirs);
        }
        if own.entries > theirs.entries {
            for seq in theirs.entries..own.entries {
                let Some(stored) = self.chain.state.entry(&self.chain.collab_id, seq)? else {
                    return Err(Failure::Receipts(
                        "an entry is missing in the middle".into(),
                    ));
                };
                self.send_behind(link, &stored).await?;
            }
            return Ok(());
        }
        for seq in own.entries..theirs.entries {
            let Control::Entry(message) = link.control().await? else {
                return Err(unexpected("something else than a missing entry"));
            };
            let last = seq + 1 == theirs.entries;
            self.take_missing(link, &message, (seq, last), own).await?;
        }
        Ok(())
    }

    /// Equal numbers: the last entries must be the same, and each side may complete its own.
    fn compare_heads(&self, own: &SettleState, theirs: &SettleState) -> Result<(), Failure> {
        if own.head != theirs.head {
            // A claim alone: the ledger is in doubt only where the own signature proves a loss.
            return self.broken(FORKED);
        }
        let Some(head) = self.chain.state.chain_head(&self.chain.collab_id)? else {
            return Ok(());
        };
        match theirs.signature {
            Some(signature) if head.signatures[self.chain.peer_index()].is_none() => {
                self.chain.complete(&head, &signature)
            }
            _ => Ok(()),
        }
    }

    /// Sends an entry that the peer lacks.
    async fn send_behind(&self, link: &mut Link, stored: &StoredEntry) -> Result<(), Failure> {
        link.send(&Control::Entry(message_of(stored))).await?;
        match link.control().await {
            Ok(Control::Countersign { signature }) => {
                if stored.signatures[self.chain.peer_index()].is_none() {
                    self.chain.complete(stored, &signature)?;
                }
                Ok(())
            }
            Ok(_) => Err(unexpected("something else than a countersignature")),
            Err(Failure::PeerAborted(Code::ReceiptsDisagree)) => {
                // The peer's owner repairs its log; this one is sound.
                Err(Failure::Receipts(PEER_ROLLED_BACK.into()))
            }
            Err(other) => Err(other),
        }
    }

    /// Takes an entry that this side lacks: one that was never received, or, if it bears the own
    /// signature, one that was lost.
    async fn take_missing(
        &self,
        link: &mut Link,
        message: &EntryMessage,
        (seq, last): (u64, bool),
        own: &SettleState,
    ) -> Result<(), Failure> {
        let chain = self.chain;
        let text = signing_text(&entry_hash(&message.entry));
        let own_id = chain.key.id().0;
        let signed_here = message.signatures[chain.own_index()]
            .is_some_and(|signature| signature_holds(&own_id, &text, &signature));
        if !signed_here {
            if chain.is_sequencer() {
                let detail = "an entry that its sequencer never signed";
                return Err(violation(Code::EntryMismatch, detail));
            }
            if !last {
                let detail = "an entry that was never countersigned, with others after it";
                return Err(violation(Code::EntryMismatch, detail));
            }
            let signature = self.take_unsigned(message, own).await?;
            return link.send(&Control::Countersign { signature }).await;
        }
        if own.statement.is_none() {
            // The own signature is proof: entries of other collaborations may be lost as well.
            chain.state.ledger_doubt(ROLLED_BACK)?;
            return self.broken(ROLLED_BACK);
        }
        let signature = self.restore(message, seq)?;
        link.send(&Control::Countersign { signature }).await
    }

    /// Follower: takes the entry whose sending failed, if it is what this node would have signed.
    async fn take_unsigned(
        &self,
        message: &EntryMessage,
        own: &SettleState,
    ) -> Result<[u8; 64], Failure> {
        let chain = self.chain;
        let _guard = chain.lock().await;
        let body = Entry::decode(&message.entry)?.body;
        let follower = Follower {
            state: &chain.state,
            collab_id: chain.collab_id,
            own: chain.key.id().0,
            peer: chain.peer.0,
            statement: own.statement.as_deref(),
        };
        let takes = follower.takes(&body)?;
        let signature = chain.accept(message, |_| takes)?;
        match &body {
            Body::Closed { job_id, .. } => {
                self.live.interrupt(job_id);
                self.live.take_end(job_id);
            }
            Body::Statement { node_id, .. } if *node_id == follower.own => {
                chain.state.chain_repair_done(&chain.collab_id)?;
            }
            _ => {}
        }
        Ok(signature)
    }

    /// Puts back an entry that this node signed and lost.
    fn restore(&self, message: &EntryMessage, seq: u64) -> Result<[u8; 64], Failure> {
        let chain = self.chain;
        let entry = Entry::decode(&message.entry)?;
        let (next, previous) = chain.place()?;
        if entry.collab_id != chain.collab_id || entry.seq != seq || seq != next {
            return Err(violation(
                Code::EntryMismatch,
                "a lost entry out of its place",
            ));
        }
        if entry.previous != previous {
            // The entry bears the own signature.
            chain.state.ledger_doubt(FORKED)?;
            self.broken(FORKED)?;
        }
        let hash = entry_hash(&message.entry);
        let text = signing_text(&hash);
        let mut signatures = message.signatures;
        // The peer's signature may be missing on the last entry; a false one is not kept.
        signatures[chain.peer_index()] = signatures[chain.peer_index()]
            .filter(|signature| signature_holds(&chain.peer.0, &text, signature));
        let own = chain.key.sign(&text);
        signatures[chain.own_index()] = Some(own);
        let debit = chain.debit_of(&entry.body)?;
        let stored = StoredEntry {
            seq,
            entry: message.entry.clone(),
            hash,
            signatures,
        };
        chain
            .state
            .entry_append(&chain.collab_id, &stored, debit.as_ref())?;
        Ok(own)
    }

    /// Follower: an entry that the sequencer adds in a settlement is a statement that one of the
    /// two asked for, or the end of a job that one of the two no longer runs.
    fn accept_settling(
        &self,
        message: &EntryMessage,
        own: &SettleState,
        theirs: &SettleState,
    ) -> Result<[u8; 64], Failure> {
        let chain = self.chain;
        let open = chain.state.open_jobs(&chain.collab_id)?;
        let own_id = chain.key.id().0;
        let mut closes = None;
        let mut repaired = false;
        // Two days of the sequencer's clock may fall into one of this node's.
        let has_room = self.statements_today(&chain.peer)? < 2 * STATEMENTS_PER_DAY_MAX;
        let signature = chain.accept(message, |entry| match &entry.body {
            Body::Opened { .. } | Body::Refused { .. } => false,
            Body::Closed { job_id, status, .. } => {
                closes = Some(*job_id);
                *status == ClosedStatus::Aborted && open.contains(job_id)
            }
            Body::Statement { node_id, text } if *node_id == own_id => {
                repaired = true;
                own.statement.as_ref() == Some(text)
            }
            Body::Statement { node_id, text } => {
                has_room && *node_id == chain.peer.0 && theirs.statement.as_ref() == Some(text)
            }
        })?;
        if let Some(job_id) = closes {
            self.live.interrupt(&job_id);
            self.live.take_end(&job_id);
        }
        if repaired {
            chain.state.chain_repair_done(&chain.collab_id)?;
        }
        Ok(signature)
    }

    fn broken<T>(&self, why: &str) -> Result<T, Failure> {
        self.chain
            .state
            .chain_set_broken(&self.chain.collab_id, why)?;
        Err(Failure::Receipts(why.into()))
    }
}
