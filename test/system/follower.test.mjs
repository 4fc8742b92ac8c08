// The block follower on a chain that branches, sleeps and bursts, under kill -9 and behind
// endpoints that misbehave: its rows are always those of a follower that begins anew.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { long, note, parallel, sanitized, slow, test, until } from './lib/harness.mjs';
import { Evm, assertSameRows, below } from './lib/evm.mjs';

parallel(2);

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'follow');
const KEEP = 64;

/* test/tools/follow.c on a folder of its own. */
class Follower {
	constructor(t, evm, opts = {}) {
		Object.assign(this, { t, evm, start: 0, keep: KEEP, url: evm.url }, opts);
		this.dir ??= fs.mkdtempSync(path.join(t.dir(), 'store-'));
		this.state_file = path.join(t.dir(), `state-${path.basename(this.dir)}.json`);
		t.diagnoses.push(() => `follower:\n${this.said.split('\n').slice(-30).join('\n')}`);
	}

	before = '';
	get said() { return this.before + (this.child ? this.child.text() : ''); }

	run(crash = 0) {
		this.before = this.said;
		this.child = this.t.spawn(tool, [this.url, this.dir, `addresses=${this.evm.emitters.join(',')}`,
			`start=${this.start}`, `keep=${this.keep}`, 'poll=50', 'try=1000', `state=${this.state_file}`,
			`crash=${crash}`]);
		return this;
	}

	async stop() {
		if (this.child.end)
			return;
		this.child.kill('SIGTERM');
		await this.child.over;
	}

	/* It says that it is at the chain's head. */
	async caughtUp(limitMs = 20000 * slow) {
		await until('the follower has caught up', async () => {
			if (this.child.end)
				return true;
			const last = this.child.text().split('\n').filter((l) => l.startsWith('moved ')).pop();

			return last === `moved ${await this.evm.head()} ${await this.evm.hash()} caught up`;
		}, limitMs, 20);
		if (this.child.end)
			throw new Error(`it ended with ${this.child.end.signal || this.child.end.code}`);
	}

	async rows() {
		fs.rmSync(this.state_file, { force: true });
		this.child.kill('SIGUSR1');
		await until('the rows', () => fs.existsSync(this.state_file), 10000 * slow, 10);
		return JSON.parse(fs.readFileSync(this.state_file));
	}

	/* Its rows are those of the chain; what it keeps is not longer than it should be. */
	async check() {
		await this.caughtUp();
		const rows = await this.rows();

		assert.equal(rows.head[1], await this.evm.hash());
		assertSameRows(rows, await this.evm.rows(this.start));
		assert.ok(rows.kept.length <= this.keep + 2, `${rows.kept.length} rows kept`);
		assert.equal(rows.degraded, 0);
	}
}

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
