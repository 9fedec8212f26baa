//! `docs/ARCHITECTURE.md` names invariants; here are those that can be checked by reading the sources.
