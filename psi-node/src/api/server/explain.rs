//! What a query would be, in the local API.

use axum::body::Bytes;
use axum::extract::State as Injected;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Context, Failed, bad, json, whole};
use crate::api::types::NewExplanation;
use crate::error::UserError;
use crate::job::{self, Failure};

pub(super) async fn explain(
    Injected(ctx): Context,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    let asked: NewExplanation = serde_json::from_slice(&whole(body)?).map_err(|error| {
        bad(
            format!("the body is not a valid question to explain: {error}"),
            "send {\"collab\": \"…\", \"sql\": \"…\", \"with_peer\": false}",
        )
    })?;
    let with_peer = asked.with_peer;
    let request = asked
        .request()
        .map_err(|error| Failed(StatusCode::BAD_REQUEST, error))?;
    let explained = job::explain::explain(&ctx, &request, with_peer).await;
    Ok(json(StatusCode::OK, &explained.map_err(|f| failed(&f))?))
}

/// What has no answer: the query is refused, or the other node is not there.
pub(super) fn failed(failure: &Failure) -> Failed {
    let mut what = failure.to_string();
    let code = failure.reason();
    if !what.contains(code) {
        what = format!("{what} ({code})");
    }
    let error = UserError::new(failure.exit(), what, failure.remedy());
    Failed(StatusCode::CONFLICT, error)
}
