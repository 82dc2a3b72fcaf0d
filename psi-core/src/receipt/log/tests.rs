//! The protocol of the log between two members in memory, without network or disk.

mod crash;
mod fork;
mod hostile;
mod hostile_entries;
mod random;
mod rollback;
mod settling;

use super::{Append, Machine, Settlement};
use crate::error::Code;
use crate::log_fixture::bodies::{self, COLLAB};
use crate::log_fixture::{
    Crash, Disk, End, FOLLOWER, Fuse, Node, Outcome, Pair, SEQUENCER, carry_out,
};
use crate::messages::Control;
use crate::receipt::{Body, ChainVerifier};
