//! A place for the tests in `tests/`; the crate itself holds nothing.
