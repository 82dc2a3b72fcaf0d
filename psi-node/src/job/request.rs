//! The requester's side of a job: from SQL to the result document.

use std::sync::Arc;

use aggregator::{HiddenLiteral, OutputPlan, Refusal, RequestPlan};
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{agreement_text, signature_holds};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::spec::{Agreement, Half, JobSpec, PROTOCOL_VERSION, Party, Recipients};

use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::registry::JobHandle;
use super::result::ResultDocument;
use super::run::{self, Agreed, check_half};
use super::stats::{Stopwatch, peak_rss_bytes};
use super::{JobContext, NodeId};
use crate::collab::{Collaboration, Member};
use crate::exit::Exit;
use crate::net::PeerConnection;
use crate::state::{JobRecord, JobRole, JobState};

/// What an analyst asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// The name of a joined collaboration.
    pub collab: String,
    /// The query.
    pub sql: String,
    /// Who is to get the result.
    pub recipients: Recipients,
}

/// How a job ended, for the local API.
#[derive(Clone, Debug)]
pub struct JobOutcome {
    /// The state in which it stays.
    pub state: JobState,
    /// What the command that waits for it exits with.
    pub exit: Exit,
    /// The result document, also for jobs without a result.
    pub document: ResultDocument,
}

/// Runs one job as requester and records how it ended.
pub async fn request(ctx: Arc<JobContext>, job: JobHandle, request: JobRequest) -> JobOutcome {
    let watch = Stopwatch::start();
    let mut document = ResultDocument::new("exact");
    let result = run_request(&ctx, &job, &request, &mut document).await;
    document.stats.cpu_seconds = watch.cpu_seconds();
    document.stats.wall_seconds = watch.wall_seconds();
    document.stats.peak_rss_bytes = peak_rss_bytes();
    let (state, exit) = match result {
        Ok(released) => released,
        Err(failure) => {
            document.reason = Some(failure.reason().into());
            document.detail = Some(failure.to_string());
            document.remedy = Some(failure.remedy());
            note_locally(&ctx, &failure);
            (failure.state(), failure.exit())
        }
    };
    document.status = state.as_str().into();
    let finished = ctx.state.job_finish(
        &job.id,
        state,
        document.reason.as_deref(),
        document.detail.as_deref(),
        serde_json::to_string(&document).ok().as_deref(),
    );
    if let Err(error) = finished {
        tracing::error!(%error, job = job.id, "the end of the job could not be recorded");
    }
    JobOutcome {
        state,
        exit,
        document,
    }
}

/// Own refusals and unreachable peers leave no countersigned entry; the local log keeps them.
fn note_locally(ctx: &JobContext, failure: &Failure) {
    let kind = match failure {
        Failure::OwnRefusal(_) => "refused",
        Failure::Connect(_) => "unreachable",
        _ => return,
    };
    let text = match failure {
        Failure::OwnRefusal(refusal) => format!("{}: {}", refusal.rule, refusal.sentence),
        other => other.to_string(),
    };
    if let Err(error) = ctx.state.local_append(&ctx.key, kind, &text) {
        tracing::error!(%error, "the local log could not be written");
    }
}

async fn run_request(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    request: &JobRequest,
    document: &mut ResultDocument,
) -> Result<(JobState, Exit), Failure> {
    let collab = find_collab(ctx, &request.collab)?;
    let mut record = JobRecord::begin(&job.id, JobRole::Requester, &request.sql);
    record.collab_id = collab.id();
    collab.name().clone_into(&mut record.collab);
    ctx.state.job_insert(&record)?;

    let (own, peer) = members(ctx, &collab, request.recipients)?;
    let plan = plan(ctx, request, &own, &peer).await?;
    check_recipients(&plan, request.recipients)?;
    document.columns.clone_from(&plan.output.columns);
    let chain = ctx.chain(&collab, peer.id);
    if ctx.state.chain_repair_requested(&collab.id())?.is_none() {
        chain.check_sound()?;
    }
    let conn = tokio::select! {
        conn = ctx.connect(&peer) => conn?,
        () = job.cancelled() => return Err(Failure::Cancelled),
    };
    ctx.settle_over(&conn, &collab).await?;

    let link = Link::new(conn.open_stream().await?);
    let asked = (plan, request.recipients);
    let result = over_link(ctx, job, &conn, link, &collab, asked, document).await;
    let stats = &mut document.stats;
    (stats.udp_bytes_sent, stats.udp_bytes_received) = conn.udp_bytes();
    conn.close(Code::Interrupted);
    result
}

fn find_collab(ctx: &JobContext, name: &str) -> Result<Collaboration, Failure> {
    ctx.state
        .collab_by_name(name)?
        .ok_or_else(|| Failure::Input {
            what: format!("this node has not joined a collaboration named `{name}`"),
            remedy: "list them with `psi-node collab list`; join one with `psi-node collab join`"
                .into(),
        })
}

/// This node's own entry and the peer's in the collaboration, if this node may ask and every
/// recipient may receive.
fn members(
    ctx: &JobContext,
    collab: &Collaboration,
    recipients: Recipients,
) -> Result<(Member, Member), Failure> {
    let id = ctx.key.id();
    let (Some(own), Some(peer)) = (collab.member_by_id(&id), collab.peer_of(&id)) else {
        return Err(Failure::Input {
            what: format!("this node's key is not a member of `{}`", collab.name()),
            remedy: "the node's key was replaced; make a new collaboration with its present id"
                .into(),
        });
    };
    let peer_receives = recipients.include(Party::Responder);
    let receive = (Code::RecipientNotAllowed, "receive results");
    for (member, allowed, (code, verb)) in [
        (own, own.may_query, (Code::RequesterNotAllowed, "query")),
        (own, own.may_receive, receive),
        (peer, peer.may_receive || !peer_receives, receive),
    ] {
        if !allowed {
            return Err(Failure::OwnRefusal(Refusal {
                code,
                rule: format!("collaboration.{}.member.{}", collab.name(), member.name),
                sentence: format!("the collaboration does not let `{}` {verb}", member.name),
                remedy: "both members would have to sign a collaboration that allows it".into(),
            }));
        }
    }
    Ok((own.clone(), peer.clone()))
}

/// A result to both needs the consent of the own table; that of the peer's is the peer's to give.
fn check_recipients(plan: &RequestPlan, recipients: Recipients) -> Result<(), Failure> {
    if recipients == Recipients::Requester || plan.facts.result_to_both {
        return Ok(());
    }
    let table = &plan.facts.table;
    Err(Failure::OwnRefusal(Refusal {
        code: Code::RecipientNotAllowed,
        rule: format!("table.{table}.result"),
        sentence: format!("table `{table}` does not let both members receive a result"),
        remedy: format!("set `result = \"both\"` in [table.{table}], or ask for yourself alone"),
    }))
}

/// Plans the query against the table as it is on disk now.
async fn plan(
    ctx: &JobContext,
    request: &JobRequest,
    own: &Member,
    peer: &Member,
) -> Result<RequestPlan, Failure> {
    let names = (own.name.as_str(), peer.name.as_str());
    let plan = ctx.catalog.plan_request(&request.sql, names)?;
    ctx.refresh(&plan.facts.table).await?;
    Ok(ctx.catalog.plan_request(&request.sql, names)?)
}

async fn over_link(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    conn: &PeerConnection,
    mut link: Link,
    collab: &Collaboration,
    asked: (RequestPlan, Recipients),
    document: &mut ResultDocument,
) -> Result<(JobState, Exit), Failure> {
    let work = async {
        let agreed = agree(ctx, job, &mut link, conn.peer, collab, asked, document).await?;
        Box::pin(run::run(ctx, job, &mut link, agreed)).await
    };
    let result = tokio::select! {
        result = work => result,
        () = job.cancelled() => Err(Failure::Cancelled),
    };
    (document.stats.bytes_sent, document.stats.bytes_received) = link.bytes();
    match result {
        Ok(finished) => {
            link.sender.finish();
            link.sender.delivered().await;
            let Some(answer) = finished.answer else {
                return Err(Failure::Internal(
                    "the requester is always a recipient".into(),
                ));
            };
            answer.show(document)
        }
        Err(failure) => {
            if !matches!(failure, Failure::PeerAborted(_) | Failure::PeerRefusal(_)) {
                link.end(&Control::Abort(failure.code())).await;
            }
            if document.job_id.is_some() && ctx.settle_over(conn, collab).await.is_err() {
                ctx.settle_later(collab.clone());
            }
            Err(failure)
        }
    }
}

/// Steps 0 of the protocol: proposes, checks the other half, and signs what follows from both.
async fn agree(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    peer: NodeId,
    collab: &Collaboration,
    (plan, recipients): (RequestPlan, Recipients),
    document: &mut ResultDocument,
) -> Result<Agreed, Failure> {
    let seed = run::fresh_seed()?;
    let hidden = commit_to_literals(&plan, &seed);
    let half = Half {
        node_id: ctx.key.id().0,
        nonce: run::nonce(&seed),
        facts: plan.facts.clone(),
    };
    let proposal = Proposal {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
        query: plan.canonical.clone(),
        hidden: hidden.clone(),
        recipients,
        half: half.clone(),
    };
    link.send(&Control::Propose(proposal)).await?;
    let (theirs, signature) = match link.control().await? {
        Control::Accept { half, signature } => (half, signature),
        Control::Refuse(code) => return Err(Failure::PeerRefusal(code)),
        _ => return Err(unexpected("something else than an answer to the proposal")),
    };
    check_half(
        &theirs,
        peer,
        collab,
        &plan.peer_table,
        &plan.peer_key_columns,
    )?;
    let asked = (plan.canonical.as_str(), hidden, recipients);
    let agreement = agreement(collab, asked, &plan.output, &ctx.key.id());
    let spec = JobSpec::assemble(agreement, half, theirs).map_err(Failure::of_agreement)?;
    ctx.check_sizes(&spec, Party::Requester)?;
    let text = agreement_text(&spec.job_id());
    if !signature_holds(&peer.0, &text, &signature) {
        return Err(violation(
            Code::SignatureInvalid,
            "the signature of an accepted job",
        ));
    }
    let own = ctx.key.sign(&text);
    link.send(&Control::Agree { signature: own }).await?;
    ctx.state.job_set_job_id(&job.id, &spec.job_id())?;
    document.begin(&spec);
    Ok(Agreed {
        collab: collab.clone(),
        peer,
        spec,
        agreements: [own, signature],
        own: Party::Requester,
        side: plan.side,
        output: plan.output,
        seed,
    })
}

/// One commitment per hidden literal, each with a salt of its own.
fn commit_to_literals(plan: &RequestPlan, seed: &JobSeed) -> Vec<[u8; 64]> {
    let mut salts = seed.stream(Purpose::LiteralSalts, 0, 0);
    let commit = |literal: &HiddenLiteral| {
        let mut salt = [0; 32];
        salts.fill(&mut salt);
        literal.commitment(&salt)
    };
    plan.hidden.iter().map(commit).collect()
}

/// What both sides know before roles and sizes follow from the halves.
pub(super) fn agreement(
    collab: &Collaboration,
    (query, hidden, recipients): (&str, Vec<[u8; 64]>, Recipients),
    output: &OutputPlan,
    requester: &NodeId,
) -> Agreement {
    let may_receive = |member: Option<&Member>| member.is_some_and(|member| member.may_receive);
    Agreement {
        collab_id: collab.id(),
        query: query.to_owned(),
        hidden,
        shape: output.shape.clone(),
        recipients,
        requester_may_receive: may_receive(collab.member_by_id(requester)),
        responder_may_receive: may_receive(collab.peer_of(requester)),
    }
}
