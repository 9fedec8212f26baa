//! What went wrong, with the codes of JSON-RPC, EIP-1474 and geth, and in words that clients look for.
//!
//! Clients tell errors apart by geth's phrases ("nonce too low", "insufficient funds for ..."): a
//! message begins with that phrase, and then says what Florin has to say about it.

use alloy_primitives::Bytes;
use alloy_sol_types::decode_revert_reason;
use florin_runtime::types::{Halt, Outcome};
use florin_runtime::{EstimateError, Fault, HistoryError, LogError, Rejection, SubmitError};
use jsonrpsee::types::{ErrorObjectOwned, error::INVALID_PARAMS_CODE};

/// Whatever has no code of its own, as in geth.
pub const SERVER_ERROR: i32 = -32000;
/// A method that is specified and not there (EIP-1474).
const NOT_SUPPORTED: i32 = -32004;
/// More was asked for than is given (EIP-1474).
pub const LIMIT_EXCEEDED: i32 = -32005;
/// A contract refused, with its reason in `data`, as in geth.
pub const REVERTED: i32 = 3;
/// A contract was stopped, within `eth_simulateV1`.
pub const HALTED: i32 = -32015;

/// An error without data.
pub fn server(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(SERVER_ERROR, message, None::<()>)
}

/// The parameters are not what they should be.
pub fn invalid(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INVALID_PARAMS_CODE, message, None::<()>)
}

/// A method that is specified is not there; why.
pub fn not_supported(why: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(NOT_SUPPORTED, why, None::<()>)
}

/// Something that a request names is not there.
pub fn not_found(what: &str) -> ErrorObjectOwned {
    server(format!("{what} not found"))
}

/// The ledger failed.
pub fn fault(fault: Fault) -> ErrorObjectOwned {
    tracing::error!(%fault, "the ledger failed");
    let code = jsonrpsee::types::error::INTERNAL_ERROR_CODE;
    ErrorObjectOwned::owned(code, fault.to_string(), None::<()>)
}

/// The state as of a block is not there any more.
pub fn history(error: HistoryError) -> ErrorObjectOwned {
    match error {
        HistoryError::Fault(error) => fault(error),
        too_far => server(too_far.to_string()),
    }
}

/// Why logs are not found.
pub fn log_query(error: LogError) -> ErrorObjectOwned {
    match error {
        LogError::Fault(error) => fault(error),
        refused => ErrorObjectOwned::owned(LIMIT_EXCEEDED, refused.to_string(), None::<()>),
    }
}

/// Why a transaction is not taken.
fn rejected(rejection: &Rejection) -> ErrorObjectOwned {
    let phrase = match rejection {
        Rejection::Oversized { .. } => "oversized data",
        Rejection::Malformed(_) => "rlp: cannot decode",
        Rejection::UnsupportedType(_) => "transaction type not supported",
        Rejection::WrongChain { .. } => "invalid chain id for signer",
        Rejection::Unprotected => "only replay-protected (EIP-155) transactions allowed over RPC",
        Rejection::MalleableSignature | Rejection::BadSignature => {
            "invalid transaction v, r, s values"
        }
        Rejection::SenderIsContract { .. } => "sender not an eoa",
        Rejection::NonceTooLow { .. } => "nonce too low",
        Rejection::NonceTooHigh { .. } => "nonce too high",
        Rejection::NonceExhausted { .. } => "nonce has max value",
        Rejection::IntrinsicGas { .. } => "intrinsic gas too low",
        Rejection::GasAboveBlock { .. } => "exceeds block gas limit",
        Rejection::BlockFull { .. } | Rejection::BlockTooLarge { .. } => "gas limit reached",
        Rejection::QueueFull => "txpool is full",
        Rejection::FeeTooLow { .. } => "max fee per gas less than block base fee",
        Rejection::TipAboveFee { .. } => "max priority fee per gas higher than max fee per gas",
        Rejection::InsufficientFunds { .. } | Rejection::CostOverflow => {
            "insufficient funds for gas * price + value"
        }
        Rejection::UnknownNonceKey { .. } => "nonce key not supported",
        Rejection::OutsideWindow { .. } => "transaction not valid at this time",
        Rejection::OutOfTime => "execution aborted",
    };
    server(format!("{phrase}: {rejection}"))
}

/// Why a transaction has no receipt.
pub fn submission(error: SubmitError) -> ErrorObjectOwned {
    match error {
        SubmitError::Rejected(rejection) => rejected(&rejection),
        SubmitError::Fault(error) => fault(error),
    }
}

/// Why there is no estimate.
pub fn fails(error: EstimateError) -> ErrorObjectOwned {
    match error {
        EstimateError::Rejected(rejection) => rejected(&rejection),
        EstimateError::Fault(error) => fault(error),
        EstimateError::Fails(simulation)
            if simulation.receipt.outcome == (Outcome::Halted { halt: Halt::OutOfGas }) =>
        {
            let gas = simulation.receipt.gas_used;
            server(format!("gas required exceeds allowance ({gas})"))
        }
        EstimateError::Fails(simulation) => match answer_of(&simulation.receipt.outcome) {
            Err(error) => error,
            Ok(_) => server("execution failed"),
        },
    }
}

/// What a call returned, or the error that tells why it did not.
///
/// # Errors
/// It reverted or was halted.
pub fn answer_of(outcome: &Outcome) -> Result<Bytes, ErrorObjectOwned> {
    match outcome {
        Outcome::Success { output } => Ok(output.clone()),
        Outcome::Reverted { output } => {
            let message = match decode_revert_reason(output) {
                Some(reason) => format!("execution reverted: {}", reason_text(&reason)),
                None => "execution reverted".to_owned(),
            };
            Err(ErrorObjectOwned::owned(REVERTED, message, Some(output)))
        }
        Outcome::Halted { halt: Halt::OutOfGas } => Err(server("out of gas")),
        Outcome::Halted { halt } => Err(server(halt.to_string())),
    }
}

/// The decoder says "revert: " before a reason, which is said already.
fn reason_text(reason: &str) -> &str {
    reason.strip_prefix("revert: ").unwrap_or(reason)
}
