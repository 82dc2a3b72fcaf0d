//! The joined collaborations in the local API.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State as Injected};
use axum::http::StatusCode;
use axum::response::Response;

use super::explain::failed;
use super::{Context, Failed, bad, json, whole};
use crate::api::types::{CollabChange, CollabInfo, CollabList, MemberInfo};
use crate::collab::Collaboration;
use crate::job::{JobContext, contact, membership, standing};
use crate::state::{StateError, now_unix};

pub(super) async fn list(Injected(ctx): Context) -> Result<Response, Failed> {
    listed(&ctx)
}

/// After another process has joined a collaboration: its members are admitted from now on.
pub(super) async fn look_again(Injected(ctx): Context) -> Result<Response, Failed> {
    membership::admit_members(&ctx);
    listed(&ctx)
}

pub(super) async fn change(
    Injected(ctx): Context,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failed> {
    let change: CollabChange = serde_json::from_slice(&whole(body)?).map_err(|error| {
        bad(
            format!("the body is not a change of a collaboration: {error}"),
            "send {\"change\": \"suspend\"}, \"resume\" or \"leave\"",
        )
    })?;
    let found = ctx.state.collab_by_name(&name)?;
    let collab = found.ok_or(StateError::UnknownCollab)?;
    standing::change(&ctx, &collab, change.standing())?;
    listed(&ctx)
}

pub(super) async fn ping(
    Injected(ctx): Context,
    Path(name): Path<String>,
) -> Result<Response, Failed> {
    let answer = contact::ping(&ctx, &name).await;
    Ok(json(StatusCode::OK, &answer.map_err(|f| failed(&f))?))
}

pub(super) async fn ask_tables(
    Injected(ctx): Context,
    Path(name): Path<String>,
) -> Result<Response, Failed> {
    let answer = contact::ask_offer(&ctx, &name).await;
    Ok(json(StatusCode::OK, &answer.map_err(|f| failed(&f))?))
}

pub(super) async fn told_tables(
    Injected(ctx): Context,
    Path(name): Path<String>,
) -> Result<Response, Failed> {
    let told = contact::told_offer(&ctx, &name).map_err(|f| failed(&f))?;
    let told = told.ok_or_else(|| {
        bad(
            format!("the other member of {name} has not said yet what its tables offer"),
            format!("ask it with `psi-node collab tables {name}`"),
        )
    })?;
    Ok(json(StatusCode::OK, &told))
}

fn listed(ctx: &JobContext) -> Result<Response, Failed> {
    let mut collaborations = Vec::new();
    for collab in ctx.state.collabs()? {
        let standing = ctx.state.collab_standing(&collab.id())?;
        collaborations.push(info(ctx, &collab, standing.as_str())?);
    }
    for awaited in ctx.state.awaited()? {
        let expired = awaited.has_expired(now_unix());
        let standing = if expired { "expired" } else { "awaited" };
        collaborations.push(info(ctx, &awaited.collab, standing)?);
    }
    Ok(json(StatusCode::OK, &CollabList { collaborations }))
}

fn info(ctx: &JobContext, collab: &Collaboration, standing: &str) -> Result<CollabInfo, Failed> {
    let id = collab.id();
    Ok(CollabInfo {
        name: collab.name().to_owned(),
        id: hex::encode(id),
        revision: collab.revision(),
        revision_hash: hex::encode(collab.revision_hash()),
        mode: collab.mode().as_str().into(),
        standing: standing.into(),
        members: collab.members().iter().map(member_info).collect(),
        jobs_debited: ctx.state.jobs_debited(&id)?,
        broken: ctx.state.chain_broken(&id)?,
    })
}

fn member_info(member: &crate::collab::Member) -> MemberInfo {
    MemberInfo {
        name: member.name.clone(),
        id: member.id.to_string(),
        address: member
            .address
            .is_dialled()
            .then(|| member.address.to_string()),
        only_dials: !member.address.is_dialled(),
        may_query: member.may_query,
        may_receive: member.may_receive,
    }
}
