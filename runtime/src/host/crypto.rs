//! Hashes and signatures. What each accepts is said in the table of `florin_abi`, with its
//! standard.

use super::{Exit, GuestMemory, Host, Part};
use crate::gas;
use florin_abi::{Pointer, Slice, limits};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::Digest as _;

impl Host {
    /// Charges for and reads data to be hashed or verified.
    fn message<'m>(
        &mut self,
        memory: &'m impl GuestMemory,
        data: Slice,
        base: u64,
        per_byte: u64,
    ) -> Result<&'m [u8], Exit> {
        self.charge(Part::Host, gas::HOST_CALL + base + per_byte * u64::from(data.length))?;
        memory.read(data, limits::DATA_BYTES, "message")
    }

    /// Charges for, computes and writes a hash.
    fn hash<const N: usize>(
        &mut self,
        memory: &mut impl GuestMemory,
        (data, out): (Slice, Pointer),
        (base, per_byte): (u64, u64),
        digest: impl FnOnce(&[u8]) -> [u8; N],
    ) -> Result<(), Exit> {
        let digest = digest(self.message(memory, data, base, per_byte)?);
        memory.write_array(out, &digest, "digest")
    }

    pub(crate) fn keccak256(
        &mut self,
        memory: &mut impl GuestMemory,
        data: Slice,
        out: Pointer,
    ) -> Result<(), Exit> {
        let price = (gas::KECCAK, gas::KECCAK_BYTE);
        self.hash(memory, (data, out), price, |data| crate::crypto::keccak256(data).0)
    }

    pub(crate) fn sha256(
        &mut self,
        memory: &mut impl GuestMemory,
        data: Slice,
        out: Pointer,
    ) -> Result<(), Exit> {
        let price = (gas::SHA256, gas::SHA256_BYTE);
        self.hash(memory, (data, out), price, |data| sha2::Sha256::digest(data).into())
    }

    pub(crate) fn ripemd160(
        &mut self,
        memory: &mut impl GuestMemory,
        data: Slice,
        out: Pointer,
    ) -> Result<(), Exit> {
        use ripemd::Digest as _; // of another generation than sha2's
        let price = (gas::RIPEMD160, gas::RIPEMD160_BYTE);
        self.hash(memory, (data, out), price, |data| ripemd::Ripemd160::digest(data).into())
    }

    pub(crate) fn secp256k1_recover(
        &mut self,
        memory: &mut impl GuestMemory,
        hash: Pointer,
        signature: Pointer,
        recovery: u32,
        out: Pointer,
    ) -> Result<u32, Exit> {
        self.charge(Part::Host, gas::HOST_CALL + gas::SECP256K1_RECOVER)?;
        let hash = memory.read_array(hash, "hash")?;
        let signature = memory.read_array(signature, "signature")?;
        let recovery = u8::try_from(recovery).unwrap_or(u8::MAX);
        let Some(key) = crate::crypto::recover(&hash, &signature, recovery) else { return Ok(0) };
        memory.write_array(out, &key, "key")?;
        Ok(1)
    }

    pub(crate) fn secp256k1_verify(
        &mut self,
        memory: &mut impl GuestMemory,
        hash: Pointer,
        signature: Pointer,
        key: Slice,
    ) -> Result<u32, Exit> {
        self.charge(Part::Host, gas::HOST_CALL + gas::SECP256K1_VERIFY)?;
        let hash: [u8; 32] = memory.read_array(hash, "hash")?;
        let signature: [u8; 64] = memory.read_array(signature, "signature")?;
        let key = memory.read(key, 65, "public key")?;
        let verified = k256::ecdsa::Signature::from_slice(&signature).and_then(|signature| {
            // k256 refuses a high s when it verifies; (r, n - s) is valid exactly if (r, s) is.
            let signature = signature.normalize_s();
            k256::ecdsa::VerifyingKey::from_sec1_bytes(key)?.verify_prehash(&hash, &signature)
        });
        Ok(verified.is_ok().into())
    }

    pub(crate) fn bip340_verify(
        &mut self,
        memory: &mut impl GuestMemory,
        message: Slice,
        signature: Pointer,
        key: Pointer,
    ) -> Result<u32, Exit> {
        let message = self.message(memory, message, gas::BIP340_VERIFY, gas::SIGNED_BYTE)?;
        let signature: [u8; 64] = memory.read_array(signature, "signature")?;
        let key: [u8; 32] = memory.read_array(key, "public key")?;
        let verified = k256::schnorr::Signature::try_from(&signature[..]).and_then(|signature| {
            k256::schnorr::VerifyingKey::from_slice(&key)?.verify_raw(message, &signature)
        });
        Ok(verified.is_ok().into())
    }

    pub(crate) fn p256_verify(
        &mut self,
        memory: &mut impl GuestMemory,
        hash: Pointer,
        signature: Pointer,
        key: Pointer,
    ) -> Result<u32, Exit> {
        self.charge(Part::Host, gas::HOST_CALL + gas::P256_VERIFY)?;
        let hash: [u8; 32] = memory.read_array(hash, "hash")?;
        let signature: [u8; 64] = memory.read_array(signature, "signature")?;
        let mut point = [4; 65]; // SEC 1: an uncompressed point
        point[1..].copy_from_slice(&memory.read_array::<64>(key, "public key")?);
        let verified = p256::ecdsa::Signature::from_slice(&signature).and_then(|signature| {
            p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)?.verify_prehash(&hash, &signature)
        });
        Ok(verified.is_ok().into())
    }

    pub(crate) fn ed25519_verify(
        &mut self,
        memory: &mut impl GuestMemory,
        message: Slice,
        signature: Pointer,
        key: Pointer,
    ) -> Result<u32, Exit> {
        let message = self.message(memory, message, gas::ED25519_VERIFY, gas::SIGNED_BYTE)?;
        let signature: [u8; 64] = memory.read_array(signature, "signature")?;
        let key: [u8; 32] = memory.read_array(key, "public key")?;
        if !is_canonical(&key) {
            return Ok(0);
        }
        let verified = ed25519_dalek::VerifyingKey::from_bytes(&key).and_then(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature))
        });
        Ok(verified.is_ok().into())
    }
}

/// Whether the y of an encoded Ed25519 point is below 2^255 - 19, as RFC 8032 (5.1.3) demands.
/// Little-endian; the highest bit is the sign of x.
fn is_canonical(point: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = point;
    *lowest < 0xed || highest & 0x7f != 0x7f || middle.iter().any(|&byte| byte != 0xff)
}

#[cfg(test)]
mod tests {
    use super::is_canonical;

    #[test]
    fn points_beyond_the_field_are_not_canonical() {
        let mut point = [0xff; 32];
        for (lowest, highest, canonical) in
            [(0xec, 0x7f, true), (0xed, 0x7f, false), (0xff, 0xff, false), (0xed, 0x7e, true)]
        {
            (point[0], point[31]) = (lowest, highest);
            assert_eq!(is_canonical(&point), canonical, "{lowest:x} {highest:x}");
        }
        point[7] = 0xfe;
        assert!(is_canonical(&point));
    }
}
