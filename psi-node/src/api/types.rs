//! The JSON of the local API. Field names are stable; fields may be added.

mod contact;
mod node;

use aggregator::budget::{delta_of, epsilon_of};
use clap::ValueEnum;
use psi_core::spec::Recipients;
use serde::{Deserialize, Serialize};

pub use contact::{
    OfferInfo, OfferedAggregateInfo, OfferedDimensionInfo, OfferedFilterInfo, OfferedKeyInfo,
    OfferedRulesInfo, OfferedTableInfo, PingInfo, RunsInfo, TablesInfo,
};

use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;
use crate::job::outcome::answer_file::ListFile;
use crate::job::registry::Snapshot;
use crate::job::{JobRequest, Spend};
use crate::state::{Approval, CollabStanding};

pub use self::node::{KeyInfo, NodeInfo, NotServedInfo, ProblemInfo, TableInfo};

/// `POST /v1/jobs`: what an analyst asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The name of a joined collaboration.
    pub collab: String,
    /// The query.
    pub sql: String,
    /// Who is to get the result.
    #[serde(default)]
    pub recipients: ResultFor,
    /// What the answer may cost, in mode `dp`: epsilon in decimal text such as `0.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
    /// The same of delta, such as `1e-9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
    /// Where the answer is written, if it is a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ListFile>,
}

impl NewJob {
    /// The same, for the job runner.
    ///
    /// # Errors
    /// [`UserError`] if epsilon or delta is not an amount.
    pub fn request(self) -> Result<JobRequest, UserError> {
        Ok(JobRequest {
            collab: self.collab,
            sql: self.sql,
            recipients: self.recipients.into(),
            spend: spend(self.epsilon, self.delta)?,
            output: self.output,
        })
    }
}

/// What decimal text says is to be spent.
fn spend(epsilon: Option<String>, delta: Option<String>) -> Result<Spend, UserError> {
    let amount = |text: Option<String>, of: fn(&str) -> Option<u64>, name: &str, such: &str| {
        let wrong = |text: &str| {
            UserError::bad_input(
                format!("`{text}` is not a valid {name}"),
                format!("write a number above zero, such as {such}"),
            )
        };
        text.map(|text| of(&text).ok_or_else(|| wrong(&text)))
            .transpose()
    };
    Ok(Spend {
        epsilon: amount(epsilon, epsilon_of, "epsilon", "0.5")?,
        delta: amount(delta, delta_of, "delta", "1e-9")?,
    })
}

/// Who is to get a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ResultFor {
    /// The member that asks
    #[default]
    Requester,
    /// Both members, if the collaboration and both tables allow it
    Both,
}

impl From<ResultFor> for Recipients {
    fn from(choice: ResultFor) -> Self {
        match choice {
            ResultFor::Requester => Self::Requester,
            ResultFor::Both => Self::Both,
        }
    }
}

/// `POST /v1/explain`: a query that is not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewExplanation {
    /// The name of a joined collaboration.
    pub collab: String,
    /// The query.
    pub sql: String,
    /// Who would get the result.
    #[serde(default)]
    pub recipients: ResultFor,
    /// Whether the other node is asked for its facts.
    #[serde(default)]
    pub with_peer: bool,
    /// What the answer may cost, in mode `dp`, as in a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
    /// The same of delta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<String>,
}

impl NewExplanation {
    /// The same, for the job runner.
    ///
    /// # Errors
    /// [`UserError`] if epsilon or delta is not an amount.
    pub fn request(self) -> Result<JobRequest, UserError> {
        Ok(JobRequest {
            collab: self.collab,
            sql: self.sql,
            recipients: self.recipients.into(),
            spend: spend(self.epsilon, self.delta)?,
            output: None,
        })
    }
}

/// The answer to a job that was begun or cancelled: its local id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// 16 hexadecimal digits.
    pub id: String,
    /// What both members call it, as in [`JobInfo::name`].
    #[serde(default)]
    pub name: String,
}

/// `GET /v1/jobs`: the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<JobInfo>,
}

/// A job of this node, requested here or by the peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobInfo {
    /// The local id.
    pub id: String,
    /// What both members call it: the first digits of the job id, or of the local id until there is
    /// one.
    pub name: String,
    /// The name in both members' receipts, once there is one.
    pub job_id: Option<String>,
    /// The collaboration's name.
    pub collab: String,
    /// `requester` or `responder`.
    pub role: String,
    /// The query as this node received it.
    pub query: String,
    /// `running`, or how the job ended.
    pub state: String,
    /// Why it ended without a result, as a stable text.
    pub reason: Option<String>,
    /// The same for the owner of this node.
    pub detail: Option<String>,
    /// When it began, in seconds since 1970.
    pub created_unix: i64,
    /// When it ended.
    pub finished_unix: Option<i64>,
    /// The result document of a job that has ended and whose result is for this node.
    pub result: Option<serde_json::Value>,
    /// How far it is, while it runs in this process.
    pub progress: Option<Snapshot>,
}

/// One line of `GET /v1/jobs/{id}/events`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// How far the job is. Sent when something changed, a few times a second at most.
    Progress(Snapshot),
    /// How the job ended. The last line.
    Ended(Box<Ended>),
}

/// `GET /v1/approvals`: those that wait first, then the newest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalList {
    /// The requests.
    pub approvals: Vec<ApprovalInfo>,
}

/// A question that this node's owner approves or denies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalInfo {
    /// 16 hexadecimal digits.
    pub id: String,
    /// `pending`, `approved`, `denied`, `used` or `expired`.
    pub state: String,
    /// The collaboration's name.
    pub collab: String,
    /// The member that asks.
    pub asker: String,
    /// This node's table.
    pub table: String,
    /// The canonical query. `$1`, `$2`, … replace the literals that the asker hides.
    pub query: String,
    /// Who is to get the result: `requester` or `both`.
    pub recipients: String,
    /// Registered sizes, and those of the lists if both halves are known.
    pub sizes: serde_json::Value,
    /// The rules that allowed the question.
    pub rules: Vec<String>,
    /// How often it was asked.
    pub asked: u64,
    /// When it was asked first, in seconds since 1970.
    pub requested_unix: i64,
    /// When the request or the decision lapses.
    pub expires_unix: i64,
    /// When the owner decided.
    pub decided_unix: Option<i64>,
    /// The owner's words about a refusal. They stay on this node.
    pub reason: Option<String>,
    /// The job that used the approval.
    pub job_id: Option<String>,
}

impl From<Approval> for ApprovalInfo {
    fn from(approval: Approval) -> Self {
        let question = approval.question;
        Self {
            id: approval.id,
            state: approval.state.as_str().into(),
            collab: question.collab,
            asker: question.asker,
            table: question.table,
            query: question.query,
            recipients: question.recipients,
            sizes: serde_json::from_str(&question.sizes).unwrap_or_default(),
            rules: serde_json::from_str(&question.rules).unwrap_or_default(),
            asked: approval.asked,
            requested_unix: approval.requested_unix,
            expires_unix: approval.expires_unix,
            decided_unix: approval.decided_unix,
            reason: approval.reason,
            job_id: approval.job_id.map(hex::encode),
        }
    }
}

/// `POST /v1/approvals/{id}`: what the owner decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
pub enum Decision {
    /// One run may take place.
    Approve,
    /// None may.
    Deny {
        /// Why, for this node's own log.
        reason: Option<String>,
    },
}

/// `GET /v1/collaborations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollabList {
    /// The joined collaborations.
    pub collaborations: Vec<CollabInfo>,
}

/// A joined collaboration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollabInfo {
    /// Its name.
    pub name: String,
    /// Its id, in hexadecimal.
    pub id: String,
    /// The number of the revision in force.
    #[serde(default)]
    pub revision: u32,
    /// That revision's hash, in hexadecimal.
    #[serde(default)]
    pub revision_hash: String,
    /// How its jobs protect their answers: `exact` or `dp`.
    #[serde(default)]
    pub mode: String,
    /// Whether this node's owner takes part: `in_force`, `suspended` or `left`.
    #[serde(default)]
    pub standing: String,
    /// Its members.
    pub members: Vec<MemberInfo>,
    /// Jobs that were opened and therefore charged.
    pub jobs_debited: u64,
    /// Why its receipt log cannot be continued, if it cannot.
    pub broken: Option<String>,
}

/// `POST /v1/collaborations/{name}`: whether this node's owner takes part from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase", deny_unknown_fields)]
pub enum CollabChange {
    /// Not now.
    Suspend,
    /// Again.
    Resume,
    /// Not any more.
    Leave,
}

impl CollabChange {
    /// The state of the collaboration after the change.
    #[must_use]
    pub const fn standing(self) -> CollabStanding {
        match self {
            Self::Suspend => CollabStanding::Suspended,
            Self::Resume => CollabStanding::InForce,
            Self::Leave => CollabStanding::Left,
        }
    }
}

/// A member of a collaboration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its name.
    pub name: String,
    /// Its node id.
    pub id: String,
    /// Where its node is reached; none for one that nobody can reach.
    pub address: Option<String>,
    /// Whether its node dials and is never dialled.
    pub only_dials: bool,
    /// Whether it may ask questions.
    pub may_query: bool,
    /// Whether it may receive results.
    pub may_receive: bool,
}

/// Every answer that reports a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorInfo,
}

/// What went wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInfo {
    /// A stable text: the name of an exit code.
    pub code: String,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl From<&UserError> for ErrorBody {
    fn from(error: &UserError) -> Self {
        let (what, remedy) = (error.what.clone(), error.remedy.clone());
        Self {
            error: ErrorInfo {
                code: error.exit.as_str().into(),
                what,
                remedy,
            },
        }
    }
}

impl From<ErrorInfo> for UserError {
    fn from(error: ErrorInfo) -> Self {
        let exit = Exit::ALL.iter().find(|exit| exit.as_str() == error.code);
        Self::new(
            exit.copied().unwrap_or(Exit::Internal),
            error.what,
            error.remedy,
        )
    }
}
