//! Tables of codes: an enum whose numbers and texts are stable, with one sentence about each.
//!
//! [`codes!`](crate::codes) makes the codes that cross the wire (`error`) and, in `psi-audit`, the
//! exit codes of the programs. `.ci/docs` compares both tables with the documentation.

/// Defines an enum of codes from a table of `Name = number, "stable_text";` in the order of the
/// numbers, each under a sentence that is its documentation and its meaning.
#[macro_export]
macro_rules! codes {
    (
        $(#[$about:meta])* pub enum $Codes:ident: $number_type:ident;
        $($(#[doc = $doc:literal])+ $name:ident = $number:literal, $text:literal;)+
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr($number_type)]
        pub enum $Codes {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl $Codes {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable number of the code.
            #[must_use]
            pub const fn number(self) -> $number_type {
                self as $number_type
            }

            /// The code with this number, or `None` for an unknown number.
            #[must_use]
            pub fn from_number(number: $number_type) -> Option<Self> {
                let mut all = Self::ALL.iter().copied();
                all.find(|code| code.number() == number)
            }

            /// The stable text of the code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// One sentence for the reader of a table of codes.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+),)+
                }
            }
        }

        impl std::fmt::Display for $Codes {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
