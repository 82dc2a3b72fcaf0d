//! The commands of `docs/walkthrough-planes-flights.md`, run exactly as given there, and more
//! questions over the same public data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{BINARY, free_address};

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// A folder in which the page's commands run: the sample data, and the node's program on the path.
struct Shell {
    dir: TempDir,
    addresses: [(&'static str, String); 2],
    daemons: Vec<Child>,
}

impl Shell {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let root = dir.path();
        std::os::unix::fs::symlink(repository().join("testdata"), root.join("testdata")).unwrap();
        fs::create_dir(root.join("bin")).unwrap();
        std::os::unix::fs::symlink(BINARY, root.join("bin/psi-node")).unwrap();
        let addresses = [
            ("127.0.0.1:7411", free_address()),
            ("127.0.0.1:7412", free_address()),
        ];
        Self {
            dir,
            addresses,
            daemons: Vec::new(),
        }
    }

    fn command(&self, script: &str) -> Command {
        let mut script = script.to_owned();
        for (printed, real) in &self.addresses {
            script = script.replace(printed, real);
        }
        let path = format!(
            "{}:{}",
            self.dir.path().join("bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .current_dir(self.dir.path())
            .env("PATH", path);
        command
    }

    /// Runs a block to its end; returns everything it printed.
    fn run(&self, script: &str) -> String {
        let output = self.command(script).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// Starts each line of a block as a daemon.
    fn start(&mut self, script: &str) {
        for line in script.lines() {
            let log = self
                .dir
                .path()
                .join(format!("serve-{}.log", self.daemons.len()));
            let daemon = self
                .command(&format!("exec {line}"))
                .stdout(fs::File::create(&log).unwrap())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            self.daemons.push(daemon);
            crate::harness::eventually("a node listens", || {
                fs::read_to_string(&log).is_ok_and(|text| text.contains("listening on"))
            });
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// The blocks of commands on a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```console\n") {
        let (block, after) = after.split_once("```").expect("a block ends");
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

#[test]
fn the_walkthrough_does_what_it_says() {
    let page = fs::read_to_string(repository().join("docs/walkthrough-planes-flights.md")).unwrap();
    let mut shell = Shell::new();
    let mut answers = Vec::new();
    for block in blocks(&page) {
        if block.starts_with("cargo build") {
            // The program is on the path already; the rest of the block makes the nodes.
            let inits = block.lines().filter(|line| line.starts_with("psi-node"));
            shell.run(&inits.collect::<Vec<_>>().join("\n"));
        } else if block.contains("psi-node serve") {
            shell.start(&block);
        } else if block.contains("psi-node query") {
            answers.push(shell.run(&block));
        } else {
            let checked = format!("set -euo pipefail\n{block}\necho done");
            let printed = shell.run(&checked);
            assert!(printed.trim_end().ends_with("done"), "{block}\n{printed}");
        }
    }
    let [all, boeing, few, cross] = answers.as_slice() else {
        panic!("four questions: {answers:?}")
    };
    assert!(all.contains("312"), "{all}");
    assert!(
        boeing.replace([' ', '\n'], "").contains("[[140]]"),
        "{boeing}"
    );
    assert!(
        few.contains("suppressed") && few.lines().any(|line| line == "3"),
        "{few}"
    );

    // The page shows the table exactly as it is printed.
    let (_, table) = page.split_once("```text\n").unwrap();
    let (table, _) = table.split_once("```").unwrap();
    assert!(table.lines().count() == 17 && *cross == table, "{cross}");

    // Every further answer that the source of the sample data lists.
    let source =
        fs::read_to_string(repository().join("testdata/planes-flights/SOURCE.md")).unwrap();
    let mut asked = 0;
    for line in source.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", condition, count, ""] = cells.as_slice() else {
            continue;
        };
        let Ok(count) = count.parse::<u64>() else {
            continue;
        };
        let condition = condition.trim_matches('`');
        let filter = if condition == "(none)" {
            String::new()
        } else {
            format!(" WHERE {condition}")
        };
        for (asker, kind) in [("lessor", "*"), ("airline", "DISTINCT f.tailnum")] {
            let sql = format!(
                "SELECT COUNT({kind}) FROM lessor.planes AS p JOIN airline.flights_by_aircraft AS f \
                 ON p.tailnum = f.tailnum{filter}"
            );
            let query = format!(
                "psi-node query --config walk/{asker}/node.toml --collab summer --format json \"{sql}\""
            );
            let printed = shell.run(&query).replace([' ', '\n'], "");
            let expected = if count < 10 {
                "\"suppressed\"".to_owned()
            } else {
                format!("\"rows\":[[{count}]]")
            };
            assert!(printed.contains(&expected), "{asker}: {sql}\n{printed}");
        }
        asked += 1;
    }
    assert_eq!(asked, 7, "the table of expected answers was read");
}
