//! What the repository promises as a whole, in one binary.

mod architecture;
mod docs;
mod harness;
mod panics;
mod repository;
mod sizes;
mod upgrades;
