//! The requester's side of a job: from SQL to the result document.

use std::sync::Arc;
use std::time::Instant;

use aggregator::{OutputPlan, Refusal, RequestPlan};
use psi_core::Code;
use psi_core::messages::{Control, Proposal};
use psi_core::receipt::{agreement_text, signature_holds};
use psi_core::seed::JobSeed;
use psi_core::spec::{Agreement, AskedMode, Half, JobSpec, PROTOCOL_VERSION, Party, Recipients};

use super::deadlines::within;
use super::failure::Failure;
use super::link::{Link, unexpected, violation};
use super::negotiate::approval::{Asking, Permit};
use super::outcome::answer_file::{self, ListFile, Place};
use super::outcome::document::ResultDocument;
use super::outcome::privacy::{PrivacyDocument, Spend};
use super::outcome::stopwatch::{Stopwatch, peak_rss_bytes};
use super::refusal;
use super::registry::JobHandle;
use super::run::{self, Agreed, audit_place, check_half};
use super::{JobContext, NodeId, charge, seeds};
use crate::collab::{Collaboration, Member, Mode};
use crate::exit::Exit;
use crate::net::PeerConnection;
use crate::state::{CollabStanding, JobRecord, JobRole, JobState};

/// What an analyst asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRequest {
    /// The name of a joined collaboration.
    pub collab: String,
    /// The query.
    pub sql: String,
    /// Who is to get the result.
    pub recipients: Recipients,
    /// What the answer may cost, under a collaboration with differential privacy.
    pub spend: Spend,
    /// Where the answer is written, if it is a list.
    pub output: Option<ListFile>,
}

/// A question that the own rules allow, ready to be proposed.
struct Question {
    plan: RequestPlan,
    recipients: Recipients,
    mode: AskedMode,
}

/// A proposal that the peer accepted: what both sides would sign, and the peer did.
struct Accepted {
    spec: JobSpec,
    seed: Arc<JobSeed>,
    signature: [u8; 64],
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
            refusal::note_own(&ctx, document.job_id.as_deref(), &failure);
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

async fn run_request(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    request: &JobRequest,
    document: &mut ResultDocument,
) -> Result<(JobState, Exit), Failure> {
    let collab = find_collab(ctx, &request.collab)?;
    job.is_under(collab.id());
    let mut record = JobRecord::begin(&job.id, JobRole::Requester, &request.sql);
    record.collab_id = collab.id();
    collab.name().clone_into(&mut record.collab);
    ctx.state.job_insert(&record)?;

    document.mode = collab.mode().as_str().into();
    let (question, peer) = question(ctx, request, &collab).await?;
    document.columns.clone_from(&question.plan.output.columns);
    let place = answer_file::place(request.output.as_ref(), &question.plan.output)?;
    let permit = ask_owner(ctx, &collab, &question)?;
    // It may have been suspended while this node's table was loaded.
    find_collab(ctx, &request.collab)?;
    let chain = ctx.chain(&collab, peer.id);
    chain.check_room(&ctx.live)?;
    if ctx.state.chain_repair_requested(&collab.id())?.is_none() {
        chain.check_sound()?;
    }
    let conn = tokio::select! {
        conn = ctx.connect_settled(&peer, &collab) => conn?,
        () = job.cancelled() => return Err(Failure::Cancelled),
    };

    let wide = conn.widen();
    let link = Link::new(conn.open_stream().await?);
    let asked = (question, permit, place);
    // On the heap: a job holds much.
    let running = over_link(ctx, job, &conn, link, &collab, asked, document);
    let result = Box::pin(running).await;
    let stats = &mut document.stats;
    (stats.udp_bytes_sent, stats.udp_bytes_received) = conn.udp_bytes();
    drop(wide);
    if result.is_ok() {
        ctx.endpoint.keep(conn);
    } else {
        conn.close(Code::Interrupted);
    }
    result
}

pub(super) fn find_collab(ctx: &JobContext, name: &str) -> Result<Collaboration, Failure> {
    let found = ctx.state.collab_by_name(name)?;
    let collab = found.ok_or_else(|| Failure::Input {
        what: format!("this node has not joined a collaboration named `{name}`"),
        remedy: "list them with `psi-node collab list`; join one with `psi-node collab join`"
            .into(),
    })?;
    let remedy = match ctx.state.collab_standing(&collab.id())? {
        CollabStanding::InForce => return Ok(collab),
        CollabStanding::Suspended => {
            format!("take part again with `psi-node collab resume {name}`")
        }
        CollabStanding::Left => "make a new collaboration with the other member".into(),
    };
    let what = format!("this node's owner takes no part in `{name}` now");
    Err(Failure::Input { what, remedy })
}

/// Plans a question under `collab` and tries all own rules that need no peer; returns the peer too.
async fn question(
    ctx: &JobContext,
    request: &JobRequest,
    collab: &Collaboration,
) -> Result<(Question, Member), Failure> {
    request.spend.check(collab)?;
    let (own, peer) = members(ctx, collab, request.recipients)?;
    let plan = plan(ctx, request, collab.mode(), (&own, &peer)).await?;
    let mode = request.spend.asked(collab, &plan.facts)?;
    charge::check(ctx, mode, &plan.facts, &peer)?;
    let question = Question {
        plan,
        recipients: request.recipients,
        mode,
    };
    Ok((question, peer))
}

/// This node's own entry and the peer's in the collaboration, if this node may ask and every
/// recipient may receive.
pub(super) fn members(
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

/// Asks this node's own owner, where the own table wants that.
fn ask_owner(
    ctx: &JobContext,
    collab: &Collaboration,
    question: &Question,
) -> Result<Permit, Failure> {
    let plan = &question.plan;
    Asking {
        collab,
        query: &plan.canonical,
        hidden: plan.hidden.len(),
        recipients: question.recipients,
        mode: question.mode,
        requester: &plan.facts,
        own: &plan.facts,
        side: &plan.side,
        spec: None,
    }
    .ask(ctx)
}

/// Plans the query against the table as it is on disk now.
async fn plan(
    ctx: &JobContext,
    request: &JobRequest,
    mode: Mode,
    members: (&Member, &Member),
) -> Result<RequestPlan, Failure> {
    let names = (members.0.name.as_str(), members.1.name.as_str());
    let table = ctx.catalog.own_table(&request.sql, names)?;
    // Before anything is judged: a column may be of another type by now, or the table served again.
    let refreshed = ctx.refresh(&table).await;
    let plan = plan_now(ctx, request, mode, members)?;
    refreshed?;
    Ok(plan)
}

/// Plans the query against the table as it was loaded. The plan's facts are those of the mode.
pub(super) fn plan_now(
    ctx: &JobContext,
    request: &JobRequest,
    mode: Mode,
    (own, peer): (&Member, &Member),
) -> Result<RequestPlan, Failure> {
    let names = (own.name.as_str(), peer.name.as_str());
    let mut plan = ctx
        .catalog
        .plan_request_for(&request.sql, names, request.recipients)?;
    answer_file::check_form(&plan.output, mode, request.recipients)?;
    if mode == Mode::Dp {
        plan.facts = plan.private_facts.clone().map_err(Failure::OwnRefusal)?;
    }
    Ok(plan)
}

async fn over_link(
    ctx: &Arc<JobContext>,
    job: &JobHandle,
    conn: &PeerConnection,
    mut link: Link,
    collab: &Collaboration,
    (question, permit, place): (Question, Permit, Option<Place>),
    document: &mut ResultDocument,
) -> Result<(JobState, Exit), Failure> {
    let work = async {
        let asked = (question, permit);
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
            match (finished.answer, finished.list, place) {
                (Some(answer), _, _) => answer.show(document),
                // The peer waits for nothing any more.
                (None, Some(listed), Some(place)) => {
                    answer_file::write(ctx, job.progress(), (place, listed), document).await
                }
                _ => Err(Failure::Internal(
                    "the requester is always a recipient".into(),
                )),
            }
        }
        Err(failure) => {
            if failure.is_news_for_peer() {
                link.end(&Control::Abort(failure.code())).await;
            }
            if document.job_id.is_some() && ctx.settle_over(conn, collab).await.is_err() {
                ctx.settle_later(collab.clone());
            }
            Err(failure)
        }
    }
}

/// Step 0 of the protocol: proposes, checks the other half, and signs what follows from both.
async fn agree(
    ctx: &JobContext,
    job: &JobHandle,
    link: &mut Link,
    peer: NodeId,
    collab: &Collaboration,
    (question, permit): (Question, Permit),
    document: &mut ResultDocument,
) -> Result<Agreed, Failure> {
    let Accepted {
        spec,
        seed,
        signature,
    } = propose(ctx, link, peer, collab, &question).await?;
    let record = audit_place(ctx, job.whose(), (&spec, Party::Requester))?;
    let reservation = charge::reserve(ctx, collab, &spec)?;
    permit.spend(ctx, &spec.job_id())?;
    ctx.state.job_set_job_id(&job.id, &spec.job_id())?;
    // From here on a job that breaks off is settled, whether or not the signature arrives.
    document.begin(&spec);
    let own = ctx.key.sign(&agreement_text(&spec.job_id()));
    link.send(&Control::Agree { signature: own }).await?;
    let plan = question.plan;
    document.privacy = PrivacyDocument::of(&spec, Party::Requester, &plan.output)?;
    Ok(Agreed {
        since: Instant::now(),
        _record: record,
        collab: collab.clone(),
        peer,
        spec,
        agreements: [own, signature],
        own: Party::Requester,
        side: plan.side,
        output: plan.output,
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
    peer: NodeId,
    collab: &Collaboration,
    question: &Question,
) -> Result<Accepted, Failure> {
    let Question {
        plan,
        recipients,
        mode,
    } = question;
    let seed = seeds::fresh_seed()?;
    let hidden = commit_to_literals(plan, &seed);
    let half = Half {
        node_id: ctx.key.id().0,
        nonce: seeds::nonce(&seed),
        facts: plan.facts.clone(),
    };
    let proposal = Proposal {
        version: PROTOCOL_VERSION,
        collab_id: collab.id(),
        revision: collab.revision_hash(),
        query: plan.canonical.clone(),
        hidden: hidden.clone(),
        recipients: *recipients,
        mode: *mode,
        half: half.clone(),
    };
    let chain = ctx.chain(collab, peer);
    let awaited = refusal::awaited(&chain, ctx.key.id(), &plan.canonical, None)?;
    let answer = within(ctx.deadlines().answer(), async {
        link.send(&Control::Propose(proposal)).await?;
        link.control().await
    })
    .await?;
    if let Some(awaited) = awaited
        && !matches!(answer, Control::Refuse { recorded: true, .. })
    {
        ctx.state.refusal_forget(awaited)?;
    }
    let (theirs, signature) = match answer {
        Control::Accept { half, signature } => (half, signature),
        Control::Refuse { code, recorded } => {
            if recorded {
                let body = refusal::body(ctx.key.id(), peer, &plan.canonical, code);
                refusal::record(&chain, link, body).await;
            }
            return Err(Failure::PeerRefusal(code));
        }
        _ => return Err(unexpected("something else than an answer to the proposal")),
    };
    check_half(
        &theirs,
        peer,
        collab,
        &plan.peer_table,
        &plan.peer_key_columns,
    )?;
    let asked = (plan.canonical.as_str(), hidden, *recipients, *mode);
    let agreement = agreement(collab, asked, &plan.output, &ctx.key.id());
    let spec = JobSpec::assemble(agreement, half, theirs).map_err(Failure::of_agreement)?;
    ctx.check_sizes(&spec, Party::Requester)?;
    if !signature_holds(&peer.0, &agreement_text(&spec.job_id()), &signature) {
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
fn commit_to_literals(plan: &RequestPlan, seed: &JobSeed) -> Vec<[u8; 64]> {
    let mut salts = seeds::literal_salts(seed);
    let literals = plan.hidden.iter();
    literals
        .map(|literal| literal.commitment(&salts()))
        .collect()
}

/// What both sides know before roles and sizes follow from the halves.
pub(super) fn agreement(
    collab: &Collaboration,
    (query, hidden, recipients, mode): (&str, Vec<[u8; 64]>, Recipients, AskedMode),
    output: &OutputPlan,
    requester: &NodeId,
) -> Agreement {
    let may_receive = |member: Option<&Member>| member.is_some_and(|member| member.may_receive);
    Agreement {
        collab_id: collab.id(),
        revision: collab.revision_hash(),
        query: query.to_owned(),
        hidden,
        shape: output.shape.clone(),
        recipients,
        mode,
        requester_may_receive: may_receive(collab.member_by_id(requester)),
        responder_may_receive: may_receive(collab.peer_of(requester)),
    }
}
