//! Amounts of money as people write them: `12.5`, `12.5 FLR`, and in the native currency also
//! `1gwei` and `1000 wei`. Of a token with 6 decimals a gwei would be a thousand, so tokens have no
//! such units.
//!
//! Invariant: parsing and printing are exact; digits that a unit cannot hold are refused, never
//! rounded.

use alloy_primitives::U256;
use serde::Serialize;
use std::iter;

/// Decimals of the native currency, as all Ethereum tools assume.
pub const NATIVE_DECIMALS: u8 = 18;
/// Most decimals a currency can have: 10^77 is the largest power of ten in 256 bits.
const MOST_DECIMALS: u8 = 77;

/// Decimals of a gwei, in which prices of gas are told.
pub const GWEI_DECIMALS: u8 = 9;
/// The units of the native currency beside itself, with their decimals.
const NATIVE_UNITS: &[(&str, u8)] = &[("gwei", GWEI_DECIMALS), ("wei", 0)];

/// A currency: what an amount is counted in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Currency {
    /// Its symbol, such as FLR.
    pub symbol: String,
    /// How many decimals one unit has.
    pub decimals: u8,
    /// Other units that it is counted in.
    #[serde(skip)]
    units: &'static [(&'static str, u8)],
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It does not begin with a number.
    #[error("`{0}` is no amount: write digits, and a point before decimals, as in 12.5")]
    NoNumber(String),
    /// It has a comma, which means different things to different people.
    #[error("`{0}` has a comma: write a point before decimals, and nothing between thousands")]
    Comma(String),
    /// The unit is unknown.
    #[error("`{unit}` is not a unit here: use {units}")]
    Unit {
        /// What was written.
        unit: String,
        /// Those that are.
        units: String,
    },
    /// It is more precise than the unit.
    #[error("`{text}` has more than {decimals} decimals, which is all that {unit} has")]
    Decimals {
        /// What was written.
        text: String,
        /// The decimals of the unit.
        decimals: u8,
        /// The unit.
        unit: String,
    },
    /// It does not fit 256 bits.
    #[error("`{0}` is more than 256 bits hold")]
    TooLarge(String),
}

impl Currency {
    /// The native currency of a ledger.
    pub fn native(symbol: impl Into<String>) -> Self {
        Currency { symbol: symbol.into(), decimals: NATIVE_DECIMALS, units: NATIVE_UNITS }
    }

    /// The currency that a contract is.
    pub fn token(symbol: impl Into<String>, decimals: u8) -> Self {
        Currency { symbol: symbol.into(), decimals, units: &[] }
    }

    /// Parses an amount to the smallest unit. Without a unit it is in this currency.
    pub fn parse(&self, text: &str) -> Result<U256, AmountError> {
        let (number, unit) = split(text);
        if number.is_empty() {
            return Err(AmountError::NoNumber(text.to_owned()));
        }
        let decimals = if unit.is_empty() || unit.eq_ignore_ascii_case(&self.symbol) {
            self.decimals
        } else {
            let known = self.units.iter().find(|(known, _)| *known == unit);
            known.map(|(_, decimals)| *decimals).ok_or_else(|| self.no_unit(unit))?
        };
        let unit = if unit.is_empty() { &self.symbol } else { unit };
        scale(number, decimals, unit)
    }

    fn no_unit(&self, unit: &str) -> AmountError {
        let others = self.units.iter().map(|(name, _)| format!(" or {name}"));
        AmountError::Unit {
            unit: unit.to_owned(),
            units: iter::once(self.symbol.clone()).chain(others).collect(),
        }
    }

    /// Prints an amount of the smallest unit without its symbol, exactly: `12.5`.
    pub fn number(&self, amount: U256) -> String {
        let digits = format!("{amount:0>width$}", width = usize::from(self.decimals) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.decimals));
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }

    /// Prints an amount of the smallest unit with its symbol: `12.5 FLR`.
    pub fn display(&self, amount: U256) -> String {
        format!("{} {}", self.number(amount), self.symbol)
    }
}

/// The number and the unit of an amount, which may be written together.
pub fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | ',' | '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// A decimal number times ten to the `decimals`, exactly.
pub fn scale(number: &str, decimals: u8, unit: &str) -> Result<U256, AmountError> {
    let no_number = || AmountError::NoNumber(number.to_owned());
    let too_large = || AmountError::TooLarge(number.to_owned());
    if number.contains(',') {
        return Err(AmountError::Comma(number.to_owned()));
    }
    if number.split(['_', '.']).any(str::is_empty) {
        return Err(no_number());
    }
    let plain = number.replace('_', "");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(no_number());
    }
    let fraction = fraction.trim_end_matches('0');
    let padding = usize::from(decimals).checked_sub(fraction.len()).ok_or_else(|| {
        AmountError::Decimals { text: number.to_owned(), decimals, unit: unit.to_owned() }
    })?;
    if decimals > MOST_DECIMALS {
        return Err(too_large());
    }
    let digits = format!("{whole}{fraction}{:0>padding$}", "");
    U256::from_str_radix(&digits, 10).map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn florin() -> Currency {
        Currency::native("FLR")
    }

    #[test]
    fn units_are_exact() {
        let ether = U256::from(10).pow(U256::from(18));
        for (text, amount) in [
            ("12.5", ether * U256::from(25) / U256::from(2)),
            ("12.5 FLR", ether * U256::from(25) / U256::from(2)),
            ("12.50flr", ether * U256::from(25) / U256::from(2)),
            ("0.000000000000000001", U256::from(1)),
            ("0", U256::ZERO),
            ("000.000", U256::ZERO),
            ("1gwei", U256::from(1_000_000_000)),
            ("0.5 gwei", U256::from(500_000_000)),
            ("1_000_000 wei", U256::from(1_000_000)),
            ("1.000 wei", U256::from(1)),
            ("0.5_000_0 gwei", U256::from(500_000_000)),
        ] {
            assert_eq!(florin().parse(text), Ok(amount), "{text}");
        }
        let most = U256::MAX.to_string();
        assert_eq!(florin().parse(&format!("{most} wei")), Ok(U256::MAX));
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        use AmountError::*;
        for text in [
            "", "FLR", "-1", "+1", ".5", "5.", "1.2.3", "_", "_1", "1_", "1__0", "1_.5", "1e18",
            "0x10", "½", "1 2",
        ] {
            let refused = florin().parse(text).unwrap_err();
            assert!(matches!(refused, NoNumber(_) | Unit { .. }), "{text}: {refused}");
        }
        assert!(matches!(florin().parse("1,5").unwrap_err(), Comma(_)));
        assert!(matches!(florin().parse("1 USD").unwrap_err(), Unit { .. }));
        let refused = florin().parse("0.0000000000000000001").unwrap_err();
        assert!(matches!(refused, Decimals { decimals: 18, .. }), "{refused}");
        assert!(matches!(florin().parse("0.5 wei").unwrap_err(), Decimals { decimals: 0, .. }));
        let above = format!("{}0 wei", U256::MAX);
        assert!(matches!(florin().parse(&above).unwrap_err(), TooLarge(_)));
        assert!(matches!(florin().parse(&"9".repeat(70)).unwrap_err(), TooLarge(_)));
        let odd = Currency::token("ODD", 255);
        assert!(matches!(odd.parse("1").unwrap_err(), TooLarge(_)));
    }

    #[test]
    fn a_token_is_counted_in_itself_alone() {
        let dollars = Currency::token("USD", 6);
        assert_eq!(dollars.parse("1.5 usd"), Ok(U256::from(1_500_000)));
        for text in ["1gwei", "1 wei", "1 FLR"] {
            let refused = dollars.parse(text).unwrap_err().to_string();
            assert!(refused.ends_with("is not a unit here: use USD"), "{refused}");
        }
        let refused = florin().parse("1 USD").unwrap_err().to_string();
        assert!(refused.ends_with("use FLR or gwei or wei"), "{refused}");
    }

    #[test]
    fn printing_is_the_inverse_of_parsing() {
        for decimals in [0, 6, 18, 77, 255] {
            let currency = Currency::token("X", decimals);
            for amount in [0_u128, 1, 10, 999_999, 1_000_000, 1_000_001, u128::MAX] {
                let amount = U256::from(amount);
                let text = currency.number(amount);
                if decimals <= MOST_DECIMALS {
                    assert_eq!(currency.parse(&text), Ok(amount), "{text} with {decimals}");
                }
            }
        }
        assert_eq!(florin().display(U256::from(1_500_000_000_000_000_000_u64)), "1.5 FLR");
    }
}
