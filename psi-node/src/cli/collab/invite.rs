//! `psi-node collab invite`: the text that one person sends to another.
//!
//! Spec 14 §2. It says who this node is, what it proposes and what its tables offer, signed by this
//! node's key. It opens nothing by itself: whoever has it can reply, and nothing happens until the
//! reply is accepted here.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use aggregator::policy::offer;
use clap::{Args, ValueEnum};
use psi_audit::name::{NAME_REMEDY, check_name};
use psi_core::contact::{Contact, Invite, Offer, Terms};
use psi_core::limits::INVITE_SECONDS_MAX;
use serde_json::json;

use super::offer_text;
use crate::api::types::OfferInfo;
use crate::cli::Common;
use crate::cli::output::{self, Format};
use crate::collab::{Address, Mode};
use crate::config::NodeConfig;
use crate::durable_file;
use crate::duration_text::Span;
use crate::error::UserError;
use crate::identity::NodeKey;
use crate::invite::invite_text;
use crate::state::now_unix;

/// Arguments of `collab invite`.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// The collaboration's name
    #[arg(long)]
    pub name: String,
    /// The name of the member that is invited; without it, whoever accepts brings its own
    #[arg(long = "for", value_name = "MEMBER")]
    pub guest: Option<String>,
    /// Where this node is reached from there
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Who may not ask questions (repeatable)
    #[arg(long, value_enum, value_name = "WHO")]
    pub no_query: Vec<Who>,
    /// Who may not receive results (repeatable)
    #[arg(long, value_enum, value_name = "WHO")]
    pub no_receive: Vec<Who>,
    /// How jobs protect their answers
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// How long the invite may be accepted, at most 90d
    #[arg(long, value_name = "TIME", default_value = "14d")]
    pub valid: Span,
    /// Do not say what this node's tables offer, whatever their `catalogue` says
    #[arg(long)]
    pub without_tables: bool,
    /// Write the text to a file instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// One of the two members of an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// This node
    Us,
    /// The member that is invited
    Them,
}

/// Where other nodes reach this one.
#[derive(Debug, Args)]
pub struct ReachArgs {
    /// Where the other node reaches this one: an IP address or a DNS name, with a port unless it is
    /// that of `listen`; without it, `listen`
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Nobody can reach this node: it asks, and cannot be asked
    #[arg(long, conflicts_with = "address")]
    pub only_dials: bool,
}

impl ReachArgs {
    /// The address for the collaboration's document.
    ///
    /// # Errors
    /// [`UserError`] if it is not one, or none is given and `listen` does not name a place.
    pub(super) fn address(&self, listen: SocketAddr) -> Result<Address, UserError> {
        const REMEDY: &str = "give `--address HOST:PORT`, where the other node reaches this one, or \
                              `--only-dials` if nobody can";
        if self.only_dials {
            return Ok(Address::OnlyDials);
        }
        let Some(text) = &self.address else {
            if listen.ip().is_unspecified() {
                return Err(UserError::bad_input(
                    format!("this node listens on {listen}, which no other node can dial"),
                    REMEDY,
                ));
            }
            return Ok(listen.into());
        };
        let port = listen.port();
        let parsed = match text.parse::<IpAddr>() {
            Ok(ip) => Ok(Address::from((ip, port))),
            Err(_) if text.contains(':') => text.parse(),
            Err(_) => format!("{text}:{port}").parse(),
        };
        match parsed {
            Ok(address) if address.is_dialled() => Ok(address),
            Ok(_) => Err(UserError::bad_input(
                "`--address only_dials` is not an address",
                REMEDY,
            )),
            Err(error) => Err(UserError::bad_input(
                format!("--address {text}: {error}"),
                REMEDY,
            )),
        }
    }
}

pub(super) fn invite(args: &InviteArgs) -> Result<(), UserError> {
    for (option, name) in [("--name", Some(&args.name)), ("--for", args.guest.as_ref())] {
        if let Some(Err(what)) = name.map(|name| check_name(name)) {
            return Err(UserError::bad_input(
                format!("{option}: {what}"),
                NAME_REMEDY,
            ));
        }
    }
    let config = args.common.config.load()?;
    let key = NodeKey::load(&config.key_path())?;
    let address = args.reach.address(config.listen)?;
    let offer = if args.without_tables {
        None
    } else {
        offer_for(&config, args.guest.as_deref())
    };
    let made_unix = u64::try_from(now_unix()).unwrap_or_default();
    let valid = u64::try_from(args.valid.seconds()).unwrap_or_default();
    if valid > INVITE_SECONDS_MAX {
        return Err(UserError::bad_input(
            format!("--valid {} is too long", args.valid),
            "choose at most 90d",
        ));
    }
    let terms = Terms {
        version: Terms::VERSION,
        collab: args.name.clone(),
        dp: args.mode == Mode::Dp,
        inviter: contact(&config, &key, &address),
        guest: args.guest.clone(),
        may_query: [Who::Us, Who::Them].map(|who| !args.no_query.contains(&who)),
        may_receive: [Who::Us, Who::Them].map(|who| !args.no_receive.contains(&who)),
        made_unix,
        expires_unix: made_unix.saturating_add(valid),
        offer: Offer::hash(offer.as_ref()),
    };
    let signature = key.sign(&terms.signing_text());
    let text = invite_text(&Invite {
        terms,
        signature,
        offer: offer.clone(),
    });
    if args.common.format == Format::Json {
        write(args.output.as_deref(), &text)?;
        return output::print_json(&json!({
            "collab": args.name,
            "id": key.id().to_string(),
            "address": address.is_dialled().then(|| address.to_string()),
            "only_dials": !address.is_dialled(),
            "text": text,
            "offer": offer.as_ref().map(OfferInfo::from),
        }));
    }
    let told = offer_text::summary(offer.as_ref(), &config);
    let head = format!(
        "Invite to {} as {}, valid for {}. {told}\n",
        args.name, config.name, args.valid
    );
    let next = "Next: send it to the other person, who runs `psi-node collab accept` with it and \
                sends you a reply; accept that with `psi-node collab accept` too.\n";
    match &args.output {
        Some(path) => {
            write(Some(path), &text)?;
            output::print(&format!("{head}Wrote {}\n{next}", path.display()))
        }
        None => output::print(&format!("{head}{next}\n{text}\n")),
    }
}

/// What this node's tables offer a member.
pub(super) fn offer_for(config: &NodeConfig, member: Option<&str>) -> Option<Offer> {
    offer::of_configuration(&config.table, member)
}

/// Who this node is.
pub(super) fn contact(config: &NodeConfig, key: &NodeKey, address: &Address) -> Contact {
    Contact {
        name: config.name.clone(),
        node_id: key.id(),
        address: address.canonical(),
    }
}

/// Writes a text where no file is, if there is a place for it.
pub(super) fn write(path: Option<&Path>, text: &str) -> Result<(), UserError> {
    let Some(path) = path else { return Ok(()) };
    let bytes = format!("{text}\n");
    durable_file::create(path, bytes.as_bytes(), durable_file::PUBLIC).map_err(|e| {
        if e.kind() == std::io::ErrorKind::AlreadyExists {
            return UserError::bad_input(
                format!("{} exists already", path.display()),
                "choose another file, or remove that one first; nothing was changed",
            );
        }
        UserError::machine(format!("cannot write {}", path.display()), e)
    })
}
