//! Bytes to authenticated transactions, a batch at a time. Several threads do this.
//!
//! Invariant: whatever a batch holds, it comes out whole, in its order.

use super::{
    Shared,
    work::{Ready, Waiting},
};
use crate::crypto::keccak256;
use crate::pipeline::decode;
use crate::senders::Offer;
use crate::types::{B256, Intent};
use florin_abi::deploy::{self, Deployment};

impl Shared {
    /// Authenticates a batch.
    pub fn receive(&self, batch: Vec<Waiting>) -> Vec<Ready> {
        // Who waits for a transaction that was lost in a panic is told by its answer's end.
        self.guard(|| Ok(self.authenticate(batch))).unwrap_or_default()
    }

    fn authenticate(&self, batch: Vec<Waiting>) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(batch.len());
        let (mut offers, mut places) = (Vec::with_capacity(batch.len()), Vec::new());
        for (place, Waiting { submission, done }) in batch.into_iter().enumerate() {
            let bytes = submission.transaction;
            let mut module = None;
            let rejection = match decode(&bytes, self.chain.genesis()) {
                Ok(signed) => {
                    module = module_hash(&signed.intent);
                    let (hint, source) = (submission.hint, submission.source);
                    offers.push(Offer { signed, hint, source });
                    places.push(place);
                    None
                }
                Err(rejection) => Some(rejection),
            };
            ready.push((bytes, module, rejection, done));
        }
        let mut authenticated = self.authenticator.authenticate_all(offers).into_iter();
        let ready = ready.into_iter().map(|(bytes, module, rejection, done)| {
            let intent = match rejection {
                Some(rejection) => Err(rejection),
                None => authenticated.next().map(|one| one.result)?,
            };
            Some(Ready { bytes, module, intent, done })
        });
        ready.flatten().collect()
    }
}

/// The hash of the module that an intent brings along.
fn module_hash(intent: &Intent) -> Option<B256> {
    let create = intent.calls.first().filter(|call| call.to.is_none())?;
    match deploy::parse(&create.input)? {
        Deployment::Module { module, .. } => Some(keccak256(module)),
        Deployment::Hash { .. } => None,
    }
}
