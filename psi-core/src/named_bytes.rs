//! Byte strings with types of their own, so that a hash, a signature and an id of equal length
//! cannot be swapped.
//!
//! [`named_bytes!`] defines such a type in the module that describes the value (`receipt`, `spec`).
//! All of them are public values, so they may be printed. [`salt_bytes!`] defines the type of a
//! salt, whose bytes are never printed; other secrets have their own types (`seed`, `group`). On the
//! wire, each is its bytes and nothing else (Spec 06 §2).

/// Defines a type over an array of bytes, without a way to print it.
macro_rules! byte_string {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, bincode::Encode, bincode::Decode,
        )]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

/// Defines a type for a public value: `named_bytes!(/** What it is. */ Name, 64)`.
macro_rules! named_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $crate::named_bytes::byte_string!($(#[$doc])* $name, $length);

        /// All bytes in hexadecimal digits.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        /// The first four bytes, which are enough to tell values apart in a message.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("..)")
            }
        }
    };
}

/// Defines the type of a salt: `salt_bytes!(/** Of what. */ Name, 32)`. `Debug` shows its name alone.
macro_rules! salt_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $crate::named_bytes::byte_string!($(#[$doc])* $name, $length);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

pub(crate) use {byte_string, named_bytes, salt_bytes};

#[cfg(test)]
mod tests {
    use crate::messages::codec;
    use crate::receipt::{OutputSalt, Signature};

    #[test]
    fn on_the_wire_it_is_its_bytes() {
        let bytes = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let signature = Signature::from(bytes);
        assert_eq!(codec::encode(&signature), bytes);
        assert_eq!(codec::decode::<Signature>(&bytes).unwrap(), signature);
        assert!(codec::decode::<Signature>(&bytes[1..]).is_err());
    }

    #[test]
    fn it_prints_hexadecimal_digits() {
        let signature = Signature([0x0a; 64]);
        assert_eq!(signature.to_string(), "0a".repeat(64));
        assert_eq!(format!("{signature:?}"), "Signature(0a0a0a0a..)");
    }

    #[test]
    fn a_salt_is_not_printed() {
        assert_eq!(format!("{:?}", OutputSalt([0x0a; 32])), "OutputSalt");
        assert_eq!(codec::encode(&OutputSalt([0x0a; 32])), [0x0a; 32]);
    }
}
