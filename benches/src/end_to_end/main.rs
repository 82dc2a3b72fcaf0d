//! What a count or a sum over two organisations' tables costs: two real node processes on this
//! machine, generated tables of a given size, their answers checked.
//!
//! Starts the `psi-node` beside this program, so that the figures are those of the program that
//! users run. Standard output holds the results and nothing else; progress goes to standard error.
//! Exit codes: 0 measured, 1 failed, 2 bad usage, 3 a wrong answer, 4 no answer in time. How the
//! pieces fit: `data` makes tables, `nodes` runs the nodes, `measure` reads `proc` and `floor`
//! around a `question`, `peers` runs other programs beside them, `report` is the document, `table`
//! and `sizing` show it, and `benches/compare/plot.py` draws it.

mod data;
mod failure;
mod floor;
mod measure;
mod nodes;
mod peers;
mod proc;
mod question;
mod report;
mod size;
mod sizing;
mod table;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use data::{IdKind, Source};
use failure::{Failure, Outcome};
use floor::SharedKernel;
use measure::Plan;
use nodes::Setup;
use peers::{Peers, Program, parse_program};
use question::Question;
use report::{Pair, Report, Run};
use size::{Overlap, parse_rows};

/// Rows of each table where nothing else is asked for: seconds, not minutes.
const ROWS_DEFAULT: u64 = 20_000;

/// Measures counts over generated tables, with two nodes on this machine
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Action>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Measures other programs on the same identifiers too, in turn (installs them with pip)
    Compare(Box<CompareArgs>),
    /// Prints results files as tables
    Table {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Prints what hardware and time other sizes take, from the rates of results files
    Sizing {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Rows of each table, such as 20k or 1M; may be repeated [default: 20k]
    #[arg(long, value_parser = parse_rows, conflicts_with_all = ["receiver_rows", "sender_rows"])]
    rows: Vec<u64>,
    /// Rows of the Receiver's table, which the asking node holds
    #[arg(long, value_parser = parse_rows, requires = "sender_rows")]
    receiver_rows: Option<u64>,
    /// Rows of the Sender's table
    #[arg(long, value_parser = parse_rows, requires = "receiver_rows")]
    sender_rows: Option<u64>,
    /// Rows that both tables share: a number, or a fraction of the smaller table
    #[arg(long, default_value = "0.5")]
    overlap: Overlap,
    /// Measures, after the count, the sum of a column of the Sender
    #[arg(long)]
    sum: bool,
    /// Measures, after the count, the answer by so many groups of the Sender
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=255))]
    groups: Option<u64>,
    /// What the tables are read from
    #[arg(long, value_enum, default_value_t = Source::Parquet)]
    source: Source,
    /// What the identifiers look like
    #[arg(long, value_enum, default_value_t = IdKind::Hex)]
    id_kind: IdKind,
    /// A kernel for the group arithmetic; may be repeated [default: all that this machine can run]
    #[arg(long, value_name = "NAME")]
    kernel: Vec<String>,
    /// `memory_limit` of both nodes, as node.toml takes it
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<String>,
    /// Queries for each pair of tables and kernel
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Seconds of each measurement of the kernel alone
    #[arg(long, default_value_t = 2.0, value_parser = parse_seconds)]
    floor_seconds: f64,
    /// Seconds to wait for a table to load, and for an answer
    #[arg(long, default_value_t = 7200)]
    timeout: u64,
    /// Keeps tables, nodes and logs in this folder, which is made and must not exist
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// The node's program [default: the psi-node beside this program]
    #[arg(long, value_name = "PROGRAM")]
    node: Option<PathBuf>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Writes the results to this file as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CompareArgs {
    #[command(flatten)]
    run: RunArgs,
    /// A program to measure, such as secretflow-rr22; may be repeated [default: all exact ones]
    #[arg(long, value_name = "NAME", value_parser = parse_program)]
    program: Vec<&'static Program>,
    /// The folder of the Python environment [default: beside this program]
    #[arg(long, value_name = "FOLDER")]
    environment: Option<PathBuf>,
    /// The Python interpreter to make an environment with
    #[arg(long, default_value = "python3")]
    python: String,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Markdown tables
    #[default]
    Table,
    /// The JSON document
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => measure_all(&cli.run, None),
        Some(Action::Compare(args)) => measure_all(&args.run, Some(&args)),
        Some(Action::Table { files }) => show(&files, |report| Ok(table::render(report))),
        Some(Action::Sizing { files }) => show(&files, sizing::render),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn show(files: &[PathBuf], render: fn(&Report) -> Outcome<String>) -> Outcome<()> {
    print!("{}", render(&Report::read_all(files)?)?);
    Ok(())
}

fn measure_all(args: &RunArgs, compare: Option<&CompareArgs>) -> Outcome<()> {
    let cases = cases(args)?;
    let questions = questions(args);
    let kernels = chosen_kernels(&args.kernel)?;
    let program = nodes::find_program(args.node.as_deref())?;
    let temporary = tempfile::tempdir()?;
    let folder = match &args.keep {
        None => temporary.path(),
        Some(folder) => {
            fs::create_dir(folder)
                .map_err(|error| Failure::Usage(format!("{}: {error}", folder.display())))?;
            folder.as_path()
        }
    };
    let peers = match compare {
        None => Peers::default(),
        Some(compare) => {
            let beside = env::current_exe()?.with_file_name("compared-programs");
            let environment = compare.environment.as_ref().unwrap_or(&beside);
            Peers::install(environment, &compare.python, &compare.program)
        }
    };
    // Where programs are compared they take turns, so that all see the same machine.
    let (rounds, repeat) = match compare {
        None => (1, args.repeat),
        Some(_) => (args.repeat, 1),
    };
    let mut report = Report::new(command_line())?;
    for (rows, shared) in cases {
        let setup = Setup {
            program: &program,
            folder,
            source: args.source,
            id_kind: args.id_kind,
            rows,
            regions: regions(args),
            memory_limit: args.memory_limit.as_deref(),
            patience: Duration::from_secs(args.timeout),
        };
        let plan = Plan {
            shared,
            repeat,
            floor_seconds: args.floor_seconds,
        };
        measure::make_tables(&setup, plan)?;
        if compare.is_some() {
            peers.prepare(folder, args.id_kind, rows, shared)?;
        }
        let mut runs: Vec<Run> = Vec::new();
        for _ in 0..rounds {
            let round = measure::measure(&setup, plan, &questions, &kernels)?;
            if runs.is_empty() {
                runs = round;
            } else {
                for (run, again) in runs.iter_mut().zip(round) {
                    run.queries.extend(again.queries);
                }
            }
            let peers = peers.measure(folder, args.id_kind, rows, shared)?;
            report.peers.extend(peers);
        }
        report.runs.extend(runs);
        // What was measured before something fails is kept.
        if let Some(file) = &args.json {
            fs::write(file, report.to_json()?)?;
        }
    }
    match args.format {
        Format::Table => print!("{}", table::render(&report)),
        Format::Json => print!("{}", report.to_json()?),
    }
    Ok(())
}

/// What is asked: the count, which everything else is compared with, and what was chosen. With
/// `--groups` the sum is by these groups, too.
fn questions(args: &RunArgs) -> Vec<Question> {
    let mut questions = vec![Question::default()];
    let sums = if args.sum { &[true][..] } else { &[] };
    questions.extend(sums.iter().map(|&sum| Question { sum, groups: 0 }));
    if let Some(groups) = args.groups {
        let of = |sum| Question { sum, groups };
        questions.push(of(false));
        questions.extend(sums.iter().map(|&sum| of(sum)));
    }
    questions
}

/// The regions that the Sender's rows lie in; `None` if nothing but the count is asked for.
fn regions(args: &RunArgs) -> Option<u64> {
    args.groups.or(args.sum.then_some(1))
}

/// The pairs of tables, and how many rows they share.
fn cases(args: &RunArgs) -> Outcome<Vec<(Pair<u64>, u64)>> {
    let equal = |rows| Pair {
        receiver: rows,
        sender: rows,
    };
    let pairs: Vec<Pair<u64>> = match (args.receiver_rows, args.sender_rows) {
        (Some(receiver), Some(sender)) => vec![Pair { receiver, sender }],
        _ if args.rows.is_empty() => vec![equal(ROWS_DEFAULT)],
        _ => args.rows.iter().copied().map(equal).collect(),
    };
    let with_shared = |pair: Pair<u64>| {
        let shared = args.overlap.of(pair.receiver.min(pair.sender))?;
        Ok((pair, shared))
    };
    let cases: Result<Vec<_>, String> = pairs.into_iter().map(with_shared).collect();
    cases.map_err(Failure::Usage)
}

/// The kernels with these names, or all.
fn chosen_kernels(names: &[String]) -> Outcome<Vec<SharedKernel>> {
    let all = floor::kernels();
    if names.is_empty() {
        return Ok(all);
    }
    names
        .iter()
        .map(|name| {
            let found = all.iter().find(|kernel| kernel.name() == name);
            found.cloned().ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|kernel| kernel.name()).collect();
                Failure::Usage(format!(
                    "this machine has no kernel `{name}`; it can run {}",
                    known.join(", ")
                ))
            })
        })
        .collect()
}

/// How this program was called, without the folder that it is in.
fn command_line() -> String {
    let mut words: Vec<String> = env::args().collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(program.as_str()).file_name();
        *program = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    }
    words.join(" ")
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=3600.0).contains(seconds))
        .ok_or_else(|| format!("`{text}` is not a number of seconds from 0 to 3600"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Cli {
        Cli::parse_from([&["end_to_end"], arguments].concat())
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_overlap_become_pairs_of_tables() {
        let of = |arguments: &[&str]| {
            let cases = cases(&parse(arguments).run).unwrap();
            let flat = |(rows, shared): (Pair<u64>, u64)| (rows.receiver, rows.sender, shared);
            cases.into_iter().map(flat).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [(20_000, 20_000, 10_000)]);
        let twice = ["--rows", "1k", "--rows", "2k", "--overlap", "100"];
        assert_eq!(of(&twice), [(1_000, 1_000, 100), (2_000, 2_000, 100)]);
        let unequal = ["--receiver-rows", "10", "--sender-rows", "1k"];
        assert_eq!(of(&unequal), [(10, 1_000, 5)]);
        let too_many = parse(&["--rows", "10", "--overlap", "11"]);
        assert!(matches!(cases(&too_many.run), Err(Failure::Usage(_))));
    }

    #[test]
    fn the_count_is_always_asked_first() {
        let of = |arguments: &[&str]| {
            let run = parse(arguments).run;
            let flat = |question: Question| (question.sum, question.groups);
            let questions: Vec<_> = questions(&run).into_iter().map(flat).collect();
            (questions, regions(&run))
        };
        assert_eq!(of(&[]), (vec![(false, 0)], None));
        assert_eq!(of(&["--sum"]), (vec![(false, 0), (true, 0)], Some(1)));
        let both = of(&["--sum", "--groups", "10"]);
        let all = vec![(false, 0), (true, 0), (false, 10), (true, 10)];
        assert_eq!(both, (all, Some(10)));
    }

    #[test]
    fn a_kernel_that_the_machine_lacks_is_refused() {
        assert!(!chosen_kernels(&[]).unwrap().is_empty());
        assert_eq!(chosen_kernels(&["portable".into()]).unwrap().len(), 1);
        assert!(matches!(
            chosen_kernels(&["slide rule".into()]),
            Err(Failure::Usage(_))
        ));
    }
}
