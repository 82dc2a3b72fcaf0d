//! Decides whether a refusal is recorded on the log.
//!
//! Spec 07 §2.1. Only the responder asks, before anything is signed; both members then append the
//! entry with [`Append`](super::Append).
//!
//! # Discussion
//! Two bounds apply. One counts entries since the last opened job: both nodes hold these entries,
//! no clock can be wrong, and a log cannot grow by more than 17 entries for each job. The other
//! counts the entries of a day. Refusals beyond them go to the responder's own log, which has
//! bounds too.

use super::{LogView, Member};
use crate::error::Code;
use crate::limits::{REFUSALS_PER_DAY_MAX, REFUSALS_RECORDED_MAX};

/// Whether a refusal with this code is to be recorded. It is not if it says that the node is busy
/// or cannot answer now, or that the log cannot be continued, and not if the log has no room for
/// more refusals. A state that cannot be read has no room.
pub fn is_recorded<V: LogView>(member: &Member<'_, V>, code: Code) -> bool {
    is_about_the_question(code) && has_room(member).unwrap_or(false)
}

fn is_about_the_question(code: Code) -> bool {
    code.is_refusal()
        && !matches!(
            code,
            Code::TooManyJobs
                | Code::Unavailable
                | Code::ReceiptsDisagree
                | Code::VersionUnsupported
        )
}

fn has_room<V: LogView>(member: &Member<'_, V>) -> Result<bool, V::Error> {
    let view = member.view;
    Ok(view.refusals_in_a_row()? < REFUSALS_RECORDED_MAX
        // A sequencer that never brings the entries of refusals gets no more of them.
        && view.refusals_awaited()? < REFUSALS_RECORDED_MAX
        && view.refusals_today()? < REFUSALS_PER_DAY_MAX
        && view.broken()?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_fixture::node::Node;
    use crate::log_fixture::pair::{FOLLOWER, Pair, SEQUENCER};

    fn recorded(node: &Node, code: Code) -> bool {
        node.member(|member| is_recorded(member, code))
    }

    #[test]
    fn only_refusals_about_the_question_are_recorded() {
        let node = &Pair::new().nodes[SEQUENCER];
        let left_out = [
            Code::TooManyJobs,
            Code::Unavailable,
            Code::ReceiptsDisagree,
            Code::VersionUnsupported,
        ];
        for code in Code::ALL {
            let expected = code.is_refusal() && !left_out.contains(code);
            assert_eq!(recorded(node, *code), expected, "{code:?}");
        }
    }

    #[test]
    fn a_log_has_room_for_some_refusals_between_two_jobs_and_in_a_day() {
        let mut pair = Pair::new();
        let code = Code::FilterNotAllowed;
        let takes = |pair: &Pair| pair.nodes.each_ref().map(|node| recorded(node, code));
        let mut jobs = 0;
        for n in 0..REFUSALS_PER_DAY_MAX {
            if n > 0 && n % REFUSALS_RECORDED_MAX == 0 {
                assert_eq!(takes(&pair), [false; 2], "after {n}");
                jobs += 1;
                pair.open(jobs);
            }
            assert_eq!(takes(&pair), [true; 2], "after {n}");
            pair.refuse();
        }
        pair.open(jobs + 1);
        assert_eq!(takes(&pair), [false; 2], "the day is full");
        for node in &mut pair.nodes {
            node.disk.before_today = node.disk.entries.len();
        }
        assert_eq!(takes(&pair), [true; 2]);
    }

    #[test]
    fn a_sequencer_that_brings_no_entries_of_refusals_gets_no_more_of_them() {
        let mut pair = Pair::new();
        for _ in 0..REFUSALS_RECORDED_MAX {
            assert!(recorded(&pair.nodes[FOLLOWER], Code::FilterNotAllowed));
            pair.question();
        }
        assert!(!recorded(&pair.nodes[FOLLOWER], Code::FilterNotAllowed));
    }

    #[test]
    fn a_broken_log_takes_none() {
        let mut node = Pair::new().nodes[FOLLOWER].clone();
        node.disk.broken = Some("found broken".into());
        assert!(!recorded(&node, Code::FilterNotAllowed));
    }
}
