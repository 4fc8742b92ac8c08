// The block follower on a chain that branches, sleeps and bursts, under kill -9 and behind
// endpoints that misbehave: its rows are always those of a follower that begins anew.
import assert from 'node:assert/strict';
import { long, note, parallel, slow, test, until } from './lib/harness.mjs';
import { Evm, below } from './lib/evm.mjs';
import { Follower, KEEP } from './lib/follower.mjs';

parallel(2);

async function aChain(t, blocks = 0) {
	const evm = await Evm.start(t);

	await evm.deployEmitters(2);
	if (blocks)
		await evm.mine(blocks);
	return evm;
}

/* And one that begins anew has the same, row by row. */
async function checkAgainstFresh(t, evm, f) {
	const fresh = new Follower(t, evm, { start: f.start, keep: f.keep }).run();

	await f.check();
	await fresh.check();
	const [a, b] = [await f.rows(), await fresh.rows()];

	assert.deepEqual(a.logs, b.logs);
	assert.deepEqual(a.counts, b.counts);
	await fresh.stop();
}

test('a chain longer than keep: ranges first, then block by block, and one block more', async (t) => {
	const evm = await aChain(t, 20);

	await evm.burst(2500, 100);
	const f = new Follower(t, evm).run();

	await f.check();
	assert.match(f.said, /applied 0\.\.1999 /);
	await evm.mine(3);
	await f.check();
	assert.equal((await f.rows()).kept.length, KEEP + 2);	// and the row that describes them
	await f.stop();
	assert.equal(f.child.end.code, 0, f.said);
});

test('a first block of interest that is not there yet, and one in the middle', async (t) => {
	const evm = await aChain(t, 10);
	const later = new Follower(t, evm, { start: 30 }).run(), middle = new Follower(t, evm, { start: 7 }).run();

	await middle.check();
	await evm.mine(12);
	await middle.check();
	assert.doesNotMatch(later.said, /applied/);
	await evm.mine(20);
	await later.check();
});

const depths = long ? Array.from({ length: 64 }, (_, i) => i + 1)
	: [1, 2 + below(10), 12 + below(20), 32 + below(32), 64];

test(`reorganisations of depth ${depths.join(', ')}`, async (t) => {
	const evm = await aChain(t, 80);
	const f = new Follower(t, evm).run();

	await f.check();
	for (const depth of depths) {
		note(`depth ${depth}`);
		await evm.reorg(depth);
		await f.check();
		assert.equal(f.said.match(/^undone/gm)?.length, depths.slice(0, depths.indexOf(depth) + 1)
			.reduce((a, b) => a + b));
		await evm.mine(2);
		await f.caughtUp();
	}
	assert.doesNotMatch(f.said, /reset/);
	await checkAgainstFresh(t, evm, f);
}, { limitS: long ? 900 : 90 });

test('reorganisations while it did not run', async (t) => {
	const evm = await aChain(t, 80);
	const f = new Follower(t, evm);

	for (const depth of depths.filter((_, i) => !long || i % 8 === 0)) {
		f.run();
		await f.check();
		await f.stop();
		await evm.reorg(depth);
		await evm.mine(below(3));
	}
	f.run();
	await checkAgainstFresh(t, evm, f);
	assert.doesNotMatch(f.said, /reset/);
}, { limitS: 180 });

test('a branch that is shorter, once it is longer', async (t) => {
	const evm = await aChain(t, 30);
	const f = new Follower(t, evm).run();

	await f.check();
	await evm.rpc('anvil_rollback', 7);
	await evm.mine(4);
	await evm.mine(5);
	await f.check();
});

test('reorganisations under way: in a range, in single blocks, one upon the other', async (t) => {
	const evm = await aChain(t, 20);

	await evm.burst(long ? 8000 : 4000, 80);
	for (let i = 0; i < (long ? 20 : 3); i++) {
		const f = new Follower(t, evm).run();
		const wanted = below(4);

		await until('it reads', () => (f.said.match(/^applied/gm) || []).length >= wanted, 20000 * slow, 1);
		for (let k = below(3); k >= 0; k--)
			await evm.reorg(1 + below(64));
		await f.check();
		await f.stop();
	}
}, { limitS: long ? 600 : 90 });

test('bursts of a thousand blocks, and a node asleep for five hundred', async (t) => {
	const evm = await aChain(t, 10);
	const f = new Follower(t, evm).run();

	await f.check();
	await evm.burst(1000);
	await f.check();
	f.child.kill('SIGSTOP');
	await evm.reorg(5);
	await evm.burst(500, 30);
	f.child.kill('SIGCONT');
	await checkAgainstFresh(t, evm, f);
	assert.doesNotMatch(f.said, /reset/);
});

test('a reorganisation deeper than keep: all is read again', async (t) => {
	const evm = await aChain(t, 150);
	const f = new Follower(t, evm).run();

	await f.check();
	await evm.reorg(KEEP + 1 + below(30));
	await checkAgainstFresh(t, evm, f);
	assert.match(f.said, /^reset$/m);
	assert.match(f.said, /the chain gave up final blocks, all is read again/);
});

test('kill -9 anywhere: each block once, and in the end the rows of a fresh one', async (t) => {
	const evm = await aChain(t, 70);
	const f = new Follower(t, evm);
	let kills = 0;

	for (let i = 0; i < (long ? 150 : 15); i++) {
		f.run(1 + below(12));
		await evm.mine(below(4));
		if (below(3) === 0)
			await evm.reorg(1 + below(64));
		if (below(10) === 0)
			await evm.burst(200);
		const head = f.caughtUp(5000 * slow).catch(() => {});

		await Promise.race([f.child.over, head]);
		kills += f.child.end?.signal === 'SIGKILL';
		await f.stop();
		await head;
	}
	note(`${kills} kills`);
	assert.ok(kills > 3);
	f.run();
	await checkAgainstFresh(t, evm, f);
}, { limitS: long ? 900 : 120 });

test('two of them on one store do not disturb each other', async (t) => {
	const evm = await aChain(t, 30);
	const a = new Follower(t, evm).run(), b = new Follower(t, evm, { dir: a.dir }).run();

	b.state_file += '.b';
	for (let i = 0; i < 5; i++) {
		await evm.mine(3);
		await evm.reorg(1 + below(10));
	}
	await evm.mine(1);
	await until('both are there', async () => {
		const h = await evm.hash();

		return a.said.includes(h) && b.said.includes(h);
	}, 20000 * slow);
	await a.check();
}, { limitS: 60 });

test('other contracts or another first block: the rows are made again', async (t) => {
	const evm = await aChain(t, 30);
	const f = new Follower(t, evm).run();

	await f.check();
	await f.stop();
	f.start = 9;
	f.run();
	await f.check();
	assert.match(f.said, /^reset$/m);
});
