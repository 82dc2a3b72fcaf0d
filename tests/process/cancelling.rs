//! Jobs that their owner cancels: they end at once on both nodes, hold nobody up, and are settled.
//!
//! The nodes give a silent peer an hour, so whatever waits for one here makes the test fail at the
//! patience of the harness.

use psi_node::api::client::Client;

use crate::harness::{Background, Node, World, eventually, people, people_csv};

const SETTINGS: &str = "peer_timeout_s = 3600\nconnect_timeout_s = 20\n";

/// A table `name` over `name.csv`, of this many persons.
fn table(name: &str, identities: u32) -> String {
    format!(
        "[table.{name}]\nsource = \"{name}.csv\"\nminimum = 1\n\
         [[table.{name}.key]]\ncolumns = [\"name\"]\nkinds = [\"text\"]\nunique = true\n\
         identities = {identities}\n"
    )
}

/// Sizes that keep both nodes busy for far longer than it takes to cancel. The smaller list is the
/// Receiver's.
const TABLES: [(&str, u32); 3] = [("large", 500_000), ("medium", 400_000), ("few", 30)];

fn world() -> World {
    let tables: String = TABLES.map(|(name, size)| table(name, size)).concat();
    let world = World::new(&tables, &tables);
    for node in [&world.a, &world.b] {
        node.configure(SETTINGS, &tables);
        for (name, size) in TABLES {
            node.write(&format!("{name}.csv"), &people_csv(&people(0..size)));
        }
    }
    world
}

fn count(asker: &Node, table: &str, peer: &Node, of_peer: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM {}.{table} AS a JOIN {}.{of_peer} AS b ON a.name = b.name",
        asker.name, peer.name
    )
}

/// Whether the newest job of the node sends its list.
fn sends(node: &Node) -> bool {
    let job = node.newest_job().unwrap_or_default();
    let id = job["id"].as_str().unwrap_or_default();
    if id.is_empty() || job["state"] != "running" {
        return false;
    }
    let client = Client::new(&node.dir.join("state/api.sock"));
    let job = runtime().block_on(client.job(id)).unwrap();
    let stages = job.progress.unwrap_or_default().stages;
    stages.iter().any(|stage| stage.stage == "send")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn running_ids(node: &Node) -> Vec<String> {
    let jobs = node.run(&["jobs", "list", "--format", "json"]).json();
    let jobs = jobs.as_array().unwrap().iter();
    let running = jobs.filter(|job| job["state"] == "running");
    running
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A question whose list is on its way.
struct Running<'a> {
    asker: &'a Node,
    id: String,
    query: Background,
}

impl<'a> Running<'a> {
    fn begin(asker: &'a Node, sql: &str) -> Self {
        let query = asker.query_in_background(sql);
        eventually("the job sends its list", || sends(asker));
        let id = id_of_newest(asker);
        Self { asker, id, query }
    }

    fn cancel(&self) {
        let name = self.asker.newest_job().unwrap()["name"].clone();
        let ran = self.asker.run(&["jobs", "cancel", &self.id]).expect(0);
        let named = format!("Cancelling job {};", name.as_str().unwrap());
        assert!(ran.stdout.starts_with(&named), "{named}: {}", ran.stdout);
    }
}

#[track_caller]
fn expect_cancelled(query: Background) {
    let document = query.wait_patiently().expect(8).json();
    assert_eq!(document["reason"], "cancelled", "{document}");
}

fn id_of_newest(node: &Node) -> String {
    let job = node.newest_job().unwrap();
    job["id"].as_str().unwrap().to_owned()
}

/// A small question, which ends however long this node waits for a silent peer.
#[track_caller]
fn ask_few(asker: &Node, peer: &Node) {
    let running = asker.query_in_background(&count(asker, "few", peer, "few"));
    running.wait_patiently().expect(0);
}

/// Both logs agree, and each job on them that was opened is closed: at least `cancelled` as aborted.
#[track_caller]
fn expect_settled(world: &World, cancelled: usize) {
    let count = |log: &str, what: &str| log.lines().filter(|line| line.contains(what)).count();
    eventually("cancelled jobs are closed", || {
        let log = world.a.export();
        count(&log, "\"opened\"") == count(&log, "\"closed\"")
    });
    let log = world.agreed_log();
    assert!(count(&log, "\"aborted\"") >= cancelled, "{log}");
}

#[test]
fn a_cancelled_job_ends_at_once_on_both_nodes_and_holds_nobody_up() {
    let mut world = world();
    world.serve();
    let (a, b) = (&world.a, &world.b);
    let mut ended = 0;
    // The asker as Sender and as Receiver, and either member as the one that orders the entries.
    for (asker, peer) in [(a, b), (b, a)] {
        for (own, of_peer) in [("large", "medium"), ("medium", "large")] {
            let sql = count(asker, own, peer, of_peer);
            let job = Running::begin(asker, &sql);
            job.cancel();
            expect_cancelled(job.query);
            // The other member asks something else, and does not wait.
            ask_few(peer, asker);
            ask_few(asker, peer);
            ended += 1;
            if own == "medium" {
                continue;
            }
            // Ctrl-C does the same.
            let job = Running::begin(asker, &sql);
            job.query.interrupt();
            expect_cancelled(job.query);
            // So does the owner of the other node.
            let job = Running::begin(asker, &sql);
            let of_peer = id_of_newest(peer);
            peer.run(&["jobs", "cancel", &of_peer]).expect(0);
            expect_cancelled(job.query);
            ended += 2;
        }
    }
    expect_settled(&world, ended);
    for node in [&world.a, &world.b] {
        let log = node.log();
        assert!(!log.contains("protocol") && !log.contains("ERROR"), "{log}");
    }
}

#[test]
fn several_cancelled_jobs_are_settled_without_anybody_waiting() {
    let mut world = world();
    world.serve();
    let (a, b) = (&world.a, &world.b);
    for (asker, peer) in [(a, b), (b, a)] {
        let sql = count(asker, "large", peer, "medium");
        let queries = [(); 3].map(|()| asker.query_in_background(&sql));
        eventually("all of them run on both nodes", || {
            running_ids(asker).len() == 3 && running_ids(peer).len() == 3
        });
        let client = Client::new(&asker.dir.join("state/api.sock"));
        for id in running_ids(asker) {
            runtime().block_on(client.cancel(&id)).unwrap();
        }
        ask_few(peer, asker);
        queries.into_iter().for_each(expect_cancelled);
    }
    // Some may have ended before they were opened.
    expect_settled(&world, 0);
}

#[test]
fn a_job_ends_at_once_also_where_its_peer_is_silent() {
    let mut world = world();
    world.serve();
    let (a, b) = (&world.a, &world.b);
    for (asker, peer) in [(a, b), (b, a)] {
        let job = Running::begin(asker, &count(asker, "large", peer, "medium"));
        peer.signal("STOP");
        job.cancel();
        expect_cancelled(job.query);
        peer.signal("CONT");
        ask_few(peer, asker);
        ask_few(asker, peer);
    }
    expect_settled(&world, 2);
}
