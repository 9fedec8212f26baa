//! What everything costs: one table, each price with the measurement that gave it.
//!
//! The meter counts *fuel*, wasmtime's unit: about one instruction. [`FUEL_PER_GAS`] converts at a
//! fixed rate, so prices below one gas are exact. The scale is set by Ethereum's 3,000 gas for a
//! signature recovery: one gas buys what a 3,000th of one takes, about 21 ns. Computation is priced
//! near that; what is kept for ever or may come from a slow disk is dearer than its time on a small
//! ledger. Times are the best of `just gas` on one core (Zen 4, 2.6 GHz), in the run in which a
//! recovery took 62.8 us; those "on disk" are from signed transactions to a durable block.
//!
//! Invariant: a price is charged before the work it pays for is done.

/// Fuel in one gas: 50 instructions take 15 ns in a hot loop and 50 ns where each waits for the
/// last.
pub const FUEL_PER_GAS: u64 = 50;
/// The largest block gas limit a genesis may set; keeps every sum of gas far from overflow.
pub const GAS_PER_BLOCK_MAX: u64 = 1 << 40;

const fn gas(amount: u64) -> u64 {
    amount * FUEL_PER_GAS
}

/// Gas of any transaction (Ethereum's).
pub const TRANSACTION: u64 = 21_000;
/// Additional gas of a transaction that creates a contract (EIP-2).
pub const TRANSACTION_CREATE: u64 = 32_000;
/// Gas of a zero byte of transaction data.
pub const ZERO_BYTE: u64 = 4;
/// Gas of any other byte of transaction data (EIP-2028).
pub const DATA_BYTE: u64 = 16;
/// Gas of an address in an access list (EIP-2930). Access lists change nothing else here: no storage
/// is cold.
pub const ACCESS_LIST_ADDRESS: u64 = 2_400;
/// Gas of a storage key in an access list (EIP-2930).
pub const ACCESS_LIST_KEY: u64 = 1_900;
/// Bytes of a module that are loaded for `FIRST_CALL`; those beyond are charged for, in the way of
/// EIP-7907.
pub const LOADED_BYTES: u64 = 64 << 10;

// What follows is in fuel.

/// Starting an instance: with its call and a page of memory 2.0 us, together 704 gas.
pub const INSTANCE: u64 = gas(200);
/// A page of initial or grown memory: growing by one, clearing and faulting in its 64 KiB takes
/// about 7 us.
pub const MEMORY_PAGE: u64 = gas(280);
/// An entry of a table, at the start or grown.
pub const TABLE_ENTRY: u64 = 8;
/// An instruction that is a call into the engine, such as growing by nothing: 10 ns.
pub const ENGINE_CALL: u64 = 120;
/// A call through the table: 2.5 ns; its first use of an entry is a call into the engine.
pub const INDIRECT_CALL: u64 = 20;
/// Beginning to copy or fill memory; each byte is one more.
pub const BULK_OPERATION: u64 = 10;
/// A division or remainder of 32 bits: 2.8 ns.
pub const DIVISION_32: u64 = 6;
/// The same of 64 bits: 3.4 ns.
pub const DIVISION_64: u64 = 10;
/// Entering a host function: 12 ns.
pub const HOST_CALL: u64 = 25;
/// A byte copied between guest and host, 16 of them in a nanosecond and some for its later keeping.
pub const COPY_BYTE: u64 = 1;
/// Reading a storage entry: 0.5 us on a small ledger, some 2 us from its page among ten million.
pub const STORAGE_READ: u64 = gas(120);
/// A byte of a stored value that is read or replaced.
pub const STORAGE_READ_BYTE: u64 = 10;
/// Changing a storage entry: 1.5 us until it is durable, and about as much again until it is in its
/// page among ten million.
pub const STORAGE_WRITE: u64 = gas(800);
/// A byte of a value that is written: 3 ns until it is durable; state and journal keep it for ever.
pub const STORAGE_WRITE_BYTE: u64 = gas(8);
/// Reading a balance or the code of another account.
pub const ACCOUNT_READ: u64 = gas(120);
/// Moving value: two accounts are written, 2.0 us until they are durable.
pub const VALUE_TRANSFER: u64 = gas(1_600);
/// A nested call, apart from the instance it starts.
pub const CALL: u64 = gas(100);
/// The first nested call of a transaction to an account, and a creation from a module's hash: the
/// compiled code may have to be mapped from disk, which takes 30 to 100 us for modules of up to
/// `LOADED_BYTES`, and as much again to authenticate it once after a restart. EIP-2929's price of an
/// account's first use. For the transaction's own callee it is a part of its intrinsic gas.
pub const FIRST_CALL: u64 = gas(2_600);
/// A byte of module besides those, of the transaction's own callee, too: 1.4 ns where each becomes 16
/// of machine code, and 5 ns once after a restart.
pub const LOAD_BYTE: u64 = 6;
/// A creation, apart from its code and its constructor: an account is written.
pub const CREATE: u64 = gas(2_000);
/// Checking, compiling and keeping a byte of a new module that does not branch: 0.3 us on two
/// threads.
pub const CODE_BYTE: u64 = gas(20);
/// A branch of a new module: 5 to 10 us in functions of ordinary length.
pub const CODE_BRANCH: u64 = gas(400);
/// A call in a new module: 2 us.
pub const CODE_CALL: u64 = gas(100);
/// A function of a new module, besides its bytes: 30 us even if it is empty.
pub const CODE_FUNCTION: u64 = gas(1_200);
/// A log, kept in the journal and found by an index entry: 0.2 us until it is durable.
pub const LOG: u64 = gas(400);
/// A topic of a log, one more index entry: 0.25 us until it is durable.
pub const LOG_TOPIC: u64 = gas(400);
/// A byte of a log's data: 2 ns until it is durable.
pub const LOG_BYTE: u64 = gas(4);
/// A byte that the transaction's own call returns or reverts with: the receipt keeps it as it keeps
/// a log's data.
pub const RECEIPT_BYTE: u64 = gas(4);
/// keccak-256: 0.3 us for a short message.
pub const KECCAK: u64 = gas(12);
/// A byte of it: 2.2 ns.
pub const KECCAK_BYTE: u64 = 5;
/// SHA-256 of a short message: 0.08 us.
pub const SHA256: u64 = gas(8);
/// A byte of it: 0.56 ns with the processor's instructions for it, 3 ns without.
pub const SHA256_BYTE: u64 = 5;
/// RIPEMD-160 of a short message: 0.4 us.
pub const RIPEMD160: u64 = gas(16);
/// A byte of it: 3.0 ns.
pub const RIPEMD160_BYTE: u64 = 12;
/// Recovering a secp256k1 key: 62.8 us; Ethereum's price.
pub const SECP256K1_RECOVER: u64 = gas(3_000);
/// Verifying under a known secp256k1 key: 52.7 us.
pub const SECP256K1_VERIFY: u64 = gas(2_800);
/// A BIP-340 verification: 57.4 us.
pub const BIP340_VERIFY: u64 = gas(2_800);
/// A P-256 verification: 199.3 us. EIP-7951's 6,900 gas suppose a faster implementation than there
/// is in Rust.
pub const P256_VERIFY: u64 = gas(9_600);
/// An Ed25519 verification: 39.0 us.
pub const ED25519_VERIFY: u64 = gas(1_900);
/// A byte of a message that is hashed by a signature function.
pub const SIGNED_BYTE: u64 = 5;

/// Fuel for having the program of a module of so many bytes ready, besides [`FIRST_CALL`].
pub fn loading(module_bytes: u64) -> u64 {
    LOAD_BYTE * module_bytes.saturating_sub(LOADED_BYTES)
}

/// Gas charged before anything runs: the transaction, its data, its access list, a creation (yellow
/// paper, eq. 60, as amended by EIP-2028 and EIP-2930).
pub fn intrinsic(data: &[u8], creates: bool, access_addresses: u64, access_keys: u64) -> u64 {
    let zeros = data.iter().filter(|&&byte| byte == 0).count() as u64;
    let others = data.len() as u64 - zeros;
    TRANSACTION
        + zeros * ZERO_BYTE
        + others * DATA_BYTE
        + access_addresses * ACCESS_LIST_ADDRESS
        + access_keys * ACCESS_LIST_KEY
        + if creates { TRANSACTION_CREATE } else { 0 }
}
