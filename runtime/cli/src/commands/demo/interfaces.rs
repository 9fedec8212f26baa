//! The bundled contracts as the outside world knows them: by their Solidity interfaces, and the
//! typed data that is signed for them.

use alloy_sol_types::sol;

sol! {
    interface Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Approval(address indexed owner, address indexed spender, uint256 value);
        function name() returns (string);
        function balanceOf(address account) returns (uint256);
        function nonces(address owner) returns (uint256);
        function transfer(address to, uint256 value) returns (bool);
        function transferFrom(address from, address to, uint256 value) returns (bool);
        function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s);
        function transferWithAuthorization(
            address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce,
            uint8 v, bytes32 r, bytes32 s
        );
    }

    struct SignedPermit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    interface Escrow {
        event Withdrawn(address indexed account, address indexed asset, address to, uint256 amount);
        function open(
            address seller, address arbiter, address asset, uint256 amount, uint64 deadline, bytes32 memo
        ) returns (uint64);
        function openWithPermit(
            address seller, address arbiter, address token, uint256 amount, uint64 deadline, bytes32 memo,
            SignedPermit permit
        ) returns (uint64);
        function release(uint64 id);
        function refund(uint64 id);
        function withdraw(address asset, address to) returns (uint256);
    }

    interface Splitter {
        function release(address token, address account);
    }

    /// EIP-2612.
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }

    /// EIP-3009.
    struct TransferWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
}
