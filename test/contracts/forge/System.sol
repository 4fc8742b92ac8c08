// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IBondingManager} from "eth/contracts/interfaces/IBondingManager.sol";
import {IJobsManager} from "eth/contracts/interfaces/IJobsManager.sol";
import {ILivepeerToken} from "eth/contracts/interfaces/ILivepeerToken.sol";
import {IMinter} from "eth/contracts/interfaces/IMinter.sol";
import {IRoundsManager} from "eth/contracts/interfaces/IRoundsManager.sol";
import {IVerifier} from "eth/contracts/interfaces/IVerifier.sol";
import {IVerifierSeats} from "eth/contracts/interfaces/IVerifierSeats.sol";
import {IVerifierTypes} from "eth/contracts/interfaces/IVerifierTypes.sol";
import {vm} from "./Vm.sol";

interface IUpgradeable {
    function upgradeToAndCall(address to, bytes calldata data) external;
}

interface IOwned {
    function transferOwnership(address to) external;
}

struct BondingParameters {
    uint32 unbondingPeriod;
    uint16 numActiveTranscoders;
    uint96 minTranscoderStake;
    uint32 slashablePeriod;
    uint24 missedRewardSlashAmount;
    uint16 missedRewardRounds;
    uint24 finderFee;
    uint24 competitivenessTolerance;
    uint32 competitivenessGrace;
    uint128 competitivenessFloor;
}

/// The contracts as they are deployed, from build/contracts, so that compiling a test takes
/// seconds.  Small numbers everywhere: a pool of 3, rounds of 20 blocks, short periods.
abstract contract System {
    uint256 internal constant ROUND = 20;
    uint256 internal constant LPT = 1e18;

    ILivepeerToken public token;
    IRoundsManager public rounds;
    IMinter public minter;
    IBondingManager public bonding;
    IJobsManager public jobs;
    IVerifier public verifier;
    IVerifierSeats public seats;
    address public treasury;
    address private controller;

    function create(string memory name, bytes memory args) internal returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(string.concat("../../../build/contracts/", name, ".json")), args);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        require(made != address(0), name);
    }

    function implement(address proxy, string memory name, bytes memory args, bytes memory init) private {
        IUpgradeable(proxy).upgradeToAndCall(create(name, args), init);
    }

    function initializer(string memory types, bytes memory args) private pure returns (bytes memory) {
        return bytes.concat(bytes4(keccak256(bytes(string.concat("initialize", types)))), args);
    }

    function deploySystem() internal {
        controller = create("Controller", "");
        bytes memory vacant = abi.encode(create("Vacant", abi.encode(controller)));
        rounds = IRoundsManager(create("ManagerProxy", vacant));
        bonding = IBondingManager(create("ManagerProxy", vacant));
        jobs = IJobsManager(create("ManagerProxy", vacant));
        minter = IMinter(create("ManagerProxy", vacant));
        verifier = IVerifier(create("ManagerProxy", vacant));
        seats = IVerifierSeats(address(verifier));
        token = ILivepeerToken(create("LivepeerToken", ""));
        treasury = create("Treasury", abi.encode(1, address(this)));
        implementStake();
        implementWork();
    }

    function implementStake() private {
        implement(
            address(rounds),
            "RoundsManager",
            abi.encode(controller, bonding, minter),
            initializer("(uint256,uint256)", abi.encode(ROUND, 100000))
        );
        implement(
            address(minter),
            "Minter",
            abi.encode(controller, bonding, rounds, token),
            initializer("(uint256,uint256,uint256,uint256)", abi.encode(4000, 30, 500000, 1000))
        );
        BondingParameters memory p = BondingParameters({
            unbondingPeriod: 2,
            numActiveTranscoders: 3,
            minTranscoderStake: 1000,
            slashablePeriod: 60,
            missedRewardSlashAmount: 30000,
            missedRewardRounds: 2,
            finderFee: 50000,
            competitivenessTolerance: 900000,
            competitivenessGrace: 3,
            competitivenessFloor: 1e15
        });
        implement(
            address(bonding),
            "BondingManager",
            abi.encode(controller, jobs, rounds, minter, token, treasury),
            initializer("((uint32,uint16,uint96,uint32,uint24,uint16,uint24,uint24,uint32,uint128))", abi.encode(p))
        );
    }

    function implementWork() private {
        implement(
            address(jobs),
            "JobsManager",
            abi.encode(controller, bonding, rounds, verifier),
            initializer(
                "(uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint32)",
                abi.encode(2, 20, 10, 40, 50000, 100000, 10000, 300000)
            )
        );
        IVerifierTypes.Parameters memory p = IVerifierTypes.Parameters({
            committee: 8, quorum: 2, extensionDraws: 5, juryDraws: 16, juryQuorum: 2,
            verdictPeriod: 5, appealPeriod: 6, juryPeriod: 5,
            overturnedSlash: 500000, finderShare: 100000, appellantShare: 500000, juryShare: 250000,
            seatStake: uint96(100 * LPT), silenceAmount: uint96(LPT), appealBond: uint96(20 * LPT)
        });
        implement(
            address(verifier),
            "Verifier",
            abi.encode(controller, bonding, jobs, rounds, token, treasury),
            bytes.concat(IVerifierSeats.initialize.selector, abi.encode(p))
        );
    }

    /// The Minter mints from here on.
    function handOverToken() internal {
        IOwned(address(token)).transferOwnership(address(minter));
    }
}
