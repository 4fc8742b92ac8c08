// RTMP ingest with HLS: lpnode against nginx-rtmp, under the same load.
// CPU and memory of the server, and how long after a segment's end it is listed.
//   COUNT streams (30), SECONDS each (14), ROUNDS (3)
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { run, sleep, start, until } from '../system/lib/harness.mjs';
import { children, cpuMs } from '../system/lib/node.mjs';

const COUNT = Number(process.env.COUNT || 30);
const SECONDS = Number(process.env.SECONDS || 14);
const ROUNDS = Number(process.env.ROUNDS || 3);
const GOP_S = 2;
const load = process.env.RTMP_LOAD || 'build/test/bench/rtmp_load';
const lpnode = process.env.LPNODE || 'build/lpnode';
const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'lpnode-bench-'));
const running = new Set();

process.on('exit', () => {
	for (const p of running)
		if (!p.end)
			p.kill('SIGKILL');
	fs.rmSync(tmp, { recursive: true, force: true });
});
for (const sig of ['SIGINT', 'SIGTERM'])
	process.on(sig, () => process.exit(130));

/* 20 s of 720p30 at a constant 2 Mbit/s, key frames 2 s apart. */
async function source() {
	const file = 'build/bench/push2m.flv';

	if (!fs.existsSync(file)) {
		fs.mkdirSync('build/bench', { recursive: true });
		await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i',
			'testsrc2=size=1280x720:rate=30,noise=alls=6:allf=t', '-f', 'lavfi', '-i', 'sine', '-t', '20', '-c:v', 'libx264',
			'-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0',
			'-b:v', '1870k', '-maxrate', '1870k', '-bufsize', '1870k', '-x264-params', 'nal-hrd=cbr:force-cfr=1',
			'-c:a', 'aac', '-b:a', '96k', '-ar', '48000', `${file}.tmp.flv`], { limitS: 120 });
		fs.renameSync(`${file}.tmp.flv`, file);
	}
	return file;
}

async function freePort() {
	const s = net.createServer();

	await new Promise((r) => s.listen(0, '127.0.0.1', r));
	const { port } = s.address();

	await new Promise((r) => s.close(r));
	return port;
}

function keep(p) {
	running.add(p);
	return p;
}

async function startNginx() {
	const dir = path.join(tmp, 'nginx');
	const [rtmp, http] = [await freePort(), await freePort()];

	fs.mkdirSync(path.join(dir, 'hls'), { recursive: true });
	fs.writeFileSync(path.join(dir, 'nginx.conf'), `
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
user root;
daemon off;
worker_processes 1;
pid ${dir}/pid;
error_log ${dir}/error.log;
events { worker_connections 1024; }
rtmp { server { listen 127.0.0.1:${rtmp}; chunk_size 4096;
	application live { live on; hls on; hls_path ${dir}/hls; hls_fragment ${GOP_S}s; hls_playlist_length 12s; } } }
http { access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
	uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s; server { listen 127.0.0.1:${http}; root ${dir}; } }
`);
	const p = keep(start('nginx', ['-e', `${dir}/error.log`, '-c', `${dir}/nginx.conf`]));

	await until('nginx listens', () => p.end || children(p.pid).length > 0, 5000);
	if (p.end)
		throw new Error(`nginx: ${p.end.stderr}`);
	await sleep(300);
	return { name: 'nginx-rtmp', proc: p, pid: children(p.pid)[0], prefix: `rtmp://127.0.0.1:${rtmp}/live/b`,
		playlist: `http://127.0.0.1:${http}/hls/b0.m3u8` };
}

async function startLpnode(gopCache) {
	const dir = fs.mkdtempSync(path.join(tmp, 'lpnode-'));
	const ready = path.join(dir, 'addresses.json');
	const log = fs.openSync(path.join(dir, 'log'), 'w');
	// Without an orchestrator only the source is carried, as nginx does.
	const p = keep(start(lpnode, ['-broadcaster', '-datadir', dir, '-rtmpAddr', '127.0.0.1:0',
		'-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0', '-v', 'warn', `-rtmpGopCache=${gopCache}`],
	{ stdio: ['ignore', log, log] }));

	await until('lpnode is ready', () => p.end || fs.existsSync(ready), 15000);
	if (p.end)
		throw new Error(`lpnode: ${fs.readFileSync(path.join(dir, 'log'))}`);
	const addr = JSON.parse(fs.readFileSync(ready));

	return { name: gopCache ? 'lpnode' : 'lpnode, no GOP cache', proc: p, pid: p.pid, prefix: `rtmp://${addr.rtmp}/live/b`,
		playlist: `http://${addr.http}/hls/b0/source/index.m3u8` };
}

const memory = (pid) => {
	const s = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(s)[1]);

	return { rss: kb('VmRSS'), anon: kb('RssAnon') };
};

/* When each segment of stream 0 was first listed: its number -> wall ms. */
async function watchPlaylist(url, seen, going) {
	while (going()) {
		try {
			const res = await fetch(url);
			const text = res.ok ? await res.text() : '';

			for (const line of text.split('\n'))
				if (line && !line.startsWith('#') && !seen.has(line))
					seen.set(line, Date.now());
		} catch (e) { /* not yet there */ }
		await sleep(20);
	}
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function measure(startServer, file) {
	const s = await startServer();
	const idle = memory(s.pid);
	const seen = new Map();
	let going = true;
	const gen = keep(start(load, [file, s.prefix, String(COUNT), String(SECONDS)]));
	const watch = watchPlaylist(s.playlist, seen, () => going);

	await sleep(4000);	// all are connected, the first segments are out
	const c0 = cpuMs(s.pid), t0 = Date.now();

	await sleep((SECONDS - 6) * 1000);
	const cpu = 100 * (cpuMs(s.pid) - c0) / (Date.now() - t0);
	const mem = memory(s.pid);
	const end = await gen.over;

	going = false;
	await watch;
	if (end.code !== 0)
		throw new Error(`${s.name}: the load failed: ${end.stdout}${end.stderr}`);
	const j = JSON.parse(end.stdout);
	// The k-th segment ends GOP_S * (k + 1) after the first packet; the last is cut short.
	const delays = [...seen.values()].slice(1, -1).map((at, k) => at - (j.firstMs + GOP_S * 1000 * (k + 2)));

	s.proc.kill('SIGTERM');
	await Promise.race([s.proc.over, sleep(12000)]);
	if (!s.proc.end)
		s.proc.kill('SIGKILL');
	await s.proc.over;
	return { cpu, perStream: cpu / COUNT, rss: (mem.rss - idle.rss) / COUNT, anon: (mem.anon - idle.anon) / COUNT,
		delay: median(delays), late: j.maxLateMs, gen: j.cpuMs / SECONDS / 10 };
}

const file = await source();
const servers = process.env.ONLY === 'nginx' ? [['nginx-rtmp', startNginx]] : [
	['lpnode', () => startLpnode(true)], ['lpnode -rtmpGopCache=false', () => startLpnode(false)],
	['nginx-rtmp', startNginx]];
const rows = new Map();

// Alternating, so that what else the machine does hits both alike.
for (let i = 0; i < ROUNDS; i++)
	for (const [name, startServer] of servers) {
		const list = rows.get(name) || rows.set(name, []).get(name);

		list.push(await measure(startServer, file));
	}
console.log(`RTMP ingest with HLS of ${GOP_S} s: ${COUNT} streams of 2 Mbit/s for ${SECONDS} s,`
	+ ` n=${ROUNDS}, median (min-max)`);
console.log(['server', 'CPU % of a core a stream', 'streams a core', 'RSS kB a stream', 'of it private',
	'listed after ms', 'generator CPU %'].join(' | '));
for (const [name, list] of rows) {
	const m = (key) => median(list.map((r) => r[key]));
	const range = (key, digits) => `${m(key).toFixed(digits)} (${Math.min(...list.map((r) => r[key])).toFixed(digits)}`
		+ `-${Math.max(...list.map((r) => r[key])).toFixed(digits)})`;

	console.log([name, range('perStream', 3), Math.round(100 / m('perStream')), range('rss', 0), range('anon', 0),
		range('delay', 0), m('gen').toFixed(1)].join(' | '));
}
if (rows.has('lpnode')) {
	const cpu = (name) => median(rows.get(name).map((r) => r.perStream));

	console.log(`CPU a stream, lpnode / nginx-rtmp: ${(cpu('lpnode') / cpu('nginx-rtmp')).toFixed(2)}`);
}
process.exit(0);
