//! The mistakes an author is most likely to make, and what the compiler then says: on the author's
//! own line, with what to write instead.

#[test]
fn mistakes_say_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("../tests/mistakes/*.rs");
}
