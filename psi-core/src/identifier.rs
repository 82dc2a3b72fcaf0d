//! Identifier kinds: how a value of a key column becomes the bytes that both sides agree on.
//!
//! Spec 02 §1. Both sides declare the same kinds for a join key, in the same order. A value that
//! does not normalise is NULL, and NULL never matches. The aggregator calls this for every row of a
//! table. It never logs or returns a value it was given, and it does not count NULLs (the caller
//! does).

mod email;
mod sha256;

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use zeroize::Zeroizing;

use self::email::MailboxRule;
use crate::digest::{Digest, Messages};
use crate::kernel::Kernel;
use crate::kernel::portable::Portable;
use crate::limits::IDENTIFIER_BYTES_MAX;

/// How values of one key column are normalised before they are compared (Spec 02 §1).
///
/// `lower` and `email` follow the Unicode lowercase mapping of the Rust standard library, which
/// needs no locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum IdentifierKind {
    /// The bytes as they are.
    Text,
    /// Unicode white space around the value is removed.
    Trim,
    /// Lowercase; nothing is removed.
    Lower,
    /// White space around the value removed, then lowercase. One `@` with something around it, and no
    /// white space inside. Dots and `+tags` stay.
    Email,
    /// White space around the value removed, then `+` and 7 to 15 digits, the first of them not 0
    /// (E.164).
    Phone,
    /// White space around the value removed, then a leading `0x` or the hyphens of a UUID. The rest
    /// is hexadecimal digits, an even number of them and at least two, made lowercase.
    Hex,
    /// A decimal integer of any size. Leading zeros, the sign of `-0`, and the point and zeros of
    /// `123.0` are dropped.
    Int,
    /// An e-mail address by Google's rule: all white space removed, then lowercase; at `gmail.com`
    /// and `googlemail.com` without dots and without what follows a plus sign.
    EmailGoogle,
    /// An e-mail address by the rule of Unified ID 2.0: white space around it removed, then
    /// lowercase; at `gmail.com` without dots and without what follows a plus sign.
    EmailUid2,
    /// The SHA-256 of an [`Self::Email`]: a hash, or an address that is hashed here.
    Sha256Email,
    /// The SHA-256 of an [`Self::EmailGoogle`].
    Sha256EmailGoogle,
    /// The SHA-256 of an [`Self::EmailUid2`].
    Sha256EmailUid2,
    /// The SHA-256 of a [`Self::Phone`].
    Sha256Phone,
}

impl IdentifierKind {
    /// Every kind, in the order of the specification.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Trim,
        Self::Lower,
        Self::Email,
        Self::Phone,
        Self::Hex,
        Self::Int,
        Self::EmailGoogle,
        Self::EmailUid2,
        Self::Sha256Email,
        Self::Sha256EmailGoogle,
        Self::Sha256EmailUid2,
        Self::Sha256Phone,
    ];

    /// The stable name used in `node.toml` and in the domain-separation tag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Trim => "trim",
            Self::Lower => "lower",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Hex => "hex",
            Self::Int => "int",
            Self::EmailGoogle => "email_google",
            Self::EmailUid2 => "email_uid2",
            Self::Sha256Email => "sha256_email",
            Self::Sha256EmailGoogle => "sha256_email_google",
            Self::Sha256EmailUid2 => "sha256_email_uid2",
            Self::Sha256Phone => "sha256_phone",
        }
    }

    /// The kind that was hashed, if values of this one are hashes.
    #[must_use]
    pub const fn hashed(self) -> Option<Self> {
        match self {
            Self::Sha256Email => Some(Self::Email),
            Self::Sha256EmailGoogle => Some(Self::EmailGoogle),
            Self::Sha256EmailUid2 => Some(Self::EmailUid2),
            Self::Sha256Phone => Some(Self::Phone),
            _ => None,
        }
    }

    /// The kind of a value before it is hashed, if it is: this one or [`Self::hashed`].
    #[must_use]
    pub fn plain(self) -> Self {
        self.hashed().unwrap_or(self)
    }

    /// Whether values are e-mail addresses, by whichever rule, hashed or not.
    #[must_use]
    pub fn is_email(self) -> bool {
        matches!(
            self.plain(),
            Self::Email | Self::EmailGoogle | Self::EmailUid2
        )
    }

    /// Replaces the contents of `out` by the normalised bytes of `raw` and returns `true`; returns
    /// `false` if the value is NULL for this kind (`out` is then unspecified).
    ///
    /// A value is NULL if it does not have the form of the kind, or if it is longer than
    /// [`IDENTIFIER_BYTES_MAX`] after normalisation.
    #[must_use = "false means NULL"]
    pub fn normalise(self, raw: &str, out: &mut Vec<u8>) -> bool {
        out.clear();
        let formed = match self {
            Self::Text => append(out, raw),
            Self::Trim => append(out, raw.trim()),
            Self::Lower => append_lowercase(out, raw),
            Self::Email => email::append(out, raw.trim(), MailboxRule::Plain),
            Self::EmailGoogle => email::append(out, raw.trim(), MailboxRule::Google),
            Self::EmailUid2 => email::append(out, raw.trim(), MailboxRule::Uid2),
            Self::Sha256Email
            | Self::Sha256EmailGoogle
            | Self::Sha256EmailUid2
            | Self::Sha256Phone => sha256::append(out, raw, self.plain()),
            Self::Phone => append_phone(out, raw.trim()),
            Self::Hex => append_hex(out, raw),
            Self::Int => append_int(out, raw),
        };
        formed && out.len() <= IDENTIFIER_BYTES_MAX
    }
}

fn append(out: &mut Vec<u8>, value: &str) -> bool {
    // Checked before copying too, so that one absurd cell costs no memory.
    if value.len() > IDENTIFIER_BYTES_MAX {
        return false;
    }
    out.extend_from_slice(value.as_bytes());
    true
}

fn append_lowercase(out: &mut Vec<u8>, value: &str) -> bool {
    if value.is_ascii() {
        let appended = append(out, value);
        out.make_ascii_lowercase();
        return appended;
    }
    // Lowercasing can shorten a value, so the limit is applied to the result.
    let lowered = Zeroizing::new(value.to_lowercase());
    append(out, &lowered)
}

fn append_phone(out: &mut Vec<u8>, value: &str) -> bool {
    let Some(digits) = value.strip_prefix('+') else {
        return false;
    };
    // No country code begins with 0.
    (7..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && append(out, value)
}

/// Characters of a UUID with its hyphens.
const UUID_CHARS: usize = 36;

fn append_hex(out: &mut Vec<u8>, value: &str) -> bool {
    let value = value.trim();
    let digits = value
        .strip_prefix("0x")
        .or_else(|| value.strip_prefix("0X"))
        .unwrap_or(value);
    if digits.len() == value.len() && is_spelled_as_uuid(value) {
        value.split('-').for_each(|part| out.extend(part.bytes()));
    } else {
        let formed = !digits.is_empty() && digits.len().is_multiple_of(2);
        if !formed || !append(out, digits) {
            return false;
        }
    }
    out.make_ascii_lowercase();
    // Check all digits, whatever the first is: that takes the same time for every value, and less.
    out.iter()
        .fold(true, |all, byte| all & byte.is_ascii_hexdigit())
}

/// Whether hyphens occur where RFC 9562 §4 has them, and nowhere else.
fn is_spelled_as_uuid(value: &str) -> bool {
    // By length first: most values are hashes, and looking for hyphens costs more than hashing them.
    value.len() == UUID_CHARS && value.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

fn append_int(out: &mut Vec<u8>, value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_ascii_whitespace());
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    let digits = match digits.split_once('.') {
        // Tables with a missing number often write all others with a decimal point.
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        Some(_) => return false,
        None => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return append(out, "0");
    }
    if negative {
        out.push(b'-');
    }
    append(out, significant)
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no identifier kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an identifier kind; use text, trim, lower, email, phone, hex, int, email_google, email_uid2, \
     sha256_email, sha256_email_google, sha256_email_uid2 or sha256_phone"
)]
pub struct UnknownKind;

impl FromStr for IdentifierKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// The domain-separation tag of the group hash for a join key: `psi/v1/` and the kinds joined by
/// `+`, for example `psi/v1/email+int` (Spec 02 §3).
#[must_use]
pub fn domain_tag(kinds: &[IdentifierKind]) -> Vec<u8> {
    let mut tag = b"psi/v1/".to_vec();
    for (i, kind) in kinds.iter().enumerate() {
        if i > 0 {
            tag.push(b'+');
        }
        tag.extend_from_slice(kind.as_str().as_bytes());
    }
    tag
}

/// Turns the key columns of rows into the digests of identities.
///
/// Holds its buffers, so that a table of any length costs no allocation per row. Make one hasher per
/// thread.
///
/// ```
/// use psi_core::identifier::{IdentifierKind, IdentityHasher};
///
/// let mut hasher = IdentityHasher::new(&[IdentifierKind::Email]);
/// let ours = hasher.digest([Some(" Ann@Example.org")]);
/// assert_eq!(ours, hasher.digest([Some("ann@example.org")]));
/// // NULL joins nothing, not even another NULL.
/// assert_eq!(hasher.digest([None]), None);
/// ```
pub struct IdentityHasher {
    kinds: Vec<IdentifierKind>,
    value: Zeroizing<Vec<u8>>,
    messages: Messages,
    complete: Vec<bool>,
    digests: Zeroizing<Vec<Digest>>,
}

impl IdentityHasher {
    /// A hasher for join keys of these kinds, in this order.
    #[must_use]
    pub fn new(kinds: &[IdentifierKind]) -> Self {
        Self {
            kinds: kinds.to_vec(),
            value: Zeroizing::new(Vec::new()),
            messages: Messages::new(),
            complete: Vec::new(),
            digests: Zeroizing::new(Vec::new()),
        }
    }

    /// The digest of the identity with these column values, or `None` if the identity is NULL: a
    /// column is NULL or does not normalise. For single rows; [`Self::digests`] is faster for many.
    ///
    /// Also `None` if the number of columns differs from the number of kinds, which the caller's
    /// plan rules out.
    pub fn digest<'a>(
        &mut self,
        columns: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Option<Digest> {
        self.digests(&Portable, [columns]).next().flatten()
    }

    /// [`Self::digest`] of each of these rows. A few hundred rows in one call keep a kernel busy and
    /// their messages in a core's cache.
    ///
    /// # Security
    /// The identity of every row is hashed, also if it is NULL: what then was read of it.
    pub fn digests<Value: AsRef<str>>(
        &mut self,
        kernel: &dyn Kernel,
        rows: impl IntoIterator<Item = impl IntoIterator<Item = Option<Value>>>,
    ) -> impl Iterator<Item = Option<Digest>> {
        self.messages.clear();
        self.complete.clear();
        for columns in rows {
            let complete = self.push(columns);
            self.complete.push(complete);
        }
        self.digests.resize(self.complete.len(), [0; 32]);
        kernel.digest(&self.messages, &mut self.digests);
        let rows = self.complete.iter().zip(self.digests.iter());
        rows.map(|(complete, digest)| complete.then_some(*digest))
    }

    /// Writes the message of a row; returns whether it has an identity.
    fn push<Value: AsRef<str>>(
        &mut self,
        columns: impl IntoIterator<Item = Option<Value>>,
    ) -> bool {
        let mut columns = columns.into_iter();
        let mut complete = !self.kinds.is_empty();
        for kind in &self.kinds {
            let formed = match columns.next().flatten() {
                Some(raw) => {
                    kind.normalise(raw.as_ref(), &mut self.value)
                        && self.messages.field(&self.value)
                }
                None => false,
            };
            complete &= formed;
        }
        complete &= columns.next().is_none();
        self.messages.end();
        complete
    }
}

#[cfg(test)]
mod tests;
