// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {System} from "./System.sol";
import {vm} from "./Vm.sol";

/// The system and some who use it.  Whatever they do may be refused, but never by a Panic: that
/// would be arithmetic that nobody thought of.
abstract contract Actors is System {
    uint256 internal constant ACTORS = 8;
    uint256 internal constant SEATED = 6;
    uint256 internal constant TOKENS = 1e6 * LPT;
    uint256 internal constant ETHER = 1e3 * 1e18;

    address[] public actors;
    address[] public verifiers;
    mapping(address who => uint256) internal keys;
    /// How often a function of the contracts was called with success.
    mapping(bytes4 selector => uint256) public done;

    function gather() internal {
        deploySystem();
        for (uint256 i; i < ACTORS + SEATED; i++) {
            address who = vm.addr(100 + i);
            keys[who] = 100 + i;
            (i < ACTORS ? actors : verifiers).push(who);
            token.mint(who, TOKENS);
            vm.deal(who, ETHER);
            vm.prank(who);
            token.approve(i < ACTORS ? address(bonding) : address(seats), type(uint256).max);
        }
        handOverToken();
        for (uint256 i; i < SEATED; i++) act(verifiers[i], address(seats), abi.encodeCall(seats.joinSeats, (2)));
        nextRound();
    }

    function act(address who, address to, bytes memory data) internal returns (bool ok) {
        (ok,) = actWith(who, to, 0, data);
    }

    function actWith(address who, address to, uint256 value, bytes memory data)
        internal
        returns (bool ok, bytes memory answer)
    {
        vm.prank(who);
        (ok, answer) = to.call{value: value}(data);
        require(ok || answer.length < 4 || bytes4(answer) != 0x4e487b71, "Panic");
        if (ok) done[bytes4(data)]++;
    }

    function pick(uint256 random) internal view returns (address) {
        return actors[random % ACTORS];
    }

    /// One of the few that are bonded to by others.
    function pickDelegate(uint256 random) internal view returns (address) {
        return actors[random % 4];
    }

    /// From 1 wei to `max`, all magnitudes alike.
    function amountOf(uint256 random, uint256 max) internal pure returns (uint256 amount) {
        amount = (random >> 8) % (uint256(10) ** (1 + random % 25));
        amount = 1 + (amount < max ? amount : (random >> 8) % max);
        return amount < max ? amount : max;
    }

    /// To the second block of the next round, which is initialised.
    function nextRound() internal {
        uint256 start = rounds.currentRoundStartBlock() + ROUND;
        vm.roll(start + 1);
        rounds.initializeRound();
    }

    function mine(uint256 n) internal {
        vm.roll(block.number + n);
        if (!rounds.currentRoundInitialized()) {
            if (rounds.currentRoundStartBlock() == block.number) vm.roll(block.number + 1);
            rounds.initializeRound();
        }
    }

    // ---- what somebody has ----

    function lptOf(address who) public view returns (uint256 sum) {
        return token.balanceOf(who) + stakeOf(who) + locksOf(who);
    }

    function stakeOf(address who) public view returns (uint256) {
        return bonding.pendingStake(who, 0);
    }

    function locksOf(address who) public view returns (uint256 sum) {
        (,,,,,, uint256 n) = bonding.getDelegator(who);
        for (uint256 i; i < n; i++) {
            (uint256 amount,,,,) = bonding.getLock(who, i);
            sum += amount;
        }
    }

    function ethOf(address who) public view returns (uint256) {
        return who.balance + bonding.pendingFees(who, 0) + jobs.broadcasters(who);
    }
}
