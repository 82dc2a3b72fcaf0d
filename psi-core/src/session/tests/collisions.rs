//! Filler whose tag equals another is drawn anew, until there are as many tags as registered.

use std::sync::Arc;

use super::{MatchSetup, Portable, Side, records, spec_of, tools};
use crate::error::Error;
use crate::seed::JobSeed;
use crate::session::sender;
use crate::spec::Recipients;

/// The tags of a Sender with 1,000 registered identities and none of its own, with tags so short
/// that they collide.
fn short_tags(tag_bytes: usize) -> Result<Vec<u8>, Error> {
    let side = Side::of([], 1000, 1);
    let mut setup = MatchSetup::new(&spec_of(&side, &side, Recipients::Both), 0).unwrap();
    setup.tag_bytes = tag_bytes;
    let (seed, list) = (JobSeed::new([22; 32]), side.list());
    let encrypted = sender::encrypt(setup, &seed, list.as_ref(), tools(Arc::new(Portable)))?;
    Ok(records(&encrypted.message))
}

#[test]
fn tags_that_collide_are_replaced_until_their_number_is_right() {
    // Of 1,000 tags of 16 bits about eight collide at first.
    let tags = short_tags(2).unwrap();
    let tags: Vec<&[u8]> = tags.chunks(2).collect();
    assert_eq!(tags.len(), 1000);
    assert!(tags.is_sorted_by(|a, b| a < b));
    assert_eq!(
        tags.concat(),
        short_tags(2).unwrap(),
        "the same seed gives the same tags"
    );
}

#[test]
fn tags_that_cannot_be_distinct_end_the_job() {
    assert!(matches!(short_tags(1), Err(Error::ApiMisuse(_))));
}
