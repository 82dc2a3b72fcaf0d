use std::net::SocketAddr;
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

use super::document::signature_section;
use super::*;

/// A key that is the same in every run; `number` tells keys apart.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(key: &SigningKey) -> NodeId {
    NodeId(key.verifying_key().to_bytes())
}

/// Two keys, in the order of their node ids.
fn keys() -> [SigningKey; 2] {
    let mut keys = [key(1), key(2)];
    keys.sort_by_key(id);
    keys
}

/// A signed collaboration named `summer` between `brand` and `snowy`, and their keys in the order
/// of [`Collaboration::members`].
pub(crate) fn signed() -> (Collaboration, [SigningKey; 2]) {
    let keys = keys();
    (sign_all(unsigned("summer", &keys), &keys), keys)
}

/// `collab` with the signatures of both keys.
pub(crate) fn sign_all(mut collab: Collaboration, keys: &[SigningKey; 2]) -> Collaboration {
    for key in keys {
        let name = collab.member_by_id(&id(key)).unwrap().name.clone();
        let signature = signature(&collab, key);
        collab.add_signature(&name, signature).unwrap();
    }
    collab
}

fn signature(collab: &Collaboration, key: &SigningKey) -> Signature {
    key.sign(&collab.signing_text()).to_bytes().into()
}

/// An unsigned collaboration between `brand` (the first key) and `snowy`.
pub(crate) fn unsigned(name: &str, keys: &[SigningKey; 2]) -> Collaboration {
    let member = |name: &str, key: &SigningKey, port| Member {
        name: name.into(),
        id: id(key),
        address: SocketAddr::from(([127, 0, 0, 1], port)).into(),
        may_query: true,
        may_receive: true,
    };
    let members = [
        member("brand", &keys[0], 7402),
        member("snowy", &keys[1], 7401),
    ];
    Collaboration::new(name, members).unwrap()
}

fn parse(text: &str) -> Result<Collaboration, UserError> {
    Collaboration::parse(text, Path::new("summer.toml"))
}

#[test]
fn a_signed_document_survives_its_text_and_verifies() {
    let (collab, _) = signed();
    let again = parse(&collab.to_toml()).unwrap();
    assert_eq!(again, collab);
    assert_eq!(again.verify(), Ok(()));
}

#[test]
fn a_later_revision_survives_its_text_and_its_fields_belong_together() {
    let (first, keys) = signed();
    let second = sign_all(first.next_revision().unwrap().with_mode(Mode::Dp), &keys);
    let text = second.to_toml();
    assert_eq!(parse(&text).unwrap(), second);
    for (old, new) in [
        ("revision = 2", "revision = 1"),
        ("revision = 2", "revision = 0"),
        ("revision = 2\n", ""),
        ("origin = ", "# "),
        ("previous = ", "# "),
    ] {
        assert!(text.contains(old), "{old}");
        let error = parse(&text.replacen(old, new, 1)).unwrap_err();
        assert!(error.what.contains("revision"), "{old}: {}", error.what);
    }
    for (old, new) in [
        ("mode = \"dp\"", "mode = \"exact\""),
        ("revision = 2", "revision = 3"),
    ] {
        let changed = parse(&text.replacen(old, new, 1)).unwrap();
        assert!(
            matches!(changed.verify(), Err(CollabError::SignatureInvalid(_))),
            "{old}"
        );
    }
}

#[test]
fn a_first_revision_in_exact_mode_signs_nothing_but_its_name_and_members() {
    let (collab, _) = signed();
    let bare = collab
        .to_toml()
        .replace("revision = 1\nmode = \"exact\"\n", "");
    let again = parse(&bare).unwrap();
    assert_eq!(again, collab);
    assert_eq!(again.verify(), Ok(()));
    let members = collab.members().iter();
    let bytes = members.map(|m| 4 + m.name.len() + 32 + 4 + m.address.canonical().len() + 2);
    assert_eq!(
        collab.canonical().len(),
        4 + collab.name().len() + bytes.sum::<usize>()
    );
}

#[test]
fn any_change_of_what_it_says_makes_the_signatures_invalid() {
    let (collab, _) = signed();
    let text = collab.to_toml();
    for (old, new) in [
        ("name = \"summer\"", "name = \"winter\""),
        ("127.0.0.1:7401", "127.0.0.1:7403"),
        ("may_query = true", "may_query = false"),
        ("may_receive = true", "may_receive = false"),
    ] {
        let changed = parse(&text.replacen(old, new, 1)).unwrap();
        assert!(
            matches!(changed.verify(), Err(CollabError::SignatureInvalid(_))),
            "{old}"
        );
        assert_ne!(changed.id(), collab.id(), "{old}");
    }
}

#[test]
fn comments_and_the_order_of_members_do_not_change_the_id() {
    let keys = keys();
    let collab = unsigned("summer", &keys);
    let [a, b] = collab.members().clone();
    let swapped = Collaboration::new("summer", [b, a]).unwrap();
    assert_eq!(swapped.id(), collab.id());
    let commented = parse(&format!("# ours\n{}", collab.to_toml())).unwrap();
    assert_eq!(commented.id(), collab.id());
}

#[test]
fn a_member_may_have_a_name_or_no_address_and_both_are_signed() {
    let keys = keys();
    let text = unsigned("summer", &keys).to_toml();
    let named = text.replace("127.0.0.1:7401", "Node.example.org:7401");
    let only_dials = text.replace("address = \"127.0.0.1:7402\"", "only_dials = true");
    let mut ids = vec![parse(&text).unwrap().id()];
    for changed in [&named, &only_dials] {
        let collab = sign_all(parse(changed).unwrap(), &keys);
        assert_eq!(parse(&collab.to_toml()), Ok(collab.clone()));
        assert!(!ids.contains(&collab.id()));
        ids.push(collab.id());
    }
    for (changed, expected) in [
        (
            only_dials.replace("address = \"127.0.0.1:7401\"", "only_dials = true"),
            "both members only dial",
        ),
        (
            text.replace("address = \"127.0.0.1:7401\"\n", ""),
            "either an address",
        ),
        (
            text.replace("may_query", "only_dials = true\nmay_query"),
            "either an address",
        ),
        (text.replace("127.0.0.1:7401", "only_dials"), "in place of"),
    ] {
        let error = parse(&changed).unwrap_err();
        assert!(error.what.contains(expected), "{expected}: {}", error.what);
    }
}

#[test]
fn a_missing_signature_is_named() {
    let (collab, keys) = signed();
    let half = unsigned("summer", &keys);
    assert_eq!(half.id(), collab.id());
    let brand = signature(&half, &keys[0]);
    let text = half.to_toml() + &signature_section("brand", &brand);
    let half = parse(&text).unwrap();
    assert_eq!(half.verify_present(), Ok(()));
    assert_eq!(half.verify(), Err(CollabError::Unsigned("snowy".into())));
}

#[test]
fn a_signature_under_the_other_members_name_is_invalid() {
    let keys = keys();
    let collab = unsigned("summer", &keys);
    let brand = signature(&collab, &keys[0]);
    let text = collab.to_toml() + &signature_section("snowy", &brand);
    let error = parse(&text).unwrap().verify().unwrap_err();
    assert_eq!(error, CollabError::SignatureInvalid("snowy".into()));
}

#[test]
fn documents_that_name_no_two_nodes_are_refused() {
    let (collab, _) = signed();
    let text = collab.to_toml();
    let id = collab.members()[0].id.to_string();
    let other = collab.members()[1].id.to_string();
    let stranger = signature_section("carol", &[1; 64].into());
    let twice = signature_section("brand", &[1; 64].into());
    for (changed, expected) in [
        (text.replace(&other, &id), "the same id"),
        (text.replace("snowy", "brand"), "the same name"),
        (text.replace(":7401", ":7402"), "the same address"),
        (
            text.replace("name = \"snowy\"", "name = \"Snowy\""),
            "is not a name",
        ),
        (text.clone() + &stranger, "not a member"),
        (text.clone() + &twice, "signed twice"),
        (
            text.replace("may_query = true", "may_qurey = true"),
            "unknown setting",
        ),
        (text.replace(&other, "12"), "64 hexadecimal digits"),
        (text.replace("127.0.0.1:7401", "nowhere"), "summer.toml:"),
        (
            "name = \"summer\"\nmember = []\n".into(),
            "exactly two members",
        ),
    ] {
        let error = parse(&changed).unwrap_err();
        assert!(error.what.contains(expected), "{expected}: {}", error.what);
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "(name|member|signature|\\[|\\]|=|\"|[a-z0-9 \\n])*") {
        let _ = parse(&text);
    }
}
