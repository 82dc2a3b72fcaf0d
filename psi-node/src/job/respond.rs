//! The responder's side of a job: evaluates this node's policy, adds this node's half, and runs.
//!
//! What comes to nothing is written down in one step, by `shares::notes`, as long as the hour has
//! room for it.

mod ending;

use std::sync::Arc;
use std::time::Instant;

use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{agreement_text, signature_holds};
use psi_core::spec::{Nonce, Party};

use self::ending::{Asked, end_badly, record_end, record_of, turned_away};
use super::context::JobContext;
use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::log::chain::Chain;
use super::negotiate::admission::{self, Admitted, turn_away};
use super::negotiate::agreed::Agreed;
use super::negotiate::approval::Asking;
use super::negotiate::{account, record_room, table_files};
use super::outcome::document::ResultDocument;
use super::outcome::privacy::PrivacyDocument;
use super::outcome::stopwatch::{Stopwatch, peak_rss_bytes};
use super::registry::JobHandle;
use super::{run, seeds};
use crate::collab::Collaboration;
use crate::job::shares::notes::NoteShare;
use crate::net::PeerConnection;
use crate::places::Whose;
use crate::state::StoredJob;

/// Answers one proposal on its stream, to the end of the job.
pub(super) async fn respond(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    proposal: Proposal,
) {
    let conn = &conn.clone().taken_again();
    let query = proposal.query.clone();
    let collab = match admission::collab_of(ctx, conn.peer, &proposal) {
        Ok(collab) => collab,
        Err(failure) => return turned_away(ctx, conn, link, None, &query, &failure).await,
    };
    let job = match place_for(ctx, conn, &collab) {
        Ok(job) => job,
        Err(failure) => {
            return turned_away(ctx, conn, link, Some(&collab), &query, &failure).await;
        }
    };
    let watch = Stopwatch::start();
    let mut document = ResultDocument::new(collab.mode().as_str());
    let mut table = None;
    let work = async {
        let agreed = Box::pin(agree(ctx, &job, conn, &mut link, &collab, proposal)).await?;
        conn.widen();
        table = Some(agreed.side.table().to_owned());
        document.begin(&agreed.spec);
        document.privacy = PrivacyDocument::of(&agreed.spec, Party::Responder, &agreed.output)?;
        Box::pin(run::run(ctx, &job, &mut link, agreed)).await
    };
    let result = tokio::select! {
        biased;
        result = work => result.map_err(Failure::of_job),
        () = job.cancelled() => Err(Failure::Cancelled),
    };
    let stats = &mut document.stats;
    (stats.bytes_sent, stats.bytes_received) = link.bytes();
    (stats.udp_bytes_sent, stats.udp_bytes_received) = conn.udp_bytes();
    (stats.cpu_seconds, stats.wall_seconds) = (watch.cpu_seconds(), watch.wall_seconds());
    stats.peak_rss_bytes = peak_rss_bytes();
    if let (Err(Failure::OwnData(_)), Some(table)) = (&result, &table) {
        // Its files changed since it was looked at.
        table_files::load_for_a_peer(ctx, table);
    }
    let shown = match result {
        Ok(outcome) => {
            outcome
                .show(ctx.list_writer(job.progress()), &mut document)
                .await
        }
        Err(failure) => Err(failure),
    };
    let question = Asked {
        peer: conn.peer,
        collab: &collab,
        query: &query,
    };
    let failure = record_end(ctx, &job, &question, document, shown);
    // The job's place is free before the peer is waited for.
    drop(job);
    match failure {
        None => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        Some(failure) => {
            end_badly(ctx, conn, link, &question, &failure).await;
        }
    }
}

/// A place among the running jobs, if the peer may ask at all.
fn place_for(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
) -> Result<JobHandle, Failure> {
    admission::check_may_ask(ctx, conn.peer, collab)?;
    if ctx.notes.is_flooded(&NoteShare::Collab(collab.id())) {
        let sentence = "too many questions of this collaboration came to nothing in this hour";
        return turn_away(Code::TooManyJobs, "questions", sentence);
    }
    Chain::new(ctx, collab, conn.peer).check_room(&ctx.live)?;
    match ctx.registry.begin(Whose::Peer(conn.peer)) {
        Ok(job) => {
            job.is_under(collab.id());
            Ok(job)
        }
        Err(why) => turn_away(Code::TooManyJobs, "jobs_max", &why.to_string()),
    }
}

/// Judges the peer's question and signs the job, or refuses it.
async fn agree(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    conn: &PeerConnection,
    link: &mut Link,
    collab: &Collaboration,
    proposal: Proposal,
) -> Result<Agreed, Failure> {
    let door = link.working_while(ctx.doors.of(conn.peer)).await?;
    let seed = seeds::fresh_seed()?;
    let nonce = Nonce::of(&seed);
    let Admitted { plan, half, spec } =
        admission::judge(ctx, conn.peer, collab, &proposal, nonce).await?;
    let record = record_room::reserve(ctx, job.whose(), &spec, Party::Responder)?;
    let permit = Asking {
        collab,
        query: &spec.query,
        hidden: spec.hidden.len(),
        recipients: proposal.recipients,
        mode: proposal.mode,
        requester: &spec.requester.facts,
        own: &plan.facts,
        side: &plan.side,
        spec: Some(&spec),
    }
    .ask(ctx)?;
    let reservation = account::reserve(ctx, collab, &spec)?;
    let text = agreement_text(&spec.job_id());
    // Before the signature leaves: with it, the peer can put the job on the log.
    permit.spend(ctx, &spec.job_id())?;
    let own = ctx.key.sign(&text);
    drop(door);
    let accept = Control::Accept {
        half,
        signature: own,
    };
    let answer = within(ctx.deadlines().agreement(), async {
        link.send(&accept).await?;
        link.control().await
    })
    .await?;
    let Control::Agree { signature } = answer else {
        return Err(unexpected("something else than the requester's signature"));
    };
    if !signature_holds(&conn.peer, &text, &signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the requester's signature",
        ));
    }
    ctx.state.job_insert(&StoredJob {
        job_id: Some(spec.job_id()),
        ..record_of(job, collab, &spec.query)
    })?;
    job.is_named(&spec.job_id());
    Ok(Agreed {
        since: Instant::now(),
        _record: record,
        collab: collab.clone(),
        peer: conn.peer,
        spec,
        agreements: [signature, own],
        own: Party::Responder,
        side: plan.side,
        output: plan.output,
        file: None,
        seed,
        reservation,
        literals: Vec::new(),
    })
}
