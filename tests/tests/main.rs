//! What the repository promises as a whole, in one binary.

mod architecture;
mod docs;
mod repository;
