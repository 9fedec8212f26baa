//! Input, output and context.

use super::{Exit, GuestMemory, Host, Part};
use crate::gas::{COPY_BYTE, FUEL_PER_GAS, HOST_CALL, RECEIPT_BYTE};
use florin_abi::{Context, Slice, limits};
use std::convert::Infallible;

/// What is left of `bytes` from `offset` on; nothing if it lies beyond the end.
fn from_offset(bytes: &[u8], offset: u32) -> &[u8] {
    bytes.get(offset as usize..).unwrap_or_default()
}

impl Host {
    pub(crate) fn input(
        &mut self,
        memory: &mut impl GuestMemory,
        offset: u32,
        out: Slice,
    ) -> Result<u32, Exit> {
        self.charge(Part::Host, HOST_CALL + COPY_BYTE * u64::from(out.length))?;
        memory.write(out, from_offset(&self.frame.input, offset), "input")
    }

    pub(crate) fn output(
        &mut self,
        memory: &mut impl GuestMemory,
        data: Slice,
    ) -> Result<(), Exit> {
        self.charge_result(data)?;
        self.frame.output = memory.read(data, limits::DATA_BYTES, "output")?.to_vec().into();
        Ok(())
    }

    /// Charges for what a call returns or reverts with; the receipt keeps that of the outermost for
    /// ever.
    fn charge_result(&mut self, data: Slice) -> Result<(), Exit> {
        let byte = if self.world().is_outermost() { RECEIPT_BYTE } else { COPY_BYTE };
        self.charge(Part::Host, HOST_CALL + byte * u64::from(data.length))
    }

    pub(crate) fn returned(
        &mut self,
        memory: &mut impl GuestMemory,
        offset: u32,
        out: Slice,
    ) -> Result<u32, Exit> {
        self.charge(Part::Host, HOST_CALL + COPY_BYTE * u64::from(out.length))?;
        memory.write(out, from_offset(&self.frame.returned, offset), "returned")
    }

    pub(crate) fn context(
        &mut self,
        memory: &mut impl GuestMemory,
        out: Slice,
    ) -> Result<(), Exit> {
        self.charge(Part::Host, HOST_CALL + COPY_BYTE * u64::from(out.length))?;
        let frame = &self.frame;
        let (address, caller) = (frame.address.into(), frame.caller.into());
        let (is_static, value) = (frame.is_static, frame.value.to_be_bytes());
        let world = self.world();
        let context = Context {
            address,
            caller,
            origin: world.origin.into(),
            is_static,
            value,
            chain_id: world.block.chain_id,
            block: world.block.number,
            timestamp: world.block.timestamp,
            gas_price: world.gas_price,
        };
        memory.write(out, &context.to_bytes(), "context").map(drop)
    }

    pub(crate) fn gas_left(&mut self, _: &mut impl GuestMemory) -> Result<u64, Exit> {
        self.charge(Part::Host, HOST_CALL)?;
        Ok(self.frame.fuel / FUEL_PER_GAS)
    }

    pub(crate) fn revert(
        &mut self,
        memory: &mut impl GuestMemory,
        data: Slice,
    ) -> Result<Infallible, Exit> {
        self.charge_result(data)?;
        let reason = memory.read(data, limits::DATA_BYTES, "revert")?;
        Err(Exit::Revert(reason.to_vec().into()))
    }
}
