//! What the store promises about the disk: nothing acknowledged is lost, nothing wrong is ever
//! read.

mod bit_rot;
mod crash;
mod crash_images;
mod damage;
mod full_disk;
mod growth;
mod history;
mod io_errors;
mod mount;
mod power_failure;
mod recorder;
mod support;
