//! Holds what a buyer pays until the goods have come: many purchases in one contract, in native
//! currency or tokens, with an arbiter if the two want one. `docs/contracts/escrow.md` states the
//! rules.
//!
//! Settling a purchase sends nothing: it credits the two, who withdraw when and where they like. So
//! nobody can block the other by refusing to be paid.
//!
//! Invariant: for each asset, what the contract holds is at least the sum of unsettled purchases
//! and of credits; a purchase is settled once.
#![no_std]

mod types;

pub use types::*;

use florin_common::asset::{Asset, collect};
use florin_common::permit::{PermitClient, SignedPermit};
use florin_sdk::prelude::*;

/// The escrow.
#[contract(events(Opened, Released, Refunded, Disputed, Resolved, Withdrawn))]
pub struct Escrow {
    purchases: Map<u64, Purchase>,
    count: Item<u64>,
    /// By asset and account.
    credits: Map<(Address, Address), U256>,
}

#[contract]
impl Escrow {
    /// Begins without purchases.
    #[constructor]
    pub fn new(&mut self) {}

    /// Buys: takes `amount` from the caller, of the native currency sent along (`asset` is zero
    /// then) or of a token that the caller lets this contract spend. Returns the purchase's number;
    /// the first is 1.
    ///
    /// `arbiter` may be zero: there can be no dispute then. After `deadline`, in seconds since
    /// 1970, the buyer can take a refund. `memo` is the buyer's reference.
    #[payable]
    pub fn open(
        &mut self,
        seller: Address,
        arbiter: Address,
        asset: Address,
        amount: U256,
        deadline: u64,
        memo: B256,
    ) -> Result<u64, EscrowError> {
        let buyer = caller();
        let other = ![Address::ZERO, buyer, contract_address()].contains(&seller);
        let third = ![buyer, seller, contract_address()].contains(&arbiter);
        ensure!(other, EscrowError::InvalidSeller { seller });
        ensure!(third, EscrowError::InvalidArbiter { arbiter });
        ensure!(!amount.is_zero(), EscrowError::NothingToPay);
        ensure!(deadline > timestamp(), EscrowError::DeadlineOver { deadline });
        let received = match Asset::from(asset) {
            Asset::Native => value(),
            Asset::Token(_) if !value().is_zero() => return Err(EscrowError::UnexpectedValue),
            Asset::Token(token) => collect(token, buyer, amount)?,
        };
        ensure!(received == amount, EscrowError::WrongAmount { expected: amount, received });

        let id = self.count.update(|count| {
            *count += 1;
            *count
        });
        let status = Status::Open;
        let purchase = Purchase { buyer, seller, arbiter, asset, amount, deadline, memo, status };
        self.purchases.save(&id, &purchase);
        emit(Opened { id, buyer, seller, arbiter, asset, amount, deadline, memo });
        Ok(id)
    }

    /// [`open`](Self::open) with a token, and the permit (EIP-2612) that lets this contract spend
    /// the amount.
    ///
    /// A permit that fails is passed over: somebody may have handed it in before, and then the
    /// allowance is there.
    #[allow(clippy::too_many_arguments)] // those of `open`, and the permit
    pub fn open_with_permit(
        &mut self,
        seller: Address,
        arbiter: Address,
        token: Address,
        amount: U256,
        deadline: u64,
        memo: B256,
        permit: SignedPermit,
    ) -> Result<u64, EscrowError> {
        let SignedPermit { deadline: until, v, r, s } = permit;
        let client = PermitClient::at(token);
        let permit = client.permit(caller(), contract_address(), amount, until, v, r, s);
        let _ = permit.try_call();
        self.open(seller, arbiter, token, amount, deadline, memo)
    }

    /// Gives the seller everything. For the buyer and the arbiter.
    pub fn release(&mut self, id: u64) -> Result<(), EscrowError> {
        let purchase = self.unsettled(id)?;
        let by = caller();
        ensure!(
            by == purchase.buyer || by == purchase.arbiter,
            EscrowError::Unauthorized { account: by }
        );
        self.settle(id, &purchase, Status::Released, purchase.amount);
        emit(Released { id, by });
        Ok(())
    }

    /// Gives the buyer everything back. For the seller at any time; for the buyer after the
    /// deadline, unless there is a dispute.
    pub fn refund(&mut self, id: u64) -> Result<(), EscrowError> {
        let purchase = self.unsettled(id)?;
        let by = caller();
        if by == purchase.buyer {
            let deadline = purchase.deadline;
            ensure!(purchase.status == Status::Open, EscrowError::InDispute { id });
            ensure!(timestamp() > deadline, EscrowError::DeadlineNotOver { deadline });
        } else {
            ensure!(by == purchase.seller, EscrowError::Unauthorized { account: by });
        }
        self.settle(id, &purchase, Status::Refunded, U256::ZERO);
        emit(Refunded { id, by });
        Ok(())
    }

    /// Calls the arbiter: the deadline no longer counts. For the buyer at any time; for the seller
    /// until the deadline, after which the buyer is free to take a refund.
    pub fn dispute(&mut self, id: u64) -> Result<(), EscrowError> {
        let mut purchase = self.unsettled(id)?;
        let by = caller();
        ensure!(
            by == purchase.buyer || by == purchase.seller,
            EscrowError::Unauthorized { account: by }
        );
        ensure!(purchase.status == Status::Open, EscrowError::InDispute { id });
        ensure!(!purchase.arbiter.is_zero(), EscrowError::NoArbiter { id });
        let deadline = purchase.deadline;
        let in_time = by == purchase.buyer || timestamp() <= deadline;
        ensure!(in_time, EscrowError::DeadlineOver { deadline });
        purchase.status = Status::Disputed;
        self.purchases.save(&id, &purchase);
        emit(Disputed { id, by });
        Ok(())
    }

    /// Ends a dispute: divides the amount between the two, exactly. For the arbiter.
    pub fn resolve(&mut self, id: u64, to_seller: U256, to_buyer: U256) -> Result<(), EscrowError> {
        let purchase = self.unsettled(id)?;
        let by = caller();
        ensure!(by == purchase.arbiter, EscrowError::Unauthorized { account: by });
        ensure!(purchase.status == Status::Disputed, EscrowError::NotInDispute { id });
        let amount = purchase.amount;
        ensure!(
            to_seller.checked_add(to_buyer) == Some(amount),
            EscrowError::WrongDivision { amount, to_seller, to_buyer }
        );
        self.settle(id, &purchase, Status::Resolved, to_seller);
        emit(Resolved { id, to_seller, to_buyer });
        Ok(())
    }

    /// Pays out all that the caller has been credited of an asset, to an account of its choice.
    /// Returns how much that was.
    pub fn withdraw(&mut self, asset: Address, to: Address) -> Result<U256, EscrowError> {
        let valid = !to.is_zero() && to != contract_address();
        ensure!(valid, EscrowError::InvalidReceiver { receiver: to });
        self.pay_out(asset, caller(), to)
    }

    /// Pays an account all that it has been credited of an asset. Anybody may ask for it; an
    /// account that is a contract may need it, for it cannot be paid native currency while it is
    /// calling. Returns how much that was.
    pub fn withdraw_for(&mut self, asset: Address, account: Address) -> Result<U256, EscrowError> {
        self.pay_out(asset, account, account)
    }

    /// What an account can withdraw of an asset.
    pub fn withdrawable(&self, asset: Address, account: Address) -> U256 {
        self.credits.get(&(asset, account))
    }

    /// A purchase.
    pub fn purchase(&self, id: u64) -> Result<Purchase, EscrowError> {
        self.purchases.load(&id).ok_or(EscrowError::UnknownPurchase { id })
    }

    /// How many purchases there are, which is the number of the last one.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Pays all that an account has been credited of an asset.
    fn pay_out(
        &mut self,
        asset: Address,
        account: Address,
        to: Address,
    ) -> Result<U256, EscrowError> {
        let amount = self.withdrawable(asset, account);
        ensure!(!amount.is_zero(), EscrowError::NothingToWithdraw { asset, account });
        self.credits.remove(&(asset, account));
        Asset::from(asset).pay(to, amount)?;
        emit(Withdrawn { account, asset, to, amount });
        Ok(amount)
    }

    /// A purchase that is not settled.
    fn unsettled(&self, id: u64) -> Result<Purchase, EscrowError> {
        let purchase = self.purchase(id)?;
        let unsettled = matches!(purchase.status, Status::Open | Status::Disputed);
        ensure!(unsettled, EscrowError::AlreadySettled { id });
        Ok(purchase)
    }

    /// Credits the seller an amount and the buyer the rest, and closes the purchase.
    fn settle(&mut self, id: u64, purchase: &Purchase, status: Status, to_seller: U256) {
        self.purchases.save(&id, &Purchase { status, ..purchase.clone() });
        self.credit(purchase.asset, purchase.seller, to_seller);
        self.credit(purchase.asset, purchase.buyer, purchase.amount - to_seller);
    }

    fn credit(&mut self, asset: Address, account: Address, amount: U256) {
        if !amount.is_zero() {
            self.credits.update(&(asset, account), |credit| *credit += amount);
        }
    }
}
