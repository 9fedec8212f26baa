//! A merchant asks for a payment, with a QR code or a link; whoever has the token pays it in one
//! transaction, with a permit (EIP-2612) instead of an approval beforehand. Try it:
//! `cargo test --workspace --test requests`.
//!
//! The request itself is never on the ledger before it is paid: it is its hash that counts. That
//! covers everything in the request, this contract and this chain, so the merchant who finds its
//! hash in a `Paid` event was paid exactly what it asked for.
//!
//! Invariant: a request is paid at most once, and nobody pays but the caller.
#![no_std]

use florin_common::erc20::Erc20Client;
use florin_common::permit::{PermitClient, SignedPermit};
use florin_sdk::prelude::*;

/// Which requests were paid.
#[contract(events(Paid))]
pub struct PaymentRequests {
    /// Who paid, by the hash of the request.
    payers: Map<B256, Address>,
}

/// What a merchant asks for.
#[derive(AbiType, Eip712, Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// Who is to be paid.
    pub merchant: Address,
    /// In which token.
    pub token: Address,
    /// How much, in the token's smallest unit.
    pub amount: U256,
    /// What the merchant knows it by: an invoice, an order. It makes requests differ that are
    /// otherwise the same.
    pub reference: B256,
    /// The last second, since 1970, at which it can be paid.
    pub deadline: u64,
}

/// A request was paid.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The hash of the request.
    #[indexed]
    pub request: B256,
    /// Who was paid.
    #[indexed]
    pub merchant: Address,
    /// The merchant's reference.
    #[indexed]
    pub reference: B256,
    /// Who paid.
    pub payer: Address,
    /// In which token.
    pub token: Address,
    /// How much.
    pub amount: U256,
}

/// Why a request cannot be paid. What the token refuses comes through as the token says it.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum PaymentError {
    /// Its deadline is over.
    RequestExpired {
        /// The last second at which it could be paid.
        deadline: u64,
    },
    /// It was paid before.
    AlreadyPaid {
        /// By whom.
        payer: Address,
    },
    /// The token did not move the amount, the whole amount and nothing but the amount.
    NotMoved {
        /// The token.
        token: Address,
    },
}

#[contract]
impl PaymentRequests {
    /// Begins with nothing paid.
    #[constructor]
    pub fn new(&mut self) {}

    /// Pays a request out of the caller's tokens, and returns its hash.
    ///
    /// A permit that fails is passed over: somebody may have handed it in before, and then the
    /// allowance is there. That only the caller pays is what makes permits safe here: one that was
    /// seen in passing cannot pay another request.
    pub fn pay(
        &mut self,
        request: PaymentRequest,
        permit: SignedPermit,
    ) -> Result<B256, PaymentError> {
        let (payer, hash) = (caller(), self.hash(request.clone()));
        let PaymentRequest { merchant, token, amount, reference, deadline } = request;
        ensure!(timestamp() <= deadline, PaymentError::RequestExpired { deadline });
        if let Some(payer) = self.payer(hash) {
            return Err(PaymentError::AlreadyPaid { payer });
        }
        self.payers.save(&hash, &payer);

        let SignedPermit { deadline, v, r, s } = permit;
        let permit = PermitClient::at(token);
        let _ = permit.permit(payer, contract_address(), amount, deadline, v, r, s).try_call();
        let token_client = Erc20Client::at(token);
        let before = token_client.balance_of(merchant).call();
        let moved = token_client.transfer_from(payer, merchant, amount).call();
        let received = token_client.balance_of(merchant).call().saturating_sub(before);
        // A token may keep a fee, or lie: what counts is what has arrived.
        ensure!(moved && received == amount, PaymentError::NotMoved { token });
        emit(Paid { request: hash, merchant, reference, payer, token, amount });
        Ok(hash)
    }

    /// The hash of a request, as EIP-712 has it: a merchant can sign it, and a wallet can show it.
    pub fn hash(&self, request: PaymentRequest) -> B256 {
        Domain { name: "Payment requests", version: "1" }.digest(&request)
    }

    /// Whether a request was paid.
    pub fn is_paid(&self, request: B256) -> bool {
        self.payers.has(&request)
    }

    /// Who paid a request.
    fn payer(&self, request: B256) -> Option<Address> {
        self.payers.load(&request)
    }
}
