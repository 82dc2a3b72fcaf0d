//! One member of a receipt log in memory: its key, what it holds durably, what it runs.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ed25519_dalek::{Signer as _, SigningKey};
use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::log::{
    AwaitedJob, Change, LogView, Member, OwnClosing, OwnOpening, StoredEntry,
};
use psi_core::receipt::{Body, Entry, EntryHash, QueryDigest, entry_hash};
use psi_core::spec::{JobId, NodeId};

use super::bodies::{self, COLLAB};

/// What outlives the process.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) entries: Vec<StoredEntry>,
    pub(super) broken: Option<String>,
    /// What the member's owner wants recorded.
    pub(super) statement: Option<String>,
    pub(super) awaited: BTreeMap<JobId, AwaitedJob>,
    bodies: Vec<Body>,
    /// Bodies of refused entries that are awaited.
    refusals: Vec<Body>,
    opened: Vec<JobId>,
    /// Jobs opened and not closed, in the order of their openings.
    open: Vec<JobId>,
}

impl Disk {
    /// Whether both members signed the last entry.
    pub(super) fn is_complete(&self) -> bool {
        self.entries.last().is_none_or(StoredEntry::is_complete)
    }

    pub(super) fn open(&self) -> &[JobId] {
        &self.open
    }

    fn append(&mut self, stored: StoredEntry, body: Body) {
        let entry = Entry::decode(&stored.entry).expect("a machine appends what can be read");
        let head = self
            .entries
            .last()
            .map_or(EntryHash::ZERO, |last| last.hash);
        assert_eq!(entry_hash(&stored.entry), stored.hash);
        assert_eq!((entry.collab_id, &entry.body), (COLLAB, &body));
        assert_eq!(
            (entry.seq, entry.previous),
            (self.entries.len() as u64, head)
        );
        match &body {
            Body::Opened { spec, .. } => {
                let job_id = bodies::job_id_of(spec);
                assert!(!self.opened.contains(&job_id), "a job is opened twice");
                self.opened.push(job_id);
                self.open.push(job_id);
            }
            Body::Closed { job_id, .. } => {
                assert!(self.open.contains(job_id), "a job that is not open");
                self.open.retain(|open| open != job_id);
                self.awaited.remove(job_id);
            }
            Body::Refused { .. } => {
                if let Some(at) = self.refusals.iter().position(|refusal| *refusal == body) {
                    self.refusals.remove(at);
                }
            }
            Body::Statement { .. } => {}
        }
        self.entries.push(stored);
        self.bodies.push(body);
    }
}

/// One member.
pub(super) struct Node {
    pub(super) key: SigningKey,
    pub(super) peer: NodeId,
    pub(super) disk: Disk,
    /// The disk after each change, from the empty one on.
    pub(super) history: Vec<Disk>,
    pub(super) running: Vec<JobId>,
}

impl Node {
    pub(super) fn new(key: SigningKey, peer: NodeId) -> Self {
        Self {
            key,
            peer,
            disk: Disk::default(),
            history: vec![Disk::default()],
            running: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> NodeId {
        bodies::node_id(&self.key)
    }

    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Member<'_, Self>) -> T) -> T {
        ask(&Member {
            collab_id: COLLAB,
            own: self.id(),
            peer: self.peer,
            sign: &|text| self.key.sign(text).to_bytes().into(),
            view: self,
        })
    }

    /// Makes one change durable.
    pub(super) fn apply(&mut self, change: Change) {
        let of_peer = usize::from(self.id() < self.peer);
        match change {
            Change::Append { stored, body } => self.disk.append(stored, *body),
            Change::Countersign { seq, signature } => {
                let stored = &mut self.disk.entries[usize::try_from(seq).expect("a number")];
                let kept = stored.signatures[of_peer].get_or_insert(signature);
                assert_eq!(*kept, signature, "another signature is there");
            }
            Change::Break(why) => {
                self.disk.broken.get_or_insert_with(|| why.to_owned());
            }
            Change::Repaired => (self.disk.broken, self.disk.statement) = (None, None),
            Change::Forget(job_id) => {
                if !self.disk.opened.contains(&job_id) {
                    self.disk.awaited.remove(&job_id);
                }
            }
            Change::EndJob(job_id) => self.running.retain(|running| *running != job_id),
            Change::DoubtLedger(_) | Change::Settled => {}
        }
        self.note();
    }

    /// No signature leaves before the entry that it signs is on the disk (Spec 07 §2).
    pub(super) fn assert_stored(&self, message: &Control) {
        let own = usize::from(self.id() > self.peer);
        let signature = match message {
            Control::Entry(message) => message.signatures[own],
            Control::Countersign { signature } => Some(*signature),
            _ => return,
        };
        let mut entries = self.disk.entries.iter();
        assert!(
            signature.is_some() && entries.any(|stored| stored.signatures[own] == signature),
            "a signature left before its entry was stored"
        );
    }

    /// Follower: before its commitment leaves.
    pub(super) fn await_opening(&mut self, nonce: u8) {
        let (commitment, policy) = bodies::OF_FOLLOWER;
        let awaited = AwaitedJob {
            opening: OwnOpening { commitment, policy },
            closing: None,
        };
        self.disk
            .awaited
            .insert(bodies::job(nonce).job_id(), awaited);
        self.note();
    }

    /// Follower: before it says that it is ready to close.
    pub(super) fn await_closing(&mut self, job_id: JobId) {
        if let Some(awaited) = self.disk.awaited.get_mut(&job_id) {
            let (output_commitment, transcripts) = bodies::OUTPUT;
            awaited.closing = Some(OwnClosing {
                output_commitment,
                transcripts,
            });
        }
        self.note();
    }

    /// Follower: before its refusal leaves.
    pub(super) fn await_refusal(&mut self, body: &Body) {
        self.disk.refusals.push(body.clone());
        self.note();
    }

    fn note(&mut self) {
        self.history.push(self.disk.clone());
    }
}

impl LogView for Node {
    type Error = Infallible;

    fn head(&self) -> Result<Option<StoredEntry>, Infallible> {
        Ok(self.disk.entries.last().cloned())
    }

    fn entry(&self, seq: u64) -> Result<Option<StoredEntry>, Infallible> {
        let at = usize::try_from(seq).expect("a number");
        Ok(self.disk.entries.get(at).cloned())
    }

    fn open_jobs(&self) -> Result<Vec<JobId>, Infallible> {
        Ok(self.disk.open.clone())
    }

    fn running_jobs(&self) -> Vec<JobId> {
        self.running.clone()
    }

    fn end_of(&self, _job_id: &JobId) -> Option<Code> {
        None
    }

    fn awaited_job(&self, job_id: &JobId) -> Result<Option<AwaitedJob>, Infallible> {
        Ok(self.disk.awaited.get(job_id).copied())
    }

    fn awaited_openings(&self) -> Result<Vec<JobId>, Infallible> {
        let awaited = self.disk.awaited.keys().copied();
        Ok(awaited
            .filter(|job_id| !self.disk.opened.contains(job_id))
            .collect())
    }

    fn awaits_refusal(
        &self,
        requester: &NodeId,
        query: &QueryDigest,
        code: Code,
    ) -> Result<bool, Infallible> {
        let asked = (requester, query, &code);
        let mut refusals = self.disk.refusals.iter();
        Ok(refusals.any(|body| {
            matches!(body, Body::Refused { requester, query, code, .. }
                if (requester, query, code) == asked)
        }))
    }

    fn refusals_awaited(&self) -> Result<u64, Infallible> {
        Ok(self.disk.refusals.len() as u64)
    }

    fn refusals_in_a_row(&self) -> Result<u64, Infallible> {
        let last = self.disk.bodies.iter().rev();
        let since = last.take_while(|body| !matches!(body, Body::Opened { .. }));
        Ok(since
            .filter(|body| matches!(body, Body::Refused { .. }))
            .count() as u64)
    }

    /// Every exchange is on a day of its own.
    fn refusals_today(&self) -> Result<u64, Infallible> {
        Ok(0)
    }

    /// As [`Self::refusals_today`].
    fn statements_today(&self, _node_id: &NodeId) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn statement(&self) -> Result<Option<String>, Infallible> {
        Ok(self.disk.statement.clone())
    }

    fn broken(&self) -> Result<Option<String>, Infallible> {
        Ok(self.disk.broken.clone())
    }
}
