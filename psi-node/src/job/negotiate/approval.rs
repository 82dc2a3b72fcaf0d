//! Asking the owner about a question that the rules allow (Spec 10 §5.3).
//!
//! Both sides of a job come here, each for its own table: the requester before it connects, the
//! responder before it signs. A question that is not decided ends the attempt with
//! `approval_pending`; the same question, asked again once it is approved, runs. Nothing of the
//! wait is held in memory or on a connection, so it survives restarts of both nodes.

use aggregator::budget::{delta_text, epsilon_text};
use aggregator::{Approval, Refusal, SidePlan};
use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::messages::codec;
use psi_core::spec::{AskedMode, JobId, JobSpec, MatchSpec, PartSize, Party, Recipients};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};

use crate::collab::Collaboration;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::state::{AskedQuestion, QuestionHash, Standing, now_unix};

/// A question about a table of this node.
pub(in crate::job) struct Asking<'a> {
    pub(in crate::job) collab: &'a Collaboration,
    /// The canonical query.
    pub(in crate::job) query: &'a str,
    /// How many literals it hides. What they are does not identify the question.
    pub(in crate::job) hidden: usize,
    pub(in crate::job) recipients: Recipients,
    /// What the asker wants to spend, with differential privacy.
    pub(in crate::job) mode: AskedMode,
    /// The facts of the requester's table, which name the member that asks.
    pub(in crate::job) requester: &'a TableFacts,
    /// The facts of this node's table.
    pub(in crate::job) own: &'a TableFacts,
    pub(in crate::job) side: &'a SidePlan,
    /// What follows from both halves; the requester asks before it has the other.
    pub(in crate::job) spec: Option<&'a JobSpec>,
}

/// That a question may run.
pub(in crate::job) enum Permit {
    /// Its table leaves the decision to the rules.
    NotNeeded,
    /// The owner approved one run: the request with this id.
    Approved(String),
}

impl Asking<'_> {
    /// Whether the owner lets the question run; records it if the owner has to decide.
    pub(in crate::job) fn ask(&self, ctx: &JobContext) -> Result<Permit, Failure> {
        let table = self.side.table();
        if !is_by_hand(ctx, table) {
            return Ok(Permit::NotNeeded);
        }
        let question = self.question();
        let lifetime = ctx.config.approval_expires.seconds();
        let standing = ctx.state.approval_ask(&question, now_unix(), lifetime)?;
        let refuse = |code, sentence: String, remedy: String| {
            Err(Failure::OwnRefusal(Refusal {
                code,
                rule: format!("table.{table}.approval"),
                sentence,
                remedy,
            }))
        };
        match standing {
            Standing::Approved(id) => Ok(Permit::Approved(id)),
            Standing::Recorded(id) => {
                let text = format!("{id}: {} asks: {}", question.asker, question.query);
                ctx.state.note(&ctx.key, "approval asked", &text)?;
                tracing::warn!(
                    request = id,
                    asker = question.asker,
                    table,
                    "a question waits for approval"
                );
                refuse(Code::ApprovalPending, pending(table, &id), decide(&id))
            }
            Standing::Waiting(id) => {
                refuse(Code::ApprovalPending, pending(table, &id), decide(&id))
            }
            Standing::Denied(id) => refuse(
                Code::NotApproved,
                format!("the owner of `{table}` denied the request {id}"),
                format!("`psi-node approvals show {id}` tells why and until when"),
            ),
            Standing::TooMany => refuse(
                Code::Unavailable,
                format!(
                    "too many questions about `{table}` and other tables wait for approval, or were \
                     new in the last day"
                ),
                "decide those that `psi-node approvals list` shows, or ask again tomorrow".into(),
            ),
        }
    }

    fn question(&self) -> AskedQuestion {
        let recipients = match self.recipients {
            Recipients::Requester => "requester",
            Recipients::Both => "both",
        };
        AskedQuestion {
            hash: self.hash(),
            collab_id: self.collab.id(),
            collab: self.collab.name().to_owned(),
            asker: self.requester.member.clone(),
            table: self.side.table().to_owned(),
            query: self.query.to_owned(),
            recipients: recipients.into(),
            sizes: self.sizes().to_string(),
            rules: json!(self.side.rules()).to_string(),
        }
    }

    /// What makes two proposals the same question: everything in them but what is fresh for each,
    /// the nonce and the commitments to hidden literals.
    fn hash(&self) -> QuestionHash {
        // A query of 16 KiB has fewer literals than fit 64 bits.
        let fields = (
            self.collab.id(),
            self.collab.revision_hash(),
            self.query,
            self.hidden as u64,
            self.recipients,
            self.mode,
            self.requester,
            self.own,
        );
        let hash = Sha512::new()
            .chain_update(b"psi/v1/question")
            .chain_update(codec::encode(&fields))
            .finalize();
        QuestionHash(hash.into())
    }

    fn sizes(&self) -> Value {
        let mut sizes = Map::new();
        let mut say = |name: &str, value: Value| sizes.insert(name.into(), value);
        say("own_identities", self.own.identities.into());
        say("own_minimum", self.own.minimum.into());
        say("hidden_literals", self.hidden.into());
        if let AskedMode::Dp(asked) = self.mode {
            say("epsilon", epsilon_text(asked.epsilon.micros()).into());
            say("delta", delta_text(asked.delta.0).into());
        }
        if let Some(spec) = self.spec {
            say("minimum", spec.minimum.into());
            say("matches", spec.matches().iter().map(match_sizes).collect());
        }
        sizes.into()
    }
}

impl Permit {
    /// Spends the approval on a job that both sides are about to have signed.
    pub(in crate::job) fn spend(&self, ctx: &JobContext, job_id: &JobId) -> Result<(), Failure> {
        let Self::Approved(id) = self else {
            return Ok(());
        };
        if !ctx.state.approval_use(id, job_id, now_unix())? {
            return Err(Failure::ApprovalSpent(id.clone()));
        }
        let text = format!("{id}: job {}", hex::encode(job_id));
        Ok(ctx.state.note(&ctx.key, "approval used", &text)?)
    }
}

/// Whether the owner of a table of this node approves each run.
pub(in crate::job) fn is_by_hand(ctx: &JobContext, table: &str) -> bool {
    let section = ctx.config.table.get(table);
    section.is_some_and(|section| section.approval == Approval::Manual)
}

fn match_sizes(spec: &MatchSpec) -> Value {
    let receiver = match spec.receiver {
        Party::Requester => "requester",
        Party::Responder => "responder",
    };
    json!({
        "receiver": receiver,
        "receiver_size": spec.parts.iter().map(PartSize::points).sum::<u64>(),
        "sender_size": spec.sender_size,
        "parts": spec.parts.len(),
    })
}

fn pending(table: &str, id: &str) -> String {
    format!("the owner of `{table}` approves each run, and the request {id} is not decided yet")
}

fn decide(id: &str) -> String {
    format!(
        "see it with `psi-node approvals show {id}`, decide with `psi-node approvals approve {id}` \
         or `deny`, and ask again; `query --wait` asks until it is decided"
    )
}
