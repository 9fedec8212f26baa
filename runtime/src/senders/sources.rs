//! What the hints of each source were worth, and so what its next one is.
//!
//! Everything counts hints, never time, so it is the same whenever it is done again.
//!
//! Invariant: a source is established by [`HINTS_TO_ESTABLISH`] right hints since its last wrong
//! one, and by nothing else.

use super::generations::Generations;
use crate::limits::{HINTS_IGNORED, HINTS_IGNORED_MAX, HINTS_TO_ESTABLISH, SOURCES};

/// Who submitted a transaction; what the numbers mean is up to the caller.
pub type Source = u64;

/// What a hint is worth before it was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: the source gave a wrong one lately.
    Ignored,
    /// It is checked together with those of other newcomers.
    Newcomer,
    /// It is checked together with those of other established sources.
    Established,
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    /// Right hints since the last wrong one.
    right: u32,
    /// How many hints the last wrong one cost.
    penalty: u32,
    /// Of these, those still to come.
    ignored: u32,
}

#[derive(Debug)]
pub(super) struct Sources(Generations<Source, Record>);

impl Sources {
    pub fn new() -> Self {
        Sources(Generations::new(SOURCES))
    }

    /// What the next hint of a source is worth. To be asked once for each hint.
    pub fn next_hint(&mut self, source: Source) -> Standing {
        match self.0.get(&source) {
            None => Standing::Newcomer,
            Some(record) if record.ignored > 0 => {
                record.ignored -= 1;
                Standing::Ignored
            }
            Some(record) if record.right >= HINTS_TO_ESTABLISH => Standing::Established,
            Some(_) => Standing::Newcomer,
        }
    }

    /// Hints of a source were checked: so many were right, and some or none wrong.
    pub fn report(&mut self, source: Source, right: u32, any_wrong: bool) {
        let mut record = self.0.get(&source).copied().unwrap_or_default();
        if any_wrong {
            let penalty = record.penalty.saturating_mul(2).clamp(HINTS_IGNORED, HINTS_IGNORED_MAX);
            record = Record { right: 0, penalty, ignored: penalty };
        } else {
            record.right = record.right.saturating_add(right);
        }
        self.0.insert(source, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hints that are ignored before one counts.
    fn ignored(sources: &mut Sources) -> u32 {
        let hints = std::iter::repeat_with(|| sources.next_hint(1));
        hints.take_while(|standing| *standing == Standing::Ignored).count() as u32
    }

    #[test]
    fn right_hints_establish_a_source() {
        let mut sources = Sources::new();
        assert_eq!(sources.next_hint(1), Standing::Newcomer);
        sources.report(1, HINTS_TO_ESTABLISH - 1, false);
        assert_eq!(sources.next_hint(1), Standing::Newcomer);
        sources.report(1, 1, false);
        assert_eq!(sources.next_hint(1), Standing::Established);
        assert_eq!(sources.next_hint(2), Standing::Newcomer, "another source");
        sources.report(1, u32::MAX, false);
        assert_eq!(sources.next_hint(1), Standing::Established);
    }

    #[test]
    fn each_offence_costs_twice_the_last_up_to_the_limit() {
        let mut sources = Sources::new();
        let mut expected = HINTS_IGNORED;
        for _ in 0..16 {
            sources.report(1, 5 * HINTS_TO_ESTABLISH, true);
            assert_eq!(ignored(&mut sources), expected);
            assert_eq!(sources.next_hint(1), Standing::Newcomer, "it has to earn its standing");
            sources.report(1, HINTS_TO_ESTABLISH, false);
            assert_eq!(sources.next_hint(1), Standing::Established);
            expected = (2 * expected).min(HINTS_IGNORED_MAX);
        }
        assert_eq!(expected, HINTS_IGNORED_MAX);
    }
}
