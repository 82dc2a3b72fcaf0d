//! The stages of the demo, in order. Each runs the commands that a person would type.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use psi_core::receipt::{Body, Entry};
use psi_core::spec::JobSpec;
use tokio::process::Command;

use super::findings::{self, EPSILON};
use super::nodes::{self, Node};
use super::sample::{self, Shop};
use crate::cli::init::CONFIG_FILE;
use crate::cli::{output, query};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::document::ResultDocument;
use crate::state::State;

/// The collaboration with exact answers, and the one whose answers have noise.
const COLLAB: &str = "summer";
const COLLAB_DP: &str = "autumn";
/// The day after which `brand`'s customers count.
const AFTER: &str = "2025-01-01";

/// What the demo has done, for the end.
struct Story {
    folder: PathBuf,
    /// What `--keep` says to type: the questions.
    questions: Vec<String>,
    stage: u32,
}

/// Runs all stages in an empty folder.
pub(super) async fn tell(folder: &Path, customers: u64, keep: bool) -> Result<Exit, UserError> {
    let mut story = Story {
        folder: folder.to_owned(),
        questions: Vec::new(),
        stage: 0,
    };
    let shops = sample::shops(customers);
    let [snowy, brand] = &shops;
    let (s, b) = (snowy.name, brand.name);
    let addresses = nodes::free_addresses()?;

    story.stage("Two shops, each with a node, a key, rules and its own customers")?;
    for (shop, listen) in shops.iter().zip(addresses) {
        let (name, listen) = (shop.name, listen.to_string());
        let init = ["init", name, "--name", name, "--listen", &listen];
        story.run(&init).await?;
        let files = story.write_tables(shop, shop == brand)?;
        say(&format!("{name}  {listen}  {files}"))?;
    }
    say(&format!(
        "rules of both: filter by last_purchase alone; no number about fewer than {} people",
        sample::MINIMUM
    ))?;

    story.stage("A collaboration: one invites, the other accepts, both sign")?;
    story.agree(&shops, COLLAB, "exact").await?;
    story.agree(&shops, COLLAB_DP, "dp").await?;

    story.stage("Two daemons, which speak QUIC with each other on this machine")?;
    let mut running = Vec::new();
    for shop in &shops {
        let (node, _) = Node::start(shop.name, &story.folder.join(shop.name)).await?;
        say(&format!(
            "psi-node serve --config {}/{CONFIG_FILE}",
            shop.name
        ))?;
        running.push(node);
    }

    story.stage(&format!("{s} asks how many of its customers bought at {b}"))?;
    let count = story.ask_count(snowy, brand).await?;
    story.stage(&format!("{s} asks what they order there, by region"))?;
    let totals = story.ask_totals(snowy, brand).await?;
    story.stage(&format!("{s} asks for more than {b} allows"))?;
    story.ask_what_is_refused(snowy, brand).await?;
    story.stage("The first question again, answered with noise from a budget")?;
    let noisy = story.ask_with_noise(snowy, brand).await?;

    story.stage("Both stop; both hold the same receipts, signed by both")?;
    for node in running {
        node.stop().await?;
    }
    let (spec, receipt) = story.receipts(&shops).await?;

    story.stage("The same, the ordinary way: a plain join of the files in one place")?;
    let both = [snowy, brand];
    let answer = findings::compare(&story.folder, [&count, &totals], both, AFTER)?;
    say(&format!(
        "it answers {answer}, and the same orders, totals and averages"
    ))?;
    say(&findings::compare_noisy(&noisy, answer)?)?;

    title("\nWhat each side learned")?;
    output::print(&findings::learned(&count, &spec, snowy, brand))?;
    title(&format!("\nThe answer is {answer}."))?;
    say(&receipt)?;
    story.farewell(keep, &shops)?;
    Ok(Exit::Released)
}

/// What a command of this program ended with.
struct Ran {
    exit: Exit,
    /// Its standard output.
    text: String,
    /// Its standard error.
    said: String,
}

impl Story {
    fn stage(&mut self, text: &str) -> Result<(), UserError> {
        self.stage += 1;
        title(&format!("{}. {text}", self.stage))
    }

    /// Runs this very program in the demo's folder, as a person would; what it printed is returned.
    async fn run(&self, arguments: &[&str]) -> Result<String, UserError> {
        let Ran { exit, text, said } = self.try_run(arguments).await?;
        if exit == Exit::Released {
            return Ok(text);
        }
        Err(UserError::new(
            exit,
            format!("`psi-node {}` failed: {}", arguments.join(" "), said.trim()),
            "run the demo with --keep and see the logs",
        ))
    }

    async fn try_run(&self, arguments: &[&str]) -> Result<Ran, UserError> {
        let failed = |e| UserError::machine("cannot start this program again", e);
        let output = Command::new(std::env::current_exe().map_err(failed)?)
            .args(arguments)
            .current_dir(&self.folder)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(failed)?;
        let number = output
            .status
            .code()
            .and_then(|code| u8::try_from(code).ok());
        let exit = number.and_then(Exit::from_number).unwrap_or(Exit::Internal);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran {
            exit,
            text: text(&output.stdout),
            said: text(&output.stderr),
        })
    }

    /// Writes the shop's files, and the sections of the configuration that serve them; says which.
    fn write_tables(&self, shop: &Shop, orders: bool) -> Result<String, UserError> {
        let dir = self.folder.join(shop.name);
        let failed = |e| UserError::machine(format!("cannot write into {}", dir.display()), e);
        let mut sections = sample::table_section(shop);
        let mut files = format!("{} customers", shop.customers);
        std::fs::write(dir.join("customers.csv"), sample::csv(shop)).map_err(failed)?;
        if orders {
            sections.push_str(&sample::orders_section(shop));
            let text = sample::orders_csv(shop);
            // Writing into a String cannot fail.
            let _ = write!(files, ", {} orders", text.lines().count().saturating_sub(1));
            std::fs::write(dir.join("orders.csv"), text).map_err(failed)?;
        }
        let mut config = std::fs::OpenOptions::new()
            .append(true)
            .open(dir.join(CONFIG_FILE))
            .map_err(failed)?;
        config.write_all(sections.as_bytes()).map_err(failed)?;
        Ok(files)
    }

    /// Makes a collaboration by the commands of a first contact.
    async fn agree(&self, shops: &[Shop; 2], name: &str, mode: &str) -> Result<(), UserError> {
        let [one, other] = shops.each_ref().map(config);
        let (invite, reply) = (format!("{name}-invite.txt"), format!("{name}-reply.txt"));
        let from = ["--config", &one];
        let to = ["--config", &other];
        let asked = [
            "collab", "invite", "--name", name, "--mode", mode, "-o", &invite,
        ];
        self.run(&[&asked[..], &from[..]].concat()).await?;
        let accepted = ["collab", "accept", &invite, "--yes", "-o", &reply];
        self.run(&[&accepted[..], &to[..]].concat()).await?;
        let closed = ["collab", "accept", &reply, "--yes"];
        self.run(&[&closed[..], &from[..]].concat()).await?;
        let answers = if mode == "dp" { "with noise" } else { "exact" };
        say(&format!(
            "{name}, answers {answers}: collab invite by {}, collab accept by {} and by {}",
            shops[0].name, shops[1].name, shops[0].name
        ))
    }

    async fn ask_count(&mut self, snowy: &Shop, brand: &Shop) -> Result<ResultDocument, UserError> {
        let lines = count_sql(snowy, brand);
        let (document, exit) = self.ask(snowy, COLLAB, &lines, &[]).await?;
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
        let lines = [
            "SELECT o.region, COUNT(*) AS orders, SUM(o.amount) AS total, AVG(o.amount) AS average"
                .to_owned(),
            format!(
                "FROM {s}.customers AS s JOIN {b}.orders AS o ON s.email_hash = o.email_hash \
                 GROUP BY o.region"
            ),
        ];
        let (document, exit) = self.ask(snowy, COLLAB, &lines, &[]).await?;
        if !matches!(exit, Exit::Released | Exit::Suppressed) {
            return Err(without_answer(document, exit));
        }
        Ok(document)
    }

    /// A filter on the identifiers themselves would ask for single persons.
    async fn ask_what_is_refused(&mut self, snowy: &Shop, brand: &Shop) -> Result<(), UserError> {
        let (s, b) = (snowy.name, brand.name);
        let lines = [
            format!("SELECT COUNT(*) FROM {s}.customers AS s JOIN {b}.customers AS b"),
            "ON s.email_hash = b.email_hash WHERE b.email_hash > 'c0'".to_owned(),
        ];
        let (document, exit) = self.ask(snowy, COLLAB, &lines, &[]).await?;
        if exit != Exit::RefusedByPeer {
            return Err(without_answer(document, exit));
        }
        let detail = document.detail.unwrap_or_default();
        // What follows the code names the column, and is longer than a line of the demo.
        say(detail.split(". ").next().unwrap_or_default())?;
        say(&format!(
            "both hold a receipt of the refusal; {b}'s own log names the rule"
        ))
    }

    /// The count once more, under a collaboration in mode `dp`.
    async fn ask_with_noise(
        &mut self,
        snowy: &Shop,
        brand: &Shop,
    ) -> Result<ResultDocument, UserError> {
        let lines = count_sql(snowy, brand);
        let options = ["--epsilon", EPSILON.0];
        let (document, exit) = self.ask(snowy, COLLAB_DP, &lines, &options).await?;
        if !matches!(exit, Exit::Released | Exit::Suppressed) {
            return Err(without_answer(document, exit));
        }
        for line in document.privacy.iter().flat_map(query::say_privacy) {
            say(&line)?;
        }
        Ok(document)
    }

    /// Asks by `psi-node query`, shows question and answer.
    async fn ask(
        &mut self,
        asking: &Shop,
        collab: &str,
        lines: &[String],
        options: &[&str],
    ) -> Result<(ResultDocument, Exit), UserError> {
        for line in lines {
            say(line)?;
        }
        let (sql, config) = (lines.join("\n"), config(asking));
        let mut arguments = vec!["query", "--config", &config, "--collab", collab];
        arguments.extend(options);
        self.questions
            .push(format!("psi-node {} \"{sql}\"", arguments.join(" ")));
        arguments.extend(["--format", "json", &sql]);
        let Ran { exit, text, said } = self.try_run(&arguments).await?;
        let document: ResultDocument = serde_json::from_str(&text)
            .map_err(|e| UserError::internal(format!("a result is not JSON: {e}: {said}")))?;
        if matches!(exit, Exit::Released | Exit::Suppressed) {
            for line in query::render(&document, query::QueryFormat::Table).lines() {
                say(&format!("  {line}"))?;
            }
        }
        Ok((document, exit))
    }

    /// Exports both receipt logs and verifies each against the other. Returns the specification of
    /// the first job in them, and what there is to say about its receipt.
    async fn receipts(&self, shops: &[Shop; 2]) -> Result<(JobSpec, String), UserError> {
        let files = shops
            .each_ref()
            .map(|shop| format!("{}-receipts.jsonl", shop.name));
        for (shop, file) in shops.iter().zip(&files) {
            let config = config(shop);
            let export = [
                "receipts", "export", "--collab", COLLAB, "--config", &config,
            ];
            self.run(&[&export[..], &["-o", file]].concat()).await?;
        }
        let [one, other] = &files;
        for (file, against) in [(one, other), (other, one)] {
            let verify = ["receipts", "verify", file, "--against", against];
            let told = self.run(&verify).await?;
            say(told.lines().next().unwrap_or_default())?;
        }
        self.opened_job(&shops[0])
    }

    /// The first opened entry of the shop's log, and where to see it.
    fn opened_job(&self, shop: &Shop) -> Result<(JobSpec, String), UserError> {
        let state = State::open(&self.folder.join(shop.name).join("state"))?;
        let missing = || UserError::internal("the receipt log holds no opened job");
        let collab = state.collab_by_name(COLLAB)?.ok_or_else(missing)?;
        let stored = state.entry(&collab.id(), 0)?.ok_or_else(missing)?;
        let entry = Entry::decode(&stored.entry).map_err(|e| UserError::internal(e.to_string()))?;
        let Body::Opened { spec, .. } = entry.body else {
            return Err(missing());
        };
        let spec = JobSpec::decode(&spec).map_err(|e| UserError::internal(e.to_string()))?;
        let closing = state.entry(&collab.id(), 1)?.ok_or_else(missing)?;
        let closing =
            Entry::decode(&closing.entry).map_err(|e| UserError::internal(e.to_string()))?;
        if !matches!(closing.body, Body::Closed { .. }) {
            return Err(missing());
        }
        let mut receipt = hex::encode(spec.job_id());
        receipt.truncate(16);
        let [one, other] = collab.members().each_ref().map(|member| &member.name);
        let receipt = format!(
            "Its receipt: entries 0 and 1 of {COLLAB}, job {receipt}…, signed by {one} and {other}."
        );
        Ok((spec, receipt))
    }

    fn farewell(&self, keep: bool, shops: &[Shop; 2]) -> Result<(), UserError> {
        if !keep {
            return say("All files of this demo are removed; --keep keeps them.");
        }
        let program = std::env::current_exe()
            .map_err(|e| UserError::machine("cannot find this program", e))?;
        let programs = program.parent().unwrap_or(Path::new(".")).display();
        let folder = self.folder.display();
        let mut text = format!(
            "\nAll of it is in {folder}. To go on, paste these, the first line into each terminal, each `serve` into \
             one of its own:\n\n  cd \"{folder}\"; PATH=\"{programs}:$PATH\"\n"
        );
        for shop in shops {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  psi-node serve --config {}", config(shop));
        }
        for question in &self.questions {
            let _ = writeln!(text, "  {}", question.replace('\n', "\n    "));
        }
        output::print(&text)
    }
}

/// The configuration of a shop's node, seen from the demo's folder.
fn config(shop: &Shop) -> String {
    format!("{}/{CONFIG_FILE}", shop.name)
}

/// Prints a heading, bold where a terminal shows it.
fn title(text: &str) -> Result<(), UserError> {
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    output::print(&if plain {
        format!("{text}\n")
    } else {
        format!("\u{1b}[1m{text}\u{1b}[0m\n")
    })
}

/// Prints a line below a heading.
fn say(line: &str) -> Result<(), UserError> {
    output::print(&format!("   {line}\n"))
}

/// The count of both shops' common customers with a recent purchase, in two lines.
fn count_sql(asking: &Shop, answering: &Shop) -> [String; 2] {
    let (s, b) = (asking.name, answering.name);
    [
        format!("SELECT COUNT(*) FROM {s}.customers AS s JOIN {b}.customers AS b"),
        format!("ON s.email_hash = b.email_hash WHERE b.last_purchase > '{AFTER}'"),
    ]
}

fn without_answer(document: ResultDocument, exit: Exit) -> UserError {
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
