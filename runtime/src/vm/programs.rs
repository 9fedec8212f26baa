//! Programs that are ready to run, and which of them stay so.
//!
//! A module is paid for once, when it comes to the ledger. So whatever transactions do, its program
//! stays until its block is durable: as long as anybody has the module's bytes that the program was
//! made from, an overlay, a block that is being sealed, or a transaction that waits for it. After
//! that it is on disk and loaded from there.
//!
//! Invariant: what simulations make displaces nothing that blocks need.

use super::native::NativeProgram;
use super::program::Program;
use crate::limits::{
    COMPILED_BYTES_IN_MEMORY, MODULES_IN_MEMORY, NEW_MODULES_IN_MEMORY, SIMULATED_BYTES_IN_MEMORY,
    SIMULATED_MODULES_IN_MEMORY,
};
use crate::types::{B256, Bytes};
use alloy_primitives::map::B256Map;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whom a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Blocks,
    Simulations,
}

/// A program that is ready to run.
#[derive(Clone)]
pub(super) struct Made {
    pub program: Arc<Program>,
    /// What it was made from, unless the program is on disk.
    pub module: Option<Bytes>,
}

#[derive(Default)]
pub(super) struct Programs {
    /// Those of modules on the ledger, for blocks.
    kept: Shelf,
    /// Those of modules that blocks bring and that are not durable yet.
    new: Shelf,
    /// Those that only simulations wanted so far.
    simulated: Shelf,
    /// New modules that were refused, with the reason: looked into once, for each of the two.
    refused: [VecDeque<(B256, String)>; 2],
    /// What runs in place of modules in tests.
    pub natives: HashMap<B256, NativeProgram>,
}

impl Programs {
    pub fn get(&self, hash: &B256, whom: For) -> Option<&Made> {
        match whom {
            For::Blocks => self.kept.get(hash, true).or_else(|| self.new.get(hash, true)),
            For::Simulations => {
                let own = || self.simulated.get(hash, true);
                self.kept.get(hash, false).or_else(|| self.new.get(hash, false)).or_else(own)
            }
        }
    }

    /// Keeps a program that was loaded or made just now, or a simulation's that a block wants. If
    /// somebody else was faster, the program is theirs.
    pub fn put(&mut self, hash: B256, made: Made, whom: For) -> Made {
        if let Some(made) = self.get(&hash, whom) {
            return made.clone();
        }
        let (most, bytes) = (MODULES_IN_MEMORY, COMPILED_BYTES_IN_MEMORY);
        match (whom, &made.module) {
            (For::Blocks, None) => self.kept.put(hash, &made, most, bytes, Place::was_used),
            (For::Blocks, Some(_)) => {
                self.new.put(hash, &made, NEW_MODULES_IN_MEMORY, bytes, Place::is_needed);
            }
            (For::Simulations, _) => {
                let (most, bytes) = (SIMULATED_MODULES_IN_MEMORY, SIMULATED_BYTES_IN_MEMORY);
                self.simulated.put(hash, &made, most, bytes, Place::was_used);
            }
        }
        made
    }

    /// Lets blocks have what a simulation made.
    pub fn adopt(&mut self, hash: &B256) -> Option<Made> {
        let made = self.simulated.take(hash)?;
        Some(self.put(*hash, made, For::Blocks))
    }

    /// The program of a module that is on the ledger now, if it was not there before.
    pub fn keep(&mut self, hash: &B256) -> Option<Arc<Program>> {
        let Made { program, .. } = self.new.take(hash).or_else(|| self.simulated.take(hash))?;
        Some(self.put(*hash, Made { program, module: None }, For::Blocks).program)
    }

    pub fn refusal(&self, hash: &B256, whom: For) -> Option<&String> {
        let mut refused = self.refused[whom as usize].iter();
        refused.find(|(refused, _)| refused == hash).map(|(_, reason)| reason)
    }

    pub fn refuse(&mut self, hash: B256, reason: String, whom: For) {
        let refused = &mut self.refused[whom as usize];
        if refused.len() >= NEW_MODULES_IN_MEMORY {
            refused.pop_front();
        }
        refused.push_back((hash, reason));
    }
}

/// Some programs.
#[derive(Default)]
struct Shelf {
    places: B256Map<Place>,
    /// The one whose turn to go is next is the first.
    order: VecDeque<B256>,
    bytes: usize,
}

struct Place {
    made: Made,
    /// Since its turn came the last time.
    used: AtomicBool,
}

impl Place {
    fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Whether anybody else has the module.
    fn is_needed(&self) -> bool {
        self.made.module.as_ref().is_some_and(|module| !module.0.is_unique())
    }

    fn bytes(&self) -> usize {
        self.made.program.bytes() + self.made.module.as_ref().map_or(0, |module| module.len())
    }
}

impl Shelf {
    fn get(&self, hash: &B256, is_use: bool) -> Option<&Made> {
        let place = self.places.get(hash)?;
        // Most are used again and again: they stay shared by the processors' caches.
        if is_use && !place.used.load(Ordering::Relaxed) {
            place.used.store(true, Ordering::Relaxed);
        }
        Some(&place.made)
    }

    /// Adds a program. If there is no room, those go whose turn it is, but for those that stay.
    fn put(
        &mut self,
        hash: B256,
        made: &Made,
        most: usize,
        most_bytes: usize,
        stays: impl Fn(&Place) -> bool,
    ) {
        let place = Place { made: made.clone(), used: AtomicBool::new(false) };
        self.bytes += place.bytes();
        // Who stays because it was used may go when its turn comes again.
        for _ in 0..2 * self.order.len() {
            if self.order.len() < most && self.bytes <= most_bytes {
                break;
            }
            let Some(first) = self.order.pop_front() else { break };
            if self.places.get(&first).is_some_and(&stays) {
                self.order.push_back(first);
            } else if let Some(gone) = self.places.remove(&first) {
                self.bytes -= gone.bytes();
            }
        }
        self.order.push_back(hash);
        self.places.insert(hash, place);
    }

    fn take(&mut self, hash: &B256) -> Option<Made> {
        let place = self.places.remove(hash)?;
        self.order.retain(|known| known != hash);
        self.bytes -= place.bytes();
        Some(place.made)
    }
}

#[cfg(test)]
mod tests {
    use super::super::validate::Facts;
    use super::*;
    use crate::vm::NativeProgram;

    fn made(module: Option<Bytes>) -> Made {
        let program = Program::native(NativeProgram(|_, _, _| 0), Facts::default());
        Made { program: Arc::new(program), module }
    }

    fn hash(number: usize) -> B256 {
        B256::left_padding_from(&number.to_be_bytes())
    }

    #[test]
    fn the_last_to_come_stays_though_all_others_are_used() {
        let mut programs = Programs::default();
        for number in 0..3 * MODULES_IN_MEMORY {
            programs.put(hash(number), made(None), For::Blocks);
            assert!(programs.get(&hash(number), For::Blocks).is_some(), "{number}");
            for other in 0..number {
                programs.get(&hash(other), For::Blocks);
            }
        }
        assert_eq!(programs.kept.places.len(), MODULES_IN_MEMORY);
    }

    #[test]
    fn simulations_neither_displace_nor_save_what_blocks_have() {
        let mut programs = Programs::default();
        for number in 0..MODULES_IN_MEMORY {
            programs.put(hash(number), made(None), For::Blocks);
        }
        for number in 0..10 * MODULES_IN_MEMORY {
            match number % 2 {
                0 => programs.put(hash(MODULES_IN_MEMORY + number), made(None), For::Simulations),
                _ => {
                    let module = Some(Bytes::from(vec![1]));
                    programs.put(hash(MODULES_IN_MEMORY + number), made(module), For::Simulations)
                }
            };
            assert!(programs.get(&hash(number % 7), For::Simulations).is_some());
        }
        assert!(
            (0..MODULES_IN_MEMORY).all(|number| programs.kept.places.contains_key(&hash(number)))
        );
        assert!(programs.new.places.is_empty());
        assert_eq!(programs.simulated.places.len(), SIMULATED_MODULES_IN_MEMORY);
        // That a simulation used it does not save the first of them.
        programs.put(hash(usize::MAX), made(None), For::Blocks);
        assert!(!programs.kept.places.contains_key(&hash(0)));
    }

    #[test]
    fn a_module_that_somebody_has_keeps_its_program() {
        let mut programs = Programs::default();
        let needed: Vec<_> = (0..3 * NEW_MODULES_IN_MEMORY)
            .map(|number| {
                let module = Bytes::from(number.to_be_bytes().to_vec());
                programs.put(hash(number), made(Some(module)), For::Blocks).module
            })
            .collect();
        // Who made it, too, gets the bytes that keep what is there.
        let same = Bytes::from(0_usize.to_be_bytes().to_vec());
        let first = programs.put(hash(0), made(Some(same)), For::Blocks).module;
        assert_eq!(
            first.map(|module| module.as_ptr()),
            needed[0].as_ref().map(|module| module.as_ptr())
        );
        assert_eq!(programs.new.places.len(), needed.len());
        drop(needed);
        programs.put(hash(usize::MAX), made(Some(Bytes::from(vec![1]))), For::Blocks);
        assert_eq!(programs.new.places.len(), NEW_MODULES_IN_MEMORY);
    }

    #[test]
    fn what_is_kept_has_no_module_and_what_simulations_made_can_be_kept() {
        let mut programs = Programs::default();
        let module = Some(Bytes::from(vec![1]));
        programs.put(hash(1), made(module.clone()), For::Simulations);
        assert!(programs.get(&hash(1), For::Blocks).is_none());
        assert_eq!(programs.adopt(&hash(1)).expect("it is there").module, module);
        assert!(programs.new.places.contains_key(&hash(1)) && programs.simulated.places.is_empty());
        assert!(programs.keep(&hash(1)).is_some() && programs.new.places.is_empty());
        assert!(programs.get(&hash(1), For::Blocks).expect("it is there").module.is_none());
        assert!(programs.keep(&hash(1)).is_none());
        let bytes = [&programs.kept, &programs.new, &programs.simulated].map(|shelf| shelf.bytes);
        assert_eq!(bytes, [0, 0, 0]);
    }
}
