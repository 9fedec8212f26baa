//! keccak-256 of many messages: eight side by side in the vectors of AVX-512, in little more time
//! than one takes otherwise. A block has thousands to hash (leaves of its tries, topics of logs),
//! none of which waits for another.
//!
//! Invariant: the hashes are those of [`keccak256`], one by one.

use super::keccak256;
use crate::types::B256;

/// keccak-256 of each message.
pub fn keccak256_all(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(target_arch = "x86_64")]
    if let Some(available) = super::avx512::Available::detect() {
        return vector::keccak256_all(available, messages);
    }
    messages.iter().map(|message| keccak256(message)).collect()
}

/// Eight messages in the lanes of vectors.
#[cfg(target_arch = "x86_64")]
mod vector {
    use super::{B256, keccak256};
    use crate::crypto::avx512::{Available, LANES, lanes, vector};
    use std::arch::x86_64::*;
    use std::array::from_fn;

    /// Words of the state that a block of the message goes into (FIPS 202: 1,600 bits less twice
    /// 256).
    const RATE_WORDS: usize = 17;
    const RATE: usize = 8 * RATE_WORDS;
    /// Fewest messages for which lanes take less than one after the other.
    const WORTHWHILE: usize = 2;

    /// Constants of ι (FIPS 202, 3.2.5).
    const ROUNDS: [u64; 24] = [
        0x0000_0000_0000_0001,
        0x0000_0000_0000_8082,
        0x8000_0000_0000_808a,
        0x8000_0000_8000_8000,
        0x0000_0000_0000_808b,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8009,
        0x0000_0000_0000_008a,
        0x0000_0000_0000_0088,
        0x0000_0000_8000_8009,
        0x0000_0000_8000_000a,
        0x0000_0000_8000_808b,
        0x8000_0000_0000_008b,
        0x8000_0000_0000_8089,
        0x8000_0000_0000_8003,
        0x8000_0000_0000_8002,
        0x8000_0000_0000_0080,
        0x0000_0000_0000_800a,
        0x8000_0000_8000_000a,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8080,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8008,
    ];
    /// By how much ρ rotates the word at x + 5y (FIPS 202, 3.2.2, table 2).
    const ROTATIONS: [i64; 25] = [
        0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56,
        14,
    ];

    /// keccak-256 of each message.
    pub fn keccak256_all(available: Available, messages: &[&[u8]]) -> Vec<B256> {
        let mut hashes = Vec::with_capacity(messages.len());
        for messages in messages.chunks(LANES) {
            if messages.len() < WORTHWHILE {
                hashes.extend(messages.iter().map(|message| keccak256(message)));
                continue;
            }
            let of_lanes = side_by_side(available, &from_fn(|lane| messages.get(lane).copied()));
            hashes.extend(&of_lanes[..messages.len()]);
        }
        hashes
    }

    /// The hashes of the messages; of nothing, anything.
    fn side_by_side(_: Available, messages: &[Option<&[u8]>; LANES]) -> [B256; LANES] {
        let blocks = messages.map(|message| message.map_or(0, |message| message.len() / RATE + 1));
        let mut state = [[0; LANES]; 25];
        let mut hashes = [B256::ZERO; LANES];
        for block in 0..blocks.into_iter().max().unwrap_or(0) {
            for (lane, message) in messages.iter().enumerate() {
                if let Some(message) = message.filter(|_| block < blocks[lane]) {
                    absorb(&mut state, lane, message, block);
                }
            }
            #[allow(unsafe_code)]
            // SAFETY: the processor has the instructions, or nobody could have an `Available`.
            unsafe {
                permute(&mut state);
            }
            for (lane, hash) in hashes.iter_mut().enumerate() {
                if blocks[lane] == block + 1 {
                    for (bytes, word) in hash.chunks_exact_mut(8).zip(&state) {
                        bytes.copy_from_slice(&word[lane].to_le_bytes());
                    }
                }
            }
        }
        hashes
    }

    /// Adds a block of a message, padded if it is the last.
    fn absorb(state: &mut [[u64; LANES]; 25], lane: usize, message: &[u8], block: usize) {
        let rest = &message[block * RATE..];
        let mut padded = [0; RATE];
        let bytes = match rest.get(..RATE) {
            Some(whole) => whole,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                padded[rest.len()] ^= 0x01;
                padded[RATE - 1] ^= 0x80;
                &padded
            }
        };
        for (words, bytes) in state.iter_mut().zip(bytes.as_chunks().0) {
            words[lane] ^= u64::from_le_bytes(*bytes);
        }
    }

    /// Keccak-f (FIPS 202, 3.3), in each lane.
    #[target_feature(enable = "avx512f")]
    fn permute(state: &mut [[u64; LANES]; 25]) {
        let mut a = state.map(vector);
        for constant in ROUNDS {
            // θ: the parity of two columns goes into each word.
            let mut parity = [a[0]; 5];
            for x in 0..5 {
                let three = xor_3(a[x], a[x + 5], a[x + 10]);
                parity[x] = xor_3(three, a[x + 15], a[x + 20]);
            }
            let mut b = a;
            for x in 0..5 {
                let rotated = _mm512_rol_epi64::<1>(parity[(x + 1) % 5]);
                for y in 0..5 {
                    let at = x + 5 * y;
                    let word = xor_3(a[at], parity[(x + 4) % 5], rotated);
                    // ρ and π: rotated, to another place.
                    let rotation = _mm512_set1_epi64(ROTATIONS[at]);
                    b[y + 5 * ((2 * x + 3 * y) % 5)] = _mm512_rolv_epi64(word, rotation);
                }
            }
            // χ: each word, where the next is zero, with the one after it.
            for y in 0..5 {
                for x in 0..5 {
                    let (next, after) = (b[(x + 1) % 5 + 5 * y], b[(x + 2) % 5 + 5 * y]);
                    a[x + 5 * y] = _mm512_ternarylogic_epi64::<0xd2>(b[x + 5 * y], next, after);
                }
            }
            a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(constant as i64));
        }
        *state = a.map(lanes);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn xor_3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        _mm512_ternarylogic_epi64::<0x96>(a, b, c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn many_are_as_one_by_one(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20),
        ) {
            let messages: Vec<_> = messages.iter().map(Vec::as_slice).collect();
            let expected: Vec<_> = messages.iter().map(|message| keccak256(message)).collect();
            prop_assert_eq!(keccak256_all(&messages), expected);
        }
    }

    #[test]
    fn every_length_is_padded() {
        #[cfg(target_arch = "x86_64")]
        if crate::crypto::avx512::Available::detect().is_none() {
            crate::crypto::avx512::say_skipped("keccak-256 of eight messages at a time");
        }
        let bytes: Vec<u8> = (0..300).map(|i| i as u8).collect();
        let messages: Vec<_> = (0..=bytes.len()).map(|length| &bytes[..length]).collect();
        let expected: Vec<_> = messages.iter().map(|message| keccak256(message)).collect();
        assert_eq!(keccak256_all(&messages), expected);
    }
}
