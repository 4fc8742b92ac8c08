// A farm: an orchestrator that only dispatches, transcoders as processes of their own,
// a broadcaster, and the tool that joins as a transcoder and lies.
import fs from 'node:fs';
import path from 'node:path';
import { Node } from './node.mjs';
import { slow, until } from './harness.mjs';

const liarTool = path.join(process.env.LPTOOLS || 'build/test/tools', 'liar_transcoder');
const TRANSCODER_ARGS = ['-workers', '2'];
let nSecrets = 0;

export function writeSecret(t, text = `a secret of a farm ${Math.random()}`) {
	const file = path.join(t.dir(), `secret${++nSecrets}`);

	fs.writeFileSync(file, `${text}\n`, { mode: 0o600 });
	return file;
}

export class Farm {
	/*
	 * opts: transcoders (how many, 2), transcoderArgs, args (the orchestrator's),
	 * broadcaster (its opts for Node.start; null: none).
	 */
	static async start(t, opts = {}) {
		const f = new Farm();

		Object.assign(f, { t, opts, transcoders: [], secret: writeSecret(t) });
		f.orch = await Node.start(t, { roles: 'dispatcher',
			args: ['-orchSecret', f.secret, ...opts.args || []] });
		for (let i = 0; i < (opts.transcoders ?? 2); i++)
			await f.addTranscoder();
		if (opts.broadcaster !== null)
			f.b = await f.addBroadcaster(opts.broadcaster);
		return f;
	}

	/* One that has not necessarily joined when this returns. */
	async startTranscoder(args = [], secret = this.secret) {
		return Node.start(this.t, { roles: 'transcoder', args: ['-orchAddr', this.orch.addr.peer, '-orchSecret', secret,
			...TRANSCODER_ARGS, ...this.opts.transcoderArgs || [], ...args] });
	}

	/* One that has: node.address is what it proved. */
	async addTranscoder(args) {
		const before = (await this.members()).map((m) => m.address);
		const n = await this.startTranscoder(args);
		const m = await until('the transcoder has joined', async () =>
			(await this.members()).find((x) => x.state === 'ready' && !before.includes(x.address)), 10000 * slow);

		n.address = m.address;
		this.transcoders.push(n);
		return n;
	}

	async addBroadcaster(opts = {}) {
		return Node.start(this.t, { roles: 'broadcaster', ...opts,
			args: ['-orchAddr', this.orch.addr.peer, ...opts.args || []] });
	}

	/* A transcoder that lies, and has joined. */
	async addLiar(mode, ms) {
		const p = this.t.spawn(liarTool, [mode, this.orch.addr.peer, this.secret, ...ms ? [String(ms)] : []]);

		this.t.diagnoses.push(() => `liar (${mode}):\n${p.text().slice(-1500)}`);
		await until(`the liar (${mode}) has joined`, () => p.end || /^joined$/m.test(p.text()), 15000 * slow);
		if (p.end)
			throw new Error(`the liar (${mode}) ended: ${p.text()}`);
		p.address = p.text().split('\n')[0];
		p.told = () => p.text().split('\n').filter((l) => / seq=/.test(l)).length;
		await until('the farm has it', async () => (await this.member(p.address))?.state === 'ready', 5000 * slow);
		return p;
	}

	/* As the orchestrator sees them. */
	async members() { return (await this.orch.status()).transcoders; }
	async member(address) {
		return (await this.members()).find((m) => m.address.toLowerCase() === address.toLowerCase());
	}

	/* Until so many are ready. */
	async ready(n) {
		await until(`${n} transcoders are ready`, async () =>
			(await this.members()).filter((m) => m.state === 'ready').length === n, 20000 * slow);
	}

	/* The node that has work in hand, or had most of it. */
	async working() {
		const list = await until('a transcoder works', async () => {
			const m = (await this.members()).filter((x) => x.state === 'ready' && x.done + x.running > 0);

			return m.length && m;
		}, 20000 * slow, 20);
		const most = list.reduce((a, b) => b.running > a.running ||
			(b.running === a.running && b.done > a.done) ? b : a);

		return this.transcoders.find((n) => n.address === most.address);
	}
}
