//! Invites, replies and offers: what reads back, and hostile ones as files.
//!
//! `testdata/hostile-contact/*.hex` are invites and replies, each with one defect that its name
//! states and the code with which it is refused. The honest pair has fixed keys.

use ed25519_dalek::{Signer as _, SigningKey};

use super::offer::{OfferedKey, OfferedTable};
use super::*;
use crate::fixture::{self, Fixture};
use crate::messages::codec;
use crate::receipt::Signature;
use crate::spec::NodeId;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn sign(key: &SigningKey, text: &[u8]) -> Signature {
    key.sign(text).to_bytes().into()
}

fn contact(name: &str, key: &SigningKey, address: &str) -> Contact {
    Contact {
        name: name.into(),
        node_id: key.verifying_key().to_bytes().into(),
        address: address.into(),
    }
}

fn table(name: &str) -> OfferedTable {
    OfferedTable {
        name: name.into(),
        rule: "aggregation".into(),
        forms: vec!["join".into()],
        keys: Vec::new(),
        filters: Vec::new(),
        dimensions: Vec::new(),
        aggregates: Vec::new(),
        templates: Vec::new(),
        rules: None,
    }
}

fn offer() -> Offer {
    Offer {
        tables: vec![table("customers"), table("orders")],
        left_out: 0,
    }
}

fn terms() -> Terms {
    Terms {
        version: Terms::VERSION,
        collab: "summer".into(),
        dp: false,
        inviter: contact("snowy", &key(1), "node.example.org:7401"),
        guest: Some("brand".into()),
        may_query: [true, true],
        may_receive: [true, true],
        made_unix: 1_700_000_000,
        expires_unix: 1_700_600_000,
        offer: Offer::hash(Some(&offer())),
    }
}

/// The terms of [`terms`] changed by `change`, signed by the inviter.
fn invite_with(change: impl FnOnce(&mut Terms)) -> Invite {
    let mut terms = terms();
    change(&mut terms);
    Invite {
        signature: sign(&key(1), &terms.signing_text()),
        terms,
        offer: Some(offer()),
    }
}

/// An invite with this offer, signed by the inviter.
fn invite_offering(offer: Offer) -> Invite {
    let hash = Offer::hash(Some(&offer));
    Invite {
        offer: Some(offer),
        ..invite_with(|terms| terms.offer = hash)
    }
}

fn invite() -> Invite {
    invite_with(|_| ())
}

/// The reply to [`invite`] changed by `change`, signed by whoever accepts.
fn reply_with(change: impl FnOnce(&mut Reply)) -> Reply {
    let Invite {
        terms, signature, ..
    } = invite();
    let mut reply = Reply {
        terms,
        invite_signature: signature,
        guest: contact("brand", &key(2), ""),
        // Of a document, which this crate does not know.
        document_signature: Signature([7; 64]),
        offer: None,
        signature: Signature([0; 64]),
    };
    change(&mut reply);
    reply.signature = sign(&key(2), &reply.signing_text());
    reply
}

#[test]
fn an_invite_and_its_reply_read_back() {
    let invite = invite();
    assert_eq!(Invite::decode(&invite.encode()).unwrap(), invite);
    let reply = reply_with(|_| ());
    assert_eq!(Reply::decode(&reply.encode()).unwrap(), reply);
    let nothing = Invite {
        offer: None,
        ..invite_with(|terms| terms.offer = Offer::hash(None))
    };
    assert_eq!(Invite::decode(&nothing.encode()).unwrap(), nothing);
}

#[test]
fn an_offer_takes_tables_as_long_as_there_is_room_and_counts_the_rest() {
    let mut offer = Offer::default();
    for number in 0..100 {
        offer.add(table(&format!("t{number:03}")));
    }
    assert_eq!((offer.tables.len(), offer.left_out), (64, 36));
    let mut wide = Offer::default();
    for number in 0..3 {
        let mut table = table(&format!("t{number}"));
        table.templates = (0..80).map(|n| format!("{n:0>200}")).collect();
        wide.add(table);
    }
    assert_eq!((wide.tables.len(), wide.left_out), (1, 2));
    assert!(wide.check().is_ok());
}

/// One file: its name, whether it is a reply, its bytes, the code that refuses it.
type Case = (&'static str, bool, Vec<u8>, Code);

fn invites() -> Vec<Case> {
    use Code::{MalformedMessage, SignatureInvalid};
    let honest = invite().encode();
    let malformed =
        |name, invite: Invite| -> Case { (name, false, invite.encode(), MalformedMessage) };
    let long = "x".repeat(limits::OFFER_TEXT_BYTES_MAX + 1);
    let offering = |tables: Vec<OfferedTable>| {
        invite_offering(Offer {
            tables,
            left_out: 0,
        })
    };
    let mut changed = invite();
    changed.terms.may_query = [true, false];
    let mut by_other = invite();
    by_other.signature = sign(&key(2), &by_other.terms.signing_text());
    let mut other_offer = invite();
    other_offer.offer = Some(Offer::default());
    let mut no_offer = invite();
    no_offer.offer = None;
    // Under the identity point anybody can make signatures that a lenient check takes.
    let mut weak = invite();
    weak.terms.inviter.node_id = NodeId(std::array::from_fn(|at| u8::from(at == 0)));
    weak.signature = Signature(std::array::from_fn(|at| u8::from(at == 0)));
    // The first count behind the terms' signature is that of the tables.
    let terms_bytes = codec::encode(&invite().terms).len();
    let mut many_claimed = honest.clone();
    many_claimed[terms_bytes + 64 + 1..][..8].copy_from_slice(&(1_u64 << 40).to_be_bytes());
    let mut not_utf8 = honest.clone();
    not_utf8[2 + 8] = 0xff;
    let mut bool_of_two = honest.clone();
    bool_of_two[2 + 8 + 6] = 2;
    let crowd = (0..=limits::OFFER_TABLES_MAX).map(|number| table(&format!("t{number:03}")));
    let mut no_columns = table("customers");
    no_columns.keys = vec![OfferedKey {
        columns: Vec::new(),
        size: None,
    }];
    let mut crowded = table("customers");
    crowded.templates = vec!["t".into(); limits::OFFER_ITEMS_MAX + 1];
    vec![
        (
            "invite_cut_off",
            false,
            honest[..honest.len() - 1].to_vec(),
            MalformedMessage,
        ),
        (
            "invite_byte_after_last",
            false,
            [&honest[..], &[0]].concat(),
            MalformedMessage,
        ),
        (
            "invite_too_long",
            false,
            vec![0; limits::INVITE_BYTES_MAX + 1],
            MalformedMessage,
        ),
        ("invite_name_not_utf8", false, not_utf8, MalformedMessage),
        ("invite_flag_of_two", false, bool_of_two, MalformedMessage),
        (
            "invite_claims_more_tables_than_bytes",
            false,
            many_claimed,
            MalformedMessage,
        ),
        malformed(
            "invite_of_other_version",
            invite_with(|terms| terms.version = 2),
        ),
        malformed(
            "invite_name_empty",
            invite_with(|terms| terms.collab.clear()),
        ),
        malformed(
            "invite_name_too_long",
            invite_with(|terms| terms.collab.clone_from(&long)),
        ),
        malformed(
            "invite_address_too_long",
            invite_with(|terms| terms.inviter.address.clone_from(&long)),
        ),
        malformed(
            "invite_valid_for_no_time",
            invite_with(|terms| terms.expires_unix = terms.made_unix),
        ),
        malformed(
            "invite_ends_before_it_begins",
            invite_with(|terms| terms.expires_unix = terms.made_unix - 1),
        ),
        malformed(
            "invite_valid_for_ever",
            invite_with(|terms| terms.expires_unix = u64::MAX),
        ),
        malformed("invite_with_other_offer", other_offer),
        malformed("invite_with_offer_left_out", no_offer),
        malformed(
            "offer_tables_descend",
            offering(vec![table("orders"), table("customers")]),
        ),
        malformed(
            "offer_table_twice",
            offering(vec![table("orders"), table("orders")]),
        ),
        malformed("offer_of_too_many_tables", offering(crowd.collect())),
        malformed("offer_table_without_name", offering(vec![table("")])),
        malformed("offer_key_without_columns", offering(vec![no_columns])),
        malformed("offer_list_too_long", offering(vec![crowded])),
        (
            "invite_terms_changed_after_signing",
            false,
            changed.encode(),
            SignatureInvalid,
        ),
        (
            "invite_signed_by_other",
            false,
            by_other.encode(),
            SignatureInvalid,
        ),
        ("invite_of_weak_key", false, weak.encode(), SignatureInvalid),
    ]
}

fn replies() -> Vec<Case> {
    use Code::{MalformedMessage, SignatureInvalid};
    let honest = reply_with(|_| ());
    let bytes = honest.encode();
    let changed = |change: fn(&mut Reply)| {
        let mut reply = honest.clone();
        change(&mut reply);
        reply.encode()
    };
    let other_terms = reply_with(|reply| reply.terms.may_receive = [true, false]);
    let self_invited = reply_with(|reply| {
        // Terms in the inviter's name that whoever accepts has signed itself.
        reply.invite_signature = sign(&key(2), &reply.terms.signing_text());
    });
    let bad_offer = reply_with(|reply| {
        reply.offer = Some(Offer {
            tables: vec![table("b"), table("a")],
            left_out: 0,
        });
    });
    vec![
        (
            "reply_cut_off",
            true,
            bytes[..bytes.len() - 1].to_vec(),
            MalformedMessage,
        ),
        (
            "reply_byte_after_last",
            true,
            [&bytes[..], &[0]].concat(),
            MalformedMessage,
        ),
        (
            "reply_is_an_invite",
            true,
            invite().encode(),
            MalformedMessage,
        ),
        (
            "reply_offer_out_of_order",
            true,
            bad_offer.encode(),
            MalformedMessage,
        ),
        (
            "reply_to_other_terms",
            true,
            other_terms.encode(),
            SignatureInvalid,
        ),
        (
            "reply_to_terms_signed_by_itself",
            true,
            self_invited.encode(),
            SignatureInvalid,
        ),
        (
            "reply_guest_changed_after_signing",
            true,
            changed(|reply| reply.guest.address = "203.0.113.9:7402".into()),
            SignatureInvalid,
        ),
        (
            "reply_document_signature_changed",
            true,
            changed(|reply| reply.document_signature = Signature([8; 64])),
            SignatureInvalid,
        ),
        (
            "reply_offer_changed_after_signing",
            true,
            changed(|reply| reply.offer = Some(Offer::default())),
            SignatureInvalid,
        ),
    ]
}

#[test]
fn hostile_invites_and_replies_are_refused_with_the_code_of_their_file() {
    let mut files = Vec::new();
    for (name, is_reply, bytes, code) in [invites(), replies()].concat() {
        let what = if is_reply { "reply" } else { "invite" };
        let head = [format!("read as: {what}"), format!("refused: {code}")];
        let mut file = Fixture::new(head);
        // One that is too long says nothing but that.
        if bytes.len() <= limits::INVITE_BYTES_MAX {
            file.piece("the bytes (Spec 14)", &bytes);
            files.push((name.to_owned(), file.render()));
        } else {
            assert!(Invite::decode(&bytes).is_err(), "{name}");
        }
    }
    fixture::check_folder("hostile-contact", files);
    for (name, text) in fixture::read_all("hostile-contact") {
        let bytes = fixture::parse(&text);
        let refused = match fixture::field(&text, "read as") {
            Some("reply") => Reply::decode(&bytes).err(),
            _ => Invite::decode(&bytes).err(),
        };
        let code = refused.map(|error| error.code().to_string());
        assert_eq!(code.as_deref(), fixture::field(&text, "refused"), "{name}");
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_are_an_honest_pair_and_an_offer() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/contact/");
    for (name, bytes) in [
        ("invite", invite().encode()),
        ("reply", reply_with(|_| ()).encode()),
        ("offer", codec::encode(&offer())),
    ] {
        let path = format!("{folder}{name}");
        if std::env::var_os("GLOVEBOX_REGENERATE").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
    }
}
