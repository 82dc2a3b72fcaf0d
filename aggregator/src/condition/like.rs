//! LIKE as a Shift-And automaton.
//!
//! Spec 10 §3.4. Baeza-Yates and Gonnet, "A new approach to text searching", CACM 35(10), 1992,
//! with a loop at the states that have a `%`. State `i` says that the first `i` items of the
//! pattern have been met; all states are bits of one number.
//!
//! Cost: for each character of a cell, a look-up of its mask and one step for each 64 states.
//!
//! # Discussion
//! Two pointers that go back to the last `%` are shorter and usually faster. How often they go back
//! depends on what the text holds: a pattern can be built for which a text with a certain beginning
//! takes a million times as long as any other, and the clock then shows which rows begin so.

use arrow_array::Array as _;
use arrow_buffer::BooleanBuffer;
use psi_core::limits::LIKE_PATTERN_CHARS_MAX;
use zeroize::Zeroize;

use super::Tally;
use super::truth::Truth;
use crate::column::Column;

/// Bits of one word.
const WORD_BITS: usize = 64;

/// A pattern, made ready.
///
/// # Security
/// Comes from a literal that may be hidden from the peer: no Debug, wiped when dropped.
#[derive(Clone)]
pub(super) struct Pattern {
    /// The characters that match themselves, ascending, each once.
    characters: Vec<char>,
    /// For each of them, the items that take it; then the items that take any other character.
    masks: Vec<u64>,
    /// The states in which any number of characters may follow.
    loops: Vec<u64>,
    /// The state in which the whole pattern has been met.
    end: usize,
    /// What takes the place of the states while a cell is read.
    words: usize,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPattern {
    /// A backslash at its end takes nothing.
    OpenEscape,
    /// More characters than [`LIKE_PATTERN_CHARS_MAX`].
    TooLong,
}

/// One item of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    /// This character.
    One(char),
    /// Any character.
    Any,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn new(text: &str) -> Result<Self, NoPattern> {
        let mut items = Vec::new();
        let mut loops_at = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' if loops_at.last() == Some(&items.len()) => {}
                '%' => loops_at.push(items.len()),
                '_' => items.push(Item::Any),
                '\\' => items.push(Item::One(characters.next().ok_or(NoPattern::OpenEscape)?)),
                other => items.push(Item::One(other)),
            }
            if items.len() + loops_at.len() > LIKE_PATTERN_CHARS_MAX {
                return Err(NoPattern::TooLong);
            }
        }
        let words = items.len() / WORD_BITS + 1;
        let mut loops = vec![0; words];
        for state in loops_at {
            set(&mut loops, state);
        }
        let mut characters: Vec<char> = items
            .iter()
            .filter_map(|item| match item {
                Item::One(character) => Some(*character),
                Item::Any => None,
            })
            .collect();
        characters.sort_unstable();
        characters.dedup();
        let mut masks = vec![0; (characters.len() + 1) * words];
        let each = characters.iter().copied().map(Some).chain([None]);
        for (mask, taken) in masks.chunks_exact_mut(words).zip(each) {
            for (state, item) in items.iter().enumerate() {
                if *item == Item::Any || taken.is_some_and(|taken| *item == Item::One(taken)) {
                    set(mask, state);
                }
            }
        }
        Ok(Self {
            characters,
            masks,
            loops,
            end: items.len(),
            words,
        })
    }

    /// Whether each value of a text column is like the pattern.
    pub(super) fn evaluate(&self, column: &Column, rows: usize, tally: &mut Tally) -> Truth {
        let Column::Text(text) = column else {
            // The plan takes text columns alone.
            return Truth::unknown(rows);
        };
        let mut states = vec![0; self.words];
        let matches = BooleanBuffer::collect_bool(rows, |row| {
            self.matches(text.value(row), &mut states, tally)
        });
        Truth::of(matches, text.nulls())
    }

    fn matches(&self, text: &str, states: &mut [u64], tally: &mut Tally) -> bool {
        states.fill(0);
        set(states, 0);
        for character in text.chars() {
            let number = self.characters.partition_point(|known| *known < character);
            let is_known = self.characters.get(number) == Some(&character);
            let number = if is_known {
                number
            } else {
                self.characters.len()
            };
            let masks = self.masks.iter().skip(number * self.words);
            let mut carry = 0;
            for ((state, mask), loops) in states.iter_mut().zip(masks).zip(&self.loops) {
                let met = *state & mask;
                *state = (met << 1) | carry | (*state & loops);
                carry = met >> (WORD_BITS - 1);
            }
            tally.like_steps += self.words as u64;
        }
        let last = states.get(self.end / WORD_BITS);
        last.is_some_and(|state| state >> (self.end % WORD_BITS) & 1 == 1)
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        self.characters.zeroize();
        self.masks.zeroize();
    }
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / WORD_BITS) {
        *word |= 1 << (at % WORD_BITS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pattern: &str) -> Pattern {
        match Pattern::new(pattern) {
            Ok(pattern) => pattern,
            Err(why) => panic!("{pattern:?}: {why:?}"),
        }
    }

    fn like(text: &str, pattern: &str) -> bool {
        let pattern = read(pattern);
        let mut states = vec![0; pattern.words];
        pattern.matches(text, &mut states, &mut Tally::default())
    }

    /// By going back, over items where `None` is `%`.
    fn slowly(text: &[char], pattern: &[Option<Item>]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((None, rest)) => (0..=text.len()).any(|skip| slowly(&text[skip..], rest)),
            Some((Some(item), rest)) => text.split_first().is_some_and(|(first, text)| {
                (*item == Item::Any || *item == Item::One(*first)) && slowly(text, rest)
            }),
        }
    }

    #[test]
    fn percent_is_any_run_underscore_one_character_and_a_backslash_takes_the_next_as_it_is() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("abc", "%b%", true),
            ("abc", "ABC", false),
            ("\u{e9}t\u{e9}", "_t_", true),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            (r"a\c", r"a\\c", true),
            ("abc", r"\a\b\c", true),
            ("a\nb", "a_b", true),
            ("aaab", "%aab", true),
        ] {
            assert_eq!(like(text, pattern), expected, "{text:?} LIKE {pattern:?}");
        }
    }

    #[test]
    fn patterns_are_bounded_after_runs_of_percent_are_joined() {
        let why = |pattern: &str| Pattern::new(pattern).err();
        assert_eq!(why(r"a\"), Some(NoPattern::OpenEscape));
        assert_eq!(why(&"_".repeat(LIKE_PATTERN_CHARS_MAX)), None);
        assert_eq!(
            why(&"_".repeat(LIKE_PATTERN_CHARS_MAX + 1)),
            Some(NoPattern::TooLong)
        );
        assert_eq!(why(&"%".repeat(10_000)), None);
        let longest = "_".repeat(LIKE_PATTERN_CHARS_MAX);
        assert!(like(&"x".repeat(LIKE_PATTERN_CHARS_MAX), &longest));
        assert!(!like(&"x".repeat(LIKE_PATTERN_CHARS_MAX + 1), &longest));
    }

    #[test]
    fn the_steps_of_a_cell_depend_on_its_length_alone() {
        let pattern = read("Ushuaia%____\u{1}");
        let steps = |text: &str| {
            let mut tally = Tally::default();
            pattern.matches(text, &mut vec![0; pattern.words], &mut tally);
            tally.like_steps
        };
        let far = format!("Ushuaia{}", "x".repeat(1993));
        assert_eq!(steps(&far), 2000);
        assert_eq!(steps(&"y".repeat(2000)), 2000);
    }

    proptest! {
        #[test]
        fn the_automaton_says_what_going_back_says(
            text in proptest::collection::vec(proptest::sample::select(vec!['a', 'b', '\u{e9}']), 0..9),
            pattern in proptest::collection::vec(0..5_u8, 0..9),
            long in any::<bool>(),
        ) {
            // Long patterns cross the border between two words.
            let head = if long { "a".repeat(60) } else { String::new() };
            let items: Vec<Option<Item>> = pattern
                .iter()
                .map(|kind| match kind {
                    0 => None,
                    1 => Some(Item::Any),
                    2 => Some(Item::One('b')),
                    3 => Some(Item::One('\u{e9}')),
                    _ => Some(Item::One('a')),
                })
                .collect();
            let written: String = items
                .iter()
                .map(|item| match item {
                    None => '%',
                    Some(Item::Any) => '_',
                    Some(Item::One(character)) => *character,
                })
                .collect();
            let whole: String = head.chars().chain(text.iter().copied()).collect();
            prop_assert_eq!(like(&whole, &format!("{head}{written}")), slowly(&text, &items));
        }
    }
}
