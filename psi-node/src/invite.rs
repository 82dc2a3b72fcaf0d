//! Invites and replies as texts that people paste, and the collaboration that follows from a pair.
//!
//! Spec 14 §1 to §3. A text is a word that says what it is and in which version, a point, and the
//! bytes of [`psi_core::contact`] in base64url without padding. White space in it is what mail
//! programs put there and means nothing. Called by `collab invite`, `collab accept`, by what shows them,
//! and by the state that keeps replies. Reads no clock and no state, and signs nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use psi_core::contact::{Contact, Invite, Reply, Terms};
use psi_core::limits::INVITE_BYTES_MAX;

use crate::collab::{Address, Collaboration, Member, Mode};
use crate::error::UserError;
use crate::identity::check_node_id;

/// What the text of an invite begins with.
pub const INVITE_PREFIX: &str = "glovebox-invite-1.";

/// What the text of a reply begins with.
pub const REPLY_PREFIX: &str = "glovebox-reply-1.";

/// What the text of either begins with, in every version.
pub const ANY_PREFIX: &str = "glovebox-";

/// Bytes of a pasted text, white space included.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// How far the clocks of two nodes may be apart, in seconds.
pub const CLOCKS_APART_SECONDS: i64 = 24 * 60 * 60;

const PASTE_REMEDY: &str = "ask for the text again, as a file if the mail program changes it, and \
                            paste all of it";

/// What somebody pasted.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one is read at a time")]
pub enum Pasted {
    /// An invite to this node.
    Invite(Invite),
    /// A reply to an invite of this node.
    Reply(Reply),
}

/// The text of an invite.
#[must_use]
pub fn invite_text(invite: &Invite) -> String {
    format!("{INVITE_PREFIX}{}", URL_SAFE_NO_PAD.encode(invite.encode()))
}

/// The text of a reply.
#[must_use]
pub fn reply_text(reply: &Reply) -> String {
    format!("{REPLY_PREFIX}{}", URL_SAFE_NO_PAD.encode(reply.encode()))
}

/// Reads a pasted text.
///
/// # Errors
/// [`UserError`] if it is neither, of another version, or damaged.
pub fn parse(text: &str) -> Result<Pasted, UserError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(damaged("it is longer than any"));
    }
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let text: String = text.chars().filter(|c| !blank(*c)).collect();
    if let Some(digits) = text.strip_prefix(INVITE_PREFIX) {
        let invite = Invite::decode(&bytes(digits)?);
        return invite.map(Pasted::Invite).map_err(|e| refused(&e));
    }
    if let Some(digits) = text.strip_prefix(REPLY_PREFIX) {
        let reply = Reply::decode(&bytes(digits)?);
        return reply.map(Pasted::Reply).map_err(|e| refused(&e));
    }
    let versioned = ["glovebox-invite-", "glovebox-reply-"];
    if versioned.iter().any(|prefix| text.starts_with(prefix)) {
        return Err(UserError::bad_input(
            "the text is of another version of invites",
            "install the same version of Glovebox on both nodes",
        ));
    }
    Err(UserError::bad_input(
        "this is neither an invite nor a reply",
        format!("paste the text that begins with {INVITE_PREFIX} or {REPLY_PREFIX}"),
    ))
}

fn bytes(digits: &str) -> Result<Vec<u8>, UserError> {
    let bytes = URL_SAFE_NO_PAD.decode(digits);
    let bytes = bytes.map_err(|_| damaged("a character is missing or changed"))?;
    if bytes.len() > INVITE_BYTES_MAX {
        return Err(damaged("it is longer than any"));
    }
    Ok(bytes)
}

fn damaged(why: &str) -> UserError {
    UserError::bad_input(format!("the text is damaged: {why}"), PASTE_REMEDY)
}

fn refused(error: &psi_core::Error) -> UserError {
    // Whose fault it is nobody can say: mail programs change texts too.
    let what = match error {
        psi_core::Error::PeerMisbehaved { code, detail } => format!("{detail} ({code})"),
        other => other.to_string(),
    };
    UserError::bad_input(format!("the text is not valid: {what}"), PASTE_REMEDY)
}

/// Until when an invite may be accepted, in seconds since 1970.
#[must_use]
pub fn expires_unix(terms: &Terms) -> i64 {
    i64::try_from(terms.expires_unix).unwrap_or(i64::MAX)
}

/// Whether an inviter's signature comes too late now, a day of difference between the clocks allowed.
#[must_use]
pub const fn has_expired(expires_unix: i64, now_unix: i64) -> bool {
    now_unix > expires_unix.saturating_add(CLOCKS_APART_SECONDS)
}

/// The unsigned collaboration that follows from the terms of an invite and who accepts it: the same
/// on both sides.
///
/// # Errors
/// [`UserError`] if a name, a node id or an address is none, or the members are not two nodes.
pub fn document(terms: &Terms, guest: &Contact) -> Result<Collaboration, UserError> {
    let wrong = |what: String| {
        UserError::bad_input(
            format!("no collaboration follows from this invite: {what}"),
            "ask the other member for another one",
        )
    };
    let member = |contact: &Contact, at: usize| -> Result<Member, UserError> {
        let id = check_node_id(contact.node_id).map_err(|e| wrong(e.to_string()))?;
        let address = Address::from_canonical(&contact.address);
        Ok(Member {
            name: contact.name.clone(),
            id,
            address: address.map_err(|e| wrong(e.to_string()))?,
            may_query: terms.may_query.get(at).copied().unwrap_or_default(),
            may_receive: terms.may_receive.get(at).copied().unwrap_or_default(),
        })
    };
    let mode = if terms.dp { Mode::Dp } else { Mode::Exact };
    let members = [member(&terms.inviter, 0)?, member(guest, 1)?];
    let collab = Collaboration::new(&terms.collab, members);
    Ok(collab.map_err(|e| wrong(e.to_string()))?.with_mode(mode))
}

#[cfg(test)]
pub(crate) mod tests {
    use psi_core::contact::Offer;
    use psi_core::receipt::Signature;

    use super::*;
    use crate::identity::{NodeId, NodeKey};

    /// An invite that expired in 1970, and a reply to it.
    pub(crate) fn pair() -> (Invite, Reply) {
        let (inviter, guest) = (NodeKey::generate().unwrap(), NodeKey::generate().unwrap());
        let contact = |name: &str, key: &NodeKey, address: &str| Contact {
            name: name.into(),
            node_id: key.id(),
            address: address.into(),
        };
        let terms = Terms {
            version: Terms::VERSION,
            collab: "summer".into(),
            dp: true,
            inviter: contact("snowy", &inviter, "node.example.org:7401"),
            guest: None,
            may_query: [true, false],
            may_receive: [true, true],
            made_unix: 1,
            expires_unix: 2,
            offer: Offer::hash(None),
        };
        let signature = inviter.sign(&terms.signing_text());
        let invite = Invite {
            terms,
            signature,
            offer: None,
        };
        let mut reply = Reply {
            terms: invite.terms.clone(),
            invite_signature: signature,
            guest: contact("brand", &guest, ""),
            document_signature: Signature([0; 64]),
            offer: None,
            signature: Signature([0; 64]),
        };
        reply.signature = guest.sign(&reply.signing_text());
        (invite, reply)
    }

    #[test]
    fn texts_read_back_whatever_white_space_a_mail_program_puts_into_them() {
        let (invite, reply) = pair();
        let wrapped = |text: String| {
            let lines = text.as_bytes().chunks(64);
            let lines = lines.map(|line| std::str::from_utf8(line).unwrap());
            format!("\r\n  {}\r\n", lines.collect::<Vec<_>>().join("\r\n\t"))
        };
        let text = wrapped(invite_text(&invite));
        assert_eq!(parse(&text).unwrap(), Pasted::Invite(invite));
        let text = wrapped(reply_text(&reply));
        assert_eq!(parse(&text).unwrap(), Pasted::Reply(reply));
    }

    #[test]
    fn hostile_texts_are_refused_with_a_sentence_and_nothing_else() {
        let (invite, reply) = pair();
        let honest = invite_text(&invite);
        let body = honest.strip_prefix(INVITE_PREFIX).unwrap();
        for (text, expected) in [
            (String::new(), "neither"),
            ("glovebox".into(), "neither"),
            (format!("x{honest}"), "neither"),
            (format!("> {honest}"), "neither"),
            (format!("glovebox-invite-2.{body}"), "another version"),
            (format!("{REPLY_PREFIX}{body}"), "not valid"),
            (format!("{honest}="), "the text is"),
            (format!("{honest}A"), "the text is"),
            (format!("{honest}+"), "the text is"),
            (format!("{honest}\u{a0}"), "the text is"),
            (honest[..honest.len() - 4].to_owned(), "the text is"),
            (format!("{INVITE_PREFIX}{}", "A".repeat(60_000)), "longer"),
            (" ".repeat(TEXT_BYTES_MAX + 1), "longer"),
            (format!("{honest}{}", reply_text(&reply)), "the text is"),
        ] {
            let error = parse(&text).unwrap_err();
            let start: String = text.chars().take(40).collect();
            assert!(error.what.contains(expected), "{start}: {}", error.what);
        }
    }

    #[test]
    fn the_same_collaboration_follows_on_both_sides_and_a_hostile_pair_makes_none() {
        let (invite, reply) = pair();
        let collab = document(&invite.terms, &reply.guest).unwrap();
        let [a, b] = ["snowy", "brand"].map(|name| collab.member_by_name(name).unwrap());
        assert!(a.may_query && !b.may_query && collab.mode() == Mode::Dp);
        assert_eq!(b.address, Address::OnlyDials);
        assert_eq!(collab.comparison_code().len(), 59);
        let changes: [fn(&mut Terms, &mut Contact); 9] = [
            |_, guest| guest.name = "snowy".into(),
            |_, guest| guest.name = "Brand".into(),
            |_, guest| guest.name = "a\u{1b}[2J".into(),
            |_, guest| guest.node_id = NodeId([0; 32]),
            |_, guest| guest.address = "brand:0".into(),
            |_, guest| guest.address = "Brand:7401".into(),
            |terms, guest| guest.node_id = terms.inviter.node_id,
            |terms, _| terms.inviter.address = String::new(),
            |terms, _| terms.collab = "../x".into(),
        ];
        for change in changes {
            let (mut terms, mut guest) = (invite.terms.clone(), reply.guest.clone());
            change(&mut terms, &mut guest);
            let error = document(&terms, &guest).unwrap_err();
            assert!(error.what.contains("no collaboration"), "{}", error.what);
        }
    }
}
