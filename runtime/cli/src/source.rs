//! Where Florin's own source is: the SDK for new contracts, and the contracts of the demonstration.
//!
//! A clone may have moved since this program was built from it, or be another one; so the clone
//! that one works in comes first, then the one that the program lies in.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The clone that this program was built from, where it was then.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// What tells a clone from any other folder.
const MARKS: [&str; 3] = ["sdk/Cargo.toml", "contracts/token/Cargo.toml", "runtime/cli/Cargo.toml"];

/// The nearest clone.
pub fn find() -> Option<PathBuf> {
    let starts = [env::current_dir(), env::current_exe().and_then(|file| file.canonicalize())];
    let starts = starts.into_iter().flatten().chain([BUILT_FROM.into()]);
    starts.into_iter().find_map(|start| above(&start)?.canonicalize().ok())
}

/// The nearest clone that a place is in.
fn above(place: &Path) -> Option<&Path> {
    place.ancestors().find(|folder| MARKS.iter().all(|mark| folder.join(mark).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_whole_clone_is_found() {
        let place = tempfile::tempdir().unwrap();
        let (outer, inner) = (place.path().join("a"), place.path().join("a/b"));
        for (clone, marks) in [(&outer, &MARKS[..]), (&inner, &MARKS[..1])] {
            for mark in marks {
                fs::create_dir_all(clone.join(mark).parent().unwrap()).unwrap();
                fs::write(clone.join(mark), "").unwrap();
            }
        }
        assert_eq!(above(&inner.join("c")), Some(outer.as_path()), "half a clone is none");
        assert_eq!(above(place.path()), None);
        assert!(above(&find().unwrap()).is_some());
    }
}
