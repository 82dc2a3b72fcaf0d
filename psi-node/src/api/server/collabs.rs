//! The joined collaborations in the local API.

use axum::extract::State as Injected;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Context, Failed, json};
use crate::api::types::{CollabInfo, CollabList, MemberInfo};

pub(super) async fn list(Injected(ctx): Context) -> Result<Response, Failed> {
    let mut collaborations = Vec::new();
    for collab in ctx.state.collabs()? {
        let id = collab.id();
        collaborations.push(CollabInfo {
            name: collab.name().to_owned(),
            id: hex::encode(id),
            revision: collab.revision(),
            revision_hash: hex::encode(collab.revision_hash()),
            mode: collab.mode().as_str().into(),
            members: collab.members().iter().map(member_info).collect(),
            jobs_debited: ctx.state.jobs_debited(&id)?,
            broken: ctx.state.chain_broken(&id)?,
        });
    }
    Ok(json(StatusCode::OK, &CollabList { collaborations }))
}

fn member_info(member: &crate::collab::Member) -> MemberInfo {
    MemberInfo {
        name: member.name.clone(),
        id: member.id.to_string(),
        address: member.address.to_string(),
        may_query: member.may_query,
        may_receive: member.may_receive,
    }
}
