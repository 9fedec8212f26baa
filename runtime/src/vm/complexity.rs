//! What makes a module hard to compile, besides its size: functions, branches and calls.
//!
//! A compiler's work grows with the basic blocks of a function, and faster than linearly. A module
//! of nothing but branches has twenty times as many in a byte as ordinary code, so bytes alone say
//! little. This is what is priced, and, by `validate`, what is bounded for each function.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// A loop counts as so many branches: what lives across it is worked out again and again.
const LOOP_BRANCHES: u64 = 4;

/// What compiling a module takes besides reading its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Complexity {
    /// Functions with code.
    pub functions: u64,
    /// Places where control divides or comes together, in all functions.
    pub branches: u64,
    /// Calls, in all functions.
    pub calls: u64,
}

/// The complexity of a module as far as it can be read; what cannot be will be refused.
pub fn complexity(module: &[u8]) -> Complexity {
    let mut sum = Complexity::default();
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        if let Payload::CodeSectionEntry(body) = payload {
            sum.functions += 1;
            for operator in operators(&body) {
                sum.branches += branches(&operator);
                let is_call =
                    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. });
                sum.calls += u64::from(is_call);
            }
        }
    }
    sum
}

fn operators<'a>(body: &FunctionBody<'a>) -> impl Iterator<Item = Operator<'a>> {
    body.get_operators_reader().into_iter().flatten().map_while(Result::ok)
}

/// How many branches an instruction counts as.
pub(super) fn branches(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::Block { .. } | Operator::If { .. } | Operator::Else => 1,
        Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return | Operator::Unreachable => 1,
        Operator::Loop { .. } => LOOP_BRANCHES,
        Operator::BrTable { targets } => 1 + u64::from(targets.len()),
        _ => 0,
    }
}
