//! File systems of their own for tests, where the machine lets them be mounted.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const REMOUNT_PATIENCE: Duration = Duration::from_secs(10);
const REMOUNT_PAUSE: Duration = Duration::from_millis(10);

/// Holds a file system mounted.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts `what` at a directory, which is made if need be; `None`, and a word on stderr, if
    /// that is not allowed.
    pub fn new(kind: &str, options: &str, what: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = mount(&["-t", kind, "-o", options], what, at);
        if !mounted {
            skipped("mounting a file system needs root");
        }
        mounted.then(|| Mounted(at.to_owned()))
    }

    /// Changes the options of what is mounted. It cannot be made read-only while a file is open for
    /// writing, and sled's threads let go a little after their store was dropped; so may a process
    /// that another test is just starting.
    pub fn remount(&self, options: &str) {
        let option = format!("remount,{options}");
        let deadline = Instant::now() + REMOUNT_PATIENCE;
        while !mount(&["-o", &option], Path::new("tmpfs"), &self.0) {
            assert!(Instant::now() < deadline, "{} cannot be remounted", self.0.display());
            thread::sleep(REMOUNT_PAUSE);
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &[&str], what: &Path, at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(options).arg(what).arg(at).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Says that a test did nothing. Past the test harness, which hides what a test that passes prints.
pub fn skipped(why: &str) {
    let test = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\nwarning: SKIPPED, NOT TESTED: {test}: {why}");
}

/// A disk in a file, with ext4 on it: what is in the file is what would be left after a power
/// failure.
pub struct Disk {
    image: PathBuf,
    mounted: Mounted,
}

const MEGABYTES: u64 = 48;

impl Disk {
    /// Makes a disk in `dir` and mounts it.
    pub fn new(dir: &Path) -> Option<Self> {
        let image = dir.join("disk");
        fs::File::create_new(&image).unwrap().set_len(MEGABYTES << 20).unwrap();
        let mut make = Command::new("mkfs.ext4");
        if !make.args(["-q", "-F"]).arg(&image).status().is_ok_and(|status| status.success()) {
            skipped("there is no mkfs.ext4");
            return None;
        }
        Disk::mount(image, dir)
    }

    fn mount(image: PathBuf, dir: &Path) -> Option<Self> {
        // The longest interval, so that nothing gets there by itself.
        let mounted = Mounted::new("ext4", "loop,commit=300", &image, &dir.join("mounted"))?;
        Some(Disk { image, mounted })
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        &self.mounted.0
    }

    /// The disk as it is after the power failed now, in a directory of its own.
    pub fn after_power_failure(&self, dir: &Path) -> Disk {
        fs::create_dir(dir).unwrap();
        let copy = dir.join("disk");
        fs::copy(&self.image, &copy).unwrap();
        Disk::mount(copy, dir).expect("a first disk could be mounted")
    }

    /// Fills what the disk has in place of `bytes` with others, as if the write had failed. Files
    /// that were read or written before still seem to have them.
    pub fn lose(&self, bytes: &[u8]) {
        let mut content = fs::read(&self.image).unwrap();
        let found = content.windows(bytes.len()).position(|window| window == bytes);
        let at = found.expect("the bytes are on the disk");
        content[at..at + bytes.len()].fill(0);
        let image = fs::OpenOptions::new().write(true).open(&self.image).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&image, &content[at..at + bytes.len()], at as u64)
            .unwrap();
    }
}
