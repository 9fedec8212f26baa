//! What the escrow stores, tells and refuses.

use florin_common::asset::AssetError;
use florin_sdk::prelude::*;

/// A purchase.
#[derive(AbiType, StorageValue, Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Who has paid.
    pub buyer: Address,
    /// Who is to be paid.
    pub seller: Address,
    /// Who decides a dispute; zero if nobody does.
    pub arbiter: Address,
    /// What it was paid in: a token, or zero for native currency.
    pub asset: Address,
    /// How much, in the smallest unit.
    pub amount: U256,
    /// The last second, since 1970, at which the buyer cannot take a refund.
    pub deadline: u64,
    /// The buyer's reference.
    pub memo: B256,
    /// How far it is.
    pub status: Status,
}

/// How far a purchase is. The last three are final.
#[derive(AbiType, StorageValue, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Paid, and nothing more.
    Open,
    /// The arbiter was called.
    Disputed,
    /// The seller was credited everything.
    Released,
    /// The buyer was credited everything.
    Refunded,
    /// The arbiter has divided the amount.
    Resolved,
}

/// Somebody has bought.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The purchase.
    #[indexed]
    pub id: u64,
    /// Who has paid.
    pub buyer: Address,
    /// Who is to be paid.
    #[indexed]
    pub seller: Address,
    /// Who decides a dispute.
    pub arbiter: Address,
    /// What it was paid in.
    pub asset: Address,
    /// How much.
    pub amount: U256,
    /// After which time the buyer can take a refund.
    pub deadline: u64,
    /// The buyer's reference.
    #[indexed]
    pub memo: B256,
}

/// The seller was credited everything.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The purchase.
    #[indexed]
    pub id: u64,
    /// Who has decided so.
    pub by: Address,
}

/// The buyer was credited everything.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    /// The purchase.
    #[indexed]
    pub id: u64,
    /// Who has decided so.
    pub by: Address,
}

/// The arbiter was called.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// The purchase.
    #[indexed]
    pub id: u64,
    /// By whom.
    pub by: Address,
}

/// The arbiter has divided the amount.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The purchase.
    #[indexed]
    pub id: u64,
    /// What the seller was credited.
    pub to_seller: U256,
    /// What the buyer was credited.
    pub to_buyer: U256,
}

/// Somebody was paid what it had been credited.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// Whose credit it was.
    #[indexed]
    pub account: Address,
    /// Of what.
    #[indexed]
    pub asset: Address,
    /// Who was paid.
    pub to: Address,
    /// How much.
    pub amount: U256,
}

/// Why the escrow refuses.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum EscrowError {
    /// The seller is zero, the buyer or the escrow.
    InvalidSeller {
        /// The seller.
        seller: Address,
    },
    /// The arbiter is the buyer, the seller or the escrow.
    InvalidArbiter {
        /// The arbiter.
        arbiter: Address,
    },
    /// The amount is zero.
    NothingToPay,
    /// The deadline is not in the future, or has passed.
    DeadlineOver {
        /// The deadline.
        deadline: u64,
    },
    /// Native currency was sent to a purchase in a token.
    UnexpectedValue,
    /// Not exactly the amount was paid.
    WrongAmount {
        /// The amount.
        expected: U256,
        /// What was paid.
        received: U256,
    },
    /// Not exactly the amount was divided.
    WrongDivision {
        /// The amount.
        amount: U256,
        /// The seller's part.
        to_seller: U256,
        /// The buyer's part.
        to_buyer: U256,
    },
    /// There is no such purchase.
    UnknownPurchase {
        /// The number.
        id: u64,
    },
    /// The purchase is settled.
    AlreadySettled {
        /// The purchase.
        id: u64,
    },
    /// The caller may not do this.
    Unauthorized {
        /// The caller.
        account: Address,
    },
    /// The buyer must wait.
    DeadlineNotOver {
        /// The last second of waiting.
        deadline: u64,
    },
    /// The arbiter was called, so this is no longer possible.
    InDispute {
        /// The purchase.
        id: u64,
    },
    /// Nobody has called the arbiter.
    NotInDispute {
        /// The purchase.
        id: u64,
    },
    /// The purchase has no arbiter.
    NoArbiter {
        /// The purchase.
        id: u64,
    },
    /// What is sent there would be lost.
    InvalidReceiver {
        /// The receiver.
        receiver: Address,
    },
    /// The account has no credit of this asset.
    NothingToWithdraw {
        /// The asset.
        asset: Address,
        /// The account.
        account: Address,
    },
    /// A token, or a receiver, has refused.
    #[error(transparent)]
    Asset(AssetError),
}
