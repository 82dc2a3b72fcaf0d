//! What people read about failures of the state, at the start of a node and in commands, in one golden
//! file.

use std::fmt::Write as _;
use std::io;

use rusqlite::ffi;

use super::{ApprovalState, StateError};
use crate::error::UserError;
use crate::golden;

#[test]
fn texts_about_the_state_are_those_of_the_golden_file() {
    let sqlite = |code, says: &str| {
        let error = ffi::Error {
            code,
            extended_code: 0,
        };
        StateError::Database(rusqlite::Error::SqliteFailure(error, Some(says.into())))
    };
    let mut text = String::new();
    for error in [
        sqlite(ffi::ErrorCode::DiskFull, "database or disk is full"),
        sqlite(ffi::ErrorCode::DatabaseBusy, "database is locked"),
        sqlite(
            ffi::ErrorCode::DatabaseCorrupt,
            "database disk image is malformed",
        ),
        sqlite(ffi::ErrorCode::SystemIoFailure, "disk I/O error"),
        StateError::Folder {
            place: "/srv/state".into(),
            source: io::ErrorKind::StorageFull.into(),
        },
        StateError::Newer {
            place: "/srv/state".into(),
            found: 12,
            known: 10,
        },
        StateError::Damaged("a reason".into()),
        StateError::NameTaken("summer".into()),
        StateError::UnknownCollab,
        StateError::CollabLeft("summer".into()),
        StateError::UnknownJob("ff".into()),
        StateError::AmbiguousJob("f".into()),
        StateError::UnknownApproval("ff".into()),
        StateError::Decided {
            id: "ff".into(),
            state: ApprovalState::Used,
        },
        StateError::OutOfPlace("a reason"),
        StateError::JobReused,
        StateError::NotOpen,
        StateError::NotReserved,
    ] {
        let UserError { exit, what, remedy } = error.into();
        let _ = writeln!(text, "{what} [exit {}]\n    {remedy}\n", exit.number());
    }
    golden::check("state.txt", &text);
}
