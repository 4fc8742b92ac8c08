// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Perc} from "./Perc.sol";

/// All that is bonded to one delegate, in storage.  Worked on as a VaultState in memory.
struct Vault {
    uint256 stakes;       // stake 96 | pending 96 | pendingRound 32 | slashCount 32
    uint256 parts;        // shares 160 | what slashes took of the factor 96
    uint256 feePerShare;  // scaled by 2^128, never falls
    /// What became of the tokens bonded in a round, when they turned into shares: a Batch.
    mapping(uint256 round => uint256) batches;
    mapping(uint256 index => uint256) slashes;        // block 40 | epoch 32 | factor 96
    mapping(uint256 epoch => uint256) lastFeePerShare; // of epochs that are over
}

/// Packed in one word, as numbers of 104 significant bits: rate 104 | feePerShare 104 | exponent of
/// rate 8 | exponent of feePerShare 8 | slashCount 32.
struct Batch {
    uint256 rate;         // shares a pending token x slash factor, rounded down
    uint256 feePerShare;  // then, rounded up
    uint256 slashCount;   // then
}

struct VaultState {
    uint256 stake;        // backs the shares
    uint256 pending;      // bonded in pendingRound: at risk, earns nothing yet
    uint256 pendingRound;
    uint256 slashCount;
    uint256 shares;
    uint256 factor;       // what slashes of this epoch left of a token, of Vaults.ONE
    uint256 feePerShare;
    uint256 before;       // stake + pending when loaded
}

/// What one delegator has in the vault of its delegate, in storage.
struct Delegator {
    uint256 place;         // delegate 160 | pendingRound 32 | nextLockId 32 | slashIndex 32
    uint256 parts;         // shares 160 | pending 96
    uint256 feePerShare;   // settled up to here
    uint256 claims;        // fees 96 | lastClaimRound 32 | bonded when last claimed 96
}

struct Delegation {
    address delegate;
    uint256 pendingRound;
    uint256 nextLockId;
    uint256 slashIndex;    // slashes of the vault that are settled
    uint256 shares;
    uint256 pending;
    uint256 feePerShare;
    uint256 fees;
    uint256 lastClaimRound;
    uint256 claimedBond;
}

/// Tokens taken out of a vault that its delegate's misdeeds can still reach.
struct Lock {
    uint256 origin;        // delegate 160 | slashableUntil 40 | slashIndex 24 | withdrawRound 32
    uint256 content;       // amount 96 | destination 160
}

struct LockState {
    address delegate;
    uint256 slashableUntil;
    uint256 slashIndex;
    uint256 withdrawRound;
    uint256 amount;
    address destination;
}

/// Arithmetic of vaults: docs/contracts.md 3.1.  A share is never worth more than one base unit
/// (deposits round by less than that, and the last one out leaves nothing), and never less than
/// 10^-18 (below, the epoch ends): so shares fit 160 bits, and shares x stake fits a word.
library Vaults {
    uint256 internal constant ONE = 1e27;
    /// A slash that leaves less than this of a token ends the epoch.
    uint256 internal constant SMALLEST_FACTOR = 1e18;
    uint256 internal constant SHARES_PER_TOKEN = 1e9;
    /// A vault with less is as good as empty: what rounding left in it must set no price and
    /// catch no fees.
    uint256 internal constant DUST = 1e6;
    /// The word of a batch that is not made yet.  Who bonds first in a round writes it, so that the
    /// vault's next touch, often reward(), does not pay for a fresh word.
    uint256 private constant RESERVED = 1 << 208;
    uint256 private constant MANTISSA = 104;
    uint256 private constant MASK96 = type(uint96).max;
    uint256 private constant MASK32 = type(uint32).max;

    // ---- storage ----
    function load(Vault storage s) internal view returns (VaultState memory v) {
        uint256 word = s.stakes;
        v.stake = word & MASK96;
        v.pending = word >> 96 & MASK96;
        v.pendingRound = word >> 192 & MASK32;
        v.slashCount = word >> 224;
        v.before = v.stake + v.pending;
        word = s.parts;
        v.shares = uint160(word);
        v.factor = ONE - (word >> 160);
        v.feePerShare = s.feePerShare;
    }

    /// All that is in it, pending or not.
    function held(Vault storage s) internal view returns (uint256) {
        uint256 word = s.stakes;
        return (word & MASK96) + (word >> 96 & MASK96);
    }

    function save(Vault storage s, VaultState memory v) internal {
        write(s, 0, v.stake | v.pending << 96 | v.pendingRound << 192 | v.slashCount << 224);
        write(s, 1, v.shares | ONE - v.factor << 160);
        write(s, 2, v.feePerShare);
    }

    /// Unchanged words are not written.
    function write(Vault storage s, uint256 offset, uint256 word) private {
        assembly {
            let slot := add(s.slot, offset)
            if iszero(eq(sload(slot), word)) { sstore(slot, word) }
        }
    }

    function load(Delegator storage s) internal view returns (Delegation memory d) {
        d = loadStake(s);
        uint256 word = s.claims;
        d.fees = word & MASK96;
        d.lastClaimRound = word >> 96 & MASK32;
        d.claimedBond = word >> 128;
    }

    /// Without the claims: 0 fees.
    function loadStake(Delegator storage s) internal view returns (Delegation memory d) {
        uint256 word = s.place;
        d.delegate = address(uint160(word));
        d.pendingRound = word >> 160 & MASK32;
        d.nextLockId = word >> 192 & MASK32;
        d.slashIndex = word >> 224;
        word = s.parts;
        d.shares = uint160(word);
        d.pending = word >> 160;
        d.feePerShare = s.feePerShare;
    }

    function save(Delegator storage s, Delegation memory d) internal {
        Vault storage words = saveStake(s, d);
        write(words, 3, d.fees | d.lastClaimRound << 96 | d.claimedBond << 128);
    }

    /// What loadStake loaded; fees since are added.
    function saveMore(Delegator storage s, Delegation memory d) internal {
        saveStake(s, d);
        if (d.fees != 0) s.claims += d.fees;
    }

    function saveStake(Delegator storage s, Delegation memory d) private returns (Vault storage words) {
        assembly { words.slot := s.slot }
        write(words, 0, uint160(d.delegate) | d.pendingRound << 160 | d.nextLockId << 192 | d.slashIndex << 224);
        write(words, 1, d.shares | d.pending << 160);
        write(words, 2, d.feePerShare);
    }

    function load(Lock storage s) internal view returns (LockState memory l) {
        uint256 word = s.origin;
        l.delegate = address(uint160(word));
        l.slashableUntil = uint40(word >> 160);
        l.slashIndex = uint24(word >> 200);
        l.withdrawRound = word >> 224;
        word = s.content;
        l.amount = word & MASK96;
        l.destination = address(uint160(word >> 96));
    }

    function save(Lock storage s, LockState memory l) internal {
        s.origin = uint160(l.delegate) | l.slashableUntil << 160 | l.slashIndex << 200 | l.withdrawRound << 224;
        s.content = l.amount | uint256(uint160(l.destination)) << 96;
    }

    // ---- rounds ----
    /// Turn what was bonded in an earlier round into shares.  Comes before all else that a round
    /// brings, so that everybody is settled at the same price.  Returns what to remember of it, 0
    /// if there was nothing to turn.
    function roll(VaultState memory v, uint256 round) internal pure returns (uint256 batch) {
        if (v.pending == 0 || v.pendingRound >= round) return 0;
        bool fresh = v.stake < DUST && v.shares < v.stake * SHARES_PER_TOKEN || v.shares == 0;
        uint256 rate = fresh ? v.factor * SHARES_PER_TOKEN : v.factor * v.shares / v.stake;
        batch = pack(Batch(rate, v.feePerShare, v.slashCount));
        v.shares += fresh ? v.pending * SHARES_PER_TOKEN : v.pending * v.shares / v.stake;
        v.stake += v.pending;
        v.pending = 0;
    }

    /// Load, roll, and remember the batch.
    function open(Vault storage s, uint256 round) internal returns (VaultState memory v) {
        v = load(s);
        uint256 pendingRound = v.pendingRound;
        uint256 batch = roll(v, round);
        if (batch != 0) s.batches[pendingRound] = batch;
    }

    /// Before the first tokens of a round are put.
    function reserve(Vault storage s, uint256 round) internal {
        if (s.batches[round] == 0) s.batches[round] = RESERVED;
    }

    function pack(Batch memory b) internal pure returns (uint256) {
        uint256 e = exponent(b.rate);
        uint256 f = exponent(b.feePerShare);
        uint256 up = Math.ceilDiv(b.feePerShare, 1 << f);
        if (up >> MANTISSA != 0) (up, f) = (up >> 1, f + 1);
        return b.rate >> e | up << 104 | e << 208 | f << 216 | b.slashCount << 224;
    }

    function unpack(uint256 word) internal pure returns (Batch memory b) {
        b.rate = uint256(uint104(word)) << uint8(word >> 208);
        b.feePerShare = uint256(uint104(word >> 104)) << uint8(word >> 216);
        b.slashCount = word >> 224;
    }

    /// How many bits of x are beyond those kept.
    function exponent(uint256 x) private pure returns (uint256) {
        return less(Math.log2(x) + 1, MANTISSA);
    }

    // ---- delegators ----
    /// Bring a delegation up to a rolled vault: fees, pending tokens, slashes.  `last`: what
    /// roll() said, for views, which cannot keep it in storage.
    function settle(Delegation memory d, Vault storage s, VaultState memory v, uint256 last, uint256 round)
        internal
        view
    {
        uint256 factor = v.factor;
        uint256 feePerShare = v.feePerShare;
        uint256 epoch;
        bool alive = true;
        if (d.slashIndex != v.slashCount) {
            (epoch, factor) = slashAt(s, d.slashIndex);
            alive = epoch == epochAt(s, v.slashCount);
            if (!alive) feePerShare = s.lastFeePerShare[epoch];
        }
        d.fees += d.shares * (feePerShare - d.feePerShare) >> 128;
        if (d.pending != 0 && d.pendingRound < round) {
            Batch memory batch = unpack(s.batches[d.pendingRound]);
            if (batch.rate == 0) batch = unpack(last);
            if (batch.slashCount == d.slashIndex || epochAt(s, batch.slashCount) == epochAt(s, d.slashIndex)) {
                uint256 got = d.pending * batch.rate / factor;
                d.fees += got * less(feePerShare, batch.feePerShare) >> 128;
                d.shares += got;
            }
            d.pending = 0;
        } else if (factor != v.factor || !alive) {
            d.pending = alive ? d.pending * v.factor / factor : 0;
        }
        if (!alive) d.shares = 0;
        d.feePerShare = v.feePerShare;
        d.slashIndex = v.slashCount;
    }

    /// Tokens that a settled delegation's shares stand for.
    function worth(Delegation memory d, VaultState memory v) internal pure returns (uint256) {
        return v.shares == 0 ? 0 : d.shares * v.stake / v.shares;
    }

    function put(Delegation memory d, VaultState memory v, uint256 amount, uint256 round) internal pure {
        v.pending += amount;
        v.pendingRound = round;
        d.pending += amount;
        d.pendingRound = round;
    }

    /// Take at most what the delegation is worth: pending tokens first, they earn nothing yet.
    /// With the last of it go shares that are worth less than a base unit.
    function take(Delegation memory d, VaultState memory v, uint256 amount) internal pure {
        uint256 part = amount < d.pending ? amount : d.pending;
        d.pending -= part;
        v.pending = less(v.pending, part);
        part = amount - part;
        uint256 burnt = part == worth(d, v) ? d.shares : (part * v.shares + v.stake - 1) / v.stake;
        d.shares -= burnt;
        v.shares -= burnt;
        v.stake = less(v.stake, part);
    }

    function less(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    // ---- earnings ----
    /// How many more tokens the shares can take before one is worth more than a base unit.
    function room(VaultState memory v) internal pure returns (uint256) {
        return v.stake < DUST ? 0 : less(v.shares, v.stake);
    }

    /// A reward; `cut` of it for the transcoder itself.  Returns the shares that stand for cut.
    function earn(VaultState memory v, uint256 tokens, uint256 cut) internal pure returns (uint256 got) {
        v.stake += tokens - cut;
        got = cut * v.shares / v.stake;
        v.shares += got;
        v.stake += cut;
    }

    /// Can the vault take fees?  They must not go to what rounding left in an empty one.
    function earns(VaultState memory v) internal pure returns (bool) {
        return v.stake >= DUST;
    }

    // ---- slashes ----
    /// Take `perc` of everything.  Returns the tokens taken: all of them if the epoch ends.
    function slash(Vault storage s, VaultState memory v, uint256 perc) internal returns (uint256 taken) {
        uint256 epoch = epochAt(s, v.slashCount);
        uint256 ofStake = Perc.part(v.stake, perc);
        uint256 ofPending = Perc.part(v.pending, perc);
        v.factor = v.factor * (Perc.ONE - perc) / Perc.ONE;
        if (v.factor < SMALLEST_FACTOR) {
            (ofStake, ofPending) = (v.stake, v.pending);
            s.lastFeePerShare[epoch++] = v.feePerShare;
            v.shares = 0;
            v.factor = ONE;
        }
        v.stake -= ofStake;
        v.pending -= ofPending;
        s.slashes[v.slashCount++] = block.number | epoch << 40 | v.factor << 72;
        return ofStake + ofPending;
    }

    /// The state after the first `count` slashes.
    function slashAt(Vault storage s, uint256 count) internal view returns (uint256 epoch, uint256 factor) {
        if (count == 0) return (0, ONE);
        uint256 word = s.slashes[count - 1];
        return (word >> 40 & MASK32, word >> 72);
    }

    function epochAt(Vault storage s, uint256 count) internal view returns (uint256 epoch) {
        (epoch,) = slashAt(s, count);
    }

    /// What a lock pays: slashes up to slashableUntil reach it, later ones do not.
    function value(LockState memory l, Vault storage s) internal view returns (uint256) {
        uint256 count = uint32(s.stakes >> 224);
        if (count == l.slashIndex) return l.amount;
        (uint256 epoch, uint256 factor) = slashAt(s, l.slashIndex);
        (uint256 epochThen, uint256 factorThen) = slashAt(s, slashesBy(s, l.slashableUntil, l.slashIndex, count));
        return epoch == epochThen ? l.amount * factorThen / factor : 0;
    }

    /// How many of the first `to` slashes were made up to a block; at least `from` were.
    function slashesBy(Vault storage s, uint256 blockNumber, uint256 from, uint256 to)
        private
        view
        returns (uint256)
    {
        while (from < to) {
            uint256 middle = (from + to) / 2;
            if (uint40(s.slashes[middle]) <= blockNumber) from = middle + 1;
            else to = middle;
        }
        return from;
    }
}
