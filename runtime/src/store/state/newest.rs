//! Several lists of entries as one: in order of key, each as the newest of the lists has it.

use super::page::Entry;
use crate::store::error::Result;
use std::iter::Peekable;

/// Lists in order of key, the oldest first.
pub(super) struct Newest<'a> {
    lists: Vec<Peekable<List<'a>>>,
}

pub(super) type List<'a> = Box<dyn Iterator<Item = Result<Entry>> + 'a>;

impl<'a> Newest<'a> {
    pub fn new(lists: impl IntoIterator<Item = List<'a>>) -> Self {
        Newest { lists: lists.into_iter().map(Iterator::peekable).collect() }
    }
}

impl Iterator for Newest<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let mut least: Option<(usize, &[u8])> = None;
        let mut failed = None;
        for (place, list) in self.lists.iter_mut().enumerate() {
            match list.peek() {
                Some(Ok((key, _))) if least.is_none_or(|(_, least)| **key <= *least) => {
                    least = Some((place, key));
                }
                Some(Err(_)) => failed = Some(place),
                _ => {}
            }
        }
        if let Some(place) = failed {
            return self.lists[place].next();
        }
        let (place, _) = least?;
        let (older, newest) = self.lists.split_at_mut(place);
        let newest = newest.first_mut()?.next()?;
        if let Ok((key, _)) = &newest {
            for list in older {
                list.next_if(|entry| entry.as_ref().is_ok_and(|(older, _)| older == key));
            }
        }
        Some(newest)
    }
}
