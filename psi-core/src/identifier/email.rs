//! E-mail addresses, by the three rules that people use.
//!
//! Spec 02 §1. The plain rule changes nothing but case. The two others are the published rules of
//! companies whose hashes are common: addresses of one mailbox that differ in dots or in what is
//! behind a plus sign become one. Called by [`super::IdentifierKind::normalise`].

use zeroize::Zeroizing;

use super::append_lowercase;

/// Which addresses are taken to be of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailboxRule {
    /// None that are spelled differently.
    Plain,
    /// Google's: white space inside is removed too; at `gmail.com` and `googlemail.com` dots do not
    /// count, nor does what is behind a plus sign. The two domains stay different.
    Google,
    /// That of Unified ID 2.0: the same for `gmail.com` alone, and white space inside is an error.
    Uid2,
}

/// Appends the address to `out`, or returns `false` if `value` is not one. A value of another form,
/// such as `n/a`, would match every other one of its spelling.
pub(super) fn append(out: &mut Vec<u8>, value: &str, rule: MailboxRule) -> bool {
    match rule {
        MailboxRule::Plain => has_form(value) && append_lowercase(out, value),
        MailboxRule::Google => {
            let joined: Zeroizing<String> =
                Zeroizing::new(value.split_whitespace().collect::<String>());
            append_mailbox(out, &joined, &["gmail.com", "googlemail.com"])
        }
        MailboxRule::Uid2 => append_mailbox(out, value, &["gmail.com"]),
    }
}

/// One `@` with something around it, and no white space.
fn has_form(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !value.contains(char::is_whitespace)
}

/// The address in lower case; at one of `domains` without dots and without what follows a plus sign.
fn append_mailbox(out: &mut Vec<u8>, value: &str, domains: &[&str]) -> bool {
    if !has_form(value) || !append_lowercase(out, value) {
        return false;
    }
    // INVARIANT: lower case changes neither the sign nor that there is one.
    let Some(at) = out.iter().position(|byte| *byte == b'@') else {
        return false;
    };
    let (local, domain) = out.split_at(at);
    let is_at = |other: &&str| domain.strip_prefix(b"@") == Some(other.as_bytes());
    if !domains.iter().any(is_at) {
        return true;
    }
    let tag = local.iter().position(|byte| *byte == b'+').unwrap_or(at);
    out.drain(tag..at);
    let mut before = true;
    out.retain(|byte| {
        before &= *byte != b'@';
        !(before && *byte == b'.')
    });
    // Nothing may be left of an address such as `+news@gmail.com`.
    out.first() != Some(&b'@')
}
