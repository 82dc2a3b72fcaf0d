//! `psi-node collab ping` and `collab tables`: whether the other member is ready, and what it offers.
//!
//! Spec 14 §4 and §5. The daemon asks, over the connections that it may make.

use clap::Args;

use super::offer_text;
use crate::api::types::{PingInfo, TablesInfo};
use crate::cli::output::{self, Format, utc};
use crate::cli::sole_collab::sole_collab;
use crate::cli::{Common, candidates};
use crate::error::UserError;
use crate::printable;
use crate::threads::block_on;

/// Clocks that are further apart make receipts and budgets hard to read.
const CLOCKS_APART_MS: u64 = 60_000;

/// Arguments of `collab ping`.
#[derive(Debug, Args)]
pub struct PingArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(value_name = "NAME", add = candidates::collabs())]
    pub name: Option<String>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `collab tables`.
#[derive(Debug, Args)]
pub struct TablesArgs {
    /// The collaboration; may be left out if there is only one
    #[arg(value_name = "NAME", add = candidates::collabs())]
    pub name: Option<String>,
    /// Show what the other member said last, without asking it
    #[arg(long)]
    pub stored: bool,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

pub(super) fn ping(args: &PingArgs) -> Result<(), UserError> {
    let client = args.common.config.client()?;
    let answer = block_on(async {
        let name = sole_collab(&client, args.name.clone()).await?;
        client.ping(&name).await
    })?;
    match args.common.format {
        Format::Json => output::print_json(&answer),
        Format::Table => output::print(&render(&answer)),
    }
}

fn render(answer: &PingInfo) -> String {
    let revision = if answer.same_revision {
        format!("{}, the same on both sides", answer.revision)
    } else {
        format!(
            "{}, and {} here: whoever has the older one joins the newer one",
            answer.revision, answer.own_revision
        )
    };
    let version = printable::line(&answer.version);
    let version = if answer.version == answer.own_version {
        format!("{version}, the same on both sides")
    } else {
        format!("{version}, and {} here", answer.own_version)
    };
    let clock = answer.clock_difference_ms;
    let (word, seconds) = if clock < 0 {
        ("behind", -clock)
    } else {
        ("ahead of", clock)
    };
    let seconds = format!("{}.{:03} s", seconds / 1000, seconds % 1000);
    let warning = if clock.unsigned_abs() > CLOCKS_APART_MS {
        "; set both by a time server"
    } else {
        ""
    };
    format!(
        "{} is ready under {}\n  key       {}\n  address   {}, answers in {} ms\n  revision  \
         {revision}\n  mode      {}\n  version   {version}\n  clock     {seconds} {word} this one\
         {warning}\n",
        answer.member, answer.collab, answer.id, answer.address, answer.answer_ms, answer.mode,
    )
}

pub(super) fn tables(args: &TablesArgs) -> Result<(), UserError> {
    let client = args.common.config.client()?;
    let answer = block_on(async {
        let name = sole_collab(&client, args.name.clone()).await?;
        if args.stored {
            client.told_tables(&name).await
        } else {
            client.ask_tables(&name).await
        }
    })?;
    match args.common.format {
        Format::Json => output::print_json(&answer),
        Format::Table => output::print(&rendered(&answer)),
    }
}

fn rendered(answer: &TablesInfo) -> String {
    let TablesInfo {
        member,
        told_unix,
        offer,
        ..
    } = answer;
    let text = offer_text::describe(member, offer.as_ref());
    format!("{text}\nAs it said at {}\n", utc(*told_unix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_says_what_differs_between_the_two_nodes() {
        let mut answer = PingInfo {
            collab: "summer".into(),
            member: "brand".into(),
            id: "00".repeat(32),
            address: "203.0.113.9:7402".into(),
            joined: true,
            revision: 2,
            own_revision: 2,
            same_revision: true,
            mode: "exact".into(),
            version: "0.1.0".into(),
            own_version: "0.1.0".into(),
            clock_difference_ms: -1_250,
            answer_ms: 3,
        };
        let text = render(&answer);
        assert!(text.contains("1.250 s behind this one\n"), "{text}");
        assert_eq!(text.matches("the same on both sides").count(), 2, "{text}");
        answer.clock_difference_ms = 400 * 24 * 60 * 60 * 1000;
        answer.same_revision = false;
        answer.own_revision = 3;
        answer.version = "9\u{1b}[2J".into();
        let text = render(&answer);
        for expected in [
            "time server",
            "2, and 3 here",
            "9\\u{1b}[2J, and 0.1.0 here",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
