//! `psi-node demo`: two real nodes on this machine over sample data.
//!
//! Runs the commands that it shows, as processes of this very program. Never prints an answer that
//! was not computed, and compares all with a plain join.

mod findings;
mod nodes;
mod sample;
mod story;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::UserError;
use crate::exit::Exit;
use crate::threads::block_on;

/// Customers of the larger shop.
const CUSTOMERS_DEFAULT: u64 = 4000;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Work in this folder, which must not exist, and keep it
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Keep the temporary folder
    #[arg(long)]
    pub keep: bool,
    /// Customers of the larger shop
    #[arg(long, value_name = "N", default_value_t = CUSTOMERS_DEFAULT,
          value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub rows: u64,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the demo cannot run, or if its answer is not that of a plain join.
pub fn run(args: DemoArgs) -> Result<Exit, UserError> {
    let keep = args.keep || args.dir.is_some();
    let folder = Folder::make(args.dir, keep)?;
    block_on(async {
        tokio::select! {
            told = story::tell(&folder.path, args.rows, keep) => told,
            // Leaving the block drops the nodes, which kills them.
            _ = tokio::signal::ctrl_c() => Err(UserError::new(
                Exit::Interrupted,
                "the demo was interrupted",
                "run it again; nothing of it is left running",
            )),
        }
    })
}

/// The folder of one demo; removed at the end unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(dir: Option<PathBuf>, keep: bool) -> Result<Self, UserError> {
        let path = if let Some(dir) = dir {
            dir
        } else {
            let mut random = [0_u8; 8];
            getrandom::fill(&mut random)
                .map_err(|e| UserError::machine("the system gave no randomness", e))?;
            std::env::temp_dir().join(format!("glovebox-demo-{}", hex::encode(random)))
        };
        if crate::identity::exists(&path) {
            return Err(UserError::bad_input(
                format!("{} exists already", path.display()),
                "name a folder that does not exist yet; nothing was changed",
            ));
        }
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|e| {
                UserError::machine(format!("cannot make the folder {}", path.display()), e)
            })?;
        let path = absolute(&path)?;
        Ok(Self { path, keep })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, UserError> {
    std::path::absolute(path)
        .map_err(|e| UserError::machine(format!("cannot find {}", path.display()), e))
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // A folder that stays in the system's temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
