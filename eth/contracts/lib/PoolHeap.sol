// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

/// What is kept of a transcoder, in one word but for rates that wait; its past is in Records.
struct Candidate {
    uint16 position;         // in the pool, from 1; 0 outside
    bool registered;
    uint32 waiting;          // place on the waiting list, from 1; 0 not on it
    uint32 records;          // how many
    uint32 lastRewardRound;
    uint32 activeSince;      // the grace counts from here: BondingManager._join
    uint32 punishedUntil;    // missed rewards up to this round were punished
    uint32 missedRewards;
    uint32 laterRound;       // from which the next two hold; 0 if none wait.  After the last record's
    uint24 laterRewardCut;
    uint24 laterFeeShare;
}

/// The pool: a 5-ary min-heap by stake, a word (stake 96 | address 160) a node.  Five children
/// make it three levels deep for 156; a move reads the children and writes two words a level.
/// `size`, how many there are, is kept by the owner, where it costs no read of its own.
library PoolHeap {
    uint256 private constant ARITY = 5;

    function stakeOf(uint256 node) internal pure returns (uint256) {
        return node >> 160;
    }

    function addressOf(uint256 node) internal pure returns (address) {
        return address(uint160(node));
    }

    function node_(address who, uint256 stake) private pure returns (uint256) {
        return stake << 160 | uint160(who);
    }

    function insert(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        address who,
        uint256 stake,
        uint256 size
    ) internal {
        _rise(heap, candidates, size, node_(who, stake));
    }

    /// `index` from 0.
    function update(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        uint256 index,
        uint256 stake,
        uint256 size
    ) internal {
        uint256 old = heap[index];
        uint256 node = node_(addressOf(old), stake);
        if (stake < stakeOf(old)) _rise(heap, candidates, index, node);
        else _sink(heap, candidates, index, node, size);
    }

    function remove(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        uint256 index,
        uint256 size
    ) internal {
        uint256 old = heap[index];
        size--;
        uint256 last = heap[size];
        candidates[addressOf(old)].position = 0;
        delete heap[size];
        if (index == size) return;
        if (stakeOf(last) < stakeOf(old)) _rise(heap, candidates, index, last);
        else _sink(heap, candidates, index, last, size);
    }

    /// Put another in the root's place.
    function replaceRoot(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        address who,
        uint256 stake,
        uint256 size
    ) internal {
        candidates[addressOf(heap[0])].position = 0;
        _sink(heap, candidates, 0, node_(who, stake), size);
    }

    /// Towards the root, past all that have more stake.
    function _rise(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        uint256 index,
        uint256 node
    ) private {
        while (index > 0) {
            uint256 parent = (index - 1) / ARITY;
            uint256 above = heap[parent];
            if (stakeOf(above) <= stakeOf(node)) break;
            _place(heap, candidates, index, above);
            index = parent;
        }
        _place(heap, candidates, index, node);
    }

    /// Away from the root, past all that have less stake.
    function _sink(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        uint256 index,
        uint256 node,
        uint256 size
    ) private {
        while (true) {
            (uint256 child, uint256 below) = _smallestChild(heap, index, size);
            if (child == 0 || stakeOf(below) >= stakeOf(node)) break;
            _place(heap, candidates, index, below);
            index = child;
        }
        _place(heap, candidates, index, node);
    }

    /// 0 if it has none.
    function _smallestChild(mapping(uint256 => uint256) storage heap, uint256 index, uint256 size)
        private
        view
        returns (uint256 child, uint256 node)
    {
        uint256 first = index * ARITY + 1;
        uint256 end = first + ARITY < size ? first + ARITY : size;
        for (uint256 i = first; i < end; i++) {
            uint256 other = heap[i];
            if (child != 0 && stakeOf(other) >= stakeOf(node)) continue;
            (child, node) = (i, other);
        }
    }

    function _place(
        mapping(uint256 => uint256) storage heap,
        mapping(address => Candidate) storage candidates,
        uint256 index,
        uint256 node
    ) private {
        heap[index] = node;
        Candidate storage c = candidates[addressOf(node)];
        if (c.position != index + 1) c.position = uint16(index + 1);
    }
}
