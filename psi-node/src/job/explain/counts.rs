//! Numbers that follow from a specification: cells, points, numbers at a position.

use psi_core::spec::{JobSpec, MatchSpec, PartSize};

/// Combinations of all groups of both sides.
pub(super) fn cells(spec: &JobSpec) -> u64 {
    let [a, b] = [&spec.requester, &spec.responder].map(|half| half.facts.group_count());
    a.saturating_mul(b)
}

/// Points that the Receiver sends, over all parts.
pub(super) fn points(one: &MatchSpec) -> u64 {
    let points = one.parts.iter().map(PartSize::points);
    points.fold(0, u64::saturating_add)
}

/// Numbers at one position of the Sender.
pub(super) fn numbers(one: &MatchSpec) -> u64 {
    let components = one.payload.components.len() as u64;
    one.payload.groups.saturating_mul(components)
}
