//! One member in memory: its key, what it holds durably, what it runs.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ed25519_dalek::{Signer as _, SigningKey};

use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::log::{AwaitedJob, Change, LogView, Member, StoredEntry};
use psi_core::receipt::{Body, Entry, EntryHash, QueryDigest, Signature, entry_hash, signing_text};
use psi_core::spec::{JobId, JobSpec, NodeId};

use super::bodies::{self, CLOSING, COLLAB, OPENING_OF_REQUESTER, node_id};

/// What outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) entries: Vec<StoredEntry>,
    /// What the entries say: reading an opened one costs two signatures.
    bodies: Vec<Body>,
    /// For each entry, the job that it opens.
    opens: Vec<Option<JobId>>,
    pub(crate) broken: Option<String>,
    /// What the member's owner wants recorded.
    pub(crate) statement: Option<String>,
    pub(crate) doubt: Option<&'static str>,
    /// Jobs that were charged, in the order of their openings.
    pub(crate) charged: Vec<JobId>,
    pub(crate) awaited: BTreeMap<JobId, AwaitedJob>,
    /// Refused entries that are awaited.
    pub(crate) refusals: Vec<Body>,
    /// Entries that came before today.
    pub(crate) before_today: usize,
    /// How often both logs were found to be the same.
    pub(crate) settled: usize,
}

impl Disk {
    pub(crate) fn bodies(&self) -> Vec<Body> {
        self.bodies.clone()
    }

    /// Holds one more entry, whatever it is.
    pub(crate) fn hold(&mut self, stored: StoredEntry, body: Body) {
        self.entries.push(stored);
        self.opens.push(opened_by(&body));
        self.bodies.push(body);
    }

    /// Lacks the last entry.
    pub(crate) fn lose_last(&mut self) {
        self.entries.pop();
        self.opens.pop();
        self.bodies.pop();
    }

    pub(crate) fn opened_jobs(&self) -> Vec<JobId> {
        self.opens.iter().copied().flatten().collect()
    }

    pub(crate) fn open_jobs(&self) -> Vec<JobId> {
        let closed = |job: &JobId| {
            let closes = |body: &Body| matches!(body, Body::Closed { job_id, .. } if job_id == job);
            self.bodies.iter().any(closes)
        };
        let mut open = self.opened_jobs();
        open.retain(|job| !closed(job));
        open
    }

    /// Whether both members signed the last entry.
    pub(crate) fn is_complete(&self) -> bool {
        self.entries.last().is_none_or(StoredEntry::is_complete)
    }

    fn today(&self) -> &[Body] {
        &self.bodies[self.before_today..]
    }

    /// If a machine brings what the node's state would refuse, the machine is at fault.
    fn append(&mut self, stored: StoredEntry, body: Body) {
        let entry = Entry::decode(&stored.entry).unwrap();
        assert_eq!(entry_hash(&stored.entry), stored.hash);
        assert_eq!((entry.collab_id, &entry.body), (COLLAB, &body));
        assert_eq!(entry.seq, self.entries.len() as u64);
        assert_eq!(stored.seq, entry.seq);
        let head = self
            .entries
            .last()
            .map_or(EntryHash::ZERO, |last| last.hash);
        assert_eq!(entry.previous, head);
        match &body {
            Body::Opened { .. } => {
                let job_id = opened_by(&body).unwrap();
                assert!(!self.charged.contains(&job_id), "a job is opened twice");
                self.charged.push(job_id);
            }
            Body::Closed { job_id, .. } => {
                assert!(self.open_jobs().contains(job_id), "a job that is not open");
                self.awaited.remove(job_id);
            }
            Body::Refused { .. } => {
                if let Some(at) = self.refusals.iter().position(|refusal| *refusal == body) {
                    self.refusals.remove(at);
                }
            }
            Body::Statement { .. } => {}
        }
        self.hold(stored, body);
    }
}

fn opened_by(body: &Body) -> Option<JobId> {
    match body {
        Body::Opened { spec, .. } => Some(JobSpec::decode(spec).unwrap().job_id()),
        _ => None,
    }
}

/// One member.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) key: SigningKey,
    pub(crate) peer: NodeId,
    pub(crate) disk: Disk,
    /// The disk after each change, from the empty one on.
    pub(crate) history: Vec<Disk>,
    pub(crate) running: Vec<JobId>,
    pub(crate) ended: BTreeMap<JobId, Code>,
}

impl Node {
    pub(crate) fn new(key: SigningKey, peer: NodeId) -> Self {
        Self {
            key,
            peer,
            disk: Disk::default(),
            history: vec![Disk::default()],
            running: Vec::new(),
            ended: BTreeMap::new(),
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        node_id(&self.key)
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Signature {
        self.key.sign(text).to_bytes().into()
    }

    fn own_index(&self) -> usize {
        usize::from(self.id() > self.peer)
    }

    pub(crate) fn member<T>(&self, ask: impl FnOnce(&Member<'_, Self>) -> T) -> T {
        ask(&Member {
            collab_id: COLLAB,
            own: self.id(),
            peer: self.peer,
            sign: &|text| self.sign(text),
            view: self,
        })
    }

    pub(crate) fn apply(&mut self, change: Change) {
        let peer = 1 - self.own_index();
        match change {
            Change::Append { stored, body } => self.disk.append(stored, *body),
            Change::Countersign { seq, signature } => {
                let stored = &mut self.disk.entries[usize::try_from(seq).unwrap()];
                let kept = stored.signatures[peer].get_or_insert(signature);
                assert_eq!(*kept, signature, "another signature is there");
            }
            Change::Break(why) => {
                self.disk.broken.get_or_insert_with(|| why.to_owned());
            }
            Change::DoubtLedger(why) => self.disk.doubt = Some(why),
            Change::Repaired => (self.disk.broken, self.disk.statement) = (None, None),
            Change::Forget(job_id) => {
                if !self.disk.opened_jobs().contains(&job_id) {
                    self.disk.awaited.remove(&job_id);
                }
            }
            Change::EndJob(job_id) => {
                self.running.retain(|running| *running != job_id);
                self.ended.remove(&job_id);
            }
            Change::Settled => self.disk.settled += 1,
        }
        self.note();
    }

    fn note(&mut self) {
        self.history.push(self.disk.clone());
    }

    /// Spec 07 §2: what a message shows as signed here is on the disk.
    #[track_caller]
    pub(crate) fn assert_stored(&self, message: &Control) {
        let own = self.own_index();
        let held = |signature| {
            let mut entries = self.disk.entries.iter();
            entries.any(|stored| stored.signatures[own] == Some(signature))
        };
        match message {
            Control::Entry(message) => {
                assert!(message.signatures[own].is_some_and(held), "not stored");
            }
            Control::Countersign { signature } => assert!(held(*signature), "not stored"),
            _ => {}
        }
    }

    /// Before this follower's commitment leaves. It is the one that asks.
    pub(crate) fn await_opening(&mut self, nonce: u8) {
        let awaited = AwaitedJob {
            opening: OPENING_OF_REQUESTER,
            closing: None,
        };
        let job_id = bodies::job(nonce).job_id();
        self.disk.awaited.insert(job_id, awaited);
        self.note();
    }

    /// Before this follower says that it is ready to close.
    pub(crate) fn await_closing(&mut self, job_id: &JobId) {
        self.disk.awaited.get_mut(job_id).unwrap().closing = Some(CLOSING);
        self.note();
    }

    /// Before the refusal leaves.
    pub(crate) fn await_refusal(&mut self, body: &Body) {
        self.disk.refusals.push(body.clone());
        self.note();
    }

    /// The next entry of this log with this body, signed by this member alone.
    pub(crate) fn next_entry(&self, body: Body) -> StoredEntry {
        self.signed(&Entry {
            collab_id: COLLAB,
            seq: self.disk.entries.len() as u64,
            previous: self
                .disk
                .entries
                .last()
                .map_or(EntryHash::ZERO, |last| last.hash),
            body,
        })
    }

    /// An entry, signed by this member alone.
    pub(crate) fn signed(&self, entry: &Entry) -> StoredEntry {
        let hash = entry.hash();
        let mut signatures = [None, None];
        signatures[self.own_index()] = Some(self.sign(&signing_text(&hash)));
        StoredEntry {
            seq: entry.seq,
            entry: entry.encode(),
            hash,
            signatures,
        }
    }
}

impl LogView for Node {
    type Error = Infallible;

    fn head(&self) -> Result<Option<StoredEntry>, Infallible> {
        Ok(self.disk.entries.last().cloned())
    }

    fn entry(&self, seq: u64) -> Result<Option<StoredEntry>, Infallible> {
        let at = usize::try_from(seq).unwrap();
        Ok(self.disk.entries.get(at).cloned())
    }

    fn open_jobs(&self) -> Result<Vec<JobId>, Infallible> {
        Ok(self.disk.open_jobs())
    }

    fn running_jobs(&self) -> Vec<JobId> {
        self.running.clone()
    }

    fn end_of(&self, job_id: &JobId) -> Option<Code> {
        self.ended.get(job_id).copied()
    }

    fn awaited_job(&self, job_id: &JobId) -> Result<Option<AwaitedJob>, Infallible> {
        Ok(self.disk.awaited.get(job_id).copied())
    }

    fn awaited_openings(&self) -> Result<Vec<JobId>, Infallible> {
        let opened = self.disk.opened_jobs();
        let awaited = self.disk.awaited.keys().copied();
        Ok(awaited.filter(|job_id| !opened.contains(job_id)).collect())
    }

    fn awaits_refusal(
        &self,
        requester: &NodeId,
        query: &QueryDigest,
        code: Code,
    ) -> Result<bool, Infallible> {
        let asked = (*requester, *query, code);
        let of = |body: &Body| match body {
            Body::Refused {
                requester,
                query,
                code,
                ..
            } => (*requester, *query, *code) == asked,
            _ => false,
        };
        Ok(self.disk.refusals.iter().any(of))
    }

    fn refusals_awaited(&self) -> Result<u64, Infallible> {
        Ok(self.disk.refusals.len() as u64)
    }

    fn refusals_in_a_row(&self) -> Result<u64, Infallible> {
        let last = self.disk.bodies.iter().rev();
        let since = last.take_while(|body| !matches!(body, Body::Opened { .. }));
        Ok(since.filter(|body| is_refused(body)).count() as u64)
    }

    fn refusals_today(&self) -> Result<u64, Infallible> {
        Ok(self
            .disk
            .today()
            .iter()
            .filter(|body| is_refused(body))
            .count() as u64)
    }

    fn statements_today(&self, of: &NodeId) -> Result<u64, Infallible> {
        let states =
            |body: &&Body| matches!(body, Body::Statement { node_id, .. } if node_id == of);
        Ok(self.disk.today().iter().filter(states).count() as u64)
    }

    fn statement(&self) -> Result<Option<String>, Infallible> {
        Ok(self.disk.statement.clone())
    }

    fn broken(&self) -> Result<Option<String>, Infallible> {
        Ok(self.disk.broken.clone())
    }
}

fn is_refused(body: &Body) -> bool {
    matches!(body, Body::Refused { .. })
}
