//! The protocol of the log between two members in memory, without network or disk.

mod crash;
mod fork;
mod hostile;
mod hostile_entries;
mod random;
mod rollback;
mod settling;

use super::{LogError, Machine, Next, Settlement};
use crate::error::Code;
use crate::log_fixture::bodies::{self, COLLAB};
use crate::log_fixture::node::{Disk, Node};
use crate::log_fixture::pair::{Crash, End, FOLLOWER, Fuse, Outcome, Pair, SEQUENCER, carry_out};
use crate::messages::Control;
use crate::receipt::Body;
