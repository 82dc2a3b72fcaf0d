//! Jobs that their owner cancels: they end at once on both nodes, hold nobody up, and are settled.
//!
//! The nodes give a silent peer an hour, so whatever waits for one here makes the test fail at the
//! patience of the harness.

use psi_node::api::client::Client;

use crate::harness::{Node, World, eventually, people, people_csv};

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
const TABLES: [(&str, u32); 3] = [("large", 240_000), ("medium", 200_000), ("few", 30)];

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let job = runtime.block_on(client.job(id)).unwrap();
    let stages = job.progress.unwrap_or_default().stages;
    stages.iter().any(|stage| stage.stage == "send")
}

#[test]
fn a_cancelled_job_ends_at_once_on_both_nodes_and_holds_nobody_up() {
    let mut world = world();
    world.serve();
    let (a, b) = (&world.a, &world.b);
    let mut ended = 0;
    // Asker as Sender and as Receiver, and either member as the one that orders the entries.
    for (asker, peer) in [(a, b), (b, a)] {
        for (own, of_peer) in [("large", "medium"), ("medium", "large")] {
            let running = asker.query_in_background(&count(asker, own, peer, of_peer));
            eventually("the job sends its list", || sends(asker));
            let id = asker.newest_job().unwrap()["id"].as_str().unwrap().to_owned();
            let t = std::time::Instant::now();
            asker.run(&["jobs", "cancel", &id]).expect(0);
            let ran = running.wait().expect(8);
            eprintln!("{} {own}: ended after {:?}", asker.name, t.elapsed());
            let document = ran.json();
            assert_eq!(document["reason"], "cancelled", "{document}");
            // The other member asks something else, and does not wait.
            peer.query(&count(peer, "few", asker, "few")).expect(0);
            eprintln!("{} {own}: others after {:?}", asker.name, t.elapsed());
            asker.query(&count(asker, "few", peer, "few")).expect(0);
            ended += 1;
        }
    }
    let log = world.agreed_log();
    let aborted = log.lines().filter(|line| line.contains("\"aborted\""));
    assert_eq!(aborted.count(), ended, "{log}");
}
