//! The data of a create transaction (and of the `create` and `upgrade` host functions).
//!
//! `0xEF 0xF1`, a version byte, then
//! - version [`WITH_MODULE`]: u32 big-endian length, the module, the ABI-encoded constructor arguments;
//! - version [`BY_HASH`]: the 32-byte keccak-256 of a module that is already on the ledger, the arguments.
//!
//! `0xEF` is the byte that EIP-3541 keeps free of EVM code, so no EVM initcode can be mistaken for
//! it. An artefact's `bytecode` is everything but the arguments; Ethereum clients append those
//! themselves.

/// The first two bytes of deployment data.
pub const MAGIC: [u8; 2] = [0xEF, 0xF1];
/// The version byte of deployment data that brings its module along.
pub const WITH_MODULE: u8 = 1;
/// The version byte of deployment data that names a module already on the ledger.
pub const BY_HASH: u8 = 2;
/// Bytes before the module: magic, version, length.
pub const HEADER_BYTES: usize = 7;

/// The header that precedes `module_bytes` bytes of module.
pub const fn header(module_bytes: u32) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = module_bytes.to_be_bytes();
    [MAGIC[0], MAGIC[1], WITH_MODULE, a, b, c, d]
}

/// Deployment data, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment<'a> {
    /// The module itself.
    Module {
        /// The WebAssembly module.
        module: &'a [u8],
        /// The ABI-encoded constructor arguments.
        arguments: &'a [u8],
    },
    /// The hash of a module already on the ledger.
    Hash {
        /// keccak-256 of the module.
        hash: &'a [u8; 32],
        /// The ABI-encoded constructor arguments.
        arguments: &'a [u8],
    },
}

/// Takes deployment data apart; `None` if it is not in the form this module describes.
pub fn parse(data: &[u8]) -> Option<Deployment<'_>> {
    match data.strip_prefix(&MAGIC)?.split_first()? {
        (&WITH_MODULE, rest) => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (module, arguments) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            Some(Deployment::Module { module, arguments })
        }
        (&BY_HASH, rest) => {
            let (hash, arguments) = rest.split_first_chunk::<32>()?;
            Some(Deployment::Hash { hash, arguments })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn header_and_parse_agree() {
        let mut data = header(3).to_vec();
        data.extend_from_slice(b"abcde");
        assert_eq!(parse(&data), Some(Deployment::Module { module: b"abc", arguments: b"de" }));
        let mut data = [&MAGIC[..], &[BY_HASH], &[7; 32]].concat();
        data.push(9);
        assert_eq!(parse(&data), Some(Deployment::Hash { hash: &[7; 32], arguments: &[9] }));
    }

    #[test]
    fn anything_else_is_refused() {
        let lying_length = [&header(4)[..], b"abc"].concat();
        for data in [
            &b""[..],
            &[0xEF],
            &[0xEF, 0xF1],
            &[0xEF, 0xF1, 3, 0],
            &[0x60, 0x80, 0x60],
            &lying_length,
        ] {
            assert_eq!(parse(data), None, "{data:?}");
        }
    }
}
