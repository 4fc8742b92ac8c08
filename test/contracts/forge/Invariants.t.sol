// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "eth/contracts/interfaces/IJobsManager.sol";
import {IVerifierSeats} from "eth/contracts/interfaces/IVerifierSeats.sol";
import {IVerifierTypes} from "eth/contracts/interfaces/IVerifierTypes.sol";
import {Stakers} from "./Stakers.sol";
import {Workers} from "./Workers.sol";
import {vm} from "./Vm.sol";

/// All that is done to the system, and what must hold after each of it.
contract Economy is Stakers, Workers {
    constructor() {
        gather();
        for (uint256 i; i < 4; i++) {
            act(actors[i], address(bonding), abi.encodeCall(bonding.bond, ((i + 1) * 100 * LPT, actors[i])));
            act(actors[i], address(bonding), abi.encodeCall(bonding.transcoder, (100000, 500000, 1)));
        }
        nextRound();
    }

    /// What all may claim is there: bonded and locked LPT, and the round's that are not granted.
    function checkLpt() external view {
        uint256 claims = minter.currentMintableTokens() - minter.currentMintedTokens();
        for (uint256 i; i < ACTORS; i++) claims += stakeOf(actors[i]) + locksOf(actors[i]);
        require(claims <= token.balanceOf(address(minter)), "LPT claimed and not held");
    }

    function checkJobsEth() external view {
        uint256 sum;
        for (uint256 i; i < ACTORS; i++) sum += jobs.broadcasters(actors[i]) + jobs.verifierFees(actors[i]);
        for (uint256 i = 1; i <= numJobs; i++) sum += jobs.getJob(i).escrow;
        for (uint256 i; i < works.length; i++) sum += feesOf(works[i].ref);
        for (uint256 i; i < SEATED; i++) sum += jobs.verifierFees(verifiers[i]);
        sum += jobs.verifierFees(treasury) + openFees();
        require(sum == address(jobs).balance, "deposits, escrows, fees reserved, awaited and owed");
    }

    function checkBondingEth() external view {
        uint256 sum;
        for (uint256 i; i < ACTORS; i++) sum += bonding.pendingFees(actors[i], 0);
        require(sum <= address(bonding).balance, "fees claimed and not held");
    }

    function checkVerifier() external view {
        uint256 lpt = seats.tokens(treasury);
        for (uint256 i; i < ACTORS; i++) lpt += seats.tokens(actors[i]);
        for (uint256 i; i < SEATED; i++) lpt += seats.tokens(verifiers[i]);
        for (uint256 i = 1; i <= seats.seatsCreated(); i++) lpt += seats.getSeat(i).stake;
        for (uint256 i; i < trials.length; i++) lpt += bondOf(i);
        require(lpt == token.balanceOf(address(seats)), "seats, bonds and tokens owed");
        require(address(seats).balance == 0, "ETH at the Verifier");
    }

    function bondOf(uint256 i) private view returns (uint256) {
        IVerifierTypes.Record memory rec = seats.getRecord(trials[i].request.ref, trials[i].request.batch);
        if (rec.phase != IVerifierTypes.Phase.Appealed) return 0;
        return seats.getAppeal(trials[i].request.ref, trials[i].request.batch).bond;
    }

    /// Everybody leaves with all that is theirs, and all of it is paid.
    function depart() external {
        for (uint256 i; i < ACTORS; i++) {
            uint256 bonded = stakeOf(actors[i]);
            if (bonded == 0) continue;
            require(act(actors[i], address(bonding), abi.encodeCall(bonding.unbond, (bonded))), "cannot unbond");
        }
        for (uint256 i; i < 5; i++) nextRound();
        for (uint256 i; i < ACTORS; i++) departLocks(actors[i]);
        for (uint256 i; i < ACTORS; i++) {
            uint256 owed = bonding.pendingFees(actors[i], 0);
            bytes memory data = abi.encodeCall(bonding.withdrawFees, (payable(actors[i]), owed));
            require(act(actors[i], address(bonding), data), "cannot withdraw fees");
        }
    }

    function departLocks(address who) private {
        (,,,,,, uint256 n) = bonding.getDelegator(who);
        for (uint256 k; k < n; k++) {
            (uint256 amount,,, address delegate, address to) = bonding.getLock(who, k);
            if (delegate == address(0)) continue;
            if (to != address(0)) {
                bool moved = act(who, address(bonding), abi.encodeCall(bonding.completeMove, (who, k)));
                require(moved, "cannot complete a move");
                continue;
            }
            uint256 had = token.balanceOf(who);
            require(act(who, address(bonding), abi.encodeCall(bonding.withdrawStake, (k))), "cannot withdraw");
            require(token.balanceOf(who) == had + amount, "paid less than told");
        }
    }
}

contract Invariants {
    bool public constant IS_TEST = true;
    Economy private economy;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        economy = new Economy();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(economy);
    }

    /// Often what moves things on; what ends something seldom.
    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        bytes4[36] memory s = [
            economy.bond.selector, economy.bond.selector, economy.bond.selector, economy.unbond.selector,
            economy.rebond.selector, economy.rebondFromUnbonded.selector, economy.completeMove.selector,
            economy.withdrawStake.selector, economy.withdrawFees.selector, economy.claimEarnings.selector,
            economy.transcoder.selector, economy.resignOrPromote.selector, economy.reward.selector,
            economy.rewardAll.selector, economy.fees.selector, economy.slash.selector,
            economy.missedReward.selector, economy.pass.selector, economy.pass.selector,
            economy.beginRounds.selector, economy.deposit.selector, economy.withdrawDeposit.selector,
            economy.job.selector, economy.job.selector, economy.topUp.selector, economy.endJob.selector,
            economy.refund.selector, economy.claim.selector, economy.claim.selector,
            economy.verifyAtOnce.selector, economy.verifyLater.selector, economy.answer.selector,
            economy.extendOrEnd.selector, economy.distribute.selector, economy.missed.selector,
            economy.refute.selector
        ];
        list[0].addr = address(economy);
        list[0].selectors = new bytes4[](46);
        for (uint256 i; i < 36; i++) list[0].selectors[i] = s[i];
        list[0].selectors[36] = economy.appeal.selector;
        list[0].selectors[37] = economy.endAppeal.selector;
        list[0].selectors[38] = economy.record.selector;
        list[0].selectors[39] = economy.withdrawVerifierFees.selector;
        list[0].selectors[40] = economy.verifyAtOnce.selector;
        list[0].selectors[41] = economy.record.selector;
        for (uint256 i = 42; i < 46; i++) list[0].selectors[i] = economy.claim.selector;
    }

    function invariant_all_claims_are_held() external view {
        economy.checkLpt();
        economy.checkJobsEth();
        economy.checkBondingEth();
        economy.checkVerifier();
    }

    function afterInvariant() external {
        economy.depart();
        economy.checkLpt();
    }

    /// The handlers reach what they are for: without that, nothing is tested.
    function test_handlers_reach_everything() external {
        uint256 h = 1;
        uint256 missing;
        // 1000 steps, and more as long as something seldom has not happened.
        for (uint256 i; i < 1000 || missing != 0 && i < 4000; i++) {
            h = uint256(keccak256(abi.encode(h)));
            step(h);
            if (i % 100 == 99) missing = neverDone();
        }
        economy.checkLpt();
        economy.checkJobsEth();
        economy.checkBondingEth();
        economy.checkVerifier();
        require(missing == 0, string.concat("never done: ", hex_(uint32(missing))));
        economy.depart();
        economy.checkLpt();
    }

    /// The selector of one of these that never succeeded, 0 if all did.
    function neverDone() private view returns (uint256) {
        bytes4[17] memory all = [
            bytes4(keccak256("bond(uint256,address)")), bytes4(keccak256("unbond(uint256)")),
            bytes4(keccak256("rebond(uint256)")), bytes4(keccak256("completeMove(address,uint256)")),
            bytes4(keccak256("withdrawStake(uint256)")), bytes4(keccak256("reward()")),
            IJobsManager.job.selector, IJobsManager.claimWork.selector,
            IJobsManager.verifyWithVerdicts.selector, IJobsManager.verify.selector,
            IJobsManager.distributeFees.selector, IJobsManager.missedVerificationSlash.selector,
            IJobsManager.refund.selector, bytes4(keccak256("rebondFromUnbonded(address,uint256)")),
            IVerifierSeats.record.selector, IVerifierSeats.appeal.selector,
            IJobsManager.withdrawVerifierFees.selector
        ];
        for (uint256 i; i < all.length; i++) {
            if (economy.done(all[i]) == 0) return uint32(all[i]);
        }
        return 0;
    }

    /// One of the targets with arguments from h.
    function step(uint256 h) private {
        bytes4[] memory s = this.targetSelectors()[0].selectors;
        bytes4 f = s[h % s.length];
        bytes32 second = keccak256(abi.encode(h, 2));
        if (f == economy.missed.selector) second = bytes32(uint256(second) & 1);
        bytes32 third = keccak256(abi.encode(h, 3));
        if (f == economy.extendOrEnd.selector) third = bytes32(uint256(third) & 1);
        bytes memory data = abi.encodePacked(f, keccak256(abi.encode(h, 1)), second, third, keccak256(abi.encode(h, 4)));
        (bool ok, bytes memory why) = address(economy).call(data);
        if (!ok) {
            assembly {
                revert(add(why, 0x20), mload(why))
            }
        }
    }

    function hex_(uint32 v) private pure returns (string memory) {
        bytes memory out = new bytes(8);
        for (uint256 i = 8; i > 0; v >>= 4) out[--i] = bytes16("0123456789abcdef")[v & 15];
        return string(out);
    }
}
