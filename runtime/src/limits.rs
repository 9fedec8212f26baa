//! Every limit that the host alone imposes, each with its reason. The sizes that guests see too are
//! in `florin_abi::limits`.
//!
//! Invariant: whatever a transaction does, memory, stack and time it can take are bounded by these
//! and by its gas.

use crate::gas::GAS_PER_BLOCK_MAX;

/// Longest signed transaction: the largest module with room for its constructor arguments. geth's
/// pool takes 128 KiB, enough for payments but not for modules.
pub const TRANSACTION_BYTES: usize = 768 * 1024;
/// Deepest nesting of calls. Payment contracts call two or three deep; every level holds an
/// instance of the pool.
pub const CALL_DEPTH: usize = 64;
/// Executions that may run at the same time, fewer where address space is short. The pool has
/// instances for all of them at full depth, each with 4 GiB of address space.
pub const CONCURRENT_EXECUTIONS: usize = 16;
/// Of these, those that simulations leave to blocks: however many ask, a block that is being sealed
/// does not wait.
pub const RESERVED_EXECUTIONS: usize = 1;
/// Largest linear memory: 256 pages.
pub const MEMORY_BYTES: usize = 16 << 20;
/// Linear memory that all running calls of one transaction hold together: calls nested to the limit
/// with half a MiB each, or four of the largest. All executions together take at most 1 GiB.
pub const EXECUTION_MEMORY_BYTES: usize = 64 << 20;
/// Memory that stays with a pool slot between calls: more than the initial memory of an SDK
/// contract, so that starting one needs no system call.
pub const MEMORY_KEPT_BYTES: usize = 1 << 20;
/// Most entries of a module's table: its indirectly called functions.
pub const TABLE_ENTRIES: usize = 8 * 1024;
/// Table memory that stays with a pool slot between calls.
pub const TABLE_KEPT_BYTES: usize = 64 << 10;
/// Native stack that WebAssembly code of one call may use. The compiler's frames are small: this is
/// a recursion of several thousand functions.
pub const WASM_STACK_BYTES: usize = 256 << 10;
/// Native stack that must be free when a call begins: the contract's and the host's around it.
pub const STACK_RED_ZONE_BYTES: usize = WASM_STACK_BYTES + (512 << 10);
/// Native stack that is added when less than the red zone is free.
pub const STACK_SEGMENT_BYTES: usize = 4 << 20;

/// Most functions in a module; the bundled token has about a hundred.
pub const MODULE_FUNCTIONS: u32 = 8 * 1024;
/// Longest function body. Register allocation grows faster than linearly with it.
pub const FUNCTION_BYTES: usize = 48 * 1024;
/// Most local variables of a function, for the same reason.
pub const FUNCTION_LOCALS: u32 = 4 * 1024;
/// Most parameters and results of a function type.
pub const FUNCTION_PARAMS: usize = 64;
/// Most function types in a module.
pub const MODULE_TYPES: u32 = 1024;
/// Most globals in a module.
pub const MODULE_GLOBALS: u32 = 1024;
/// Most data segments in a module.
pub const MODULE_DATA_SEGMENTS: u32 = 4 * 1024;
/// Most element segments in a module; linkers make one. Filling the table is part of starting an
/// instance.
pub const MODULE_ELEMENT_SEGMENTS: u32 = 1;
/// Most exports of a module.
pub const MODULE_EXPORTS: u32 = 64;
/// Most methods that a module may name as reentrant; each nested call may look through them.
pub const MODULE_REENTRANT: usize = 256;
/// Most branches of a function, a target of a `br_table` being one: compiling grows faster than
/// linearly with them. Code that rustc makes has one in twenty bytes.
pub const FUNCTION_BRANCHES: u64 = 4 * 1024;
/// Most loops of a function. What lives across each is worked out again for every loop around it.
pub const FUNCTION_LOOPS: u32 = 256;
/// Deepest nesting of loops.
pub const LOOP_DEPTH: usize = 32;
/// Most parameters and results of a block, which every branch to it passes on; rustc's have one.
pub const BLOCK_VALUES: usize = 4;
/// Largest compiled code per byte of module, plus [`COMPILED_BASE_BYTES`]. Ordinary contracts are
/// at 5 to 8.
pub const COMPILED_PER_MODULE_BYTE: usize = 16;
/// Compiled code that even an empty module may have.
pub const COMPILED_BASE_BYTES: usize = 256 << 10;
/// Compiled modules of the ledger kept ready in memory; more are loaded from disk when needed. Each
/// may hold a file descriptor, of which a process commonly has 1,024.
pub const MODULES_IN_MEMORY: usize = 512;
/// Bytes of compiled code kept ready in memory.
pub const COMPILED_BYTES_IN_MEMORY: usize = 1 << 30;
/// Compiled modules kept in memory that nobody needs: those of blocks that were not created in the end.
pub const NEW_MODULES_IN_MEMORY: usize = 16;
/// Compiled modules kept in memory that only simulations wanted so far.
pub const SIMULATED_MODULES_IN_MEMORY: usize = 128;
/// Bytes of their code and of the modules.
pub const SIMULATED_BYTES_IN_MEMORY: usize = 128 << 20;
/// Files of compiled code that are known to be genuine, a hundred bytes each.
pub const GENUINE_FILES: usize = 64 << 10;
/// New modules that one transaction may bring, of which each stays compiled in memory until its block is
/// durable. A contract that makes many of a kind brings one.
pub const TRANSACTION_MODULES: usize = 8;
/// New modules in a block. It takes no transaction more that could exceed that.
pub const BLOCK_MODULES: usize = 32;
/// Accounts of whose calls a transaction knows that they are not the first, and whose programs it has at
/// hand, at most; then it begins anew.
pub const CALLED_ACCOUNTS: usize = 64;

/// Most functions that the backtrace of a trap names.
pub const BACKTRACE_FRAMES: usize = 20;
/// Characters of a function's name in a backtrace; a module can carry names of any length.
pub const FUNCTION_NAME_CHARS: usize = 128;
/// Inputs, outputs and printed lines that the trace of one simulation keeps, in bytes; later ones
/// are left out.
pub const TRACE_BYTES: usize = 32 << 20;

/// Most transactions in a block, which bounds the memory of sealing one.
pub const BLOCK_TRANSACTIONS: usize = 100_000;
/// Most bytes of a block's transactions, receipts and writes: what sealing, committing and reading
/// one hold in memory, several times over. A quarter of what a record of the journal can hold.
pub const BLOCK_BYTES: usize = 256 << 20;
/// Most bytes that one transaction may add to its block besides its own: keys that it changes with
/// the values before and after, logs, and its result. Twice what the gas of a block of the usual
/// limit can write; no price bounds the values that are replaced.
pub const EFFECT_BYTES: usize = 32 << 20;
/// What a receipt takes apart from logs and result, with the accounts that the fee concerns.
pub const RECEIPT_BYTES: usize = 2 << 10;
/// Transactions that are on their way through a sequencer at most: what it authenticates, executes
/// and commits in about a second.
pub const QUEUE_TRANSACTIONS: usize = 64 << 10;
/// Authenticated batches for each processor that may wait to be executed: enough that execution
/// never waits. To authenticate more would take time from those whose answers are nearer.
pub const READY_BATCHES: usize = 2;
/// Bytes of the transactions that are on their way at most: those of payments, or a hundred of the
/// largest modules.
pub const QUEUE_BYTES: usize = 64 << 20;
/// Transactions in a block before it is sealed because the one before it is, if there are more: ten
/// milliseconds of the highest load. What a block costs beside its transactions, above all a sync of
/// the disk, is then a hundredth of it.
pub const GROUP_TRANSACTIONS: usize = 512;
/// Executions that one estimate of gas takes at most: doubling and halving reach any gas limit in
/// fewer.
pub const ESTIMATE_RUNS: usize = 64;
/// Gas that all executions of one estimate use at most, in blocks: the first may need all of a
/// block's.
pub const ESTIMATE_BLOCKS: u64 = 4;
/// An estimate may be above the least gas by one part in this many, which saves half of the
/// executions.
pub const ESTIMATE_PRECISION: u64 = 256;
/// Blocks that one log query may span.
pub const LOG_QUERY_BLOCKS: u64 = 100_000;
/// Logs that one query returns at most.
pub const LOG_QUERY_RESULTS: usize = 10_000;
/// Items that one list of a log query's filter may have: geth's limit.
pub const LOG_QUERY_ITEMS: usize = 1_000;
/// Steps that one log query takes at most, each of about a microsecond: an index entry, a receipt
/// or a KiB of a block that is looked at.
pub const LOG_QUERY_STEPS: u64 = 1 << 20;
/// Blocks that a log query searches the indexes for at a time, so that its memory does not grow
/// with the range.
pub const LOG_QUERY_WINDOW: u64 = 1_024;
/// Steps of what may be taken back to look at the state as it was, each as of a log query: the blocks
/// since then, their transactions, and a KiB of them. About a fifth of a second; a ledger that makes
/// ten thousand payments a second can be seen as it was some ten seconds ago, an idle one as it was
/// sixty thousand payments ago.
pub const HISTORY_STEPS: u64 = 1 << 17;
/// Entries in one page of accounts or storage.
pub const PAGE_ENTRIES: usize = 1_000;

/// Senders whose public keys are remembered, in each of two generations: a hash table of 2^18
/// places that is as full as it gets, with 85 bytes each, so 45 MB in both.
pub const KNOWN_SENDERS: usize = 229_376;
/// Signatures that are authenticated together at most, side by side or in one equation. Twice as
/// many would take some 6 % fewer additions for each in an equation, and nothing less side by side.
pub const BATCH_SIGNATURES: usize = 1024;
/// Signatures in an equation whose failure means recovering each: a third dearer apiece than in
/// the largest, and no more than this pay for a wrong hint among them.
pub const BATCH_PART_SIGNATURES: usize = 128;
/// Transactions that are authenticated together under load, at least: side by side they fill their
/// vectors, and share what is done once; in an equation of so many a signature costs half as much
/// again as in the largest, in one of eight three times as much.
pub const BATCH_WORTHWHILE: usize = 64;
/// Fewest signatures for which an equation costs less than recovering each.
pub const BATCH_SIGNATURES_MIN: usize = 4;
/// Sources of transactions of which is remembered what their hints were worth, in each of two
/// generations: 3 MB in both. A source that was forgotten is a newcomer again.
pub const SOURCES: usize = 57_344;
/// Right hints in a row that a newcomer gives before its own share equations with those of
/// established sources. About as many messages as recoveries that one wrong hint can cause then.
pub const HINTS_TO_ESTABLISH: u32 = 256;
/// Hints of a source that are ignored after its first wrong one, twice as many after each further
/// one: eight times what a wrong hint makes others pay for.
pub const HINTS_IGNORED: u32 = 1024;
/// Most hints that are ignored at a time. Whoever is wrong so often pays the full price for good.
pub const HINTS_IGNORED_MAX: u32 = 1 << 20;

const _: () = {
    assert!(BATCH_SIGNATURES_MIN <= BATCH_PART_SIGNATURES);
    assert!(BATCH_PART_SIGNATURES <= BATCH_SIGNATURES);
    assert!(BATCH_PART_SIGNATURES <= HINTS_TO_ESTABLISH as usize);
    assert!(HINTS_IGNORED <= HINTS_IGNORED_MAX);
    assert!(TRANSACTION_BYTES > florin_abi::limits::MODULE_BYTES as usize);
    assert!(WASM_STACK_BYTES < STACK_RED_ZONE_BYTES);
    assert!(STACK_RED_ZONE_BYTES < STACK_SEGMENT_BYTES);
    // Halving the executions ends at one for blocks and one for simulations.
    assert!(CONCURRENT_EXECUTIONS.is_power_of_two() && RESERVED_EXECUTIONS == 1);
    assert!(MEMORY_KEPT_BYTES <= MEMORY_BYTES);
    assert!(MEMORY_BYTES <= EXECUTION_MEMORY_BYTES);
    // A transaction that is alone in its block always fits.
    assert!(TRANSACTION_BYTES + EFFECT_BYTES + RECEIPT_BYTES <= BLOCK_BYTES);
    // What cannot be taken back: the longest result, or the names in the longest backtrace.
    assert!(florin_abi::limits::DATA_BYTES as usize <= EFFECT_BYTES);
    assert!(BACKTRACE_FRAMES * 4 * FUNCTION_NAME_CHARS <= EFFECT_BYTES);
    // Any one block can be searched.
    assert!(
        (BLOCK_TRANSACTIONS + BLOCK_BYTES / 1_024 + 5 * LOG_QUERY_ITEMS)
            < LOG_QUERY_STEPS as usize / 2
    );
    assert!(TRANSACTION_MODULES <= BLOCK_MODULES);
    assert!(FUNCTION_BYTES < florin_abi::limits::MODULE_BYTES as usize);
    // Fuel is 64 bits wide, and a block's gas must fit into it.
    assert!(GAS_PER_BLOCK_MAX.checked_mul(crate::gas::FUEL_PER_GAS).is_some());
};
