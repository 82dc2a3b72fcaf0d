//! Encryption of records to the auditor's key: the age format, with X25519 recipients.
//!
//! Spec 07 §11. The node holds the public key alone, so that it cannot read what it keeps. The
//! stream is written and read in pieces of 64 KiB.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr as _;

use age::stream::{StreamReader, StreamWriter};
use age::x25519::{Identity, Recipient};
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use crate::error::UserError;

/// Larger than any file of identities.
const IDENTITY_BYTES_MAX: u64 = 64 * 1024;

/// The auditor's public key, `age1...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auditor(Recipient);

impl<'de> Deserialize<'de> for Auditor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "the public key that `age-keygen` printed, `age1` and 58 characters";
        Recipient::from_str(&text)
            .map(Self)
            .map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
    }
}

/// Encrypts what is written to the auditor.
///
/// # Errors
/// Those of `output`.
pub fn seal<W: Write>(auditor: &Auditor, output: W) -> io::Result<StreamWriter<W>> {
    let recipients = std::iter::once(&auditor.0 as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
    encryptor.wrap_output(output)
}

/// The auditor's secret keys.
///
/// # Security
/// No `Debug`; the keys are wiped when dropped.
pub struct AuditorKeys(Vec<Identity>);

impl AuditorKeys {
    /// Reads a file as `age-keygen` writes it: one `AGE-SECRET-KEY-1...` in a line; lines that begin
    /// with `#` are comments.
    ///
    /// # Errors
    /// [`UserError`] if it cannot be read or holds no such key.
    pub fn load(path: &Path) -> Result<Self, UserError> {
        let remedy = "name the file that `age-keygen -o FILE` wrote with --identity";
        let failed = |why: String| {
            UserError::bad_input(format!("cannot read {}: {why}", path.display()), remedy)
        };
        let mut text = Zeroizing::new(String::new());
        // One byte more than there may be: what a file says of its length need not hold.
        File::open(path)
            .and_then(|file| file.take(IDENTITY_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|e| failed(e.to_string()))?;
        if text.len() as u64 > IDENTITY_BYTES_MAX {
            return Err(failed("it is too long for a file of keys".into()));
        }
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<Identity>, _> = keys.map(Identity::from_str).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(failed("it holds no age secret key".into())),
        }
    }

    /// Decrypts a record.
    ///
    /// # Errors
    /// [`UserError`] if the file was not encrypted to one of these keys, or is not a sealed file at
    /// all.
    pub fn open<R: Read>(&self, input: R) -> Result<StreamReader<R>, UserError> {
        let wrong = |why: age::DecryptError| {
            UserError::bad_input(
                format!("the record cannot be decrypted: {why}"),
                "give the identity that belongs to the `auditor` of node.toml at the time of the job",
            )
        };
        let decryptor = age::Decryptor::new(input).map_err(wrong)?;
        let keys = self.0.iter().map(|key| key as &dyn age::Identity);
        decryptor.decrypt(keys).map_err(wrong)
    }
}
