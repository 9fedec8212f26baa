//! Authentication of many transactions at once.
//!
//! Recovering a sender takes a multiplication of points for each signature; side by side, many take
//! less (`recovery`): a tenth of the time on a processor with AVX-512 IFMA, and there is nothing to
//! add.
//!
//! On other processors it is two thirds. There, if the sender's public key is known before, one
//! equation over a thousand signatures says whether all of them are right, for a fifth (`batch.rs`).
//! So keys are remembered from the first transaction of each sender, and whoever submits a further
//! one may add a hint: the address that it believes to be the sender's.
//!
//! **A hint cannot authenticate a wrong sender.** It says which key to try. Where the equation does
//! not hold, every sender is recovered from its signature as if there had been no hint; where it
//! does, recovery would have found the same keys, but for a chance of 2^-128 that randomness gives
//! to a forgery, whatever its author knows. So the results are those of [`authenticate`], one by
//! one; the randomness decides about time only. Tests compare the two, and show that it is the
//! randomness that a crafted pair of forgeries fails on.
//!
//! # What a wrong hint costs
//! Nothing, if its key is not known. Otherwise the equations that it is in fail: that of up to
//! [`BATCH_SIGNATURES`], which is then tried in parts, and its part of [`BATCH_PART_SIGNATURES`],
//! whose senders are recovered. So:
//!
//! - An offer takes two equations and one recovery at most, twice as much as without a hint.
//! - Offers of a source lie next to each other. However many of its hints are wrong, the others
//!   that have to be recovered are those at the two ends: fewer than two parts in one call.
//! - A source whose hint was wrong has its next [`HINTS_IGNORED`] ignored, and twice as many each
//!   further time (`sources.rs`). What it sends meanwhile costs what it would without hints.
//! - Sources come and go, so those without [`HINTS_TO_ESTABLISH`] right hints share equations among
//!   themselves only, and of a part's size. Someone who comes back under a new number every time
//!   makes other newcomers pay, as if they had given no hint, until these are established:
//!   recovered or not, a hint that was right counts.
//!
//! Invariants: a key is remembered under its own address, whose hash was made here. The results of
//! a call do not depend on what was remembered, on hints, sources or randomness.
//!
//! [`authenticate`]: crate::pipeline::authenticate()
//! [`BATCH_SIGNATURES`]: crate::limits::BATCH_SIGNATURES
//! [`BATCH_PART_SIGNATURES`]: crate::limits::BATCH_PART_SIGNATURES
//! [`HINTS_IGNORED`]: crate::limits::HINTS_IGNORED
//! [`HINTS_TO_ESTABLISH`]: crate::limits::HINTS_TO_ESTABLISH

mod batch;
mod curve;
mod generations;
mod multiply;
mod recovery;
mod sources;
#[cfg(test)]
mod tests;

pub use sources::Source;

use crate::crypto;
use crate::error::Rejection;
use crate::limits::{BATCH_PART_SIGNATURES, BATCH_SIGNATURES, BATCH_SIGNATURES_MIN, KNOWN_SENDERS};
use crate::pipeline::Signed;
use crate::pipeline::authenticate::WellFormed;
use crate::types::{Address, Intent};
use batch::{Claim, Prepared};
use curve::Point;
use generations::Generations;
use recovery::Arithmetic;
use sources::{Sources, Standing};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A transaction that someone submitted.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The transaction, decoded.
    pub signed: Signed,
    /// Who its sender is said to be.
    pub hint: Option<Address>,
    /// Who submitted it, and so who answers for the hint: the connection, for instance.
    pub source: Source,
}

/// What became of an [`Offer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// What `authenticate` gives for the transaction.
    pub result: Result<Intent, Rejection>,
    /// What became of the hint.
    pub hint: Hint,
    /// Whether the sender was recovered from the signature: what a hint is meant to save.
    pub recovered: bool,
}

/// What became of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// There was none.
    None,
    /// The key of that address is not known yet, so the hint was of no use.
    Unknown,
    /// It was not looked at: this processor recovers faster than a hint could help, the source is
    /// suspended, or the signature is malformed.
    Unused,
    /// It named the sender.
    Right,
    /// It did not name the sender, or nobody can have made the signature.
    Wrong,
}

/// Tells who sent transactions, and remembers their keys. Threads may share one; a call uses one
/// thread, so several batches go to several threads.
#[derive(Debug)]
pub struct Authenticator {
    arithmetic: Arithmetic,
    keys: Mutex<Generations<Address, [u8; 64]>>,
    sources: Mutex<Sources>,
}

/// An offer with what was found out at once.
struct Pending {
    transaction: Result<WellFormed, Rejection>,
    hint: Option<Address>,
    source: Source,
    route: Route,
}

/// How the sender is found out.
enum Route {
    /// By recovery, or not at all.
    Alone(Hint),
    /// By an equation with others of the same standing.
    Together(Standing, [u8; 64]),
    /// An equation found the hint right.
    Proven,
}

impl Default for Authenticator {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator {
    /// Knows nobody yet.
    pub fn new() -> Self {
        Self::with(Arithmetic::best())
    }

    /// Does as if the processor had nothing that not all have, to compare with.
    pub fn portable() -> Self {
        Self::with(Arithmetic::Portable)
    }

    fn with(arithmetic: Arithmetic) -> Self {
        Authenticator {
            arithmetic,
            keys: Mutex::new(Generations::new(KNOWN_SENDERS)),
            sources: Mutex::new(Sources::new()),
        }
    }

    /// Authenticates transactions, in the order in which they are given.
    pub fn authenticate_all(&self, offers: Vec<Offer>) -> Vec<Authenticated> {
        let mut pending = self.plan(offers);
        for standing in [Standing::Established, Standing::Newcomer] {
            for index in proven(&pending, standing) {
                pending[index].route = Route::Proven;
            }
        }
        self.finish(pending)
    }

    /// Decides for each offer how its sender is found out.
    fn plan(&self, offers: Vec<Offer>) -> Vec<Pending> {
        let check = |Offer { signed, hint, source }| {
            let transaction = WellFormed::new(signed);
            let unused = if hint.is_some() { Hint::Unused } else { Hint::None };
            Pending { transaction, hint, source, route: Route::Alone(unused) }
        };
        let mut pending: Vec<_> = offers.into_iter().map(check).collect();
        if self.arithmetic.needs_no_hints() {
            return pending;
        }
        let (mut keys, mut sources) = (lock(&self.keys), lock(&self.sources));
        for offer in pending.iter_mut().filter(|offer| offer.transaction.is_ok()) {
            let Some(hint) = offer.hint else { continue };
            let standing = sources.next_hint(offer.source);
            if standing != Standing::Ignored {
                let key = keys.get(&hint);
                offer.route =
                    key.map_or(Route::Alone(Hint::Unknown), |key| Route::Together(standing, *key));
            }
        }
        pending
    }

    /// Recovers the senders that are still open, and learns from all of it.
    fn finish(&self, pending: Vec<Pending>) -> Vec<Authenticated> {
        let mut learned = Vec::new();
        // Of each source, how many hints were right and whether one was wrong.
        let mut records: BTreeMap<Source, (u32, bool)> = BTreeMap::new();
        let open: Vec<_> = pending.iter().filter_map(Pending::open).collect();
        let keys = self.arithmetic.recover_all(&open);
        let found: Vec<_> = keys.iter().copied().flatten().collect();
        let mut found = crypto::addresses(&found).into_iter().zip(found);
        let mut recovered = keys.into_iter().map(|key| key.and_then(|_| found.next()));
        let mut finish = |offer: Pending| {
            let source = offer.source;
            let done = offer.finish(&mut recovered, &mut learned);
            if matches!(done.hint, Hint::Right | Hint::Wrong) {
                let (right, any_wrong) = records.entry(source).or_default();
                *right += u32::from(done.hint == Hint::Right);
                *any_wrong |= done.hint == Hint::Wrong;
            }
            done
        };
        let done = pending.into_iter().map(&mut finish).collect();
        if self.arithmetic.needs_no_hints() {
            return done;
        }
        let mut keys = lock(&self.keys);
        for (address, key) in learned {
            keys.insert(address, key);
        }
        drop(keys);
        let mut sources = lock(&self.sources);
        for (source, (right, any_wrong)) in records {
            sources.report(source, right, any_wrong);
        }
        done
    }
}

impl Pending {
    /// The transaction, if its sender has to be recovered.
    fn open(&self) -> Option<&WellFormed> {
        self.transaction.as_ref().ok().filter(|_| !matches!(self.route, Route::Proven))
    }

    /// Takes sender and key from `recovered`, if it is open, and adds them to `learned`, if there
    /// are any.
    fn finish(
        self,
        recovered: &mut impl Iterator<Item = Option<(Address, [u8; 64])>>,
        learned: &mut Vec<(Address, [u8; 64])>,
    ) -> Authenticated {
        let without_recovery = |result, hint| Authenticated { result, hint, recovered: false };
        let transaction = match (self.transaction, &self.route, self.hint) {
            (Ok(transaction), Route::Proven, Some(sender)) => {
                return without_recovery(Ok(transaction.by(sender)), Hint::Right);
            }
            (Ok(transaction), ..) => transaction,
            (Err(rejection), Route::Alone(hint), _) => {
                return without_recovery(Err(rejection), *hint);
            }
            (Err(rejection), ..) => return without_recovery(Err(rejection), Hint::Unused),
        };
        let found = recovered.next().flatten();
        learned.extend(found);
        let sender = found.map(|(sender, _)| sender);
        let hint = match self.route {
            Route::Alone(hint) => hint,
            _ if sender.is_some() && sender == self.hint => Hint::Right,
            _ => Hint::Wrong,
        };
        let result = sender.map(|sender| transaction.by(sender)).ok_or(Rejection::BadSignature);
        Authenticated { result, hint, recovered: true }
    }
}

/// Those of a standing whose hints are right as far as equations show it, by index.
fn proven(pending: &[Pending], standing: Standing) -> Vec<usize> {
    let claim = |(index, offer): (usize, &Pending)| {
        let (Ok(transaction), Some(sender)) = (&offer.transaction, offer.hint) else { return None };
        let Route::Together(of, key) = offer.route else { return None };
        let key = Point::from_bytes(&key)?;
        let WellFormed { signature_hash: hash, signature, y_parity, .. } = *transaction;
        (of == standing).then_some(Claim { index, hash, signature, y_parity, sender, key })
    };
    let mut claims: Vec<_> = pending.iter().enumerate().filter_map(claim).collect();
    if claims.len() < BATCH_SIGNATURES_MIN {
        return Vec::new();
    }
    // What one source spoils lies together.
    claims.sort_by_key(|claim| pending[claim.index].source);
    let claims = batch::prepare(claims);
    let parts = claims.chunks(match standing {
        Standing::Established => BATCH_SIGNATURES,
        _ => BATCH_PART_SIGNATURES,
    });
    parts.flat_map(true_claims).map(|proven| proven.claim.index).collect()
}

/// All claims if they are true, otherwise those in parts that are.
fn true_claims(claims: &[Prepared]) -> Vec<&Prepared> {
    if claims.len() < BATCH_SIGNATURES_MIN {
        Vec::new()
    } else if batch::all_hold(claims) {
        claims.iter().collect()
    } else if claims.len() > BATCH_PART_SIGNATURES {
        claims.chunks(BATCH_PART_SIGNATURES).flat_map(true_claims).collect()
    } else {
        Vec::new()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
