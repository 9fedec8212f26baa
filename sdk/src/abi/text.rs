//! Text put together by the compiler: signatures, ABI JSON, layouts.

/// Length of the concatenation of `parts`.
pub const fn length(parts: &[&str]) -> usize {
    let mut total = 0;
    let mut i = 0;
    while i < parts.len() {
        total += parts[i].len();
        i += 1;
    }
    total
}

/// The concatenation of `parts`, whose [`length`] is `N`.
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    let mut i = 0;
    while i < parts.len() {
        at = put(&mut out, at, parts[i].as_bytes());
        i += 1;
    }
    out
}

/// Copies `bytes` into `out` at `at` and returns the place after them.
pub(crate) const fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let (_, rest) = out.split_at_mut(at);
    let (target, _) = rest.split_at_mut(bytes.len());
    target.copy_from_slice(bytes);
    at + bytes.len()
}

/// The text in `bytes`, which [`join`] made.
pub const fn as_str(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("joined from text, so text"),
    }
}

/// Whether two texts are equal.
pub(crate) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = a.len();
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return false;
        }
    }
    true
}

/// Text of at most `N` bytes, for types whose names depend on type parameters.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// The concatenation of `parts`.
    pub const fn new(parts: &[&str]) -> Self {
        assert!(length(parts) <= N, "the name of this ABI type is too long: nest fewer tuples");
        Text { bytes: join(parts), length: length(parts) }
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        as_str(self.bytes.split_at(self.length).0)
    }
}

/// A number in decimal.
pub(crate) const fn decimal(mut number: usize) -> Text<20> {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut parts = [""; 20];
    let mut at = parts.len();
    loop {
        at -= 1;
        parts[at] = DIGITS[number % 10];
        number /= 10;
        if number == 0 {
            return Text::new(&parts);
        }
    }
}

/// Concatenates texts in a constant. Each part is a constant expression that needs no type
/// parameter in scope.
#[doc(hidden)]
#[macro_export]
macro_rules! __text {
    ($($part:expr),* $(,)?) => {{
        const PARTS: &[&str] = &[$($part),*];
        const BYTES: [u8; $crate::abi::length(PARTS)] = $crate::abi::join(PARTS);
        $crate::abi::as_str(&BYTES)
    }};
}
