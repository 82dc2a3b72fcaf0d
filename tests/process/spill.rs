//! Lists that are larger than the memory they may take: the answer is the same, nothing stays on
//! disk, and a disk without room costs one job and nothing else.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::{COUNT, Node, World, eventually, people, people_csv, people_table};

/// As digests, a little more than the 1 MiB that a list may hold in any case.
const PEOPLE: u32 = 36_000;
const SHARED: u32 = 21_000;
/// Enough to count identities when the table is loaded, and not for the two lists of a match.
const ONE_LIST_AND_A_HALF: &str = "1700kB";

/// Files in the folders of running jobs.
fn runs(node: &Node) -> usize {
    let folders = fs::read_dir(node.dir.join("state/jobs"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let files = folders.map(|folder| files_in(&folder.path()));
    files.sum()
}

/// Files may be gone before they are looked at.
fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

fn world(settings: &str) -> World {
    let a = people(0..PEOPLE);
    let b = people(PEOPLE - SHARED..2 * PEOPLE - SHARED);
    let world = World::with_people(&a, &b, 1);
    let many = people_table("text", u64::from(PEOPLE), 1, "");
    let few = people_table("text", 20, 1, "").replace("people", "few");
    for node in [&world.a, &world.b] {
        let settings = format!("peer_timeout_s = 10\nlist_memory = \"1MiB\"\n{settings}");
        node.configure(&settings, &format!("{many}\n{few}"));
        node.write("few.csv", &people_csv(&people(0..20)));
    }
    world
}

#[test]
fn lists_on_disk_give_the_same_answer_and_leave_nothing_behind() {
    let mut world = world("");
    world.serve();
    let job = world.a.query_in_background(COUNT);
    eventually("both nodes keep lists on disk", || {
        runs(&world.a) > 0 && runs(&world.b) > 0
    });
    let document = job.wait().expect(0).json();
    assert_eq!(document["rows"], json!([[SHARED]]), "{document}");
    eventually("the lists are removed", || {
        runs(&world.a) == 0 && runs(&world.b) == 0
    });
    world.agreed_log();
}

#[test]
fn lists_that_a_crash_left_are_removed_at_the_next_start() {
    let mut world = world("");
    world.serve();
    let job = world.a.query_in_background(COUNT);
    eventually("the requester keeps lists on disk", || runs(&world.a) > 0);
    world.a.kill();
    job.wait();
    assert!(runs(&world.a) > 0, "a crash removes nothing");
    world.a.serve();
    assert_eq!(runs(&world.a), 0);
}

#[test]
fn a_list_that_finds_no_room_ends_its_own_job_with_the_reason_and_the_way_out() {
    let mut world = world(&format!("disk_limit = \"{ONE_LIST_AND_A_HALF}\"\n"));
    world.serve();
    let document = world.a.query(COUNT).expect(1).json();
    assert_eq!(document["status"], "aborted", "{document}");
    assert_eq!(document["reason"], "disk_limit", "{document}");
    let remedy = document["remedy"].as_str().unwrap();
    assert!(remedy.contains("disk_limit"), "{remedy}");
    // The daemons live, and a job that needs no disk is answered.
    let few = "SELECT COUNT(*) FROM anna.few AS a JOIN bert.few AS b ON a.name = b.name";
    let document = world.a.query(few).expect(0).json();
    assert_eq!(document["rows"], json!([[20]]), "{document}");
    assert!(world.a.is_running() && world.b.is_running());
    eventually("nothing is left on disk", || {
        runs(&world.a) == 0 && runs(&world.b) == 0
    });
}
