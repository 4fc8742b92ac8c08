// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity ^0.8.28;

import {IJobsManager} from "eth/contracts/interfaces/IJobsManager.sol";
import {IVerifier} from "eth/contracts/interfaces/IVerifier.sol";
import {IVerifierTypes} from "eth/contracts/interfaces/IVerifierTypes.sol";
import {Actors} from "./Actors.sol";
import {vm} from "./Vm.sol";

interface ILogs {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

/// What broadcasters, those who claim to have worked, verifiers and finders do, at random.
abstract contract Workers is Actors {
    bytes private constant OPTIONS = hex"0107800438000075300fa0" hex"01aa00f0" hex"00000000" hex"00061a80" hex"0000" hex"00000000" hex"ff";
    string private constant STREAM = "stream";
    uint256 private constant RECENT = 4;

    struct Work {
        IJobsManager.ClaimRef ref;
        uint256 start;
        uint256 length;
        uint256 atBlock;
        bytes32[] leaves;
        IJobsManager.VerifiedBatch[] batches;   // a segment each
    }

    struct Trial {
        IVerifier.Request request;
        IVerifierTypes.Decision decision;
        bool asked;          // for a verdict later: its fee is kept until then
    }

    uint256 public numJobs;
    Work[] internal works;
    Trial[] internal trials;
    /// Claimed segments, each once.
    mapping(bytes32 segment => bool) private claimed;
    mapping(bytes32 key => uint256) private trialOf;

    function numWorks() external view returns (uint256) {
        return works.length;
    }

    function workRef(uint256 i) external view returns (IJobsManager.ClaimRef memory) {
        return works[i].ref;
    }

    /// One of the last claims, the last if that one is too old to be verified.
    function young(uint256 random) private view returns (Work storage w) {
        w = works[recent(random, works.length)];
        if (block.number > w.atBlock + 20) w = works[works.length - 1];
    }

    function recent(uint256 random, uint256 n) private pure returns (uint256) {
        return n <= RECENT ? random % n : n - 1 - random % RECENT;
    }

    // ---- broadcasters ----

    function deposit(uint256 b, uint256 amount) public {
        address who = pick(b);
        amount = amountOf(amount, who.balance / 2 + 1);
        if (amount <= who.balance) actWith(who, address(jobs), amount, abi.encodeCall(jobs.deposit, ()));
    }

    function withdrawDeposit(uint256 b) public {
        if (b % 4 == 0) act(pick(b >> 8), address(jobs), abi.encodeCall(jobs.withdraw, ()));
    }

    function job(uint256 b, uint256 price, uint256 escrow) public {
        address who = pick(b);
        bytes memory data = abi.encodeCall(
            jobs.job, (STREAM, OPTIONS, 1 + price % 1e9, block.number + 40 + price % 100, 5e13 + amountOf(escrow, 5e13), 0)
        );
        (bool ok,) = actWith(who, address(jobs), 1e14, data);
        if (ok) numJobs++;
        mine(2);
    }

    function topUp(uint256 j, uint256 amount) public {
        if (numJobs == 0) return;
        uint256 id = 1 + recent(j, numJobs);
        address who = jobs.getJob(id).broadcaster;
        actWith(who, address(jobs), 1, abi.encodeCall(jobs.topUp, (id, amountOf(amount, 1e14))));
    }

    function endJob(uint256 j, uint256 by) public {
        if (numJobs == 0) return;
        uint256 id = 1 + recent(j, numJobs);
        address who = by % 4 == 0 ? jobs.getJob(id).broadcaster : pick(by);
        if (by % 3 == 0) act(who, address(jobs), abi.encodeCall(jobs.endJob, (id)));
    }

    function refund(uint256 j) public {
        if (numJobs != 0) act(pick(j), address(jobs), abi.encodeCall(jobs.refund, (1 + j % numJobs)));
    }

    // ---- claims ----

    /// Mostly by the elected; ranges that overlap with earlier ones are tried, too.
    function claim(uint256 j, uint256 by, uint256 start, uint256 length) public {
        if (numJobs == 0) return;
        uint256 id = 1 + recent(j, numJobs);
        (bytes32 seed, address[] memory ranked,) = election(id);
        if (ranked.length == 0) return;
        address who = by % 4 == 0 ? pick(by >> 8) : ranked[0];
        (uint64 next,,,,) = jobs.progress(id, who);
        start = start % 4 == 0 ? start % (next + 3) : next + start % 5;
        length = 1 + length % 3;
        book(id, who, start, length, seed);
        mine(2);
    }

    function election(uint256 id) private view returns (bytes32 seed, address[] memory ranked, uint256[] memory s) {
        try jobs.getElection(id) returns (bytes32 a, address[] memory b, uint256[] memory c) {
            return (a, b, c);
        } catch {}
    }

    function book(uint256 id, address who, uint256 start, uint256 length, bytes32 seed) private {
        bytes32[] memory leaves = new bytes32[](length);
        for (uint256 i; i < length; i++) leaves[i] = leafOf(id, who, start + i);
        bytes memory ranges = abi.encodePacked(uint64(start), uint32(length));
        (, uint32 claimId,,,) = jobs.progress(id, who);
        if (!act(who, address(jobs), abi.encodeCall(jobs.claimWork, (id, ranges, rootOf(leaves), seed, "")))) return;
        for (uint256 i; i < length; i++) {
            bytes32 segment = keccak256(abi.encode(id, who, start + i));
            require(!claimed[segment], "claimed twice");
            claimed[segment] = true;
        }
        Work storage w = works.push();
        (w.ref, w.start, w.length) = (IJobsManager.ClaimRef(id, who, claimId), start, length);
        (w.atBlock, w.leaves) = (block.number, leaves);
    }

    // ---- evidence ----

    function hashPair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function rootOf(bytes32[] memory l) private pure returns (bytes32 root) {
        root = l[0];
        for (uint256 i = 1; i < l.length; i++) root = hashPair(root, l[i]);
    }

    function proofOf(bytes32[] memory l, uint256 i) private pure returns (bytes32[] memory proof) {
        uint256 n = l.length - (i == 0 ? 1 : i);
        proof = new bytes32[](l.length == 1 ? 0 : n);
        if (proof.length == 0) return proof;
        bytes32 before = l[0];
        for (uint256 k = 1; k < i; k++) before = hashPair(before, l[k]);
        uint256 n_ = 0;
        if (i != 0) proof[n_++] = before;
        for (uint256 k = i + 1; k < l.length; k++) proof[n_++] = l[k];
    }

    function typed(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("lpnode"),
                keccak256("1"),
                block.chainid,
                address(jobs)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function signed(address who, bytes32 digest) private view returns (bytes memory) {
        return joined(signature(who, digest));
    }

    function signature(address who, bytes32 digest) private view returns (IJobsManager.Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], digest);
        return IJobsManager.Signature(r, s, v);
    }

    function joined(IJobsManager.Signature memory sig) private pure returns (bytes memory) {
        return abi.encodePacked(sig.r, sig.s, sig.v);
    }

    function dataHash(uint256 sequence) private pure returns (bytes32) {
        return keccak256(abi.encode("data", sequence));
    }

    function segmentSig(uint256 id, address who, uint256 sequence)
        private
        view
        returns (IJobsManager.Signature memory)
    {
        bytes32 kind = keccak256(
            "Segment(uint256 jobId,address transcoder,string streamId,uint64 sequence,uint32 durationMs,bytes32 dataHash)"
        );
        bytes32 h = keccak256(abi.encode(kind, id, who, keccak256(bytes(STREAM)), sequence, 2000, dataHash(sequence)));
        return signature(jobs.getJob(id).broadcaster, typed(h));
    }

    function receiptDigest(uint256 id, address who, uint256 sequence) private view returns (bytes32) {
        bytes32 kind = keccak256(
            "Receipt(uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash,bytes32 transcodedHash,bytes broadcasterSig)"
        );
        bytes32 sig = keccak256(joined(segmentSig(id, who, sequence)));
        bytes32 data = dataHash(sequence);
        return typed(keccak256(abi.encode(kind, id, keccak256(bytes(STREAM)), sequence, data, ~data, sig)));
    }

    function leafOf(uint256 id, address who, uint256 sequence) private view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(receiptDigest(id, who, sequence)))));
    }

    // ---- verification ----

    /// The next challenged segment of a claim, or none.
    function nextChallenged(Work storage w) private view returns (bool found, uint64 sequence) {
        bytes memory ranges = abi.encodePacked(uint64(w.start), uint32(w.length));
        try jobs.getChallenges(w.ref.jobId, w.ref.transcoder, w.ref.claimId, ranges) returns (
            bytes32, uint64[] memory list
        ) {
            uint256 n = w.batches.length;
            if (n < list.length) return (true, list[n]);
        } catch {}
    }

    function evidence(Work storage w, uint64 sequence)
        private
        view
        returns (IJobsManager.VerifySegment[] memory segments, IJobsManager.VerifyProof memory p)
    {
        (uint256 id, address who) = (w.ref.jobId, w.ref.transcoder);
        segments = new IJobsManager.VerifySegment[](1);
        segments[0] = IJobsManager.VerifySegment(
            sequence,
            2000,
            dataHash(sequence),
            ~dataHash(sequence),
            segmentSig(id, who, sequence),
            signature(who, receiptDigest(id, who, sequence))
        );
        IJobsManager.Job memory j = jobs.getJob(id);
        uint256 fee = j.price * j.units;
        p.details =
            IJobsManager.JobDetails(keccak256(bytes(STREAM)), keccak256(OPTIONS), 4000, 0, j.broadcaster, fee);
        p.ranges = abi.encodePacked(uint64(w.start), uint32(w.length));
        p.root = rootOf(w.leaves);
        p.proof = proofOf(w.leaves, sequence - w.start);
        p.flagCount = uint16(p.proof.length);
        p.flagBits = new uint256[](p.proof.length == 0 ? 0 : 1);
    }

    function requestOf(Work storage w, uint64 sequence) private view returns (IVerifier.Request memory r) {
        r.ref = w.ref;
        r.batch = w.batches.length;
        r.broadcaster = jobs.getJob(w.ref.jobId).broadcaster;
        r.challengeBlock = w.atBlock + 1;
        r.seed = rounds.blockHash(r.challengeBlock);
        bytes32 data = dataHash(sequence);
        r.work = keccak256(abi.encode(uint256(32), uint256(1), uint256(sequence), data, ~data));
        r.count = 1;
    }

    /// Openings of up to n of those drawn in from..to-1 that have not answered, all the same.
    function openings(IVerifier.Request memory r, uint256 done_, uint256 to, uint256 n, uint256 what)
        private
        view
        returns (bytes memory all)
    {
        IVerifierTypes.Draw[] memory draws = seats.getDraws(r, 0, to);
        for (uint256 i; i < draws.length && n != 0; i++) {
            if (draws[i].empty || done_ >> i & 1 != 0) continue;
            all = bytes.concat(all, opening(r, draws[i].owner, i, what));
            n--;
        }
    }

    function opening(IVerifier.Request memory r, address who, uint256 k, uint256 what)
        private
        view
        returns (bytes memory)
    {
        bytes32 commitment = keccak256(abi.encode(who, what, bytes32(0), bytes32(uint256(7))));
        bytes32 kind = keccak256(
            "Verdict(uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment)"
        );
        bytes32 h = keccak256(abi.encode(kind, r.ref.jobId, r.ref.transcoder, r.ref.claimId, r.work, commitment));
        return abi.encodePacked(uint16(k), uint128(what), bytes32(0), bytes32(uint256(7)), signed(who, typed(h)));
    }

    function verifyAtOnce(uint256 c, uint256 n) public {
        if (works.length == 0) return;
        Work storage w = young(c);
        (bool found, uint64 sequence) = nextChallenged(w);
        if (!found) return;
        (IJobsManager.VerifySegment[] memory segments, IJobsManager.VerifyProof memory p) = evidence(w, sequence);
        bytes memory answers = openings(requestOf(w, sequence), 0, 8, 2 + n % 3, n % 8 == 0 ? 1 : 0);
        bytes memory data = abi.encodeCall(jobs.verifyWithVerdicts, (w.ref, segments, p, answers));
        ILogs(address(vm)).recordLogs();
        if (!act(w.ref.transcoder, address(jobs), data)) return;
        bytes memory said = logged(IJobsManager.VerifyWithVerdicts.selector);
        (uint64[] memory sequences, bytes32 work, uint256[] memory signers,) =
            abi.decode(said, (uint64[], bytes32, uint256[], uint256));
        w.batches.push(IJobsManager.VerifiedBatch(sequences, work, signers));
    }

    /// Data of the last of these events since recordLogs(); empty if there is none.
    function logged(bytes32 topic) private returns (bytes memory data) {
        ILogs.Log[] memory logs = ILogs(address(vm)).getRecordedLogs();
        for (uint256 i; i < logs.length; i++) {
            if (logs[i].topics[0] == topic) data = logs[i].data;
        }
    }

    /// Puts a batch that was settled at once on record, for appeals: every other one is appealed.
    function record(uint256 c, uint256 by) public {
        if (works.length == 0) return;
        Work storage w = young(c);
        if (w.batches.length == 0) return;
        ILogs(address(vm)).recordLogs();
        bytes memory data = abi.encodeCall(seats.record, (w.ref, w.batches, by % w.batches.length));
        if (!act(pick(by), address(seats), data)) return;
        (IVerifier.Request memory r, uint256[] memory words,) =
            abi.decode(logged(IVerifierTypes.Recorded.selector), (IVerifier.Request, uint256[], uint256));
        Trial storage t = trials.push();
        (t.request, t.decision) = (r, IVerifierTypes.Decision(0, words));
        if (c % 2 == 0) act(verifiers[c % SEATED], address(seats), abi.encodeCall(seats.appeal, (r, t.decision)));
    }

    function withdrawVerifierFees(uint256 v) public {
        act(pick(v), address(jobs), abi.encodeCall(jobs.withdrawVerifierFees, (payable(verifiers[v % SEATED]))));
    }

    function verifyLater(uint256 c) public {
        if (works.length == 0) return;
        Work storage w = young(c);
        (bool found, uint64 sequence) = nextChallenged(w);
        if (!found) return;
        (IJobsManager.VerifySegment[] memory segments, IJobsManager.VerifyProof memory p) = evidence(w, sequence);
        IVerifier.Request memory r = requestOf(w, sequence);
        uint256 fees = feesOf(w.ref);
        if (!act(w.ref.transcoder, address(jobs), abi.encodeCall(jobs.verify, (w.ref, segments, p, "")))) return;
        r.fee = fees - feesOf(w.ref);
        uint64[] memory sequences = new uint64[](1);
        sequences[0] = sequence;
        w.batches.push(IJobsManager.VerifiedBatch(sequences, r.work, new uint256[](0)));
        Trial storage t = trials.push();
        (t.request, t.asked) = (r, true);
    }

    function feesOf(IJobsManager.ClaimRef memory r) internal view returns (uint256) {
        return jobs.getClaim(r.jobId, r.transcoder, r.claimId).fees;
    }

    /// Fees that are kept for nobody yet.
    function openFees() public view returns (uint256 sum) {
        for (uint256 i; i < trials.length; i++) {
            IVerifierTypes.Record memory rec = seats.getRecord(trials[i].request.ref, trials[i].request.batch);
            if (trials[i].asked && rec.phase == IVerifierTypes.Phase.Open) sum += trials[i].request.fee;
        }
    }

    function answer(uint256 c, uint256 n, uint256 what) public {
        if (trials.length == 0) return;
        Trial storage t = trials[recent(c, trials.length)];
        IVerifier.Request memory r = t.request;
        IVerifierTypes.Record memory rec = seats.getRecord(r.ref, r.batch);
        uint256 to = 8 + 5 * uint256(rec.extensions);
        bytes memory all = openings(r, rec.done, to, 1 + n % 3, what % 2 == 0 ? 0 : what % 4);
        ILogs(address(vm)).recordLogs();
        act(pick(n), address(seats), abi.encodeCall(seats.answer, (r, all)));
        bytes memory said = logged(IVerifierTypes.Decided.selector);
        if (said.length == 0) return;
        (,, uint256 verdicts, uint256[] memory words) = abi.decode(said, (uint256, uint256, uint256, uint256[]));
        t.decision = IVerifierTypes.Decision(verdicts, words);
    }

    function extendOrEnd(uint256 c, uint256 k, bool fine) public {
        if (trials.length == 0) return;
        Trial storage t = trials[recent(c, trials.length)];
        uint256[] memory silent = new uint256[](fine ? 1 : 0);
        if (fine) silent[0] = k % 8;
        act(pick(k), address(seats), abi.encodeCall(seats.extend, (t.request, silent)));
        act(pick(k), address(seats), abi.encodeCall(seats.endWithoutVerdict, (t.request, silent)));
        act(pick(k), address(seats), abi.encodeCall(seats.finalize, (t.request, t.decision)));
    }

    /// By a verifier: it has LPT there already.
    function appeal(uint256 c, uint256 by) public {
        if (trials.length == 0) return;
        Trial storage t = trials[recent(c, trials.length)];
        act(verifiers[by % SEATED], address(seats), abi.encodeCall(seats.appeal, (t.request, t.decision)));
    }

    function endAppeal(uint256 c, uint256 by) public {
        if (trials.length == 0) return;
        Trial storage t = trials[recent(c, trials.length)];
        uint256[] memory none;
        act(pick(by), address(seats), abi.encodeCall(seats.redraw, (t.request, t.decision, none)));
        act(pick(by), address(seats), abi.encodeCall(seats.endAppeal, (t.request, t.decision, none)));
    }

    // ---- the end of claims ----

    function distribute(uint256 c) public {
        if (works.length == 0) return;
        IJobsManager.ClaimRef memory r = works[c % works.length].ref;
        act(pick(c), address(jobs), abi.encodeCall(jobs.distributeFees, (r.jobId, r.transcoder, r.claimId)));
    }

    /// Of the last claims one of which something was not verified: now, or as soon as it is late.
    function missed(uint256 by, bool wait) public {
        for (uint256 i = works.length; i > 0 && i + RECENT > works.length; i--) {
            Work storage w = works[i - 1];
            (bool found, uint64 sequence) = nextChallenged(w);
            if (!found || block.number > w.atBlock + 29) continue;
            if (wait && block.number < w.atBlock + 21) mine(w.atBlock + 21 - block.number);
            bytes memory ranges = abi.encodePacked(uint64(w.start), uint32(w.length));
            bytes memory data = abi.encodeCall(
                jobs.missedVerificationSlash, (w.ref, sequence, ranges, rootOf(w.leaves), w.batches, bytes32(0))
            );
            act(pick(by), address(jobs), data);
            return;
        }
    }

    function refute(uint256 c, uint256 by) public {
        if (works.length == 0) return;
        IJobsManager.ClaimRef memory r = works[recent(c, works.length)].ref;
        (, address[] memory ranked,) = election(r.jobId);
        if (ranked.length == 0) return;
        address[] memory better = new address[](1);
        better[0] = ranked[0];
        act(pick(by), address(jobs), abi.encodeCall(jobs.refuteElection, (r.jobId, r.transcoder, better, bytes32(0))));
    }
}
