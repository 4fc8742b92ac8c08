// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Actors} from "./Actors.sol";
import {vm} from "./Vm.sol";

/// What delegators and transcoders do, at random.
abstract contract Stakers is Actors {
    /// Rounding may leave that much to whoever bonds next (Vaults.DUST).
    uint256 private constant DUST = 1e6;

    /// Nobody is richer by what only moves stake.
    modifier fair() {
        uint256[] memory lpt = new uint256[](ACTORS);
        uint256[] memory eth = new uint256[](ACTORS);
        for (uint256 i; i < ACTORS; i++) (lpt[i], eth[i]) = (lptOf(actors[i]), ethOf(actors[i]));
        _;
        for (uint256 i; i < ACTORS; i++) {
            require(lptOf(actors[i]) <= lpt[i] + DUST, "LPT out of nothing");
            require(ethOf(actors[i]) <= eth[i], "ETH out of nothing");
        }
    }

    function lockOf(address who, uint256 random) private view returns (uint256) {
        (,,,,,, uint256 n) = bonding.getDelegator(who);
        return n == 0 ? 0 : random % n;
    }

    function stake(address who, bytes memory data) private returns (bool) {
        return act(who, address(bonding), data);
    }

    function bond(uint256 a, uint256 amount, uint256 to) public fair {
        address who = pick(a);
        uint256 wei_ = amountOf(amount, token.balanceOf(who) / 2 + 1);
        stake(who, abi.encodeCall(bonding.bond, (amount % 16 == 0 ? 0 : wei_, pickDelegate(to))));
    }

    function unbond(uint256 a, uint256 part) public fair {
        address who = pick(a);
        uint256 bonded = stakeOf(who);
        uint256 amount = part % 4 == 0 ? bonded : amountOf(part, bonded + 1);
        stake(who, abi.encodeCall(bonding.unbond, (amount)));
    }

    function rebond(uint256 a, uint256 lock) public fair {
        address who = pick(a);
        stake(who, abi.encodeCall(bonding.rebond, (lockOf(who, lock))));
    }

    function rebondFromUnbonded(uint256 a, uint256 to, uint256 lock) public fair {
        // Somebody with nothing but locks, if there is one.
        address who = pick(a);
        for (uint256 i; i < ACTORS && (stakeOf(who) != 0 || locksOf(who) == 0); i++) who = pick(i);
        stake(who, abi.encodeCall(bonding.rebondFromUnbonded, (pickDelegate(to), lockOf(who, lock))));
    }

    function completeMove(uint256 a, uint256 by, uint256 lock) public fair {
        address who = pick(a);
        stake(pick(by), abi.encodeCall(bonding.completeMove, (who, lockOf(who, lock))));
    }

    function withdrawStake(uint256 a, uint256 lock) public fair {
        address who = pick(a);
        stake(who, abi.encodeCall(bonding.withdrawStake, (lockOf(who, lock))));
    }

    function withdrawFees(uint256 a, uint256 part) public fair {
        address who = pick(a);
        uint256 amount = amountOf(part, bonding.pendingFees(who, 0) + 1);
        stake(who, abi.encodeCall(bonding.withdrawFees, (payable(who), amount)));
    }

    function claimEarnings(uint256 a) public fair {
        stake(pick(a), abi.encodeCall(bonding.claimEarnings, (rounds.currentRound())));
    }

    function transcoder(uint256 a, uint256 cut, uint256 share, uint256 price) public fair {
        bytes memory data = abi.encodeCall(bonding.transcoder, (cut % 1000001, share % 1000001, 1 + price % 3));
        stake(pickDelegate(a), data);
    }

    function resignOrPromote(uint256 a, uint256 which) public fair {
        address who = pickDelegate(a);
        if (which % 4 == 0) stake(who, abi.encodeCall(bonding.resignAsTranscoder, ()));
        else stake(who, abi.encodeCall(bonding.promote, (who)));
    }

    /// Rewards are what the Minter granted, no more.
    function reward(uint256 a) public {
        uint256 before = everything();
        uint256 granted = minter.currentMintedTokens();
        stake(pickDelegate(a), abi.encodeCall(bonding.reward, ()));
        granted = minter.currentMintedTokens() - granted;
        // Each delegation rounds down: by a reward that may be made good.
        require(everything() <= before + granted + ACTORS, "more than the reward");
    }

    function rewardAll() public {
        for (uint256 i; i < 4; i++) reward(i);
    }

    function everything() private view returns (uint256 sum) {
        for (uint256 i; i < ACTORS; i++) sum += lptOf(actors[i]);
    }

    /// As the JobsManager brings them.  Who gets them gets no more than there are.
    function fees(uint256 a, uint256 amount) public {
        uint256 before = allEth();
        amount = amountOf(amount, 1e18);
        uint256 round = rounds.currentRound();
        vm.deal(address(jobs), address(jobs).balance + amount);
        bytes memory data = abi.encodeCall(bonding.updateTranscoderWithFees, (pickDelegate(a), amount, round));
        (bool ok,) = actWith(address(jobs), address(bonding), amount, data);
        require(ok, "fees are never refused");
        // Each delegation rounds down: by new fees that may be made good.
        require(allEth() <= before + amount + ACTORS, "more than the fees");
    }

    function allEth() private view returns (uint256 sum) {
        for (uint256 i; i < ACTORS; i++) sum += ethOf(actors[i]);
    }

    /// As the JobsManager does.  The finder gains at most its fee.
    function slash(uint256 a, uint256 perc, uint256 finder) public {
        address who = pickDelegate(a);
        address to = finder % 3 == 0 ? address(0) : pick(finder);
        uint256 amount = perc % 5 == 0 ? 1000000 : perc % 4 == 0 ? perc % 1000001 : perc % 100001;
        uint256 before = everything();
        bool ok = act(address(jobs), address(bonding), abi.encodeCall(bonding.slashTranscoder, (who, to, amount, 50000)));
        require(ok, "slashes are never refused");
        require(everything() <= before + DUST, "a slash makes nobody richer");
    }

    function missedReward(uint256 a, uint256 by) public {
        uint256[] memory list = new uint256[](2);
        uint256 round = rounds.currentRound();
        if (round < 3) return;
        (list[0], list[1]) = (round - 2, round - 1);
        stake(pick(by), abi.encodeCall(bonding.missedRewardSlash, (pickDelegate(a), list, bytes32(0))));
    }

    function pass(uint256 n) public {
        mine(1 + n % 8);
    }

    function beginRounds(uint256 n) public {
        for (uint256 i; i <= n % 3; i++) nextRound();
    }
}
