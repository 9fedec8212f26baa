//! Mallory: a token that lies, a receiver that refuses and a wallet that does anything, as a test
//! tells it to. The tests of contracts let it loose on them.
#![no_std]
use florin_sdk::prelude::*;

/// Mallory.
#[contract]
pub struct Mallory {
    manner: Item<Manner>,
    balances: Map<Address, U256>,
    target: Item<Address>,
    input: Item<Bytes>,
    reached: Item<bool>,
    signed: Map<B256, bool>,
}

/// How Mallory moves tokens, and takes native currency.
#[derive(AbiType, StorageValue, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As it should.
    #[default]
    Honest,
    /// It moves them and returns nothing at all, as some old tokens do.
    Silent,
    /// It does not move them, and says so by returning false.
    False,
    /// It does not move them, and returns true.
    Liar,
    /// It moves all but a tenth of them.
    Fee,
    /// It reverts with `Refused`.
    Refuses,
    /// It runs until its gas is used up.
    Hangs,
    /// It makes the call that it was told before, then does as it should.
    Reenters,
    /// It moves them and returns 1,000 bytes of garbage.
    Garbage,
}

/// Mallory does not want to.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub struct Refused;

/// The value that says yes in ERC-1271.
const VALID: FixedBytes<4> = FixedBytes([0x16, 0x26, 0xba, 0x7e]);

#[contract]
impl Mallory {
    /// An honest Mallory.
    #[constructor]
    pub fn new(&mut self) {}

    /// Says how to go on.
    pub fn behave(&mut self, manner: Manner) {
        self.manner.save(&manner);
    }

    /// Says what to call when [`Manner::Reenters`] is the manner, which it becomes.
    pub fn prepare(&mut self, target: Address, input: Bytes) {
        self.manner.save(&Manner::Reenters);
        self.target.save(&target);
        self.input.save(&input);
    }

    /// Whether the call that was prepared has ever succeeded.
    pub fn reached(&self) -> bool {
        self.reached.get()
    }

    /// Makes tokens.
    pub fn mint(&mut self, to: Address, value: U256) {
        self.balances.update(&to, |balance| *balance += value);
    }

    /// Takes tokens from an account, and destroys them.
    pub fn seize(&mut self, from: Address, value: U256) {
        self.balances.update(&from, |balance| *balance -= value);
    }

    /// What an account has.
    pub fn balance_of(&self, account: Address) -> U256 {
        self.balances.get(&account)
    }

    /// Calls a contract as its own account, with the value sent along.
    #[payable]
    pub fn run(&mut self, target: Address, input: Bytes) -> Result<(), CallError> {
        match Call::<()>::new(target, input.to_vec(), false).value(value()).try_call() {
            Ok(()) | Err(CallError::Malformed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Accepts any signature for a hash from now on.
    pub fn sign(&mut self, hash: B256) {
        self.signed.save(&hash, &true);
    }

    /// ERC-1271. It can be asked while the wallet is calling, as a wallet that pays by its own
    /// signature has to be.
    #[reentrant]
    pub fn is_valid_signature(&self, hash: B256, signature: Bytes) -> FixedBytes<4> {
        let _ = signature;
        if self.signed.get(&hash) { VALID } else { FixedBytes::ZERO }
    }

    /// Takes native currency, in its manner.
    #[receive]
    pub fn receive(&mut self) -> Result<(), Refused> {
        self.misbehave()
    }

    /// `transfer` and `transferFrom`, in its manner: here, for it may return anything.
    #[fallback]
    pub fn fallback(&mut self, input: Bytes) -> Result<Bytes, Refused> {
        let words = input.get(4..).unwrap_or_default();
        let address = |index: usize| Address::from_slice(&words[32 * index + 12..][..20]);
        let (from, to) = match words.len() {
            64 => (caller(), address(0)),
            96 => (address(0), address(1)),
            _ => return Err(Refused),
        };
        let mut word = [0; 32];
        word.copy_from_slice(&words[words.len() - 32..]);
        let value = U256::from_be_bytes(word);
        self.misbehave()?;
        let manner = self.manner.get();
        let arrives = match manner {
            Manner::False | Manner::Liar => U256::ZERO,
            Manner::Fee => value - value / U256::from(10u32),
            _ => value,
        };
        if !arrives.is_zero() {
            self.balances.update(&from, |balance| *balance -= value);
            self.balances.update(&to, |balance| *balance += arrives);
        }
        Ok(Bytes(match manner {
            Manner::Silent => Vec::new(),
            Manner::Garbage => vec![0xee; 1_000],
            _ => {
                let mut answer = vec![0; 32];
                answer[31] = u8::from(manner != Manner::False);
                answer
            }
        }))
    }

    /// What it does before it moves anything.
    fn misbehave(&mut self) -> Result<(), Refused> {
        match self.manner.get() {
            Manner::Refuses => Err(Refused),
            Manner::Hangs => loop {
                self.reached.save(&false);
            },
            Manner::Reenters => {
                let input = self.input.get().to_vec();
                let call = Call::<()>::new(self.target.get(), input, false);
                if let Ok(()) | Err(CallError::Malformed(_)) = call.try_call() {
                    self.reached.save(&true);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
