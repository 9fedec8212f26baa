//! What a contract tells of itself, put together and checked while it is compiled: the ABI, the
//! reentrant methods, that no selector is there twice, and that a migration leads somewhere.

use crate::abi::{put, same};
use crate::contract::{Contract, Method, topic};
use crate::error::ErrorList;

/// Everything an ABI lists.
pub struct Abi {
    /// Constructor, receive, fallback.
    pub special: &'static [&'static str],
    /// Methods, by where they come from.
    pub methods: &'static [&'static [Method]],
    /// Methods of the interfaces.
    pub interfaces: &'static [&'static [Method]],
    /// Events, by where they come from.
    pub events: &'static [&'static [&'static str]],
    /// Errors of what has no selector: the constructor, the migration and the like.
    pub errors: &'static [&'static ErrorList],
}

/// Most entries in one ABI.
const ENTRIES: usize = 512;

/// Entries of an ABI, each once.
struct Entries {
    list: [&'static str; ENTRIES],
    count: usize,
}

impl Entries {
    const fn push(&mut self, entry: &'static str) {
        let mut i = 0;
        while i < self.count {
            if same(self.list[i], entry) {
                return;
            }
            i += 1;
        }
        assert!(self.count < ENTRIES, "the contract's ABI has more than 512 entries");
        self.list[self.count] = entry;
        self.count += 1;
    }

    const fn push_errors(&mut self, errors: &ErrorList) {
        let mut i = 0;
        while i < errors.own.len() {
            self.push(errors.own[i]);
            i += 1;
        }
        i = 0;
        while i < errors.nested.len() {
            self.push_errors(errors.nested[i]);
            i += 1;
        }
    }

    const fn push_methods(&mut self, groups: &[&[Method]]) {
        let mut i = 0;
        while i < groups.len() {
            let mut j = 0;
            while j < groups[i].len() {
                self.push(groups[i][j].json);
                j += 1;
            }
            i += 1;
        }
    }

    const fn push_method_errors(&mut self, groups: &[&[Method]]) {
        let mut i = 0;
        while i < groups.len() {
            let mut j = 0;
            while j < groups[i].len() {
                self.push_errors(groups[i][j].errors);
                j += 1;
            }
            i += 1;
        }
    }
}

impl Abi {
    const fn entries(&self) -> Entries {
        let mut all = Entries { list: [""; ENTRIES], count: 0 };
        let mut i = 0;
        while i < self.special.len() {
            all.push(self.special[i]);
            i += 1;
        }
        all.push_methods(self.methods);
        all.push_methods(self.interfaces);
        i = 0;
        while i < self.events.len() {
            let mut j = 0;
            while j < self.events[i].len() {
                all.push(self.events[i][j]);
                j += 1;
            }
            i += 1;
        }
        i = 0;
        while i < self.errors.len() {
            all.push_errors(self.errors[i]);
            i += 1;
        }
        all.push_method_errors(self.methods);
        all.push_method_errors(self.interfaces);
        all.push(r#"{"type":"error","name":"NotPayable","inputs":[]}"#);
        all.push(
            r#"{"type":"error","name":"CallFailed","inputs":[{"name":"callee","type":"address"}]}"#,
        );
        all
    }

    /// Length of the JSON.
    pub const fn length(&self) -> usize {
        let entries = self.entries();
        let mut total = 1;
        let mut i = 0;
        while i < entries.count {
            total += 1 + entries.list[i].len();
            i += 1;
        }
        total
    }

    /// The JSON, whose [`length`](Self::length) is `N`.
    pub const fn json<const N: usize>(&self) -> [u8; N] {
        let entries = self.entries();
        let mut out = [0; N];
        let mut at = 0;
        let mut i = 0;
        while i < entries.count {
            at = put(&mut out, at, if i == 0 { b"[" } else { b"," });
            at = put(&mut out, at, entries.list[i].as_bytes());
            i += 1;
        }
        put(&mut out, at, b"]");
        out
    }
}

/// How many reentrant methods there are; `receive` says whether `#[receive]` is one.
pub const fn count_reentrant(receive: bool, own: &[Method], interfaces: &[&[Method]]) -> usize {
    let mut count = receive as usize;
    let mut i = 0;
    while let Some(method) = nth(own, interfaces, i) {
        count += method.reentrant as usize;
        i += 1;
    }
    count
}

/// The selectors of the reentrant methods; `N` is four times their [count](count_reentrant).
/// `#[receive]` has none: four zeros stand for it, and for nothing else.
pub const fn reentrant<const N: usize>(
    receive: bool,
    own: &[Method],
    interfaces: &[&[Method]],
) -> [u8; N] {
    let mut out = [0; N];
    let mut at = if receive { 4 } else { 0 };
    let mut i = 0;
    while let Some(method) = nth(own, interfaces, i) {
        if method.reentrant {
            assert!(
                method.selector != 0,
                "a method whose selector is 0x00000000 cannot be reentrant"
            );
            at = put(&mut out, at, &method.selector.to_be_bytes());
        }
        i += 1;
    }
    out
}

/// The `n`th of all methods.
const fn nth<'a>(own: &'a [Method], interfaces: &'a [&[Method]], n: usize) -> Option<&'a Method> {
    if n < own.len() {
        return Some(&own[n]);
    }
    let mut left = n - own.len();
    let mut i = 0;
    while i < interfaces.len() {
        if left < interfaces[i].len() {
            return Some(&interfaces[i][left]);
        }
        left -= interfaces[i].len();
        i += 1;
    }
    None
}

/// Two methods with one selector, if there are such.
pub const fn collision(
    own: &'static [Method],
    interfaces: &'static [&'static [Method]],
) -> Option<(Method, Method)> {
    let mut i = 0;
    while let Some(a) = nth(own, interfaces, i) {
        let mut j = 0;
        while j < i {
            if let Some(b) = nth(own, interfaces, j)
                && a.selector == b.selector
            {
                return Some((*b, *a));
            }
            j += 1;
        }
        i += 1;
    }
    None
}

/// Refuses a migration from the contract's own layout, which would run at each upgrade anew.
pub const fn check_migration<C: Contract>() {
    let Some(from) = C::MIGRATES_FROM else { return };
    let own = topic(C::LAYOUT_TEXT);
    let mut i = 0;
    while i < own.len() {
        if own[i] != from[i] {
            return;
        }
        i += 1;
    }
    panic!(
        "#[migrate] names the layout of the contract itself, so it would run again at the next upgrade: name that of the \
         former version; to change values and not the layout, append a field or rename one"
    )
}
