//! What all calls of a transaction share, and the one way in which a call is made.
//!
//! Every call is a scope: checkpoint, move value, run, and unless it succeeded, take everything
//! back. [`World::run`] is the only place where that happens, for the transaction's own call,
//! nested calls, creations and migrations alike.
//!
//! The world travels by value into a call and back out of it, because the engine wants to own what
//! its functions work on; so `run` takes and returns it.

use super::{Frame, Host, Part, Spent};
use crate::error::Fault;
use crate::gas::{self, FUEL_PER_GAS};
use crate::limits::{CALL_DEPTH, CALLED_ACCOUNTS, TRACE_BYTES, TRANSACTION_MODULES};
use crate::state::{Checkpoint, Overlay};
use crate::types::{Address, B256, Bytes, Halt, Log, Outcome, U256};
use crate::vm::{Admission, Entry, Permit, Program};
use alloy_sol_types::{SolError, sol};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

sol! {
    /// The contract is on the call stack already, and the method called does not allow that.
    error ReentrantCall(address account);
    /// A contract called a method of an account that has no code.
    error NotAContract(address account);
    /// Calls are nested too deeply.
    error CallTooDeep();
    /// The caller has less native value than it wanted to send.
    error InsufficientBalance(address account, uint256 balance, uint256 needed);
}

/// The errors above in human-readable form, for whoever decodes revert data: the reasons that are
/// the host's own.
pub const HOST_ERRORS: [&str; 4] = [
    "error ReentrantCall(address account)",
    "error NotAContract(address account)",
    "error CallTooDeep()",
    "error InsufficientBalance(address account, uint256 balance, uint256 needed)",
];

/// The block a transaction is executed in, as far as execution may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockEnv {
    /// EIP-155 chain identifier.
    pub chain_id: u64,
    /// Number of the block.
    pub number: u64,
    /// Its time, in seconds since 1970.
    pub timestamp: u64,
    /// Price of gas, in the smallest native unit.
    pub gas_price: u128,
    /// Most gas of all its transactions.
    pub gas_limit: u64,
    /// Who receives the fees.
    pub fee_recipient: Address,
}

/// Why a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TraceKind {
    /// A call.
    Call,
    /// A call that may not change anything.
    StaticCall,
    /// A creation; the target is the new contract.
    Create,
    /// The migration of an upgraded contract.
    Migrate,
}

/// A call to be made.
#[derive(Debug)]
pub struct Message {
    /// Why.
    pub kind: TraceKind,
    /// Who calls.
    pub caller: Address,
    /// Who is called.
    pub target: Address,
    /// Native value sent along.
    pub value: U256,
    /// Input for the contract.
    pub input: Bytes,
    /// What it may spend.
    pub fuel: u64,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Its effects stand.
    Success,
    /// Its effects are undone; the output is the reason.
    Reverted,
    /// Its effects are undone and its fuel is lost.
    Halted(Halt),
}

/// The result of a call.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// What it returned or reverted with.
    pub output: Bytes,
    /// What it did not spend.
    pub fuel_left: u64,
}

impl Finished {
    /// A call that was refused before it began.
    pub(crate) fn refused(reason: Vec<u8>, fuel_left: u64) -> Self {
        Finished { ending: Ending::Reverted, output: reason.into(), fuel_left }
    }

    /// A call whose fuel did not suffice to begin it.
    pub(crate) fn out_of_gas() -> Self {
        let ending = Ending::Halted(Halt::OutOfGas);
        Finished { ending, output: Bytes::new(), fuel_left: 0 }
    }

    /// The ending and the output in one.
    pub fn outcome(self) -> Outcome {
        let Finished { ending, output, fuel_left: _ } = self;
        match ending {
            Ending::Success => Outcome::Success { output },
            Ending::Reverted => Outcome::Reverted { output },
            Ending::Halted(halt) => Outcome::Halted { halt },
        }
    }
}

/// One call of a trace. Calls follow in the order in which they began; `depth` gives the tree.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct TraceCall {
    /// 0 for the transaction's own call.
    pub depth: usize,
    /// Why it was made.
    pub kind: TraceKind,
    /// Who called.
    pub caller: Address,
    /// Who was called.
    pub target: Address,
    /// Native value sent along.
    pub value: U256,
    /// Its input.
    pub input: Bytes,
    /// Gas it was given.
    pub gas: u64,
    /// Gas used, nested calls included.
    pub gas_used: u64,
    /// How it ended; `None` only while it runs.
    pub outcome: Option<Outcome>,
    /// How many logs of the transaction stood when it began.
    pub logs_before: usize,
    /// Logs it left itself, in order, even if they were undone later.
    pub logs: Vec<Log>,
    /// What it printed; nothing unless the ledger is for development.
    pub printed: Vec<String>,
}

/// A contract that is running, and where in the trace it is, if it is there.
struct Running {
    address: Address,
    traced: Option<usize>,
}

/// What all calls of a transaction share.
pub struct World {
    /// State with the transaction's changes.
    pub overlay: Box<Overlay>,
    /// The block.
    pub block: BlockEnv,
    /// Who signed the transaction.
    pub origin: Address,
    /// What the transaction pays for a unit of gas.
    pub gas_price: u128,
    /// Logs of the calls that were not undone.
    pub logs: Vec<Log>,
    /// Fuel spent so far.
    pub spent: Spent,
    /// The calls made so far, if somebody wants to know.
    pub trace: Option<Vec<TraceCall>>,
    /// Whether contracts may print.
    pub development: bool,
    /// Where contracts run, and the right to.
    pub vm: Permit,
    /// The contracts that are running, outermost first.
    stack: Vec<Running>,
    /// Accounts that were called in this transaction, and programs that calls and creations ran;
    /// forgotten together when there are too many.
    called: BTreeSet<Address>,
    programs: BTreeMap<B256, Arc<Program>>,
    /// Modules that the block brings, before this transaction.
    modules_before: usize,
    /// Bytes of linear memory that the running calls hold.
    pub(super) held_memory: usize,
    /// Bytes that the trace may still keep.
    trace_room: usize,
}

impl World {
    /// The world of a transaction about to be executed.
    pub fn new(
        overlay: Box<Overlay>,
        block: BlockEnv,
        origin: Address,
        gas_price: u128,
        vm: Permit,
    ) -> Self {
        World {
            modules_before: overlay.modules(),
            overlay,
            block,
            origin,
            gas_price,
            logs: Vec::new(),
            spent: Spent::default(),
            trace: None,
            development: vm.is_development(),
            vm,
            stack: Vec::new(),
            called: BTreeSet::new(),
            programs: BTreeMap::new(),
            held_memory: 0,
            trace_room: TRACE_BYTES,
        }
    }

    /// Whether an account is called for the first time in this transaction, or since that was
    /// forgotten. It is until a call to it begins: who could not pay for it has not made it.
    pub(super) fn is_first_call(&self, target: &Address) -> bool {
        !self.called.contains(target)
    }

    fn note_call(&mut self, target: Address) {
        if self.is_first_call(&target) && self.called.len() >= CALLED_ACCOUNTS {
            self.forget();
        }
        self.called.insert(target);
    }

    /// Keeps a program for the rest of the transaction: whenever one is run that is not kept, and
    /// never otherwise, since what is forgotten for it is paid for again.
    fn hold(&mut self, hash: B256, program: &Arc<Program>) {
        if self.programs.len() >= CALLED_ACCOUNTS {
            self.forget();
        }
        self.programs.insert(hash, program.clone());
    }

    fn forget(&mut self) {
        self.called.clear();
        self.programs.clear();
    }

    /// What it costs to have an account's code ready, besides what every call to it does. Its module
    /// is on the ledger, so a program in memory says as well how large it is.
    pub fn loading_price(&mut self, account: &Address) -> Result<u64, Fault> {
        let account = self.overlay.account(account)?;
        if !account.is_contract() {
            return Ok(0);
        }
        let hash = account.code_hash;
        match self.vm.module_bytes(&hash) {
            Some(bytes) => Ok(gas::loading(bytes.into())),
            None => self.module_loading_price(&hash),
        }
    }

    /// The same of a module; nothing if the ledger has none, whatever there is in memory.
    pub(super) fn module_loading_price(&mut self, hash: &B256) -> Result<u64, Fault> {
        Ok(self.overlay.code(hash)?.map_or(0, |module| gas::loading(module.len() as u64)))
    }

    /// The program of a module that is on the ledger, or that the block brings.
    pub(super) fn program(&mut self, hash: &B256) -> Result<Arc<Program>, Fault> {
        if let Some(program) = self.programs.get(hash) {
            return Ok(program.clone());
        }
        let overlay = &mut self.overlay;
        let is_new = overlay.is_new_code(hash);
        let program = self.vm.program(hash, is_new, |hash| overlay.code(hash))?;
        self.hold(*hash, &program);
        Ok(program)
    }

    /// The program of a module that this transaction brings, and the module, whose bytes keep it; or
    /// why it may not.
    pub(super) fn admit(
        &mut self,
        hash: &B256,
        module: &Bytes,
    ) -> Result<(Arc<Program>, Bytes), Admission> {
        let is_new = self.overlay.code(hash).map_err(Admission::Fault)?.is_none();
        if is_new && self.overlay.modules() - self.modules_before >= TRANSACTION_MODULES {
            return Err(Admission::Refused(format!(
                "a transaction may bring {TRANSACTION_MODULES} new modules; create more from their hashes, or in another \
                 transaction"
            )));
        }
        let (program, module) = self.vm.admit(hash, module)?;
        self.hold(*hash, &program);
        Ok((program, module))
    }

    /// Calls an account: see the module's documentation.
    pub fn call(
        mut self: Box<Self>,
        message: Message,
        is_static: bool,
    ) -> (Box<Self>, Result<Finished, Fault>) {
        self.note_call(message.target);
        match self.check(&message) {
            Ok(Ok(program)) => self.run(message, program, Entry::Call, is_static),
            Ok(Err(reason)) => {
                let refused = Finished::refused(reason, message.fuel);
                self.trace_refusal(message, &refused);
                (self, Ok(refused))
            }
            Err(fault) => (self, Err(fault)),
        }
    }

    /// Finds the program to run, or the reason why the call may not be made.
    fn check(&mut self, message: &Message) -> Result<Result<Option<Arc<Program>>, Vec<u8>>, Fault> {
        if let Some(reason) = self.too_deep() {
            return Ok(Err(reason));
        }
        let account = self.overlay.account(&message.target)?;
        if !account.is_contract() {
            // A contract that calls a method where there is no code is mistaken; success would hide
            // it. A transaction may carry data to anybody, as in Ethereum.
            let mistaken = !message.input.is_empty() && !self.stack.is_empty();
            return Ok(match mistaken {
                true => Err(NotAContract { account: message.target }.abi_encode()),
                false => Ok(None),
            });
        }
        let program = self.program(&account.code_hash)?;
        let entered = self.stack.iter().any(|running| running.address == message.target);
        if entered && !program.may_be_reentered(&message.input) {
            return Ok(Err(ReentrantCall { account: message.target }.abi_encode()));
        }
        Ok(Ok(Some(program)))
    }

    /// Keeps what the running contract prints, if this is development and somebody wants to know.
    pub(super) fn print(&mut self, message: String) {
        let room = self.trace_room.checked_sub(size_of::<String>() + message.len());
        let Some(room) = room.filter(|_| self.development) else { return };
        if let Some(call) = self.running() {
            call.printed.push(message);
            self.trace_room = room;
        }
    }

    /// Whether the running call is the transaction's own, whose output is kept in the receipt.
    pub(super) fn is_outermost(&self) -> bool {
        self.stack.len() == 1
    }

    /// Keeps a log of the running contract.
    pub(super) fn log(&mut self, log: Log) {
        if let Some(call) = self.running() {
            call.logs.push(log.clone());
        }
        self.logs.push(log);
    }

    /// The running call's place in the trace.
    fn running(&mut self) -> Option<&mut TraceCall> {
        let index = self.stack.last()?.traced?;
        self.trace.as_mut()?.get_mut(index)
    }

    /// The reason to refuse a call that would be nested too deeply.
    pub fn too_deep(&self) -> Option<Vec<u8>> {
        (self.stack.len() >= CALL_DEPTH).then(|| CallTooDeep {}.abi_encode())
    }

    /// Runs `program` (nothing, for an account without code) at `entry` as one scope.
    pub fn run(
        mut self: Box<Self>,
        message: Message,
        program: Option<Arc<Program>>,
        entry: Entry,
        is_static: bool,
    ) -> (Box<Self>, Result<Finished, Fault>) {
        let Message { kind, caller, target, value, input, fuel } = message;
        let (checkpoint, log_count) = self.begin();
        let traced = self.trace_begin(kind, caller, target, value, &input, fuel);
        let finished = match self.overlay.transfer(&caller, &target, value) {
            Err(fault) => return (self, Err(fault)),
            Ok(false) => match self.insufficient(caller, value) {
                Ok(reason) => Finished::refused(reason, fuel),
                Err(fault) => return (self, Err(fault)),
            },
            Ok(true) => match program {
                None => Finished { ending: Ending::Success, output: Bytes::new(), fuel_left: fuel },
                Some(program) => {
                    let (returned, output, address) = (Bytes::new(), Bytes::new(), target);
                    let frame = Frame {
                        address,
                        caller,
                        value,
                        is_static,
                        input,
                        output,
                        returned,
                        fuel,
                        memory: 0,
                    };
                    self.stack.push(Running { address, traced });
                    let (host, ending) = program.run(Host::new(frame, self), entry);
                    let (frame, world) = host.finish();
                    self = world;
                    self.stack.pop();
                    self.held_memory -= frame.memory;
                    match ending {
                        Ok(ending) => self.conclude(ending, frame),
                        Err(fault) => return (self, Err(fault)),
                    }
                }
            },
        };
        if let Some(index) = traced {
            self.trace_end(index, fuel, &finished);
        }
        if finished.ending != Ending::Success {
            self.overlay.revert(checkpoint);
            self.logs.truncate(log_count);
        }
        (self, Ok(finished))
    }

    fn begin(&self) -> (Checkpoint, usize) {
        (self.overlay.checkpoint(), self.logs.len())
    }

    fn insufficient(&mut self, account: Address, needed: U256) -> Result<Vec<u8>, Fault> {
        let balance = self.overlay.account(&account)?.balance;
        Ok(InsufficientBalance { account, balance, needed }.abi_encode())
    }

    /// Settles a call that has run: a halted one loses its output and what fuel it had left.
    fn conclude(&mut self, ending: Ending, frame: Frame) -> Finished {
        if let Ending::Halted(_) = ending {
            self.spent.add(Part::Forfeited, frame.fuel);
            return Finished { ending, output: Bytes::new(), fuel_left: 0 };
        }
        Finished { ending, output: frame.output, fuel_left: frame.fuel }
    }

    fn trace_begin(
        &mut self,
        kind: TraceKind,
        caller: Address,
        target: Address,
        value: U256,
        input: &Bytes,
        fuel: u64,
    ) -> Option<usize> {
        let (depth, logs_before) = (self.stack.len(), self.logs.len());
        let trace = self.trace.as_mut()?;
        let kept = size_of::<TraceCall>() + input.len();
        self.trace_room = self.trace_room.checked_sub(kept)?;
        let input = input.clone();
        trace.push(TraceCall {
            depth,
            kind,
            caller,
            target,
            value,
            input,
            gas: fuel / FUEL_PER_GAS,
            gas_used: 0,
            outcome: None,
            logs_before,
            logs: Vec::new(),
            printed: Vec::new(),
        });
        Some(trace.len() - 1)
    }

    fn trace_end(&mut self, index: usize, fuel: u64, finished: &Finished) {
        let Some(call) = self.trace.as_mut().and_then(|trace| trace.get_mut(index)) else { return };
        call.gas_used = (fuel - finished.fuel_left).div_ceil(FUEL_PER_GAS);
        call.outcome = Some(finished.clone().outcome());
        self.trace_room = self.trace_room.saturating_sub(finished.output.len());
    }

    fn trace_refusal(&mut self, message: Message, refused: &Finished) {
        let Message { kind, caller, target, value, input, fuel } = message;
        if let Some(index) = self.trace_begin(kind, caller, target, value, &input, fuel) {
            self.trace_end(index, refused.fuel_left, refused);
        }
    }
}
