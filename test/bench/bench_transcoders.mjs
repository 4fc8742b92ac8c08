// `lpnode transcoders` with a pool of TRANSCODERS (500) on Anvil: wall time of the whole command, from
// start to end, and its HTTP requests, over RUNS (20).
import { test } from '../system/lib/harness.mjs';
import { Devnet } from '../system/lib/devnet.mjs';
import { crowd } from '../system/lib/crowd.mjs';
import { RpcProxy } from '../system/lib/rpc_proxy.mjs';
import { told } from './lib/stats.mjs';

const TRANSCODERS = Number(process.env.TRANSCODERS || 500);
const RUNS = Number(process.env.RUNS || 20);

test(`transcoders, a pool of ${TRANSCODERS}`, async (t) => {
	const net = await Devnet.start(t);
	const ms = [];

	await net.nextRound();
	await crowd(net, TRANSCODERS);
	const proxy = await RpcProxy.start(t, net.rpc);

	await net.lp(null, 'transcoders');
	for (let i = 0; i < RUNS; i++) {
		const t0 = performance.now();

		await net.lp(null, 'transcoders');
		ms.push(performance.now() - t0);
	}
	net.writeFile({ rpc: proxy.url });
	await net.lp(null, 'transcoders');
	console.log(`${told(ms, 0)} ms, ${proxy.requests} HTTP requests`);
}, { limitS: 300 });
