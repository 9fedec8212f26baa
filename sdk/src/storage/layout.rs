//! The text of the section `florin.layout`: one line per handle, `path: type`, in order of
//! declaration.

use crate::abi::put;

/// What a part of storage contributes to the layout.
pub enum Layout {
    /// A handle, with the pieces of its type's text.
    Handle(&'static [&'static str]),
    /// A struct of parts.
    Group(&'static [Field]),
}

/// A named part of a struct.
pub struct Field {
    /// Its name in Rust.
    pub name: &'static str,
    /// What it is.
    pub layout: Layout,
}

/// Length of [`layout_text`].
pub const fn layout_length(layout: &Layout) -> usize {
    render(layout, &[""; super::DEPTH], 0, &mut [], 0)
}

/// The text of a layout, whose [`layout_length`] is `N`.
pub const fn layout_text<const N: usize>(layout: &Layout) -> [u8; N] {
    let mut out = [0; N];
    render(layout, &[""; super::DEPTH], 0, &mut out, 0);
    out
}

/// Appends a layout at `at` and returns the place after it; writes nothing if `out` is empty.
const fn render(
    layout: &Layout,
    path: &[&'static str; super::DEPTH],
    depth: usize,
    out: &mut [u8],
    mut at: usize,
) -> usize {
    match layout {
        Layout::Group(fields) => {
            let mut i = 0;
            while i < fields.len() {
                let mut inner = *path;
                inner[depth] = fields[i].name;
                at = render(&fields[i].layout, &inner, depth + 1, out, at);
                i += 1;
            }
        }
        Layout::Handle(parts) => {
            let mut i = 0;
            while i < depth {
                at = append(out, at, if i == 0 { "" } else { "." });
                at = append(out, at, path[i]);
                i += 1;
            }
            at = append(out, at, ": ");
            i = 0;
            while i < parts.len() {
                at = append(out, at, parts[i]);
                i += 1;
            }
            at = append(out, at, "\n");
        }
    }
    at
}

/// Writes `text` at `at`, unless only lengths are wanted, and returns the place after it.
const fn append(out: &mut [u8], at: usize, text: &str) -> usize {
    if out.is_empty() { at + text.len() } else { put(out, at, text.as_bytes()) }
}
