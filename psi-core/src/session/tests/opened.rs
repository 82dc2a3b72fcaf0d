//! What is released of opened matches: blocks that are impossible, or on which two matches do not
//! agree, are suppressed and noted.

use super::sums::table;
use super::table::{plain, spec_of};
use crate::session::opened::{Opened, OpenedMatch, OpenedPart};
use crate::spec::{JobSpec, Recipients};

/// Two matches over two groups of either side, as a plain join opens them.
fn two_matches() -> (JobSpec, Vec<OpenedMatch>) {
    let (asking, asked) = (table(0..40, 2, 1), table(0..40, 3, 1));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let matches = plain(&spec, &asking, &asked);
    (spec, matches)
}

fn part(matches: &mut [OpenedMatch], of: usize, part: usize) -> &mut OpenedPart {
    matches[of].parts[part].as_mut().unwrap()
}

#[test]
fn what_a_plain_join_opens_is_released_as_it_is() {
    let (spec, matches) = two_matches();
    let opened = Opened::new(&spec, matches.clone(), [7; 32].into());
    assert!(!opened.implausible);
    assert_eq!(opened.matches, matches);
    // Two matches of six blocks, each with its identities and one sum.
    assert_eq!(opened.cells.len(), 2 * 6 * 2);
    assert!(opened.cells.iter().all(Option::is_some));
}

#[test]
fn a_block_on_which_the_matches_differ_is_suppressed_in_both() {
    let (spec, mut matches) = two_matches();
    // Group 2 of the asked side in part 1 of the first match.
    part(&mut matches, 0, 1).components[4] += 1;
    let opened = Opened::new(&spec, matches.clone(), [7; 32].into());
    assert!(opened.implausible);
    part(&mut matches, 0, 1).components[4..6].fill(0);
    // Group 1 of the asking side in part 2 of the second.
    part(&mut matches, 1, 2).components[2..4].fill(0);
    assert_eq!(opened.matches, matches);
    let hidden = opened.cells.iter().filter(|cell| cell.is_none()).count();
    assert_eq!(hidden, 2 * 2);
}

#[test]
fn a_part_that_one_match_suppresses_and_the_other_shows_is_suppressed_in_both() {
    let (spec, mut matches) = two_matches();
    matches[0].parts[0] = None;
    let opened = Opened::new(&spec, matches, [7; 32].into());
    assert!(opened.implausible);
    for part in &opened.matches[1].parts {
        assert_eq!(part.as_ref().unwrap().components[..2], [0, 0]);
    }
}

#[test]
fn more_identities_than_registered_are_suppressed() {
    let (asking, asked) = (table(0..40, 2, 0), table(0..40, 0, 1));
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let mut matches = plain(&spec, &asking, &asked);
    part(&mut matches, 0, 1).count = 41;
    let opened = Opened::new(&spec, matches, [7; 32].into());
    assert!(opened.implausible);
    assert_eq!(opened.matches[0].parts[1], None);
    assert!(opened.cells[..2].iter().all(Option::is_some));
    assert_eq!(opened.cells[2..], [None, None]);
}

#[test]
fn a_block_below_the_minimum_is_suppressed_without_a_note() {
    let (mut asking, asked) = (table(0..40, 0, 0), table(0..40, 3, 1));
    asking.minimum = 14;
    let spec = spec_of(&asking, &asked, Recipients::Both).unwrap();
    let mut matches = plain(&spec, &asking, &asked);
    // Of forty people in three groups fourteen are in the first, thirteen in the others.
    let components = &mut part(&mut matches, 0, 0).components;
    assert_eq!(components[2..], [0; 4]);
    components[2] = 13;
    components[3] = -5;
    let opened = Opened::new(&spec, matches, [7; 32].into());
    assert!(!opened.implausible);
    assert_eq!(
        opened.matches[0].parts[0].as_ref().unwrap().components[2..],
        [0; 4]
    );
    assert_eq!(opened.cells[2..], [None; 4]);
}
