// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Stands where another contract belongs and answers what a test told it to: for exactly these
/// call data, else for the function.  Calls of functions that are `logged` leave an event (no
/// view function may be).  What nobody foresaw reverts.
contract Stub {
    struct Answer {
        bool there;
        bool reverts;
        bool logged;
        bytes data;
    }

    mapping(bytes32 => Answer) private answers;

    event Called(bytes data, uint256 value);

    error Unforeseen(bytes data);

    /// call: four bytes of a function, or all of the call data.
    function stubAnswer(bytes calldata call, bytes calldata data, bool reverts, bool logged) external {
        answers[keccak256(call)] = Answer(true, reverts, logged, data);
    }

    fallback() external payable {
        Answer storage a = answers[keccak256(msg.data)];
        if (!a.there) a = answers[keccak256(msg.data[:4])];
        if (!a.there) revert Unforeseen(msg.data);
        if (a.logged) emit Called(msg.data, msg.value);
        bytes memory data = a.data;
        if (a.reverts) {
            assembly {
                revert(add(data, 32), mload(data))
            }
        }
        assembly {
            return(add(data, 32), mload(data))
        }
    }

    receive() external payable {}
}
