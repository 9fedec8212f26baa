//! What a payment is made in, and the safe way to take and give it.
//!
//! Tokens differ in how they fail: some revert, some return false, and some return nothing at all.
//! Here each failure is an error, and success is success.

use crate::erc20::Erc20Client;
use florin_sdk::prelude::*;

/// Native currency, or a token. Outside it is an address, of which zero means native currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asset {
    /// Native currency.
    Native,
    /// The ERC-20 token at an address.
    Token(Address),
}

impl From<Address> for Asset {
    fn from(address: Address) -> Self {
        if address.is_zero() { Asset::Native } else { Asset::Token(address) }
    }
}

impl From<Asset> for Address {
    fn from(asset: Asset) -> Self {
        match asset {
            Asset::Native => Address::ZERO,
            Asset::Token(token) => token,
        }
    }
}

/// Why a payment failed.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum AssetError {
    /// The token says that it failed, or says nothing that makes sense.
    SafeERC20FailedOperation {
        /// The token's address.
        token: Address,
    },
    /// The token or the receiver has refused; the reason is its own.
    #[error(transparent)]
    Call(CallError),
}

impl Asset {
    /// What an account has. Fails if there is no token at the address.
    pub fn balance_of(self, account: Address) -> Result<U256, AssetError> {
        match self {
            Asset::Native => Ok(balance(account)),
            Asset::Token(token) => {
                Erc20Client::at(token).balance_of(account).try_call().map_err(|error| match error {
                    CallError::Malformed(_) => AssetError::SafeERC20FailedOperation { token },
                    error => AssetError::Call(error),
                })
            }
        }
    }

    /// Gives an amount out of what this contract has. A token that returns nothing counts as
    /// successful; where there is no contract, the host refuses the call.
    pub fn pay(self, to: Address, amount: U256) -> Result<(), AssetError> {
        match self {
            Asset::Native => Ok(send_value(to, amount)?),
            Asset::Token(token) => check(token, Erc20Client::at(token).transfer(to, amount)),
        }
    }
}

/// Takes tokens that their owner lets this contract spend, and returns by how much this contract's
/// balance has grown: less than `amount` if the token keeps a fee, and nothing if it lies about
/// having moved them.
pub fn collect(token: Address, from: Address, amount: U256) -> Result<U256, AssetError> {
    let (this, asset) = (contract_address(), Asset::Token(token));
    let before = asset.balance_of(this)?;
    check(token, Erc20Client::at(token).transfer_from(from, this, amount))?;
    Ok(asset.balance_of(this)?.saturating_sub(before))
}

/// Makes a call that moves tokens, and fails unless it succeeds and returns true or nothing.
fn check(token: Address, call: Call<bool>) -> Result<(), AssetError> {
    match call.try_call() {
        Ok(true) => Ok(()),
        Err(CallError::Malformed(data)) if data.is_empty() => Ok(()),
        Ok(false) | Err(CallError::Malformed(_)) => {
            Err(AssetError::SafeERC20FailedOperation { token })
        }
        Err(error) => Err(AssetError::Call(error)),
    }
}
