//! What a contract may know about the call it is in, handed over in one read.

/// Size of an encoded [`Context`]. Later versions of the host only append.
pub const CONTEXT_BYTES: usize = 136;

/// The surroundings of a running call. Integers are little-endian except `value`, which is a
/// big-endian 256-bit word, as all amounts in the interface are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// The contract that is running.
    pub address: [u8; 20],
    /// The account or contract that called it.
    pub caller: [u8; 20],
    /// The account that signed the transaction. For records only: a contract that grants rights by
    /// it can be robbed.
    pub origin: [u8; 20],
    /// Whether the call must not change state.
    pub is_static: bool,
    /// Native value sent along, in the smallest unit.
    pub value: [u8; 32],
    /// The chain identifier of the genesis (EIP-155).
    pub chain_id: u64,
    /// Number of the block this transaction is in.
    pub block: u64,
    /// Time of that block, in seconds since 1970.
    pub timestamp: u64,
    /// What one unit of gas costs this transaction, in the smallest native unit.
    pub gas_price: u128,
}

impl Context {
    /// Encodes the context for the guest.
    pub fn to_bytes(self) -> [u8; CONTEXT_BYTES] {
        let mut out = [0; CONTEXT_BYTES];
        out[0..20].copy_from_slice(&self.address);
        out[20..40].copy_from_slice(&self.caller);
        out[40..60].copy_from_slice(&self.origin);
        out[60..64].copy_from_slice(&u32::from(self.is_static).to_le_bytes());
        out[64..96].copy_from_slice(&self.value);
        out[96..104].copy_from_slice(&self.chain_id.to_le_bytes());
        out[104..112].copy_from_slice(&self.block.to_le_bytes());
        out[112..120].copy_from_slice(&self.timestamp.to_le_bytes());
        out[120..136].copy_from_slice(&self.gas_price.to_le_bytes());
        out
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8; CONTEXT_BYTES]) -> Self {
        fn take<const N: usize>(bytes: &[u8; CONTEXT_BYTES], at: usize) -> [u8; N] {
            let mut out = [0; N];
            out.copy_from_slice(&bytes[at..at + N]);
            out
        }
        Context {
            address: take(bytes, 0),
            caller: take(bytes, 20),
            origin: take(bytes, 40),
            is_static: bytes[60] & 1 == 1,
            value: take(bytes, 64),
            chain_id: u64::from_le_bytes(take(bytes, 96)),
            block: u64::from_le_bytes(take(bytes, 104)),
            timestamp: u64::from_le_bytes(take(bytes, 112)),
            gas_price: u128::from_le_bytes(take(bytes, 120)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_survives() {
        let context = Context {
            address: [1; 20],
            caller: [2; 20],
            origin: [3; 20],
            is_static: true,
            value: [4; 32],
            chain_id: 0x0505_0505_0505_0505,
            block: 0x0606_0606_0606_0606,
            timestamp: 0x0707_0707_0707_0707,
            gas_price: 0x0808_0808_0808_0808_0808_0808_0808_0808,
        };
        assert_eq!(Context::from_bytes(&context.to_bytes()), context);
    }
}
