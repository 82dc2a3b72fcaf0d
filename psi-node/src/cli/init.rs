//! `psi-node init`: a folder with a new key and a commented configuration.
//!
//! With `--table`, a section for each named file, in which nobody may ask yet. Never overwrites anything: a folder that holds a key or a configuration is refused.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use psi_audit::name::{NAME_REMEDY, check_name};

use super::output;
use super::section::Named;
use crate::config::NodeConfig;
use crate::durable_file;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::{self, KEY_FILE, NodeKey};

/// The file name of the configuration.
pub const CONFIG_FILE: &str = "node.toml";

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The node's folder; it is made if it does not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The member's name in collaborations and queries
    #[arg(long)]
    pub name: String,
    /// The address (UDP) where the node waits for its peers
    #[arg(long, value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// A table to describe in the configuration, from its CSV, TSV or Parquet file or a folder of
    /// them; repeat for more
    #[arg(long = "table", value_name = "NAME=FILE")]
    pub tables: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the name is not valid, if the folder holds a node, or if it cannot be written.
pub fn run(args: &InitArgs) -> Result<Exit, UserError> {
    let (id, remarks) = create(args)?;
    let config = args.dir.join(CONFIG_FILE);
    output::print(&format!(
        "Made node {name} in {dir}\n  id      {id}\n  key     {key} (keep it secret, and back it up)\n  \
         config  {config}\nNext: {next} in {config}, then run \
         `psi-node check --config {config}`.\n",
        next = if args.tables.is_empty() {
            "describe your tables"
        } else {
            "read what is said of your tables, and name who may ask"
        },
        name = args.name,
        dir = args.dir.display(),
        key = args.dir.join(KEY_FILE).display(),
        config = config.display(),
    ))?;
    for remark in remarks {
        output::print_note(&remark);
    }
    Ok(Exit::Released)
}

/// Makes the node without printing anything; returns its id, and what its user has to know of the tables
/// that were named.
///
/// # Errors
/// Those of [`run`].
pub fn create(args: &InitArgs) -> Result<(identity::NodeId, Vec<String>), UserError> {
    check_name(&args.name)
        .map_err(|what| UserError::bad_input(format!("--name: {what}"), NAME_REMEDY))?;
    let (key_path, config_path) = (args.dir.join(KEY_FILE), args.dir.join(CONFIG_FILE));
    for path in [&config_path, &key_path] {
        if identity::exists(path) {
            return Err(UserError::bad_input(
                format!("{} exists already", path.display()),
                "choose another folder; nothing was changed",
            ));
        }
    }
    // Before anything is made: a file that is not a table is the likeliest mistake.
    let (sections, remarks) = sections(args)?;
    fs::create_dir_all(&args.dir).map_err(|e| {
        UserError::machine(format!("cannot make the folder {}", args.dir.display()), e)
    })?;
    let text = sample_config(&args.name, args.listen, args.tables.is_empty()) + &sections;
    NodeConfig::parse(&text, &config_path)
        .map_err(|e| UserError::internal(format!("the new configuration does not parse: {e}")))?;
    let key = NodeKey::generate()?;
    key.create(&key_path)?;
    durable_file::create(&config_path, text.as_bytes(), durable_file::PUBLIC)
        .map_err(|e| UserError::machine(format!("cannot write {}", config_path.display()), e))?;
    Ok((key.id(), remarks))
}

/// The sections of the tables that the command names, each made from its file, and what its user has to
/// know of them.
fn sections(args: &InitArgs) -> Result<(String, Vec<String>), UserError> {
    let (mut text, mut remarks) = (String::new(), Vec::new());
    for table in &args.tables {
        let named = Named::read(table, "--table")?;
        let section = named.section(&args.dir)?;
        text.push('\n');
        text.push_str(&section.text);
        remarks.extend(named.remark(&section));
    }
    Ok((text, remarks))
}

/// A configuration of a node, with an example of a table unless there are tables.
fn sample_config(name: &str, listen: SocketAddr, with_table: bool) -> String {
    let head = sample_of_node(name, listen);
    let table = if with_table { SAMPLE_OF_TABLE } else { "" };
    head + table + SAMPLE_OF_POPULATION
}

fn sample_of_node(name: &str, listen: SocketAddr) -> String {
    format!(
        r#"# Configuration of one Glovebox node. Paths are relative to this file.

name = "{name}"                  # as collaborations and queries write it: {name}.customers
listen = "{listen}"      # where peers connect (UDP)
state_dir = "state"              # jobs, receipts, the local API's socket

# jobs_max = 8                   # jobs at the same time: one is yours, a peer has 3 at most
# identities_max = 1000000       # identities of either side of a job, its parts together
# epsilon_min = 0.05             # smallest epsilon of a question in mode dp
# peer_timeout_s = 60            # how long a peer may be silent during a job
# connect_timeout_s = 60         # how long to keep trying a peer that is not up yet
# memory_limit = "512MiB"        # memory of the whole node
# list_memory = "300MiB"         # what lists may take of it; longer ones go to disk
# disk_limit = "50GB"            # what those lists may take on disk, one peer's half of it
# audit_limit = "64GiB"          # what records for the auditor may take, one peer's half of it
# engine_threads = 0             # 0: one per processor
"#
    )
}

const SAMPLE_OF_TABLE: &str = r#"
# Nothing can be asked for that is not listed below. Remove the # to serve a table.

# [table.customers]
# source = "customers.parquet"   # .csv, .parquet, or a folder of them
# catalogue = "names"            # what members may be told before they ask: none, names, full
# filter = ["last_purchase"]     # columns that queries may filter by
# row_filter = "consent = true"  # only these rows take part; your own SQL predicate
# minimum = 10                   # no result rests on fewer identities than this
# null = ["", "NA"]              # CSV only: words that mean NULL
# prefer_receiver = false        # ask for the role that sends blinded points only
# runs = { day = 10, lifetime = 500 }  # jobs about the table with one peer; unsaid: day = 50
# population = "customers"       # whose privacy budget jobs about the table use, below
# epsilon_max = 0.5              # with differential privacy: the most that one job may ask for
# delta_max = 1e-9

# [[table.customers.key]]        # a join key that peers may use; repeat for more
# columns = ["email_hash"]       # several columns make a composite key
# kinds = ["hex"]                # of each column: text, trim, lower, email, phone, hex, int, ...
# unique = true                  # no key value repeats; checked when the table is loaded
# identities = 5000              # public: lists are padded to it; more distinct keys are an error
"#;

const SAMPLE_OF_POPULATION: &str = r#"
# [population.customers]         # the people of one or more tables, and what may be learnt of them
# epsilon = 10                   # all jobs with differential privacy, all peers, add up to this
# delta = 1e-6
# refresh = "never"              # or day, week, month: when it begins again
# per_peer = { brand = { epsilon = 2.0 } }  # less for single members, by name
"#;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn arguments(folder: &std::path::Path, table: &str) -> InitArgs {
        InitArgs {
            dir: folder.join("node"),
            name: "brand".into(),
            listen: "127.0.0.1:7402".parse().unwrap(),
            tables: vec![table.into()],
        }
    }

    #[test]
    fn a_table_that_is_named_is_in_the_configuration_and_nobody_may_ask_about_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.csv");
        std::fs::write(&file, "email,age\na@example.com,30\nb@example.com,40\n").unwrap();
        let arguments = arguments(folder.path(), &format!("people={}", file.display()));
        create(&arguments).unwrap();
        let config = NodeConfig::load(&arguments.dir.join(CONFIG_FILE)).unwrap();
        let table = &config.table["people"];
        assert_eq!(table.key[0].columns, ["email"]);
        assert!(table.allowed_requesters.as_ref().unwrap().is_empty());
        let text = std::fs::read_to_string(arguments.dir.join(CONFIG_FILE)).unwrap();
        assert!(!text.contains("[table.customers]"), "{text}");
    }

    #[test]
    fn a_table_without_a_file_or_a_name_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for (table, says) in [
            ("people", "has no `=`"),
            ("people=/no/such/file.csv", "cannot find"),
            ("My People=/dev/null", "--table:"),
        ] {
            let arguments = arguments(folder.path(), table);
            let error = create(&arguments).unwrap_err();
            assert!(error.what.contains(says), "{table}: {}", error.what);
            assert!(!error.remedy.is_empty());
            assert!(!arguments.dir.exists(), "{table}");
        }
    }

    #[test]
    fn the_sample_configuration_parses_with_its_comments_removed_too() {
        let text = sample_config("brand", "127.0.0.1:7402".parse().unwrap(), true);
        let path = std::path::Path::new("node.toml");
        assert!(NodeConfig::parse(&text, path).unwrap().table.is_empty());
        let uncommented: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => rest,
                _ => line,
            })
            .fold(String::new(), |all, line| all + line + "\n");
        let config = NodeConfig::parse(&uncommented, path).unwrap();
        let table = &config.table["customers"];
        assert_eq!((table.minimum, table.key.len()), (10, 1));
        assert!(table.key[0].unique);
        assert_eq!(table.runs.day.map(NonZeroU64::get), Some(10));
        assert_eq!(table.runs.lifetime.map(NonZeroU64::get), Some(500));
        assert_eq!(table.epsilon_max, Some(500_000));
        // The population of the table is the one that is described.
        let population = &config.population[table.population.as_ref().unwrap()];
        assert_eq!(population.limit.micro_epsilon, 10_000_000);
        assert_eq!(population.per_peer["brand"].micro_epsilon, Some(2_000_000));
    }
}
