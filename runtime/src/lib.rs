//! The state machine of Florin: from a signed transaction's bytes to a durable receipt.
//!
//! A ledger is a folder. A [`Chain`] is a ledger that is open: it takes signed Ethereum
//! transactions, executes the contracts they call, and gives a receipt out when the block is on
//! disk.
//!
//! ```
//! use florin_runtime::{CallRequest, Chain, Genesis, store::Durability, types::{Address, U256}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let alice = Address::repeat_byte(0xa1);
//! let genesis = Genesis { allocations: [(alice, U256::from(1_000))].into(), ..Genesis::default() };
//! let chain = Chain::create(&folder.path().join("ledger"), &genesis, Durability::Synced)?;
//!
//! // What would a payment do? The same as when it is signed and given to `chain.submit(bytes, now)`.
//! let bob = Address::repeat_byte(0xb0);
//! let request = CallRequest { from: alice, to: Some(bob), value: U256::from(5), ..CallRequest::default() };
//! let simulation = chain.simulate(&request, 1_700_000_000)?;
//! assert!(simulation.receipt.is_success());
//! assert_eq!(simulation.receipt.gas_used, 21_000);
//! assert_eq!(chain.account(&bob)?.balance, U256::ZERO, "a simulation changes nothing");
//!
//! // Submitting takes bytes from outside, so anything may come; what is wrong is said in a word of its own.
//! let error = chain.submit(vec![0xff].into(), 1_700_000_000).expect_err("no transaction");
//! assert!(error.to_string().contains("cannot be decoded"));
//! # Ok(())
//! # }
//! ```
//!
//! # What lives how long
//! - [`Chain`]: while the ledger is open. Clones share it; reads go on in any thread while one seals blocks.
//! - A [`store::View`]: the state at one block, whatever is committed meanwhile.
//! - A [`state::Overlay`]: the changes of a block that is being sealed, or of one simulation.
//! - A [`host::World`]: one transaction. A [`host::Frame`]: one call. An instance of WebAssembly lives no longer than
//!   its call, so nothing in it can reach the next one.
//!
//! # How things end
//! A transaction that is [rejected](Rejection) is in no block and left no trace. One that was taken
//! has a [receipt](types::Receipt), whose [outcome](types::Outcome) says whether it took effect,
//! was refused by a contract, or was stopped. A [`Fault`] is neither: the host is broken and says
//! so.
//!
//! # Where to read on
//! [`pipeline`] is the life of a transaction, a file for each phase; [`host`] has the host functions, [`vm`] the engine,
//! [`store`] the disk. [`gas`] and [`limits`] hold every number, each with its reason.
//!
//! Invariant: there is no clock here, and no result depends on randomness. Time comes with each
//! call, and the same blocks give the same state on every machine.
mod audit;
mod chain;
mod config;
mod crypto;
mod error;
pub mod gas;
pub mod host;
pub mod limits;
mod logs;
pub mod pipeline;
mod query;
mod sandbox;
pub mod senders;
pub mod sequencer;
mod simulate;
mod snapshot;
pub mod state;
pub mod store;
pub mod types;
pub mod vm;

pub use audit::Audit;
pub use chain::{Chain, Located, OpenError, SubmitError};
pub use config::{Genesis, GenesisError};
pub use error::{Fault, Rejection};
pub use logs::{FoundLog, LogError};
pub use sandbox::{SandboxError, impersonation};
pub use simulate::{Allowance, CallRequest, EstimateError, Simulation, Simulator};
pub use snapshot::{HistoryError, Snapshot};
