//! Exit codes of the command line: one documented table that scripts rely on.

use std::process::ExitCode;

use psi_core::codes;

codes! {
    /// How a command ended. Numbers and names are stable.
    pub enum Exit: u8;

    /// The command succeeded; a query's result was released.
    Released = 0, "released";
    /// An internal error, or the machine failed (disk full, for example).
    Internal = 1, "internal";
    /// Bad input: usage, configuration, SQL or files.
    BadInput = 2, "bad_input";
    /// The job ran, and the result rests on too few identities to be shown.
    Suppressed = 3, "suppressed";
    /// This node's own policy refused.
    RefusedByPolicy = 4, "refused_by_policy";
    /// The peer refused.
    RefusedByPeer = 5, "refused_by_peer";
    /// The peer could not be reached in time.
    PeerUnreachable = 6, "peer_unreachable";
    /// The peer broke the protocol.
    ProtocolViolation = 7, "protocol_violation";
    /// The job was interrupted, cancelled or aborted.
    Interrupted = 8, "interrupted";
    /// No daemon answers on the local API.
    NoDaemon = 9, "no_daemon";
    /// Receipts do not verify, or the two logs disagree.
    ReceiptsWrong = 10, "receipts_wrong";
    /// This node or the peer runs as many jobs as it may, or has no room for another; ask again later.
    Busy = 11, "busy";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn numbers_are_the_positions_in_the_table_and_names_are_unique() {
        for (i, exit) in Exit::ALL.iter().enumerate() {
            assert_eq!(usize::from(exit.number()), i);
            assert_eq!(Exit::from_number(exit.number()), Some(*exit));
            assert!(
                Exit::ALL[i + 1..]
                    .iter()
                    .all(|other| other.as_str() != exit.as_str())
            );
        }
    }
}
