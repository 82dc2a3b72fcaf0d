//! Turns two shares into sums.
//!
//! Spec 11 §8. With one recipient, the other side sends its share, and that is all. With two, both
//! send a commitment to their share first, so that neither can choose its own after it has seen the
//! other's. Suppression and output arithmetic come afterwards, elsewhere.

use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::setup::TransferSetup;
use super::share::{Role, Share};
use crate::error::{Code, Error};
use crate::seed::{JobSeed, Purpose};

/// Bytes of a commitment to a share.
pub const COMMITMENT_BYTES: usize = 64;

/// Bytes of the salt in front of an opened share.
pub const SALT_BYTES: usize = 32;

/// The sums, one per part and component, as they are before suppression.
///
/// # Security
/// Zeroized when dropped, no `Debug`: a suppressed sum must not be printed or stored.
pub struct Sums {
    components: usize,
    values: Zeroizing<Vec<i64>>,
}

impl Sums {
    /// The sum of a component over the matched positions of a part.
    #[must_use]
    pub fn get(&self, part: u16, component: usize) -> Option<i64> {
        if component >= self.components {
            return None;
        }
        let place = usize::from(part) * self.components + component;
        self.values.get(place).copied()
    }
}

impl Share {
    /// Discloses this side's share to the only recipient, the other side: 8 bytes per part and
    /// component.
    #[must_use]
    pub fn disclose(self) -> Vec<u8> {
        std::mem::take(&mut *self.encode())
    }

    /// Waits, as the only recipient, for the other side's share.
    #[must_use]
    pub fn await_other(self) -> ExpectShare {
        ExpectShare { own: self }
    }

    /// Commits to the share, where both sides are recipients.
    #[must_use]
    pub fn commit(self, seed: &JobSeed) -> Committed {
        let mut salt = Zeroizing::new([0; SALT_BYTES]);
        seed.stream(Purpose::ShareSalt, self.setup.match_index, 0)
            .fill(salt.as_mut());
        let message = commitment(&self.setup, self.role, &salt, &self.encode());
        Committed {
            state: ExpectCommitment { own: self, salt },
            message,
        }
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        // With room for all: a buffer that grows would leave copies that nobody erases.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.values.len() * 8));
        bytes.extend(self.values.iter().flat_map(|v| v.to_be_bytes()));
        bytes
    }

    /// Adds the other side's share.
    fn open(&self, other: &[u8]) -> Result<Sums, Error> {
        let (other, rest) = other.as_chunks::<8>();
        if other.len() != self.values.len() || !rest.is_empty() {
            return Err(malformed("the length of a share"));
        }
        let sum = |(own, other): (&u64, &[u8; 8])| {
            own.wrapping_add(u64::from_be_bytes(*other)).cast_signed()
        };
        Ok(Sums {
            components: self.setup.components(),
            values: Zeroizing::new(self.values.iter().zip(other).map(sum).collect()),
        })
    }
}

/// Awaits the other side's share, as the only recipient.
pub struct ExpectShare {
    own: Share,
}

impl ExpectShare {
    /// Takes the share.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if it has another length.
    pub fn handle(self, message: &[u8]) -> Result<Sums, Error> {
        self.own.open(message)
    }
}

/// The first step of an opening to both.
pub struct Committed {
    /// Kept: the next state.
    pub state: ExpectCommitment,
    /// Sent: the commitment.
    pub message: [u8; COMMITMENT_BYTES],
}

/// Awaits the other side's commitment.
pub struct ExpectCommitment {
    own: Share,
    salt: Zeroizing<[u8; SALT_BYTES]>,
}

/// The second step of an opening to both.
pub struct Opened {
    /// Kept: the next state.
    pub state: ExpectOpening,
    /// Sent: the salt, then the share. Before the other side's commitment has come, no value holds
    /// this message.
    pub message: Vec<u8>,
}

impl ExpectCommitment {
    /// Takes the commitment and opens this side's share.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if it has another length.
    pub fn handle(self, message: &[u8]) -> Result<Opened, Error> {
        let other =
            <[u8; COMMITMENT_BYTES]>::try_from(message).map_err(|_| malformed("a commitment"))?;
        let opening = [self.salt.as_slice(), &self.own.encode()].concat();
        Ok(Opened {
            state: ExpectOpening {
                own: self.own,
                other,
            },
            message: opening,
        })
    }
}

/// Awaits the other side's salt and share.
pub struct ExpectOpening {
    own: Share,
    other: [u8; COMMITMENT_BYTES],
}

impl ExpectOpening {
    /// Takes salt and share, and checks that the other side committed to them.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if the message has another length or the commitment does not fit.
    pub fn handle(self, message: &[u8]) -> Result<Sums, Error> {
        let (salt, other) = message
            .split_first_chunk::<SALT_BYTES>()
            .ok_or(malformed("the length of an opened share"))?;
        let sums = self.own.open(other)?;
        let expected = commitment(&self.own.setup, self.own.role.other(), salt, other);
        if bool::from(expected.ct_eq(&self.other)) {
            Ok(sums)
        } else {
            Err(malformed("a share that does not fit its commitment"))
        }
    }
}

/// `SHA-512("psi/v1/ot/share" || job_id || match || role || salt || share)`.
///
/// # Discussion
/// The hash covers the role. Otherwise a side could send the other's commitment, and then the
/// other's opening, as its own.
fn commitment(
    setup: &TransferSetup,
    role: Role,
    salt: &[u8; SALT_BYTES],
    share: &[u8],
) -> [u8; COMMITMENT_BYTES] {
    Sha512::new()
        .chain_update(b"psi/v1/ot/share")
        .chain_update(setup.context())
        .chain_update([role.number()])
        .chain_update(salt)
        .chain_update(share)
        .finalize()
        .into()
}

const fn malformed(detail: &'static str) -> Error {
    Error::misbehaved(Code::MalformedMessage, detail)
}
