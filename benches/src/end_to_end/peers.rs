//! The same question to other programs, which anyone can install from the Python package index, on
//! the same identifiers. Called by `end_to_end compare`.
//!
//! Each is run by a script of `benches/compare`, as two processes; versions are pinned in
//! `requirements.txt` there. What is measured is the protocol alone, and so leaves out what a node
//! does besides: policy, padding to registered sizes, encryption of the connection, receipts. A
//! program that this machine cannot install is left out, and the rest is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::data::{self, IdKind};
use crate::failure::{Failure, Outcome};
use crate::measure::row_numbers;
use crate::nodes::run;
use crate::report::{Pair, PeerRun};
use crate::size::{float, shown};

const REQUIREMENTS: &str = include_str!("../../compare/requirements.txt");
/// What the scripts import.
const SHARED_SCRIPT: (&str, &str) = ("measured.py", include_str!("../../compare/measured.py"));
const OPENMINED: Script = Script {
    package: "openmined-psi",
    file: "openmined.py",
    text: include_str!("../../compare/openmined.py"),
};
const SECRETFLOW: Script = Script {
    package: "spu",
    file: "secretflow.py",
    text: include_str!("../../compare/secretflow.py"),
};
const WHICH: &str = "the receiver: which of its items the other has";
const HOW_MANY: &str = "the receiver: how many of its items the other has";

/// A script that runs both halves of a program.
#[derive(Debug)]
struct Script {
    /// The package it needs.
    package: &'static str,
    file: &'static str,
    text: &'static str,
}

/// A program with the settings that decide its cost.
#[derive(Debug)]
pub(crate) struct Program {
    /// As `--program` takes it.
    name: &'static str,
    title: &'static str,
    script: &'static Script,
    variant: &'static str,
    /// Whether the answer may be a little too large.
    approximates: bool,
    /// Who learns what, beside the sizes of both lists.
    learns: &'static str,
}

static PROGRAMS: [Program; 5] = [
    Program {
        name: "openmined-raw",
        title: "OpenMined PSI, ECDH on P-256, raw",
        script: &OPENMINED,
        variant: "raw",
        approximates: false,
        learns: HOW_MANY,
    },
    // A compressed set: fewer bytes, and false positives at a rate of 1e-9.
    Program {
        name: "openmined-gcs",
        title: "OpenMined PSI, ECDH on P-256, gcs",
        script: &OPENMINED,
        variant: "gcs",
        approximates: true,
        learns: HOW_MANY,
    },
    Program {
        name: "secretflow-25519",
        title: "SecretFlow PSI, ECDH on Curve25519",
        script: &SECRETFLOW,
        variant: "ecdh-25519",
        approximates: false,
        learns: WHICH,
    },
    Program {
        name: "secretflow-fourq",
        title: "SecretFlow PSI, ECDH on FourQ",
        script: &SECRETFLOW,
        variant: "ecdh-fourq",
        approximates: false,
        learns: WHICH,
    },
    Program {
        name: "secretflow-rr22",
        title: "SecretFlow PSI, RR22",
        script: &SECRETFLOW,
        variant: "rr22",
        approximates: false,
        learns: WHICH,
    },
];

/// The program with this name.
///
/// # Errors
/// A sentence that names all.
pub(crate) fn parse_program(name: &str) -> Result<&'static Program, String> {
    let found = PROGRAMS.iter().find(|program| program.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        format!("`{name}` is not one of {}", names.join(", "))
    })
}

/// What one half used, as a script prints it.
#[derive(Deserialize)]
struct Used {
    cpu_seconds: f64,
    wall_seconds: f64,
    peak_rss_bytes: u64,
}

/// What a script prints.
#[derive(Deserialize)]
struct Printed {
    answer: u64,
    message_bytes: u64,
    receiver: Used,
    sender: Used,
}

/// The programs that can be run here, with the interpreter of their environment.
#[derive(Default)]
pub(crate) struct Peers {
    python: PathBuf,
    programs: Vec<&'static Program>,
}

impl Peers {
    /// Makes an environment in `folder` with the interpreter `python`, unless it is there, and
    /// installs what the `named` programs need; all that are exact if none is named. Says which
    /// programs it leaves out, and why.
    pub(crate) fn install(folder: &Path, python: &str, named: &[&'static Program]) -> Self {
        let mut programs = named.to_vec();
        if programs.is_empty() {
            programs = PROGRAMS.iter().filter(|one| !one.approximates).collect();
        }
        let environment = Environment {
            folder: folder.to_owned(),
        };
        // One attempt for each package, however many programs need it.
        let mut tried: Vec<(&str, bool)> = Vec::new();
        programs.retain(|program| {
            let package = program.script.package;
            if let Some((_, usable)) = tried.iter().find(|(known, _)| *known == package) {
                return *usable;
            }
            let installed = environment.install(python, package);
            if let Err(failure) = &installed {
                eprintln!("going on without {package}: {failure}");
            }
            tried.push((package, installed.is_ok()));
            installed.is_ok()
        });
        Self {
            python: environment.python(),
            programs,
        }
    }

    /// Writes what [`Self::measure`] reads: the scripts and both lists of identifiers.
    pub(crate) fn prepare(
        &self,
        folder: &Path,
        id_kind: IdKind,
        rows: Pair<u64>,
        shared: u64,
    ) -> Outcome<()> {
        fs::write(folder.join(SHARED_SCRIPT.0), SHARED_SCRIPT.1)?;
        for Program { script, .. } in &self.programs {
            fs::write(folder.join(script.file), script.text)?;
        }
        let numbers = row_numbers(rows, shared);
        data::write_lines(&folder.join("receiver.txt"), "", id_kind, numbers.receiver)?;
        data::write_lines(&folder.join("sender.txt"), "", id_kind, numbers.sender)
    }

    /// Runs each program once and checks its answer.
    ///
    /// # Errors
    /// [`Failure::WrongAnswer`]; anything that a script or the file system says.
    pub(crate) fn measure(
        &self,
        folder: &Path,
        id_kind: IdKind,
        rows: Pair<u64>,
        shared: u64,
    ) -> Outcome<Vec<PeerRun>> {
        let elements = float(rows.receiver + rows.sender);
        let one = |program: &&'static Program| {
            let mut command = Command::new(&self.python);
            command.arg(folder.join(program.script.file));
            command.arg("--receiver").arg(folder.join("receiver.txt"));
            command.arg("--sender").arg(folder.join("sender.txt"));
            let output = run(command.args(["--variant", program.variant]))?;
            let printed: Printed = serde_json::from_str(&output)?;
            program.check(printed.answer, shared)?;
            let Printed {
                receiver, sender, ..
            } = printed;
            let cpu = receiver.cpu_seconds + sender.cpu_seconds;
            let cpu_us_per_element = cpu * 1e6 / elements;
            eprintln!(
                "  {}, {} x {}: {:.1} s, {cpu_us_per_element:.2} us of processor time per element",
                program.title,
                shown(rows.receiver),
                shown(rows.sender),
                receiver.wall_seconds
            );
            Ok(PeerRun {
                program: format!("{}, {}", program.title, program.script.version()),
                id_kind,
                rows,
                shared,
                answer: printed.answer,
                learns: program.learns.to_owned(),
                wall_seconds: receiver.wall_seconds,
                cpu_seconds: Pair {
                    receiver: receiver.cpu_seconds,
                    sender: sender.cpu_seconds,
                },
                peak_rss_bytes: Pair {
                    receiver: receiver.peak_rss_bytes,
                    sender: sender.peak_rss_bytes,
                },
                cpu_us_per_element,
                message_bytes_per_element: float(printed.message_bytes) / elements,
            })
        };
        self.programs.iter().map(one).collect()
    }
}

impl Script {
    /// The pinned package, such as `spu 0.9.5`.
    fn version(&self) -> String {
        let mut pins = REQUIREMENTS.lines().filter_map(|pin| pin.split_once("=="));
        let pin = pins.find(|(package, _)| *package == self.package);
        pin.map_or_else(String::new, |(package, version)| {
            format!("{package} {version}")
        })
    }
}

impl Program {
    /// An exact program must give the exact count; another may count a few too many.
    fn check(&self, answer: u64, shared: u64) -> Outcome<()> {
        let most = if self.approximates {
            shared + 1 + shared / 1_000
        } else {
            shared
        };
        if (shared..=most).contains(&answer) {
            return Ok(());
        }
        Err(Failure::WrongAnswer(format!(
            "{} answers {answer}; the lists share {shared} rows",
            self.title
        )))
    }
}

/// A Python environment with pinned versions.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Installs a package with what it needs, unless that was done with these pins before.
    fn install(&self, python: &str, package: &str) -> Outcome<()> {
        let done = self.folder.join(format!("{package}.installed"));
        if fs::read_to_string(&done).is_ok_and(|text| text == REQUIREMENTS) {
            return Ok(());
        }
        eprintln!("installing {package}");
        if !self.python().exists() {
            run(Command::new(python).args(["-m", "venv"]).arg(&self.folder))?;
        }
        let pins = self.folder.join("requirements.txt");
        fs::write(&pins, REQUIREMENTS)?;
        let mut install = Command::new(self.python());
        install.args(["-m", "pip", "install", "--quiet"]);
        install.args(["--disable-pip-version-check", "--only-binary", ":all:"]);
        run(install.arg("--constraint").arg(&pins).arg(package))?;
        // Last, so that what is half installed is installed again.
        Ok(fs::write(done, REQUIREMENTS)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_program_must_be_exact_and_no_program_may_miss_a_match() {
        for (name, answer, right) in [
            ("openmined-raw", 100, true),
            ("openmined-raw", 101, false),
            ("openmined-gcs", 100, true),
            ("openmined-gcs", 101, true),
            ("openmined-gcs", 99, false),
            ("openmined-gcs", 102, false),
            ("secretflow-rr22", 101, false),
        ] {
            let program = parse_program(name).unwrap();
            let checked = program.check(answer, 100);
            assert_eq!(checked.is_ok(), right, "{name} {answer}");
        }
    }

    #[test]
    fn the_package_of_each_program_is_pinned() {
        assert!(parse_program("none").is_err());
        for program in &PROGRAMS {
            let version = program.script.version();
            assert!(version.contains(|c: char| c.is_ascii_digit()), "{version}");
        }
    }
}
