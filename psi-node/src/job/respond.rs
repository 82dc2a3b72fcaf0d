//! The responder's side of a job: evaluates the own policy, adds the own half, and runs.

use std::sync::Arc;

use aggregator::{Refusal, ResponsePlan};
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{agreement_text, signature_holds};
use psi_core::spec::{AskedMode, Half, JobSpec, PROTOCOL_VERSION, Party};

use super::approval::Asking;
use super::chain::Chain;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::privacy::{self, PrivacyDocument};
use super::refusal;
use super::registry::JobHandle;
use super::request::agreement;
use super::result::ResultDocument;
use super::run::{self, Agreed, Finished, check_half};
use super::stats::{Stopwatch, peak_rss_bytes};
use super::{JobContext, charge, joined_with, seeds, unsettled};
use crate::collab::Collaboration;
use crate::net::PeerConnection;
use crate::state::{JobRecord, JobRole, JobState};

/// Answers one proposal on its stream, to the end of the job.
pub(super) async fn respond(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    proposal: Proposal,
) {
    let query = proposal.query.clone();
    let collab = match joined_for(ctx, conn, &proposal) {
        Ok(collab) => collab,
        Err(failure) => return turned_away(ctx, conn, link, None, &query, &failure).await,
    };
    let job = match place_for(ctx, conn, &proposal, &collab) {
        Ok(job) => job,
        Err(failure) => {
            let chain = ctx.chain(&collab, conn.peer);
            return turned_away(ctx, conn, link, Some(&chain), &query, &failure).await;
        }
    };
    let watch = Stopwatch::start();
    let mut document = ResultDocument::new(collab.mode().as_str());
    let work = async {
        let agreed = Box::pin(agree(ctx, &job, conn, &mut link, &collab, proposal)).await?;
        document.begin(&agreed.spec);
        document.privacy = PrivacyDocument::of(&agreed.spec, Party::Responder, &agreed.output)?;
        Box::pin(run::run(ctx, &job, &mut link, agreed)).await
    };
    let result = tokio::select! {
        result = work => result,
        () = job.cancelled() => Err(Failure::Cancelled),
    };
    let stats = &mut document.stats;
    (stats.bytes_sent, stats.bytes_received) = link.bytes();
    (stats.udp_bytes_sent, stats.udp_bytes_received) = conn.udp_bytes();
    (stats.cpu_seconds, stats.wall_seconds) = (watch.cpu_seconds(), watch.wall_seconds());
    stats.peak_rss_bytes = peak_rss_bytes();
    let job_id = document.job_id.clone();
    let failure = record_end(ctx, &job, document, result);
    let id = job.id.clone();
    // The job's place is free before the peer is waited for.
    drop(job);
    match failure {
        None => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        Some(failure) => {
            let noted = refusal::note_proposal(ctx, conn.peer, job_id.as_deref(), &failure);
            if !noted && let Err(error) = ctx.state.job_forget(&id) {
                tracing::error!(%error, "a refused proposal could not be forgotten");
            }
            end_badly(ctx, conn, link, (&collab, &query), &failure).await;
        }
    }
}

/// Refuses a proposal that does not become a job, before its query was looked at.
async fn turned_away(
    ctx: &JobContext,
    conn: &PeerConnection,
    link: Link,
    chain: Option<&Chain>,
    query: &str,
    failure: &Failure,
) {
    tracing::warn!(peer = %conn.peer, %failure, "proposal refused");
    refusal::note_proposal(ctx, conn.peer, None, failure);
    refusal::refuse(link, chain, query, failure.code()).await;
}

/// Records how the job ended for this side: with the result document, if it is a recipient.
fn record_end(
    ctx: &JobContext,
    job: &JobHandle,
    mut document: ResultDocument,
    result: Result<Finished, Failure>,
) -> Option<Failure> {
    let shown = match result {
        Ok(Finished { answer: None, .. }) => Ok(None),
        Ok(Finished {
            answer: Some(answer),
            ..
        }) => answer.show(&mut document).map(|(state, _)| Some(state)),
        Err(failure) => Err(failure),
    };
    let (state, failure) = match shown {
        Ok(state) => (state.unwrap_or(JobState::Completed), None),
        Err(failure) => {
            tracing::warn!(job = job.id, %failure, "job ended without a result");
            document.reason = Some(failure.reason().into());
            (failure.state(), Some(failure))
        }
    };
    if failure.as_ref().is_some_and(Failure::is_pending) {
        // It stands among the requests for approval; repeated proposals would fill the list of jobs.
        if let Err(error) = ctx.state.job_forget(&job.id) {
            tracing::error!(%error, job = job.id, "a proposal that waits could not be forgotten");
        }
        return failure;
    }
    let detail = failure.as_ref().map(ToString::to_string);
    document.status = state.as_str().into();
    let received = matches!(state, JobState::Released | JobState::Suppressed);
    let kept = received.then(|| serde_json::to_string(&document).ok());
    let finished = ctx.state.job_finish(
        &job.id,
        state,
        document.reason.as_deref(),
        detail.as_deref(),
        kept.flatten().as_deref(),
    );
    if let Err(error) = finished {
        tracing::error!(%error, job = job.id, "the end of the job could not be recorded");
    }
    failure
}

async fn end_badly(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    mut link: Link,
    (collab, query): (&Collaboration, &str),
    failure: &Failure,
) {
    let chain = ctx.chain(collab, conn.peer);
    match failure {
        // The request for approval stands in the log once, however often it is repeated.
        failure if failure.is_pending() => {
            let refuse = Control::Refuse {
                code: failure.code(),
                recorded: false,
            };
            link.end(&refuse).await;
        }
        Failure::OwnRefusal(refusal) => {
            refusal::refuse(link, Some(&chain), query, refusal.code).await;
        }
        failure if !failure.is_news_for_peer() => {}
        // The job is completed on both receipts; the own output does not concern the peer.
        Failure::Result(_) => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        other => link.end(&Control::Abort(other.code())).await,
    }
    // A job that nobody signed leaves nothing to settle.
    if unsettled(&chain).unwrap_or(true) {
        ctx.settle_after(conn, collab).await;
    }
}

fn turn_away<T>(code: Code, rule: &str, sentence: &str) -> Result<T, Failure> {
    Err(Failure::OwnRefusal(Refusal {
        code,
        rule: rule.into(),
        sentence: sentence.into(),
        remedy: String::new(),
    }))
}

/// Whether this proposal may become a job at all, before its query is looked at.
pub(super) fn admit(
    ctx: &JobContext,
    conn: &PeerConnection,
    proposal: &Proposal,
) -> Result<(Collaboration, JobHandle), Failure> {
    let collab = joined_for(ctx, conn, proposal)?;
    let job = place_for(ctx, conn, proposal, &collab)?;
    Ok((collab, job))
}

/// The collaboration under which the peer asks.
fn joined_for(
    ctx: &JobContext,
    conn: &PeerConnection,
    proposal: &Proposal,
) -> Result<Collaboration, Failure> {
    if proposal.version != PROTOCOL_VERSION {
        let sentence = "the peer speaks another version of the protocol";
        return turn_away(Code::VersionUnsupported, "protocol", sentence);
    }
    let Some(collab) = joined_with(ctx, &proposal.collab_id, conn.peer)? else {
        let sentence = "the peer asks under a collaboration that this node has not joined with it";
        return turn_away(Code::UnknownCollaboration, "collaboration", sentence);
    };
    if proposal.revision != collab.revision_hash() {
        let sentence = format!(
            "the peer asks under another revision of `{}` than revision {}, which this node has \
             joined",
            collab.name(),
            collab.revision()
        );
        return turn_away(Code::RevisionDiffers, "collaboration", &sentence);
    }
    Ok(collab)
}

/// A place among the running jobs, if the peer may ask at all.
fn place_for(
    ctx: &JobContext,
    conn: &PeerConnection,
    proposal: &Proposal,
    collab: &Collaboration,
) -> Result<JobHandle, Failure> {
    let requester = collab.member_by_id(&conn.peer);
    if !requester.is_some_and(|member| member.may_query) {
        let sentence = "the collaboration does not let the peer query";
        return turn_away(Code::RequesterNotAllowed, "collaboration", sentence);
    }
    ctx.chain(collab, conn.peer).check_sound()?;
    let Ok(job) = ctx.registry.begin(JobRole::Responder) else {
        let sentence = "as many jobs as `jobs_max` allows are running";
        return turn_away(Code::TooManyJobs, "jobs_max", sentence);
    };
    let mut record = JobRecord::begin(&job.id, JobRole::Responder, &proposal.query);
    record.collab_id = collab.id();
    collab.name().clone_into(&mut record.collab);
    ctx.state.job_insert(&record)?;
    Ok(job)
}

/// Plans the peer's query by the own policy and signs the job, or refuses it.
async fn agree(
    ctx: &JobContext,
    job: &JobHandle,
    conn: &PeerConnection,
    link: &mut Link,
    collab: &Collaboration,
    proposal: Proposal,
) -> Result<Agreed, Failure> {
    privacy::check_mode(collab, proposal.mode)?;
    let plan = plan(ctx, conn, collab, &proposal, link).await?;
    let (table, key_columns) = (&plan.peer_table, &plan.peer_key_columns);
    check_half(&proposal.half, conn.peer, collab, table, key_columns)?;
    charge::check_asked(ctx, proposal.mode, &plan.facts)?;
    let seed = seeds::fresh_seed()?;
    let own_half = Half {
        node_id: ctx.key.id().0,
        nonce: seeds::nonce(&seed),
        facts: plan.facts.clone(),
    };
    let Proposal {
        query,
        hidden,
        recipients,
        mode,
        half: their_half,
        ..
    } = proposal;
    let asked = (query.as_str(), hidden, recipients, mode);
    let agreement = agreement(collab, asked, &plan.output, &conn.peer);
    let spec = JobSpec::assemble(agreement, their_half, own_half.clone())
        .map_err(Failure::of_agreement)?;
    ctx.check_sizes(&spec, Party::Responder)?;
    charge::check_job(ctx, &spec)?;
    let permit = Asking {
        collab,
        query: &spec.query,
        hidden: spec.hidden.len(),
        recipients,
        mode,
        requester: &spec.requester.facts,
        own: &plan.facts,
        side: &plan.side,
        spec: Some(&spec),
    }
    .ask(ctx)?;
    let reservation = charge::reserve(ctx, collab, &spec)?;
    let text = agreement_text(&spec.job_id());
    // Before the signature leaves: with it, the peer can put the job on the log.
    permit.spend(ctx, &spec.job_id())?;
    let own = ctx.key.sign(&text);
    link.send(&Control::Accept {
        half: own_half,
        signature: own,
    })
    .await?;
    let Control::Agree { signature } = link.control().await? else {
        return Err(unexpected("something else than the requester's signature"));
    };
    if !signature_holds(&conn.peer.0, &text, &signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the requester's signature",
        ));
    }
    ctx.state.job_set_job_id(&job.id, &spec.job_id())?;
    Ok(Agreed {
        collab: collab.clone(),
        peer: conn.peer,
        spec,
        agreements: [signature, own],
        own: Party::Responder,
        side: plan.side,
        output: plan.output,
        seed,
        reservation,
        literals: Vec::new(),
    })
}

/// Plans the peer's query against the own table as it is on disk now.
pub(super) async fn plan(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
    proposal: &Proposal,
    link: &mut Link,
) -> Result<ResponsePlan, Failure> {
    let name_of = |member: Option<&crate::collab::Member>| {
        member.map(|member| member.name.clone()).unwrap_or_default()
    };
    let own = name_of(collab.member_by_id(&ctx.key.id()));
    let peer = name_of(collab.member_by_id(&conn.peer));
    let hidden = proposal.hidden.len();
    let plan_now = || {
        let members = (own.as_str(), peer.as_str());
        ctx.catalog
            .plan_response_for(&proposal.query, members, proposal.recipients, hidden)
            .map_err(Failure::OwnRefusal)
    };
    let plan = plan_now()?;
    link.working_while(ctx.refresh(&plan.facts.table))
        .await?
        .map_err(|why| {
            // The peer learns that the table is unavailable; why is for this log alone.
            Failure::OwnRefusal(Refusal {
                code: Code::Unavailable,
                rule: format!("table.{}", plan.facts.table),
                sentence: why.to_string(),
                remedy: "run `psi-node check` and mend what it reports".into(),
            })
        })?;
    let mut plan = plan_now()?;
    if proposal.mode != AskedMode::Exact {
        plan.facts = plan.private_facts.clone().map_err(Failure::OwnRefusal)?;
    }
    Ok(plan)
}
