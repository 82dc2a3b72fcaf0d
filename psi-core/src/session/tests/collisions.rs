//! Filler whose tag equals another is drawn again, until there are as many tags as registered.

use std::sync::Arc;

use super::sums::table;
use super::table::lists;
use super::{MatchSetup, Portable, SharedList, Side, records, spec_of, tools};
use crate::error::Error;
use crate::seed::{JobSeed, Purpose};
use crate::session::{positions, sender};
use crate::spec::{Party, Recipients};

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

#[test]
fn payload_stays_beside_its_tag_when_others_collide() {
    let owner = table(0..300, 0, 1);
    let asking = table(0..300, 0, 0);
    let spec = super::table::spec_of(&asking, &owner, Recipients::Both).unwrap();
    let mut setup = MatchSetup::new(&spec, 0).unwrap();
    // Of 2,000 tags of 16 bits about thirty collide at first.
    (setup.sender_size, setup.tag_bytes) = (2000, 2);
    setup.sender_identities = 2000;
    let positions = lists(&spec, Party::Responder, &owner).positions.unwrap();
    let seed = JobSeed::new([22; 32]);
    let scalar = seed.stream(Purpose::SenderScalar, 0, 0).scalar();
    let tools = tools(Arc::new(Portable));
    let made = positions::make(&setup, positions.as_ref(), &seed, &scalar, &tools).unwrap();
    let tags = records(&SharedList::from(made.tags));
    let payload = records(&SharedList::from(made.payload.unwrap()));
    let tags: Vec<&[u8]> = tags.chunks(2).collect();
    assert_eq!((tags.len(), payload.len()), (2000, 2000 * 8));
    assert!(tags.is_sorted_by(|a, b| a < b));
    let mut kept = 0;
    for record in records(&positions).chunks(40) {
        let (digest, own) = record.split_at(32);
        let point = setup.multiply(&[digest.try_into().unwrap()], &scalar, &tools);
        let mut tag = Vec::new();
        crate::tag::tags(&Portable, &setup.job_id, 0, &point, 2, &mut tag);
        let place = tags.binary_search(&tag.as_slice()).unwrap();
        kept += usize::from(payload[8 * place..8 * place + 8] == *own);
    }
    // One whose tag collides with another may have lost its place to it.
    assert!(
        kept > 280 && kept <= 300,
        "{kept} of 300 kept their payload"
    );
    let others = payload.chunks(8).filter(|payload| **payload != [0; 8]);
    assert!(others.count() <= 300);
}
