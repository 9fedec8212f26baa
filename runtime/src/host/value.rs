//! Native value, nested calls, creations and upgrades.

use super::{Ending, Exit, Finished, GuestMemory, Host, Message, Part, TraceKind, World};
use crate::crypto::keccak256;
use crate::error::Fault;
use crate::gas;
use crate::types::{Account, Address, B256, Bytes, Halt, U256};
use crate::vm::{Admission, Complexity, Entry, Program, complexity};
use alloy_sol_types::{Revert, SolError};
use florin_abi::deploy::{self, Deployment};
use florin_abi::{Pointer, Slice, limits, status};
use std::sync::Arc;

/// Deployment data whose module was found and checked.
pub struct Prepared {
    program: Arc<Program>,
    hash: B256,
    module: Bytes,
    /// Constructor arguments.
    pub arguments: Bytes,
}

/// The reason, in Solidity's encoding, why deployment data is refused.
fn refusal(message: impl std::fmt::Display) -> Vec<u8> {
    Revert::from(format!("code refused: {message}")).abi_encode()
}

/// What the module in deployment data costs: checking, compiling and keeping it. `None` if that is
/// more than `available`; then the module is not looked into.
pub fn module_price(module: &[u8], available: u64) -> Option<u64> {
    let bytes = gas::CODE_BYTE * module.len() as u64;
    if bytes > available {
        return None;
    }
    let Complexity { functions, branches, calls } = complexity(module);
    let price = bytes
        + gas::CODE_FUNCTION * functions
        + gas::CODE_BRANCH * branches
        + gas::CODE_CALL * calls;
    (price <= available).then_some(price)
}

impl World {
    /// What making the program of deployment data ready costs. `None` if that is more than
    /// `available`.
    pub fn code_price(&mut self, data: &[u8], available: u64) -> Result<Option<u64>, Fault> {
        let hash = match deploy::parse(data) {
            Some(Deployment::Module { module, .. }) => return Ok(module_price(module, available)),
            Some(Deployment::Hash { hash, .. }) => Some(B256::from(hash)),
            None => None,
        };
        let mut price = gas::ACCOUNT_READ + gas::FIRST_CALL;
        if let Some(hash) = hash.filter(|_| price <= available) {
            price += self.module_loading_price(&hash)?;
        }
        Ok((price <= available).then_some(price))
    }

    /// Takes deployment data apart and makes its program ready to run, or says why not.
    pub fn prepare(&mut self, data: &[u8]) -> Result<Result<Prepared, Vec<u8>>, Fault> {
        let (hash, module, arguments) = match deploy::parse(data) {
            None => {
                let form = "the data is not a Florin deployment (0xef 0xf1 1, length, module, arguments); build the \
                            contract with `florin build` and send its bytecode";
                return Ok(Err(refusal(form)));
            }
            Some(Deployment::Module { module, arguments }) => {
                (keccak256(module), Bytes::copy_from_slice(module), arguments)
            }
            Some(Deployment::Hash { hash, arguments }) => {
                let hash = B256::from(hash);
                let Some(module) = self.overlay.code(&hash)? else {
                    return Ok(Err(refusal(format!("no module {hash} is on this ledger"))));
                };
                let (program, arguments) =
                    (self.program(&hash)?, Bytes::copy_from_slice(arguments));
                return Ok(Ok(Prepared { program, hash, module, arguments }));
            }
        };
        let arguments = Bytes::copy_from_slice(arguments);
        match self.admit(&hash, &module) {
            Ok((program, module)) => Ok(Ok(Prepared { program, hash, module, arguments })),
            Err(Admission::Refused(reason)) => Ok(Err(refusal(reason))),
            Err(Admission::Fault(fault)) => Err(fault),
        }
    }

    /// Creates a contract at `message.target`, whose input is the constructor's.
    pub fn create(
        mut self: Box<Self>,
        message: Message,
        prepared: Prepared,
    ) -> (Box<Self>, Result<Finished, Fault>) {
        let checkpoint = self.overlay.checkpoint();
        let (target, fuel) = (message.target, message.fuel);
        match self.establish(&target, &prepared) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                let finished =
                    Finished { ending: Ending::Reverted, output: reason.into(), fuel_left: fuel };
                return (self, Ok(finished));
            }
            Err(fault) => return (self, Err(fault)),
        }
        let (mut world, finished) = self.run(message, Some(prepared.program), Entry::Deploy, false);
        if !matches!(&finished, Ok(Finished { ending: Ending::Success, .. })) {
            world.overlay.revert(checkpoint);
        }
        (world, finished)
    }

    /// Gives a fresh account its code; the reason, if the address is taken (EIP-684).
    fn establish(
        &mut self,
        target: &Address,
        prepared: &Prepared,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let account = self.overlay.account(target)?;
        if account.is_contract() || account.nonce != 0 {
            return Ok(Some(refusal(format!("there is already a contract at {target}"))));
        }
        self.overlay.add_code(prepared.hash, prepared.module.clone())?;
        // A contract's nonce starts at 1 (EIP-161), so that it never looks untouched.
        let account = Account { nonce: 1, code_hash: prepared.hash, ..account };
        self.overlay.set_account(target, account)?;
        Ok(None)
    }
}

impl Host {
    pub(crate) fn balance(
        &mut self,
        memory: &mut impl GuestMemory,
        account: Pointer,
        out: Pointer,
    ) -> Result<(), Exit> {
        self.charge(Part::Calls, gas::HOST_CALL + gas::ACCOUNT_READ)?;
        let account = Address::from(memory.read_array::<20>(account, "account")?);
        let balance = self.world().overlay.account(&account)?.balance;
        memory.write_array(out, &balance.to_be_bytes::<32>(), "balance")
    }

    pub(crate) fn transfer(
        &mut self,
        memory: &mut impl GuestMemory,
        to: Pointer,
        value: Pointer,
    ) -> Result<u64, Exit> {
        let nothing = Slice { pointer: 0, length: 0 };
        self.call(memory, to, value, nothing, florin_abi::ALL_GAS)
    }

    pub(crate) fn call(
        &mut self,
        memory: &mut impl GuestMemory,
        to: Pointer,
        value: Pointer,
        input: Slice,
        gas: u64,
    ) -> Result<u64, Exit> {
        let copied = gas::COPY_BYTE * u64::from(input.length);
        self.charge(Part::Calls, gas::HOST_CALL + gas::CALL + gas::ACCOUNT_READ + copied)?;
        let value = U256::from_be_bytes(memory.read_array::<32>(value, "value")?);
        if !value.is_zero() {
            self.charge(Part::Calls, gas::VALUE_TRANSFER)?;
            self.deny_static("call with value")?;
        }
        self.nested(memory, TraceKind::Call, to, value, input, gas, self.frame.is_static)
    }

    pub(crate) fn static_call(
        &mut self,
        memory: &mut impl GuestMemory,
        to: Pointer,
        input: Slice,
        gas: u64,
    ) -> Result<u64, Exit> {
        let copied = gas::COPY_BYTE * u64::from(input.length);
        self.charge(Part::Calls, gas::HOST_CALL + gas::CALL + gas::ACCOUNT_READ + copied)?;
        self.nested(memory, TraceKind::StaticCall, to, U256::ZERO, input, gas, true)
    }

    #[allow(clippy::too_many_arguments)] // the sum of what the two kinds of call are given
    fn nested(
        &mut self,
        memory: &impl GuestMemory,
        kind: TraceKind,
        to: Pointer,
        value: U256,
        input: Slice,
        gas: u64,
        is_static: bool,
    ) -> Result<u64, Exit> {
        let target = Address::from(memory.read_array::<20>(to, "callee")?);
        if self.world().is_first_call(&target) {
            self.charge(Part::Calls, gas::FIRST_CALL)?;
            let price = self.world().loading_price(&target)?;
            self.charge(Part::Calls, price)?;
        }
        let input = memory.read(input, limits::DATA_BYTES, "call input")?.to_vec().into();
        let fuel = self.forwarded(gas);
        let message = Message { kind, caller: self.frame.address, target, value, input, fuel };
        let (world, finished) = self.take_world().call(message, is_static);
        self.resume(world, fuel, finished)
    }

    /// What a nested call may spend: what was asked for, but never the last 64th (EIP-150).
    fn forwarded(&self, gas: u64) -> u64 {
        let most = self.frame.fuel - self.frame.fuel / 64;
        gas.saturating_mul(gas::FUEL_PER_GAS).min(most)
    }

    /// Goes on after a nested call.
    fn resume(
        &mut self,
        world: Box<World>,
        fuel: u64,
        finished: Result<Finished, Fault>,
    ) -> Result<u64, Exit> {
        self.world = Some(world);
        let Finished { ending, output, fuel_left } = finished?;
        self.frame.fuel -= fuel - fuel_left;
        let status = match ending {
            Ending::Success => status::SUCCESS,
            Ending::Reverted => status::REVERTED,
            Ending::Halted(_) => status::HALTED,
        };
        let length = output.len() as u64;
        self.frame.returned = output;
        Ok(u64::from(status) << 32 | length)
    }

    pub(crate) fn create(
        &mut self,
        memory: &mut impl GuestMemory,
        value: Pointer,
        code: Slice,
        salt: Slice,
        out: Pointer,
    ) -> Result<u64, Exit> {
        let copied = gas::COPY_BYTE * u64::from(code.length);
        self.charge(Part::Calls, gas::HOST_CALL + gas::CREATE + copied)?;
        self.deny_static("create")?;
        let value = U256::from_be_bytes(memory.read_array::<32>(value, "value")?);
        let code = memory.read(code, limits::DATA_BYTES, "deployment data")?;
        self.charge_code(code)?;
        let salt = match memory.read(salt, 32, "salt")? {
            [] => None,
            salt => Some(B256::try_from(salt).map_err(|_| {
                Exit::Halt(Halt::Misuse(format!("salt of {} bytes; it is empty or 32", salt.len())))
            })?),
        };
        if salt.is_some() {
            // The address is made from the hash of all the data.
            let hashed = gas::KECCAK_BYTE * code.len() as u64;
            self.charge(Part::Calls, gas::KECCAK + hashed)?;
        }
        let caller = self.frame.address;
        let world = self.world();
        if let Some(reason) = world.too_deep() {
            return self.returned_refusal(reason);
        }
        let prepared = match world.prepare(code)? {
            Ok(prepared) => prepared,
            Err(reason) => return self.returned_refusal(reason),
        };
        let account = world.overlay.account(&caller)?;
        world.overlay.set_account(&caller, Account { nonce: account.nonce + 1, ..account })?;
        let target = match salt {
            Some(salt) => caller.create2(salt, keccak256(code)),
            None => caller.create(account.nonce),
        };
        let input = prepared.arguments.clone();
        let fuel = self.forwarded(florin_abi::ALL_GAS);
        let message = Message { kind: TraceKind::Create, caller, target, value, input, fuel };
        let (world, finished) = self.take_world().create(message, prepared);
        let result = self.resume(world, fuel, finished)?;
        memory.write_array(out, &target.0.0, "address")?;
        Ok(result)
    }

    fn charge_code(&mut self, code: &[u8]) -> Result<(), Exit> {
        let available = self.frame.fuel;
        let price = self.world().code_price(code, available)?;
        let price = price.ok_or(Exit::Halt(Halt::OutOfGas))?;
        self.charge(Part::Code, price)
    }

    fn returned_refusal(&mut self, reason: Vec<u8>) -> Result<u64, Exit> {
        let length = reason.len() as u64;
        self.frame.returned = reason.into();
        Ok(u64::from(status::REVERTED) << 32 | length)
    }

    pub(crate) fn upgrade(
        &mut self,
        memory: &mut impl GuestMemory,
        code: Slice,
    ) -> Result<(), Exit> {
        let copied = gas::COPY_BYTE * u64::from(code.length);
        self.charge(Part::Calls, gas::HOST_CALL + gas::CREATE + copied)?;
        self.deny_static("upgrade")?;
        let code = memory.read(code, limits::DATA_BYTES, "deployment data")?;
        self.charge_code(code)?;
        let address = self.frame.address;
        let world = self.world();
        if let Some(reason) = world.too_deep() {
            return Err(Exit::Revert(reason.into())); // a migration is one more call
        }
        let prepared = world.prepare(code)?.map_err(|reason| Exit::Revert(reason.into()))?;
        let account = world.overlay.account(&address)?;
        let former = world.program(&account.code_hash)?;
        let migrates = prepared
            .program
            .migrates(&former)
            .map_err(|reason| Exit::Revert(refusal(reason).into()))?;
        world.overlay.add_code(prepared.hash, prepared.module)?;
        world.overlay.set_account(&address, Account { code_hash: prepared.hash, ..account })?;
        if !migrates {
            return Ok(());
        }
        let fuel = self.forwarded(florin_abi::ALL_GAS);
        let (value, input) = (U256::ZERO, prepared.arguments);
        let caller = self.frame.caller;
        let message =
            Message { kind: TraceKind::Migrate, caller, target: address, value, input, fuel };
        let (world, finished) =
            self.take_world().run(message, Some(prepared.program), Entry::Migrate, false);
        match finished {
            Ok(Finished { ending: Ending::Success, .. }) => {
                self.resume(world, fuel, finished).map(drop)
            }
            Ok(Finished { ending: Ending::Halted(ref halt), .. }) => {
                let reason = Revert::from(format!("migration halted: {halt}")).abi_encode();
                self.resume(world, fuel, finished)?;
                Err(Exit::Revert(reason.into()))
            }
            finished => {
                self.resume(world, fuel, finished)?;
                Err(Exit::Revert(self.frame.returned.clone()))
            }
        }
    }
}
