//! A member that orders the entries breaks off, and then brings in a settlement what suits it: the
//! other decides by itself what the job costs. What it takes and refuses of such entries is tested in
//! psi-core (`receipt/log/tests`); one settlement here goes over the wire and into a real state.

use psi_core::Code;
use psi_core::messages::{Control, EntryMessage, SettleState};
use psi_core::receipt::{Body, ClosedStatus, Entry, entry_hash, signing_text};
use psi_core::spec::JobId;

use crate::harness::{World, people, people_csv, people_table};
use crate::stage::{Bert, PEOPLE, Stage, control};

/// A stage on which bert orders the entries. `more` is added to everybody's table.
fn stage(more: &str) -> Stage {
    let table = people_table("text", PEOPLE, 1, more);
    // The order is that of the keys, which are random.
    let world = std::iter::repeat_with(|| World::new(&table, &table))
        .find(|world| world.b.id() < world.a.id())
        .unwrap();
    Stage::of(world, &table, &people_csv(&people(0..100)))
}

/// The log as bert says that it is: its entries, and the jobs that he says still run.
struct Log {
    entries: Vec<EntryMessage>,
    live: Vec<JobId>,
}

impl Log {
    const fn empty() -> Self {
        Self {
            entries: Vec::new(),
            live: Vec::new(),
        }
    }

    /// The log with one more entry, signed by bert alone.
    fn with(&self, bert: &Bert, body: Body) -> Self {
        let head = self.entries.last().map(|last| entry_hash(&last.entry));
        let entry = Entry {
            collab_id: bert.collab_id,
            seq: self.entries.len() as u64,
            previous: head.unwrap_or([0; 64].into()),
            body,
        }
        .encode();
        let own = bert.key.sign(&signing_text(&entry_hash(&entry)));
        let signatures = [Some(own), None];
        let mut entries = self.entries.clone();
        entries.push(EntryMessage { entry, signatures });
        Self {
            entries,
            live: Vec::new(),
        }
    }

    /// Settles with this log. Anna lacks the entries from `held` on. Then bert closes `open` jobs.
    /// Returns the code with which anna ends it, if she does.
    async fn settle(&mut self, bert: &Bert, open: &[JobId]) -> Result<(), Code> {
        let (mut send, mut receive) = bert.open().await;
        let last = self.entries.last();
        let state = SettleState {
            collab_id: bert.collab_id,
            entries: self.entries.len() as u64,
            head: last.map_or([0; 64].into(), |last| entry_hash(&last.entry)),
            signature: last.and_then(|last| last.signatures[0]),
            live: self.live.clone(),
            statement: None,
        };
        send.control(&Control::Settle(state)).await.unwrap();
        let Control::Settle(theirs) = control(&mut receive).await.unwrap() else {
            panic!("no Settle")
        };
        let mut missing = usize::try_from(theirs.entries).unwrap();
        let mut closing = open.iter();
        loop {
            if missing == self.entries.len() {
                let Some(job_id) = closing.next() else { break };
                *self = self.with(bert, aborted(*job_id));
            }
            let entry = self.entries[missing].clone();
            send.control(&Control::Entry(entry)).await.unwrap();
            match control(&mut receive).await.unwrap() {
                Control::Countersign { .. } => missing += 1,
                Control::Abort(code) => return Err(code),
                other => panic!("{other:?}"),
            }
        }
        let live = self.live.clone();
        send.control(&Control::Settled { live }).await.unwrap();
        send.finish();
        // Anna ends her half once she has given back what she could.
        assert!(control(&mut receive).await.is_err());
        Ok(())
    }
}

fn aborted(job_id: JobId) -> Body {
    Body::Closed {
        job_id,
        status: ClosedStatus::Aborted,
        code: Some(Code::Interrupted),
        output_commitment: None,
        transcripts: None,
    }
}

/// Bert proposes, hears what anna says, and breaks off.
fn broken_off(stage: &Stage, bert: &Bert) -> Control {
    let answer = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.propose(&mut wire).await
    });
    stage.idle();
    answer
}

fn debit(state: &str, run: &str) -> (String, String) {
    (state.to_owned(), run.to_owned())
}

#[test]
fn a_settlement_brings_the_opening_of_a_job_that_broke_off_and_the_ledger_knows_what_it_cost() {
    let mut stage = stage("");
    let bert = stage.bert();
    let (spec, opened) = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.commit(&mut wire).await
    });
    stage.idle();
    stage.runtime.block_on(async {
        let empty = Log::empty();
        let mut forged = opened.clone();
        if let Body::Opened { commitments, .. } = &mut forged {
            commitments[1] = [9; 64].into();
        }
        let settled = empty.with(&bert, forged).settle(&bert, &[]).await;
        assert_eq!(settled, Err(Code::EntryMismatch), "a forged commitment");

        // The one that she agreed to she takes; it was under way when the connection broke.
        let mut log = empty.with(&bert, opened);
        assert_eq!(log.settle(&bert, &[]).await, Ok(()));
        // She had handed nothing over that is paid for, and knows it: the entry costs nothing.
        assert_eq!(stage.debits(), [debit("returned", "counted")]);
        assert_eq!(log.settle(&bert, &[spec.job_id()]).await, Ok(()));
    });
    let export = stage.world.a.export();
    assert_eq!(export.matches("\"opened\"").count(), 1, "{export}");
    assert!(!export.contains("completed"), "{export}");
    stage.anna_is_well();
}

#[test]
fn a_job_counts_once_rows_were_read_for_it_whatever_the_sequencer_says_afterwards() {
    let mut stage = stage("runs = { lifetime = 1 }");
    let bert = stage.bert();
    let propose = || broken_off(&stage, &bert);
    // Her signature is out, and she has read nothing: no settlement is needed.
    for attempt in 0..2 {
        let answer = propose();
        assert!(matches!(answer, Control::Accept { .. }), "{attempt}");
    }
    stage.runtime.block_on(bert.agree_and_break_off());
    stage.idle();
    let refused = |answer: Control| {
        let Control::Refuse { code, .. } = answer else {
            panic!("{answer:?}")
        };
        code == Code::RunsExhausted
    };
    assert!(refused(propose()));
    assert_eq!(
        stage.runtime.block_on(Log::empty().settle(&bert, &[])),
        Ok(())
    );
    assert!(refused(propose()), "bert says that it will not be opened");
    // Of the two for which she read nothing, nothing is left.
    assert_eq!(stage.debits(), [debit("returned", "counted")]);
    stage.anna_is_well();
}

#[test]
fn one_approval_serves_one_signature_and_nobody_is_asked_about_what_may_not_run() {
    let mut stage = stage("approval = \"manual\"\nruns = { lifetime = 2 }");
    let bert = stage.bert();
    let propose = || match broken_off(&stage, &bert) {
        Control::Refuse { code, .. } => code,
        other => panic!("{other:?}"),
    };
    let asked = || {
        let ran = stage
            .world
            .a
            .run(&["approvals", "list", "--format", "json"]);
        ran.expect(0).json().as_array().unwrap().clone()
    };
    for number in 1..=2 {
        assert_eq!(propose(), Code::ApprovalPending, "run {number}");
        let requests = asked();
        assert_eq!(requests.len(), number);
        let id = requests[0]["id"].as_str().unwrap();
        stage.world.a.run(&["approvals", "approve", id]).expect(0);
        // Her signature leaves; she reads her rows, and then the job breaks off.
        stage.runtime.block_on(bert.agree_and_break_off());
        stage.idle();
    }
    assert_eq!(propose(), Code::RunsExhausted);
    assert_eq!(asked().len(), 2);
    assert!(stage.world.a.is_running());
}
