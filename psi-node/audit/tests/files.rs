//! The `psi-audit` program over files that two nodes exported after a job: they hold; what is
//! changed in them is refused with its place and a remedy; hostile files end in an error.
//!
//! The files in `exported` come from the process test of audits (`tests/process/audit.rs`), which
//! makes them again with `GLOVEBOX_REGENERATE=1`: both members' logs, both records, and the secret
//! key of the test's auditor, which is nobody's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use psi_audit::seal::{Auditor, AuditorKeys, seal};
use serde_json::{Value, json};

fn exported(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/exported")
        .join(name)
}

/// How the program ended, and what it printed.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// An error that says this, and what to do.
    #[track_caller]
    fn refuses(self, code: i32, what: &str) {
        let Self { stderr, .. } = self.expect(code);
        assert!(stderr.contains(what), "{what}: {stderr}");
        let (error, help) = stderr
            .split_once("\nhelp: ")
            .expect("an error and its help");
        assert!(
            error.starts_with("error: ") && help.trim().len() > 10,
            "{stderr}"
        );
    }
}

fn psi_audit(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_psi-audit"))
        .args(arguments)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn verify(log: &Path) -> Ran {
    psi_audit(&["verify", text(log)])
}

fn replay(record: &Path) -> Ran {
    replay_with(record, &exported("anna.jsonl"), &exported("auditor.key"))
}

fn replay_with(record: &Path, log: &Path, key: &Path) -> Ran {
    // No digits: the log has one job.
    let arguments = ["replay", "", "--record", text(record), "--log", text(log)];
    psi_audit(&[&arguments[..], &["--identity", text(key)]].concat())
}

/// Writes bytes to a file that goes with the folder.
fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("changed");
    fs::write(&path, bytes).unwrap();
    path
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn both_logs_verify_and_hold_the_same() {
    let (ours, theirs) = (exported("anna.jsonl"), exported("bert.jsonl"));
    let said = psi_audit(&["verify", text(&ours), "--against", text(&theirs)]).expect(0);
    assert!(
        said.stdout.contains("2 entries; 1 job opened, 1 completed"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("Both logs hold the same entries."),
        "{}",
        said.stdout
    );
    let said = psi_audit(&["verify", text(&theirs), "--format", "json"]).expect(0);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&said["verified"], &said["exported_by"]),
        (&json!(true), &json!("bert"))
    );
}

#[test]
fn both_halves_replay_and_another_key_opens_neither() {
    let folder = folder();
    let other = file(&folder, b"AGE-SECRET-KEY-1 and more");
    for (record, side) in [("anna.age", "requester"), ("bert.age", "responder")] {
        let said = replay(&exported(record)).expect(0);
        assert!(
            said.stdout.contains(&format!("as {side}")),
            "{}",
            said.stdout
        );
        assert!(
            said.stdout.contains("Verified: this side did"),
            "{}",
            said.stdout
        );
        assert!(!said.stdout.contains("DIFFERS"), "{}", said.stdout);
        replay_with(&exported(record), &exported("anna.jsonl"), &other)
            .refuses(2, "no age secret key");
    }
}

#[test]
fn changed_receipts_are_refused_with_line_and_entry() {
    let folder = folder();
    let log = fs::read_to_string(exported("anna.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let [head, opened, closed, end] = lines.as_slice() else {
        panic!("{} lines", lines.len());
    };
    let minimum = opened.replace("\"minimum\":5", "\"minimum\":1");
    assert_ne!(minimum, *opened);
    let unsigned = {
        let mut line: Value = serde_json::from_str(opened).unwrap();
        line["signatures"]["bert"] = Value::Null;
        line.to_string()
    };
    let start = closed.find("\"entry\":\"").unwrap() + 300;
    let digit = if closed.as_bytes()[start] == b'0' {
        "1"
    } else {
        "0"
    };
    let flipped = format!("{}{digit}{}", &closed[..start], &closed[start + 1..]);
    let may = head.replacen("may_receive = true", "may_receive = false", 1);
    assert_ne!(may, *head);
    for (changed, what) in [
        (
            vec![*head, &minimum, closed, end],
            "line 2 (entry 0): the fields do not say",
        ),
        (
            vec![*head, &unsigned, closed, end],
            "line 2 (entry 0): the signature of bert is missing",
        ),
        (vec![*head, opened, &flipped, end], "line 3 (entry 1): "),
        (vec![*head, closed, opened, end], "line 2 (entry 0): "),
        (
            vec![*head, opened, end],
            "line 3: anna exported 2 entries, and the file holds 1",
        ),
        (
            vec![*head, opened, closed],
            "without its closing line: it was cut off",
        ),
        (
            vec![*head, opened, closed, end, end],
            "lines follow after the closing line",
        ),
        (
            vec![&*may, opened, closed, end],
            "line 1: the collaboration document: the signature of",
        ),
    ] {
        let changed = file(&folder, (changed.join("\n") + "\n").as_bytes());
        verify(&changed).refuses(10, what);
        // A replay takes nothing from a log that does not verify.
        replay_with(&exported("anna.age"), &changed, &exported("auditor.key")).refuses(10, what);
    }
    let shorter = file(&folder, log.replace(end, "").as_bytes());
    psi_audit(&[
        "verify",
        text(&exported("bert.jsonl")),
        "--against",
        text(&shorter),
    ])
    .refuses(10, "line 4 (entry 2)");
}

#[test]
fn logs_of_another_version_and_hostile_ones_end_in_an_error() {
    let folder = folder();
    let log = fs::read_to_string(exported("anna.jsonl")).unwrap();
    let version = log.replacen("glovebox-receipts-1", "glovebox-receipts-2", 1);
    verify(&file(&folder, version.as_bytes())).refuses(2, "is not an exported log");
    verify(&file(&folder, b"")).refuses(10, "the file is empty");
    verify(folder.path()).refuses(2, "cannot read");
    verify(&folder.path().join("missing")).refuses(2, "cannot read");
    // A line without an end is not read to it.
    let endless = vec![b'a'; 3 << 20];
    verify(&file(&folder, &endless)).refuses(10, "line 1: ");
    let entry = [log.lines().next().unwrap().as_bytes(), b"\n", &endless].concat();
    verify(&file(&folder, &entry)).refuses(10, "line 2: ");
    let nested = [
        &log.as_bytes()[..=log.find('\n').unwrap()],
        &vec![b'['; 100_000],
        b"\n",
    ]
    .concat();
    verify(&file(&folder, &nested)).refuses(10, "line 2 (entry 0): the line cannot be read");
    let document = format!(
        "{{\"format\":\"glovebox-receipts-1\",\"documents\":[\"{}\"]}}\n",
        "#".repeat(100_000)
    );
    verify(&file(&folder, document.as_bytes())).refuses(10, "longer than 64 KiB");
    for length in (0..log.len()).step_by(97) {
        let cut = file(&folder, &log.as_bytes()[..length]);
        let error = psi_audit::receipts::verify::verify(&cut, None).unwrap_err();
        assert!(!error.remedy.is_empty(), "{length}: {}", error.what);
    }
}

/// The decrypted record of a member.
fn opened(record: &str) -> Vec<u8> {
    let keys = AuditorKeys::load(&exported("auditor.key")).unwrap();
    let sealed = fs::File::open(exported(record)).unwrap();
    let mut bytes = Vec::new();
    keys.open(sealed).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A record that somebody changed and sealed again, which anyone can who has the public key.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let secret = fs::read_to_string(exported("auditor.key")).unwrap();
    let public = secret
        .trim()
        .parse::<age::x25519::Identity>()
        .unwrap()
        .to_public();
    let auditor: Auditor = serde_json::from_value(json!(public.to_string())).unwrap();
    let mut writer = seal(&auditor, Vec::new()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Where each item of a record begins: its kind, four bytes of length, its body.
fn items(record: &[u8]) -> Vec<usize> {
    let (mut at, mut starts) = (0, Vec::new());
    while at < record.len() {
        starts.push(at);
        let length: [u8; 4] = record[at + 1..at + 5].try_into().unwrap();
        at += 5 + usize::try_from(u32::from_be_bytes(length)).unwrap();
    }
    starts
}

/// The place of the first item of a kind (Spec 07 §11).
fn first(record: &[u8], kind: u8) -> usize {
    let starts = items(record);
    *starts.iter().find(|at| record[**at] == kind).unwrap()
}

#[test]
fn changed_records_do_not_verify_and_the_place_is_named() {
    const SEED: usize = 5 + 17 + 1;
    let folder = folder();
    for name in ["anna.age", "bert.age"] {
        let honest = opened(name);
        replay(&file(&folder, &sealed(&honest))).expect(0);
        let records = first(&honest, 4) + 5;
        let length = u32::from_be_bytes(honest[records - 4..records].try_into().unwrap());
        let last = records + usize::try_from(length).unwrap() - 1;
        for (at, place) in [
            (
                SEED,
                "DIFFERS  seed and frozen input are those of the opened entry: ",
            ),
            (SEED, "DIFFERS  the nonce follows from the seed: "),
            (
                last,
                "DIFFERS  seed and frozen input are those of the opened entry: ",
            ),
            (SEED + 32 + 40, "DIFFERS  the record is about this job"),
        ] {
            let mut changed = honest.clone();
            changed[at] ^= 1;
            let said = replay(&file(&folder, &sealed(&changed))).expect(10);
            assert!(said.stdout.contains(place), "{place}: {}", said.stdout);
            assert!(
                said.stdout
                    .ends_with("DOES NOT VERIFY: see what differs above.\n")
            );
        }
    }
    // The other member's record is not the half that it says it is.
    let mut swapped = opened("anna.age");
    swapped[SEED - 1] ^= 1;
    let said = replay(&file(&folder, &sealed(&swapped)));
    assert_eq!(said.code, 10, "{}{}", said.stdout, said.stderr);
}

#[test]
fn records_of_another_version_and_hostile_ones_end_in_an_error() {
    const WRONG: &str = "the record of this job cannot be replayed: ";
    let folder = folder();
    let honest = opened("anna.age");
    let end = first(&honest, 7);
    let with = |at: usize, byte: u8| {
        let mut changed = honest.clone();
        changed[at] = byte;
        changed
    };
    for (changed, what) in [
        (with(5 + 16, 2), "it is not a record of this version"),
        (with(5 + 17, 7), "an unknown side"),
        (with(0, 9), "an unknown kind of item"),
        (with(1, 0xff), "an item is too long"),
        (with(first(&honest, 3) + 5, 8), "an unknown role"),
        (
            with(first(&honest, 3) + 9, 33),
            "a list that the job has not",
        ),
        (
            with(first(&honest, 3) + 5 + 12, 0xff),
            "a list of another length than it says",
        ),
        (honest[..end].to_vec(), "it was cut off"),
        (
            [&honest[..], &honest[end..]].concat(),
            "something follows its end",
        ),
        (
            honest[first(&honest, 3)..].to_vec(),
            "it does not begin with its head",
        ),
        (Vec::new(), "it was cut off"),
    ] {
        replay(&file(&folder, &sealed(&changed)))
            .refuses(10, &format!("{WRONG}the record is not well-formed: {what}"));
    }
    // What was not sealed at all, or cut afterwards.
    replay(&file(&folder, &honest)).refuses(2, "the record cannot be decrypted");
    replay(&file(&folder, b"")).refuses(2, "the record cannot be decrypted");
    replay(&exported("missing.age")).refuses(2, "cannot open");
    let whole = fs::read(exported("anna.age")).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 16 + 1) {
        let said = replay(&file(&folder, &whole[..length]));
        assert!([2, 10].contains(&said.code), "{length}: {}", said.stderr);
        assert!(
            said.stderr.starts_with("error: "),
            "{length}: {}",
            said.stderr
        );
    }
    let key = vec![b'#'; 1 << 20];
    replay_with(
        &exported("anna.age"),
        &exported("anna.jsonl"),
        &file(&folder, &key),
    )
    .refuses(2, "too long for a file of keys");
    let missing = replay_with(
        &exported("anna.age"),
        &exported("missing"),
        &exported("auditor.key"),
    );
    missing.refuses(2, "cannot read");
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let log = exported("missing");
    let said = psi_audit(&["verify", text(&log), "--format", "json"]).expect(2);
    let error: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(
        (&error["exit"], &error["exit_name"]),
        (&json!(2), &json!("bad_input"))
    );
    psi_audit(&["replay"]).expect(2);
    psi_audit(&["completions", "bash"]).expect(0);
}
