//! Places, progress and outcomes.

use psi_core::Error;
use psi_core::progress::Stage;
use psi_core::spec::CollabId;

use super::{BeginError, ENDED_MAX, Ended, Registry};
use crate::exit::Exit;
use crate::identity::NodeId;
use crate::job::outcome::document::ResultDocument;
use crate::places::{Places, Whose};

const PEER: Whose = Whose::Peer(NodeId([1; 32]));
const OTHER: Whose = Whose::Peer(NodeId([2; 32]));
const THIRD: Whose = Whose::Peer(NodeId([3; 32]));

fn registry(jobs_max: usize) -> Registry {
    Registry::new(Places::new(jobs_max))
}

#[test]
fn no_more_jobs_run_than_the_bound_and_a_dropped_one_makes_room() {
    let registry = registry(2);
    let first = registry.begin(Whose::Owner).unwrap();
    let second = registry.begin(PEER).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.id.len(), 16);
    let refused = registry.begin(Whose::Owner).unwrap_err();
    assert_eq!(refused, BeginError::TooManyJobs(2));
    drop(first);
    assert!(registry.begin(Whose::Owner).is_ok());
}

#[test]
fn a_peer_takes_no_more_than_its_share_and_all_peers_leave_the_owner_a_place() {
    let registry = registry(8);
    let of_peer: Vec<_> = (0..3).map(|_| registry.begin(PEER).unwrap()).collect();
    assert_eq!(
        registry.begin(PEER).unwrap_err(),
        BeginError::TooManyOfPeer(3)
    );
    let others: Vec<_> = [OTHER, OTHER, OTHER, THIRD]
        .map(|whose| registry.begin(whose).unwrap())
        .into();
    assert_eq!(
        registry.begin(THIRD).unwrap_err(),
        BeginError::TooManyOfPeers(7)
    );
    let own = registry.begin(Whose::Owner).unwrap();
    assert_eq!(
        registry.begin(Whose::Owner).unwrap_err(),
        BeginError::TooManyJobs(8)
    );
    drop((of_peer, others));
    // The owner may take every place that peers leave.
    let all: Vec<_> = (0..7)
        .map(|_| registry.begin(Whose::Owner).unwrap())
        .collect();
    assert_eq!(
        registry.begin(PEER).unwrap_err(),
        BeginError::TooManyJobs(8)
    );
    drop((own, all));
}

#[test]
fn inquiries_have_places_of_their_own() {
    let registry = registry(2);
    let _job = registry.begin(PEER).unwrap();
    let peer = NodeId([1; 32]);
    let first = registry.begin_inquiry(peer).unwrap();
    let _second = registry.begin_inquiry(peer).unwrap();
    assert!(registry.begin_inquiry(peer).is_none());
    assert!(registry.begin_inquiry(NodeId([2; 32])).is_some());
    drop(first);
    assert!(registry.begin_inquiry(peer).is_some());
}

#[test]
fn the_jobs_of_one_collaboration_are_cancelled_and_no_others() {
    let registry = registry(4);
    let (one, other) = (
        registry.begin(PEER).unwrap(),
        registry.begin(OTHER).unwrap(),
    );
    let own = registry.begin(Whose::Owner).unwrap();
    one.is_under(CollabId([1; 32]));
    other.is_under(CollabId([2; 32]));
    own.is_under(CollabId([1; 32]));
    registry.cancel_of(&CollabId([1; 32]));
    assert!(one.is_cancelled() && own.is_cancelled() && !other.is_cancelled());
}

#[test]
fn work_that_outlives_its_job_is_told_to_stop() {
    let registry = registry(2);
    let job = registry.begin(PEER).unwrap();
    let progress = job.progress();
    assert!(progress.report(Stage::Blind, 1, 2).is_ok());
    drop(job);
    assert!(matches!(
        progress.report(Stage::Blind, 2, 2),
        Err(Error::Cancelled)
    ));
}

#[tokio::test]
async fn a_cancelled_job_hears_of_it_in_its_work_and_in_its_waits() {
    let registry = registry(2);
    let job = registry.begin(Whose::Owner).unwrap();
    let other = registry.begin(Whose::Owner).unwrap();
    let progress = job.progress();
    assert!(progress.report(Stage::Blind, 1, 2).is_ok());
    assert!(registry.cancel(&job.id));
    job.cancelled().await;
    assert!(job.is_cancelled());
    assert!(matches!(
        progress.report(Stage::Blind, 2, 2),
        Err(Error::Cancelled)
    ));
    assert!(!other.is_cancelled());
    let id = job.id.clone();
    drop(job);
    assert!(!registry.cancel(&id), "an ended job cannot be cancelled");
}

#[test]
fn a_snapshot_shows_begun_stages_and_never_runs_backwards() {
    let registry = registry(2);
    let job = registry.begin(Whose::Owner).unwrap();
    assert!(job.view().snapshot().stages.is_empty());
    let progress = job.progress();
    progress.report(Stage::Receive, 7, 10).unwrap();
    progress.report(Stage::Freeze, 10, 10).unwrap();
    progress.report(Stage::Receive, 5, 10).unwrap();
    let snapshot = job.view().snapshot();
    let seen: Vec<_> = snapshot
        .stages
        .iter()
        .map(|s| (s.stage.as_str(), s.done, s.total))
        .collect();
    assert_eq!(seen, [("freeze", 10, 10), ("receive", 7, 10)]);
}

#[tokio::test]
async fn the_outcome_is_at_hand_after_the_end_and_old_ones_are_forgotten() {
    let registry = registry(2);
    let job = registry.begin(Whose::Owner).unwrap();
    let (id, view) = (job.id.clone(), job.view());
    drop(job);
    view.end(Ended::new(Exit::Suppressed, ResultDocument::new("exact")));
    assert_eq!(view.until_ended().await.map(|ended| ended.exit), Some(3));
    assert!(registry.get(&id).and_then(|view| view.ended()).is_some());
    for _ in 0..ENDED_MAX {
        drop(registry.begin(PEER).unwrap());
    }
    assert!(registry.get(&id).is_none());
}
