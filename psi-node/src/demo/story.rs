//! The stages of the demo, in order, each with the command that does the same by hand.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use psi_core::receipt::{Body, Entry};
use psi_core::spec::JobSpec;

use super::findings;
use super::nodes::{self, Node};
use super::sample::{self, Shop};
use crate::api::client::Client;
use crate::api::types::{NewJob, ResultFor};
use crate::cli::collab::{CollabCommand, FileArgs, NewArgs};
use crate::cli::init::{self, CONFIG_FILE, InitArgs};
use crate::cli::output::{self, Format};
use crate::cli::receipts::{ExportArgs, ReceiptsCommand, VerifyArgs};
use crate::cli::{ConfigArg, collab, query, receipts};
use crate::collab::Mode;
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::document::ResultDocument;
use crate::state::State;

/// The collaboration's name.
pub(super) const COLLAB: &str = "summer";
/// The day after which `brand`'s customers count.
const AFTER: &str = "2025-01-01";

/// Everything the demo does by hand, for the end.
pub(super) struct Story {
    folder: PathBuf,
    commands: Vec<String>,
    stage: u32,
}

/// Runs all stages in an empty folder.
pub(super) async fn tell(folder: &Path, customers: u64, keep: bool) -> Result<Exit, UserError> {
    let mut story = Story {
        folder: folder.to_owned(),
        commands: Vec::new(),
        stage: 0,
    };
    let shops = sample::shops(customers);
    let [snowy, brand] = &shops;
    let addresses = nodes::free_addresses()?;

    story.stage("Two shops, each with a node, a key and its own customers")?;
    let mut members = Vec::new();
    for (shop, listen) in shops.iter().zip(addresses) {
        let dir = story.folder.join(shop.name);
        let name = shop.name;
        story.command(&format!("init {name} --name {name} --listen {listen}"))?;
        let id = init::create(&InitArgs {
            dir,
            name: name.into(),
            listen,
            tables: Vec::new(),
        })?;
        let sells = shop == brand;
        let sections = story.write_tables(shop, sells)?;
        members.push(format!("{name}={id}@{listen}"));
        let orders = if sells {
            format!(", their orders in {name}/orders.csv")
        } else {
            String::new()
        };
        output::print(&format!(
            "  node id {id}\n  {} customers in {name}/customers.csv{orders}; appended to \
             {name}/{CONFIG_FILE}:\n{}\n",
            shop.customers,
            indent(&indent(sections.trim()))
        ))?;
    }

    story.stage("A collaboration that both sign and join")?;
    story.agree(&shops, &members, (COLLAB, Mode::Exact))?;

    story.stage("Two daemons, which speak QUIC with each other on this machine")?;
    let mut running = Vec::new();
    for shop in &shops {
        story.command(&format!("serve --config {}/{CONFIG_FILE}", shop.name))?;
        let (node, announced) = Node::start(shop.name, &story.folder.join(shop.name)).await?;
        for line in announced {
            output::print(&format!("  {line}\n"))?;
        }
        running.push(node);
    }

    let count = story.ask_count(snowy, brand).await?;
    let totals = story.ask_totals(snowy, brand).await?;
    story.ask_what_is_refused(snowy, brand).await?;
    let noisy = story.ask_with_noise(&shops, &members).await?;

    story.stage("Both stop; both hold the same receipts, signed by both")?;
    for node in running {
        node.stop().await?;
    }
    let spec = story.receipts(&shops)?;

    story.stage("What each side learned")?;
    output::print(&findings::learned(&count, &spec, snowy, brand))?;

    story.stage("The same, the ordinary way: the files in one place")?;
    let answer = findings::compare(&story.folder, [&count, &totals], [snowy, brand], AFTER)?;
    findings::compare_noisy(&noisy, answer)?;
    story.farewell(keep, answer)?;
    Ok(Exit::Released)
}

impl Story {
    pub(super) fn stage(&mut self, title: &str) -> Result<(), UserError> {
        self.stage += 1;
        output::print(&format!("\n{}. {title}\n", self.stage))
    }

    /// Shows a command, relative to the demo's folder, and remembers it.
    pub(super) fn command(&mut self, arguments: &str) -> Result<(), UserError> {
        let command = format!("psi-node {arguments}");
        output::print(&format!("  $ {command}\n"))?;
        self.commands.push(command);
        Ok(())
    }

    pub(super) fn config(&self, shop: &Shop) -> ConfigArg {
        ConfigArg {
            config: self.folder.join(shop.name).join(CONFIG_FILE),
        }
    }

    /// Writes the shop's files, and the sections of the configuration that serve them.
    fn write_tables(&self, shop: &Shop, orders: bool) -> Result<String, UserError> {
        let dir = self.folder.join(shop.name);
        let failed = |e| UserError::machine(format!("cannot write into {}", dir.display()), e);
        let mut sections = sample::table_section(shop);
        std::fs::write(dir.join("customers.csv"), sample::csv(shop)).map_err(failed)?;
        if orders {
            sections.push_str(&sample::orders_section(shop));
            std::fs::write(dir.join("orders.csv"), sample::orders_csv(shop)).map_err(failed)?;
        }
        let mut config = std::fs::OpenOptions::new()
            .append(true)
            .open(dir.join(CONFIG_FILE))
            .map_err(failed)?;
        config.write_all(sections.as_bytes()).map_err(failed)?;
        Ok(sections)
    }

    /// Makes, signs and joins a collaboration.
    pub(super) fn agree(
        &mut self,
        shops: &[Shop; 2],
        members: &[String],
        (name, mode): (&str, Mode),
    ) -> Result<(), UserError> {
        let file = format!("{name}.toml");
        let mut shown = format!("collab new --name {name}");
        for member in members {
            // Writing into a String cannot fail.
            let _ = write!(shown, " --member {member}");
        }
        if mode != Mode::default() {
            let _ = write!(shown, " --mode {mode}");
        }
        self.command(&format!("{shown} -o {file}"))?;
        let output = self.folder.join(&file);
        collab::run(CollabCommand::New(NewArgs {
            name: name.into(),
            members: members.to_vec(),
            no_query: Vec::new(),
            no_receive: Vec::new(),
            mode,
            output: output.clone(),
        }))?;
        for verb in ["sign", "join"] {
            for shop in shops {
                self.command(&format!(
                    "collab {verb} {file} --config {}/{CONFIG_FILE}",
                    shop.name
                ))?;
                let args = FileArgs {
                    file: output.clone(),
                    config: self.config(shop),
                };
                let command = if verb == "sign" {
                    CollabCommand::Sign(args)
                } else {
                    CollabCommand::Join(args)
                };
                collab::run(command)?;
            }
        }
        Ok(())
    }

    async fn ask_count(&mut self, snowy: &Shop, brand: &Shop) -> Result<ResultDocument, UserError> {
        let (s, b) = (snowy.name, brand.name);
        self.stage(&format!("{s} asks, {b} answers"))?;
        let sql = count_sql(snowy, brand);
        let (document, exit) = self.ask(snowy, (COLLAB, None), sql).await?;
        if exit == Exit::Released {
            Ok(document)
        } else {
            Err(without_answer(document, exit))
        }
    }

    /// A row for each region: which ones are suppressed depends on the number of customers.
    async fn ask_totals(
        &mut self,
        snowy: &Shop,
        brand: &Shop,
    ) -> Result<ResultDocument, UserError> {
        let (s, b) = (snowy.name, brand.name);
        self.stage(&format!(
            "{s} asks what their common customers order at {b}"
        ))?;
        let sql = format!(
            "SELECT o.region, COUNT(*) AS orders, SUM(o.amount) AS total, \
             AVG(o.amount) AS average FROM {s}.customers AS s JOIN {b}.orders AS o \
             ON s.email_hash = o.email_hash GROUP BY o.region"
        );
        let (document, exit) = self.ask(snowy, (COLLAB, None), sql).await?;
        if !matches!(exit, Exit::Released | Exit::Suppressed) {
            return Err(without_answer(document, exit));
        }
        output::print(&format!(
            "  a region with fewer than {} common customers is suppressed; `other` is what {b} \
             does not list\n",
            sample::MINIMUM
        ))?;
        Ok(document)
    }

    /// Asks under a collaboration, with an epsilon where it has noise.
    pub(super) async fn ask(
        &mut self,
        asking: &Shop,
        (collab, epsilon): (&str, Option<&str>),
        sql: String,
    ) -> Result<(ResultDocument, Exit), UserError> {
        let name = asking.name;
        let spend = epsilon.map_or_else(String::new, |epsilon| format!(" --epsilon {epsilon}"));
        self.command(&format!(
            "query --config {name}/{CONFIG_FILE} --collab {collab}{spend} \"{sql}\""
        ))?;
        let config = self.config(asking).load()?;
        let client = Client::new(&config.socket_path());
        let job = NewJob {
            collab: collab.into(),
            sql,
            recipients: ResultFor::Requester,
            epsilon: epsilon.map(str::to_owned),
            delta: None,
            output: None,
        };
        let ended = query::ask(&client, &job).await?;
        let exit = Exit::from_number(ended.exit).unwrap_or(Exit::Internal);
        let document = ended.document;
        if matches!(exit, Exit::Released | Exit::Suppressed) {
            let stats = &document.stats;
            output::print(&format!(
                "{}  in {:.1} s, {} bytes sent and {} received by {name}\n",
                indent(&query::render(&document, query::QueryFormat::Table)),
                stats.wall_seconds,
                stats.bytes_sent,
                stats.bytes_received
            ))?;
        }
        Ok((document, exit))
    }

    /// Exports and verifies both receipt logs, and returns the specification of the first job in
    /// them.
    fn receipts(&mut self, shops: &[Shop; 2]) -> Result<JobSpec, UserError> {
        let file_of = |shop: &Shop| format!("{}-receipts.jsonl", shop.name);
        for shop in shops {
            let file = file_of(shop);
            self.command(&format!(
                "receipts export --collab {COLLAB} --config {}/{CONFIG_FILE} -o {file}",
                shop.name
            ))?;
            receipts::run(ReceiptsCommand::Export(ExportArgs {
                collab: Some(COLLAB.into()),
                output: self.folder.join(file),
                config: self.config(shop),
            }))?;
        }
        let [one, other] = shops;
        for (shop, against) in [(one, other), (other, one)] {
            let (file, against) = (file_of(shop), file_of(against));
            self.command(&format!("receipts verify {file} --against {against}"))?;
            receipts::run(ReceiptsCommand::Verify(VerifyArgs {
                file: self.folder.join(file),
                against: Some(self.folder.join(against)),
                collab_file: Some(self.folder.join(format!("{COLLAB}.toml"))),
                format: Format::Table,
            }))?;
        }
        opened_job(&self.config(one).load()?)
    }

    fn farewell(&self, keep: bool, answer: u64) -> Result<(), UserError> {
        let mut text = format!(
            "\nThe answer is {answer}.\n\nThe same by hand, in an empty folder. After `init`, put the \
             CSV files and the sections [table.…]\ninto place and use the node ids that were \
             printed; give each `serve` a terminal of its own.\n"
        );
        for command in &self.commands {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  {command}");
        }
        let folder = self.folder.display();
        let _ = if keep {
            writeln!(
                text,
                "\nEverything is in {folder}: the nodes with their logs, the collaboration, the \
                 receipts.\nThe commands from `serve` on work there without a change."
            )
        } else {
            writeln!(
                text,
                "\nThe folder of this demo has been removed; --keep or --dir keeps it."
            )
        };
        output::print(&text)
    }
}

/// The count of both shops' common customers with a recent purchase.
pub(super) fn count_sql(asking: &Shop, answering: &Shop) -> String {
    let (s, b) = (asking.name, answering.name);
    format!(
        "SELECT COUNT(*) FROM {s}.customers AS s JOIN {b}.customers AS b \
         ON s.email_hash = b.email_hash WHERE b.last_purchase > '{AFTER}'"
    )
}

/// The specification that the first opened entry of the node's log holds.
fn opened_job(config: &NodeConfig) -> Result<JobSpec, UserError> {
    let state = State::open(&config.state_dir())?;
    let missing = || UserError::internal("the receipt log holds no opened job");
    let collab = state.collab_by_name(COLLAB)?.ok_or_else(missing)?;
    let stored = state.entry(&collab.id(), 0)?.ok_or_else(missing)?;
    let entry = Entry::decode(&stored.entry).map_err(|e| UserError::internal(e.to_string()))?;
    let Body::Opened { spec, .. } = entry.body else {
        return Err(missing());
    };
    JobSpec::decode(&spec).map_err(|e| UserError::internal(e.to_string()))
}

pub(super) fn without_answer(document: ResultDocument, exit: Exit) -> UserError {
    UserError::new(
        exit,
        document
            .detail
            .unwrap_or_else(|| format!("the job ended {}", document.status)),
        document
            .remedy
            .unwrap_or_else(|| "run the demo with --keep and see the logs".into()),
    )
}

pub(super) fn indent(text: &str) -> String {
    let indented = |line: &str| {
        if line.is_empty() {
            String::new()
        } else {
            format!("  {line}")
        }
    };
    text.lines()
        .fold(String::new(), |all, line| all + &indented(line) + "\n")
}
