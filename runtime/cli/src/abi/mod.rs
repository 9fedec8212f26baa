//! Arguments, results, events and failures in a contract's own terms: its ABI, the names of the
//! address book, the decimals of its token.
//!
//! Invariant: the JSON form of a value is exact and free of names; only the text form is made up
//! for people.

mod arguments;
mod events;
mod method;
mod reason;
mod values;

pub use arguments::parse_arguments;
pub use events::{Event, decode_event};
pub use method::{find_method, signature};
pub use reason::{Reason, decode_reason};
pub use values::{Named, labelled, name_values, shortened};

use crate::{accounts::Book, amount::Currency};

/// Parameters that are amounts of the token in a contract that is one: the names in ERC-20, in its
/// errors (ERC-6093), and in the contracts that go with it; also in the plural.
const AMOUNTS: [&str; 8] =
    ["amount", "value", "wad", "token", "balance", "needed", "allowance", "supply"];
/// Methods of ERC-20 whose result is an amount.
const AMOUNT_RESULTS: [&str; 3] = ["balanceOf", "totalSupply", "allowance"];

/// How the arguments of a method are written, for the help of what takes them.
pub const ARGUMENTS: &str = "Its arguments: names for addresses, `[a,b]` lists, `(a,b)` structs, \
    `file:PATH` or `text:…` for bytes. A number without a unit is taken as it is, in the smallest \
    unit; but in a call of a token its amounts (parameters called amount, value and the like) are \
    in the token's units, so 12.5 is 12.5 of it. A number with a unit, as in 1gwei, `2 FLR` or \
    `300 EURT`, is in that: the native currency, or a token that the address book has";

/// What arguments are read by, and results shown by.
pub struct Terms<'a> {
    /// The names of addresses.
    pub book: &'a Book,
    /// The ledger's native currency.
    pub native: &'a Currency,
    /// The currency that the contract itself is, if it is a token.
    pub token: Option<Currency>,
    /// The token with a symbol, of those in the address book; looked for only when it is needed.
    pub other: Box<dyn Fn(&str) -> Option<Currency> + 'a>,
}

impl Terms<'_> {
    /// The currency of a parameter, if it is an amount of the token.
    fn currency(&self, parameter: &str) -> Option<&Currency> {
        let name = parameter.trim_matches('_').to_ascii_lowercase();
        let name = name.strip_suffix('s').unwrap_or(&name);
        let is_amount =
            AMOUNTS.iter().any(|known| known.strip_suffix('s').unwrap_or(known) == name);
        self.token.as_ref().filter(|_| is_amount)
    }

    /// The currency of a result, if it is an amount of the token.
    fn result_currency(&self, method: &str) -> Option<&Currency> {
        self.token.as_ref().filter(|_| AMOUNT_RESULTS.contains(&method))
    }
}
