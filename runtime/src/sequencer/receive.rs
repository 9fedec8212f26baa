//! Bytes to authenticated transactions, a batch at a time. Several threads do this.
//!
//! Invariant: whatever a batch holds, it comes out whole, in its order.

use super::{
    Shared,
    compile::Module,
    work::{Ready, Waiting},
};
use crate::crypto::keccak256;
use crate::pipeline::decode_all;
use crate::sandbox;
use crate::senders::Offer;
use crate::types::{Bytes, Intent};
use florin_abi::deploy::{self, Deployment};
use std::sync::atomic::Ordering;

impl Shared {
    /// Authenticates a batch.
    pub fn receive(&self, batch: Vec<Waiting>) -> Vec<Ready> {
        // Who waits for a transaction that was lost in a panic is told by its answer's end.
        self.guard(|| Ok(self.authenticate(batch))).unwrap_or_default()
    }

    fn authenticate(&self, batch: Vec<Waiting>) -> Vec<Ready> {
        let genesis = self.chain.genesis();
        let bytes: Vec<&[u8]> = batch.iter().map(|it| it.submission.transaction.as_ref()).collect();
        let decoded = decode_all(&bytes, genesis);
        let mut ready = Vec::with_capacity(batch.len());
        let mut offers = Vec::with_capacity(batch.len());
        for (Waiting { submission, done }, decoded) in batch.into_iter().zip(decoded) {
            let mut module = None;
            let early = match decoded {
                Ok(signed) => {
                    module = self::module(&signed.intent);
                    match sandbox::impersonated(&signed, genesis) {
                        Some(sender) => Some(Ok(signed.intent.in_the_name_of(sender))),
                        None => {
                            let (hint, source) = (submission.hint, submission.source);
                            offers.push(Offer { signed, hint, source });
                            None
                        }
                    }
                }
                Err(rejection) => Some(Err(rejection)),
            };
            ready.push((submission.transaction, module, early, done));
        }
        let authenticated = self.authenticator.authenticate_all(offers);
        let recovered = authenticated.iter().filter(|one| one.recovered).count();
        self.recovered.fetch_add(recovered as u64, Ordering::Relaxed);
        self.known.fetch_add((authenticated.len() - recovered) as u64, Ordering::Relaxed);
        let mut authenticated = authenticated.into_iter();
        let ready = ready.into_iter().map(|(bytes, module, early, done)| {
            let intent = match early {
                Some(early) => early,
                None => authenticated.next().map(|one| one.result)?,
            };
            Some(Ready { bytes, module, intent, done })
        });
        ready.flatten().collect()
    }
}

/// The module that an intent brings along.
fn module(intent: &Intent) -> Option<Module> {
    let create = intent.calls.first().filter(|call| call.to.is_none())?;
    match deploy::parse(&create.input)? {
        Deployment::Module { module, .. } => {
            let (hash, code) = (keccak256(module), Bytes::copy_from_slice(module));
            Some(Module { hash, code, is_tried: false })
        }
        Deployment::Hash { .. } => None,
    }
}
