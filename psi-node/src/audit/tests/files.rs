//! Records as files: sealed to the auditor, listed, expired, and gone where they are worth nothing.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use psi_core::seed::JobSeed;
use psi_core::spec::Party;
use zeroize::Zeroizing;

use super::pair::{Case, Job, World, salt};
use crate::audit::keep::{
    AUDIT_FOLDER, Recording, Retention, Subject, record_path, remove_expired, remove_incomplete,
};
use crate::audit::replay::{Verdict, replay};
use crate::audit::seal::AuditorKeys;
use crate::config::NodeConfig;
use crate::state::State;

struct Kept {
    folder: tempfile::TempDir,
    state: State,
    config: NodeConfig,
    world: World,
}

impl Kept {
    fn new() -> Self {
        use age::secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().unwrap();
        let identity = age::x25519::Identity::generate();
        let secret = identity.to_string();
        let lines = format!("# a comment\n\n{}\n", secret.expose_secret());
        fs::write(folder.path().join("auditor.key"), lines).unwrap();
        let text = format!(
            "name = \"anna\"\nlisten = \"127.0.0.1:1\"\nretain_for_audit = \"30d\"\n\
             auditor = \"{}\"\n",
            identity.to_public()
        );
        let config = NodeConfig::parse(&text, &folder.path().join("node.toml")).unwrap();
        let state = State::open(&config.state_dir()).unwrap();
        let world = World::new(Job::Sum);
        Self {
            folder,
            state,
            config,
            world,
        }
    }

    fn begin(&self) -> Recording {
        let retention = Retention::of(&self.config).unwrap();
        let subject = Subject {
            spec: &self.world.spec,
            own: Party::Requester,
            seed: &JobSeed::new([11; 32]),
            input: &self.world.input(Party::Requester),
            literals: vec![(salt(), Zeroizing::new("DATE '2025-01-31'".into()))],
        };
        Recording::begin(&retention, &subject).unwrap()
    }

    fn files(&self) -> usize {
        let folder = self.config.state_dir().join(AUDIT_FOLDER);
        fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

#[test]
fn a_record_is_for_the_auditor_alone_and_replays() {
    let kept = Kept::new();
    let ran = kept.world.run(Case::default());
    let mut recording = kept.begin();
    recording.opened(&kept.state).unwrap();
    for frame in &ran.received[0] {
        recording.received(frame).unwrap();
    }
    recording
        .finish_with(&kept.state, ran.lists.as_ref())
        .unwrap();

    let job_id = kept.world.spec.job_id();
    let record = kept.state.audit_record(&job_id).unwrap().unwrap();
    let path = record_path(&kept.config.state_dir(), &job_id);
    let sealed = fs::read(&path).unwrap();
    assert!(record.complete && record.expires_unix == record.created_unix + 30 * 86_400);
    assert_eq!(record.file_bytes, sealed.len() as u64);
    assert_eq!(record.input_bytes, 50 * 32);
    assert!(record.file_bytes > record.input_bytes + record.received_bytes);
    let overhead = record.file_bytes - record.input_bytes - record.received_bytes;
    assert!(overhead < 4096, "{overhead}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        !sealed.windows(8).any(|bytes| bytes == [11; 8]),
        "the seed is in the clear"
    );

    let keys = AuditorKeys::load(&kept.folder.path().join("auditor.key")).unwrap();
    let opened = keys.open(sealed.as_slice()).unwrap();
    let report = replay(opened, &ran.receipt, kept.world.tools.clone()).unwrap();
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");

    // Another key opens nothing, and a changed byte is noticed.
    let other = Kept::new();
    let keys_of_other = AuditorKeys::load(&other.folder.path().join("auditor.key")).unwrap();
    assert!(keys_of_other.open(sealed.as_slice()).is_err());
    let mut changed = sealed;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let mut plain = Vec::new();
    let read = keys
        .open(changed.as_slice())
        .unwrap()
        .read_to_end(&mut plain);
    assert!(read.is_err());
}

#[test]
fn a_job_that_was_never_opened_leaves_no_record() {
    let kept = Kept::new();
    let recording = kept.begin();
    assert_eq!(kept.files(), 1);
    drop(recording);
    assert_eq!(kept.files(), 0);
    assert!(kept.state.audit_records().unwrap().is_empty());
}

#[test]
fn records_expire_and_those_that_a_crash_cut_off_are_removed() {
    let kept = Kept::new();
    let state_dir = kept.config.state_dir();
    let mut recording = kept.begin();
    recording.opened(&kept.state).unwrap();
    // As after a crash: opened, not finished; and a file that nobody knows.
    drop(recording);
    fs::write(record_path(&state_dir, &[7; 64]), b"x").unwrap();
    let foreign = state_dir.join(AUDIT_FOLDER).join("README");
    fs::write(&foreign, b"not a record").unwrap();
    assert_eq!(kept.files(), 3);
    remove_incomplete(&kept.state, &state_dir).unwrap();
    assert_eq!(kept.files(), 1);
    fs::remove_file(foreign).unwrap();
    assert!(kept.state.audit_records().unwrap().is_empty());

    let mut recording = kept.begin();
    recording.opened(&kept.state).unwrap();
    recording.finish_with(&kept.state, None).unwrap();
    remove_incomplete(&kept.state, &state_dir).unwrap();
    let expires = kept.state.audit_records().unwrap()[0].expires_unix;
    assert_eq!(
        remove_expired(&kept.state, &state_dir, expires - 1).unwrap(),
        0
    );
    assert_eq!(kept.files(), 1);
    assert_eq!(remove_expired(&kept.state, &state_dir, expires).unwrap(), 1);
    assert_eq!(kept.files(), 0);
    assert!(kept.state.audit_records().unwrap().is_empty());
}
