//! The stages of the demo, in order, each with the command that does the same by hand.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use psi_core::receipt::{Body, Entry};
use psi_core::spec::{JobSpec, Party};

use super::nodes::{self, Node};
use super::sample::{self, Shop};
use crate::api::client::Client;
use crate::api::types::NewJob;
use crate::cli::collab::{CollabCommand, FileArgs, NewArgs};
use crate::cli::init::{self, CONFIG_FILE, InitArgs};
use crate::cli::output::{self, Format};
use crate::cli::receipts::{ExportArgs, ReceiptsCommand, VerifyArgs};
use crate::cli::{ConfigArg, collab, query, receipts};
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::result::ResultDocument;
use crate::state::State;

/// The collaboration's name.
const COLLAB: &str = "summer";
/// The day after which `brand`'s customers count.
const AFTER: &str = "2025-01-01";

/// Everything the demo does by hand, for the end.
struct Story {
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
        })?;
        story.write_table(shop)?;
        members.push(format!("{name}={id}@{listen}"));
        output::print(&format!(
            "  node id {id}\n  {} customers in {name}/customers.csv; appended to \
             {name}/{CONFIG_FILE}:\n{}\n",
            shop.customers,
            indent(&indent(sample::table_section(shop).trim()))
        ))?;
    }

    story.stage("A collaboration that both sign and join")?;
    story.agree(&shops, members)?;

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

    story.stage(&format!("{} asks, {} answers", snowy.name, brand.name))?;
    let document = story.ask(snowy, brand).await?;

    story.stage("Both stop; both hold the same receipt, signed by both")?;
    for node in running {
        node.stop().await?;
    }
    let spec = story.receipts(&shops)?;

    story.stage("What each side learned")?;
    output::print(&learned(&document, &spec, snowy, brand))?;

    story.stage("The same, the ordinary way: both files in one place")?;
    let answer = story.compare(&document, snowy, brand)?;
    story.farewell(keep, answer)?;
    Ok(Exit::Released)
}

impl Story {
    fn stage(&mut self, title: &str) -> Result<(), UserError> {
        self.stage += 1;
        output::print(&format!("\n{}. {title}\n", self.stage))
    }

    /// Shows a command, relative to the demo's folder, and remembers it.
    fn command(&mut self, arguments: &str) -> Result<(), UserError> {
        let command = format!("psi-node {arguments}");
        output::print(&format!("  $ {command}\n"))?;
        self.commands.push(command);
        Ok(())
    }

    fn config(&self, shop: &Shop) -> ConfigArg {
        ConfigArg {
            config: self.folder.join(shop.name).join(CONFIG_FILE),
        }
    }

    /// Writes the shop's customers, and the section of the configuration that serves them.
    fn write_table(&self, shop: &Shop) -> Result<(), UserError> {
        let dir = self.folder.join(shop.name);
        let failed = |e| UserError::machine(format!("cannot write into {}", dir.display()), e);
        std::fs::write(dir.join("customers.csv"), sample::csv(shop)).map_err(failed)?;
        let mut config = std::fs::OpenOptions::new()
            .append(true)
            .open(dir.join(CONFIG_FILE))
            .map_err(failed)?;
        config
            .write_all(sample::table_section(shop).as_bytes())
            .map_err(failed)
    }

    fn agree(&mut self, shops: &[Shop; 2], members: Vec<String>) -> Result<(), UserError> {
        let file = format!("{COLLAB}.toml");
        let mut shown = format!("collab new --name {COLLAB}");
        for member in &members {
            // Writing into a String cannot fail.
            let _ = write!(shown, " --member {member}");
        }
        self.command(&format!("{shown} -o {file}"))?;
        let output = self.folder.join(&file);
        collab::run(CollabCommand::New(NewArgs {
            name: COLLAB.into(),
            members,
            no_query: Vec::new(),
            no_receive: Vec::new(),
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

    async fn ask(&mut self, snowy: &Shop, brand: &Shop) -> Result<ResultDocument, UserError> {
        let (s, b) = (snowy.name, brand.name);
        let sql = format!(
            "SELECT COUNT(*) FROM {s}.customers AS s JOIN {b}.customers AS b \
             ON s.email_hash = b.email_hash WHERE b.last_purchase > '{AFTER}'"
        );
        self.command(&format!(
            "query --config {s}/{CONFIG_FILE} --collab {COLLAB} \"{sql}\""
        ))?;
        let config = self.config(snowy).load()?;
        let client = Client::new(&config.socket_path());
        let ended = query::ask(
            &client,
            &NewJob {
                collab: COLLAB.into(),
                sql,
            },
        )
        .await?;
        let document = ended.document;
        if ended.exit != Exit::Released.number() {
            return Err(UserError::new(
                Exit::from_number(ended.exit).unwrap_or(Exit::Internal),
                document
                    .detail
                    .unwrap_or_else(|| format!("the job ended {}", document.status)),
                document
                    .remedy
                    .unwrap_or_else(|| "run the demo with --keep and see the logs".into()),
            ));
        }
        let stats = &document.stats;
        output::print(&format!(
            "{}  in {:.1} s, {} bytes sent and {} received by {s}\n",
            indent(&query::render(&document, query::QueryFormat::Table)),
            stats.wall_seconds,
            stats.bytes_sent,
            stats.bytes_received
        ))?;
        Ok(document)
    }

    /// Exports and verifies both receipt logs, and returns the specification of the job in them.
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

    /// Counts the matches of the two files themselves. An answer that differs is an error.
    fn compare(
        &self,
        document: &ResultDocument,
        snowy: &Shop,
        brand: &Shop,
    ) -> Result<u64, UserError> {
        let read = |shop: &Shop| {
            let path = self.folder.join(shop.name).join("customers.csv");
            std::fs::read_to_string(&path)
                .map_err(|e| UserError::machine(format!("cannot read {}", path.display()), e))
        };
        let plain = sample::plain_count(&read(snowy)?, &read(brand)?, AFTER);
        let answer = document.rows.first().and_then(|row| row.first());
        if answer.and_then(serde_json::Value::as_u64) != Some(plain) {
            return Err(UserError::internal(format!(
                "the nodes answered {}, a plain join of the files answers {plain}",
                answer.map_or_else(|| "nothing".into(), ToString::to_string)
            )));
        }
        output::print(&format!(
            "  a plain join of the two files answers {plain}: the same\n"
        ))?;
        Ok(plain)
    }

    fn farewell(&self, keep: bool, answer: u64) -> Result<(), UserError> {
        let mut text = format!(
            "\nThe answer is {answer}.\n\nThe same by hand, in an empty folder. After `init`, put \
             customers.csv and the section [table.customers]\ninto place and use the node ids \
             that were printed; give each `serve` a terminal of its own.\n"
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
                 receipts.\nThe commands from `serve` on work there as they stand."
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

/// Who holds what after the job, as the receipt and the result document say.
fn learned(document: &ResultDocument, spec: &JobSpec, snowy: &Shop, brand: &Shop) -> String {
    let (asking, answering) = (snowy.name, brand.name);
    let rows: Vec<String> = document
        .rows
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let size = |size: Option<u64>| size.map_or_else(|| "?".into(), |size| size.to_string());
    let (receiver, sender) = match spec.receiver {
        Party::Requester => (asking, answering),
        Party::Responder => (answering, asking),
    };
    let answering_count = match spec.receiver {
        Party::Requester => format!("  {answering}    not the answer, and not who {asking} knows"),
        Party::Responder => format!(
            "  {answering}    its node did the matching, so its operator can see how many matched;\n\
             \u{20}          not who they are"
        ),
    };
    format!(
        "  both     the question, as the receipt has it:\n           {}\n  \
         both     the sizes of the lists, padded to public sizes: {} points of {receiver},\n           \
         {} tags of {sender}\n  \
         {asking}    the answer: {}; not which of its customers they are\n\
         {answering_count}\n  \
         neither  a row of the other, an e-mail address or its hash, or how many customers\n           \
         of the other passed a filter\n",
        spec.query,
        size(document.stats.receiver_size),
        size(document.stats.sender_size),
        rows.join(", "),
    )
}

fn indent(text: &str) -> String {
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
