//! Records as files: sealed to the auditor, listed, expired, and gone where they are worth nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use psi_audit::record::{Item, ListRole, RecordReader};
use psi_audit::seal::AuditorKeys;
use psi_core::messages::frame::{Frame, ListId, RowsHeader};
use psi_core::seed::JobSeed;
use psi_core::spec::{JobId, JobSpec, LiteralSalt, Party};
use psi_core::store::{MemoryStore, RecordStore as _};
use psi_core::transcript::ListHashes;
use zeroize::Zeroizing;

use super::keep::{
    AUDIT_FOLDER, Recording, Retention, SaltedLiteral, Subject, record_path, remove_expired,
    remove_incomplete,
};
use crate::config::NodeConfig;
use crate::frozen::Frozen;
use crate::receipts::tests::Fixture;
use crate::state::State;

const LITERAL: &str = "DATE '2025-01-31'";

struct Kept {
    folder: tempfile::TempDir,
    state: State,
    config: NodeConfig,
    spec: JobSpec,
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
        let spec = Fixture::new().job(1);
        Self {
            folder,
            state,
            config,
            spec,
        }
    }

    /// The record of a requester that brings 50 identities in one part, and 10 in none.
    fn begin(&self) -> Recording {
        let list = |people: std::ops::Range<u8>| {
            let mut writer = MemoryStore.in_order(32).unwrap();
            for person in people {
                writer.push(&[person; 32]).unwrap();
            }
            Arc::from(writer.finish().unwrap())
        };
        let input = Frozen {
            parts: Some(vec![list(0..50)]),
            payload: None,
            others: vec![list(50..60)],
            room: Arc::default(),
        };
        let retention = Retention::of(&self.config).unwrap();
        let subject = Subject {
            spec: &self.spec,
            own: Party::Requester,
            seed: &JobSeed::new([111; 32]),
            input: &input,
            literals: vec![SaltedLiteral {
                salt: LiteralSalt([9; 32]),
                text: Zeroizing::new(LITERAL.into()),
            }],
        };
        Recording::begin(&retention, &subject).unwrap()
    }

    fn files(&self) -> usize {
        let folder = self.config.state_dir().join(AUDIT_FOLDER);
        fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

#[test]
fn a_record_is_for_the_auditor_alone_and_holds_the_job() {
    let kept = Kept::new();
    let mut recording = kept.begin();
    recording.opened(&kept.state).unwrap();
    let tags = RowsHeader {
        list: ListId::Tags,
        match_index: 0,
        part: 0,
    };
    for bytes in [vec![1; 100], vec![2; 50]] {
        recording.received(&Frame::Rows(tags, bytes)).unwrap();
    }
    let lists = ListHashes {
        to_sender: vec![[3; 64].into()],
        to_receiver: vec![[4; 64].into(), [5; 64].into()],
    };
    recording.finish_with(&kept.state, Some(&lists)).unwrap();

    let job_id = kept.spec.job_id();
    let record = kept.state.audit_record(&job_id).unwrap().unwrap();
    let path = record_path(&kept.config.state_dir(), &job_id);
    let sealed = fs::read(&path).unwrap();
    assert!(record.complete && record.expires_unix == record.created_unix + 30 * 86_400);
    assert_eq!(record.file_bytes, sealed.len() as u64);
    assert_eq!((record.input_bytes, record.received_bytes), (60 * 32, 150));
    assert!(record.file_bytes > record.input_bytes + record.received_bytes);
    let overhead = record.file_bytes - record.input_bytes - record.received_bytes;
    assert!(overhead < 4096, "{overhead}");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        !sealed.windows(8).any(|bytes| bytes == [111; 8]),
        "the seed is in the clear"
    );

    let keys = AuditorKeys::load(&kept.folder.path().join("auditor.key")).unwrap();
    let mut reader = RecordReader::new(keys.open(sealed.as_slice()).unwrap());
    let mut items = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item);
    }
    let [head, literal, list, records, filling, received, end] = items.as_slice() else {
        panic!("{} items", items.len());
    };
    let Item::Head { own, seed, spec } = head else {
        panic!("the record begins with another item");
    };
    assert_eq!((*own, **seed), (Party::Requester, [111; 32]));
    assert_eq!(*spec, kept.spec.encode());
    assert!(
        matches!(literal, Item::Literal { salt, text } if *salt == LiteralSalt([9; 32]) && **text == LITERAL)
    );
    assert!(matches!(
        list,
        Item::List {
            role: ListRole::Part,
            width: 32,
            count: 50
        }
    ));
    assert!(matches!(records, Item::Records(bytes) if bytes.len() == 50 * 32));
    assert!(matches!(filling, Item::Filling));
    // Two frames of one list are one item.
    assert!(
        matches!(received, Item::Received(Frame::Rows(header, bytes)) if *header == tags
            && bytes.len() == 150)
    );
    assert!(matches!(end, Item::End(Some(hashes)) if *hashes == lists));
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
    fs::write(record_path(&state_dir, &JobId([7; 64])), b"x").unwrap();
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
