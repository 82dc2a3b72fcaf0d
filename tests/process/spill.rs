//! Lists that are larger than the memory they may take: the answer is the same, nothing stays on
//! disk, and a disk without room costs one job and nothing else.

use std::fmt::Write as _;
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

/// As records of a digest and an amount, and as columns of the transfer, more than 1 MiB.
const ORDERS: u32 = 70_000;
/// Amounts that are seldom found by chance in a file: this, and the number of the person.
const AMOUNT: u64 = 0x0660_0000_0000;

/// Whether a file of a running job holds many amounts as they are kept beside identities.
fn holds_amounts(node: &Node) -> bool {
    let folders = fs::read_dir(node.dir.join("state/jobs"));
    let folders = folders.into_iter().flatten().filter_map(Result::ok);
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
    let holds = |file: fs::DirEntry| {
        // It may be gone by now.
        let bytes = fs::read(file.path()).unwrap_or_default();
        let start = &AMOUNT.to_be_bytes()[..5];
        bytes.windows(5).filter(|window| *window == start).count() > 1000
    };
    files.filter_map(Result::ok).any(holds)
}

#[test]
fn a_sum_whose_payload_is_on_disk_is_right_and_leaves_nothing_behind() {
    let ids = people_table("int", u64::from(ORDERS), 1, "");
    let aggregate = "[table.people.aggregate.amount]\nfunctions = [\"sum\"]\n";
    let mut world = World::new(&ids, &format!("{ids}{aggregate}"));
    let amount = |n: u32| AMOUNT + u64::from(n);
    let (mut mine, mut theirs) = (String::from("name\n"), String::from("name,amount\n"));
    for n in 0..ORDERS {
        writeln!(mine, "{}", n + ORDERS / 2).unwrap();
        writeln!(theirs, "{n},{}", amount(n)).unwrap();
    }
    world.a.write("people.csv", &mine);
    world.b.write("people.csv", &theirs);
    let settings = "peer_timeout_s = 30\nlist_memory = \"1MiB\"\n";
    world.a.configure(settings, &ids);
    world.b.configure(settings, &format!("{ids}{aggregate}"));
    world.serve();
    let sql = "SELECT COUNT(*), SUM(b.amount) FROM anna.people AS a JOIN bert.people AS b \
               ON a.name = b.name";
    let job = world.a.query_in_background(sql);
    eventually("the payload is on disk", || holds_amounts(&world.b));
    let document = job.wait().expect(0).json();
    let sum: u64 = (ORDERS / 2..ORDERS).map(amount).sum();
    assert_eq!(document["rows"], json!([[ORDERS / 2, sum]]), "{document}");
    eventually("the lists are removed", || {
        runs(&world.a) == 0 && runs(&world.b) == 0
    });
}
