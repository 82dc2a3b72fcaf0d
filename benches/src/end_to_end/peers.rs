//! The same count with OpenMined PSI, a program that anyone can install from the Python package
//! index, on the same identifiers.
//!
//! It is ECDH-PSI on the curve P-256 with a Bloom-filter-like structure for the server's half, in
//! C++ behind a Python interface. The version is pinned in `benches/compare/requirements.txt`. What
//! is measured is the protocol from identifiers in memory to the size of the intersection, both
//! processes, and so leaves out what a node does besides: reading tables, policy, padding to
//! registered sizes, encryption of the connection, receipts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde::Deserialize;

use crate::data::{self, IdKind};
use crate::failure::{Failure, Outcome};
use crate::measure::row_numbers;
use crate::nodes::run;
use crate::report::{Pair, PeerRun};
use crate::size::{float, shown};

const SCRIPT: &str = include_str!("../../compare/openmined.py");
const REQUIREMENTS: &str = include_str!("../../compare/requirements.txt");

/// How OpenMined PSI sends the server's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Structure {
    /// All encrypted identifiers; the count is exact
    Raw,
    /// A Golomb-compressed set: fewer bytes, and false positives at a rate of 1e-9
    Gcs,
}

impl Structure {
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Gcs => "gcs",
        }
    }
}

/// What the script prints.
#[derive(Deserialize)]
struct Printed {
    version: String,
    answer: u64,
    wall_seconds: f64,
    message_bytes: u64,
    client: Used,
    server: Used,
}

#[derive(Deserialize)]
struct Used {
    cpu_seconds: f64,
    peak_rss_bytes: u64,
}

/// A Python environment with the pinned version.
pub(crate) struct OpenMined {
    python: PathBuf,
}

impl OpenMined {
    /// Makes the environment in `folder`, with the interpreter `python`, unless it is there.
    pub(crate) fn install(folder: &Path, python: &str) -> Outcome<Self> {
        let installed = folder.join("requirements.txt");
        let interpreter = folder.join("bin/python");
        if fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
            return Ok(Self {
                python: interpreter,
            });
        }
        eprintln!("installing {}", REQUIREMENTS.trim().replace('\n', ", "));
        run(Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(folder))?;
        let pending = folder.join("requirements.pending");
        fs::write(&pending, REQUIREMENTS)?;
        let mut install = Command::new(&interpreter);
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        run(install.args(["--only-binary", ":all:", "-r"]).arg(&pending))?;
        // Last, so that a half-made environment is made again.
        fs::rename(pending, installed)?;
        Ok(Self {
            python: interpreter,
        })
    }

    /// Runs both halves on generated identifiers and checks the answer.
    ///
    /// # Errors
    /// [`Failure::WrongAnswer`]; anything that the script or the file system says.
    pub(crate) fn measure(
        &self,
        folder: &Path,
        id_kind: IdKind,
        rows: Pair<u64>,
        shared: u64,
        structure: Structure,
    ) -> Outcome<PeerRun> {
        let script = folder.join("openmined.py");
        fs::write(&script, SCRIPT)?;
        let numbers = row_numbers(rows, shared);
        let files = Pair {
            receiver: folder.join("client.txt"),
            sender: folder.join("server.txt"),
        };
        data::write_lines(&files.receiver, "", id_kind, numbers.receiver)?;
        data::write_lines(&files.sender, "", id_kind, numbers.sender)?;
        let mut command = Command::new(&self.python);
        command.arg(&script).arg("--client").arg(&files.receiver);
        command.arg("--server").arg(&files.sender);
        command.args(["--structure", structure.name()]);
        eprintln!(
            "{} x {} rows: OpenMined PSI, {}",
            shown(rows.receiver),
            shown(rows.sender),
            structure.name()
        );
        let printed: Printed = serde_json::from_str(&run(&mut command)?)?;
        check(structure, printed.answer, shared)?;
        let elements = float(rows.receiver + rows.sender);
        let cpu_seconds = Pair {
            receiver: printed.client.cpu_seconds,
            sender: printed.server.cpu_seconds,
        };
        Ok(PeerRun {
            program: format!("OpenMined PSI {}, {}", printed.version, structure.name()),
            id_kind,
            rows,
            shared,
            answer: printed.answer,
            wall_seconds: printed.wall_seconds,
            cpu_seconds,
            peak_rss_bytes: Pair {
                receiver: printed.client.peak_rss_bytes,
                sender: printed.server.peak_rss_bytes,
            },
            cpu_us_per_element: (cpu_seconds.receiver + cpu_seconds.sender) * 1e6 / elements,
            message_bytes_per_element: float(printed.message_bytes) / elements,
        })
    }
}

/// An exact structure must give the exact count; the other may count a few too many.
fn check(structure: Structure, answer: u64, shared: u64) -> Outcome<()> {
    let right = match structure {
        Structure::Raw => answer == shared,
        Structure::Gcs => (shared..=shared + 1 + shared / 1_000).contains(&answer),
    };
    if right {
        return Ok(());
    }
    Err(Failure::WrongAnswer(format!(
        "OpenMined PSI answers {answer}; the lists share {shared} rows"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_structure_must_be_exact_and_no_structure_may_miss_a_match() {
        for (structure, answer, right) in [
            (Structure::Raw, 100, true),
            (Structure::Raw, 101, false),
            (Structure::Gcs, 100, true),
            (Structure::Gcs, 101, true),
            (Structure::Gcs, 99, false),
            (Structure::Gcs, 102, false),
        ] {
            let checked = check(structure, answer, 100);
            assert_eq!(checked.is_ok(), right, "{structure:?} {answer}");
        }
    }
}
