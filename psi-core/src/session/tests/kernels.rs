//! A match is the same, byte for byte, whichever kernel each side runs.

use std::sync::Arc;

use super::{Side, run_match, spec_of};
use crate::kernel::available;
use crate::spec::Recipients;

#[test]
fn every_kernel_gives_the_same_frames_outcome_and_transcripts() {
    let a = Side::of(0..300, 300, 10);
    let b = Side::of(200..700, 512, 20);
    let spec = spec_of(&a, &b, Recipients::Both);
    let runs: Vec<_> = available()
        .iter()
        .map(|kernel| run_match(&spec, &a, &b, &Arc::clone(kernel), 100).unwrap())
        .collect();
    assert_eq!(runs[0].receiver.cell, Some(100));
    for run in &runs {
        assert_eq!(run.wire, runs[0].wire);
        assert_eq!(run.receiver.message, runs[0].receiver.message);
        assert_eq!(run.receiver.transcripts, runs[0].receiver.transcripts);
        assert_eq!(run.sender.transcripts, runs[0].sender.transcripts);
        assert_eq!(run.sender.opened, runs[0].sender.opened);
    }
}
