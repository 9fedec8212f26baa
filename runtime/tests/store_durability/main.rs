//! What the store promises about the disk: nothing acknowledged is lost, nothing wrong is ever
//! read.

mod crash;
mod damage;
mod full_disk;
mod growth;
mod history;
mod mount;
mod power_failure;
mod support;
