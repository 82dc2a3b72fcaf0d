//! Who a node is: an ed25519 key pair whose public half is the node id (Spec 01 §6).
//!
//! The key lives in `node.key` beside `node.toml`, for its owner alone. It authenticates
//! connections (raw public keys in TLS), signs collaborations, jobs and receipts. It never leaves
//! this module except as signatures, and once as the document that the TLS stack needs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
pub use psi_audit::identity::{NodeId, NodeIdError, check_node_id, parse_node_id};
use psi_core::receipt::Signature;
use zeroize::{Zeroize, Zeroizing};

use crate::collab::Collaboration;
use crate::durable_file::{self, is_own};
use crate::error::UserError;

/// The file name of the key, beside `node.toml`.
pub const KEY_FILE: &str = "node.key";
/// The first word of the key file, so that another file is not taken for one.
const KEY_FILE_WORD: &str = "glovebox-node-key-1";
/// Longer than any key file.
const KEY_FILE_BYTES_MAX: usize = 256;
/// DER of a PKCS #8 `PrivateKeyInfo` for Ed25519 up to the 32 bytes of the key (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A node's private key.
///
/// # Security
/// Has no `Debug` and no `Clone`; zeroized when dropped.
pub struct NodeKey {
    key: SigningKey,
}

impl NodeKey {
    /// Draws a new key from the operating system.
    ///
    /// # Errors
    /// [`UserError`] if the operating system has no randomness to give.
    pub fn generate() -> Result<Self, UserError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *seed)
            .map_err(|e| UserError::machine("the operating system gave no randomness", e))?;
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> NodeId {
        NodeId(self.key.verifying_key().to_bytes())
    }

    /// Signs a text; callers put a domain in front of it, such as `psi/v1/receipt`.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Signature {
        self.key.sign(text).to_bytes().into()
    }

    /// The signature under a collaboration's document, or `None` if the key belongs to neither
    /// member.
    #[must_use]
    pub fn sign_collab(&self, collab: &Collaboration) -> Option<Signature> {
        collab.member_by_id(&self.id())?;
        Some(self.sign(&collab.signing_text()))
    }

    /// The PKCS #8 document for the TLS stack, which keeps its own copy of the key.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let mut der = Zeroizing::new(Vec::with_capacity(48));
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(self.key.as_bytes());
        der
    }

    /// Writes the key to a file that must not exist yet, for its owner alone (mode 0600).
    ///
    /// # Errors
    /// [`UserError`] if the file exists or cannot be written.
    pub fn create(&self, path: &Path) -> Result<(), UserError> {
        let digits = Zeroizing::new(hex::encode(self.key.as_bytes()));
        let mut text = Zeroizing::new(Vec::with_capacity(KEY_FILE_WORD.len() + 66));
        text.extend_from_slice(KEY_FILE_WORD.as_bytes());
        text.push(b' ');
        text.extend_from_slice(digits.as_bytes());
        text.push(b'\n');
        durable_file::create(path, &text, durable_file::PRIVATE).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => UserError::bad_input(
                format!("{} exists already", path.display()),
                "choose another folder; a node's key is never overwritten, because its \
                 collaborations and receipts are bound to it",
            ),
            _ => UserError::machine(format!("cannot write {}", path.display()), e),
        })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`UserError`] if the file is missing, of another user, readable by others, or no key.
    pub fn load(path: &Path) -> Result<Self, UserError> {
        let place = path.display();
        let mut file = File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => UserError::bad_input(
                format!("there is no key at {place}"),
                "run `psi-node init DIR --name NAME --listen ADDRESS`, or put the node's key back \
                 beside its node.toml",
            ),
            _ => UserError::bad_input(
                format!("cannot read {place}: {e}"),
                "run the command as the user that owns the key",
            ),
        })?;
        // Checked on the open file, so that it cannot be swapped between check and use.
        let metadata = file
            .metadata()
            .map_err(|e| UserError::machine(format!("cannot inspect {place}"), e))?;
        if !is_own(&metadata) {
            return Err(UserError::bad_input(
                format!(
                    "{place} belongs to another user (number {})",
                    metadata.uid()
                ),
                "run the command as the user that owns the key",
            ));
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(UserError::bad_input(
                format!("{place} can be read or written by other users (mode {mode:04o})"),
                format!("run `chmod 600 {place}`; if others may have read it, make a new node"),
            ));
        }
        let not_a_key = || {
            UserError::bad_input(
                format!("{place} is not a key file"),
                "restore the file that `psi-node init` wrote, from a backup",
            )
        };
        if !metadata.is_file() || metadata.size() > KEY_FILE_BYTES_MAX as u64 {
            return Err(not_a_key());
        }
        let mut text = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX + 1));
        (&mut file)
            .take(KEY_FILE_BYTES_MAX as u64)
            .read_to_end(&mut text)
            .map_err(|e| UserError::machine(format!("cannot read {place}"), e))?;
        let digits = text
            .strip_prefix(KEY_FILE_WORD.as_bytes())
            .and_then(|rest| rest.strip_prefix(b" "))
            .map(<[u8]>::trim_ascii)
            .ok_or_else(not_a_key)?;
        let mut seed = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(digits, &mut *seed).map_err(|_| {
            seed.zeroize();
            not_a_key()
        })?;
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
        })
    }

    /// Loads the key that lies beside a configuration in `folder`.
    ///
    /// # Errors
    /// Those of [`Self::load`].
    pub fn load_beside(folder: &Path) -> Result<Self, UserError> {
        Self::load(&folder.join(KEY_FILE))
    }
}

/// Whether a file system entry exists at `path`, also a dangling link.
pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_survives_the_file_and_others_cannot_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let key = NodeKey::generate().unwrap();
        key.create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let loaded = NodeKey::load(&path).unwrap();
        assert_eq!(loaded.id(), key.id());
        assert_eq!(loaded.sign(b"text"), key.sign(b"text"));
        assert!(
            key.create(&path)
                .unwrap_err()
                .what
                .contains("exists already")
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        NodeKey::generate().unwrap().create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let Err(error) = NodeKey::load(&path) else {
                panic!("mode {mode:o} was accepted")
            };
            assert!(error.remedy.contains("chmod 600"), "{}", error.remedy);
        }
    }

    #[test]
    fn files_that_are_no_key_are_refused_without_showing_their_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let digits = "ab".repeat(32);
        for text in [
            String::new(),
            digits.clone(),
            format!("{KEY_FILE_WORD} {}", &digits[2..]),
            format!("{KEY_FILE_WORD} {digits}ab"),
            format!("{KEY_FILE_WORD}{digits}"),
            "x".repeat(300),
        ] {
            let _ = fs::remove_file(&path);
            durable_file::create(&path, text.as_bytes(), durable_file::PRIVATE).unwrap();
            let Err(error) = NodeKey::load(&path) else {
                panic!("{text} was accepted")
            };
            assert!(!error.what.contains("abab"), "{}", error.what);
        }
    }

    #[test]
    fn a_key_signs_for_its_own_member_and_for_nobody_else() {
        let (collab, keys) = crate::fixture::signed();
        for (key, signature) in keys.iter().zip(collab.signatures()) {
            assert_eq!(key.sign_collab(&collab), *signature);
        }
        let stranger = NodeKey::generate().unwrap();
        assert!(stranger.sign_collab(&collab).is_none());
    }

    #[test]
    fn the_tls_document_ends_in_the_key_and_says_ed25519() {
        let key = NodeKey::generate().unwrap();
        let der = key.to_pkcs8_der();
        assert_eq!(der.len(), 48);
        assert_eq!(usize::from(der[1]), der.len() - 2);
        let seed: [u8; 32] = der[16..].try_into().unwrap();
        assert_eq!(
            SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
            key.id().0
        );
    }
}
