//! `kill -9` of either node in the middle of a job: both restart clean, the job is reported aborted,
//! the logs agree, and no secret is on disk. Every point at which the log can be cut is tested in
//! psi-core (`receipt/log/tests/crash.rs`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use psi_core::digest::Digest;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::receipt::{Body, Entry};
use psi_core::spec::{JobSpec, Party};
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::harness::{COUNT, World, eventually, people};

/// Large enough that a job takes seconds, so that a kill hits the middle of it.
const PEOPLE: u32 = 100_000;

fn state_of(world: &World) -> (String, String) {
    let state = |node: &crate::harness::Node| {
        node.newest_job().map_or_else(String::new, |job| {
            job["state"]
                .as_str()
                .or(job["status"].as_str())
                .unwrap_or("")
                .to_owned()
        })
    };
    (state(&world.a), state(&world.b))
}

/// How long after the job began a node is killed.
const AFTER: Duration = Duration::from_millis(700);

/// Kills one node, restarts it, and checks that everything settles.
fn kill(victim_is_requester: bool) {
    let all = people(0..PEOPLE);
    let mut world = World::with_people(&all, &all, 1);
    world.serve();
    let job = world.a.query_in_background(COUNT);
    eventually("both nodes run the job", || {
        state_of(&world) == ("running".into(), "running".into())
    });
    std::thread::sleep(AFTER);
    let victim = if victim_is_requester {
        &mut world.a
    } else {
        &mut world.b
    };
    victim.kill();
    let ran = job.wait();
    assert!(
        [6, 7, 8, 9].contains(&ran.code),
        "code {}: {} {}",
        ran.code,
        ran.stdout,
        ran.stderr
    );
    let victim = if victim_is_requester {
        &mut world.a
    } else {
        &mut world.b
    };
    victim.serve();
    eventually("both nodes report the job aborted", || {
        state_of(&world) == ("aborted".into(), "aborted".into())
    });
    let ran = world.a.query(COUNT).expect(0);
    assert_eq!(ran.json()["rows"], json!([[PEOPLE]]));
    let log = world.agreed_log();
    for node in [&world.a, &world.b] {
        // The folder for loading tables stays while the daemon runs; no list does.
        let left = files_below(&node.dir.join("state").join("jobs"));
        assert!(left.is_empty(), "{} left {left:?}", node.name);
    }
    no_seed_on_disk(&world, &log, &all);
}

#[test]
fn the_requester_is_killed_in_the_middle() {
    kill(true);
}

#[test]
fn the_responder_is_killed_in_the_middle() {
    kill(false);
}

/// Tries every 32 bytes of every file as the seed behind each opening commitment. Both sides froze
/// all of `people`, so their input digests are known here.
fn no_seed_on_disk(world: &World, log: &str, people: &[String]) {
    let sides = [Party::Requester, Party::Responder];
    let opened: Vec<_> = entries(log)
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Opened {
                spec, commitments, ..
            } => {
                let spec = JobSpec::decode(&spec).unwrap();
                let digests = sides.map(|side| input_digest(side == spec.receiver, people));
                Some((spec.job_id(), commitments, digests))
            }
            _ => None,
        })
        .collect();
    assert!(!opened.is_empty(), "no job was opened: nothing to look for");
    for node in [&world.a, &world.b] {
        for file in files_below(&node.dir.join("state")) {
            let bytes = fs::read(&file).unwrap_or_default();
            for (job_id, commitments, digests) in &opened {
                let prefix = Sha512::new()
                    .chain_update(b"psi/v1/open")
                    .chain_update(job_id);
                for window in bytes.windows(32) {
                    let prefix = prefix.clone().chain_update(window);
                    for (commitment, digest) in commitments.iter().zip(digests) {
                        let hash: [u8; 64] = prefix.clone().chain_update(digest).finalize().into();
                        assert!(commitment.0 != hash, "a seed is in {}", file.display());
                    }
                }
            }
        }
    }
}

/// Spec 07 §3, for a count: one list of digests in either role.
fn input_digest(receiver: bool, people: &[String]) -> [u8; 64] {
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Text]);
    let mut digests: Vec<Digest> = people
        .iter()
        .map(|person| hasher.digest([Some(person.as_str())]).unwrap())
        .collect();
    digests.sort_unstable();
    Sha512::new()
        .chain_update(b"psi/v1/input")
        .chain_update(1_u64.to_be_bytes())
        .chain_update([u8::from(!receiver)])
        .chain_update(32_u64.to_be_bytes())
        .chain_update((digests.len() as u64).to_be_bytes())
        .chain_update(digests.as_flattened())
        .finalize()
        .into()
}

/// The entries of an exported log.
pub(crate) fn entries(log: &str) -> Vec<Entry> {
    log.lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["entry"]
                .as_str()
                .map(|entry| Entry::decode(&hex::decode(entry).unwrap()).unwrap())
        })
        .collect()
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map_while(Result::ok)
    {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
