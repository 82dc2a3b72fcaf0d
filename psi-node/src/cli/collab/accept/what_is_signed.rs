//! What an invite or a reply would make this node sign, for the person who decides.
//!
//! Spec 14 §2. Names, keys and addresses were checked before; what tables offer is escaped where it is
//! written. Called by `collab accept` before it asks.

use psi_core::contact::{Offer, Terms};

use crate::api::types::OfferInfo;
use crate::cli::collab::offer_text;
use crate::cli::output::{Table, utc};
use crate::collab::{Address, Collaboration, Member};
use crate::config::NodeConfig;
use crate::identity::NodeId;
use crate::printable;

/// What would be signed, and what it means for this node. What the other side offers, as long as it
/// likes, comes first: members, rights and code are the last lines before the question.
pub(super) fn describe(
    config: &NodeConfig,
    id: NodeId,
    collab: &Collaboration,
    terms: &Terms,
    offer: Option<&Offer>,
) -> String {
    let mut table = Table::new(&["MEMBER", "ADDRESS", "MAY QUERY", "MAY RECEIVE", "ID"]);
    for Member {
        name,
        id: member,
        address,
        may_query,
        may_receive,
    } in collab.members()
    {
        let yes = |yes: &bool| if *yes { "yes" } else { "no" };
        let name = if *member == id {
            format!("{name} (you)")
        } else {
            name.clone()
        };
        let address = match address {
            Address::OnlyDials => "only dials".to_owned(),
            dialled => dialled.to_string(),
        };
        let (query, receive) = (yes(may_query), yes(may_receive));
        table.row([&name, &address, query, receive, &member.to_string()]);
    }
    let peer = collab.peer_of(&id).map_or("", |peer| peer.name.as_str());
    let until = i64::try_from(terms.expires_unix).unwrap_or(i64::MAX);
    format!(
        "{}\nCollaboration {}, mode {}, offered until {}\n{}\n{}\nCode  {}\n",
        offer_text::describe(peer, offer.map(OfferInfo::from).as_ref()),
        collab.name(),
        collab.mode(),
        utc(until.min(253_402_300_799)),
        table.render(),
        exposed(config, collab, peer),
        collab.comparison_code(),
    )
}

/// Which of this node's tables the other member may then ask about.
fn exposed(config: &NodeConfig, collab: &Collaboration, peer: &str) -> String {
    let may_query = collab
        .member_by_name(peer)
        .is_some_and(|peer| peer.may_query);
    if !may_query {
        return format!("{peer} may not ask about your tables.\n");
    }
    let open = config.table.iter().filter(|(_, table)| {
        let listed = table.allowed_requesters.as_ref();
        let named = |listed: &std::collections::BTreeSet<String>| {
            let mut names = listed.iter();
            names.any(|name| name.eq_ignore_ascii_case(peer))
        };
        !table.key.is_empty() && listed.is_none_or(named)
    });
    let open: Vec<_> = open.map(|(name, _)| printable::line(name)).collect();
    if open.is_empty() {
        return format!("{peer} may ask about none of your tables, as node.toml is now.\n");
    }
    format!(
        "{peer} may then ask about your table{} {}, within their rules (`psi-node policy explain \
         TABLE`).\n",
        if open.len() == 1 { "" } else { "s" },
        open.join(", ")
    )
}
