/*
 * Custom errors in words.  The names and types of the values come from the contracts' ABI; here
 * is only what it means and what to do.  {name} is a value as its type says, {name:lpt} and
 * {name:eth} an amount, {name:perc} a millionth, {name:time} seconds since 1970.
 */
#include "cmd/cli_internal.h"

#include <stddef.h>

static const struct cli_sentence sentences[] = {
	/* ---- rounds ---- */
	{ "RoundNotInitialized", "round {round} is not initialised: run `lpnode initialize-round`" },
	{ "RoundAlreadyInitialized", "round {round} is initialised already: nothing to do" },
	{ "RoundNotDrawable", "round {round} has just begun: try again from block {fromBlock} on" },
	{ "RoundLocked", "round {round} is in its lock at the end: rates change in the next round; only a lower price "
	  "may be matched now" },
	{ "BlockHashUnavailable", "the hash of block {blockNumber} is not there (yet, or no more): try again a few "
	  "blocks later" },

	/* ---- stake ---- */
	{ "ZeroAmount", "an amount of 0 does nothing: give more" },
	{ "ZeroAddress", "an address is missing (0x0): give one" },
	{ "AmountTooLarge", "{amount:lpt} is more than can be ({max:lpt}): give less" },
	{ "InsufficientBond", "{asked:lpt} asked, only {bonded:lpt} bonded: see `lpnode delegator`" },
	{ "InsufficientFees", "{asked:eth} asked, only {fees:eth} of fees earned: see `lpnode delegator`" },
	{ "NotBonded", "{delegator} has nothing bonded: run `lpnode bond` first" },
	{ "StillBonded", "{delegator} still has {bonded:lpt} bonded: rebond without --to" },
	{ "DelegateNotRegistered", "{delegate} is no registered transcoder: choose one of `lpnode transcoders`" },
	{ "TranscoderCannotMove", "{transcoder} is a transcoder and stays bonded to itself: `lpnode transcoder resign` "
	  "first" },
	{ "InvalidLock", "{delegator} has no lock {lockId}: see `lpnode delegator`" },
	{ "LockNotMature", "lock {lockId} opens in round {withdrawRound} and after block {slashableUntil}: withdraw "
	  "then" },
	{ "LockHasDestination", "lock {lockId} is a move of stake to {to}: it is completed there, not withdrawn" },
	{ "LockOfOtherDelegate", "lock {lockId} is of stake with {delegate}: rebond it there, or wait until it opens" },
	{ "FeeTransferFailed", "{recipient} does not take the {amount:eth}: give another recipient" },
	{ "StakeGone", "the stake of {transcoder} is gone: bond to it before it works again" },

	/* ---- transcoders ---- */
	{ "InvalidRate", "{what} of {value:perc} is more than {max:perc}: give less" },
	{ "StakeTooSmall", "{stake:lpt} of stake, a transcoder needs {min:lpt}: bond more to yourself" },
	{ "NotRegistered", "{transcoder} is no registered transcoder: `lpnode transcoder register` makes one" },
	{ "NotActive", "{transcoder} is not active in round {round}: only the active ones call reward" },
	{ "AlreadyRewarded", "{transcoder} has called reward in round {round}: nothing to do" },
	{ "PriceNotLower", "a price of {price} wei is not below the present {current} wei: during the lock only lower "
	  "ones are taken" },
	{ "PriceBelowMatched", "a price of {price} wei is below that of the matched transcoder ({matched} wei): match "
	  "it, or wait for the next round" },
	{ "NotWaiting", "{candidate} is no registered transcoder outside the pool: nothing to promote" },
	{ "NoPlaceInPool", "the pool is full, and {stake:lpt} is not above its smallest ({smallest:lpt}): more stake "
	  "is needed" },
	{ "NoMissedRewards", "{transcoder} missed no reward in round {round}: nothing to slash" },
	{ "ServiceURITooLong", "the service URI has {length} bytes, at most {max}: give a shorter one" },

	/* ---- jobs and claims ---- */
	{ "InvalidJob", "{what} of {value} is not possible for a job: see `lpnode protocol`" },
	{ "InvalidOptions", "the job's renditions are not readable from byte {offset} on: give known presets" },
	{ "UnknownJob", "there is no job {jobId}: see `lpnode job list`" },
	{ "NotBroadcaster", "job {jobId} is not of {sender}: only its broadcaster may do that" },
	{ "JobOver", "job {jobId} is over since block {deadlineBlock}: create another" },
	{ "JobNotOver", "job {jobId} goes on until block {untilBlock}: try again then" },
	{ "ClaimsPending", "job {jobId} has {count} claims that are not settled: try again when they are" },
	{ "Relinquished", "{transcoder} has given job {jobId} up: it cannot claim for it" },
	{ "NotTranscoder", "{sender} is not the transcoder of job {jobId}: use its account" },
	{ "NotEligible", "{transcoder} was not elected for job {jobId}: it cannot claim for it" },
	{ "ElectionSeedMismatch", "the election is by another block's hash than {actual}: look at the job again" },
	{ "SeedNotSealed", "the hash of block {blockNumber} was not kept: seal it within 256 blocks (8191 where the "
	  "chain keeps more)" },
	{ "InsufficientDeposit", "{need:eth} needed, the deposit is {have:eth}: run `lpnode deposit`" },
	{ "InsufficientEscrow", "{need:eth} needed, {have:eth} are set aside for this job: its broadcaster must deposit "
	  "more" },
	{ "NothingToWithdraw", "{broadcaster} has nothing to withdraw: see `lpnode balance`" },
	{ "TransferFailed", "{to} does not take the {amount:eth}: use an account that can" },
	{ "TransferFailed", "{account} does not take the {amount:eth}: use an account that can" },
	{ "InvalidRanges", "the claimed ranges are not readable from byte {offset} on: claim again" },
	{ "RangeNotAscending", "a range begins at segment {start}, it must be at least {atLeast}: claim each segment "
	  "once, in order" },
	{ "InvalidFallback", "{signer} cannot be the one of rank {rank} for this: leave that receipt out" },
	{ "BeforeFallback", "segment {start} was before this transcoder's turn, which began at {fromSequence}: claim "
	  "from there" },
	{ "UnknownClaim", "{transcoder} has no claim {claimId} on job {jobId}: see `lpnode claims`" },
	{ "ClaimNotPending", "the claim is settled (status {status}): nothing to do" },
	{ "ContentMismatch", "what was given is not what was committed to: rebuild it from the chain and try again" },
	{ "DetailsMismatch", "the claim was made with other details: take those of its event" },
	{ "TooEarly", "too early: possible from block {fromBlock} on" },
	{ "TooLate", "too late: it was possible until block {untilBlock}" },
	{ "NotSettled", "claim {claimId} of {transcoder} on job {jobId} is not settled: wait for its verification" },
	{ "ChallengeSealed", "the challenge of block {blockNumber} is sealed already: nothing to do" },
	{ "InvalidBatch", "{count} segments at once, at most {max}: give fewer" },
	{ "NotChallenged", "segment {sequence} was not drawn for verification: leave it out" },
	{ "NotInRanges", "segment {sequence} is not in the claim: leave it out" },
	{ "NotAscending", "segment {sequence} is out of order, it must be at least {atLeast}: sort them" },
	{ "NotAscending", "answer {k} is out of order: give them ascending, each once" },
	{ "AlreadyVerified", "segment {sequence} is verified already: leave it out" },
	{ "SegmentTooLong", "segment {sequence} lasts {durationMs} ms, at most {maxMs}: it cannot be claimed" },
	{ "BadSignature", "the {which} signature of segment {sequence} is wrong: that receipt is worth nothing" },
	{ "BadMerkleProof", "the Merkle proof does not lead to the claim's root: rebuild the tree from all receipts" },
	{ "VerdictsAwaited", "{batches} batches of the claim await a verdict: pay when they have it" },
	{ "TooManyOpen", "{max} batches of the claim await a verdict, as many as may: wait for one" },
	{ "NotSettledAtOnce", "batch {index} did not pass in one transaction: its record is there already" },
	{ "NoEther", "the Verifier takes no ETH: send none along" },
	{ "NotBetter", "{candidate} was not before in the election: leave it out" },
	{ "NotEnoughBetter", "{given} better ranked transcoders shown, {needed} needed: show more" },
	{ "PlantMismatch", "the planted segments are not what was committed to: show the same" },

	/* ---- verification ---- */
	{ "NotSeatOwner", "seat {seatId} is not of {sender}: use its owner's account" },
	{ "SeatAlreadyLeft", "seat {seatId} is left already: nothing to do" },
	{ "SeatNotLeft", "seat {seatId} is still taken: leave it first" },
	{ "SeatNotFinal", "seat {seatId} can still be called to account: withdraw from block {fromBlock} on" },
	{ "StakeBelowSeat", "seat {seatId} has {stake:lpt} left, less than a seat's {seatStake:lpt}: top it up" },
	{ "NothingOwed", "nothing is owed to {account}: nothing to do" },
	{ "BadLength", "{length} bytes do not divide into pieces of {unit}: give whole ones" },
	{ "BadCount", "{count} segments cannot be judged at once: give another number" },
	{ "NotDrawn", "verifier {k} was not drawn, only {draws} were: use those" },
	{ "AlreadyDone", "verifier {k} has answered already: leave it out" },
	{ "SameVerifier", "{verifier} stands twice among the answers (at {k}): give it once" },
	{ "Conflicted", "{verifier} (at {k}) has a part in this claim and may not judge it: leave it out" },
	{ "BadAnswers", "answer {k} ({answers}) has marks for segments that are not in the batch: ask it again" },
	{ "BadSigner", "answer {k} is signed by {signer}, not by {holder}: leave it out" },
	{ "NotPass", "answer {k} ({answers}) says that a segment is bad: this way takes only what all passed" },
	{ "QuorumMissing", "{have} verifiers answered, {need} needed: wait for more" },
	{ "NoSeats", "there were no verifiers at block {atBlock}: wait until somebody takes a seat" },
	{ "WrongPhase", "not in this phase of the verification ({phase}): see `lpnode claims`" },
	{ "NoMoreExtensions", "it was prolonged {extensions} times already: finish it with what there is" },
	{ "EmptyDraw", "draw {k} has nobody to blame: leave it out" },
	{ "WrongClaim", "batch {batch} is of another claim: leave it out" },
	{ "NotPlanted", "segment {sequence} was not planted: leave it out" },
	{ "PlantNotShown", "no planted segment is shown: show at least one" },

	/* ---- who may call ---- */
	{ "OnlyVerifier", "{sender} is not the verifier contract: only that may call this" },
	{ "OnlyJobsManager", "{sender} is not the JobsManager: only that may call this" },
	{ "OnlyRoundsManager", "{sender} is not the RoundsManager: only that may call this" },
	{ "OnlyBondingManager", "{sender} is not the BondingManager: only that may call this" },
	{ "OnlyControllerOwner", "{sender} does not own the Controller: this is decided by vote (`lpnode propose`)" },
	{ "OwnableUnauthorizedAccount", "{account} does not own this contract: use its owner's account, or a vote" },
	{ "OwnableInvalidOwner", "{owner} cannot own a contract: give another" },
	{ "OwnershipNotRenounceable", "the Controller always has an owner: hand it to somebody instead" },
	{ "AccessControlUnauthorizedAccount", "{account} lacks the role {neededRole}: this is decided by vote "
	  "(`lpnode propose`)" },
	{ "AccessControlBadConfirmation", "a role is given up only by whoever has it: use that account" },

	/* ---- parameters and deployment ---- */
	{ "InvalidParameter", "{param} cannot be {value}: see `lpnode protocol` for what holds" },
	{ "MintableExceeded", "{asked:lpt} asked, {left:lpt} may be minted in this round: wait for the next" },
	{ "ContractHasNoCode", "there is no contract at {contractAddress} (for {id}): check the address and the "
	  "network" },
	{ "ManagerPaused", "the protocol is paused: try again when a vote has ended it" },
	{ "EnforcedPause", "the protocol is paused already: nothing to do" },
	{ "ExpectedPause", "the protocol is not paused: nothing to do" },
	{ "InvalidInitialization", "the contract is set up already: nothing to do" },
	{ "NotInitializing", "only possible while a contract is set up: nothing to do" },
	{ "ERC1967InvalidImplementation", "{implementation} is no contract to upgrade to: deploy it first" },
	{ "ERC1967NonPayable", "no ETH is taken here: send none along" },
	{ "ERC1967ProxyUninitialized", "the proxy was made without setting it up: deploy again" },
	{ "UUPSUnauthorizedCallContext", "this is called through the proxy only: use the proxy's address" },
	{ "UUPSUnsupportedProxiableUUID", "the new contract is for another slot ({slot}): it cannot stand behind this "
	  "proxy" },
	{ "AddressEmptyCode", "there is no contract at {target}: check the address and the network" },
	{ "FailedCall", "a call that this one makes failed without a reason: check its target" },
	{ "ReentrancyGuardReentrantCall", "a contract called back while it was paid: use a plain account" },
	{ "CheckpointUnorderedInsertion", "checkpoints are out of order: a fault of the contract, please report it" },
	{ "SafeCastOverflowedUintDowncast", "{value} does not fit in {bits} bits: give less" },

	/* ---- token, faucet, genesis ---- */
	{ "ERC20InsufficientBalance", "{sender} has {balance:lpt}, {needed:lpt} are needed: get LPT (on a test network "
	  "`lpnode faucet`)" },
	{ "ERC20InsufficientAllowance", "{spender} may take {allowance:lpt}, {needed:lpt} are needed: run `lpnode token "
	  "approve`" },
	{ "ERC20InvalidApprover", "{approver} cannot approve: use a real account" },
	{ "ERC20InvalidReceiver", "{receiver} cannot receive LPT: give a real account" },
	{ "ERC20InvalidSender", "{sender} cannot send LPT: use a real account" },
	{ "ERC20InvalidSpender", "{spender} cannot be approved: give a real account" },
	{ "ERC2612ExpiredSignature", "the permit ran out at {deadline:time}: sign a new one" },
	{ "ERC2612InvalidSigner", "the permit is signed by {signer}, not by {owner}: sign it with that account" },
	{ "SafeERC20FailedOperation", "the token {token} refused: check balance and approval" },
	{ "InvalidAccountNonce", "a signature of {account} is out of turn, its nonce is now {currentNonce}: sign again" },
	{ "ECDSAInvalidSignature", "the signature is none: sign again" },
	{ "ECDSAInvalidSignatureLength", "a signature of {length} bytes is none: give 65" },
	{ "ECDSAInvalidSignatureS", "the signature is not in its canonical form (s {s}): sign again" },
	{ "InvalidShortString", "a short string is damaged: a fault of the contract, please report it" },
	{ "StringTooLong", "\"{str}\" is too long: give a shorter one" },
	{ "RequestTooEarly", "the faucet gives {to} LPT again at {nextValidRequest:time}: wait until then" },
	{ "ZeroRoot", "the genesis tree is empty: give its root" },
	{ "ClaimsOver", "the genesis claims ended at {deadline:time}: nothing can be claimed" },
	{ "ClaimsNotOver", "the genesis claims go on until {deadline:time}: try again then" },
	{ "AlreadyClaimed", "{account} has claimed its genesis LPT: nothing to do" },
	{ "NotInTree", "{amount:lpt} for {account} are not in the genesis tree: check the proof" },

	/* ---- votes ---- */
	{ "UseBondingManager", "votes go with bonded stake: use `lpnode bond --to` to give them to somebody" },
	{ "ERC5805FutureLookup", "round {timepoint} is not over ({clock} is the present): votes count from the round "
	  "after" },
	{ "VotesExpiredSignature", "the signature ran out at {expiry:time}: sign a new one" },
	{ "GovernorAlreadyCastVote", "{voter} has voted on this: a vote is cast once" },
	{ "GovernorAlreadyQueuedProposal", "proposal {proposalId} is queued already: execute it when its delay is over" },
	{ "GovernorDisabledDeposit", "the governor takes no ETH or tokens: send them to the treasury" },
	{ "GovernorInsufficientProposerVotes", "{proposer} has {votes:lpt} of votes, a proposal needs {threshold:lpt}: "
	  "bond more" },
	{ "GovernorInvalidProposalLength", "a proposal needs a target, a value and call data for each step ({targets}, "
	  "{values}, {calldatas}): give as many of each" },
	{ "GovernorInvalidQuorumFraction", "a quorum of {quorumNumerator} of {quorumDenominator} is none: give less" },
	{ "GovernorInvalidSignature", "the vote is not signed by {voter}: sign it with that account" },
	{ "GovernorInvalidVoteParams", "the vote's parameters are not readable: leave them out" },
	{ "GovernorInvalidVoteType", "a vote is against, for or abstain: give one of these" },
	{ "GovernorInvalidVotingPeriod", "a voting period of {votingPeriod} is none: give at least a round" },
	{ "GovernorNonexistentProposal", "there is no proposal {proposalId}: check its number" },
	{ "GovernorOnlyExecutor", "{account} may not: only an accepted proposal does that (`lpnode propose`)" },
	{ "GovernorProposalQueueingFailed", "proposal {proposalId} could not be queued: check its steps" },
	{ "GovernorProposalQueueingNotRequired", "proposal {proposalId} needs no queue: execute it" },
	{ "GovernorRestrictedProposer", "the proposal names another proposer than {proposer}: propose it with that "
	  "account" },
	{ "GovernorUnableToCancel", "{account} cannot cancel proposal {proposalId}: only its proposer, before the vote "
	  "begins" },
	{ "GovernorUnexpectedProposalState", "proposal {proposalId} is in state {current} (0 pending, 1 active, "
	  "2 cancelled, 3 defeated, 4 succeeded, 5 queued, 7 executed): not possible now" },
	{ "TimelockInsufficientDelay", "a delay of {delay} s is less than {minDelay} s: give more" },
	{ "TimelockInvalidOperationLength", "an operation needs as many targets ({targets}) as values ({values}) and "
	  "data ({payloads})" },
	{ "TimelockUnauthorizedCaller", "{caller} may not do this at the treasury: only the governor does" },
	{ "TimelockUnexecutedPredecessor", "operation {predecessorId} must be executed first" },
	{ "TimelockUnexpectedOperationState", "operation {operationId} is not in the state for this: wait for its "
	  "delay, or it is done" },
};

const struct cli_sentence *cli_sentence_at(size_t i)
{
	return i < sizeof(sentences) / sizeof(sentences[0]) ? &sentences[i] : NULL;
}
