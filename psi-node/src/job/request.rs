//! The requester's side of a job: from SQL to the end of the job.
//!
//! Spec 06 §3. `negotiate::question` says what is asked; here it is proposed, signed and run. Called
//! by the local API. A job that ends here, or is cancelled, ends at once: what the peer has yet to
//! hear of it, and what is to be settled, is left to `farewell`.

mod farewell;

use std::sync::Arc;
use std::time::Instant;

use aggregator::RequestPlan;
use psi_core::Code;
use psi_core::messages::Control;
use psi_core::receipt::{Signature, agreement_text, signature_holds};
use psi_core::seed::JobSeed;
use psi_core::spec::{Half, JobSpec, LiteralCommitment, LiteralSalt, Nonce, Party};

use super::context::JobContext;
use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::log::chain::Chain;
use super::log::{refusal, settlements};
use super::negotiate::agreed::Agreed;
use super::negotiate::approval::Permit;
use super::negotiate::question::{JobRequest, OwnQuestion, find_collab};
use super::negotiate::{account, record_room};
use super::outcome::answer_file::{self, Place};
use super::outcome::document::ResultDocument;
use super::outcome::privacy::PrivacyDocument;
use super::outcome::stopwatch::{Stopwatch, peak_rss_bytes};
use super::outcome::{Ended, exit_of};
use super::registry::{JobHandle, ending_not_recorded};
use super::{contact, run, seeds};
use crate::collab::Collaboration;
use crate::net::PeerConnection;
use crate::state::{JobRole, JobState, StoredJob};

/// A question that may be proposed: with its owner's permit, and where a list would be written.
struct Ready {
    question: OwnQuestion,
    permit: Permit,
    file: Option<Place>,
}

/// A proposal that the peer accepted: what both sides would sign, and the peer did.
struct Accepted {
    spec: JobSpec,
    seed: Arc<JobSeed>,
    signature: Signature,
}

/// Runs one job as requester and records how it ended.
pub async fn request(ctx: Arc<JobContext>, job: JobHandle, request: JobRequest) -> Ended {
    let watch = Stopwatch::start();
    let mut document = ResultDocument::new("exact");
    let begun = begin(&ctx, &job, &request).await;
    let is_recorded = begun.is_ok();
    let result = match begun {
        // On the heap: a job holds much.
        Ok(collab) => Box::pin(run_request(&ctx, &job, collab, &request, &mut document)).await,
        Err(failure) => Err(failure),
    };
    document.stats.cpu_seconds = watch.cpu_seconds();
    document.stats.wall_seconds = watch.wall_seconds();
    document.stats.peak_rss_bytes = peak_rss_bytes();
    let (state, exit) = match result {
        Ok(state) => (state, exit_of(state)),
        Err(failure) => {
            document.reason = Some(failure.reason().into());
            document.detail = Some(failure.to_string());
            document.remedy = Some(failure.remedy());
            refusal::note_own(&ctx, document.job_id.as_deref(), &failure);
            (failure.state(), failure.exit())
        }
    };
    document.status = state.as_str().into();
    // Without a record there is no job to look up later; whoever asked hears the reason anyway.
    if is_recorded {
        let finished = ctx.state.job_finish(
            &job.id,
            state,
            document.reason.as_deref(),
            document.detail.as_deref(),
            serde_json::to_string(&document).ok().as_deref(),
        );
        if let Err(error) = finished {
            ending_not_recorded(&job, &error);
        }
    }
    Ended::new(exit, document)
}

/// Finds the collaboration and records that the job runs. One that names no collaboration of this
/// node, or that cannot be recorded, is none.
async fn begin(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    request: &JobRequest,
) -> Result<Collaboration, Failure> {
    tokio::select! {
        met = contact::complete_awaited(ctx, &request.collab) => met?,
        () = job.cancelled() => return Err(Failure::Cancelled),
    }
    let collab = find_collab(ctx, &request.collab)?;
    job.is_under(collab.id());
    let mut record = StoredJob::begin(&job.id, JobRole::Requester, &request.sql);
    record.collab_id = collab.id();
    collab.name().clone_into(&mut record.collab);
    ctx.state.job_insert(&record)?;
    Ok(collab)
}

async fn run_request(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    collab: Collaboration,
    request: &JobRequest,
    document: &mut ResultDocument,
) -> Result<JobState, Failure> {
    document.mode = collab.mode().as_str().into();
    let (ready, conn) =
        unless_cancelled(job, Box::pin(reach(ctx, collab, request, document))).await?;
    conn.widen();
    let link = Link::new(unless_cancelled(job, async { Ok(conn.open_stream().await?) }).await?);
    Box::pin(over_link(ctx, job, conn, link, ready, document)).await
}

/// Plans the question and connects to the peer. Nothing that is done here needs to be undone.
async fn reach(
    ctx: &JobContext,
    collab: Collaboration,
    request: &JobRequest,
    document: &mut ResultDocument,
) -> Result<(Ready, PeerConnection), Failure> {
    let question = OwnQuestion::plan(ctx, collab, request).await?;
    document.columns.clone_from(&question.plan.output.columns);
    document.slips = question.slips(ctx);
    let file = answer_file::place(request.output.as_ref(), &question.plan.output)?;
    let permit = question.asking().ask(ctx)?;
    question.check_may_begin(ctx)?;
    let conn = settlements::connect(ctx, &question.peer, &question.collab).await?;
    let ready = Ready {
        question,
        permit,
        file,
    };
    Ok((ready, conn))
}

async fn unless_cancelled<T>(
    job: &JobHandle,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        result = work => result,
        () = job.cancelled() => Err(Failure::Cancelled),
    }
}

async fn over_link(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    conn: PeerConnection,
    mut link: Link,
    ready: Ready,
    document: &mut ResultDocument,
) -> Result<JobState, Failure> {
    let collab = ready.question.collab.clone();
    let work = async {
        let agreed = agree(ctx, job, &mut link, ready, document).await?;
        Box::pin(run::run(ctx, job, &mut link, agreed)).await
    };
    let result = unless_cancelled(job, Box::pin(work))
        .await
        .map_err(Failure::of_job);
    let stats = &mut document.stats;
    (stats.bytes_sent, stats.bytes_received) = link.bytes();
    (stats.udp_bytes_sent, stats.udp_bytes_received) = conn.udp_bytes();
    match result {
        Ok(outcome) => {
            // The peer waits for nothing any more, whatever the answer takes to be written.
            farewell::part(ctx, conn, link, collab);
            outcome
                .show(ctx.list_writer(job.progress()), document)
                .await
        }
        Err(failure) => {
            let agreed = document.job_id.is_some();
            farewell::say(ctx, conn, link, &failure, agreed.then_some(collab));
            Err(failure)
        }
    }
}

/// Step 0 of the protocol: proposes, checks the other half, and signs what follows from both.
async fn agree(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    ready: Ready,
    document: &mut ResultDocument,
) -> Result<Agreed, Failure> {
    let Ready {
        question,
        permit,
        file,
    } = ready;
    let Accepted {
        spec,
        seed,
        signature,
    } = propose(ctx, link, &question).await?;
    let record = record_room::reserve(ctx, job.whose(), &spec, Party::Requester)?;
    let reservation = account::reserve(ctx, &question.collab, &spec)?;
    permit.spend(ctx, &spec.job_id())?;
    ctx.state.job_set_job_id(&job.id, &spec.job_id())?;
    job.is_named(&spec.job_id());
    // From here on a job that breaks off is settled, whether or not the signature arrives.
    document.begin(&spec);
    let own = ctx.key.sign(&agreement_text(&spec.job_id()));
    link.send(&Control::Agree { signature: own }).await?;
    let OwnQuestion {
        collab, peer, plan, ..
    } = question;
    document.privacy = PrivacyDocument::of(&spec, Party::Requester, &plan.output)?;
    Ok(Agreed {
        since: Instant::now(),
        _record: record,
        collab,
        peer: peer.id,
        spec,
        agreements: [own, signature],
        own: Party::Requester,
        side: plan.side,
        output: plan.output,
        file,
        seed,
        reservation,
        literals: plan.hidden,
    })
}

/// Proposes a question, and checks the other half and the peer's signature over what follows from
/// both. This side has signed nothing yet, and nothing is charged.
async fn propose(
    ctx: &JobContext,
    link: &mut Link,
    question: &OwnQuestion,
) -> Result<Accepted, Failure> {
    let (plan, peer) = (&question.plan, question.peer.id);
    let seed = seeds::fresh_seed()?;
    let hidden = commit_to_literals(plan, &seed);
    let proposal = question.proposal(ctx, Nonce::of(&seed), hidden);
    let chain = Chain::new(ctx, &question.collab, peer);
    let awaited = refusal::awaited(&chain, ctx.key.id(), &plan.canonical, None)?;
    let answer = within(ctx.deadlines().answer(), async {
        link.send(&Control::Propose(proposal.clone())).await?;
        link.control().await
    })
    .await?;
    if let Some(awaited) = awaited
        && !matches!(answer, Control::Refuse { recorded: true, .. })
    {
        ctx.state.refusal_forget(awaited)?;
    }
    let (theirs, signature): (Half, _) = match answer {
        Control::Accept { half, signature } => (half, signature),
        Control::Refuse { code, recorded } => {
            if recorded {
                let body = refusal::body(ctx.key.id(), peer, &plan.canonical, code);
                refusal::record(&chain, link, body).await;
            }
            return Err(question.refused_by_peer(ctx, code));
        }
        _ => return Err(unexpected("something else than an answer to the proposal")),
    };
    let spec = question.job(ctx, &proposal, theirs)?;
    if !signature_holds(&peer, &agreement_text(&spec.job_id()), &signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the signature of an accepted job",
        ));
    }
    Ok(Accepted {
        spec,
        seed,
        signature,
    })
}

/// One commitment per hidden literal, each with a salt of its own.
fn commit_to_literals(plan: &RequestPlan, seed: &JobSeed) -> Vec<LiteralCommitment> {
    let literals = plan.hidden.iter().zip(LiteralSalt::all_of(seed));
    literals
        .map(|(literal, salt)| salt.commit(literal.reveal()))
        .collect()
}
