//! A match is the same, byte for byte, whichever kernel each side runs.

use std::sync::Arc;

use super::{Side, cell, run_count, spec_of};
use crate::kernel::available;
use crate::spec::Recipients;

#[test]
fn every_kernel_gives_the_same_frames_outcome_and_transcripts() {
    let a = Side::of(0..300, 300, 10);
    let b = Side::of(200..700, 512, 20);
    let spec = spec_of(&a, &b, Recipients::Both);
    let runs: Vec<_> = available()
        .iter()
        .map(|kernel| run_count(&spec, [&a, &b], &Arc::clone(kernel), 100).unwrap())
        .collect();
    assert_eq!(cell(runs[0].requester.opened.as_ref()), Some(100));
    for run in &runs {
        assert_eq!(run.wire, runs[0].wire);
        assert_eq!(run.requester.last, runs[0].requester.last);
        assert_eq!(run.requester.transcripts, runs[0].requester.transcripts);
        assert_eq!(run.responder.transcripts, runs[0].responder.transcripts);
        assert_eq!(run.responder.opened, runs[0].responder.opened);
    }
}
