// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Manager} from "../../../eth/contracts/Manager.sol";
import {IController} from "../../../eth/contracts/interfaces/IController.sol";

/// What the JobsManager asks of a BondingManager, answered as tests say, with look-ups of about
/// the real one's cost.  Says what it was told.
contract MockBonding is Manager {
    struct Candidate {
        uint96 stake;
        uint64 price;
        uint40 availableFrom;
    }

    address[] public list;
    mapping(address transcoder => Candidate) public candidates;
    mapping(bytes32 commitment => uint256 blockNumber) public findings;
    uint256 public slashablePeriod;
    mapping(address delegator => address) public delegateOf;
    uint256 public finderFee;
    bool public refuses;

    event Slashed(address transcoder, address finder, uint256 amount, uint256 finderFee);
    event Fees(address transcoder, uint256 fees, uint256 round, uint256 value);

    error Refused();

    constructor(IController controller_) Manager(controller_) {}

    function set(address transcoder, uint96 stake, uint64 price, uint40 availableFrom) external {
        if (candidates[transcoder].stake == 0) list.push(transcoder);
        candidates[transcoder] = Candidate(stake, price, availableFrom);
    }

    function setFinderFee(uint256 perc) external {
        finderFee = perc;
    }

    function setSlashablePeriod(uint256 blocks) external {
        slashablePeriod = blocks;
    }

    function setDelegate(address delegator, address delegate) external {
        delegateOf[delegator] = delegate;
    }

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    /// What a round's start asks for.
    function setCurrentRoundTotalActiveStake(bytes32) external {}

    function getTotalBonded() external pure returns (uint256) {
        return 0;
    }

    function hasStake(address transcoder) external view returns (bool) {
        return candidates[transcoder].stake != 0;
    }

    function eligibleStake(address transcoder, uint256, uint256 blockNumber, uint256 maxPrice)
        public
        view
        returns (uint256)
    {
        Candidate memory c = candidates[transcoder];
        return c.price <= maxPrice && c.availableFrom <= blockNumber ? c.stake : 0;
    }

    function claimantStake(address transcoder, uint256 round, uint256 blockNumber, uint256 maxPrice)
        external
        view
        returns (uint256, bool)
    {
        return (eligibleStake(transcoder, round, blockNumber, maxPrice), candidates[transcoder].stake != 0);
    }

    function delegatesOf(address[] calldata who) external view returns (address[] memory delegates) {
        delegates = new address[](who.length);
        for (uint256 i = 0; i < who.length; i++) delegates[i] = delegateOf[who[i]];
    }

    function getCandidates(uint256 round, uint256 blockNumber, uint256 maxPrice)
        external
        view
        returns (address[] memory transcoders, uint256[] memory stakes)
    {
        transcoders = new address[](list.length);
        stakes = new uint256[](list.length);
        uint256 n;
        for (uint256 i; i < list.length; i++) {
            uint256 stake = eligibleStake(list[i], round, blockNumber, maxPrice);
            if (stake == 0) continue;
            transcoders[n] = list[i];
            stakes[n++] = stake;
        }
        assembly {
            mstore(transcoders, n)
            mstore(stakes, n)
        }
    }

    function commitFinding(bytes32 commitment) external {
        findings[commitment] = block.number;
    }

    function takeFinding(address finder, bytes32 salt, bytes32 action) external returns (bool) {
        bytes32 commitment = keccak256(abi.encode(finder, salt, action));
        uint256 made = findings[commitment];
        if (made == 0 || made == block.number) return false;
        delete findings[commitment];
        return true;
    }

    function slashTranscoder(address transcoder, address finder, uint256 amount, uint256 fee) external {
        if (refuses) revert Refused();
        emit Slashed(transcoder, finder, amount, fee);
    }

    function updateTranscoderWithFees(address transcoder, uint256 fees, uint256 round) external payable {
        if (refuses) revert Refused();
        emit Fees(transcoder, fees, round, msg.value);
    }
}
