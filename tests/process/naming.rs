//! What the logs of two nodes say about one job: the same short name, who asked, and what.

use serde_json::Value;

use crate::harness::{COUNT, Node, World, eventually, people};

fn lines(node: &Node, having: &[&str]) -> usize {
    let log = node.log();
    log.lines()
        .filter(|line| having.iter().all(|part| line.contains(part)))
        .count()
}

fn name_of(job: &Value) -> String {
    job["name"].as_str().unwrap().to_owned()
}

#[test]
fn both_logs_call_a_job_by_one_name_and_say_who_asked_what() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    let name = name_of(&world.a.newest_job().unwrap());
    assert_eq!(name.len(), 8, "{name}");
    assert_eq!(name_of(&world.b.newest_job().unwrap()), name);
    for (node, peer) in [(&world.a, "peer=\"bert\""), (&world.b, "peer=\"anna\"")] {
        let job = format!("job=\"{name}\"");
        eventually("the log says how the job went", || {
            let agreed = ["job agreed", &job, "collab=\"test\"", peer, "COUNT(*)"];
            lines(node, &agreed) == 1 && lines(node, &["job ended", &job]) == 1
        });
        // The name is taken wherever a job is named.
        let shown = node.run(&["jobs", "show", &name, "--format", "json"]);
        assert_eq!(name_of(&shown.expect(0).json()), name);
    }
}

#[test]
fn a_question_that_names_no_collaboration_leaves_no_job_and_no_error_in_the_log() {
    let mut world = World::with_people(&people(0..30), &people(0..30), 1);
    world.serve();
    let ran = world.a.run(&["query", "--collab", "tset", COUNT]).expect(2);
    assert!(ran.stderr.contains("tset"), "{}", ran.stderr);
    assert!(world.a.newest_job().is_none());
    world.a.query(COUNT).expect(0);
    assert_eq!(lines(&world.a, &["ERROR"]), 0, "{}", world.a.log());
}
