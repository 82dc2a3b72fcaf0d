//! Which country the telephone numbers of a file are of, by those that name one.
//!
//! Called for a new section and for the hints of a check. A number without a country that is given the
//! wrong one matches another person, or nobody, and nothing shows it; so what the other numbers of the
//! file say is worth telling. What leaves here is a country and shares, and no number.

use crate::phone::Country;

/// Numbers with a country that are looked at.
const LOOKED_AT_MAX: usize = 2_000;
/// With fewer, nothing is said.
const NAMED_MIN: usize = 10;
/// So many in a hundred of one country make it that of the file.
const MOST_PERCENT: usize = 80;
/// So many in a hundred of other countries make a declared one doubtful.
const OTHERS_PERCENT: usize = 50;

/// The country of most numbers that name one, if it is clear.
pub(super) fn of_most(values: &[String]) -> Option<String> {
    let named = named(values);
    if named.len() < NAMED_MIN {
        return None;
    }
    let mut letters: Vec<String> = named.into_iter().map(Country::letters).collect();
    letters.sort_unstable();
    let longest = letters
        .chunk_by(|a, b| a == b)
        .max_by_key(|same| same.len())?;
    let is_most = longest.len() * 100 >= letters.len() * MOST_PERCENT;
    longest.first().filter(|_| is_most).cloned()
}

/// How many in a hundred of the numbers that name a country name another one than `declared`, if that
/// is most of them.
pub(super) fn elsewhere(values: &[String], declared: &str) -> Option<usize> {
    let code = Country::named(declared).ok()?.calling_code()?;
    let named = named(values);
    let others = named
        .iter()
        .filter(|country| country.calling_code() != Some(code));
    let percent = others.count() * 100 / named.len().max(1);
    (named.len() >= NAMED_MIN && percent >= OTHERS_PERCENT).then_some(percent)
}

fn named(values: &[String]) -> Vec<Country> {
    let named = values
        .iter()
        .filter_map(|value| Country::that_names_itself(value));
    named.take(LOOKED_AT_MAX).collect()
}

#[cfg(all(test, feature = "phonenumber"))]
mod tests {
    use super::{elsewhere, of_most};

    /// So many numbers of each country, and as many without one.
    fn numbers(of: &[(&str, usize)]) -> Vec<String> {
        let all = of.iter().flat_map(|(code, count)| {
            (0..*count).flat_map(move |n| {
                let number = format!("30 1234{:03}", n % 1000);
                [format!("{code} {number}"), format!("0{number}")]
            })
        });
        all.collect()
    }

    #[test]
    fn the_country_of_a_file_is_that_of_most_numbers_that_name_one() {
        assert_eq!(of_most(&numbers(&[("+49", 20)])).as_deref(), Some("DE"));
        let mixed = numbers(&[("+49", 18), ("+43", 2)]);
        assert_eq!(of_most(&mixed).as_deref(), Some("DE"));
        assert_eq!(of_most(&numbers(&[("+49", 12), ("+43", 12)])), None);
        assert_eq!(of_most(&numbers(&[("+49", 9)])), None);
        assert_eq!(of_most(&[]), None);
    }

    #[test]
    fn a_declared_country_is_doubtful_where_most_numbers_name_another() {
        let german = numbers(&[("+49", 18), ("+43", 2)]);
        assert_eq!(elsewhere(&german, "DE"), None);
        assert_eq!(elsewhere(&german, "AT"), Some(90));
        // Countries that share a code are not told apart by it.
        let british = numbers(&[("+44", 20)]);
        assert_eq!(elsewhere(&british, "GG"), None);
        assert_eq!(elsewhere(&numbers(&[("+49", 9)]), "AT"), None);
    }
}
