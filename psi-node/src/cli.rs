//! The command line: one module per command, errors as pairs, one table of exit codes.
//!
//! Commands print what they were asked for on standard output and everything else (errors,
//! warnings, progress) on standard error, so that scripts can rely on standard output.

pub mod approvals;
pub mod audit;
pub mod budget;
pub mod candidates;
pub mod check;
pub mod collab;
pub mod explain;
pub mod id;
pub mod init;
pub mod jobs;
pub mod output;
pub mod policy;
pub mod preview;
pub mod progress;
pub mod query;
pub mod receipts;
pub mod reload;
pub mod serve;
pub mod tables;

mod question;
mod section;
mod sole_collab;
mod template;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, Parser, Subcommand};
use psi_audit::cli::{completions, program};

use crate::api::client::Client;
use crate::api::socket;
use crate::config::{NodeConfig, SOCKET_FILE, place};
use crate::error::UserError;
use crate::exit::Exit;
use crate::process;
use crate::state::{STATE_FILE, State};
use output::{ErrorStyle, Format};
use query::QueryFormat;

/// Two organisations count what they have in common, without showing each other a row.
#[derive(Debug, Parser)]
#[command(name = "psi-node", version, about, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done or released, 1 internal error, 2 bad input, 3 suppressed, 4 refused by this \
node's policy, 5 refused by the peer, 6 peer unreachable, 7 protocol violation by the peer, 8 \
interrupted or cancelled, 9 no daemon running, 10 receipts do not verify, 11 busy.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new node: a folder with a key and a commented configuration
    #[command(
        after_help = "Example:\n  psi-node init /srv/glovebox --name brand --listen 0.0.0.0:7402"
    )]
    Init(init::InitArgs),
    /// Print the node's id, which is its public key
    #[command(after_help = "Example:\n  psi-node id --config /srv/glovebox/node.toml")]
    Id(ConfigArg),
    /// Make, sign, join and revise collaborations
    #[command(subcommand)]
    Collab(collab::CollabCommand),
    /// Check the configuration and the data against each other; needs no peer
    #[command(
        after_help = "Examples:\n  psi-node check --config /srv/glovebox/node.toml\n  psi-node check --keys"
    )]
    Check(check::CheckArgs),
    /// Give advice about the rules of the tables, explain and import them
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Say which tables the running node serves, and describe a file as a table
    #[command(subcommand)]
    Tables(tables::TablesCommand),
    /// Run the node: serve the peer's jobs and the local commands
    #[command(after_help = "Example:\n  psi-node serve --config /srv/glovebox/node.toml")]
    Serve(serve::ServeArgs),
    /// Have the running node read its configuration again, without ending jobs
    #[command(after_help = "Example:\n  psi-node reload --config /srv/glovebox/node.toml")]
    Reload(Common),
    /// Ask a question over both members' tables
    #[command(
        after_help = "Example:\n  psi-node query --collab summer \"SELECT COUNT(*) FROM snowy.customers s JOIN brand.customers b ON s.email = b.email\""
    )]
    Query(query::QueryArgs),
    /// Say what a question would tell whom and what it would cost, without asking it
    #[command(
        after_help = "Example:\n  psi-node explain --collab summer --with-peer \"SELECT COUNT(*) FROM snowy.customers s JOIN brand.customers b ON s.email = b.email\""
    )]
    Explain(explain::ExplainArgs),
    /// Show and cancel jobs
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Decide about questions that wait for this node's owner
    #[command(subcommand)]
    Approvals(approvals::ApprovalsCommand),
    /// Show, export and verify receipts
    #[command(subcommand)]
    Receipts(receipts::ReceiptsCommand),
    /// Show privacy budgets and how often tables were used
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// Write what an auditor needs, and check it
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Run two nodes on this machine over sample data, and show what happens
    #[command(after_help = "Example:\n  psi-node demo")]
    Demo(crate::demo::DemoArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  psi-node completions bash")]
    Completions(completions::CompletionsArgs),
}

/// The environment variable that says which node commands are about.
pub const CONFIG_VARIABLE: &str = "GLOVEBOX_CONFIG";

/// The configuration file where nothing is said: that of the current folder.
pub const CONFIG_DEFAULT: &str = "node.toml";

/// Which node a command is about.
#[derive(Clone, Debug, Args)]
pub struct ConfigArg {
    /// The node's configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = CONFIG_VARIABLE,
        hide_env_values = true,
        default_value = CONFIG_DEFAULT
    )]
    pub config: PathBuf,
}

impl ConfigArg {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// Those of [`NodeConfig::load`].
    pub fn load(&self) -> Result<NodeConfig, UserError> {
        NodeConfig::load(&self.config)
    }

    /// Opens the node's state.
    ///
    /// # Errors
    /// Those of [`NodeConfig::load`] and [`State::open`].
    pub fn state(&self) -> Result<State, UserError> {
        State::open(&self.load()?.state_dir())
    }

    /// The daemon of the node. It has read its settings before, so a file that does not read now is a
    /// note if somebody answers.
    ///
    /// # Errors
    /// Those of [`NodeConfig::load`], if no daemon answers.
    pub fn client(&self) -> Result<Client, UserError> {
        let socket = match self.load() {
            Ok(config) => config.socket_path(),
            Err(error) => {
                let folder = place::state_dir(&self.config);
                let socket = folder.map(|folder| folder.join(SOCKET_FILE));
                let socket = socket.filter(|socket| socket::answers(socket));
                noted(error, socket)?
            }
        };
        Ok(Client::new(&socket))
    }

    /// The node's state for a command that changes nothing in it, also beside a file that does not read.
    ///
    /// # Errors
    /// Those of [`NodeConfig::load`], if there is no state where the file says, and [`State::open`].
    pub fn state_to_read(&self) -> Result<State, UserError> {
        let folder = match self.load() {
            Ok(config) => config.state_dir(),
            Err(error) => {
                let folder = place::state_dir(&self.config);
                noted(
                    error,
                    folder.filter(|folder| folder.join(STATE_FILE).is_file()),
                )?
            }
        };
        State::open(&folder)
    }
}

/// What was found despite a configuration that does not read, which is then a note; else the error.
fn noted<T>(error: UserError, found: Option<T>) -> Result<T, UserError> {
    let Some(found) = found else {
        return Err(error);
    };
    output::print_note(&format!(
        "{}; a running node goes on with the settings that it has read ({})",
        error.what, error.remedy
    ));
    Ok(found)
}

/// What most commands are asked: which node, and how to print.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What the commands that list the newest of something are asked.
#[derive(Debug, Args)]
pub struct NewestArgs {
    /// How many at most
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// What the user is told; the caller prints it.
    pub fn run(self) -> Result<Exit, UserError> {
        if self.holds_secrets() {
            process::hide_memory()?;
        }
        match self {
            Self::Init(args) => init::run(&args),
            Self::Id(args) => id::run(&args),
            Self::Collab(command) => collab::run(command),
            Self::Check(args) => check::run(&args),
            Self::Policy(command) => policy::run(command),
            Self::Tables(command) => tables::run(command),
            Self::Serve(args) => serve::run(&args),
            Self::Reload(args) => reload::run(&args),
            Self::Query(args) => query::run(args),
            Self::Explain(args) => explain::run(args),
            Self::Jobs(command) => jobs::run(command),
            Self::Approvals(command) => approvals::run(command),
            Self::Receipts(command) => receipts::run(command),
            Self::Budget(command) => budget::run(command),
            Self::Audit(command) => audit::run(command),
            Self::Demo(args) => crate::demo::run(args),
            Self::Completions(args) => completions::run::<Cli>(&args),
        }
    }

    /// Whether the command may hold a key, or what follows from the seed of a job. The others put
    /// questions to the daemon, or read what is not secret on this machine.
    const fn holds_secrets(&self) -> bool {
        match self {
            Self::Init(_)
            | Self::Id(_)
            | Self::Collab(_)
            | Self::Check(_)
            | Self::Serve(_)
            | Self::Receipts(_)
            | Self::Budget(_)
            | Self::Audit(_)
            | Self::Demo(_) => true,
            Self::Policy(_)
            | Self::Query(_)
            | Self::Explain(_)
            | Self::Jobs(_)
            | Self::Approvals(_)
            | Self::Reload(_)
            | Self::Tables(_)
            | Self::Completions(_) => false,
        }
    }
}

/// Parses the arguments, runs the command, prints its error if there is one.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::main(arguments, error_style, |cli: Cli| cli.command.run())
}

/// Errors of `query` are documents on standard output where the result would be one.
fn error_style(command: &ArgMatches) -> ErrorStyle {
    match command.try_get_one("format") {
        Ok(Some(QueryFormat::Json)) => ErrorStyle::JsonOnStdout,
        _ => program::error_style(command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;
    use crate::golden;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The words of an example, as a shell would split them.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    #[test]
    fn every_command_has_an_example_that_is_a_command_of_its_own() {
        fn check(command: &clap::Command, path: &str) -> usize {
            let inner = command.get_subcommands().filter(|c| c.get_name() != "help");
            let inner: Vec<_> = inner.collect();
            if !inner.is_empty() {
                let path = |inner: &clap::Command| format!("{path} {}", inner.get_name());
                return inner.iter().map(|inner| check(inner, &path(inner))).sum();
            }
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
            let examples: Vec<_> = lines.filter(|line| line.starts_with("psi-node ")).collect();
            assert!(!examples.is_empty(), "{path} has no example");
            for example in &examples {
                assert!(example.starts_with(path), "{example} is not of {path}");
                let parsed = Cli::command().try_get_matches_from(words(example));
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
            examples.len()
        }
        assert!(check(&Cli::command(), "psi-node") > 40);
    }

    #[test]
    fn help_texts_are_those_of_the_golden_files() {
        golden::check("help-psi-node.txt", &help_of_all(Cli::command()));
        golden::check(
            "help-psi-audit.txt",
            &help_of_all(psi_audit::cli::Cli::command()),
        );
    }

    /// What `--help` prints for a program and for each of its commands.
    fn help_of_all(program: clap::Command) -> String {
        fn add(command: &mut clap::Command, text: &mut String) {
            let help = command.render_long_help().to_string();
            let name = command.get_bin_name().unwrap_or(command.get_name());
            text.push_str(&["==== ", name, " --help\n\n"].concat());
            for line in help.trim_end().lines() {
                *text += line.trim_end();
                *text += "\n";
            }
            *text += "\n";
            for inner in command.get_subcommands_mut() {
                if inner.get_name() != "help" {
                    add(inner, text);
                }
            }
        }
        let mut program = program.term_width(100);
        program.build();
        let mut text = String::new();
        add(&mut program, &mut text);
        text
    }
}
