// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// Rounds, the lock period at their end, and block hashes kept for good.
interface IRoundsManager {
    /// blockHash is that of the round's first block; 0 if it could not be had any more (then
    /// nobody was drawn).
    event NewRound(uint256 indexed round, bytes32 blockHash);
    event Sealed(uint256 indexed blockNumber, bytes32 blockHash);
    event ParameterUpdate(string param);

    error RoundAlreadyInitialized(uint256 round);
    /// The round's first block is still being made: its hash draws a transcoder.
    error RoundNotDrawable(uint256 round, uint256 fromBlock);
    error BlockHashUnavailable(uint256 blockNumber);
    error InvalidParameter(string param, uint256 value);

    function initializeRound() external;
    function currentRound() external view returns (uint256);
    function currentRoundStartBlock() external view returns (uint256);
    function currentRoundInitialized() external view returns (bool);
    /// The last roundLockAmount of the round has begun.
    function currentRoundLocked() external view returns (bool);
    function lastInitializedRound() external view returns (uint256);
    function initializedRound(uint256 round) external view returns (bool);
    /// The last round up to this one that was initialised; 0 if none was.
    function lastInitializedUpTo(uint256 round) external view returns (uint256);
    /// In one call, for who needs both: the round, and whether it is initialised.
    function roundState() external view returns (uint256 round, bool initialized, bool locked);
    function blockNum() external view returns (uint256);
    /// Where the present roundLength is counted from.
    function lastRoundLengthUpdateRound() external view returns (uint256);
    function lastRoundLengthUpdateStartBlock() external view returns (uint256);

    /// Keep the hash of block n (n < block.number), if BLOCKHASH or the EIP-2935 history still
    /// has it.  Anyone, idempotent.
    function seal(uint256 n) external returns (bytes32);
    /// A sealed hash, or one still to be had.  Reverts otherwise, never answers 0.
    function blockHash(uint256 n) external view returns (bytes32);
    /// Sealed, or 0.
    function sealedHash(uint256 n) external view returns (bytes32);

    function roundLength() external view returns (uint256);      /// blocks
    function roundLockAmount() external view returns (uint256);  /// PERC
    /// From the current round's start on.  Owner of the Controller.
    function setRoundLength(uint256 blocks) external;
    function setRoundLockAmount(uint256 perc) external;
}
