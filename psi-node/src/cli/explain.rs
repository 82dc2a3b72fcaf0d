//! `psi-node explain`: what a query would tell whom and what it would cost, before any row is touched.

use std::fmt::Write as _;

use clap::Args;

use super::output::{self, Format, counted};
use super::preview;
use super::question::QuestionArgs;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::explain::{Explanation, FactsSource, JobOutline};
use crate::printable;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The question.
    #[command(flatten)]
    pub question: QuestionArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Ask the other node whether it would allow the query, and for its facts; it sees the query
    #[arg(long)]
    pub with_peer: bool,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the query is refused, or cannot be explained.
pub fn run(args: ExplainArgs) -> Result<Exit, UserError> {
    let explanation = args.question.explained(args.with_peer)?;
    match args.format {
        Format::Json => output::print_json(&explanation)?,
        Format::Table => {
            for slip in &explanation.slips {
                output::print_note(slip);
            }
            output::print(&render(&explanation))?;
        }
    }
    Ok(Exit::Released)
}

// Writing into a String cannot fail, here and below.
fn render(explained: &Explanation) -> String {
    let Explanation { own, peer, .. } = explained;
    let mut text = format!(
        "{} revision {}, mode {}\n{}\n",
        explained.collab,
        explained.revision,
        explained.mode,
        printable::line(&explained.query)
    );
    if explained.hidden_literals > 0 {
        let _ = writeln!(
            text,
            "{} hidden from {}.",
            counted(explained.hidden_literals, "literal stays", "literals stay"),
            peer.member
        );
    }
    let _ = writeln!(
        text,
        "\n{}.{} allows it by {}.",
        own.member,
        printable::line(&own.table),
        printable::line(&own.rules.join(", "))
    );
    if own.approval {
        text.push_str("Its owner approves each run.\n");
    }
    text.push_str(&about_peer(explained));
    if let Some(job) = &explained.job {
        text.push_str(&about_job(job, &peer.member));
    }
    text
}

fn about_peer(explained: &Explanation) -> String {
    let peer = &explained.peer;
    let name = printable::line(&format!("{}.{}", peer.member, peer.table));
    let mut text = match peer.facts {
        FactsSource::Asked => {
            format!("{name} allows it as well. This is what a job would do:\n")
        }
        FactsSource::EarlierJob => format!(
            "{name} was not asked. Its facts are those of an earlier job; `--with-peer` asks.\n"
        ),
        FactsSource::Told => format!(
            "{name} was not asked. Its registered size is what {} said of its tables; `--with-peer` \
             asks.\n",
            peer.member
        ),
        FactsSource::Supposed => format!(
            "{name} was not asked. What follows supposes that it registers as many identities as \
             {}.{} and that its key is unique; `--with-peer` asks.\n",
            explained.own.member,
            printable::line(&explained.own.table)
        ),
        FactsSource::Unknown => format!(
            "{name} was not asked, and the query uses columns of it that no earlier job tells \
             about: sizes and cost are not known; `--with-peer` asks.\n"
        ),
    };
    if peer.approval == Some(true) {
        text.push_str("Its owner approves each run.\n");
    }
    text
}

fn about_job(job: &JobOutline, peer: &str) -> String {
    let mut text = String::from("\n");
    for one in &job.matches {
        let _ = writeln!(
            text,
            "{} is Receiver and sends {} in {}; the Sender sends {}, {} at each position.",
            one.receiver,
            counted(one.receiver_size, "point", "points"),
            counted(one.parts, "part", "parts"),
            counted(one.sender_size, "tag", "tags"),
            counted(one.numbers_per_position, "number", "numbers"),
        );
    }
    for side in &job.learns {
        for (who, says) in [("node", &side.node), ("analyst", &side.analyst)] {
            let _ = writeln!(text, "\nThe {who} of {} learns", side.member);
            for line in says {
                let _ = writeln!(text, "  - {}", printable::line(line));
            }
        }
    }
    if job.privacy.is_some() {
        let _ = writeln!(text, "\nPrivacy\n{}", preview::noise(job).trim_end());
    }
    let cost = &job.cost;
    let _ = writeln!(
        text,
        "\nCost\n  sends {} and receives {} bytes of lists\n  {} multiplications here, {} on {peer}'s \
         node\n  about {:.1} s of arithmetic, if that node is as fast\n  measured just now: {:.0} \
         multiplications a second, kernel {}, {}",
        cost.bytes_sent,
        cost.bytes_received,
        cost.multiplications,
        cost.peer_multiplications,
        cost.seconds,
        job.rate.multiplications_per_second,
        job.rate.kernel,
        counted(job.rate.threads, "thread", "threads")
    );
    text
}
