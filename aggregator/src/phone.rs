//! Telephone numbers as people write them, as E.164.
//!
//! Spec 10 §2.4. Called for each value of a key of kind `phone` where the table says which country
//! numbers without one are of. What comes out goes the way of every other value (Spec 02 §1). The
//! plan of numbers is that of Google's libphonenumber, by the crate `phonenumber`; without the feature
//! of that name no table may declare a country.
//!
//! A number is judged by its form alone. Whether it is assigned changes with every edition of the
//! plan, and two nodes have different ones.

use crate::error::Mistake;

/// The country of numbers that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Country(#[cfg(feature = "phonenumber")] phonenumber::country::Id);

/// Checks that a text names a country, or says what is wrong and what to write.
pub(crate) fn check(country: &str) -> Result<(), Mistake> {
    Country::named(country).map(|_| ())
}

#[cfg(feature = "phonenumber")]
impl Country {
    /// The country of a code of two letters.
    pub(crate) fn named(code: &str) -> Result<Self, Mistake> {
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let id = is_code.then(|| code.parse().ok()).flatten();
        id.map(Self).ok_or_else(|| {
            Mistake::new(
                format!("{code:?} is not a known country"),
                "write the two capital letters of ISO 3166-1, such as \"DE\", \"AT\" or \"US\"",
            )
        })
    }

    /// A number as `+` and digits; `None` if it is not one, or one with an extension, which several
    /// persons share.
    pub(crate) fn e164(self, written: &str) -> Option<String> {
        let written = written.trim();
        // Longer texts are not numbers, and the library need not read them.
        if written.is_empty() || written.len() > NUMBER_BYTES_MAX {
            return None;
        }
        let number = phonenumber::parse(Some(self.0), written).ok()?;
        if number.extension().is_some() {
            return None;
        }
        Some(number.format().mode(phonenumber::Mode::E164).to_string())
    }

    /// The code that is dialled from abroad, which several countries may share.
    pub(crate) fn calling_code(self) -> Option<u16> {
        let plan = phonenumber::metadata::DATABASE.by_id(self.0.as_ref())?;
        Some(plan.country_code())
    }

    /// The country that a number names by its `+` and code.
    pub(crate) fn that_names_itself(written: &str) -> Option<Self> {
        let written = written.trim();
        if !written.starts_with('+') || written.len() > NUMBER_BYTES_MAX {
            return None;
        }
        let number = phonenumber::parse(None, written).ok()?;
        number.country().id().map(Self)
    }

    /// The two letters of ISO 3166-1.
    pub(crate) fn letters(self) -> String {
        self.0.as_ref().to_owned()
    }
}

#[cfg(not(feature = "phonenumber"))]
impl Country {
    /// No country is known.
    pub(crate) fn named(_code: &str) -> Result<Self, Mistake> {
        Err(Mistake::new(
            "this program was built without plans of telephone numbers",
            "write the numbers as + and country code in the file, or use a program with the feature \
             `phonenumber`",
        ))
    }

    /// Never called: there is no country.
    pub(crate) fn e164(self, _written: &str) -> Option<String> {
        None
    }

    /// Never called: there is no country.
    pub(crate) fn calling_code(self) -> Option<u16> {
        None
    }

    /// No country is known.
    pub(crate) fn that_names_itself(_written: &str) -> Option<Self> {
        None
    }

    /// Never called: there is no country.
    pub(crate) fn letters(self) -> String {
        String::new()
    }
}

/// Bytes of the longest text that may be a number, with everything that is written around its digits.
#[cfg(feature = "phonenumber")]
const NUMBER_BYTES_MAX: usize = 64;
