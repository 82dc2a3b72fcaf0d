//! Two shops count the customers they share: the whole protocol of one count, in one process.
//!
//! `cargo run -p psi-core --example two_parties`. A node does the same over a network, draws nonces
//! and seeds from the operating system, and signs what is hashed here. Steps are those of Spec 01;
//! `tests/two_parties.rs` runs this file.

#![expect(clippy::disallowed_macros, reason = "an example prints")]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use psi_core::facts::TableFacts;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::{Choice, select};
use psi_core::messages::frame::Frame;
use psi_core::progress::Silent;
use psi_core::seed::JobSeed;
use psi_core::session::{Ended, Exchange, JobLists, Outgoing, Step, Tools};
use psi_core::spec::{
    Agreement, AskedMode, CollabId, Half, JobSpec, Party, Recipients, RevisionHash, Shape,
};
use psi_core::store::{MemoryStore, RecordStore as _};

fn main() -> Result<(), Box<dyn Error>> {
    let snowy = ["ann@example.org", "bob@example.org", "cleo@example.org"];
    let brand = [" Bob@Example.ORG", "cleo@example.org", "dan@example.org"];
    let [requester, responder] = count(&snowy, &brand)?;
    println!(
        "snowy asked, and learned: {:?}",
        requester.opened.map(|it| it.cells)
    );
    println!(
        "brand was asked, and learned: {:?}",
        responder.opened.map(|it| it.cells)
    );
    println!(
        "both would sign: {}",
        requester.transcripts == responder.transcripts
    );
    Ok(())
}

/// Runs the protocol between a requester and a responder with these customers.
pub(crate) fn count(snowy: &[&str], brand: &[&str]) -> Result<[Ended; 2], Box<dyn Error>> {
    // 1. Each declares public facts. Lists are padded to the registered number of identities, so
    //    the true one stays at home; what rests on fewer people than the minimum is suppressed.
    let half = |member: &str, node: u8| Half {
        node_id: [node; 32].into(),
        nonce: [node; 32].into(),
        facts: TableFacts {
            member: member.into(),
            table: "customers".into(),
            key_columns: vec!["email".into()],
            key_kinds: vec![IdentifierKind::Email],
            key_unique: true,
            identities: 10,
            minimum: 2,
            prefer_receiver: false,
            owner_may_receive: false,
            result_to_both: false,
            rows_bound: 1,
            groups: Vec::new(),
            values: Vec::new(),
            privacy: None,
        },
    };
    // 2. Both assemble the job from the two halves, and arrive at the same bytes or at nothing.
    let assemble = || {
        let agreement = Agreement {
            collab_id: CollabId([1; 32]),
            revision: RevisionHash([1; 32]),
            query: "SELECT COUNT(*) FROM snowy.customers AS s JOIN brand.customers AS b \
                    ON s.email = b.email"
                .into(),
            hidden: Vec::new(),
            shape: Shape::count_identities(),
            recipients: Recipients::Requester,
            mode: AskedMode::Exact,
            requester_may_receive: true,
            responder_may_receive: true,
        };
        JobSpec::assemble(agreement, half("snowy", 1), half("brand", 2))
    };
    let (spec, same) = (assemble()?, assemble()?);
    assert_eq!(spec.job_id(), same.job_id());
    // 3. Each turns its rows into digests and starts its machine. What is sent waits in an outbox.
    let mut sides = [
        Side::start(spec, Party::Requester, snowy)?,
        Side::start(same, Party::Responder, brand)?,
    ];
    // 4. Frames go back and forth until both machines are done.
    while sides.iter().any(|side| !side.outbox.is_empty()) {
        let [requester, responder] = &mut sides;
        requester.deliver(responder)?;
        responder.deliver(requester)?;
    }
    let [requester, responder] = sides.map(|side| side.ended.ok_or("a side awaits a frame"));
    Ok([requester?, responder?])
}

/// One side: its machine until that ends, what it ended with, and what it has to send.
struct Side {
    machine: Option<Exchange>,
    ended: Option<Ended>,
    outbox: VecDeque<Frame>,
}

impl Side {
    fn start(spec: JobSpec, own: Party, emails: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut hasher = IdentityHasher::new(&[IdentifierKind::Email]);
        let mut writer = MemoryStore.unsorted(32)?;
        for email in emails {
            // A value that is not an e-mail address is NULL, and joins nothing.
            if let Some(digest) = hasher.digest([Some(*email)]) {
                writer.push(&digest)?;
            }
        }
        let list = Arc::from(writer.finish_distinct()?);
        let lists = if spec.receiver == own {
            JobLists {
                parts: Some(vec![list]),
                positions: None,
            }
        } else {
            JobLists {
                parts: None,
                positions: Some(list),
            }
        };
        // A node's seed is fresh for each job and secret: it would un-blind the list.
        let seed = Arc::new(JobSeed::new(if own == Party::Requester {
            [3; 32]
        } else {
            [4; 32]
        }));
        let tools = Tools {
            kernel: select(Choice::Auto)?,
            store: Arc::new(MemoryStore),
            progress: Arc::new(Silent),
        };
        let mut outbox = VecDeque::new();
        let machine = Exchange::start(spec, own, seed, lists, tools, &mut |it| {
            queue(it, &mut outbox)
        })?;
        Ok(Self {
            machine: Some(machine),
            ended: None,
            outbox,
        })
    }

    /// Hands this side's next frame to the other side.
    fn deliver(&mut self, to: &mut Self) -> Result<(), Box<dyn Error>> {
        let Some(frame) = self.outbox.pop_front() else {
            return Ok(());
        };
        let machine = to.machine.take().ok_or("a frame after the end")?;
        let mut out = |it| queue(it, &mut to.outbox);
        match machine.handle(frame, &mut out)? {
            Step::More(machine) => to.machine = Some(machine),
            Step::Done(mut ended) => {
                for message in std::mem::take(&mut ended.last) {
                    out(Outgoing::Control(message))?;
                }
                to.ended = Some(ended);
            }
        }
        Ok(())
    }
}

/// Puts what a machine sends into frames.
fn queue(message: Outgoing, outbox: &mut VecDeque<Frame>) -> Result<(), psi_core::Error> {
    message.into_frames(1 << 16, &mut |frame| {
        outbox.push_back(frame);
        Ok(())
    })
}
