//! A contract's own storage.

use super::{Exit, GuestMemory, Host, Part};
use crate::gas::{
    COPY_BYTE, HOST_CALL, STORAGE_READ, STORAGE_READ_BYTE, STORAGE_WRITE, STORAGE_WRITE_BYTE,
};
use crate::types::Bytes;
use florin_abi::{ABSENT, Slice, limits};

impl Host {
    pub(crate) fn storage_get(
        &mut self,
        memory: &mut impl GuestMemory,
        key: Slice,
        out: Slice,
    ) -> Result<u32, Exit> {
        let copied = COPY_BYTE * (u64::from(key.length) + u64::from(out.length));
        self.charge(Part::Storage, HOST_CALL + STORAGE_READ + copied)?;
        let key = memory.read(key, limits::KEY_BYTES, "storage key")?;
        let address = self.frame.address;
        let slot = self.world().overlay.slot(&address, key)?;
        let Some(length) = self.world().overlay.value(slot).map(|value| value.len()) else {
            return Ok(ABSENT);
        };
        self.charge(Part::Storage, STORAGE_READ_BYTE * length as u64)?;
        let value = self.world().overlay.value(slot).map_or(&[][..], |value| value);
        memory.write(out, value, "storage value")?;
        Ok(length as u32)
    }

    pub(crate) fn storage_set(
        &mut self,
        memory: &mut impl GuestMemory,
        key: Slice,
        value: Slice,
    ) -> Result<(), Exit> {
        let written = u64::from(key.length) + u64::from(value.length);
        self.charge(Part::Storage, HOST_CALL + STORAGE_WRITE + STORAGE_WRITE_BYTE * written)?;
        self.deny_static("storage_set")?;
        let key = memory.read(key, limits::KEY_BYTES, "storage key")?;
        let value = memory.read(value, limits::VALUE_BYTES, "storage value")?.to_vec().into();
        self.replace(key, Some(value))
    }

    pub(crate) fn storage_remove(
        &mut self,
        memory: &mut impl GuestMemory,
        key: Slice,
    ) -> Result<(), Exit> {
        let copied = COPY_BYTE * u64::from(key.length);
        self.charge(Part::Storage, HOST_CALL + STORAGE_WRITE + copied)?;
        self.deny_static("storage_remove")?;
        let key = memory.read(key, limits::KEY_BYTES, "storage key")?;
        self.replace(key, None)
    }

    /// Pays for the value that is replaced too: it is read, and the block keeps it.
    fn replace(&mut self, key: &[u8], value: Option<Bytes>) -> Result<(), Exit> {
        let address = self.frame.address;
        let slot = self.world().overlay.slot(&address, key)?;
        let former = self.world().overlay.value(slot).map_or(0, |value| value.len());
        self.charge(Part::Storage, STORAGE_READ_BYTE * former as u64)?;
        self.world().overlay.set_value(slot, value);
        Ok(())
    }
}
