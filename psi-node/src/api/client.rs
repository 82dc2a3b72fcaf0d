//! The command line's end of the local API.
//!
//! One connection per request. Answers are bounded, so that a confused daemon cannot fill the
//! memory of a command.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use psi_audit::name::check_name;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::socket::SocketPath;
use super::types::{
    ApprovalInfo, ApprovalList, CollabChange, CollabList, Decision, ErrorBody, Event, JobInfo,
    JobRef, NewExplanation, NewJob, NodeInfo, PingInfo, TablesInfo,
};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::explain::Explanation;
use crate::reload::Reloaded;

/// Bytes of one answer; a list of a thousand jobs with long queries stays below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one event.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Speaks to the daemon of one state folder.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon behind `socket`. Nothing is opened yet.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_path_buf(),
        }
    }

    /// Begins a job.
    ///
    /// # Errors
    /// [`UserError`] as the daemon gives it, or [`Exit::NoDaemon`].
    pub async fn new_job(&self, job: &NewJob) -> Result<JobRef, UserError> {
        self.call(Method::POST, "/v1/jobs", Some(job)).await
    }

    /// A job by its local id, its job id, or the first digits of either.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn job(&self, id: &str) -> Result<JobInfo, UserError> {
        self.call(Method::GET, &job_path(id)?, None::<&()>).await
    }

    /// Asks a running job to stop.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if the job is not running.
    pub async fn cancel(&self, id: &str) -> Result<JobRef, UserError> {
        self.call(Method::DELETE, &job_path(id)?, None::<&()>).await
    }

    /// Explains a query without running it.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if the query is refused, or the other node is not there.
    pub async fn explain(&self, query: &NewExplanation) -> Result<Explanation, UserError> {
        self.call(Method::POST, "/v1/explain", Some(query)).await
    }

    /// The requests for approval, those that wait first.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn approvals(&self, limit: u32) -> Result<ApprovalList, UserError> {
        let path = format!("/v1/approvals?limit={limit}");
        self.call(Method::GET, &path, None::<&()>).await
    }

    /// A request for approval by its id, or its first digits.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn approval(&self, id: &str) -> Result<ApprovalInfo, UserError> {
        let path = approval_path(id)?;
        self.call(Method::GET, &path, None::<&()>).await
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if the request is past deciding.
    pub async fn decide(&self, id: &str, decision: &Decision) -> Result<ApprovalInfo, UserError> {
        self.call(Method::POST, &approval_path(id)?, Some(decision))
            .await
    }

    /// What the node is.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn node(&self) -> Result<NodeInfo, UserError> {
        self.call(Method::GET, "/v1/node", None::<&()>).await
    }

    /// Has the daemon read its configuration again.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if the file is not right.
    pub async fn reload(&self) -> Result<Reloaded, UserError> {
        self.call(Method::POST, "/v1/reload", None::<&()>).await
    }

    /// The joined collaborations.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn collaborations(&self) -> Result<CollabList, UserError> {
        self.call(Method::GET, "/v1/collaborations", None::<&()>)
            .await
    }

    /// Has the daemon look again at which collaborations were joined.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn collaborations_changed(&self) -> Result<CollabList, UserError> {
        self.call(Method::POST, "/v1/collaborations", None::<&()>)
            .await
    }

    /// Asks the other member of a collaboration whether it is ready.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if it cannot be reached, or has not joined.
    pub async fn ping(&self, name: &str) -> Result<PingInfo, UserError> {
        let path = collab_path(name, "/ping")?;
        self.call(Method::POST, &path, None::<&()>).await
    }

    /// Asks the other member of a collaboration what its tables offer.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn ask_tables(&self, name: &str) -> Result<TablesInfo, UserError> {
        let path = collab_path(name, "/tables")?;
        self.call(Method::POST, &path, None::<&()>).await
    }

    /// What it said last.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if it never said anything.
    pub async fn told_tables(&self, name: &str) -> Result<TablesInfo, UserError> {
        let path = collab_path(name, "/tables")?;
        self.call(Method::GET, &path, None::<&()>).await
    }

    /// Suspends, resumes or leaves a collaboration. `name` is that of one that was joined.
    ///
    /// # Errors
    /// As [`Self::new_job`]; also if this node has no collaboration of this name, or left it.
    pub async fn change_collaboration(
        &self,
        name: &str,
        change: CollabChange,
    ) -> Result<CollabList, UserError> {
        let path = format!("/v1/collaborations/{name}");
        self.call(Method::POST, &path, Some(&change)).await
    }

    /// Follows a job that was requested here.
    ///
    /// # Errors
    /// As [`Self::new_job`].
    pub async fn events(&self, id: &str) -> Result<Events, UserError> {
        let path = format!("{}/events", job_path(id)?);
        let response = self.send(Method::GET, &path, None::<&()>).await?;
        let body = success(response).await?;
        Ok(Events {
            body,
            buffer: Vec::new(),
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, UserError> {
        let body = success(self.send(method, path, body).await?).await?;
        let bytes = collect(body).await?;
        serde_json::from_slice(&bytes).map_err(|error| not_understood(&error.to_string()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Response<Incoming>, UserError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
        // Ends when the answer has been read or dropped.
        tokio::spawn(connection);
        let bytes = match body {
            Some(body) => serde_json::to_vec(body)
                .map_err(|e| UserError::internal(format!("a request does not serialise: {e}")))?,
            None => Vec::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "psi-node")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|e| UserError::internal(format!("a request cannot be made: {e}")))?;
        sender
            .send_request(request)
            .await
            .map_err(|error| lost(&error))
    }

    async fn connect(&self) -> Result<UnixStream, UserError> {
        let path = SocketPath::of(&self.socket).map_err(|error| self.no_daemon(&error))?;
        UnixStream::connect(path.as_path())
            .await
            .map_err(|error| self.no_daemon(&error))
    }

    fn no_daemon(&self, error: &std::io::Error) -> UserError {
        let socket = self.socket.display();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => UserError::new(
                Exit::NoDaemon,
                format!("no daemon is running for this node (nothing answers at {socket})"),
                "start it with `psi-node serve --config FILE` and leave it running",
            ),
            ErrorKind::PermissionDenied => UserError::new(
                Exit::NoDaemon,
                format!("this user may not use {socket}"),
                "run the command as the user that runs the daemon",
            ),
            _ => UserError::new(
                Exit::NoDaemon,
                format!("cannot reach the daemon at {socket}: {error}"),
                "check that the daemon runs and that the state folder is its own",
            ),
        }
    }
}

/// The events of one job, oldest first.
pub struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event, or `None` after the last.
    ///
    /// # Errors
    /// [`UserError`] if the daemon went away or sent what is not an event.
    pub async fn next(&mut self) -> Result<Option<Event>, UserError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let event = serde_json::from_slice(&line);
                return event
                    .map(Some)
                    .map_err(|error| not_understood(&error.to_string()));
            }
            if self.buffer.len() > EVENT_BYTES_MAX {
                return Err(not_understood("an event is too long"));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(lost(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// The path of a job.
fn job_path(id: &str) -> Result<String, UserError> {
    match digits(id) {
        Some(digits) => Ok(format!("/v1/jobs/{digits}")),
        None => Err(UserError::bad_input(
            "a job is named by hexadecimal digits",
            "list the jobs with `psi-node jobs list`",
        )),
    }
}

/// The path of something about a collaboration.
fn collab_path(name: &str, rest: &str) -> Result<String, UserError> {
    check_name(name).map_err(|what| {
        UserError::bad_input(what, "list the collaborations with `psi-node collab list`")
    })?;
    Ok(format!("/v1/collaborations/{name}{rest}"))
}

/// The path of a request for approval.
fn approval_path(id: &str) -> Result<String, UserError> {
    match digits(id) {
        Some(digits) => Ok(format!("/v1/approvals/{digits}")),
        None => Err(UserError::bad_input(
            "a request for approval is named by hexadecimal digits",
            "list them with `psi-node approvals list`",
        )),
    }
}

/// An id, which has nothing in it that a path would have to escape.
fn digits(id: &str) -> Option<String> {
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| id.to_ascii_lowercase())
}

/// The body of a success, or the error that the daemon gave.
async fn success(response: Response<Incoming>) -> Result<Incoming, UserError> {
    let status: StatusCode = response.status();
    let body = response.into_body();
    if status.is_success() {
        return Ok(body);
    }
    let bytes = collect(body).await?;
    match serde_json::from_slice::<ErrorBody>(&bytes) {
        Ok(body) => Err(body.error.into()),
        Err(_) => Err(not_understood(&format!("status {status}"))),
    }
}

async fn collect(body: Incoming) -> Result<Bytes, UserError> {
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            UserError::new(
                Exit::NoDaemon,
                format!("the daemon's answer broke off: {error}"),
                RESTARTED,
            )
        })
}

const RESTARTED: &str = "see whether the daemon still runs; if it does, look into its log";

fn lost(error: &hyper::Error) -> UserError {
    UserError::new(
        Exit::NoDaemon,
        format!("the daemon went away: {error}"),
        RESTARTED,
    )
}

fn not_understood(detail: &str) -> UserError {
    UserError::new(
        Exit::NoDaemon,
        format!("the daemon's answer is not understood: {detail}"),
        "the daemon and this command may be of different versions: restart the daemon",
    )
}
