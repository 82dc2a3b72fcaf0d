//! What people read about codes, exit codes and failures of jobs, in one golden file.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use aggregator::{FreezeError, Refusal};
use psi_core::store::{StoreError, StoreErrorKind};
use psi_core::{Code, Error};

use super::Failure;
use super::own_stop::OwnStop;
use crate::collab::Address;
use crate::exit::Exit;
use crate::golden;
use crate::net::{ConnectError, NetError};
use crate::state::StateError;

#[test]
fn texts_about_failures_are_those_of_the_golden_file() {
    let mut text = String::from("==== Exit codes\n\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "{} {exit}: {}", exit.number(), exit.meaning().trim());
    }
    text += "\n==== Codes of the other node\n\n";
    for code in Code::ALL {
        let failure = if code.is_refusal() {
            Failure::PeerRefusal(*code)
        } else {
            Failure::PeerAborted(*code)
        };
        let _ = writeln!(text, "{} {}", code.number(), code.meaning().trim());
        text += &told(&failure);
    }
    text += "==== Failures of this node\n\n";
    for failure in samples() {
        text += &told(&failure);
    }
    golden::check("failures.txt", &text);
}

fn told(failure: &Failure) -> String {
    format!(
        "    {failure} [{}, exit {}]\n    {}\n\n",
        failure.reason(),
        failure.exit().number(),
        failure.remedy()
    )
}

fn samples() -> Vec<Failure> {
    let address = Address::Ip(([127, 0, 0, 1], 4000).into());
    let store = |kind| {
        Failure::Protocol(Error::Store(StoreError {
            kind,
            what: "a list",
            source: Box::new(io::Error::other("the reason of the system")),
        }))
    };
    vec![
        Failure::OwnRefusal(Refusal {
            code: Code::KeyNotAllowed,
            rule: "a rule".into(),
            sentence: "a sentence".into(),
            remedy: "a remedy".into(),
        }),
        Failure::of_agreement(Error::Beyond {
            code: Code::TooManyCells,
            what: "parts of the Receiver's list",
            value: 600,
            limit: 512,
        }),
        Failure::of_agreement(Error::PeerIncompatible {
            code: Code::KindsDiffer,
            detail: "a detail",
        }),
        Failure::ApprovalSpent("0123abcd".into()),
        Failure::Connect(ConnectError::Unreachable {
            address: address.clone(),
            last: "timed out".into(),
        }),
        Failure::Connect(ConnectError::KeyRefused {
            address: address.clone(),
        }),
        Failure::Connect(ConnectError::OtherProtocol {
            address: address.clone(),
        }),
        Failure::Connect(ConnectError::NoSuchName {
            host: "node.example.org".into(),
            why: "a reason".into(),
        }),
        Failure::Connect(ConnectError::NoRoute {
            address,
            why: "a reason".into(),
        }),
        Failure::Connect(ConnectError::NoAddress),
        Failure::Connect(ConnectError::Local("a reason".into())),
        Failure::NotJoined {
            member: "brand".into(),
            collab: "summer".into(),
            awaited: false,
        },
        Failure::NotJoined {
            member: "brand".into(),
            collab: "summer".into(),
            awaited: true,
        },
        Failure::Net(NetError::TimedOut(Duration::from_secs(30))),
        Failure::Net(NetError::TooSlow(Duration::from_mins(10))),
        Failure::Net(NetError::Ended),
        Failure::Net(NetError::Reset(Code::Interrupted)),
        Failure::Net(NetError::Lost("a reason".into())),
        Failure::Protocol(Error::PeerMisbehaved {
            code: Code::MalformedMessage,
            detail: "a detail",
        }),
        Failure::Protocol(Error::Limit {
            what: "the number of rows",
            value: 600,
            limit: 512,
        }),
        Failure::Protocol(Error::ApiMisuse("a reason")),
        store(StoreErrorKind::DiskFull),
        store(StoreErrorKind::DiskLimit),
        store(StoreErrorKind::Memory),
        Failure::OwnStop(OwnStop::PeerGaveUp),
        Failure::OwnStop(OwnStop::LogUnfinished),
        Failure::Receipts("a reason".into()),
        Failure::OwnData("a reason".into()),
        Failure::from(FreezeError::Read("a reason".into())),
        Failure::Result("a reason".into()),
        Failure::NotWritten("a reason".into()),
        Failure::State(StateError::Damaged("a reason".into())),
        Failure::State(StateError::JobReused),
        Failure::State(StateError::NotReserved),
        Failure::Cancelled,
        Failure::Internal("a reason".into()),
    ]
}
