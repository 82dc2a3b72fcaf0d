//! An owner who suspends, resumes and leaves a collaboration: alone, at once, whatever the peer does.

use psi_core::Code;
use serde_json::json;

use crate::harness::{COUNT, World, people};
use crate::stage::{Stage, ending};

#[test]
fn suspending_ends_the_jobs_and_connections_of_a_member_and_leaves_others_alone() {
    let mut stage = Stage::new();
    let bert = stage.bert();
    let mut wire = stage.runtime.block_on(async {
        let mut wire = bert.open().await;
        bert.open_job(&mut wire).await;
        wire
    });
    stage.world.a.run(&["collab", "suspend", "test"]).expect(0);
    let code = stage.runtime.block_on(ending(&mut wire.1));
    assert_eq!(code, Code::Cancelled);
    stage.idle();
    let refused = stage.world.a.query(COUNT).expect(2);
    assert!(
        refused.stdout.contains("collab resume test"),
        "{}",
        refused.stdout
    );
    stage.anna_is_well();
    let listed = stage.world.a.run(&["collab", "list"]).expect(0);
    assert!(listed.stdout.contains("suspended"), "{}", listed.stdout);
    let log = stage
        .world
        .a
        .run(&["receipts", "list", "--local"])
        .expect(0);
    assert!(log.stdout.contains("test: suspended"), "{}", log.stdout);
}

#[test]
fn a_collaboration_goes_on_where_it_was_when_it_is_resumed() {
    let mut world = World::with_people(&people(0..30), &people(10..40), 1);
    world.serve();
    let asks = |world: &World| {
        world.b.query(&COUNT.replace(
            "anna.people AS a JOIN bert.people AS b",
            "bert.people AS b JOIN anna.people AS a",
        ))
    };
    assert_eq!(asks(&world).expect(0).json()["rows"], json!([[20]]));
    world.a.run(&["collab", "suspend", "test"]).expect(0);
    // Bert's key is not admitted any more.
    asks(&world).expect(5);
    world.a.run(&["collab", "resume", "test"]).expect(0);
    assert_eq!(asks(&world).expect(0).json()["rows"], json!([[20]]));
    world.agreed_log();
}

#[test]
fn a_collaboration_is_left_for_good_and_keeps_its_receipts() {
    let mut world = World::with_people(&people(0..30), &people(10..40), 1);
    world.serve();
    world.a.query(COUNT).expect(0);
    world.agreed_log();
    // Without a daemon, too.
    world.a.kill();
    world.a.run(&["collab", "leave", "test"]).expect(2);
    world
        .a
        .run(&["collab", "leave", "test", "--for-good"])
        .expect(0);
    world.a.run(&["collab", "resume", "test"]).expect(2);
    world
        .a
        .run(&["collab", "join", &world.collab_file()])
        .expect(2);
    world.a.serve();
    world.a.query(COUNT).expect(2);
    assert!(world.a.export().contains("\"entry\""));
}
