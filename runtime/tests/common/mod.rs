//! A ledger in memory for tests of single transactions: no store, no signatures, the production
//! pipeline.

use florin_runtime::host::BlockEnv;
use florin_runtime::pipeline::{Executed, execute};
use florin_runtime::state::{Overlay, StateView};
use florin_runtime::types::*;
use florin_runtime::vm::Vm;
use florin_runtime::{Fault, Genesis};
use std::collections::HashMap;
use std::sync::Arc;

/// State that holds a rich sender and nothing else.
struct Memory(HashMap<Address, Account>);

impl StateView for Memory {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.0.get(address).copied())
    }
    fn storage(&self, _: &Address, _: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }
    fn code(&self, _: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }
}

/// The account that signs everything.
pub const SENDER: Address = Address::repeat_byte(0x11);

/// A ledger of one sender, to which transactions are applied in turn.
pub struct Bench {
    /// The state as it is now; gone only while a transaction runs.
    pub overlay: Option<Box<Overlay>>,
    vm: Arc<Vm>,
    sender: Address,
    nonce: u64,
}

impl Bench {
    /// Nothing but the rich sender.
    pub fn new() -> Self {
        Bench::paid_by(SENDER)
    }

    /// The same with another sender.
    pub fn paid_by(sender: Address) -> Self {
        let rich = Account { balance: U256::from(10).pow(U256::from(24)), ..Account::default() };
        let view = Arc::new(Memory(HashMap::from([(sender, rich)])));
        let vm = Arc::new(Vm::new(None, false).expect("an engine"));
        Bench { overlay: Some(Overlay::new(view)), vm, sender, nonce: 0 }
    }

    /// Executes one transaction; asserts that value is conserved and that the gas adds up.
    pub fn run(&mut self, to: Option<Address>, value: u64, input: Vec<u8>, gas: u64) -> Executed {
        let genesis = Genesis::default();
        let block = BlockEnv {
            chain_id: genesis.chain_id,
            number: 1,
            timestamp: 1_700_000_000,
            gas_price: 3,
            gas_limit: genesis.block_gas_limit,
            fee_recipient: Address::repeat_byte(0xfe),
        };
        let intent = Intent {
            hash: B256::ZERO,
            kind: 2,
            sender: self.sender,
            payer: self.sender,
            nonce_key: U256::ZERO,
            nonce: self.nonce,
            window: None,
            unsigned: false,
            intrinsic_gas: florin_runtime::gas::intrinsic(&input, to.is_none(), 0, 0),
            calls: vec![Call { to, value: U256::from(value), input: input.into() }],
            gas_limit: gas,
            max_fee: 3,
            max_priority_fee: 0,
        };
        self.nonce += 1;
        let overlay = self.overlay.take().expect("an overlay");
        let (overlay, executed) =
            execute(overlay, &block, self.vm.admit_execution(), &intent, 0, true)
                .expect("no fault");
        let (before, after) = overlay.balance_sums();
        assert_eq!(before, after, "value is conserved");
        let parts: u64 = executed.receipt.gas.parts().iter().map(|(_, gas)| gas).sum();
        assert_eq!(parts, executed.receipt.gas_used, "the gas report adds up");
        assert!(executed.receipt.gas_used <= gas);
        self.overlay = Some(overlay);
        executed
    }

    /// Creates a contract from WebAssembly text.
    pub fn deploy(&mut self, wat: &str) -> Executed {
        let module = wat::parse_str(wat).expect("valid text");
        let header = florin_abi::deploy::header(module.len() as u32);
        self.run(None, 0, [&header[..], &module].concat(), 50_000_000)
    }

    /// The same, and it must succeed.
    pub fn deployed(&mut self, wat: &str) -> Address {
        let executed = self.deploy(wat);
        executed.receipt.created.unwrap_or_else(|| panic!("{:?}", executed.receipt.outcome))
    }

    /// Calls a contract.
    pub fn call(&mut self, to: Address, input: Vec<u8>, gas: u64) -> Receipt {
        self.run(Some(to), 0, input, gas).receipt
    }
}
