//! The responder's side of a job: evaluates this node's policy, adds this node's half, and runs.
//!
//! What comes to nothing is written down in one step, by [`super::notes`], as long as the hour has
//! room for it.

use std::sync::Arc;
use std::time::Instant;

use aggregator::{Refusal, ResponsePlan};
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{agreement_text, signature_holds};
use psi_core::spec::{AskedMode, Half, JobSpec, PROTOCOL_VERSION, Party};

use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::negotiate::approval::Asking;
use super::negotiate::table_files;
use super::outcome::document::ResultDocument;
use super::outcome::privacy::{self, PrivacyDocument};
use super::outcome::stopwatch::{Stopwatch, peak_rss_bytes};
use super::refusal;
use super::registry::JobHandle;
use super::request::agreement;
use super::run::{self, Agreed, Finished, audit_place, check_half};
use super::shares::notes::Whose as WhoseNotes;
use super::{JobContext, NodeId, charge, joined_with, seeds, unsettled};
use crate::collab::Collaboration;
use crate::net::PeerConnection;
use crate::places::Whose;
use crate::state::{JobRecord, JobRole, JobState, now_unix};

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
        let _wide = conn.widen();
        table = Some(agreed.side.table().to_owned());
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
    if let (Err(Failure::OwnData(_)), Some(table)) = (&result, &table) {
        // Its files changed since it was looked at.
        table_files::load_again(ctx, table);
    }
    let failure = record_end(ctx, (&job, conn.peer), (&collab, &query), document, result);
    // The job's place is free before the peer is waited for.
    drop(job);
    match failure {
        None => {
            link.sender.finish();
            link.sender.delivered().await;
        }
        Some(failure) => {
            end_badly(ctx, conn, link, (&collab, &query), &failure).await;
        }
    }
}

/// Refuses a proposal that does not become a job, before its query was looked at.
async fn turned_away(
    ctx: &JobContext,
    conn: &PeerConnection,
    link: Link,
    collab: Option<&Collaboration>,
    query: &str,
    failure: &Failure,
) {
    let whose = collab.map_or(conn.peer.0, Collaboration::id);
    log(ctx, &whose, failure);
    ctx.notes.refused(
        &whose,
        &refusal::sentence_of(conn.peer, failure),
        failure.code(),
        None,
    );
    let chain = collab.map(|collab| ctx.chain(collab, conn.peer));
    refusal::refuse(link, chain.as_ref(), query, failure.code()).await;
}

/// The operator's line about a question that came to nothing, within the share of its collaboration.
pub(super) fn log(ctx: &JobContext, whose: &WhoseNotes, failure: &Failure) {
    if ctx.notes.has_line(whose) {
        tracing::warn!(whose = hex::encode(whose), %failure, "a peer's question came to nothing");
    }
}

/// Records how the job ended for this side: with the result document, if it is a recipient.
fn record_end(
    ctx: &JobContext,
    (job, peer): (&JobHandle, NodeId),
    (collab, query): (&Collaboration, &str),
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
            if ctx.notes.has_line(&collab.id()) {
                tracing::warn!(job = job.id, %failure, "job ended without a result");
            }
            document.reason = Some(failure.reason().into());
            (failure.state(), Some(failure))
        }
    };
    let detail = failure.as_ref().map(ToString::to_string);
    document.status = state.as_str().into();
    let agreed = document.job_id.is_some();
    if failure.as_ref().is_some_and(Failure::is_pending) {
        ctx.notes.came_again(&collab.id());
    }
    if let Some(failure) = &failure
        // What waits for approval stands among the requests; repeated, it would fill the log.
        && !failure.is_pending()
        && !refusal::was_opened(ctx, document.job_id.as_deref())
    {
        let record = JobRecord {
            state,
            reason: document.reason.clone(),
            detail: detail.clone(),
            finished_unix: Some(now_unix()),
            ..record_of(job, collab, query)
        };
        let text = refusal::sentence_of(peer, failure);
        let (code, job) = (failure.code(), (!agreed).then_some(&record));
        ctx.notes.refused(&collab.id(), &text, code, job);
    }
    if !agreed {
        return failure;
    }
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

/// The collaboration under which the peer asks.
pub(super) fn joined_for(
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
    if !ctx.takes_part(&collab) {
        let sentence = format!("this node's owner takes no part in `{}` now", collab.name());
        return turn_away(Code::Unavailable, "collaboration", &sentence);
    }
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

/// Whether the peer may ask at all under this collaboration, now.
pub(super) fn check_may_ask(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
) -> Result<(), Failure> {
    let requester = collab.member_by_id(&conn.peer);
    if !requester.is_some_and(|member| member.may_query) {
        let sentence = "the collaboration does not let the peer query";
        return turn_away(Code::RequesterNotAllowed, "collaboration", sentence);
    }
    ctx.chain(collab, conn.peer).check_sound()
}

/// A place among the running jobs, if the peer may ask at all.
fn place_for(
    ctx: &JobContext,
    conn: &PeerConnection,
    collab: &Collaboration,
) -> Result<JobHandle, Failure> {
    check_may_ask(ctx, conn, collab)?;
    if ctx.notes.is_flooded(&collab.id()) {
        let sentence = "too many questions of this collaboration came to nothing in this hour";
        return turn_away(Code::TooManyJobs, "questions", sentence);
    }
    ctx.chain(collab, conn.peer).check_room(&ctx.live)?;
    match ctx.registry.begin(Whose::Peer(conn.peer)) {
        Ok(job) => {
            job.is_under(collab.id());
            Ok(job)
        }
        Err(why) => turn_away(Code::TooManyJobs, "jobs_max", &why.to_string()),
    }
}

/// What the owner sees of a peer's job.
fn record_of(job: &JobHandle, collab: &Collaboration, query: &str) -> JobRecord {
    JobRecord {
        collab_id: collab.id(),
        collab: collab.name().to_owned(),
        ..JobRecord::begin(&job.id, JobRole::Responder, query)
    }
}

/// Plans the peer's query by this node's policy and signs the job, or refuses it.
async fn agree(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    conn: &PeerConnection,
    link: &mut Link,
    collab: &Collaboration,
    proposal: Proposal,
) -> Result<Agreed, Failure> {
    let door = link.working_while(ctx.doors.of(conn.peer)).await?;
    privacy::check_mode(collab, proposal.mode)?;
    let plan = plan(ctx, conn, collab, &proposal).await?;
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
    let record = audit_place(ctx, job.whose(), (&spec, Party::Responder))?;
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
    drop(door);
    let accept = Control::Accept {
        half: own_half,
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
    if !signature_holds(&conn.peer.0, &text, &signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the requester's signature",
        ));
    }
    ctx.state.job_insert(&JobRecord {
        job_id: Some(spec.job_id()),
        ..record_of(job, collab, &spec.query)
    })?;
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
        seed,
        reservation,
        literals: Vec::new(),
    })
}

/// Plans the peer's query against this node's table, unless its files have changed.
pub(super) async fn plan(
    ctx: &Arc<JobContext>,
    conn: &PeerConnection,
    collab: &Collaboration,
    proposal: &Proposal,
) -> Result<ResponsePlan, Failure> {
    let name_of = |member: Option<&crate::collab::Member>| {
        member.map(|member| member.name.clone()).unwrap_or_default()
    };
    let own = name_of(collab.member_by_id(&ctx.key.id()));
    let peer = name_of(collab.member_by_id(&conn.peer));
    let members = (own.as_str(), peer.as_str());
    let planned = ctx.catalog.plan_response_for(
        &proposal.query,
        members,
        proposal.recipients,
        proposal.hidden.len(),
    );
    let mut plan = match planned {
        Ok(plan) => plan,
        Err(refusal) => {
            // A table that is not served may be right again. The peer hears the same, and no later:
            // it is not to learn which tables there are that it may not use.
            if let Ok(table) = ctx.catalog.own_table(&proposal.query, members) {
                let ctx = Arc::clone(ctx);
                tokio::spawn(async move { table_files::check(&ctx, &table).await });
            }
            return Err(Failure::OwnRefusal(refusal));
        }
    };
    table_files::check(ctx, &plan.facts.table).await?;
    if proposal.mode != AskedMode::Exact {
        plan.facts = plan.private_facts.clone().map_err(Failure::OwnRefusal)?;
    }
    Ok(plan)
}
