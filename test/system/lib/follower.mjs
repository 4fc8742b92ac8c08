// test/tools/follow.c on a folder of its own, compared with the chain.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { slow, until } from './harness.mjs';
import { assertSameRows } from './evm.mjs';

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'follow');
export const KEEP = 64;

export class Follower {
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
