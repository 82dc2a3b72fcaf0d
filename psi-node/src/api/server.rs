//! The daemon's end of the local API.
//!
//! Handlers translate between JSON and the daemon; they decide nothing. Bodies are bounded, errors
//! are JSON, and following a job costs one line in memory however slow the reader is.

mod approvals;
mod collabs;
mod explain;

use std::convert::Infallible;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path as FilePath;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef, Path, Query, State as Injected};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::body::Frame;
use serde::Serialize;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::socket::SocketPath;
use super::types::{
    ErrorBody, Event, JobInfo, JobList, JobRef, KeyInfo, NewJob, NodeInfo, NotServedInfo, TableInfo,
};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;
use crate::job::outcome::document::ResultDocument;
use crate::job::registry::JobView;
use crate::job::{self, Current, JobContext, JobRequest};
use crate::places::Whose;
use crate::reload::reload;
use crate::state::{JobRole, JobState, StateError, StoredJob};

/// Bytes of a request body; a query has at most 16 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Jobs in one list.
const JOBS_MAX: u32 = 1000;
/// Jobs in a list that asks for no number.
const JOBS_DEFAULT: u32 = 50;
/// Time between two looks at a job that somebody follows.
const EVENT_INTERVAL: Duration = Duration::from_millis(150);

/// The node as it is configured when a request comes.
type Context = Injected<Arc<JobContext>>;

impl FromRef<Current> for Arc<JobContext> {
    fn from_ref(node: &Current) -> Self {
        node.get()
    }
}

/// Binds the socket, for this user alone. The caller holds the lock of the state folder, so a
/// socket that lies there belongs to no living daemon.
///
/// # Errors
/// [`UserError`] if the socket cannot be made.
pub fn bind(socket: &FilePath) -> Result<UnixListener, UserError> {
    let failed = |e| UserError::machine(format!("cannot make the socket {}", socket.display()), e);
    match std::fs::remove_file(socket) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let path = SocketPath::of(socket).map_err(failed)?;
    let listener = UnixListener::bind(path.as_path()).map_err(failed)?;
    std::fs::set_permissions(socket, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Serves the API until `stop` is done and the answers that are being given are complete.
///
/// # Errors
/// The operating system's.
pub async fn serve(
    listener: UnixListener,
    node: Current,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(node))
        .with_graceful_shutdown(stop)
        .await
}

fn router(current: Current) -> Router {
    Router::new()
        .route("/v1/node", get(node))
        .route(
            "/v1/collaborations",
            get(collabs::list).post(collabs::look_again),
        )
        .route("/v1/collaborations/{name}", post(collabs::change))
        .route("/v1/collaborations/{name}/ping", post(collabs::ping))
        .route(
            "/v1/collaborations/{name}/tables",
            get(collabs::told_tables).post(collabs::ask_tables),
        )
        .route("/v1/jobs", get(jobs).post(new_job))
        .route("/v1/jobs/{id}", get(job).delete(cancel))
        .route("/v1/jobs/{id}/events", get(events))
        .route("/v1/explain", post(explain::explain))
        .route("/v1/reload", post(reload_configuration))
        .route("/v1/approvals", get(approvals::list))
        .route(
            "/v1/approvals/{id}",
            get(approvals::show).post(approvals::decide),
        )
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_path)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(current)
}

/// A failure on its way to the client.
struct Failed(StatusCode, UserError);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        json(self.0, &ErrorBody::from(&self.1))
    }
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Self {
        let status = match &error {
            StateError::UnknownJob(_)
            | StateError::UnknownApproval(_)
            | StateError::UnknownCollab => StatusCode::NOT_FOUND,
            StateError::AmbiguousJob(_) | StateError::AmbiguousApproval(_) => {
                StatusCode::BAD_REQUEST
            }
            StateError::Decided { .. }
            | StateError::CollabLeft(_)
            | StateError::MemberNameTaken { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.into())
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer of the local API does not serialise");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Failed {
    Failed(StatusCode::BAD_REQUEST, UserError::bad_input(what, remedy))
}

async fn no_such_path() -> Failed {
    let what = "the local API has no such path, or not with this method";
    let remedy = "see docs/operating/local-api.md";
    Failed(StatusCode::NOT_FOUND, UserError::bad_input(what, remedy))
}

async fn node(Injected(ctx): Context) -> Result<Response, Failed> {
    let section = |name: &str| ctx.config.section_digest(name).unwrap_or_default();
    let tables = ctx.catalog.tables().into_iter().map(|table| TableInfo {
        section: section(&table.name),
        name: table.name,
        minimum: table.minimum,
        filter: table
            .columns
            .into_iter()
            .filter(|c| c.filter)
            .map(|c| c.name)
            .collect(),
        keys: table
            .keys
            .into_iter()
            .map(|key| KeyInfo {
                columns: key.columns,
                kinds: key.kinds.iter().map(ToString::to_string).collect(),
                unique: key.unique,
                identities: key.identities,
            })
            .collect(),
    });
    let listen = ctx.endpoint.local_addr().unwrap_or(ctx.config.listen);
    let info = NodeInfo {
        name: ctx.config.name.clone(),
        id: ctx.key.id().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        listen: listen.to_string(),
        jobs_running: ctx.registry.running(),
        jobs_max: ctx.config.jobs_max,
        tables: tables.collect(),
        not_served: not_served(&ctx),
    };
    Ok(json(StatusCode::OK, &info))
}

/// The configured tables that are not served.
fn not_served(ctx: &JobContext) -> Vec<NotServedInfo> {
    let tables = ctx.catalog.not_served().into_iter();
    let tables = tables.map(|table| {
        let section = ctx.config.section_digest(&table.name).unwrap_or_default();
        NotServedInfo::new(table, section)
    });
    tables.collect()
}

async fn reload_configuration(Injected(node): Injected<Current>) -> Result<Response, Failed> {
    let done = reload(&node).await;
    let done = done.map_err(|error| Failed(StatusCode::BAD_REQUEST, error))?;
    Ok(json(StatusCode::OK, &done))
}

#[derive(serde::Deserialize)]
struct ListQuery {
    limit: Option<u32>,
}

async fn jobs(
    Injected(ctx): Context,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failed> {
    let query = query.map_err(|error| bad(error.body_text(), "limit is a number"))?;
    let limit = query.limit.unwrap_or(JOBS_DEFAULT).min(JOBS_MAX);
    let records = ctx.state.jobs(limit)?;
    let jobs = records
        .into_iter()
        .map(|record| job_info(&ctx, record))
        .collect();
    Ok(json(StatusCode::OK, &JobList { jobs }))
}

async fn job(Injected(ctx): Context, Path(id): Path<String>) -> Result<Response, Failed> {
    Ok(json(StatusCode::OK, &job_info(&ctx, find(&ctx, &id)?)))
}

fn find(ctx: &JobContext, id: &str) -> Result<StoredJob, Failed> {
    Ok(ctx.state.job(id)?)
}

fn job_info(ctx: &JobContext, record: StoredJob) -> JobInfo {
    let running = record.state == JobState::Running;
    let view = if running {
        ctx.registry.get(&record.id)
    } else {
        None
    };
    JobInfo {
        progress: view.map(|view| view.snapshot()),
        name: record.name(),
        job_id: record.job_id.map(hex::encode),
        collab: record.collab,
        role: record.role.as_str().into(),
        query: record.query,
        state: record.state.as_str().into(),
        reason: record.reason,
        detail: record.detail,
        created_unix: record.created_unix,
        finished_unix: record.finished_unix,
        result: record
            .result
            .and_then(|text| serde_json::from_str(&text).ok()),
        id: record.id,
    }
}

/// The body of a request, if it was not too long.
fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Failed> {
    body.map_err(|error| {
        let remedy = format!("send one JSON object of at most {BODY_BYTES_MAX} bytes");
        Failed(
            error.status(),
            UserError::bad_input(error.body_text(), remedy),
        )
    })
}

/// The question in the body of a request.
fn asked(body: Result<Bytes, BytesRejection>) -> Result<JobRequest, Failed> {
    let body = whole(body)?;
    let job: NewJob = serde_json::from_slice(&body).map_err(|error| {
        bad(
            format!("the body is not a valid job: {error}"),
            "send {\"collab\": \"…\", \"sql\": \"…\"}",
        )
    })?;
    job.request()
        .map_err(|error| Failed(StatusCode::BAD_REQUEST, error))
}

async fn new_job(
    Injected(ctx): Context,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    let request = asked(body)?;
    let handle = ctx.registry.begin(Whose::Owner).map_err(|error| {
        let remedy = "wait for one to end (`query --wait` does), cancel one, or raise `jobs_max`";
        let error = UserError::new(Exit::Busy, error.to_string(), remedy);
        Failed(StatusCode::TOO_MANY_REQUESTS, error)
    })?;
    let id = handle.id.clone();
    let view = handle.view();
    let name = view.name().to_owned();
    tracing::info!(job = id, collab = request.collab, "job requested");
    tokio::spawn(async move {
        // A task of its own, so that even a panic of the runner ends the job for its followers.
        let run = tokio::spawn(job::request(ctx, handle, request));
        let ended = match run.await {
            Ok(ended) => ended,
            Err(error) => crashed(&error),
        };
        tracing::info!(job = view.name(), exit = ended.exit_name, "job ended");
        view.end(ended);
    });
    Ok(json(StatusCode::ACCEPTED, &JobRef { id, name }))
}

fn crashed(error: &tokio::task::JoinError) -> Ended {
    tracing::error!(%error, "the job runner failed");
    let mut document = ResultDocument::new("exact");
    document.status = JobState::Aborted.as_str().into();
    document.detail = Some("internal error: the job runner failed".into());
    document.remedy = Some("this is a bug: please report it with the node's log".into());
    Ended::new(Exit::Internal, document)
}

async fn cancel(Injected(ctx): Context, Path(id): Path<String>) -> Result<Response, Failed> {
    // A job that has just begun may not be in the state yet.
    let (id, name) = if let Some(view) = ctx.registry.get(&id) {
        (view.id().to_owned(), view.name().to_owned())
    } else {
        let record = find(&ctx, &id)?;
        let name = record.name();
        (record.id, name)
    };
    if !ctx.registry.cancel(&id) {
        let what = format!("job `{name}` is not running");
        let error = UserError::bad_input(what, "see how it ended with `psi-node jobs show`");
        return Err(Failed(StatusCode::CONFLICT, error));
    }
    tracing::info!(job = name, local = id, "job cancelled by its owner");
    Ok(json(StatusCode::ACCEPTED, &JobRef { id, name }))
}

async fn events(Injected(ctx): Context, Path(id): Path<String>) -> Result<Response, Failed> {
    let view = ctx
        .registry
        .get(&id)
        .filter(|view| view.role() == JobRole::Requester);
    let Some(view) = view else {
        let record = find(&ctx, &id)?;
        let what = format!(
            "job `{}` was not requested here, or ended long ago",
            record.id
        );
        let error = UserError::bad_input(what, "see it with `psi-node jobs show`");
        return Err(Failed(StatusCode::CONFLICT, error));
    };
    // Room for one line: a slow reader makes the sender wait and skip, never pile up.
    let (lines, body) = mpsc::channel(1);
    tokio::spawn(follow(view, lines));
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((StatusCode::OK, headers, Body::new(Lines(body))).into_response())
}

/// A body that ends when its sender is dropped.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// Writes what changed since the last line, and at last how the job ended.
async fn follow(view: JobView, lines: mpsc::Sender<Bytes>) {
    let mut shown = None;
    loop {
        let ended = tokio::time::timeout(EVENT_INTERVAL, view.until_ended()).await;
        let snapshot = view.snapshot();
        // Do not report when only the seconds changed.
        if shown.as_ref() != Some(&snapshot.stages) || ended.is_ok() {
            shown = Some(snapshot.stages.clone());
            if !send(&lines, &Event::Progress(snapshot)).await {
                return;
            }
        }
        if let Ok(ended) = ended {
            if let Some(ended) = ended {
                send(&lines, &Event::Ended(Box::new(ended))).await;
            }
            return;
        }
    }
}

/// Returns whether somebody still reads.
async fn send(lines: &mpsc::Sender<Bytes>, event: &Event) -> bool {
    let Ok(mut line) = serde_json::to_vec(event) else {
        return false;
    };
    line.push(b'\n');
    lines.send(Bytes::from(line)).await.is_ok()
}

#[cfg(test)]
mod tests;
