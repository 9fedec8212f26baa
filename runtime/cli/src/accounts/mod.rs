//! Who is who: names for addresses (`book`), keys under passwords (`keystore`, `password`).

mod book;
mod keystore;
mod password;

pub use book::{Book, is_name, parse_address};
pub use keystore::{Keystore, Secret};
pub use password::{PasswordArgs, ask};
