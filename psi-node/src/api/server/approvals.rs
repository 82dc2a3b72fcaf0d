//! Requests for approval in the local API: what waits, and what the owner decides.
//!
//! The daemon writes each decision to the node's own signed log before it answers.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State as Injected};
use axum::http::StatusCode;
use axum::response::Response;

use super::{Context, Failed, JOBS_DEFAULT, JOBS_MAX, ListQuery, bad, json, whole};
use crate::api::types::{ApprovalInfo, ApprovalList, Decision};
use crate::state::now_unix;

/// Bytes of the owner's words about a refusal.
const REASON_BYTES_MAX: usize = 1024;

pub(super) async fn list(
    Injected(ctx): Context,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failed> {
    let query = query.map_err(|error| bad(error.body_text(), "limit is a number"))?;
    let limit = query.limit.unwrap_or(JOBS_DEFAULT).min(JOBS_MAX);
    let approvals = ctx.state.approvals(limit, now_unix())?;
    let approvals = approvals.into_iter().map(ApprovalInfo::from).collect();
    Ok(json(StatusCode::OK, &ApprovalList { approvals }))
}

pub(super) async fn show(
    Injected(ctx): Context,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let approval = ctx.state.approval(&id, now_unix())?;
    Ok(json(StatusCode::OK, &ApprovalInfo::from(approval)))
}

pub(super) async fn decide(
    Injected(ctx): Context,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    let decision: Decision = serde_json::from_slice(&whole(body)?).map_err(|error| {
        bad(
            format!("the body is not a valid decision: {error}"),
            "send {\"decision\": \"approve\"} or {\"decision\": \"deny\", \"reason\": \"…\"}",
        )
    })?;
    let (kind, verdict) = match &decision {
        Decision::Approve => ("approved", Ok(())),
        Decision::Deny { reason } => {
            let reason = reason.as_deref().filter(|reason| !reason.trim().is_empty());
            if reason.is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
                let what = format!("the reason is longer than {REASON_BYTES_MAX} bytes");
                return Err(bad(what, "say it in fewer words"));
            }
            ("denied", Err(reason))
        }
    };
    let lifetime = ctx.config.approval_expires.seconds();
    let approval = ctx
        .state
        .approval_decide(&id, verdict, now_unix(), lifetime)?;
    let mut text = format!("{}: {}", approval.id, approval.question.query);
    if let Some(reason) = &approval.reason {
        text = format!("{}: {reason}; {}", approval.id, approval.question.query);
    }
    ctx.state.note(&ctx.key, kind, &text)?;
    tracing::info!(request = approval.id, "{kind} by the owner");
    Ok(json(StatusCode::OK, &ApprovalInfo::from(approval)))
}
